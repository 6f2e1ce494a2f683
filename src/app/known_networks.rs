//! From where operators signed in before the last start: what strangers try elsewhere does not keep them out of it after a restart.
//!
//! It is read from the records of sign-ins, as far as their personal parts can be read: masked or erased, they tell nothing, and the
//! networks are learnt anew.

use std::time::Duration;
use std::time::Instant;

use actix_web::web;
use ipnet::IpNet;
use jiff::Timestamp;
use serde_json::Map;
use serde_json::Value;

use crate::ledger::LedgerError;
use crate::ledger::Query;
use crate::ledger::Searcher;
use crate::operators::Throttle;

/// How far back: as long as the throttle knows a network.
const BACK: jiff::SignedDuration = jiff::SignedDuration::from_hours(30 * 24);
/// The index may be made anew after a start. Nobody waits for this.
const PAUSE: Duration = Duration::from_secs(1);
/// Records of a search.
const PAGE: usize = 500;
/// Searches in all: who looked is a record of the same kind, and there may be many.
const PAGES: usize = 40;

/// Tells the throttle, once the index is there.
pub(super) async fn remember(throttle: Throttle, searcher: Searcher, now: Timestamp) {
    while searcher.status().state.as_str() != "ready" {
        tokio::time::sleep(PAUSE).await;
    }
    let told = web::block(move || tell(&throttle, &searcher, now)).await;
    match told {
        Ok(Ok(networks)) => tracing::debug!(networks, "networks of sign-ins are known"),
        Ok(Err(error)) => tracing::warn!(%error, "networks of sign-ins are learnt anew"),
        Err(error) => tracing::warn!(%error, "networks of sign-ins are learnt anew"),
    }
}

fn tell(throttle: &Throttle, searcher: &Searcher, now: Timestamp) -> Result<usize, LedgerError> {
    let mut before = None;
    let mut told = 0_usize;
    for _ in 0..PAGES {
        let query = Query {
            before,
            from: now.checked_sub(BACK).ok(),
            kind: Some("access".to_owned()),
            limit: PAGE,
            ..Query::default()
        };
        let found = searcher.search(&query, Instant::now().checked_add(PAUSE))?;
        for hit in &found.hits {
            if let Some((name, network, at)) = signed_in(&hit.view(searcher.keys())?) {
                // Whatever has been learnt since the start is newer.
                if at < now {
                    throttle.remember(&name, network.addr(), at);
                    told = told.saturating_add(1);
                }
            }
        }
        before = found.next;
        if before.is_none() {
            break;
        }
    }
    Ok(told)
}

/// Who signed in, from where, and when.
fn signed_in(view: &Map<String, Value>) -> Option<(String, IpNet, Timestamp)> {
    let text = |name: &str| view.get(name).and_then(Value::as_str);
    if text("action") != Some("sign_in") || text("outcome") != Some("ok") {
        return None;
    }
    let name = view.get("actor")?.get("id")?.as_str()?.strip_prefix("local:")?;
    let at = text("recorded")?.parse().ok()?;
    Some((name.to_owned(), text("network")?.parse().ok()?, at))
}
