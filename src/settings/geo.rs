//! `[geo]`: where country and class of an address come from.

use std::path::PathBuf;
use std::time::Duration;

/// `[geo]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Geo {
    /// Class files (`cidr,class`) and anonymiser databases.
    pub classes: Vec<PathBuf>,
    /// MMDB files.
    pub databases: Vec<PathBuf>,
    /// Whether the embedded registry table is asked; by default only where there are no `databases`.
    pub embedded: bool,
    /// A source older than this answers nothing; none: age does not matter.
    pub max_age: Option<Duration>,
    /// The operator's own knowledge (`cidr,country,class`).
    pub networks: Option<PathBuf>,
}

impl Default for Geo {
    fn default() -> Self {
        Self {
            classes: Vec::new(),
            databases: Vec::new(),
            embedded: true,
            max_age: None,
            networks: None,
        }
    }
}
