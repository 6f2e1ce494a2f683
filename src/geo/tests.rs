use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;

use super::testdb::mmdb;
use super::*;

const JUNE: u64 = 1_780_272_000; // 2026-06-01
const DAY: Duration = Duration::from_secs(86_400);

/// A folder of sources, and the settings that name them.
struct Sources {
    dir: TempDir,
    settings: Geo,
}

impl Sources {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            settings: Geo { embedded: false, ..Geo::default() },
        }
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    fn database(mut self, name: &str, networks: &[(&str, Value)]) -> Self {
        self.settings.databases.push(self.write(name, mmdb("Test-Country", JUNE, networks)));
        self
    }

    fn networks(mut self, rows: &str) -> Self {
        let text = format!("cidr,country,class\n{rows}");
        self.settings.networks = Some(self.write("networks.csv", text));
        self
    }

    fn classes(mut self, rows: &str) -> Self {
        self.settings.classes.push(self.write("classes.csv", format!("cidr,class\n{rows}")));
        self
    }

    fn class_database(mut self, networks: &[(&str, Value)]) -> Self {
        let path = self.write("anonymous.mmdb", mmdb("Test-Anonymous", JUNE, networks));
        self.settings.classes.push(path);
        self
    }

    fn max_age(mut self, days: u32) -> Self {
        self.settings.max_age = Some(DAY.saturating_mul(days));
        self
    }

    fn load(&self) -> GeoTables {
        GeoTables::load(&self.settings).unwrap()
    }
}

/// Country and classes, `-` for a missing country: `US vpn`.
fn at(tables: &GeoTables, address: &str, now: Timestamp) -> String {
    let evidence = tables.locate(address.parse().unwrap(), AddressOrigin::Client, now);
    let mut words = vec![match evidence.country {
        CountryReading::Missing => "-".to_owned(),
        CountryReading::Read(country) => country.to_string(),
        CountryReading::Unreadable => "?".to_owned(),
    }];
    words.extend(evidence.classes.iter().map(|class| class.as_str().to_owned()));
    words.join(" ")
}

fn in_june(tables: &GeoTables, address: &str) -> String {
    at(tables, address, june())
}

fn june() -> Timestamp {
    Timestamp::from_second(i64::try_from(JUNE).unwrap()).unwrap()
}

fn answers(tables: &GeoTables, address: &str, now: Timestamp) -> Vec<String> {
    tables
        .locate(address.parse().unwrap(), AddressOrigin::Client, now)
        .answers
        .iter()
        .map(|answer| {
            format!("{}: {}", answer.source, answer.country.map_or("-".into(), |c| c.to_string()))
        })
        .collect()
}

#[test]
fn the_embedded_table_answers_where_no_database_is_given() {
    let tables = GeoTables::embedded();
    assert_eq!(in_june(&tables, "8.8.8.8"), "US");
    assert_eq!(in_june(&tables, "87.128.0.1"), "DE");
    assert_eq!(in_june(&tables, "2003::1"), "DE");
    assert_eq!(in_june(&tables, "136.145.1.1"), "PR");
    assert_eq!(answers(&tables, "8.8.8.8", june()), ["iptocc: US"]);
    let loaded = GeoTables::load(&Geo::default()).unwrap();
    assert_eq!(in_june(&loaded, "8.8.8.8"), "US");
}

#[test]
fn with_a_database_the_embedded_table_is_asked_only_on_request() {
    let mut sources = Sources::new().database("a.mmdb", &[("1.0.0.0/8", json!({"country": "FR"}))]);
    assert_eq!(in_june(&sources.load(), "8.8.8.8"), "-");
    sources.settings.embedded = true;
    let tables = sources.load();
    assert_eq!(in_june(&tables, "8.8.8.8"), "US");
    assert_eq!(answers(&tables, "8.8.8.8", june()), ["a.mmdb 2026-06-01: -", "iptocc: US"]);
}

