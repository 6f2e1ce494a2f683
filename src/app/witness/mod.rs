//! Has the log's checkpoints cosigned by the witnesses of `[[ledger.witness]]`, on a thread of its own.
//!
//! Every `witness_interval` all witnesses are asked for the newest checkpoint, at the same time; what they cosigned is written as
//! `checkpoint.witnessed`. No request and no record ever waits for it. A witness that holds another history of this log than the log has
//! is told in the log each time, and shown as a metric: nothing else can find a ledger that was replaced by an older copy of itself.

mod ask;
mod kept;

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use tokio::sync::watch;

use crate::config::Config;
use crate::gateway::upstream::SetupError;
use crate::gateway::upstream::Upstream;
use crate::ledger::ServedLog;
use crate::merkle::KeyFault;
use crate::merkle::Signature;
use crate::merkle::VerifierKey;
use crate::settings;
use crate::settings::Witness;
use crate::telemetry::Metrics;

use ask::Asker;
use ask::Failure;

/// How often it looks for the first checkpoint.
const LOOK: Duration = Duration::from_millis(250);

/// Why no witness can be asked.
#[derive(Debug, thiserror::Error)]
pub enum WitnessesError {
    /// Its key.
    #[error("[[ledger.witness]] key: {0}")]
    Key(#[from] KeyFault),
    /// Its address or authorities.
    #[error("[[ledger.witness]]: {0}")]
    Setup(#[from] SetupError),
    /// No thread.
    #[error("[[ledger.witness]]: cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// The running thread.
#[derive(Debug)]
pub(super) struct Witnesses {
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

/// Everything but the asking.
///
/// # Errors
/// What would keep the witnesses from being asked.
pub(super) fn check(witnesses: &[Witness]) -> Result<(), WitnessesError> {
    witnesses.iter().try_for_each(|witness| set_up(witness).map(|_| ()))
}

fn set_up(witness: &Witness) -> Result<(Upstream, VerifierKey), WitnessesError> {
    let mut server = settings::Upstream::new("witness", witness.server.clone());
    server.tls.ca.clone_from(&witness.ca);
    server.keep_alive = 1;
    Ok((Upstream::new(&server)?, witness.key.parse()?))
}

impl Witnesses {
    /// Starts to ask, where the configuration names witnesses.
    ///
    /// # Errors
    /// Why none can be asked.
    pub(super) fn start(
        config: &Config,
        metrics: &Arc<Metrics>,
    ) -> Result<Option<Self>, WitnessesError> {
        let settings = &config.ledger;
        if settings.witnesses.is_empty() {
            return Ok(None);
        }
        let mut askers = Vec::new();
        for witness in &settings.witnesses {
            let (upstream, key) = set_up(witness)?;
            let target = Bytes::from(format!("{}/add-checkpoint", witness.prefix));
            askers.push((upstream, key, target));
        }
        let (dir, interval) = (settings.dir.clone(), settings.witness_interval);
        let metrics = Arc::clone(metrics);
        let (stop, stopped) = watch::channel(false);
        let thread = thread::Builder::new().name("witness".to_owned()).spawn(move || {
            let runtime = match actix_web::rt::Runtime::new() {
                Ok(runtime) => runtime,
                Err(error) => {
                    tracing::error!(%error, "no witness is asked");
                    return;
                }
            };
            runtime.block_on(async move {
                let of = |(upstream, key, target): (Upstream, VerifierKey, Bytes)| Asker {
                    client: upstream.client(),
                    key,
                    target,
                };
                let askers = askers.into_iter().map(of).collect();
                Rounds::new(askers, dir, metrics).run(interval, stopped).await;
            });
        })?;
        Ok(Some(Self { stop, thread }))
    }

    /// Ends, whatever is being asked.
    pub(super) fn stop(self) {
        self.stop.send(true).ok();
        if self.thread.join().is_err() {
            tracing::error!("the thread of [[ledger.witness]] has panicked");
        }
    }
}

/// A witness, and what is known of it.
struct Known {
    asker: Asker,
    /// Why it did not cosign the last time.
    failing: Option<String>,
    /// The size that it cosigned last, as far as is known.
    from: u64,
}

impl Known {
    fn name(&self) -> &str {
        self.asker.key.name().as_str()
    }
}

struct Rounds {
    dir: PathBuf,
    keys: Vec<VerifierKey>,
    log: ServedLog,
    metrics: Arc<Metrics>,
    witnesses: Vec<Known>,
}

impl Rounds {
    fn new(askers: Vec<Asker>, dir: PathBuf, metrics: Arc<Metrics>) -> Self {
        let log = ServedLog::of(&dir);
        let sizes = kept::sizes(&dir);
        let before = kept::witnessed(&log).ok().flatten();
        let known = |asker: Asker| {
            let name = asker.key.name().as_str();
            let time = before.as_ref().and_then(|note| kept::time(note, &asker.key));
            metrics.witness(name, time);
            Known { failing: None, from: sizes.get(name).copied().unwrap_or(0), asker }
        };
        let witnesses: Vec<Known> = askers.into_iter().map(known).collect();
        let keys = witnesses.iter().map(|known| known.asker.key.clone()).collect();
        Self { dir, keys, log, metrics, witnesses }
    }

    async fn run(mut self, interval: Duration, mut stopped: watch::Receiver<bool>) {
        loop {
            let wait = tokio::select! {
                asked = self.round() => if asked { interval } else { interval.min(LOOK) },
                _ = stopped.wait_for(|stopped| *stopped) => return,
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = stopped.wait_for(|stopped| *stopped) => return,
            }
        }
    }

    /// Asks all witnesses for the newest checkpoint. False if there is none yet.
    async fn round(&mut self) -> bool {
        let (note, checkpoint) = match self.log.published() {
            Ok(Some(published)) => published,
            Ok(None) => return false,
            Err(error) => {
                tracing::error!(%error, "no checkpoint can be given to witnesses");
                return true;
            }
        };
        let log = &self.log;
        let (asked_note, asked_checkpoint) = (&note, &checkpoint);
        let asked = self.witnesses.iter_mut().map(async |known| {
            known.asker.ask(log, asked_note, asked_checkpoint, &mut known.from).await
        });
        let answers = join_all(asked).await;
        let mut cosignatures = Vec::new();
        let published = self.log.size().unwrap_or(checkpoint.size());
        for (known, answer) in self.witnesses.iter_mut().zip(answers) {
            cosignatures.extend(tell(known, answer, published, &self.metrics));
        }
        self.keep(&note, &cosignatures);
        true
    }

    fn keep(&self, note: &crate::merkle::Note, cosignatures: &[Signature]) {
        let sizes: BTreeMap<String, u64> =
            self.witnesses.iter().map(|known| (known.name().to_owned(), known.from)).collect();
        let dir: &Path = &self.dir;
        let kept = (|| {
            if kept::sizes(dir) != sizes {
                kept::keep_sizes(dir, &sizes)?;
            }
            if !cosignatures.is_empty() {
                let before = kept::witnessed(&self.log).map_err(std::io::Error::other)?;
                kept::keep_witnessed(dir, note, cosignatures, before.as_ref(), &self.keys)?;
            }
            Ok::<_, std::io::Error>(())
        })();
        if let Err(error) = kept {
            tracing::error!(%error, "the witnessed checkpoint cannot be written");
        }
    }
}

/// Counts and tells what a witness answered; `published` is how many records the log has published by now.
fn tell(
    known: &mut Known,
    answer: Result<(Signature, u64), Failure>,
    published: u64,
    metrics: &Metrics,
) -> Option<Signature> {
    let name = known.name().to_owned();
    let failure = match answer {
        Ok((signature, time)) => {
            metrics.cosigned(&name, time);
            metrics.contradicted(&name, false);
            if known.failing.take().is_some() {
                tracing::info!(witness = name, "the witness cosigns again");
            }
            return Some(signature);
        }
        // Somebody else has shown it a newer checkpoint than was asked for: the next round continues there.
        Err(Failure::Ahead { theirs, .. }) if theirs <= published => return None,
        Err(failure) => failure,
    };
    metrics.not_cosigned(&name);
    let reason = failure.to_string();
    if failure.contradicts() {
        metrics.contradicted(&name, true);
        tracing::error!(witness = name, reason, "THE WITNESS HOLDS ANOTHER HISTORY OF THIS LOG");
    } else if known.failing.as_ref() != Some(&reason) {
        tracing::warn!(witness = name, reason, "the witness does not cosign");
    }
    known.failing = Some(reason);
    None
}
