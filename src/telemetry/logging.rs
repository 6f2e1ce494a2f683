//! The log: text for people or JSON for machines, to stderr. Data goes to stdout, so the log never does.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// How the log looks.
#[derive(Clone, Copy, Debug)]
pub struct LogSettings {
    /// One JSON object a line instead of text.
    pub json: bool,
    /// Least severe level: `error`, `warn`, `info`, `debug` or `trace`.
    pub level: &'static str,
}

/// Starts logging. A second call changes nothing.
pub fn init_logging(settings: LogSettings) {
    // actix reports every malformed message of a stranger as an error of its own: a way to flood the log.
    let filter = EnvFilter::new(format!("warn,actix_http=off,interdict={}", settings.level));
    let base = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    // Only a second subscriber can fail here, and then the first one goes on.
    let started = if settings.json {
        base.json().flatten_event(true).with_current_span(false).try_init().is_ok()
    } else {
        base.with_target(false).try_init().is_ok()
    };
    if !started {
        tracing::debug!("logging was set up before");
    }
}