#[test]
fn embedded_forms_of_an_address_are_the_address() {
    let tables = GeoTables::embedded();
    for address in ["::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"] {
        assert_eq!(in_june(&tables, address), "US", "{address}");
        let evidence = tables.locate(address.parse().unwrap(), AddressOrigin::Transaction, june());
        assert_eq!(evidence.address, Some("8.8.8.8".parse().unwrap()));
        assert_eq!(evidence.origin, AddressOrigin::Transaction);
    }
}

#[test]
fn reserved_addresses_have_no_country_unless_networks_names_them() {
    let everywhere = [("::/1", json!({"country_code": "DE", "is_anonymous_vpn": true}))];
    let sources = Sources::new().database("a.mmdb", &everywhere);
    let bare = sources.load();
    let named = sources.networks("10.0.0.0/8,US,\n2001:db8::/32,FR,\n").load();
    for (address, expect) in [
        ("10.1.2.3", "US"),
        ("::ffff:10.1.2.3", "US"),
        ("2001:db8::1", "FR"),
        ("192.0.2.1", "-"),
        ("100.64.0.1", "-"),
        ("127.0.0.1", "-"),
        ("::1", "-"),
        ("fe80::1", "-"),
        ("2001:0:808:808::1", "-"),
    ] {
        assert_eq!(in_june(&bare, address), "-", "{address}");
        assert_eq!(in_june(&named, address), expect, "{address}");
    }
    assert_eq!(in_june(&bare, "5.5.5.5"), "DE vpn");
}

#[test]
fn networks_are_asked_first_and_decide_country_and_class_both() {
    let tables = Sources::new()
        .database("a.mmdb", &[("5.0.0.0/8", json!({"country": "US", "vpn": true}))])
        .classes("5.0.0.0/8,tor\n")
        .networks("5.1.0.0/16,DE,\n5.1.1.0/24,,hosting\n5.1.1.1/32,,\n")
        .load();
    assert_eq!(in_june(&tables, "5.2.0.1"), "US tor vpn");
    assert_eq!(in_june(&tables, "5.1.0.1"), "DE");
    assert_eq!(in_june(&tables, "5.1.1.2"), "- hosting");
    assert_eq!(in_june(&tables, "5.1.1.1"), "-");
    assert_eq!(answers(&tables, "5.1.1.2", june()).len(), 1);
}

#[test]
fn one_source_that_says_united_states_is_enough() {
    let tables = Sources::new()
        .database("a.mmdb", &[("5.0.0.0/8", json!({"country": {"iso_code": "DE"}}))])
        .database("b.mmdb", &[("5.1.0.0/16", json!({"country_code": "PR"}))])
        .database("c.mmdb", &[("5.0.0.0/8", json!({"country": "US"}))])
        .load();
    assert_eq!(in_june(&tables, "5.1.0.1"), "PR");
    assert_eq!(in_june(&tables, "5.2.0.1"), "US");
    assert_eq!(
        answers(&tables, "5.1.0.1", june()),
        ["a.mmdb 2026-06-01: DE", "b.mmdb 2026-06-01: PR", "c.mmdb 2026-06-01: US"]
    );
}

#[test]
fn codes_of_no_country_leave_the_answer_to_the_next_and_unknown_ones_do_not() {
    let tables = Sources::new()
        .database(
            "a.mmdb",
            &[
                ("5.0.0.0/16", json!({"country_code": "EU"})),
                ("5.1.0.0/16", json!({"country_code": "Q9"})),
            ],
        )
        .database("b.mmdb", &[("5.0.0.0/8", json!({"country_code": "FR"}))])
        .load();
    assert_eq!(in_june(&tables, "5.0.0.1"), "FR");
    assert_eq!(in_june(&tables, "5.1.0.1"), "?");
    assert_eq!(in_june(&tables, "5.2.0.1"), "FR");
}

