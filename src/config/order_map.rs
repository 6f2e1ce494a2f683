//! The map of `interdict screen`: which column of a file of past orders is what.
//!
//! Read like the configuration, every problem at once with its key and line, but not part of it: no variable of the
//! environment overrides a map, for the same map and file must give the same findings. A column that the map names and the
//! file does not have is a problem of the map.

use std::path::Path;
use std::sync::Arc;

use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::Offset;
use jiff::tz::TimeZone;
use toml::de::DeTable;

use crate::model::Action;
use crate::settings::OrderField;
use crate::settings::OrderMap;
use crate::settings::OrderTime;

use super::problem::{self, ConfigErrors, Place, Problem};
use super::reader::{Context, Field, Section, nearest};
use super::tree::Node;

/// Reads the map at `path` for a file whose header `header` reads, given what separates its columns; `None` where the
/// header cannot be read, which the caller tells.
///
/// # Errors
/// Every problem there is.
pub fn order_map(
    path: &Path,
    header: impl FnOnce(u8) -> Option<Vec<String>>,
) -> Result<OrderMap, ConfigErrors> {
    let file: Arc<str> = path.display().to_string().into();
    let text = std::fs::read_to_string(path).map_err(|error| {
        let place = Place::File(Arc::clone(&file));
        let message = format!("cannot be read: {error}");
        ConfigErrors::new(vec![Problem { key: String::new(), message, place }], "".into())
    })?;
    parse(&text, &file, header)
}

fn parse(
    text: &str,
    file: &Arc<str>,
    header: impl FnOnce(u8) -> Option<Vec<String>>,
) -> Result<OrderMap, ConfigErrors> {
    let refuse = |found| Err(ConfigErrors::new(problem::place(found, file, text), text.into()));
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        return refuse(errors.iter().map(super::not_toml).collect());
    }
    let tree = Node::document(&table);
    let context = Context::new(std::path::PathBuf::new(), Vec::new());
    let root = context.root(&tree);
    let map = read(&root, header);
    drop(root);
    let found = context.into_found();
    if found.is_empty() { Ok(map) } else { refuse(found) }
}

fn read(root: &Section<'_>, header: impl FnOnce(u8) -> Option<Vec<String>>) -> OrderMap {
    let delimiter = root.at("delimiter").and_then(|field| delimiter(&field)).unwrap_or(b',');
    let header = header(delimiter);
    let find = |field: &Field<'_>| column(field, header.as_deref());
    let action =
        root.at("action").and_then(|field| field.one_of(&Action::ALL, |action| action.as_str()));
    let order = root.at("order").and_then(|field| find(&field));
    let time = time(root.section("time").as_ref());
    let mut columns = Vec::new();
    let mut named = Vec::new();
    match root.section("columns") {
        Some(section) => {
            for field in OrderField::ALL {
                if let Some(value) = section.at(field.as_str()) {
                    named.push(field);
                    columns.extend(find(&value).map(|at| (field, at)));
                }
            }
            if !named.contains(&OrderField::At) {
                let message =
                    "missing: write `at = \"Created at\"`, the column of the order's time";
                section.problem_at("at", message);
            }
            let tells = [
                OrderField::Sku,
                OrderField::Name,
                OrderField::Vendor,
                OrderField::Components,
                OrderField::Path,
            ];
            if !tells.iter().any(|field| named.contains(field)) {
                section.problem("no column tells the product: write `sku`, `name` or `vendor`");
            }
            match (action.is_some(), named.contains(&OrderField::Action)) {
                (false, false) if root.at("action").is_none() => {
                    let message =
                        "missing: write `action = \"resale\"`, or a column under `[columns]`";
                    root.problem_at("action", message);
                }
                (_, true) if root.at("action").is_some() => {
                    section
                        .problem_at("action", "stands twice: once for all rows, once as a column");
                }
                _ => {}
            }
        }
        None => root.problem_at("columns", "missing: write `[columns]` and `at = \"Created at\"`"),
    }
    let mut attributes = Vec::new();
    if let Some(mut section) = root.section("attributes") {
        for (name, value) in section.each() {
            attributes.extend(find(&value).map(|at| (name.to_owned(), at)));
        }
    }
    let width = header.map_or(0, |header| header.len());
    OrderMap { action, attributes, columns, delimiter, order, time, width }
}

