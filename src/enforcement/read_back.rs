//! What was judged against what the store has sold (DESIGN 13: Carts): the race that could not be closed is found afterwards.

use bytes::Bytes;
use jiff::Timestamp;

use crate::ledger::Head;
use crate::message::pointer;
use crate::model::DecisionId;
use crate::model::Item;
use crate::model::Number;
use crate::model::StrictValue;
use crate::model::Transaction;
use crate::model::json_from_slice;
use crate::policy::decide;
use crate::settings::ItemMapping;
use crate::settings::OrderNames;
use crate::settings::Route;
use crate::settings::Source;
use crate::telemetry::ReadBackOutcome;

use super::gate::Gate;
use super::looked_up::encoded;
use super::looked_up::filled;
use super::preset::Hit;
use super::record::Kind;
use super::record::Mismatch;
use super::record::RecordParts;
use super::recording::Heading;
use super::recording::Until;

/// A transaction that was permitted, for the comparison.
#[derive(Debug)]
pub struct Placed {
    pub(super) id: DecisionId,
    pub(super) transaction: Box<Transaction>,
}

impl Gate {
    /// The id of the order that a store's answer names, and path and query to read it by; none where it names none.
    pub fn order_target(
        &self,
        route: &Route,
        hit: &Hit,
        placed: &Placed,
        answer: &Bytes,
    ) -> Option<(String, String)> {
        let read_back = route.reading.read_back.as_ref()?;
        let document = json_from_slice(answer).ok()?;
        let (id, key) = match &read_back.names {
            OrderNames::Members(id, key) => (text(id, &document)?, text(key, &document)?),
            OrderNames::Url(at) => named_by(&text(at, &document)?)?,
        };
        let email = placed.transaction.buyer.email.as_deref().unwrap_or_default();
        let target = filled(&read_back.target, hit, "");
        let filled = target.replace("{id}", &encoded(&id)).replace("{key}", &encoded(&key));
        Some((id, filled.replace("{email}", &encoded(email))))
    }

    /// Compares an order with what was judged. A difference is recorded, counted and told as an error.
    pub async fn compare(&self, route: &Route, placed: &Placed, named: &str, order: &Bytes) {
        let Some(found) = route.items.as_ref().and_then(|mapping| lines(mapping, order)) else {
            return self.not_read_back(route, placed, "the order cannot be read");
        };
        if same(&found, &placed.transaction.items) {
            return self.metrics().read_back(ReadBackOutcome::Same);
        }
        self.metrics().read_back(ReadBackOutcome::Mismatch);
        let at = self.now();
        let (id, of) = (DecisionId::new(at), placed.id);
        let decision = self.decide_again(placed, found.clone(), at);
        tracing::error!(%id, %of, route = route.name, verdict = decision.verdict.as_str(), "the store sold something else than was judged");
        let snapshot = self.pin();
        let mismatch = Mismatch {
            action: placed.transaction.action,
            at,
            bundle: snapshot.policies.revision(),
            decision: &decision,
            found: &found,
            id,
            judged: &placed.transaction.items,
            of,
            order: named,
            retention: self.retention,
            route: &route.name,
        };
        let heading = Heading { head: Head::About { of }, id, kind: Kind::Mismatch };
        let written = |parts: &mut RecordParts| mismatch.write(parts);
        if let Err(error) = self.record(at, Until::Synced, heading, None, written).await {
            tracing::error!(%id, %of, %error, "a mismatch could not be recorded");
        }
    }

    /// Counts and tells an order that could not be read back.
    pub fn not_read_back(&self, route: &Route, placed: &Placed, reason: &str) {
        self.metrics().read_back(ReadBackOutcome::Unread);
        tracing::warn!(id = %placed.id, route = route.name, reason, "the order could not be read back");
    }

    fn decide_again(
        &self,
        placed: &Placed,
        found: Vec<Item>,
        at: Timestamp,
    ) -> crate::model::Decision {
        let snapshot = self.pin();
        let transaction = Transaction { items: found, ..(*placed.transaction).clone() };
        decide(&transaction, at, &snapshot.policies, &snapshot.setting())
    }
}

/// Id and key of an order that a store's page is named after: `.../order-received/123/?key=wc_order_x`.
fn named_by(url: &str) -> Option<(String, String)> {
    let (path, query) = url.split_once('?')?;
    let (_, rest) = path.split_once("order-received/")?;
    let id = rest.trim_end_matches('/');
    let key = query.split('&').find_map(|pair| pair.strip_prefix("key="))?;
    let plain = !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| (id.to_owned(), key.to_owned()))
}

fn text(at: &crate::settings::Pointer, document: &StrictValue) -> Option<String> {
    match pointer::first(at, document)? {
        StrictValue::String(text) if !text.is_empty() => Some(text.clone()),
        StrictValue::Number(Number::Positive(number)) => Some(number.to_string()),
        _ => None,
    }
}

/// The lines of an order, as its cart's are read.
fn lines(mapping: &ItemMapping, order: &Bytes) -> Option<Vec<Item>> {
    let document = json_from_slice(order).ok()?;
    let found = pointer::list(mapping.at.as_ref()?, &document).ok()?;
    let of = |source: &Option<Source>, line: &StrictValue| match source {
        Some(Source::Pointer(at)) => text(at, line),
        _ => None,
    };
    Some(
        found
            .into_iter()
            .map(|line| Item {
                name: of(&mapping.name, line),
                quantity: of(&mapping.quantity, line).and_then(|text| text.parse().ok()),
                sku: of(&mapping.sku, line),
                ..Item::default()
            })
            .collect(),
    )
}

/// True if both hold the same lines, in whatever order.
fn same(found: &[Item], judged: &[Item]) -> bool {
    let key = |item: &Item| {
        let plain =
            |text: &Option<String>| text.as_deref().unwrap_or_default().trim().to_lowercase();
        (plain(&item.sku), plain(&item.name), item.quantity)
    };
    let sorted = |items: &[Item]| {
        let mut keys: Vec<_> = items.iter().map(key).collect();
        keys.sort();
        keys
    };
    sorted(found) == sorted(judged)
}
