//! Why geo sources cannot be loaded.

use std::fmt;
use std::io;
use std::path::PathBuf;

use maxminddb::MaxMindDbError;

/// One problem of one source.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each field is what its message says")]
pub enum GeoError {
    /// A class outside the contract's list, or none where one is needed.
    #[error(
        "{}:{line}: `{text}` is no class: write `anonymous`, `hosting`, `proxy`, `satellite`, `tor`, `us-military` or \
         `vpn`, several with `;` between them", path.display()
    )]
    Class { path: PathBuf, line: u64, text: String },
    /// A database that is cut short, damaged or no MMDB at all.
    #[error("{}: the database cannot be read: {source}", path.display())]
    Corrupt { path: PathBuf, source: MaxMindDbError },
    /// A country that cannot be read.
    #[error("{}:{line}: `{text}` is no country: write an ISO 3166-1 code, or leave it empty", path.display())]
    Country { path: PathBuf, line: u64, text: String },
    /// A row that is not a row of the header's columns, or not UTF-8.
    #[error("{}: {source}", path.display())]
    Csv { path: PathBuf, source: csv::Error },
    /// A network that two rows give with different answers.
    #[error("{}:{line}: `{network}` is given again, with another answer than in line {first}", path.display())]
    Duplicate { path: PathBuf, line: u64, network: String, first: u64 },
    /// A header line that is missing or other than the contract's.
    #[error("{}:1: the first line is `{text}`: it must be `{expected}`", path.display())]
    Header { path: PathBuf, text: String, expected: &'static str },
    /// A network whose address has bits behind the prefix.
    #[error("{}:{line}: `{text}` has bits set behind its prefix: write `{instead}`", path.display())]
    HostBits { path: PathBuf, line: u64, text: String, instead: String },
    /// A file that cannot be read.
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    /// A database whose records have no field that tells what it was given for.
    #[error("{}: no record of this database (`{kind}`) tells {wanted}", path.display())]
    Mute { path: PathBuf, kind: String, wanted: &'static str },
    /// A network that cannot be read.
    #[error("{}:{line}: `{text}` is no network: write it as 192.0.2.0/24 or 2001:db8::/32", path.display())]
    Network { path: PathBuf, line: u64, text: String },
    /// More problems than are worth listing.
    #[error("{}: more than {listed} bad rows: the rest is not listed", path.display())]
    TooMany { path: PathBuf, listed: usize },
    /// A database whose search tree does not end.
    #[error("{}: the database cannot be read: its search tree is larger than it claims", path.display())]
    Tree { path: PathBuf },
}

/// Every problem of every source: never empty.
#[derive(Debug, thiserror::Error)]
pub struct GeoErrors(Vec<GeoError>);

impl GeoErrors {
    /// `loaded`, if nothing went wrong beside it.
    pub(super) fn none_or<T>(problems: Vec<GeoError>, loaded: T) -> Result<T, Self> {
        if problems.is_empty() { Ok(loaded) } else { Err(Self(problems)) }
    }

    /// The problems, in the order of the settings.
    pub fn iter(&self) -> impl Iterator<Item = &GeoError> {
        self.0.iter()
    }
}

impl fmt::Display for GeoErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("; ")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}