fn delimiter(field: &Field<'_>) -> Option<u8> {
    let text = field.any_text(",")?;
    match text.as_bytes() {
        [byte] if byte.is_ascii() && !byte.is_ascii_alphanumeric() && !b"\"\r\n".contains(byte) => {
            Some(*byte)
        }
        _ => {
            field.problem(format!(
                "`{text}` separates no columns: write `\",\"`, `\";\"` or `\"\\t\"`"
            ));
            None
        }
    }
}

/// The position of the column that the field names.
fn column(field: &Field<'_>, header: Option<&[String]>) -> Option<usize> {
    let name = field.text()?;
    let header = header?;
    let name = name.trim();
    let mut places = header.iter().enumerate().filter(|(_, title)| title.trim() == name);
    let Some((at, _)) = places.next() else {
        let hint = match nearest(name, header.iter().map(|title| title.trim())) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it has {}", listed(header)),
        };
        field.problem(format!("the file has no column `{name}`; {hint}"));
        return None;
    };
    if places.next().is_some() {
        field.problem(format!("the file has more than one column `{name}`"));
        return None;
    }
    Some(at)
}

/// The titles of a header, the first forty of them.
fn listed(header: &[String]) -> String {
    const SHOWN: usize = 40;
    let mut titles: Vec<String> =
        header.iter().take(SHOWN).map(|title| format!("`{}`", title.trim())).collect();
    if header.len() > SHOWN {
        titles.push("...".to_owned());
    }
    titles.join(", ")
}

fn time(section: Option<&Section<'_>>) -> OrderTime {
    let Some(section) = section else { return OrderTime::default() };
    let format = section.at("format").and_then(|field| field.parsed(format));
    let zone = section.at("zone").and_then(|field| field.parsed(zone));
    OrderTime { format, zone }
}

fn format(text: &str) -> Result<String, String> {
    // What no time can be written by, none can be read by.
    let mut sample = BrokenDownTime::from(jiff::civil::date(2024, 7, 20).at(0, 0, 0, 0));
    sample.set_offset(Some(Offset::UTC));
    sample.to_string(text).map_err(|error| error.to_string())?;
    if ["%Y", "%F", "%D", "%y", "%s", "%G"].iter().any(|part| text.contains(part)) {
        return Ok(text.to_owned());
    }
    Err("names no year; write a pattern such as `%d.%m.%Y %H:%M`".to_owned())
}

fn zone(text: &str) -> Result<TimeZone, String> {
    let text = text.trim();
    if text == "Z" || text.eq_ignore_ascii_case("utc") {
        return Ok(TimeZone::UTC);
    }
    if let Some(offset) = offset(text) {
        return Ok(TimeZone::fixed(offset));
    }
    TimeZone::get(text).map_err(|_| {
        "no such zone; write one such as `Europe/Berlin`, `America/New_York`, `UTC` or `+02:00`"
            .to_owned()
    })
}

