//! The frame of a page, made of what the plane knows and who calls.

use crate::admin::access::Caller;
use crate::admin::server::AdminPlane;

use super::Health;
use super::Nav;
use super::Person;
use super::Shell;

impl AdminPlane {
    /// The frame of a page for whoever calls.
    pub(in crate::admin) fn shell(
        &self,
        caller: &Caller,
        title: &str,
        current: Option<Nav>,
    ) -> Shell {
        Shell {
            csrf: caller.csrf.clone(),
            current,
            health: self.how(),
            person: Some(Person { name: caller.name.clone(), roles: caller.actor.roles }),
            reviews: Nav::Reviews
                .roles()
                .intersects(caller.actor.roles)
                .then(|| u64::try_from(self.control.review_queue().pending).unwrap_or(u64::MAX)),
            title: title.to_owned(),
        }
    }

    /// The frame of a page for nobody.
    pub(in crate::admin) fn bare_shell(&self, title: &str) -> Shell {
        Shell {
            csrf: String::new(),
            current: None,
            health: self.how(),
            person: None,
            reviews: None,
            title: title.to_owned(),
        }
    }

    fn how(&self) -> Health {
        match self.health().0 {
            "ready" => Health::Ready,
            "degraded" => Health::Degraded,
            _ => Health::Unavailable,
        }
    }
}
