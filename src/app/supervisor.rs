//! What the service manager is told: that the gateway listens, reloads, drains, and that its workers still turn.
//!
//! The protocol of `sd_notify`(3): datagrams to the socket that `NOTIFY_SOCKET` names, and `WATCHDOG_USEC` for how often. Without them
//! nothing is told to anybody. Whatever fails here is logged and changes nothing: a gateway decides, supervised or not.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use rustix::time::ClockId;
use rustix::time::clock_gettime;

use crate::config::Strings;
use crate::telemetry::Pulse;

use super::serve::Listening;

/// How long a message may wait for a manager that does not read.
const PATIENCE: Duration = Duration::from_secs(1);

/// The service manager, if there is one.
#[derive(Debug, Default)]
pub(super) struct Supervisor {
    listening: Mutex<String>,
    socket: Option<UnixDatagram>,
    status: Mutex<String>,
    watchdog: Option<Duration>,
}

impl Supervisor {
    /// The one that the environment names.
    pub(super) fn of(env: &impl Strings) -> Self {
        let socket = env.get("NOTIFY_SOCKET").and_then(|name| match connect(&name) {
            Ok(socket) => Some(socket),
            Err(error) => {
                tracing::warn!(%error, name, "the service manager cannot be told anything");
                None
            }
        });
        let is_ours = env.get("WATCHDOG_PID").is_none_or(|id| id == std::process::id().to_string());
        let watchdog = env.get("WATCHDOG_USEC").filter(|_| is_ours).and_then(|n| n.parse().ok());
        let watchdog = watchdog.filter(|microseconds| *microseconds > 0);
        Self { socket, watchdog: watchdog.map(Duration::from_micros), ..Self::default() }
    }

    /// It listens: whoever was waiting for it may come.
    pub(super) fn ready(&self, listening: &Listening) {
        let addresses: Vec<_> = listening.gateway.iter().map(ToString::to_string).collect();
        *lock(&self.listening) = format!("Listening on {}", addresses.join(", "));
        self.reloaded(&[]);
    }

    /// A reload of everything has begun.
    pub(super) fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let microseconds = Duration::try_from(now).unwrap_or_default().as_micros();
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={microseconds}\nSTATUS=Reloading"));
        lock(&self.status).clear();
    }

    /// It serves again, with these parts degraded.
    pub(super) fn reloaded(&self, degraded: &[(&'static str, String)]) {
        let status = self.status(degraded);
        self.tell(&format!("READY=1\nSTATUS={status}"));
        *lock(&self.status) = status;
    }

    /// What has changed by itself may have changed what is degraded.
    pub(super) fn serves(&self, degraded: &[(&'static str, String)]) {
        let status = self.status(degraded);
        if *lock(&self.status) != status {
            self.tell(&format!("STATUS={status}"));
            *lock(&self.status) = status;
        }
    }

    /// No new connection is taken; what runs comes to its end.
    pub(super) fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=Draining");
    }

    /// Tells that it is alive, from the thread that signals, reloads and the drain depend on, as long as all workers answer.
    pub(super) async fn watch(self: Arc<Self>, pulse: Arc<Pulse>) {
        let Some(patience) = self.watchdog else { return };
        let interval = patience.checked_div(4).unwrap_or(patience);
        loop {
            if pulse.ask() {
                self.tell("WATCHDOG=1");
            } else {
                tracing::error!(
                    "a worker does not answer: the service manager ends this process if it stays so"
                );
            }
            tokio::time::sleep(interval).await;
        }
    }

    fn status(&self, degraded: &[(&'static str, String)]) -> String {
        let mut status = lock(&self.listening).clone();
        for (part, reason) in degraded {
            let line = reason.split_whitespace().collect::<Vec<_>>().join(" ");
            status.push_str(&format!("; {part} degraded: {line}"));
        }
        status
    }

    fn tell(&self, message: &str) {
        let Some(socket) = &self.socket else { return };
        if let Err(error) = socket.send(message.as_bytes()) {
            tracing::warn!(%error, message, "the service manager could not be told");
        }
    }
}

/// A path, or with `@` a name in Linux' abstract space.
fn connect(name: &str) -> io::Result<UnixDatagram> {
    let address = match name.strip_prefix('@') {
        Some(abstracted) => SocketAddr::from_abstract_name(abstracted)?,
        None if name.starts_with('/') => SocketAddr::from_pathname(name)?,
        None => return Err(io::Error::other("neither an absolute path nor an abstract name")),
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_write_timeout(Some(PATIENCE))?;
    socket.connect_addr(&address)?;
    Ok(socket)
}

fn lock(text: &Mutex<String>) -> std::sync::MutexGuard<'_, String> {
    text.lock().unwrap_or_else(PoisonError::into_inner)
}
