//! Strict RFC 3339 instants (DESIGN 5, Settled readings).

use jiff::civil::{Date, Time};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

/// Why a text is not an instant.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "`{text}` is not an RFC 3339 date-time with a zone, such as 2024-07-20T00:00:00-04:00: {reason}"
)]
pub struct TimestampError {
    text: String,
    reason: &'static str,
}

/// Reads an RFC 3339 date-time: lower-case `t` and `z` allowed, at most nine fraction digits, `:60` refused.
///
/// # Errors
/// When the text is in another form, has no zone, or names no instant.
pub fn parse_timestamp(text: &str) -> Result<Timestamp, TimestampError> {
    parse(text.as_bytes()).map_err(|reason| TimestampError { text: text.to_owned(), reason })
}

fn parse(text: &[u8]) -> Result<Timestamp, &'static str> {
    let mut reader = Reader(text);
    let year = reader.digits(4)?;
    reader.one_of(b"-")?;
    let month = reader.digits(2)?;
    reader.one_of(b"-")?;
    let day = reader.digits(2)?;
    reader.one_of(b"Tt")?;
    let hour = reader.digits(2)?;
    reader.one_of(b":")?;
    let minute = reader.digits(2)?;
    reader.one_of(b":")?;
    let second = reader.digits(2)?;
    let nanosecond = reader.fraction()?;
    let offset = reader.offset()?;
    if !reader.0.is_empty() {
        return Err("something follows the zone");
    }
    let narrow = |value: i32| i8::try_from(value).map_err(|_| "a field is out of range");
    let year = i16::try_from(year).map_err(|_| "the year is out of range")?;
    let date = Date::new(year, narrow(month)?, narrow(day)?).map_err(|_| "no such day")?;
    let time = Time::new(narrow(hour)?, narrow(minute)?, narrow(second)?, nanosecond)
        .map_err(|_| "no such time of day")?;
    // RFC 3339 allows offsets up to 23:59; only the instant counts, so the offset is applied as a duration.
    let local = Offset::UTC.to_timestamp(date.to_datetime(time)).map_err(|_| "out of range")?;
    local.checked_sub(SignedDuration::from_secs(i64::from(offset))).map_err(|_| "out of range")
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn byte(&mut self) -> Result<u8, &'static str> {
        let (first, rest) = self.0.split_first().ok_or("it ends too early")?;
        self.0 = rest;
        Ok(*first)
    }

    fn one_of(&mut self, allowed: &[u8]) -> Result<u8, &'static str> {
        let byte = self.byte()?;
        if allowed.contains(&byte) { Ok(byte) } else { Err("a separator is missing") }
    }

    fn digits(&mut self, count: usize) -> Result<i32, &'static str> {
        let mut value = 0_i32;
        for _ in 0..count {
            let byte = self.byte()?;
            if !byte.is_ascii_digit() {
                return Err("a digit is missing");
            }
            value = value.saturating_mul(10).saturating_add(i32::from(byte.saturating_sub(b'0')));
        }
        Ok(value)
    }

    /// Nanoseconds of the optional fraction.
    fn fraction(&mut self) -> Result<i32, &'static str> {
        if self.0.first() != Some(&b'.') {
            return Ok(0);
        }
        self.byte()?;
        let count = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count == 0 || count > 9 {
            return Err("a fraction has one to nine digits");
        }
        let mut value = self.digits(count)?;
        for _ in count..9 {
            value = value.saturating_mul(10);
        }
        Ok(value)
    }

    /// Seconds east of UTC.
    fn offset(&mut self) -> Result<i32, &'static str> {
        if self.0.is_empty() {
            return Err("the zone is missing");
        }
        let sign = match self.one_of(b"Zz+-").map_err(|_| "the zone is missing")? {
            b'-' => -1,
            b'+' => 1,
            _ => return Ok(0),
        };
        let hours = self.digits(2)?;
        self.one_of(b":")?;
        let minutes = self.digits(2)?;
        if hours > 23 || minutes > 59 {
            return Err("no such offset");
        }
        Ok((hours.saturating_mul(3600))
            .saturating_add(minutes.saturating_mul(60))
            .saturating_mul(sign))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_rfc_3339_allows() {
        for (text, expect) in [
            ("2024-07-20T00:00:00-04:00", "2024-07-20T04:00:00Z"),
            ("2024-07-20t04:00:00z", "2024-07-20T04:00:00Z"),
            ("2024-07-20T18:00:00.123456789+14:00", "2024-07-20T04:00:00.123456789Z"),
            ("2024-07-20T04:00:00-00:00", "2024-07-20T04:00:00Z"),
            ("2024-07-20T03:59:59+23:59", "2024-07-19T04:00:59Z"),
        ] {
            assert_eq!(
                parse_timestamp(text).map(|t| t.to_string()),
                Ok(expect.to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "",
            "2024-07-20",
            "2024-07-20T00:00:00",
            "2024-07-20 00:00:00Z",
            "2024-07-20T00:00Z",
            "2024-07-20T00:00:60Z",
            "2024-07-20T24:00:00Z",
            "2024-02-30T00:00:00Z",
            "2024-07-20T00:00:00.Z",
            "2024-07-20T00:00:00.1234567890Z",
            "2024-07-20T00:00:00-0400",
            "2024-07-20T00:00:00-04:00[America/New_York]",
            " 2024-07-20T00:00:00Z",
            "2024-07-20T00:00:00Z ",
            "+002024-07-20T00:00:00Z",
            "2024-07-20T00:00:00+24:00",
            "2024-07-20T00:00:00\u{2212}04:00",
            "1721448000",
        ] {
            assert!(parse_timestamp(text).is_err(), "{text}");
        }
    }
}