#[test]
fn class_sources_add_classes_and_never_a_country() {
    let tables = Sources::new()
        .database("a.mmdb", &[("2a00::/16", json!({"country": "DE"}))])
        .class_database(&[("2a00::/24", json!({"country": "US", "is_tor_exit_node": true}))])
        .classes("2a00::/20,hosting\n10.0.0.0/8,us-military\n")
        .load();
    assert_eq!(in_june(&tables, "2a00::1"), "DE hosting tor");
    assert_eq!(in_june(&tables, "2a00:1000::1"), "DE");
    assert_eq!(in_june(&tables, "10.0.0.1"), "- us-military");
}

#[test]
fn an_old_source_says_no_country_but_keeps_its_classes() {
    let tables = Sources::new()
        .database("a.mmdb", &[("5.0.0.0/8", json!({"country": "FR", "vpn": true}))])
        .max_age(35)
        .load();
    let later = june() + Duration::from_secs(35 * 86_400 + 1);
    assert_eq!(in_june(&tables, "5.0.0.1"), "FR vpn");
    assert_eq!(at(&tables, "5.0.0.1", later), "- vpn");
    assert_eq!(answers(&tables, "5.0.0.1", later), ["a.mmdb 2026-06-01 stale: -"]);
    let stale: Vec<_> = tables.sources().map(|source| source.stale(later)).collect();
    assert_eq!(stale, [true]);
}

#[test]
fn an_old_networks_file_answers_nothing_and_lets_only_the_united_states_through() {
    let sources = Sources::new()
        .database(
            "a.mmdb",
            &[("5.0.0.0/8", json!({"country": "FR"})), ("6.0.0.0/8", json!({"country": "US"}))],
        )
        .networks("5.0.0.0/16,DE,\n6.0.0.0/16,DE,vpn\n")
        .max_age(36_500);
    let path = sources.settings.networks.clone().unwrap();
    let long_ago = std::time::UNIX_EPOCH - Duration::from_secs(100 * 365 * 86_400);
    File::options().write(true).open(path).unwrap().set_modified(long_ago).unwrap();
    let tables = sources.load();
    assert_eq!(in_june(&tables, "5.0.0.1"), "-");
    assert_eq!(in_june(&tables, "6.0.0.1"), "US vpn");
    assert_eq!(in_june(&tables, "5.1.0.1"), "FR");
}

#[test]
fn every_problem_of_every_file_is_reported_at_once() {
    let mut sources = Sources::new().networks("x,DE,\n").classes("5.0.0.0/8,spy\n");
    sources.settings.databases = vec![
        sources.dir.path().join("absent.mmdb"),
        sources.write("text.mmdb", "no database"),
        sources.write("asn.mmdb", mmdb("Test-ASN", JUNE, &[("5.0.0.0/8", json!({"asn": 1}))])),
    ];
    let errors = GeoTables::load(&sources.settings).unwrap_err();
    let lines: Vec<_> = errors.iter().map(ToString::to_string).collect();
    for (line, expect) in lines.iter().zip([
        "absent.mmdb: No such file",
        "text.mmdb: the database cannot be read",
        "asn.mmdb: no record of this database (`Test-ASN`) tells a country or a class",
        "classes.csv:2: `spy` is no class",
        "networks.csv:2: `x` is no network",
    ]) {
        assert!(line.contains(expect), "{line}");
    }
    assert_eq!(lines.len(), 5);
}

#[test]
fn a_database_of_countries_is_refused_as_a_source_of_classes() {
    let sources = Sources::new().class_database(&[("5.0.0.0/8", json!({"country": "US"}))]);
    assert!(matches!(
        GeoTables::load(&sources.settings).unwrap_err().iter().next(),
        Some(GeoError::Mute { .. })
    ));
}

#[test]
fn a_database_cut_anywhere_is_refused() {
    let whole = mmdb(
        "Test-Country",
        JUNE,
        &[("5.0.0.0/8", json!({"country": "US"})), ("2a00::/16", json!({"country": "DE"}))],
    );
    let path = Path::new("a.mmdb");
    for length in 0..whole.len() {
        let cut = whole[..length].to_vec();
        assert!(Database::new(path, cut, Wanted::Countries).is_err(), "{length}");
    }
    assert!(Database::new(path, whole, Wanted::Countries).is_ok());
}

