//! Instants in policy files: exact, with the zone written out.

use jiff::Timestamp;
use toml::value::{Datetime, Offset};

use crate::model::parse_timestamp;

/// The instant a TOML date-time names.
///
/// # Errors
/// With what to write instead, when it has no date, no time or no zone.
pub(crate) fn instant(value: &Datetime) -> Result<Timestamp, String> {
    let (Some(date), Some(time)) = (value.date, value.time) else {
        return Err(match value.date {
            Some(date) => format!("write the time and the zone: {date}T00:00:00-04:00"),
            None => "write the date and the zone: 2024-07-20T00:00:00-04:00".to_owned(),
        });
    };
    let Some(offset) = value.offset else {
        return Err(format!("write the zone, as in {value}-04:00 or {value}Z"));
    };
    let second = time.second.unwrap_or(0);
    let fraction = time.nanosecond.map_or_else(String::new, |n| format!(".{n:09}"));
    let offset = match offset {
        Offset::Z => "Z".to_owned(),
        Offset::Custom { minutes } => {
            let sign = if minutes < 0 { '-' } else { '+' };
            let minutes = minutes.unsigned_abs();
            format!("{sign}{:02}:{:02}", minutes.div_euclid(60), minutes.rem_euclid(60))
        }
    };
    let text = format!("{date}T{:02}:{:02}:{second:02}{fraction}{offset}", time.hour, time.minute);
    parse_timestamp(&text).map_err(|error| error.to_string())
}
