//! Why a witness does not start.

use std::io;
use std::path::Path;
use std::path::PathBuf;

/// Why a witness does not start.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// Another process works with the state.
    #[error("`{}` is in use by another witness", dir.display())]
    Busy {
        /// The folder of the state.
        dir: PathBuf,
    },
    /// A file operation failed.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Key and state do not belong together.
    #[error("the witness's state in `{}` and its key `{}`: {problem}", dir.display(), key.display())]
    Key {
        /// The folder of the state.
        dir: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What is wrong, and what to do.
        problem: &'static str,
    },
    /// A log's verifier key is one of a witness.
    #[error(
        "`{name}` is a witness's key (type 0x04); of a log, give what stands in its `ledger.pub`"
    )]
    NotALog {
        /// The key's name.
        name: String,
    },
    /// The last checkpoint that was cosigned is not what was written.
    #[error(
        "`{}` is not what was written ({reason}): what was cosigned last is not known, and so nothing may be. Restore it from a backup",
        path.display()
    )]
    State {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl WitnessError {
    /// For `map_err`: names the action and the path.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}
