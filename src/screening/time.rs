//! When an order was placed, as shops write it.
//!
//! A time with an offset is that instant, whatever zone the map names. A time without one is read in the map's zone; where
//! clocks were set back it is the later of the two, and a date without a time is the last instant of its day, for nearly
//! every rule begins at an instant and does not end: the later reading is the stricter one.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::civil::DateTime;
use jiff::civil::Time;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;

use crate::model::parse_timestamp;
use crate::settings::OrderTime;

/// The instant of a cell.
pub(super) fn instant(text: &str, time: &OrderTime) -> Result<Timestamp, String> {
    let text = text.trim();
    match &time.format {
        Some(format) => formatted(text, format, time.zone.as_ref()),
        None => usual(text, time.zone.as_ref()),
    }
}

/// RFC 3339, and the same with a blank for `T`, with a blank before the offset, without seconds, offset or time.
fn usual(text: &str, zone: Option<&TimeZone>) -> Result<Timestamp, String> {
    if let Ok(at) = parse_timestamp(text) {
        return Ok(at);
    }
    let bad =
        || format!("`{text}` is no time such as 2024-07-20 00:00:00; name its `format` in the map");
    let Some(date) = text.get(..10) else { return Err(bad()) };
    let day: Date = date.parse().map_err(|_| bad())?;
    let rest = text.get(10..).unwrap_or_default();
    if rest.is_empty() {
        return local(DateTime::from_parts(day, Time::MAX), zone, text);
    }
    let rest = rest.strip_prefix(['T', 't', ' ']).ok_or_else(bad)?;
    let split = rest.find(|c: char| !(c.is_ascii_digit() || c == ':' || c == '.'));
    let (clock, offset) = rest.split_at_checked(split.unwrap_or(rest.len())).ok_or_else(bad)?;
    let seconds = if clock.len() == 5 { ":00" } else { "" };
    let offset = offset.trim();
    if offset.is_empty() {
        // Read as UTC to be read strictly; the zone is then put on.
        let strict = parse_timestamp(&format!("{date}T{clock}{seconds}Z")).map_err(|_| bad())?;
        return local(TimeZone::UTC.to_datetime(strict), zone, text);
    }
    let colon = match offset.as_bytes() {
        [sign @ (b'+' | b'-'), a, b, c, d] => {
            [*sign, *a, *b, b':', *c, *d].map(char::from).into_iter().collect()
        }
        _ if offset == "UTC" || offset == "GMT" => "Z".to_owned(),
        _ => offset.to_owned(),
    };
    parse_timestamp(&format!("{date}T{clock}{seconds}{colon}")).map_err(|_| bad())
}

fn formatted(text: &str, format: &str, zone: Option<&TimeZone>) -> Result<Timestamp, String> {
    let bad = |error: jiff::Error| format!("`{text}` is no time of the map's `format`: {error}");
    let parts = BrokenDownTime::parse(format, text).map_err(bad)?;
    if let Ok(at) = parts.to_timestamp() {
        return Ok(at);
    }
    let date = parts.to_date().map_err(bad)?;
    let time = match parts.hour() {
        Some(_) => parts.to_time().map_err(bad)?,
        None => Time::MAX,
    };
    local(DateTime::from_parts(date, time), zone, text)
}

fn local(at: DateTime, zone: Option<&TimeZone>, text: &str) -> Result<Timestamp, String> {
    let zone = zone.ok_or_else(|| {
        format!("`{text}` has no zone; say in the map which it is: [time] zone = \"Europe/Berlin\" or \"UTC\"")
    })?;
    let ambiguous = zone.to_ambiguous_timestamp(at);
    ambiguous.later().map_err(|error| format!("`{text}`: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, zone: &str, format: Option<&str>) -> Result<String, String> {
        let zone = (!zone.is_empty()).then(|| TimeZone::get(zone).unwrap());
        let time = OrderTime { format: format.map(str::to_owned), zone };
        instant(text, &time).map(|at| at.to_string())
    }

    #[test]
    fn the_last_second_before_the_legal_midnight_is_before_it() {
        let t1 = "2024-07-20T04:00:00Z";
        let eastern = |text| read(text, "America/New_York", None).unwrap();
        assert_eq!(eastern("2024-07-19T23:59:59"), "2024-07-20T03:59:59Z");
        assert_eq!(eastern("2024-07-20 00:00:00"), t1);
        assert_eq!(read("2024-07-20 06:00", "Europe/Berlin", None).unwrap(), t1);
        assert_eq!(read("2024-07-20 04:00:00", "UTC", None).unwrap(), t1);
        assert_eq!(read("2024-07-20 00:00:00 -0400", "UTC", None).unwrap(), t1);
        assert_eq!(read("2024-07-20T00:00:00-04:00", "", None).unwrap(), t1);
        assert_eq!(read("20.07.2024 06:00", "Europe/Berlin", Some("%d.%m.%Y %H:%M")).unwrap(), t1);
        assert_eq!(read("7/20/2024 12:00 AM -0400", "", Some("%m/%d/%Y %I:%M %p %z")).unwrap(), t1);
    }

    #[test]
    fn the_later_reading_is_taken_where_there_are_two() {
        let berlin = |text, format| read(text, "Europe/Berlin", format).unwrap();
        assert_eq!(berlin("2024-10-27 02:30:00", None), "2024-10-27T01:30:00Z");
        assert_eq!(berlin("2024-07-19", None), "2024-07-19T21:59:59.999999999Z");
        assert_eq!(berlin("19.07.2024", Some("%d.%m.%Y")), "2024-07-19T21:59:59.999999999Z");
    }

    #[test]
    fn a_time_without_a_zone_is_not_guessed() {
        assert!(read("2024-07-20 00:00:00", "", None).unwrap_err().contains("no zone"));
        for bad in [
            "",
            "yesterday",
            "2024-07-20 25:00:00",
            "20/07/2024",
            "2024-02-30",
            "2024-07-20 00:00:00 EDT",
        ] {
            assert!(read(bad, "UTC", None).is_err(), "{bad}");
        }
    }
}
