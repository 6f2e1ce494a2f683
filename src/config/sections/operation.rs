//! The short sections: `[reseller]`, `[policies]`, `[catalog]`, `[customers]`, `[geo]`, `[store]`, `[ledger]`, `[log]`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::reader::Field;
use crate::config::reader::Section;
use crate::config::reader::Shape;
use crate::merkle::KeyFault;
use crate::merkle::KeyName;
use crate::model::Country;
use crate::settings::Catalog;
use crate::settings::Customers;
use crate::settings::Deliveries;
use crate::settings::Geo;
use crate::settings::Ledger;
use crate::settings::Log;
use crate::settings::LogFormat;
use crate::settings::LogLevel;
use crate::settings::PersonalParts;
use crate::settings::Policies;
use crate::settings::PolicyTrust;
use crate::settings::Reseller;
use crate::settings::Store;
use crate::settings::Witness;

use super::witness::witnesses;

const SHORTEST_AGE: Duration = Duration::from_secs(1);
const LONGEST_AGE: Duration = Duration::from_secs(315_360_000);
/// What is sealed sooner is unpacked all the time.
const SHORTEST_SEAL: Duration = Duration::from_secs(3_600);
/// A segment holds at least one record of the largest size.
const SEGMENT_BYTES: std::ops::RangeInclusive<u64> = 1_048_576..=17_179_869_184;
const REFUSALS_PER_MINUTE: std::ops::RangeInclusive<u32> = 1..=1_000_000;
/// A few thousand records at least: an alert that leaves no time is none.
const RESERVE: std::ops::RangeInclusive<u64> = 16_777_216..=1_099_511_627_776;

const WITNESS_INTERVAL: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(3_600);

/// Reads `[reseller]`.
pub(in crate::config) fn reseller(root: &Section<'_>) -> Reseller {
    let Some(section) = root.section("reseller") else { return Reseller::default() };
    Reseller {
        names: section.at("names").map_or_else(Vec::new, |field| field.list(Field::text)),
        notice_url: section.at("notice_url").and_then(|field| field.parsed(web_address)),
        organization_country: section.at("organization_country").and_then(|field| {
            field.parsed(|text| {
                Country::parse(text).ok_or("is no country: write its ISO 3166 code, such as `DE`")
            })
        }),
    }
}

/// Reads `[policies]`.
pub(in crate::config) fn policies(root: &Section<'_>) -> Policies {
    let Some(section) = root.section("policies") else { return Policies::default() };
    Policies {
        dir: section.at("dir").and_then(|field| field.path()),
        trust: policy_trust(section.at("keys").as_ref(), section.at("threshold").as_ref()),
    }
}

/// Who must have signed: keys and how many of them, all by default.
fn policy_trust(keys: Option<&Field<'_>>, threshold: Option<&Field<'_>>) -> Option<PolicyTrust> {
    let Some(field) = keys else {
        if let Some(threshold) = threshold {
            threshold.problem("says how many of `keys` must have signed: write `keys` too");
        }
        return None;
    };
    let mut paths: Vec<PathBuf> = Vec::new();
    // Those that cannot be read too: one problem is told once.
    let mut written = 0_usize;
    field.list(|element: &Field<'_>| {
        written = written.saturating_add(1);
        let path = element.path()?;
        if paths.contains(&path) {
            element.problem("is listed twice");
        } else {
            paths.push(path);
        }
        Some(())
    });
    if matches!(field.shape(), Shape::Array(elements) if elements.is_empty()) {
        field.problem("must name at least one file of a public key, such as `\"alice.pub\"`");
        return None;
    }
    let threshold = match threshold {
        // Of no list at all any number will do: the list is the problem.
        Some(threshold) => threshold.integer(1..=written.max(1))?,
        None => written,
    };
    Some(PolicyTrust { keys: paths, threshold })
}

/// Reads `[catalog]`.
pub(in crate::config) fn catalog(root: &Section<'_>) -> Catalog {
    Catalog { file: path_of(root, "catalog", "file") }
}

/// Reads `[customers]`.
pub(in crate::config) fn customers(root: &Section<'_>) -> Customers {
    Customers { file: path_of(root, "customers", "file") }
}

/// Reads `[geo]`.
pub(in crate::config) fn geo(root: &Section<'_>) -> Geo {
    let Some(section) = root.section("geo") else { return Geo::default() };
    let files = |name| {
        let mut seen: Vec<PathBuf> = Vec::new();
        if let Some(field) = section.at(name) {
            field.list(|element: &Field<'_>| {
                let path = element.path()?;
                if seen.contains(&path) {
                    element.problem("is listed twice");
                } else {
                    seen.push(path);
                }
                Some(())
            });
        }
        seen
    };
    let classes = files("classes");
    let databases = files("databases");
    Geo {
        classes,
        embedded: section
            .at("embedded")
            .and_then(|field| field.boolean())
            .unwrap_or(databases.is_empty()),
        databases,
        max_age: section.at("max_age").and_then(|field| field.duration(SHORTEST_AGE..=LONGEST_AGE)),
        networks: section.at("networks").and_then(|field| field.path()),
    }
}

