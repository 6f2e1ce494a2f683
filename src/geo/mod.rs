//! Address to evidence over tables in memory: which country an address is in, what class it is of, and who says so.
//!
//! A [`GeoTables`] is built once from files, whole or not at all, and never changes; a reload builds another. Asking it
//! does no I/O, decodes nothing, cannot fail and does not allocate for up to two sources.
//!
//! What it must never do: take silence, damage or age for "foreign". Each of those is a missing or unreadable country.
//!
//! The order of asking (DESIGN 5, 13):
//! 1. An embedded IPv4 address is unwrapped (IPv4-mapped, NAT64, 6to4).
//! 2. The operator's networks: where one holds the address, its longest prefix decides country and class alone.
//! 3. Reserved addresses have no country (RFC 6890); class lists are still asked.
//! 4. Every other source is asked and its answer kept. If one says United States that holds, else the first that says
//!    something; classes add up.
//!
//! A source older than `max_age` says no country. Its classes still count: a class only ever takes trust away, and an
//! address must not look cleaner because a list is old. An address in an old networks file is asked of the other sources
//! too, but of their countries only the United States counts. The embedded table bears no date, so it is never stale:
//! it is as old as the release, and `databases` is the way to a fresher one.
//!
//! Formats: `MaxMind` DB 2.0; CSV by RFC 4180. The embedded table is the regional registries' (where an address was
//! assigned, not where it is used).

mod address;
mod database;
mod error;
mod prefix;
mod record;
mod rows;
mod source;
#[cfg(test)]
#[path = "../../tests/support/mmdb.rs"]
mod testdb;

use std::fs::File;
use std::io::{self, Read};
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use smallvec::SmallVec;

use crate::model::AddressClasses;
use crate::model::AddressEvidence;
use crate::model::AddressOrigin;
use crate::model::Country;
use crate::model::CountryReading;
use crate::model::GeoAnswer;
use crate::settings::Geo;

use address::is_reserved;
use database::Database;
use database::Wanted;
use prefix::PrefixTable;
use record::Facts;

pub use address::{parse_address, unwrap_embedded};
pub use error::{GeoError, GeoErrors};
pub use source::{GeoSource, GeoSourceKind};

/// Every source, loaded.
#[derive(Debug)]
pub struct GeoTables {
    layers: Vec<Layer>,
    networks: Option<(GeoSource, PrefixTable<Facts>)>,
}

#[derive(Debug)]
struct Layer {
    source: GeoSource,
    table: Table,
}

#[derive(Debug)]
enum Table {
    ClassDatabase(Database),
    ClassList(PrefixTable<AddressClasses>),
    Database(Database),
    Embedded,
}

impl GeoTables {
    /// Loads every source of `settings`.
    ///
    /// # Errors
    /// Every problem of every file at once, by file and line. Nothing is half loaded.
    pub fn load(settings: &Geo) -> Result<Self, GeoErrors> {
        let mut problems = Vec::new();
        let max_age = settings.max_age;
        let mut layers = Vec::new();
        for path in &settings.databases {
            keep(
                database_layer(path, max_age).map_err(|error| vec![error]),
                &mut layers,
                &mut problems,
            );
        }
        if settings.embedded || settings.databases.is_empty() {
            layers.push(Layer::embedded());
        }
        for path in &settings.classes {
            keep(class_layer(path, max_age), &mut layers, &mut problems);
        }
        let mut networks = Vec::new();
        if let Some(path) = &settings.networks {
            keep(networks_layer(path, max_age), &mut networks, &mut problems);
        }
        GeoErrors::none_or(problems, Self { layers, networks: networks.pop() })
    }

    /// The embedded registry table alone.
    pub fn embedded() -> Self {
        Self { layers: vec![Layer::embedded()], networks: None }
    }

    /// What is known of an address at `now`, which alone decides what is stale.
    pub fn locate(
        &self,
        address: IpAddr,
        origin: AddressOrigin,
        now: Timestamp,
    ) -> AddressEvidence {
        let address = unwrap_embedded(address);
        let mut evidence = AddressEvidence {
            address: Some(address),
            answers: SmallVec::new(),
            classes: AddressClasses::NONE,
            country: CountryReading::Missing,
            origin,
        };
        let own =
            self.networks.as_ref().and_then(|(source, table)| Some((source, table.find(address)?)));
        let mut stale_network = false;
        if let Some((source, facts)) = own {
            stale_network = source.stale(now);
            take(&mut evidence, source, facts, stale_network);
            if !stale_network {
                return evidence;
            }
        }
        let reserved = is_reserved(address);
        for layer in &self.layers {
            if let Some(facts) = layer.ask(address, reserved) {
                take(&mut evidence, &layer.source, facts, layer.source.stale(now));
            }
        }
        if stale_network && !says_us(evidence.country) {
            evidence.country = CountryReading::Missing;
        }
        evidence
    }

