//! Instants as text: `2026-11-25T13:56:36.123456Z`, always six digits.

/// Reads such text, in microseconds since 1970-01-01T00:00:00Z; `None` if it is not exactly of that form, or no instant.
pub(super) fn parse(text: &[u8]) -> Option<i64> {
    let text: &[u8; 27] = text.try_into().ok()?;
    let [
        y0,
        y1,
        y2,
        y3,
        b'-',
        m0,
        m1,
        b'-',
        d0,
        d1,
        b'T',
        h0,
        h1,
        b':',
        n0,
        n1,
        b':',
        s0,
        s1,
        b'.',
        f0,
        f1,
        f2,
        f3,
        f4,
        f5,
        b'Z',
    ] = *text
    else {
        return None;
    };
    let year = number(&[y0, y1, y2, y3])?;
    let month = number(&[m0, m1]).filter(|month| (1..=12).contains(month))?;
    let day = number(&[d0, d1]).filter(|day| (1..=days_in(year, month)).contains(day))?;
    let hour = number(&[h0, h1]).filter(|hour| *hour < 24)?;
    let minute = number(&[n0, n1]).filter(|minute| *minute < 60)?;
    let second = number(&[s0, s1]).filter(|second| *second < 60)?;
    let micros = number(&[f0, f1, f2, f3, f4, f5])?;
    let seconds = days_before(year, month)
        .wrapping_add(day)
        .wrapping_sub(1)
        .wrapping_mul(86_400)
        .wrapping_add(hour.wrapping_mul(3_600))
        .wrapping_add(minute.wrapping_mul(60))
        .wrapping_add(second);
    // Years have four digits: far from what 64 bits hold.
    Some(seconds.wrapping_mul(1_000_000).wrapping_add(micros))
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0_i64, |value, digit| {
        let digit = digit.wrapping_sub(b'0');
        (digit < 10).then(|| value.wrapping_mul(10).wrapping_add(i64::from(digit)))
    })
}

const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

const fn days_in(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days from 1970-01-01 to the first of that month.
const fn days_before(year: i64, month: i64) -> i64 {
    // Years that begin in March: the leap day is their last.
    let (year, month) = if month > 2 {
        (year, month.wrapping_sub(3))
    } else {
        (year.wrapping_sub(1), month.wrapping_add(9))
    };
    let leap_days =
        year.div_euclid(4).wrapping_sub(year.div_euclid(100)).wrapping_add(year.div_euclid(400));
    let in_year = month.wrapping_mul(153).wrapping_add(2) / 5;
    year.wrapping_mul(365).wrapping_add(leap_days).wrapping_add(in_year).wrapping_sub(719_468)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    proptest::proptest! {
        /// `jiff` is the second mind.
        #[test]
        fn text_that_is_written_is_read_again(micros in -62_167_219_200_000_000_i64..253_402_300_800_000_000) {
            let text = format!("{:.6}", Timestamp::from_microsecond(micros).unwrap());
            // Years before 0 and after 9999 have another form.
            assert_eq!(parse(text.as_bytes()), Some(micros), "{}", text);
        }
    }

    #[test]
    fn every_day_of_four_hundred_years_is_where_jiff_has_it() {
        for day in -100_000..100_000_i64 {
            let micros = day * 86_400_000_000;
            let text = format!("{:.6}", Timestamp::from_microsecond(micros).unwrap());
            assert_eq!(parse(text.as_bytes()), Some(micros), "{text}");
        }
    }

    #[test]
    fn what_is_no_instant_is_not_read() {
        for text in [
            "",
            "2026-11-25T13:56:36Z",
            "2026-11-25T13:56:36.123Z",
            "2026-11-25T13:56:36.1234567Z",
            "2026-11-25 13:56:36.123456Z",
            "2026-11-25T13:56:36.123456z",
            "2026-13-25T13:56:36.123456Z",
            "2026-00-25T13:56:36.123456Z",
            "2026-11-31T13:56:36.123456Z",
            "2026-11-00T13:56:36.123456Z",
            "2026-02-29T13:56:36.123456Z",
            "2026-11-25T24:56:36.123456Z",
            "2026-11-25T13:60:36.123456Z",
            "2026-11-25T13:56:60.123456Z",
            "2026-11-25T13:56:36.12345:Z",
            "-026-11-25T13:56:36.123456Z",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
