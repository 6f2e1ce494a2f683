//! A search by account in a ledger that masks accounts, or did for a while: for the account, and for its mask.

use std::path::Path;

use super::super::error::LedgerError;
use super::super::personal::Masker;
use super::find::Found;
use super::query::Query;

/// Runs a query as it is, and, where its account may be masked, for the mask too.
pub(super) fn both(
    dir: &Path,
    query: &Query,
    mut run: impl FnMut(&Query) -> Result<Found, LedgerError>,
) -> Result<Found, LedgerError> {
    let found = run(query)?;
    let Some(account) = &query.account else { return Ok(found) };
    let Some(masker) = Masker::open(dir)? else { return Ok(found) };
    let masked = Query { account: Some(masker.mask(account)), ..query.clone() };
    Ok(merged(found, run(&masked)?, query.limit))
}

/// The newest of both. What one of them has not looked at, both will be asked for again.
fn merged(one: Found, other: Found, limit: usize) -> Found {
    let mut next = one.next.max(other.next);
    let mut hits = one.hits;
    hits.extend(other.hits);
    hits.sort_unstable_by_key(|hit| std::cmp::Reverse(hit.sequence));
    hits.retain(|hit| next.is_none_or(|next| hit.sequence >= next));
    if hits.len() > limit {
        hits.truncate(limit);
        next = hits.last().map(|hit| hit.sequence);
    }
    Found { hits, next }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::Hit;

    /// What a search gives of records that are there, the newest first.
    fn page(all: &[u64], before: u64, limit: usize) -> Found {
        let mut left: Vec<u64> = all.iter().copied().filter(|at| *at < before).collect();
        left.sort_unstable_by(|a, b| b.cmp(a));
        let more = left.len() > limit;
        left.truncate(limit);
        let next = if more { left.last().copied() } else { None };
        let hit = |sequence| Hit::made(Timestamp::UNIX_EPOCH, sequence);
        Found { hits: left.into_iter().map(hit).collect(), next }
    }

    proptest! {
        #[test]
        fn all_pages_of_both_together_are_all_records_once_the_newest_first(
            owner in proptest::collection::vec(any::<bool>(), 0..40), limit in 1_usize..7,
        ) {
            let of = |which: bool| (0_u64..).zip(&owner).filter(|(_, o)| **o == which).map(|(at, _)| at).collect::<Vec<_>>();
            let (one, other) = (of(true), of(false));
            let (mut before, mut seen) = (u64::MAX, Vec::new());
            loop {
                let found = merged(page(&one, before, limit), page(&other, before, limit), limit);
                prop_assert!(found.hits.len() <= limit);
                seen.extend(found.hits.iter().map(|hit| hit.sequence));
                let Some(next) = found.next else { break };
                prop_assert!(next < before);
                before = next;
            }
            let expected: Vec<u64> = (0..u64::try_from(owner.len()).unwrap()).rev().collect();
            prop_assert_eq!(seen, expected);
        }
    }
}