    /// Every source, the operator's networks first, then in the order of asking.
    pub fn sources(&self) -> impl Iterator<Item = &GeoSource> {
        let networks = self.networks.iter().map(|(source, _)| source);
        networks.chain(self.layers.iter().map(|layer| &layer.source))
    }
}

impl Layer {
    fn embedded() -> Self {
        let source = GeoSource::new(GeoSourceKind::Embedded, "iptocc", None, None);
        Self { source, table: Table::Embedded }
    }

    /// The layer's answer; `None` from a country source that was not to be asked, or a class source that has none.
    fn ask(&self, address: IpAddr, reserved: bool) -> Option<Facts> {
        let classes_only = |classes: AddressClasses| {
            (!classes.is_empty()).then_some(Facts { classes, country: CountryReading::Missing })
        };
        match &self.table {
            Table::ClassDatabase(database) => classes_only(database.find(address)?.classes),
            Table::ClassList(table) => classes_only(table.find(address)?),
            Table::Database(_) | Table::Embedded if reserved => None,
            Table::Database(database) => Some(database.find(address).unwrap_or(NOTHING)),
            Table::Embedded => {
                Some(iptocc::country_code(address).map_or(NOTHING, |code| Facts {
                    country: record::read_country(code),
                    ..NOTHING
                }))
            }
        }
    }
}

const NOTHING: Facts = Facts { classes: AddressClasses::NONE, country: CountryReading::Missing };

/// Adds one source's answer.
fn take(evidence: &mut AddressEvidence, source: &GeoSource, facts: Facts, stale: bool) {
    let country = if stale { CountryReading::Missing } else { facts.country };
    evidence.answers.push(GeoAnswer {
        country: match country {
            CountryReading::Read(country) => Some(country),
            CountryReading::Missing | CountryReading::Unreadable => None,
        },
        source: source.label(stale).clone(),
    });
    evidence.classes = evidence.classes.union(facts.classes);
    evidence.country = combine(evidence.country, country);
}

/// The first that says something, unless a later one says United States where it does not.
const fn combine(so_far: CountryReading, next: CountryReading) -> CountryReading {
    match so_far {
        CountryReading::Missing => next,
        _ if says_us(next) && !says_us(so_far) => next,
        _ => so_far,
    }
}

const fn says_us(reading: CountryReading) -> bool {
    matches!(reading, CountryReading::Read(country) if Country::is_united_states(country))
}

fn keep<T>(loaded: Result<T, Vec<GeoError>>, kept: &mut Vec<T>, problems: &mut Vec<GeoError>) {
    match loaded {
        Ok(loaded) => kept.push(loaded),
        Err(errors) => problems.extend(errors),
    }
}

fn database_layer(path: &Path, max_age: Option<Duration>) -> Result<Layer, GeoError> {
    let (bytes, _) = read(path)?;
    let database = Database::new(path, bytes, Wanted::Countries)?;
    let source = GeoSource::of_file(GeoSourceKind::Database, path, Some(database.built()), max_age);
    Ok(Layer { source, table: Table::Database(database) })
}

fn class_layer(path: &Path, max_age: Option<Duration>) -> Result<Layer, Vec<GeoError>> {
    let (bytes, changed) = read(path).map_err(|error| vec![error])?;
    let named = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("mmdb"));
    if named || Database::recognises(&bytes) {
        let database = Database::new(path, bytes, Wanted::Classes).map_err(|error| vec![error])?;
        let (kind, built) = (GeoSourceKind::ClassDatabase, Some(database.built()));
        let source = GeoSource::of_file(kind, path, built, max_age);
        return Ok(Layer { source, table: Table::ClassDatabase(database) });
    }
    let table = Table::ClassList(rows::classes(path, &bytes)?);
    Ok(Layer {
        source: GeoSource::of_file(GeoSourceKind::ClassList, path, changed, max_age),
        table,
    })
}

fn networks_layer(
    path: &Path,
    max_age: Option<Duration>,
) -> Result<(GeoSource, PrefixTable<Facts>), Vec<GeoError>> {
    let (bytes, changed) = read(path).map_err(|error| vec![error])?;
    let table = rows::networks(path, &bytes)?;
    Ok((GeoSource::of_file(GeoSourceKind::Networks, path, changed, max_age), table))
}

/// A file's bytes, and when it was last changed.
fn read(path: &Path) -> Result<(Vec<u8>, Option<Timestamp>), GeoError> {
    let read = || {
        let mut file = File::open(path)?;
        let changed = file.metadata()?.modified()?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        // A time that no calendar holds is as good as none would be, but must not make a file immortal.
        Ok((bytes, Some(Timestamp::try_from(changed).unwrap_or(Timestamp::UNIX_EPOCH))))
    };
    read().map_err(|source: io::Error| GeoError::Io { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests;
