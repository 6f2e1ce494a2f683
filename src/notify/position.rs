//! How far the receiver has been told: one small file beside the ledger's segments, replaced whole.

use std::fs;
use std::fs::File;
use std::io;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;

/// The file, in the ledger's folder.
const FILE: &str = "notify.cursor";

/// A position that is kept.
#[derive(Clone, Debug)]
pub struct Position {
    path: PathBuf,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Document {
    next: u64,
}

/// Why the position is not known or not kept.
#[derive(Debug, thiserror::Error)]
pub enum PositionError {
    /// It is not what was written.
    #[error(
        "`{}` is no position of [notify]: write `{{\"next\":N}}`, N the first record to look at, or remove it to begin at the ledger's end",
        path.display()
    )]
    Content {
        /// The file.
        path: PathBuf,
    },
    /// A file operation failed.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl Position {
    /// The position kept in a ledger's folder.
    pub fn beside(ledger: &Path) -> Self {
        Self { path: ledger.join(FILE) }
    }

    /// The first record that the receiver may not know of; none where nothing was kept yet.
    ///
    /// # Errors
    /// When the file cannot be read, or is none of ours.
    pub fn load(&self) -> Result<Option<u64>, PositionError> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(self.io("read", source)),
        };
        match serde_json::from_slice::<Document>(&bytes) {
            Ok(document) => Ok(Some(document.next)),
            Err(_) => Err(PositionError::Content { path: self.path.clone() }),
        }
    }

    /// Keeps `next`: the file is whole and on the disk before it replaces the last one.
    ///
    /// # Errors
    /// When it cannot be written; then the last one stays.
    pub fn keep(&self, next: u64) -> Result<(), PositionError> {
        let fresh = self.path.with_extension("cursor.new");
        let text = format!("{{\"next\":{next}}}\n");
        File::create(&fresh)
            .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&fresh, &self.path))
            .map_err(|source| self.io("write", source))
    }

    fn io(&self, action: &'static str, source: io::Error) -> PositionError {
        PositionError::Io { action, path: self.path.clone(), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_comes_back_and_what_is_none_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let position = Position::beside(dir.path());
        assert_eq!(position.load().unwrap(), None);
        position.keep(7).unwrap();
        position.keep(12).unwrap();
        assert_eq!(position.load().unwrap(), Some(12));
        for text in ["", "12", "{\"next\":-1}", "{\"next\":1,\"more\":2}"] {
            fs::write(dir.path().join(FILE), text).unwrap();
            let error = position.load().unwrap_err().to_string();
            assert!(error.contains("{\"next\":N}"), "{error}");
        }
    }
}
