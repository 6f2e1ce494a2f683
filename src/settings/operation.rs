//! What the process keeps and says: `[policies]`, `[catalog]`, `[customers]`, `[store]`, `[ledger]`, `[log]`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::witness::Witness;

/// `[policies]`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Policies {
    /// Folder whose own `*.toml` are read; none: the shipped policies.
    pub dir: Option<PathBuf>,
    /// Who must have signed policies that arrive over the network; none: nobody is named.
    pub trust: Option<PolicyTrust>,
}

/// `keys` and `threshold` of `[policies]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PolicyTrust {
    /// Files of public keys; at least one, each file once.
    pub keys: Vec<PathBuf>,
    /// How many of them must have signed: from 1 to their number.
    pub threshold: usize,
}

/// `[catalog]`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Catalog {
    /// CSV file `sku,name,vendor,group`.
    pub file: Option<PathBuf>,
}

/// `[customers]`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Customers {
    /// CSV file `account,organization_country,...`.
    pub file: Option<PathBuf>,
}

/// `[store]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Store {
    /// Folder of the registry.
    pub dir: PathBuf,
}

/// `[ledger]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ledger {
    /// When a delivery's first byte may leave.
    pub deliveries: Deliveries,
    /// Folder of the segments.
    pub dir: PathBuf,
    /// File of the signing key, created with an empty ledger.
    pub key: PathBuf,
    /// The log's name in its checkpoints; none: one that follows from the key.
    pub origin: Option<String>,
    /// How personal parts of records are kept.
    pub personal: PersonalParts,
    /// How long a record must be kept, in years.
    pub retention_years: u16,
    /// Age of its last record at which a closed segment is sealed; none: never by itself.
    pub seal_after: Option<Duration>,
    /// Refusals of one client network and minute that get a record of their own; of more, one summary is kept.
    pub refusals_per_minute: u32,
    /// Free bytes below which room is kept for lawful traffic; 0 for none.
    pub reserve: u64,
    /// Size at which a new segment is begun, in bytes.
    pub segment_bytes: u64,
    /// How often witnesses are asked to cosign.
    pub witness_interval: Duration,
    /// Who cosigns checkpoints.
    pub witnesses: Vec<Witness>,
}

/// How personal parts of records are kept (docs/retention.md).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum PersonalParts {
    /// As they are.
    #[default]
    Clear,
    /// Identifiers replaced by keyed hashes.
    Masked,
    /// Encrypted under a key of whom they are about.
    Sealed,
}

/// When a delivery's first byte may leave (DESIGN 9).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Deliveries {
    /// When its record is on the disk: a power cut loses nothing.
    Synced,
    /// When its record is written: a power cut loses at most 20 ms, a killed process nothing.
    #[default]
    Written,
}

/// `[log]`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Log {
    /// The shape of a line.
    pub format: LogFormat,
    /// The least severe lines that are written.
    pub level: LogLevel,
}

/// The shape of a log line.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    #[default]
    Text,
}

/// Severity.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(missing_docs, reason = "each is the usual name")]
pub enum LogLevel {
    Debug,
    Error,
    #[default]
    Info,
    Trace,
    Warn,
}

impl Store {
    /// The store of a state directory.
    pub fn under(state: &Path) -> Self {
        Self { dir: state.join("store") }
    }
}

impl Ledger {
    /// 256 MiB: about 400,000 records, and quick to copy away.
    pub const SEGMENT_BYTES: u64 = 268_435_456;
    /// What is due within a week is looked at most: until then nothing has to be unpacked.
    pub const SEAL_AFTER: Duration = Duration::from_hours(168);
    /// Ten years: the limitation period of the statutes behind the ban.
    pub const RETENTION_YEARS: u16 = 10;
    /// Two a second, for a minute: more than a person makes, and than the clients of a small network make by mistake.
    pub const REFUSALS_PER_MINUTE: u32 = 120;
    /// 256 MiB: room for about 200,000 more records.
    pub const RESERVE: u64 = 268_435_456;

    /// The ledger of a state directory.
    pub fn under(state: &Path) -> Self {
        let dir = state.join("ledger");
        Self {
            deliveries: Deliveries::Written,
            key: Self::key_beside(&dir),
            dir,
            origin: None,
            personal: PersonalParts::Clear,
            retention_years: Self::RETENTION_YEARS,
            seal_after: Some(Self::SEAL_AFTER),
            refusals_per_minute: Self::REFUSALS_PER_MINUTE,
            reserve: Self::RESERVE,
            segment_bytes: Self::SEGMENT_BYTES,
            witness_interval: Witness::INTERVAL,
            witnesses: Vec::new(),
        }
    }

    /// Where the key is by default: beside the folder, so that a copy of the evidence does not carry it.
    pub fn key_beside(dir: &Path) -> PathBuf {
        let name = dir.file_name().unwrap_or_default().to_string_lossy();
        dir.with_file_name(format!("{name}-key.pem"))
    }
}

impl Deliveries {
    /// Every choice.
    pub const ALL: [Self; 2] = [Self::Synced, Self::Written];

    /// The key's text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Synced => "synced",
            Self::Written => "written",
        }
    }
}

impl PersonalParts {
    /// Every choice.
    pub const ALL: [Self; 3] = [Self::Clear, Self::Masked, Self::Sealed];

    /// The key's text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Masked => "masked",
            Self::Sealed => "sealed",
        }
    }
}

impl LogFormat {
    /// Every shape.
    pub const ALL: [Self; 2] = [Self::Json, Self::Text];

    /// The key's text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Text => "text",
        }
    }
}

impl LogLevel {
    /// Every level, from the most severe.
    pub const ALL: [Self; 5] = [Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];

    /// The key's text, which the tracing filter reads as well.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Error => "error",
            Self::Info => "info",
            Self::Trace => "trace",
            Self::Warn => "warn",
        }
    }
}
