//! The index's sled: pages by block and tag, and one entry that says for which log and how far they were made.

use std::path::Path;

use super::super::error::LedgerError;
use super::postings;
use super::postings::Bits;
use super::postings::Page;

/// Bytes that sled may keep in memory. Pages are small and asked for seldom.
const CACHE: u64 = 16 * 1024 * 1024;
/// Longer than the keys of pages, so that none is taken for it.
const META: &[u8] = b"interdict search index";
const FORMAT: u8 = 1;

/// For which log the pages were made, and how far.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Meta {
    /// Blocks that are in the index.
    pub(super) blocks: u64,
    /// The tree's root at that size.
    pub(super) root: [u8; 32],
    /// The name of the tags' key.
    pub(super) secret: [u8; 16],
}

/// The open index.
#[derive(Debug)]
pub(super) struct Index(sled::Db);

/// Why the index cannot be used.
#[derive(Debug)]
pub(super) enum Fault {
    /// It is not what was written, or sled has failed: it must be made anew.
    Index(String),
    /// The records cannot be read.
    Ledger(LedgerError),
}

impl From<LedgerError> for Fault {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

impl From<sled::Error> for Fault {
    fn from(error: sled::Error) -> Self {
        Self::Index(error.to_string())
    }
}

impl Index {
    /// Opens or creates it.
    pub(super) fn open(path: &Path) -> Result<Self, Fault> {
        // Written when asked to, and not by a thread of sled's own.
        let config = sled::Config::new().path(path).cache_capacity(CACHE).flush_every_ms(None);
        apart(|| Ok(Self(config.open()?)))
    }

    /// What it says of itself; none if it is new.
    pub(super) fn meta(&self) -> Result<Option<Meta>, Fault> {
        match self.0.get(META)? {
            Some(bytes) => match Meta::decode(&bytes) {
                Some(meta) => Ok(Some(meta)),
                None => Err(damaged("its own entry")),
            },
            None => Ok(None),
        }
    }

    /// Adds the pages of a block, and then says so, durably.
    pub(super) fn put(&self, pages: Vec<Page>, meta: Meta) -> Result<(), Fault> {
        let mut batch = sled::Batch::default();
        for page in pages {
            batch.insert(&page.key[..], page.bytes);
        }
        apart(|| {
            self.0.apply_batch(batch)?;
            // Whoever is killed here finds pages that nothing speaks of, and writes them again.
            self.0.flush()?;
            self.0.insert(META, meta.encode())?;
            self.0.flush()?;
            Ok(())
        })
    }

    /// The places of a tag in a block.
    pub(super) fn find(&self, block: u64, tag: u64) -> Result<Option<Bits>, Fault> {
        let found = self.0.range(postings::key(block, 0)..=postings::key(block, tag)).next_back();
        let (key, page) = found.transpose()?.ok_or_else(|| damaged("a missing page"))?;
        postings::look(&key, &page, tag).map_err(|_| damaged("a page that is not what was written"))
    }

    /// Bytes of its files.
    pub(super) fn bytes(&self) -> u64 {
        self.0.size_on_disk().unwrap_or_default()
    }

    /// Lets go of it, whatever state it is in.
    pub(super) fn close(self) {
        apart(move || {
            drop(self);
            Ok(())
        })
        .ok();
    }
}

impl Meta {
    fn encode(self) -> Vec<u8> {
        let mut bytes = vec![FORMAT];
        bytes.extend_from_slice(&self.blocks.to_be_bytes());
        bytes.extend_from_slice(&self.root);
        bytes.extend_from_slice(&self.secret);
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_be_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (rest, checksum) = bytes.split_last_chunk::<4>()?;
        let (blocks, rest) = rest.strip_prefix(&[FORMAT])?.split_first_chunk::<8>()?;
        let (root, rest) = rest.split_first_chunk::<32>()?;
        let secret = *rest.first_chunk::<16>()?;
        let meta = Self { blocks: u64::from_be_bytes(*blocks), root: *root, secret };
        (*checksum == crc32c::crc32c(bytes.strip_suffix(checksum)?).to_be_bytes()
            && meta.encode() == bytes)
            .then_some(meta)
    }
}

/// Runs `work` on a thread of its own: a panic of sled is an error.
pub(super) fn apart<T: Send>(work: impl FnOnce() -> Result<T, Fault> + Send) -> Result<T, Fault> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("ledger-index-io".to_owned());
        let spawned = thread.spawn_scoped(scope, work);
        let thread = spawned.map_err(|error| Fault::Index(error.to_string()))?;
        thread.join().unwrap_or_else(|_| Err(Fault::Index("sled panicked".to_owned())))
    })
}

fn damaged(what: &str) -> Fault {
    Fault::Index(format!("it is damaged: {what}"))
}
