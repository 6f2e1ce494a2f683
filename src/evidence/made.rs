//! A report of a ledger's folder, made whole: records counted, the ledger verified where that is asked for, the page written.

use std::path::Path;

use jiff::Timestamp;

use crate::audit::AuditError;
use crate::audit::Options;
use crate::audit::VerifierKey;
use crate::audit::verify_dir;
use crate::ledger::Reader;
use crate::ledger::ServedLog;

use super::entry::Progress;
use super::entry::Walked;
use super::entry::each;
use super::error::EvidenceError;
use super::filter::Filter;
use super::proof::ProofStatus;
use super::report::ReportAbout;
use super::report::report;
use super::tally::Tally;

/// A report.
#[derive(Debug)]
pub struct Made {
    /// The page.
    pub page: String,
    /// What it says of the ledger's proof.
    pub proof: ProofStatus,
    /// What was counted.
    pub tally: Tally,
    /// What was read.
    pub walked: Walked,
}

/// Makes a report of the records that `filter` admits, as of `made`. With a key, every record is verified from its raw bytes first: a
/// defect is told in the report.
///
/// # Errors
/// `NoLedger`; when records or the ledger cannot be read; `Page`.
pub fn report_of(
    dir: &Path,
    filter: Filter,
    key: Option<VerifierKey>,
    made: Timestamp,
    progress: &mut dyn FnMut(Progress),
) -> Result<Made, EvidenceError> {
    let mut tally = Tally::default();
    let walked = each(dir, &filter, progress, &mut |entry| tally.add(entry))?;
    if walked.read == 0 && Reader::open(dir)?.is_empty() {
        return Err(EvidenceError::NoLedger(dir.to_owned()));
    }
    let by = concat!("interdict ", env!("CARGO_PKG_VERSION")).to_owned();
    let about = ReportAbout { by, filter, log: log(dir), made };
    let proof = proof(dir, key)?;
    let page = report(&about, &tally, &proof)?;
    Ok(Made { page, proof, tally, walked })
}

/// The log's name and key id, as `ledger.pub` in the folder has them: `<origin>+<key id>+<key>`.
fn log(dir: &Path) -> Option<(String, String)> {
    let text = ServedLog::of(dir).verifier().ok().flatten()?;
    let mut parts = text.trim().splitn(3, '+');
    let (origin, id) = (parts.next()?, parts.next()?);
    (!origin.is_empty() && id.len() == 8).then(|| (origin.to_owned(), id.to_owned()))
}

/// Verifies the ledger from its raw bytes, where a key was given. The folder's own key would prove only that it agrees with itself.
fn proof(dir: &Path, key: Option<VerifierKey>) -> Result<ProofStatus, EvidenceError> {
    if key.is_none() {
        return Ok(ProofStatus::NotVerified);
    }
    let options = Options { key, ..Options::default() };
    let audited = match verify_dir(dir, &options, &mut |_, _| {}) {
        Ok(audited) => audited,
        Err(AuditError::Defective(defect)) => {
            return Ok(ProofStatus::Failed { reason: defect.to_string() });
        }
        Err(error) => return Err(error.into()),
    };
    let (Some(published), Some(key)) = (audited.published, audited.key) else {
        let reason = "the folder has no signed checkpoint".to_owned();
        return Ok(ProofStatus::Failed { reason });
    };
    let (size, unpublished) = (published.size, audited.unpublished);
    Ok(ProofStatus::Verified { key, root: published.root.to_string(), size, unpublished })
}
