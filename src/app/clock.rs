//! The clock that decides. A release has no switch that moves it.

use std::sync::Arc;

use crate::model::Clock;

/// The machine's clock; under the cargo feature `test-clock`, moved by what the file named in
/// `INTERDICT_TEST_CLOCK` says, and every record is marked.
pub(super) fn clock() -> Arc<dyn Clock> {
    #[cfg(feature = "test-clock")]
    if let Some(path) = std::env::var_os("INTERDICT_TEST_CLOCK") {
        return Arc::new(moved::MovedClock(path.into()));
    }
    Arc::new(crate::model::SystemClock)
}

#[cfg(feature = "test-clock")]
mod moved {
    use std::path::PathBuf;

    use jiff::Timestamp;

    use crate::model::Clock;
    use crate::model::parse_timestamp;

    /// Shows the instant that a file holds, so that a test can move it while the gateway runs.
    #[derive(Debug)]
    pub(super) struct MovedClock(pub(super) PathBuf);

    impl Clock for MovedClock {
        fn now(&self) -> Timestamp {
            let text = std::fs::read_to_string(&self.0).unwrap_or_default();
            parse_timestamp(text.trim()).unwrap_or_else(|_| Timestamp::now())
        }
    }
}
