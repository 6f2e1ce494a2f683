//! An MMDB in memory whose records have all been read at load, so that a look-up decodes nothing and cannot fail.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::path::Path;

use jiff::Timestamp;
use maxminddb::MaxMindDbError;
use maxminddb::Reader;
use maxminddb::WithinOptions;

use super::error::GeoError;
use super::record::Facts;
use super::record::Reading;

/// One database: its search tree, and what each of its records says.
pub(super) struct Database {
    built: Timestamp,
    facts: HashMap<usize, Facts>,
    reader: Reader<Vec<u8>>,
}

/// What a database is asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Wanted {
    /// Classes alone.
    Classes,
    /// A country, and classes where it has them.
    Countries,
}

impl Database {
    /// True if these bytes claim to be an MMDB: they bear the marker of its metadata.
    pub(super) fn recognises(bytes: &[u8]) -> bool {
        memchr::memmem::rfind(bytes, b"\xab\xcd\xefMaxMind.com").is_some()
    }

    /// Reads every network and every record once. `Reader::verify` would refuse real files for an empty description,
    /// and a few look-ups would miss damage elsewhere; the whole walk takes well under a second for a country file.
    ///
    /// # Errors
    /// When the bytes are no MMDB, or any network or record of it cannot be read, or none says what is wanted.
    pub(super) fn new(path: &Path, bytes: Vec<u8>, wanted: Wanted) -> Result<Self, GeoError> {
        let corrupt = |source| GeoError::Corrupt { path: path.to_owned(), source };
        let reader = Reader::from_source(bytes).map_err(corrupt)?;
        let metadata = reader.metadata();
        let built = metadata.build_time().map_err(corrupt)?;
        let built = Timestamp::try_from(built).map_err(|_| {
            corrupt(MaxMindDbError::InvalidDatabase {
                message: "its build time is out of range".to_owned(),
                offset: None,
            })
        })?;
        let (facts, told) = read_all(&reader, path, wanted)?;
        if !told {
            return Err(GeoError::Mute {
                path: path.to_owned(),
                kind: metadata.database_type.clone(),
                wanted: match wanted {
                    Wanted::Classes => "a class",
                    Wanted::Countries => "a country or a class",
                },
            });
        }
        Ok(Self { built, facts, reader })
    }

    /// When the database says that it was built.
    pub(super) const fn built(&self) -> Timestamp {
        self.built
    }

    /// What its record of an address says; nothing for an address it has no record of.
    pub(super) fn find(&self, address: IpAddr) -> Option<Facts> {
        // The one error left after the walk is an IPv6 address asked of an IPv4 database.
        let offset = self.reader.lookup(address).ok()?.offset()?;
        self.facts.get(&offset).copied()
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("reader", &self.reader).finish_non_exhaustive()
    }
}

/// Every record by its offset, and whether any has a field that tells what is wanted.
fn read_all(
    reader: &Reader<Vec<u8>>,
    path: &Path,
    wanted: Wanted,
) -> Result<(HashMap<usize, Facts>, bool), GeoError> {
    let corrupt = |source| GeoError::Corrupt { path: path.to_owned(), source };
    // A tree has one leaf more than nodes. Writers may share equal subtrees, so some slack is lawful; a damaged tree
    // that shares its nodes throughout would be walked for ever.
    let leaves = u64::from(reader.metadata().node_count).saturating_mul(8).saturating_add(1024);
    let mut seen = 0_u64;
    let mut facts = HashMap::new();
    let mut told = false;
    let all = WithinOptions::default().include_networks_without_data();
    for network in reader.networks(all).map_err(corrupt)? {
        seen = seen.saturating_add(1);
        if seen > leaves {
            return Err(GeoError::Tree { path: path.to_owned() });
        }
        let network = network.map_err(corrupt)?;
        if let Some(offset) = network.offset()
            && let Entry::Vacant(vacant) = facts.entry(offset)
            && let Some(record) = network.decode::<Reading>().map_err(corrupt)?
        {
            told |= record.tells_classes || wanted == Wanted::Countries && record.tells_country;
            vacant.insert(record.facts);
        }
    }
    Ok((facts, told))
}
