//! The events on disk (sled), so that a start need not walk the whole ledger. Never the only copy.

use std::path::Path;

use sled::Db;
use sled::Tree;
use sled::transaction::TransactionError;

use super::error::ControlError;
use super::event::Event;

/// The folder below `[store] dir`.
const FOLDER: &str = "control";
/// The next record of the ledger that has not been looked at.
const POSITION: &[u8] = b"position";

/// The store.
#[derive(Clone, Debug)]
pub(super) struct Store {
    db: Db,
    events: Tree,
    meta: Tree,
}

impl Store {
    /// Opens it, or makes it.
    pub(super) fn open(dir: &Path) -> Result<Self, ControlError> {
        let folder = dir.join(FOLDER);
        private_folder(&folder)
            .map_err(|error| ControlError::Store(format!("`{}`: {error}", folder.display())))?;
        let db = sled::Config::new().path(&folder).cache_capacity(16 << 20).open();
        let db = db.map_err(|error| {
            let folder = folder.display();
            ControlError::Store(format!(
                "{error}: `{folder}` is of one gateway; give each its own `[store] dir`"
            ))
        })?;
        let (events, meta) = (db.open_tree("events")?, db.open_tree("meta")?);
        Ok(Self { db, events, meta })
    }

    /// A table of an area.
    pub(super) fn tree(&self, name: &str) -> Result<Tree, ControlError> {
        Ok(self.db.open_tree(name)?)
    }

    /// Every event, in order.
    pub(super) fn events(&self) -> Result<Vec<Event>, ControlError> {
        let mut events = Vec::new();
        for entry in &self.events {
            let (_, event) = entry?;
            events.push(serde_json::from_slice(&event)?);
        }
        Ok(events)
    }

    /// The last event.
    pub(super) fn last(&self) -> Result<Option<Event>, ControlError> {
        let last = self.events.last()?;
        Ok(last.map(|(_, event)| serde_json::from_slice(&event)).transpose()?)
    }

    /// Where to go on in the ledger.
    pub(super) fn position(&self) -> Result<u64, ControlError> {
        let bytes = self.meta.get(POSITION)?;
        let bytes = bytes.as_deref().and_then(|bytes| bytes.try_into().ok());
        Ok(bytes.map_or(0, u64::from_be_bytes))
    }

    /// Keeps an event; the ledger has been looked at up to it.
    pub(super) fn keep(&self, event: &Event) -> Result<(), ControlError> {
        use sled::Transactional as _;
        let bytes = serde_json::to_vec(event)?;
        let sequence = event.sequence;
        let kept = (&self.events, &self.meta).transaction(|(events, meta)| {
            events.insert(&sequence.to_be_bytes(), bytes.as_slice())?;
            meta.insert(POSITION, &sequence.saturating_add(1).to_be_bytes())?;
            Ok(())
        });
        kept.map_err(|error: TransactionError<()>| ControlError::Store(format!("{error:?}")))?;
        self.db.flush()?;
        Ok(())
    }

    /// Forgets everything: it is of another ledger.
    pub(super) fn clear(&self) -> Result<(), ControlError> {
        for name in self.db.tree_names() {
            if name != b"__sled__default" {
                self.db.open_tree(name)?.clear()?;
            }
        }
        self.db.flush()?;
        Ok(())
    }

    /// The ledger has been looked at up to here.
    pub(super) fn keep_position(&self, position: u64) -> Result<(), ControlError> {
        self.meta.insert(POSITION, &position.to_be_bytes())?;
        self.db.flush()?;
        Ok(())
    }
}

fn private_folder(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}
