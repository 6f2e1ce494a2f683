//! The rules of a witness (C2SP tlog-witness, `add-checkpoint`), without HTTP.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use crate::merkle::AddCheckpoint;
use crate::merkle::Checkpoint;
use crate::merkle::Cosignature;
use crate::merkle::Hash;
use crate::merkle::KeyKind;
use crate::merkle::KeyName;
use crate::merkle::Note;
use crate::merkle::NoteFault;
use crate::merkle::SigningKey;
use crate::merkle::VerifierKey;
use crate::merkle::cosign;
use crate::merkle::verify_consistency;
use crate::model::Clock;

use super::error::WitnessError;
use super::key;
use super::store::Store;
use super::store::origin_hash;

/// What a witness is made of.
#[derive(Clone, Debug)]
pub struct WitnessSettings {
    /// File of the signing key, made with an empty state.
    pub key: PathBuf,
    /// Keys of the logs that it watches; several of one name are keys of one log.
    pub logs: Vec<VerifierKey>,
    /// Its name in its cosignatures.
    pub name: KeyName,
    /// Folder of what it has cosigned.
    pub state: PathBuf,
}

/// Why a checkpoint is not cosigned: each is one status of the specification.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// 409: the client supposes another last size.
    #[error("the last tree that was cosigned has {size} leaves")]
    Conflict {
        /// Leaves of the last tree that was cosigned; 0 if none was.
        size: u64,
    },
    /// 422: the tree does not continue the last one, or the proof does not show it.
    #[error("{0}")]
    Inconsistent(String),
    /// 400: it is no request.
    #[error("{0}")]
    Malformed(String),
    /// 404: the log is not watched here.
    #[error("the log `{0}` is not watched here")]
    UnknownLog(String),
    /// 500: what would be cosigned cannot be kept.
    #[error("the witness cannot keep its state")]
    Unkept,
    /// 403: no known key of the log signed, or a signature is false.
    #[error("{0}")]
    Unsigned(String),
}

/// A witness.
#[derive(Debug)]
pub struct Witness {
    clock: Arc<dyn Clock>,
    key: SigningKey,
    logs: BTreeMap<String, Log>,
    name: KeyName,
    store: Store,
}

/// A log that is watched.
#[derive(Debug)]
struct Log {
    hash: String,
    keys: Vec<VerifierKey>,
    last: Mutex<Option<Last>>,
}

/// The last checkpoint that was cosigned.
#[derive(Clone, Debug)]
struct Last {
    note: String,
    root: Hash,
    size: u64,
    time: u64,
}

impl Witness {
    /// Takes key and state, and reads what was cosigned.
    ///
    /// # Errors
    /// Key and state do not belong together, or the state is not what was written; `Io`.
    pub fn open(settings: &WitnessSettings, clock: Arc<dyn Clock>) -> Result<Self, WitnessError> {
        let store = Store::open(&settings.state)?;
        let key = key::take(&settings.key, &settings.state, &settings.name)?;
        let mut logs: BTreeMap<String, Log> = BTreeMap::new();
        for log in &settings.logs {
            if log.kind() != KeyKind::Ed25519 {
                return Err(WitnessError::NotALog { name: log.name().to_string() });
            }
            let known = logs.entry(log.name().to_string()).or_insert_with_key(|origin| Log {
                hash: origin_hash(origin),
                keys: Vec::new(),
                last: Mutex::new(None),
            });
            if !known.keys.contains(log) {
                known.keys.push(log.clone());
            }
        }
        let own = key.verifier(settings.name.clone(), KeyKind::Cosignature);
        for (origin, log) in &mut logs {
            if let Some(note) = store.load(&log.hash)? {
                let last = Last::read(note, origin, &own);
                let path = store.path(&log.hash);
                let last = last.map_err(|reason| WitnessError::State { path, reason })?;
                log.last = Mutex::new(Some(last));
            }
        }
        Ok(Self { clock, key, logs, name: settings.name.clone(), store })
    }

    /// Its verifier key, which logs and auditors are told.
    pub fn verifier(&self) -> VerifierKey {
        self.key.verifier(self.name.clone(), KeyKind::Cosignature)
    }