#[test]
fn a_database_that_loses_its_middle_is_refused() {
    let networks: Vec<_> = (1..200_u8)
        .map(|at| (format!("{at}.0.0.0/8"), json!({"country": "US", "serial": at})))
        .collect();
    let networks: Vec<_> = networks.iter().map(|(net, record)| (&**net, record.clone())).collect();
    let whole = mmdb("Test-Country", JUNE, &networks);
    let metadata = memchr::memmem::rfind(&whole, b"\xab\xcd\xef").unwrap();
    for lost in [1, 10, 1000] {
        let mut torn = whole[..metadata - lost].to_vec();
        torn.extend(&whole[metadata..]);
        assert!(Database::new(Path::new("a.mmdb"), torn, Wanted::Countries).is_err(), "{lost}");
    }
}

proptest! {
    #[test]
    fn a_damaged_database_never_panics(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        probes in prop::collection::vec(any::<[u8; 16]>(), 8),
    ) {
        let mut bytes = mmdb("Test-Country", JUNE, &[
            ("5.0.0.0/8", json!({"country": {"iso_code": "US"}, "traits": {"is_anonymous": true}})),
            ("2a00::/16", json!({"country_code": "DE", "list": [1, "two"]})),
        ]);
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(database) = Database::new(Path::new("a.mmdb"), bytes, Wanted::Countries) {
            for probe in probes {
                let [a, b, c, d, ..] = probe;
                database.find(IpAddr::from(probe));
                database.find(IpAddr::from([a, b, c, d]));
            }
        }
    }

    #[test]
    fn the_embedded_table_names_only_readable_countries(v4 in any::<[u8; 4]>(), v6 in any::<[u8; 16]>()) {
        for address in [IpAddr::from(v4), IpAddr::from(v6)] {
            let evidence = GeoTables::embedded().locate(address, AddressOrigin::Client, june());
            prop_assert_ne!(evidence.country, CountryReading::Unreadable, "{}", address);
        }
    }

    #[test]
    fn a_source_that_says_united_states_is_never_outvoted(
        before in prop::collection::vec(reading(), 0..4),
        us in prop::sample::select(vec!["US", "PR", "GU", "VI", "AS", "MP", "UM"]),
        after in prop::collection::vec(reading(), 0..4),
    ) {
        let us = CountryReading::Read(Country::parse(us).unwrap());
        let all = before.iter().chain([&us]).chain(&after).copied();
        prop_assert!(says_us(all.fold(CountryReading::Missing, combine)));
    }

    #[test]
    fn adding_a_source_never_removes_united_states(
        readings in prop::collection::vec(reading(), 0..5),
        added in reading(),
        at in 0..6_usize,
    ) {
        let without = readings.iter().copied().fold(CountryReading::Missing, combine);
        let mut with = readings.clone();
        with.insert(at.min(readings.len()), added);
        let with = with.into_iter().fold(CountryReading::Missing, combine);
        prop_assert!(says_us(with) == (says_us(without) || says_us(added)));
    }
}

fn reading() -> impl Strategy<Value = CountryReading> {
    prop::sample::select(vec!["", "Q9", "DE", "FR", "US", "PR", "EU", "PW"])
        .prop_map(record::read_country)
}

#[test]
fn asking_does_not_allocate() {
    let tables = Sources::new()
        .database("a.mmdb", &[("5.0.0.0/8", json!({"country": "DE"}))])
        .classes("5.0.0.0/8,hosting\n")
        .networks("10.0.0.0/8,US,\n")
        .load();
    for address in ["5.0.0.1", "10.0.0.1", "192.168.0.1", "8.8.8.8"] {
        let address = address.parse().unwrap();
        let counted = allocation_counter::measure(|| {
            tables.locate(address, AddressOrigin::Client, june());
        });
        assert_eq!(counted.count_total, 0, "{address}");
    }
}
