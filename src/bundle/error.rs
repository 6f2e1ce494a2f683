//! Why there is no bundle, or none to believe.

use std::io;
use std::path::PathBuf;

use jiff::Timestamp;

use crate::merkle::KeyName;
use crate::merkle::NoteFault;
use crate::model::JsonError;
use crate::policy::PolicyErrors;

use super::digest::Digest;
use super::files::MAX_BYTES;
use super::files::MAX_FILES;
use super::manifest::MAX_NOTE;

/// Why there is no bundle, or none to believe.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// What is written of a file is not what the manifest says of it.
    #[error("`{name}` is not the file that was signed: it has {found}, the manifest says {signed}")]
    Changed {
        /// The file.
        name: String,
        /// Its hash.
        found: Digest,
        /// The hash in the manifest.
        signed: Digest,
    },
    /// A control character, or one that turns the direction of writing.
    #[error(
        "`{name}`, line {line}: a control or direction character, which can make a text look otherwise than it is: write it as an escape \
        (`\\u202e`)"
    )]
    Control {
        /// The file.
        name: String,
        /// The line, from 1.
        line: usize,
    },
    /// The folder does not hold policies, or not readable ones.
    #[error("{0}")]
    Folder(#[from] PolicyErrors),
    /// Not JSON, or JSON that can be read in two ways.
    #[error("not a bundle: {0}")]
    Json(#[from] JsonError),
    /// An instant that RFC 3339 cannot write.
    #[error("a bundle cannot be made at {0}: the year must have four digits")]
    Made(Timestamp),
    /// A line of the manifest.
    #[error("manifest, line {line}: {problem}")]
    Manifest {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The manifest names a file that is not there.
    #[error("`{0}` was signed but is not in the bundle")]
    Missing(String),
    /// A name that no file of a bundle can have.
    #[error(
        "`{0}` is no name for a file of a bundle: write `NAME.toml` or `cases/NAME.jsonl` of ASCII letters, digits, `.`, `-` and `_`, \
        not beginning with a dot"
    )]
    Name(String),
    /// Without a policy everything would be allowed.
    #[error("a bundle holds at least one policy file (*.toml)")]
    NoPolicy,
    /// The note is none.
    #[error("manifest: {0}")]
    Note(#[from] NoteFault),
    /// The note of whoever made it.
    #[error(
        "the note must be one line of at most {MAX_NOTE} bytes, without blanks at its ends and without control or direction characters"
    )]
    NoteText,
    /// A version that was accepted already, with another content.
    #[error(
        "version {version} was accepted already as {accepted}; this one is {digest}. Give the new bundle a higher version"
    )]
    OtherOfVersion {
        /// The version.
        version: u64,
        /// The digest that was accepted.
        accepted: Digest,
        /// The digest of this one.
        digest: Digest,
    },
    /// Signatures of one manifest are none of another.
    #[error("the two are not the same bundle: {0} and {1}")]
    OtherManifest(Digest, Digest),
    /// Below the highest version that was accepted.
    #[error(
        "version {version} is below {accepted}, which was accepted before: a bundle never goes back. To return to older policies, sign them \
        under a higher version"
    )]
    Older {
        /// Its version.
        version: u64,
        /// The highest that was accepted.
        accepted: u64,
    },
    /// Not the one spelling that a bundle has.
    #[error(
        "not a bundle as `interdict policy sign` writes it (canonical JSON, RFC 8785, members `files` and `manifest`)"
    )]
    Spelling,
    /// Too few of those who may sign have signed.
    #[error("signed by {} of the {threshold} keys that are needed: {}", signed.len(), told(signed, unsigned))]
    TooFew {
        /// Who signed.
        signed: Vec<KeyName>,
        /// How many are needed.
        threshold: usize,
        /// Who may sign, and has not.
        unsigned: Vec<KeyName>,
    },
    /// More bytes than a set of policies has.
    #[error("it has more than {MAX_BYTES} bytes")]
    TooLarge,
    /// More files than a set of policies has.
    #[error("it has more than {MAX_FILES} files")]
    TooMany,
    /// Two files of one name.
    #[error("`{0}` is there twice")]
    Twice(String),
    /// A file or folder that cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file that nobody signed.
    #[error("`{0}` is in the bundle but not in what was signed")]
    Unsigned(String),
    /// Versions begin at 1.
    #[error("a bundle's version is 1 or higher")]
    Version,
}

/// Why keys and a threshold are not whom to trust.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TrustError {
    /// A witness's key.
    #[error("`{0}` is the key of a witness (type 0x04); a policy key has type 0x01")]
    Kind(KeyName),
    /// Too low, or more than there are keys.
    #[error("the threshold is {threshold}; with {keys} different keys it must be from 1 to {keys}")]
    Threshold {
        /// The threshold.
        threshold: usize,
        /// How many different keys there are.
        keys: usize,
    },
    /// Nobody.
    #[error("no key is named that may sign policies")]
    NoKeys,
}

impl BundleError {
    /// True if a file or folder could not be read; everything else is of what it holds.
    pub fn is_io(&self) -> bool {
        match self {
            Self::Folder(errors) => errors.is_unreadable(),
            Self::Unreadable { source, .. } => source.kind() != io::ErrorKind::InvalidData,
            _ => false,
        }
    }
}

fn told(signed: &[KeyName], unsigned: &[KeyName]) -> String {
    let list = |names: &[KeyName]| {
        let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        names.join(", ")
    };
    match (signed, unsigned) {
        ([], unsigned) => format!("none of {}", list(unsigned)),
        (signed, []) => format!("by {}", list(signed)),
        (signed, unsigned) => format!("by {}, not by {}", list(signed), list(unsigned)),
    }
}
