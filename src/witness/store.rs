//! What a witness keeps: for each log the last checkpoint that it cosigned, a file each, replaced whole and durably.

use std::fs;
use std::fs::DirBuilder;
use std::fs::File;
use std::fs::OpenOptions;
use std::fs::TryLockError;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;

use sha2::Digest as _;
use sha2::Sha256;

use crate::output::replace_private;

use super::error::WitnessError;

/// The folder, held by this process alone.
#[derive(Debug)]
pub(super) struct Store {
    dir: PathBuf,
    _lock: File,
}

impl Store {
    /// Makes the folder if it is not there, and takes it.
    ///
    /// # Errors
    /// `Busy`, `Io`.
    pub(super) fn open(dir: &Path) -> Result<Self, WitnessError> {
        let mut builder = DirBuilder::new();
        let made = builder.recursive(true).mode(0o700).create(dir);
        made.map_err(WitnessError::io("create", dir))?;
        let path = dir.join("witness.lock");
        let mut options = OpenOptions::new();
        let lock = options.create(true).append(true).mode(0o600).open(&path);
        let lock = lock.map_err(WitnessError::io("open", &path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { dir: dir.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(WitnessError::Busy { dir: dir.to_owned() }),
            Err(TryLockError::Error(error)) => Err(WitnessError::io("lock", &path)(error)),
        }
    }

    /// The last checkpoint of a log that was cosigned.
    ///
    /// # Errors
    /// `Io`.
    pub(super) fn load(&self, hash: &str) -> Result<Option<String>, WitnessError> {
        let path = self.path(hash);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(WitnessError::io("read", &path)(error)),
        }
    }

    /// Keeps a checkpoint in place of the one before; it is on the disk once this has returned.
    ///
    /// # Errors
    /// It may be on the disk, or the one before.
    pub(super) fn keep(&self, hash: &str, note: &str) -> io::Result<()> {
        replace_private(&self.path(hash), note.as_bytes())
    }

    /// Keeps what shows that a log has forked; the first time counts.
    ///
    /// # Errors
    /// It is not kept.
    pub(super) fn keep_fork(&self, hash: &str, note: &str) -> io::Result<()> {
        let path = self.dir.join(format!("{hash}.fork"));
        if path.try_exists()? { Ok(()) } else { replace_private(&path, note.as_bytes()) }
    }

    /// Where a log's checkpoint lies.
    pub(super) fn path(&self, hash: &str) -> PathBuf {
        self.dir.join(format!("{hash}.checkpoint"))
    }
}

/// The name under which C2SP tlog-witness has a log: SHA-256 of its origin, in lower case hexadecimal digits.
pub(super) fn origin_hash(origin: &str) -> String {
    Sha256::digest(origin).iter().map(|byte| format!("{byte:02x}")).collect()
}
