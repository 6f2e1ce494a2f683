//! How far a screening has come, on the disk, so that it goes on after an interruption without repeating or losing a row.
//!
//! A checkpoint names the byte of the file where the next order begins, the exact lengths of the findings and bad rows
//! written so far, and the counts. It is written beside the old one and renamed over it, after what it counts is on the disk.

use std::fs::File;
use std::io;
use std::io::Read;
use std::io::Write;
use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;
use sha2::Digest;
use sha2::Sha256;

use super::tally::Tally;
use crate::output::sync_folder;

/// How much of the file's beginning and of what precedes the checkpoint is compared.
const COMPARED: usize = 64 << 10;

/// Everything that findings depend on, by name, each as a text that changes with it.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Fingerprint(Vec<(String, String)>);

/// A run that has not ended.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Checkpoint {
    /// Length of the bad rows.
    pub(super) bad: u64,
    /// Where reading goes on.
    pub(super) byte: u64,
    /// True if the report is written and files only have to get their names.
    pub(super) complete: bool,
    /// Length of the findings.
    pub(super) findings: u64,
    pub(super) fingerprint: Fingerprint,
    /// The line at `byte`.
    pub(super) line: u64,
    /// When the run began: geo sources are judged stale by it.
    pub(super) started: Timestamp,
    pub(super) tally: Tally,
}

impl Fingerprint {
    /// Adds something by name.
    pub fn add(&mut self, name: &str, value: impl Into<String>) {
        self.0.push((name.to_owned(), value.into()));
    }

    /// Adds the content of a file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn add_file(&mut self, name: &str, path: &Path) -> io::Result<()> {
        let mut file = File::open(path)?;
        let mut hash = Sha256::new();
        let mut buffer = vec![0; COMPARED];
        loop {
            let read = file.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            hash.update(buffer.get(..read).unwrap_or_default());
        }
        self.add(name, format!("{:x?}", hash.finalize()));
        Ok(())
    }

    /// Adds the file of orders: its size, when it was changed, and its beginning.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn add_source(&mut self, path: &Path) -> io::Result<()> {
        let file = File::open(path)?;
        let about = file.metadata()?;
        let changed = Timestamp::try_from(about.modified()?).unwrap_or(Timestamp::UNIX_EPOCH);
        let mut head = Vec::new();
        file.take(COMPARED.try_into().unwrap_or(u64::MAX)).read_to_end(&mut head)?;
        let name = "file of orders";
        self.add(name, format!("{} {changed} {:x?}", about.len(), Sha256::digest(&head)));
        Ok(())
    }

    /// What is another in `now`, by name.
    pub(super) fn differences(&self, now: &Self) -> Vec<String> {
        let value = |of: &Self, name: &str| {
            of.0.iter()
                .filter(|(n, _)| n == name)
                .map(|(_, value)| value.clone())
                .collect::<Vec<_>>()
        };
        let mut names: Vec<String> = Vec::new();
        for (name, _) in self.0.iter().chain(&now.0) {
            if value(self, name) != value(now, name) && !names.contains(name) {
                names.push(name.clone());
            }
        }
        names
    }
}

impl Checkpoint {
    /// Reads the one of a run that has not ended.
    pub(super) fn read(path: &Path) -> io::Result<Option<Self>> {
        match std::fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(io::Error::from),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes it, atomically and durably.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        let next = path.with_extension("next");
        let mut file = File::create(&next)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_all()?;
        std::fs::rename(&next, path)?;
        sync_folder(path)
    }
}
