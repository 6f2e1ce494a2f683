//! How a change is made: checked against the state, recorded, kept, applied; one at a time.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::sync::RwLockReadGuard;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use serde_json::Value;
use tokio::sync::Mutex;
use tokio::sync::watch;

use crate::ledger::Entry;
use crate::ledger::Head;
use crate::ledger::Ledger;
use crate::ledger::LedgerError;
use crate::ledger::Reader;
use crate::ledger::SubjectKeys;
use crate::model::Actor;
use crate::model::Clock;
use crate::model::DecisionId;
use crate::model::Retention;

use super::clock::now;
use super::error::ControlError;
use super::event::Change;
use super::event::Event;
use super::reviews::Holds;
use super::state::State;
use super::store::Store;

/// The kind of a change's record.
const KIND: &str = "change";
/// The longest reason, in bytes.
const REASON: usize = 4_000;

/// What the control plane is made of.
#[derive(Clone, Debug)]
pub struct ControlSettings {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// `[ledger] dir`.
    pub ledger_dir: PathBuf,
    /// How long records are kept, for what they say themselves.
    pub retention: Retention,
    /// `[store] dir`.
    pub store_dir: PathBuf,
}

/// The control plane; clones share it.
#[derive(Clone, Debug)]
pub struct Control {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) holds: Holds,
    pub(super) ledger: Ledger,
    pub(super) settings: ControlSettings,
    pub(super) store: Store,
    /// Told after each change.
    changed: watch::Sender<u64>,
    state: RwLock<State>,
    /// Whoever holds it changes something. What is checked under it is still so when the change is applied.
    turn: Mutex<()>,
    /// A change whose record failed while it was put on the disk: it may be there all the same once the ledger has healed.
    doubt: std::sync::Mutex<Option<(u64, DecisionId)>>,
    /// A change is recorded and not in the store: the next start must read the ledger from there on.
    unkept: AtomicBool,
}

/// Whoever has it is the only one who changes something.
#[derive(Debug)]
pub struct Turn<'a> {
    control: &'a Control,
    _turn: tokio::sync::MutexGuard<'a, ()>,
}

impl Control {
    /// Opens the store, and takes over from the ledger what the store does not have: all of it, if the store was lost.
    ///
    /// # Errors
    /// When the store or the ledger cannot be read.
    pub fn open(settings: ControlSettings, ledger: Ledger) -> Result<Self, ControlError> {
        let store = Store::open(&settings.store_dir)?;
        let end = ledger.status().next_sequence;
        if store.position()? > end || !is_of(&store, &settings.ledger_dir)? {
            tracing::warn!(
                "the control plane's store is of another ledger: it is made again from this one"
            );
            store.clear()?;
        }
        let mut state = State::default();
        for event in store.events()? {
            state.apply(&event);
        }
        let holds = Holds::open(store.tree("reviews")?, end)?;
        let (changed, _) = watch::channel(0);
        let (state, turn) = (RwLock::new(state), Mutex::new(()));
        let (doubt, unkept) = (std::sync::Mutex::default(), AtomicBool::new(false));
        let inner = Inner { holds, ledger, settings, store, changed, doubt, state, turn, unkept };
        let control = Self { inner: Arc::new(inner) };
        control.catch_up(end)?;
        control.holds().used().iter().for_each(|id| control.state().reviews.note_used(id));
        Ok(control)
    }

