//! Carts in sessions: while a checkout is judged and forwarded, other requests of its session that may change the cart wait
//! (DESIGN 13: Carts).
//!
//! A session goes by several names: cookies, a cart's token, a customer's credentials, the cart's id in a path. Two requests
//! that share one of them are of one session.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::Hash;
use std::hash::Hasher;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::Weak;
use std::time::Duration;

use actix_web::HttpMessage;
use actix_web::http::header::HeaderMap;
use actix_web::http::header::HeaderValue;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as URL_SAFE_NO_PAD;
use smallvec::SmallVec;
use tokio::sync::OwnedRwLockReadGuard;
use tokio::sync::OwnedRwLockWriteGuard;
use tokio::sync::RwLock;

use crate::message::CanonicalTarget;
use crate::message::PhpName;
use crate::settings::Route;
use crate::settings::Stage;

use super::handler::Arrival;
use super::plane::Worker;

/// Longest wait for a session's other requests.
const WAIT: Duration = Duration::from_secs(10);
/// Sessions that are kept before those that rest are let go.
const KEPT: usize = 1_024;
/// Beginnings of the names of cookies that name a session or a customer: WooCommerce's, WordPress's, PHP's (Magento).
const COOKIES: [&str; 3] = [SESSION, "wordpress_logged_in_", "phpsessid"];
/// WooCommerce's own, whose customer a cart's token names, too.
const SESSION: &str = "wp_woocommerce_session_";

/// The sessions that have requests on their way, of all workers.
#[derive(Debug, Default)]
pub(super) struct Carts {
    sessions: Mutex<HashMap<u64, Weak<RwLock<()>>>>,
}

/// A session's cart, held.
#[derive(Debug)]
pub(super) enum Held {
    /// By a checkout: nobody else changes it.
    Alone(
        #[expect(dead_code, reason = "held for its end")] SmallVec<[OwnedRwLockWriteGuard<()>; 2]>,
    ),
    /// By a request that may change it.
    Shared(
        #[expect(dead_code, reason = "held for its end")] SmallVec<[OwnedRwLockReadGuard<()>; 2]>,
    ),
}

/// The session was too long in use.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Busy;

/// By what names a request is of a session, in their order.
pub(super) type Names = SmallVec<[u64; 4]>;

impl Carts {
    /// Waits until no other request of the session is on its way that may change the cart, and keeps them away.
    pub(super) async fn alone(&self, names: &Names) -> Result<Held, Busy> {
        let locks = self.locks(names);
        let held = async {
            let mut guards = SmallVec::new();
            for lock in locks {
                guards.push(lock.write_owned().await);
            }
            Held::Alone(guards)
        };
        tokio::time::timeout(WAIT, held).await.map_err(|_| Busy)
    }

    /// Waits until no checkout of the session is on its way.
    pub(super) async fn shared(&self, names: &Names) -> Result<Held, Busy> {
        let locks = self.locks(names);
        let held = async {
            let mut guards = SmallVec::new();
            for lock in locks {
                guards.push(lock.read_owned().await);
            }
            Held::Shared(guards)
        };
        tokio::time::timeout(WAIT, held).await.map_err(|_| Busy)
    }

    /// The locks of the names, in one order for all, so that no two requests wait for one another.
    fn locks(&self, names: &Names) -> SmallVec<[Arc<RwLock<()>>; 4]> {
        // A thread that panicked left the map whole: it holds no invariant across its entries.
        let mut sessions = self.sessions.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if sessions.len() > KEPT {
            sessions.retain(|_, lock| lock.strong_count() > 0);
        }
        names
            .iter()
            .map(|name| {
                let known = sessions.get(name).and_then(Weak::upgrade);
                known.unwrap_or_else(|| {
                    let lock = Arc::new(RwLock::new(()));
                    sessions.insert(*name, Arc::downgrade(&lock));
                    lock
                })
            })
            .collect()
    }
}

impl Worker {
    /// Holds the cart of the request's session: alone for an order of what is in it, with others for what may change it.
    pub(super) async fn hold_cart(
        &self,
        arrival: &Arrival<'_>,
        target: &CanonicalTarget<'_>,
        route: &Route,
        is_judged: bool,
    ) -> Result<Option<Held>, Busy> {
        let plane = &self.plane;
        if route.upstream.as_ref().is_none_or(|upstream| !plane.carted.contains(upstream)) {
            return Ok(None);
        }
        let orders = is_judged && route.looks_up_items() && route.reading.stage == Stage::Order;
        if !orders && !may_change(arrival.method, target) {
            return Ok(None);
        }
        let names = names(arrival.request.headers(), target, &plane.session_cookies);
        match orders {
            true => plane.carts.alone(&names).await.map(Some),
            false if names.is_empty() => Ok(None),
            false => plane.carts.shared(&names).await.map(Some),
        }
    }
}

