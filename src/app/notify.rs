//! Tells the receiver of `[notify]` of every block and hold: a follower of the ledger, on a thread of its own.
//!
//! It reads what is on the disk, in order, from where it was, and goes on only once the receiver has acknowledged (or as
//! `notify::after` says). So a kill loses nothing, a power cut takes back nothing that was told, and no request waits for it.

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use actix_web::http::Method;
use bytes::Bytes;
use http::HeaderValue;
use http::header;
use http::header::HeaderMap;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::watch;

use crate::config::Config;
use crate::gateway::upstream::Outgoing;
use crate::gateway::upstream::OutgoingBody;
use crate::gateway::upstream::SetupError;
use crate::gateway::upstream::Upstream;
use crate::gateway::upstream::UpstreamClient;
use crate::ledger::Ledger;
use crate::ledger::LedgerError;
use crate::ledger::Reader;
use crate::ledger::Record;
use crate::ledger::SubjectKeys;
use crate::model::Action;
use crate::notify::KeyError;
use crate::notify::Message;
use crate::notify::Outcome;
use crate::notify::Position;
use crate::notify::PositionError;
use crate::notify::SigningKeys;
use crate::notify::Step;
use crate::notify::after;
use crate::settings;
use crate::settings::Notify;
use crate::telemetry::Metrics;

/// How often it looks for new records: a hold is told well within half a second.
const LOOK: Duration = Duration::from_millis(50);
/// Where nothing is told, the position is kept this often.
const KEEP: Duration = Duration::from_secs(1);
/// How long it goes on telling once the gateway ends.
const FAREWELL: Duration = Duration::from_secs(2);
/// The pause after a record or a position could not be read or written.
const TROUBLE: Duration = Duration::from_secs(1);

