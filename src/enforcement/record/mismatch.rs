//! The record of a difference between what was judged and what a store has sold. It is about goods, and nobody.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use smallvec::SmallVec;

use crate::model::Action;
use crate::model::Decision;
use crate::model::DecisionDocument;
use crate::model::DecisionId;
use crate::model::Item;

use super::RecordParts;
use super::item::ItemRecord;
use crate::model::Retention;

/// A difference between what was judged and what a store has sold.
#[derive(Clone, Copy, Debug)]
pub(in crate::enforcement) struct Mismatch<'a> {
    pub(in crate::enforcement) action: Action,
    pub(in crate::enforcement) at: Timestamp,
    /// The policies that decided again.
    pub(in crate::enforcement) bundle: &'a str,
    /// Of the order as it was sold.
    pub(in crate::enforcement) decision: &'a Decision,
    pub(in crate::enforcement) found: &'a [Item],
    pub(in crate::enforcement) id: DecisionId,
    pub(in crate::enforcement) judged: &'a [Item],
    pub(in crate::enforcement) of: DecisionId,
    pub(in crate::enforcement) order: &'a str,
    pub(in crate::enforcement) retention: Retention,
    pub(in crate::enforcement) route: &'a str,
}

#[derive(Serialize)]
struct Document<'a> {
    action: Action,
    at: Timestamp,
    decision: DecisionDocument<'a>,
    items: SmallVec<[ItemRecord<'a>; 4]>,
    judged: SmallVec<[ItemRecord<'a>; 4]>,
    of: DecisionId,
    retain_until: Date,
    route: &'a str,
    subject: OrderRecord<'a>,
}

/// What fulfilment knows an order by.
#[derive(Serialize)]
struct OrderRecord<'a> {
    order: &'a str,
}

impl Mismatch<'_> {
    /// Fills the parts.
    pub(in crate::enforcement) fn write(
        self,
        parts: &mut RecordParts,
    ) -> Result<(), serde_json::Error> {
        let Self { action, at, bundle, decision, found, id, judged, of, order, retention, route } =
            self;
        parts.document(&Document {
            action,
            at,
            decision: decision.document(id, bundle),
            items: found.iter().map(ItemRecord::plain).collect(),
            judged: judged.iter().map(ItemRecord::plain).collect(),
            of,
            retain_until: retention.end(at),
            route,
            subject: OrderRecord { order },
        })
    }
}
