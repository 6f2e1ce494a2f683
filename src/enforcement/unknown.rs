//! Notes what was judged and has no row in the catalogue.

use crate::model::CatalogueLookup as _;
use crate::model::MatchedBy;
use crate::policy::Folded;
use crate::registry::Matched;
use crate::registry::Seen;
use crate::registry::UnknownSkus;

use super::gate::Judged;
use super::snapshot::Snapshot;

/// Notes each item of an order that has a SKU and no row.
pub(super) fn note(unknown: &UnknownSkus, snapshot: &Snapshot, judged: &Judged) {
    let items = judged.transaction.items.iter().zip(&judged.decision.findings);
    for (item, finding) in items {
        let Some(sku) = item.sku.as_deref() else { continue };
        if finding.matched_by == Some(MatchedBy::Catalog) {
            continue;
        }
        let folded = Folded::sku(sku);
        if folded.is_empty() || snapshot.catalogue.find(folded.as_str()).is_some() {
            continue;
        }
        unknown.note(&Seen {
            at: judged.decision.at,
            folded: folded.as_str(),
            matched: match finding.matched_by {
                None | Some(MatchedBy::Nothing) => Matched::Nothing,
                Some(MatchedBy::Name) => Matched::Name,
                Some(MatchedBy::Sku) => Matched::Sku,
                Some(MatchedBy::Vendor) => Matched::Vendor,
                Some(_) => Matched::Other,
            },
            name: item.name.as_deref(),
            sku,
            vendor: item.vendor.as_deref(),
            verdict: finding.verdict.as_str(),
        });
    }
}