    /// The state now. Not to be held across an await.
    pub fn state(&self) -> RwLockReadGuard<'_, State> {
        self.inner.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Resolves after every change.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.inner.changed.subscribe()
    }

    /// Waits until nobody else changes anything.
    pub async fn turn(&self) -> Turn<'_> {
        Turn { control: self, _turn: self.inner.turn.lock().await }
    }

    /// Makes one change: `check` looks at the state and says what is to change, or why nothing may.
    ///
    /// # Errors
    /// What `check` says; `Invalid` for a reason that is too long; `Ledger` when it cannot be recorded.
    pub async fn change(
        &self,
        actor: &Actor,
        reason: &str,
        check: impl FnOnce(&State) -> Result<Change, ControlError>,
    ) -> Result<Event, ControlError> {
        let turn = self.turn().await;
        let change = check(&self.state())?;
        turn.make(actor, reason, change).await
    }

    /// The control plane has looked at the ledger up to this record: a start need not do it again.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn looked_at(&self, position: u64) -> Result<(), ControlError> {
        // While somebody changes something, their record may be on the disk already and not in the store: it must not be passed over.
        let Ok(_turn) = self.inner.turn.try_lock() else { return Ok(()) };
        let is_whole = !self.inner.unkept.load(Ordering::Acquire) && self.doubt().is_none();
        match is_whole && position > self.inner.store.position()? {
            true => self.inner.store.keep_position(position),
            false => Ok(()),
        }
    }

    /// Takes over events that are in the ledger and not in the store.
    fn catch_up(&self, end: u64) -> Result<(), ControlError> {
        let Inner { settings, store, .. } = &*self.inner;
        let from = store.position()?;
        if from >= end {
            return Ok(());
        }
        let mut reader = Reader::open_at(&settings.ledger_dir, from)?;
        let keys = SubjectKeys::open(&settings.ledger_dir)?;
        let mut taken = 0_u64;
        while let Some(record) = reader.next_record()? {
            if record.sequence >= end {
                break;
            }
            let of_change = record.parts().is_some_and(|parts| is_change(parts.envelope));
            if !of_change {
                continue;
            }
            let unreadable = || LedgerError::Unreadable { sequence: record.sequence };
            let view = record.view_with(&keys)?;
            let read = Event::read(view, record.sequence).map_err(|_| unreadable());
            let Some(event) = read? else {
                tracing::warn!(
                    sequence = record.sequence,
                    "a change cannot be taken over: its personal part was masked or erased"
                );
                continue;
            };
            store.keep(&event)?;
            self.apply(&event);
            taken = taken.saturating_add(1);
        }
        store.keep_position(end)?;
        if taken > 0 {
            tracing::info!(
                events = taken,
                "changes of the control plane taken over from the ledger"
            );
        }
        Ok(())
    }

    fn doubt(&self) -> MutexGuard<'_, Option<(u64, DecisionId)>> {
        self.inner.doubt.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As if the record of that change had failed.
    #[cfg(test)]
    pub(super) fn doubts(&self, sequence: u64, id: DecisionId) {
        *self.doubt() = Some((sequence, id));
    }

    /// Finds out what became of a change whose record failed. Where it is on record after all, nothing is changed before the next start
    /// takes it over: what comes behind it was checked without it, and would hide it.
    fn settle(&self) -> Result<(), ControlError> {
        let Some((sequence, id)) = *self.doubt() else { return Ok(()) };
        let status = self.inner.ledger.status();
        if let Some(reason) = status.failed {
            return Err(LedgerError::Failed { reason }.into());
        }
        let is_synced = status.synced_sequence.is_some_and(|synced| synced >= sequence);
        if !is_synced && status.next_sequence > sequence {
            return Err(ControlError::Store(format!(
                "it is not known yet whether change {id} is on record: try again in a moment"
            )));
        }
        if is_synced && is_there(&self.inner.settings.ledger_dir, sequence, id)? {
            return Err(ControlError::Store(format!(
                "change {id} was answered with an error, and is on record: restart the gateway, which takes it over"
            )));
        }
        *self.doubt() = None;
        Ok(())
    }

    fn apply(&self, event: &Event) {
        self.inner.state.write().unwrap_or_else(PoisonError::into_inner).apply(event);
        self.inner.changed.send_modify(|count| *count = count.wrapping_add(1));
    }
}

impl Control {
    /// Something small that an area keeps beside its events.
    pub(super) fn kept(&self, name: &str) -> Result<Option<Vec<u8>>, ControlError> {
        Ok(self.inner.store.tree("kept")?.get(name)?.map(|bytes| bytes.to_vec()))
    }

