//! Search where no gateway runs: by the index if it is there and fits, else by reading.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::super::error::LedgerError;
use super::super::personal::SubjectKeys;
use super::super::reader::Record;
use super::super::tree::INDEX;
use super::super::tree::STEP;
use super::super::tree::ServedLog;
use super::fetch::Fetcher;
use super::find::Found;
use super::find::Hit;
use super::find::Known;
use super::find::Pace;
use super::find::find;
use super::follower::SLED;
use super::follower::fits;
use super::index::Fault;
use super::index::Index;
use super::index::apart;
use super::masked::both;
use super::query::Query;
use super::secret::Secret;

/// Searches the ledger in `dir`. `told` hears how many of how many records that are not indexed have been read. Nothing is written but
/// by sled into its own files; an index that does not fit is left for the gateway to make anew.
///
/// # Errors
/// `Defective`, `Unreadable` or `Io` where the records cannot be read.
pub fn search_files(
    dir: &Path,
    query: &Query,
    until: Option<Instant>,
    told: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<Found, LedgerError> {
    let keys = Arc::new(SubjectKeys::open(dir)?);
    both(dir, query, |query| search_for(dir, &keys, query, until, told))
}

fn search_for(
    dir: &Path,
    keys: &Arc<SubjectKeys>,
    query: &Query,
    until: Option<Instant>,
    told: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<Found, LedgerError> {
    let secret = Secret::read(&dir.join(INDEX)).ok().flatten();
    let path = dir.join(INDEX).join(SLED);
    // Opening would create it.
    if let Some(secret) = secret.filter(|_| path.join("db").exists())
        && let Ok(index) = Index::open(&path)
    {
        let found = apart(|| {
            let levels = ServedLog::of(dir);
            let blocks = index.meta()?.filter(|meta| fits(meta, &secret, &levels));
            let Some(meta) = blocks else { return Err(Fault::Index(String::new())) };
            let tags = query.tags(&secret);
            let index = Some((&index, meta.blocks));
            let known = Known { index, keys: Arc::clone(keys), tags: &tags, tail: None };
            find(dir, query, &known, Pace { told, until })
        });
        index.close();
        match found {
            Ok(found) => return Ok(found),
            Err(Fault::Ledger(error)) => return Err(error),
            Err(Fault::Index(_)) => {}
        }
    }
    let known = Known { index: None, keys: Arc::clone(keys), tags: &[], tail: None };
    find(dir, query, &known, Pace { told, until }).map_err(|fault| match fault {
        Fault::Ledger(error) => error,
        // Without an index there is no such fault.
        Fault::Index(_) => LedgerError::Closed,
    })
}

/// Reads the records with these sequence numbers; those that are not there are left out.
///
/// # Errors
/// `Defective` or `Io`.
pub fn records_at(dir: &Path, sequences: &[u64]) -> Result<Vec<Hit>, LedgerError> {
    let mut fetcher = Fetcher::new(dir);
    let mut hits = Vec::new();
    for sequence in sequences {
        let mut keep = |record: &Record<'_>| Some(Hit::of(record));
        hits.extend(fetcher.group(sequence / STEP, &|at| at == *sequence, &mut keep)?);
    }
    Ok(hits)
}