/// `+02:00`.
fn offset(text: &str) -> Option<Offset> {
    let (sign, rest) = match text.as_bytes().first()? {
        b'+' => (1, text.get(1..)?),
        b'-' => (-1, text.get(1..)?),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    if hours.len() != 2 || minutes.len() != 2 {
        return None;
    }
    let (hours, minutes) = (hours.parse::<i32>().ok()?, minutes.parse::<i32>().ok()?);
    let in_range = (0..=25).contains(&hours) && (0..60).contains(&minutes);
    let seconds = hours.checked_mul(3600)?.checked_add(minutes.checked_mul(60)?)?;
    in_range.then(|| Offset::from_seconds(seconds.checked_mul(sign)?).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: [&str; 5] = ["Name", "Created at", "Lineitem sku", "Billing Country", "Twice"];

    fn map(text: &str) -> Result<OrderMap, String> {
        let header = |_| Some(HEADER.iter().chain(&["Twice"]).map(ToString::to_string).collect());
        parse(text, &"map.toml".into(), header).map_err(|errors| errors.to_string())
    }

    const GOOD: &str =
        "action = \"resale\"\n[columns]\nat = \"Created at\"\nsku = \"Lineitem sku\"\n";

    #[test]
    fn columns_are_found_by_their_titles() {
        let map = map(&format!("order = \"Name\"\n{GOOD}billing_country = \"Billing Country\"\n"))
            .unwrap();
        assert_eq!(map.order, Some(0));
        let expected = [(OrderField::At, 1), (OrderField::Sku, 2), (OrderField::BillingCountry, 3)];
        assert_eq!(map.columns, expected);
        assert_eq!((map.width, map.delimiter, map.action), (6, b',', Some(Action::Resale)));
    }

    #[test]
    fn every_problem_is_told_at_once_with_its_line_and_the_nearest_name() {
        let text = "action = \"resail\"\norder = \"Nane\"\n[columns]\nat = \"Created  at\"\nsku = \"nowhere\"\nname = \"Twice\"\nbilling_contry = \"Billing Country\"\n[time]\nzone = \"Europe/Berlon\"\nformat = \"%H:%M\"\n";
        let told = map(text).unwrap_err();
        for expected in [
            "map.toml:1:10: action: unknown value `resail`, did you mean `resale`?",
            "map.toml:2:9: order: the file has no column `Nane`; did you mean `Name`?",
            "map.toml:4:6: columns.at: the file has no column `Created  at`; did you mean `Created at`?",
            "map.toml:5:7: columns.sku: the file has no column `nowhere`; it has `Name`",
            "map.toml:6:8: columns.name: the file has more than one column `Twice`",
            "map.toml:7:1: columns.billing_contry: unknown key, did you mean `billing_country`?",
            "map.toml:9:8: time.zone: `Europe/Berlon`: no such zone",
            "map.toml:10:10: time.format: `%H:%M`: names no year",
        ] {
            assert!(told.contains(expected), "{expected}\nis not in\n{told}");
        }
    }

    #[test]
    fn a_map_says_when_what_and_which_product() {
        for (text, expected) in [
            ("", "columns: missing"),
            ("action = \"resale\"\n[columns]\nsku = \"Name\"\n", "columns.at: missing"),
            ("[columns]\nat = \"Name\"\nsku = \"Name\"\n", "action: missing"),
            ("action = \"resale\"\n[columns]\nat = \"Name\"\n", "no column tells the product"),
            (
                "action = \"resale\"\n[columns]\nat = \"Name\"\nsku = \"Name\"\naction = \"Name\"\n",
                "stands twice",
            ),
            ("delimiter = \"ab\"\n", "separates no columns"),
        ] {
            let told = map(text).unwrap_err();
            assert!(told.contains(expected), "{expected}\nis not in\n{told}");
        }
    }

    #[test]
    fn zones_are_names_or_offsets() {
        for good in
            ["UTC", "Europe/Berlin", "America/New_York", "+02:00", "-04:00", "Asia/Kathmandu"]
        {
            assert!(map(&format!("{GOOD}[time]\nzone = \"{good}\"\n")).is_ok(), "{good}");
        }
        for bad in ["Berlin", "+2", "+02:60", "EDTT", "+99:00"] {
            assert!(map(&format!("{GOOD}[time]\nzone = \"{bad}\"\n")).is_err(), "{bad}");
        }
    }
}
