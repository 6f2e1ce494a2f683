//! Durations and sizes as people write them.

use std::time::Duration;

const DURATIONS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("ms", 1), ("s", 1_000)];
const SIZES: [(&str, u64); 7] = [
    ("B", 1),
    ("GB", 1_000_000_000),
    ("GiB", 1_073_741_824),
    ("KiB", 1_024),
    ("MB", 1_000_000),
    ("MiB", 1_048_576),
    ("kB", 1_000),
];

/// `35d`, `2h`, `10m`, `30s`, `500ms`: a whole number and one unit.
pub(super) fn duration(text: &str) -> Option<Duration> {
    scaled(text, &DURATIONS).map(Duration::from_millis)
}

/// The duration in its largest whole unit.
pub(super) fn show(value: Duration) -> String {
    let millis = u64::try_from(value.as_millis()).unwrap_or(u64::MAX);
    for (unit, scale) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)] {
        if millis >= scale && millis.is_multiple_of(scale) {
            return format!("{}{unit}", millis.checked_div(scale).unwrap_or(0));
        }
    }
    format!("{millis}ms")
}

/// `1MiB`, `512KiB`, `10MB`, `100B`: a whole number and one unit, in bytes; `0` needs no unit.
pub(super) fn bytes(text: &str) -> Option<u64> {
    if text == "0" {
        return Some(0);
    }
    scaled(text, &SIZES)
}

fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let at = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(at)?;
    let unit = unit.trim_start();
    let (_, scale) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_a_number_and_a_unit() {
        assert_eq!(duration("35d"), Some(Duration::from_secs(3_024_000)));
        assert_eq!(duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(duration("2 h"), Some(Duration::from_secs(7_200)));
        for text in ["", "5", "s", "-1s", "1.5h", "1h30m", "5 weeks", "99999999999999999999d"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_shown_reads_back() {
        for text in ["35d", "2h", "90s", "500ms", "1500ms", "10m"] {
            assert_eq!(show(duration(text).unwrap()), text);
        }
    }

    #[test]
    fn sizes_tell_binary_from_decimal() {
        assert_eq!(bytes("1MiB"), Some(1_048_576));
        assert_eq!(bytes("1MB"), Some(1_000_000));
        assert_eq!(bytes("0"), Some(0));
        for text in ["1M", "1mib", "MiB", "1.5GiB", "18446744073709551615KiB"] {
            assert_eq!(bytes(text), None, "{text}");
        }
    }
}