/// Reads `[store]`; without a folder it is beside the ledger's.
pub(in crate::config) fn store(root: &Section<'_>, ledger: &Ledger) -> Store {
    // What the control plane keeps is of one ledger: two gateways on one machine must not share it unasked.
    let dir = path_of(root, "store", "dir");
    Store { dir: dir.unwrap_or_else(|| ledger.dir.with_file_name("store")) }
}

/// Reads `[ledger]`; without a folder it is in the state directory.
pub(in crate::config) fn ledger(root: &Section<'_>, state: Option<&Path>) -> Ledger {
    let section = root.section("ledger");
    let at = |name| section.as_ref().and_then(|section| section.at(name));
    let written = at("dir");
    let dir = written.as_ref().and_then(Field::path);
    if written.is_none() && state.is_none() {
        root.problem_at("ledger.dir", NO_STATE);
    }
    let defaults = Ledger::under(state.unwrap_or(Path::new("")));
    let dir = dir.unwrap_or(defaults.dir);
    Ledger {
        deliveries: at("deliveries")
            .and_then(|field| field.one_of(&Deliveries::ALL, Deliveries::as_str))
            .unwrap_or_default(),
        key: at("key").and_then(|field| field.path()).unwrap_or_else(|| Ledger::key_beside(&dir)),
        dir,
        origin: at("origin").and_then(|field| field.parsed(origin)),
        personal: at("personal")
            .and_then(|field| field.one_of(&PersonalParts::ALL, PersonalParts::as_str))
            .unwrap_or_default(),
        retention_years: at("retention")
            .and_then(|field| field.parsed(years))
            .unwrap_or(Ledger::RETENTION_YEARS),
        seal_after: match at("seal_after") {
            Some(field) if field.is_text("never") => None,
            Some(field) => field.duration(SHORTEST_SEAL..=LONGEST_AGE),
            None => Some(Ledger::SEAL_AFTER),
        },
        refusals_per_minute: at("refusals_per_minute")
            .and_then(|field| field.integer(REFUSALS_PER_MINUTE))
            .unwrap_or(Ledger::REFUSALS_PER_MINUTE),
        reserve: at("reserve").and_then(|field| reserve(&field)).unwrap_or(Ledger::RESERVE),
        segment_bytes: at("segment_bytes")
            .and_then(|field| field.bytes(SEGMENT_BYTES))
            .unwrap_or(Ledger::SEGMENT_BYTES),
        witness_interval: at("witness_interval")
            .and_then(|field| field.duration(WITNESS_INTERVAL))
            .unwrap_or(Witness::INTERVAL),
        witnesses: section.as_ref().map_or_else(Vec::new, witnesses),
    }
}

/// Free bytes that are kept: none, or enough to act on.
fn reserve(field: &Field<'_>) -> Option<u64> {
    let bytes = field.bytes(0..=*RESERVE.end())?;
    if bytes > 0 && !RESERVE.contains(&bytes) {
        field.problem(format!("must be at least {} bytes, or 0 for none", RESERVE.start()));
        return None;
    }
    Some(bytes)
}

/// A number of years, such as `10y`.
fn years(text: &str) -> Result<u16, &'static str> {
    const WRONG: &str = "is no number of years from 1 to 1000: write one such as `10y`";
    let digits = text.strip_suffix('y').ok_or(WRONG)?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|years| plain && (1..=1000).contains(years)).ok_or(WRONG)
}

/// The name of a log (C2SP signed-note).
fn origin(text: &str) -> Result<String, KeyFault> {
    KeyName::new(text).map(|name| name.as_str().to_owned())
}

/// Reads `[log]`.
pub(in crate::config) fn log(root: &Section<'_>) -> Log {
    let Some(section) = root.section("log") else { return Log::default() };
    Log {
        format: section
            .at("format")
            .and_then(|field| field.one_of(&LogFormat::ALL, LogFormat::as_str))
            .unwrap_or_default(),
        level: section
            .at("level")
            .and_then(|field| field.one_of(&LogLevel::ALL, LogLevel::as_str))
            .unwrap_or_default(),
    }
}

/// An absolute `http` or `https` URL that can stand in a header.
pub(super) fn web_address(text: &str) -> Result<String, &'static str> {
    const WRONG: &str = "is no address: write an absolute URL such as `https://shop.example/why`";
    let uri: http::Uri = text.parse().map_err(|_| WRONG)?;
    let web = matches!(uri.scheme_str(), Some("http" | "https"));
    let quiet = !text.contains(['<', '>', '"']);
    if web && quiet && uri.host().is_some_and(|host| !host.is_empty()) {
        Ok(text.to_owned())
    } else {
        Err(WRONG)
    }
}

const NO_STATE: &str =
    "missing, and neither XDG_STATE_HOME nor HOME says where state is kept: write `dir = \"data\"`";

fn path_of(root: &Section<'_>, section: &'static str, key: &'static str) -> Option<PathBuf> {
    root.section(section)?.at(key)?.path()
}
