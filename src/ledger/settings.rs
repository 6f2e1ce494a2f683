//! What an operator may set, and the defaults.

use std::path::PathBuf;
use std::time::Duration;

use crate::settings::PersonalParts;

use super::tree::SigningSettings;

/// How and where a ledger is kept.
#[derive(Clone, Debug)]
pub struct LedgerSettings {
    /// The folder of the segment files; created (0700) if absent.
    pub dir: PathBuf,
    /// Whose log it is; none only where nothing is to be published, as in the tests of the writer.
    pub signing: Option<SigningSettings>,
    /// How personal parts are kept.
    pub personal: PersonalParts,
    /// A closed segment whose last record is older than this is sealed; none: only when it is asked for.
    pub seal_after: Option<Duration>,
    /// How often requests of commands are looked for.
    pub look: Duration,
    /// A segment that has reached this many bytes is followed by a new one.
    pub segment_bytes: u64,
    /// A sync starts at most this long after the first record it covers, also if nobody waits for it.
    pub sync_window: Duration,
    /// Under load, syncs begin at least this far apart, so that one covers many.
    pub sync_pace: Duration,
    /// Bytes written and not yet synced beyond which appends are refused; also the bound of memory used.
    pub queue_bytes: usize,
    /// Records written and not yet synced beyond which appends are refused.
    pub queue_records: u64,
    /// Age of the oldest record not yet synced beyond which appends are refused.
    pub queue_age: Duration,
    /// How long a failed ledger waits before it tries to heal.
    pub retry: Duration,
}

impl LedgerSettings {
    /// The defaults: segments of 256 MiB, a window of 20 ms, syncs 2 ms apart under load, at most 64 MiB, 65,536 records or two seconds behind.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            signing: None,
            personal: PersonalParts::Clear,
            seal_after: None,
            look: Duration::from_secs(1),
            segment_bytes: 256 << 20,
            sync_window: Duration::from_millis(20),
            sync_pace: Duration::from_millis(2),
            queue_bytes: 64 << 20,
            queue_records: 65_536,
            queue_age: Duration::from_secs(2),
            retry: Duration::from_secs(1),
        }
    }
}