    /// Keeps it.
    pub(super) fn keep(&self, name: &str, bytes: &[u8]) -> Result<(), ControlError> {
        self.inner.store.tree("kept")?.insert(name, bytes)?;
        Ok(())
    }
}

impl Turn<'_> {
    /// Whose turn it is.
    pub(super) const fn control(&self) -> &Control {
        self.control
    }

    /// The state, which nobody else changes meanwhile.
    pub fn state(&self) -> RwLockReadGuard<'_, State> {
        self.control.state()
    }

    /// Records a change that was checked in this turn, durably, and applies it.
    ///
    /// # Errors
    /// `Invalid` for a reason that is too long; `Ledger` when it cannot be recorded; `Store` when it is recorded and could not be
    /// kept beside: it is applied all the same; or when one before it came onto record after its failure was told.
    pub async fn make(
        &self,
        actor: &Actor,
        reason: &str,
        change: Change,
    ) -> Result<Event, ControlError> {
        let Inner { ledger, settings, store, .. } = &*self.control.inner;
        if reason.len() > REASON {
            return Err(ControlError::Invalid(format!("reason: longer than {REASON} bytes")));
        }
        self.control.settle()?;
        let at = now(&*settings.clock);
        let mut event = Event {
            action: change.action().to_owned(),
            actor: actor.clone(),
            at,
            change,
            id: DecisionId::new(at),
            reason: reason.trim().to_owned(),
            sequence: 0,
        };
        let written = event.written(settings.retention)?;
        let queued = ledger.enqueue(
            at,
            &Entry {
                document: Some(&written.document),
                head: Head::Plain,
                id: event.id,
                kind: KIND,
                personal: written.personal.as_deref(),
                subject: written.subject.as_deref(),
            },
        )?;
        let sequence = queued.sequence();
        event.sequence = match ledger.commit(queued).await {
            Ok(receipt) => receipt.sequence(),
            Err(error) => {
                tracing::error!(change = %event.id, %error, "a change was not put on record; it is looked for before the next");
                *self.control.doubt() = Some((sequence, event.id));
                return Err(error.into());
            }
        };
        let kept = match self.control.inner.unkept.load(Ordering::Acquire) {
            // What comes behind one that is missing must not hide it.
            true => Err(ControlError::Store("a change before this one is not in it".to_owned())),
            false => store.keep(&event),
        };
        if kept.is_err() {
            self.control.inner.unkept.store(true, Ordering::Release);
        }
        self.control.apply(&event);
        kept?;
        Ok(event)
    }
}

/// Whether the record of that number is the one of that id.
fn is_there(ledger: &Path, sequence: u64, id: DecisionId) -> Result<bool, ControlError> {
    let mut reader = Reader::open_at(ledger, sequence)?;
    let Some(record) = reader.next_record()? else { return Ok(false) };
    let is_id = |view: &Value| view.as_str() == Some(&*id.to_string());
    Ok(record.sequence == sequence && record.view()?.get("id").is_some_and(is_id))
}

/// Whether a store is of this ledger: its last change stands there. One without any is of whatever ledger there is.
fn is_of(store: &Store, ledger: &Path) -> Result<bool, ControlError> {
    let Some(last) = store.last()? else {
        if store.position()? > 0 {
            // It may have looked past changes of this one.
            store.keep_position(0)?;
        }
        return Ok(true);
    };
    is_there(ledger, last.sequence, last.id).or_else(|error| {
        tracing::warn!(%error, "whether the control plane's store is of this ledger cannot be read");
        Ok(true)
    })
}

/// True for the envelope of a change: canonical JSON, so the member has one spelling, and no text can hold it unescaped.
fn is_change(envelope: &[u8]) -> bool {
    const MEMBER: &[u8] = b"\"kind\":\"change\"";
    memchr::memmem::find(envelope, MEMBER).is_some()
}