/// Why nobody can be told.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// The key file.
    #[error("{0}")]
    Key(#[from] KeyError),
    /// Where it was.
    #[error("{0}")]
    Position(#[from] PositionError),
    /// The ledger cannot be read.
    #[error("{0}")]
    Ledger(#[from] LedgerError),
    /// The receiver's settings.
    #[error("[notify]: {0}")]
    Receiver(#[from] SetupError),
    /// No thread.
    #[error("[notify]: cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// The running follower.
#[derive(Debug)]
pub(super) struct Notifier {
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

/// Everything but the following.
///
/// # Errors
/// What would keep `[notify]` from starting.
pub(super) fn check(settings: &Notify, ledger: &Path) -> Result<(), NotifyError> {
    SigningKeys::load(&settings.key)?;
    Position::beside(ledger).load()?;
    upstream(settings)?;
    Ok(())
}

fn upstream(settings: &Notify) -> Result<Upstream, SetupError> {
    let mut receiver = settings::Upstream::new("notify", settings.server.clone());
    receiver.tls.ca.clone_from(&settings.ca);
    receiver.response_timeout = settings.timeout;
    receiver.keep_alive = 1;
    Upstream::new(&receiver)
}

impl Notifier {
    /// Starts to follow, where the configuration says so. A first start begins at the ledger's end.
    ///
    /// # Errors
    /// Why nobody can be told.
    pub(super) fn start(
        config: &Config,
        ledger: &Ledger,
        metrics: &Arc<Metrics>,
    ) -> Result<Option<Self>, NotifyError> {
        let Some(settings) = &config.notify else { return Ok(None) };
        let keys = SigningKeys::load(&settings.key)?;
        let receiver = upstream(settings)?;
        let position = Position::beside(&config.ledger.dir);
        let end = ledger.status().next_sequence;
        let kept = position.load()?;
        let mut next = kept.unwrap_or(end);
        if next > end {
            tracing::warn!(
                next,
                end,
                "the position of [notify] is of another ledger: it begins at this one's end"
            );
            next = end;
        }
        if kept != Some(next) {
            // Before anything is decided, so that nothing that is can be missed.
            position.keep(next)?;
        }
        let mut reader = Reader::open_at(&config.ledger.dir, next)?;
        let subjects = SubjectKeys::open(&config.ledger.dir)?;
        let (stop, stopped) = watch::channel(false);
        let (settings, ledger, metrics) = (settings.clone(), ledger.clone(), Arc::clone(metrics));
        let thread = thread::Builder::new().name("notify".to_owned()).spawn(move || {
            let runtime = match actix_web::rt::Runtime::new() {
                Ok(runtime) => runtime,
                Err(error) => {
                    tracing::error!(%error, "nobody is told of blocks and holds");
                    return;
                }
            };
            runtime.block_on(async move {
                let follower = Follower {
                    client: receiver.client(),
                    keys,
                    ledger,
                    metrics,
                    next,
                    position,
                    settings,
                    stopped,
                    subjects,
                };
                follower.follow(&mut reader).await;
            });
        })?;
        Ok(Some(Self { stop, thread }))
    }

    /// Tells what is still to be told, for a moment, keeps the position, and ends.
    pub(super) fn stop(self) {
        self.stop.send(true).ok();
        if self.thread.join().is_err() {
            tracing::error!("the thread of [notify] has panicked");
        }
    }
}

struct Follower {
    client: UpstreamClient,
    keys: SigningKeys,
    ledger: Ledger,
    metrics: Arc<Metrics>,
    /// The first record that the receiver may not know of.
    next: u64,
    position: Position,
    settings: Notify,
    stopped: watch::Receiver<bool>,
    subjects: SubjectKeys,
}

impl Follower {
    async fn follow(mut self, reader: &mut Reader) {
        let mut stopped = self.stopped.clone();
        let mut kept = (self.next, Instant::now());
        {
            let work = self.work(reader, &mut kept);
            let farewell = async {
                // An error: nobody is left to stop it, so it ends as well.
                stopped.wait_for(|stopped| *stopped).await.ok();
                tokio::time::sleep(FAREWELL).await;
            };
            tokio::select! {
                () = work => {}
                () = farewell => {}
            }
        }
        self.keep(&mut kept);
    }

    /// Tells record after record; ends once it is told to and knows no more.
    async fn work(&mut self, reader: &mut Reader, kept: &mut (u64, Instant)) {
        loop {
            let synced = self.ledger.status().synced_sequence;
            if synced.is_none_or(|synced| self.next > synced) {
                self.behind(None);
                if kept.1.elapsed() >= KEEP {
                    self.keep(kept);
                }
                if *self.stopped.borrow() {
                    return;
                }
                tokio::select! {
                    () = tokio::time::sleep(LOOK) => {}
                    changed = self.stopped.changed() => if changed.is_err() {
                        return;
                    },
                }
                continue;
            }
            let read = match reader.next_record() {
                Ok(Some(record)) => {
                    let sequence = record.sequence;
                    message(record, &self.subjects, &self.settings.actions)
                        .map(|message| (sequence, message))
                        .map_err(|error| (sequence, error))
                }
                Ok(None) => {
                    // It is on the disk, and a segment may just be changing its name.
                    tokio::time::sleep(LOOK).await;
                    continue;
                }
                Err(error) => {
                    tracing::error!(%error, next = self.next, "[notify] cannot read the ledger");
                    self.behind(None);
                    tokio::time::sleep(TROUBLE).await;
                    continue;
                }
            };
            let (sequence, told) = match read {
                Ok((sequence, Some(message))) => {
                    // What was passed over before it is not looked at again, however long the receiver is away.
                    self.next = sequence;
                    self.tell(&message, kept).await;
                    (sequence, true)
                }
                Ok((sequence, None)) => (sequence, false),
                Err((sequence, error)) => {
                    tracing::error!(sequence, %error, "a record cannot be told of");
                    self.metrics.notified(false);
                    (sequence, false)
                }
            };
            self.next = sequence.saturating_add(1);
            let caught_up = synced.is_some_and(|synced| self.next > synced);
            if (told && caught_up) || kept.1.elapsed() >= KEEP {
                self.keep(kept);
            }
            if self.next.is_multiple_of(256) {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Sends a message until the receiver has it, or it is given up.
    async fn tell(&self, message: &Message, kept: &mut (u64, Instant)) {
        let (mut tries, mut refusals) = (0_u32, 0_u32);
        loop {
            self.behind(Some(message));
            tries = tries.saturating_add(1);
            let outcome = self.send(message).await;
            refusals = refusals.saturating_add(u32::from(outcome.is_refusal()));
            match after(outcome, tries, refusals, chance()) {
                Step::Delivered => {
                    self.metrics.notified(true);
                    return;
                }
                Step::GiveUp => {
                    self.metrics.notify_failed();
                    self.metrics.notified(false);
                    tracing::error!(
                        id = message.id,
                        tries,
                        ?outcome,
                        "undeliverable: the receiver refuses the message; it is not told of this decision"
                    );
                    return;
                }
                Step::Retry(pause) => {
                    self.metrics.notify_failed();
                    if tries == 1 {
                        tracing::warn!(
                            id = message.id,
                            ?outcome,
                            "the receiver of [notify] did not take a message: it is sent again"
                        );
                        self.keep(kept);
                    }
                    self.pause(pause, message).await;
                }
            }
        }
    }

    async fn send(&self, message: &Message) -> Outcome {
        let seconds = Timestamp::now().as_second();
        let signature = self.keys.sign(&message.id, seconds, &message.body);
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let agent = HeaderValue::from_static(concat!("interdict/", env!("CARGO_PKG_VERSION")));
        headers.insert(header::USER_AGENT, agent);
        for (name, value) in [
            ("webhook-id", message.id.as_str()),
            ("webhook-timestamp", &seconds.to_string()),
            ("webhook-signature", &signature),
        ] {
            match HeaderValue::from_str(value) {
                Ok(value) => headers.insert(name, value),
                // Ids and base64 are plain: this cannot be.
                Err(_) => return Outcome::Unanswered,
            };
        }
        let outgoing = Outgoing {
            body: OutgoingBody::Bytes(Bytes::from(message.body.clone())),
            headers,
            method: Method::POST,
            path_and_query: Bytes::from(self.settings.target.clone()),
        };
        match self.client.status(outgoing, self.settings.timeout).await {
            Ok(status) => Outcome::Answered(status.as_u16()),
            Err(error) => {
                tracing::debug!(id = message.id, %error, "no answer of the receiver");
                Outcome::Unanswered
            }
        }
    }

    /// Waits, and says meanwhile how old the message grows.
    async fn pause(&self, pause: Duration, message: &Message) {
        let until = Instant::now().checked_add(pause);
        while let Some(left) = until.and_then(|until| until.checked_duration_since(Instant::now()))
        {
            tokio::time::sleep(left.min(Duration::from_secs(1))).await;
            self.behind(Some(message));
        }
    }

    fn behind(&self, message: Option<&Message>) {
        let age = message.and_then(|message| message.at.parse::<Timestamp>().ok());
        let age = age.map_or(0.0, |at| Timestamp::now().duration_since(at).as_secs_f64().max(0.0));
        let unread = self.ledger.status().next_sequence.saturating_sub(self.next);
        self.metrics.notify_behind(unread, age);
    }

    fn keep(&self, kept: &mut (u64, Instant)) {
        if kept.0 != self.next {
            match self.position.keep(self.next) {
                Ok(()) => kept.0 = self.next,
                // The worst is that messages are told twice.
                Err(error) => tracing::error!(%error, "the position of [notify] is not kept"),
            }
        }
        kept.1 = Instant::now();
    }
}

/// What spreads the tries of many gateways: the random end of a fresh id.
/// The message of a record, if there is one.
fn message(
    record: Record<'_>,
    keys: &SubjectKeys,
    actions: &[Action],
) -> Result<Option<Message>, Unreadable> {
    if !record.parts().is_none_or(|parts| Message::may_be_of(parts.envelope)) {
        return Ok(None);
    }
    let view = Value::Object(record.view_with(keys)?).to_string();
    Ok(Message::of(view.as_bytes(), actions)?)
}

/// Why a record that may have to be told of is not.
#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error("{0}")]
    Message(#[from] crate::notify::Unreadable),
    #[error("{0}")]
    Record(#[from] LedgerError),
}

fn chance() -> u32 {
    let (_, low) = uuid::Uuid::now_v7().as_u64_pair();
    u32::try_from(low & u64::from(u32::MAX)).unwrap_or_default()
}
