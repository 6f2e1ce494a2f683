//! `[admin]`.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::config::reader::Field;
use crate::config::reader::Section;
use crate::model::Role;
use crate::model::Roles;
use crate::settings::Admin;
use crate::settings::Gateway;
use crate::settings::Identity;
use crate::settings::Listener;
use crate::settings::Pointer;
use crate::settings::RolesOfTokens;

use super::gateway::tls;
use super::gateway::trusted_proxy;
use super::identity::trust;
use super::operation::web_address;

/// Whoever signs in would be out again at once, or never.
const SESSION: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(720);

/// Reads `[admin]`, which must not share an address with the gateway.
pub(in crate::config) fn admin(root: &Section<'_>, gateway: &Gateway) -> Admin {
    let section = root.section("admin");
    let at = |name| section.as_ref().and_then(|section| section.at(name));
    let field = at("listen");
    let listen = field.as_ref().and_then(Field::socket).unwrap_or(Admin::LISTEN);
    let taken = |listener: &Listener| listener.address == listen && listen.port() != 0;
    if gateway.listeners.iter().any(taken) {
        let message = format!("`{listen}` is the gateway's own address: the two must differ");
        match field {
            Some(field) => field.problem(message),
            None => root.problem_at("admin.listen", message),
        }
    }
    let lasts =
        |name, default| at(name).and_then(|field| field.duration(SESSION)).unwrap_or(default);
    let within = |name| section.as_ref().and_then(|section| section.section(name));
    Admin {
        identity: within("identity").map(|section| identity(&section)),
        listen,
        public_url: at("public_url").and_then(|field| field.parsed(web_address)),
        session_idle: lasts("session_idle", Admin::SESSION_IDLE),
        session_lifetime: lasts("session_lifetime", Admin::SESSION_LIFETIME),
        tls: within("tls").and_then(|section| tls(&section)),
        trusted_proxies: at("trusted_proxies")
            .map_or_else(Vec::new, |field| field.list(trusted_proxy)),
    }
}

fn identity(section: &Section<'_>) -> (Identity, RolesOfTokens) {
    let roles = RolesOfTokens {
        claim: section.at("roles_claim").and_then(|field| field.parsed(Pointer::parse)),
        subjects: section.section("subjects").map_or_else(Vec::new, roles),
        values: section.section("roles").map_or_else(Vec::new, roles),
    };
    if roles.claim.is_none() && roles.subjects.is_empty() {
        section.problem_at(
            "roles_claim",
            "no token would have a role: say where tokens name them, such as `\"/roles\"`, or list `subjects`",
        );
    }
    (trust(section, false), roles)
}

fn roles(mut section: Section<'_>) -> Vec<(String, Roles)> {
    section
        .each()
        .into_iter()
        .map(|(name, field)| {
            let granted = field.list(|one| one.one_of(&Role::ALL, Role::as_str));
            (name.to_owned(), granted.into_iter().collect())
        })
        .collect()
}
