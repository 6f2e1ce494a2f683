//! What the commands read beside policies: transactions, and files or standard input.

use std::fs;
use std::io;
use std::io::Read;
use std::path::Path;

use crate::model::CatalogueEntry;
use crate::model::CatalogueLookup;
use crate::model::Transaction;
use crate::model::TransactionError;
use crate::policy::PolicySet;
use crate::policy::cases::gather_stated;

use super::Stop;

/// Lines, from 1, with what stands on them.
pub(super) type Lines = Vec<(usize, Result<Transaction, TransactionError>)>;

/// The transactions of a JSONL file, with what they state of their address.
pub(super) fn transactions(path: &Path, set: &PolicySet) -> Result<Lines, Stop> {
    let bytes = read(path)?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    // Nothing follows the last newline.
    if lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    let read = |line: &[u8]| {
        let mut transaction = Transaction::from_json(line)?;
        if set.judges(transaction.action) && !transaction.has_subject() {
            return Err(TransactionError::NothingToJudge(transaction.action));
        }
        gather_stated(&mut transaction);
        Ok(transaction)
    };
    Ok(lines.iter().enumerate().map(|(n, line)| (n.saturating_add(1), read(line))).collect())
}

/// The bytes of a file; `-` is standard input.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Stop> {
    let read = if path == Path::new("-") {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        fs::read(path)
    };
    read.map_err(|source| Stop::Unreadable { path: path.to_owned(), source })
}

/// A file that is UTF-8.
pub(super) fn read_text(path: &Path) -> Result<String, Stop> {
    String::from_utf8(read(path)?).map_err(|error| Stop::Data {
        path: path.to_owned(),
        line: 1,
        reason: error.to_string(),
    })
}

/// Policies are tested by what they say themselves.
#[derive(Debug)]
pub(super) struct NoCatalogue;

impl CatalogueLookup for NoCatalogue {
    fn find(&self, _folded_sku: &str) -> Option<&CatalogueEntry> {
        None
    }
}