/// The names of a request's session: none where it is of none.
pub(super) fn names(headers: &HeaderMap, target: &CanonicalTarget<'_>, more: &[String]) -> Names {
    let mut names = Names::new();
    for (name, value) in cookies(headers) {
        let known = COOKIES.into_iter().find(|kind| name.starts_with(kind));
        let named = || more.iter().map(String::as_str).find(|own| *own == name);
        if let Some(kind) = known.or_else(named) {
            // Behind the customer come an end and a seal, which change while the session stays.
            names.push(hashed(kind, value.split('|').next().unwrap_or_default()));
        }
    }
    let tokens = headers.get_all("cart-token").filter_map(|token| customer_of(token.as_bytes()));
    names.extend(tokens.map(|customer| hashed(SESSION, &customer)));
    for kind in ["authorization", "cart-token"] {
        for value in headers.get_all(kind).map(HeaderValue::as_bytes) {
            names.push(hashed(kind, &String::from_utf8_lossy(value)));
        }
    }
    let mut segments = target.path().split('/').skip_while(|segment| {
        !segment.eq_ignore_ascii_case("guest-carts") && !segment.eq_ignore_ascii_case("carts")
    });
    if let (Some(_), Some(id)) = (segments.next(), segments.next())
        && !id.eq_ignore_ascii_case("mine")
    {
        names.push(hashed("cart", id));
    }
    names.sort_unstable();
    names.dedup();
    names
}

/// The cookies of a request, named as PHP names them, in lower case; values decoded.
pub(super) fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (String, String)> {
    let pairs = headers.get_all("cookie").flat_map(|v| v.as_bytes().split(|byte| *byte == b';'));
    pairs.filter_map(|pair| {
        let pair = String::from_utf8_lossy(pair);
        let (name, value) = pair.trim().split_once('=')?;
        let decoded = |text| percent_encoding::percent_decode_str(text).decode_utf8_lossy();
        let name = PhpName::fold(&decoded(name)).base().to_ascii_lowercase();
        Some((name, decoded(value).into_owned()))
    })
}

/// The customer in a cart's token, whom a session's cookie names as well. The store checks the token's seal, not we.
fn customer_of(token: &[u8]) -> Option<String> {
    let payload = token.split(|byte| *byte == b'.').nth(1)?;
    let payload = URL_SAFE_NO_PAD.decode(payload.trim_ascii()).ok()?;
    let payload: serde_json::Value = serde_json::from_slice(&payload).ok()?;
    match payload.get("user_id")? {
        serde_json::Value::String(customer) => Some(customer.clone()),
        serde_json::Value::Number(customer) => Some(customer.to_string()),
        _ => None,
    }
}

/// True if a request may change a cart: by its method, or as old pages do it, by a link.
pub(super) fn may_change(method: &str, target: &CanonicalTarget<'_>) -> bool {
    let by_link = || {
        let folded = target.folded();
        target.query().is_some_and(|query| !query.is_empty())
            || ["cart", "checkout", "reorder"].iter().any(|word| folded.contains(word))
    };
    match method {
        "OPTIONS" => false,
        "GET" | "HEAD" => by_link(),
        _ => true,
    }
}

fn hashed(kind: &str, value: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (kind, value).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderName;

    use super::*;
    use crate::message::canonicalize;

    fn of(fields: &[(&str, &str)], target: &str) -> Names {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        names(&headers, &canonicalize(target.as_bytes()).unwrap(), &["sid".to_owned()])
    }

    #[test]
    fn a_session_is_known_by_every_name_and_whatever_its_seal() {
        let one = of(&[("cookie", "lang=de; wp_woocommerce_session_ab=t_1%7C%7C9%7C%7Cx")], "/");
        assert_eq!(one.len(), 1);
        assert_eq!(one, of(&[("cookie", "wp_woocommerce_session_ab=t_1||8||y; a=b")], "/cart"));
        assert_ne!(one, of(&[("cookie", "wp_woocommerce_session_ab=t_2||8||y")], "/"));
        assert_eq!(one, of(&[("cookie", "wp.woocommerce_session_ab=t_1")], "/"), "as PHP reads it");
        let token = format!("h.{}.s", URL_SAFE_NO_PAD.encode("{\"user_id\":\"t_1\"}"));
        let by_token = of(&[("cart-token", &token)], "/");
        assert!(one.iter().all(|name| by_token.contains(name)), "one session by two names");
        assert!(of(&[("cookie", "lang=de; consent=yes")], "/").is_empty());
        assert_eq!(of(&[("cookie", "SID=1")], "/").len(), 1, "as configured");
        let guest = of(&[], "/rest/V1/guest-carts/aBc/items");
        assert_eq!(guest, of(&[], "/rest/default/V1/guest-carts/aBc/order"));
        assert!(of(&[], "/rest/V1/carts/mine/items").is_empty());
        assert_eq!(of(&[("authorization", "Bearer x"), ("cart-token", "y")], "/").len(), 2);
    }

    async fn is_waiting(future: impl Future + Unpin) -> bool {
        tokio::time::timeout(Duration::ZERO, future).await.is_err()
    }

    #[test]
    fn a_checkout_waits_for_changes_and_changes_for_the_checkout() {
        actix_web::rt::System::new().block_on(async {
            let carts = Carts::default();
            let (session, other) = (Names::from_slice(&[1, 2]), Names::from_slice(&[2, 3]));
            let (one, two) = (carts.shared(&session).await, carts.shared(&other).await);
            let alone = carts.alone(&session);
            tokio::pin!(alone);
            assert!(is_waiting(alone.as_mut()).await, "changes are on their way");
            drop((one, two));
            let held = alone.await.unwrap();
            let change = carts.shared(&other);
            tokio::pin!(change);
            assert!(is_waiting(change.as_mut()).await, "a checkout is on its way");
            assert!(
                carts.shared(&Names::from_slice(&[7])).await.is_ok(),
                "another session's is not"
            );
            drop(held);
            assert!(change.await.is_ok());
        });
    }
}