    /// Cosigns the checkpoint of a request's body, once it is kept; returns the answer's body.
    ///
    /// # Errors
    /// Why not. Nothing has changed then, but that after `Unkept` the checkpoint may be on the disk.
    pub fn add_checkpoint(&self, body: &str) -> Result<String, Refusal> {
        let malformed = |fault: &dyn std::fmt::Display| Refusal::Malformed(fault.to_string());
        let asked: AddCheckpoint = body.parse().map_err(|fault| malformed(&fault))?;
        let checkpoint = Checkpoint::parse(asked.checkpoint.text());
        let checkpoint = checkpoint.map_err(|fault| malformed(&fault))?;
        let origin = checkpoint.origin();
        let log = self.logs.get(origin);
        let log = log.ok_or_else(|| Refusal::UnknownLog(origin.to_owned()))?;
        let signed = asked.checkpoint.verify(&log.keys);
        signed.map_err(|fault| Refusal::Unsigned(fault.to_string()))?;
        let (old, size) = (asked.old, checkpoint.size());
        if old > size {
            return Err(Refusal::Malformed(format!(
                "the old size {old} is larger than the checkpoint's {size}"
            )));
        }
        // INVARIANT: held from here to the end, so that what is compared is what is replaced.
        let mut last = log.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (last_size, last_root, last_time) =
            last.as_ref().map_or((0, Hash::EMPTY, 0), |last| (last.size, last.root, last.time));
        if old != last_size {
            return Err(Refusal::Conflict { size: last_size });
        }
        let proven = verify_consistency(old, &last_root, size, checkpoint.root(), &asked.proof);
        if let Err(fault) = proven {
            if old == size && last_root != *checkpoint.root() {
                self.forked(log, origin, &asked.checkpoint, size);
            }
            return Err(Refusal::Inconsistent(fault.to_string()));
        }
        let now = u64::try_from(self.clock.now().as_second()).unwrap_or(0);
        // A cosignature says what was the largest tree at its time: a clock that steps back would contradict the one before.
        let time = now.max(last_time).max(1);
        let cosignature = cosign(asked.checkpoint.text(), &self.name, &self.key, time);
        let cosignature = cosignature.map_err(|fault| malformed(&fault))?.to_string();
        let note = noted(&asked.checkpoint, &log.keys, &cosignature);
        if let Err(error) = self.store.keep(&log.hash, &note) {
            tracing::error!(%error, origin, "a checkpoint could not be kept, and was not cosigned");
            return Err(Refusal::Unkept);
        }
        *last = Some(Last { note, root: *checkpoint.root(), size, time });
        Ok(format!("{cosignature}\n"))
    }

    /// The last checkpoint that was cosigned of the log whose origin has this hash, with the cosignature; none if none was.
    pub fn checkpoint(&self, origin_hash: &str) -> Option<String> {
        let log = self.logs.values().find(|log| log.hash == origin_hash)?;
        let last = log.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().map(|last| last.note.clone())
    }

    /// Two signed trees of one size: the log itself has shown that it is not to be trusted.
    fn forked(&self, log: &Log, origin: &str, note: &Note, size: u64) {
        tracing::error!(origin, size, "the log has signed two different trees of this size");
        if let Err(error) = self.store.keep_fork(&log.hash, &note.to_string()) {
            tracing::error!(%error, origin, "what shows it could not be kept");
        }
    }
}

impl Last {
    fn read(note: String, origin: &str, own: &VerifierKey) -> Result<Self, String> {
        let fault = |fault: &dyn std::fmt::Display| fault.to_string();
        let parsed = Note::parse(&note).map_err(|error| fault(&error))?;
        let checkpoint = Checkpoint::parse(parsed.text()).map_err(|error| fault(&error))?;
        if checkpoint.origin() != origin {
            return Err(format!("it is of `{}`", checkpoint.origin()));
        }
        let signature = parsed.signatures().iter().find(|signature| signature.is_by(own));
        let signature = signature.ok_or_else(|| fault(&NoteFault::Unsigned))?;
        let cosignature = Cosignature::verify(parsed.text(), signature, own);
        let time = cosignature.map_err(|error| fault(&error))?.time;
        Ok(Self { root: *checkpoint.root(), size: checkpoint.size(), time, note })
    }
}

/// The checkpoint with the signatures that were verified, and the cosignature behind them.
fn noted(checkpoint: &Note, keys: &[VerifierKey], cosignature: &str) -> String {
    let mut note = format!("{}\n", checkpoint.text());
    let known = |signature: &&crate::merkle::Signature| keys.iter().any(|key| signature.is_by(key));
    for signature in checkpoint.signatures().iter().filter(known) {
        note.push_str(&signature.to_string());
        note.push('\n');
    }
    note.push_str(cosignature);
    note.push('\n');
    note
}
