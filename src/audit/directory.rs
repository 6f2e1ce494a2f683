//! A ledger's directory, verified whole.

use std::fs;
use std::path::Path;

use super::error::AuditError;
use super::files::Listing;
use super::key::VerifierKey;
use super::published::Claims;
use super::record::Auditor;
use super::report::Report;
use super::tree::Tree;
use super::walk::{Walk, Walked};

/// How often a directory is read again because it changed under the audit.
const ATTEMPTS: u32 = 16;

/// What an auditor brings along.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The log's key; without it the directory's own `ledger.pub`, which proves only that the directory agrees with itself.
    pub key: Option<VerifierKey>,
    /// Checkpoints that the log must contain, older or newer, with the names to report them under.
    pub checkpoints: Vec<(String, Vec<u8>)>,
    /// Witnesses each of whom must have cosigned one of the checkpoints at hand.
    pub witnesses: Vec<VerifierKey>,
}

/// Verifies everything in a ledger's directory from its raw bytes, beside a running writer too. `progress` gets the bytes that were read
/// and, as far as known, those there are. A directory without a segment gives a report of no segments.
///
/// # Errors
/// `Defective` with the first defect; `Io` if a file cannot be read; `Unsteady` if the directory changes too often to be followed.
pub fn verify_dir(
    dir: impl AsRef<Path>,
    options: &Options,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Report, AuditError> {
    let dir = dir.as_ref();
    fs::read_dir(dir).map_err(AuditError::io("read", dir))?;
    for _ in 0..ATTEMPTS {
        if let Some(report) = attempt(dir, options, progress)? {
            return Ok(report);
        }
    }
    Err(AuditError::Unsteady { dir: dir.to_owned() })
}

/// `None` if the directory changed so that it must be read again.
fn attempt(
    dir: &Path,
    options: &Options,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Option<Report>, AuditError> {
    // What was signed first, then the tree, then the records: what grows meanwhile is beyond what is demanded.
    let claims = Claims::of(dir, options)?;
    let listing = Listing::of(dir)?;
    let mut tree = Tree::open(dir)?;
    let total = listing
        .all()
        .filter_map(|segment| fs::metadata(dir.join(segment.name())).ok())
        .fold(0_u64, |total, metadata| total.saturating_add(metadata.len()));
    let mut done = 0_u64;
    let mut report = Report::default();
    let mut auditor = Auditor::new(&claims, &mut tree)?;
    let mut tell = |bytes: u64| {
        done = done.saturating_add(bytes);
        progress(done.min(total), total);
    };
    let walk = Walk { dir, auditor: &mut auditor, report: &mut report, progress: &mut tell };
    if walk.run()? == Walked::Again {
        return Ok(None);
    }
    report.records = auditor.next();
    report.parts = auditor.parts();
    report.erasures = auditor.subjects.erasures;
    let published = claims.published.as_ref().map_or(0, |published| published.size);
    report.unpublished = report.records.saturating_sub(published);
    report.checkpoints = claims.count();
    report.key_given = options.key.is_some();
    report.key = claims.key.as_ref().map(ToString::to_string);
    if let Some(published) = claims.published.as_ref().filter(|_| !listing.is_empty()) {
        tree.check_covers(published.size)?;
    }
    report.cosigned = claims.cosigned;
    report.published = claims.published;
    Ok(Some(report))
}
