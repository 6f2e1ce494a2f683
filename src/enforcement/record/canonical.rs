//! JSON of which there is one spelling only (RFC 8785), so that the same record has the same bytes wherever it is written.
//!
//! Members are sorted by whoever writes them: structs of records name theirs in that order. What is written here are the numbers:
//! whole ones that a reader of IEEE doubles would not keep become texts, and all others are spelled as ECMAScript does.

use std::io;
use std::io::Write;

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::CompactFormatter;
use serde_json::ser::Formatter;

/// The largest whole number up to which a double has them all: 2^53.
pub(super) const EXACT: u64 = 1 << 53;

/// Adds a value's canonical JSON.
pub(super) fn write(out: &mut Vec<u8>, value: &impl Serialize) -> Result<(), serde_json::Error> {
    value.serialize(&mut Serializer::with_formatter(out, Canonical))
}

/// True if a number is written as a text.
pub(super) fn is_text(number: f64) -> bool {
    // Whole by nature from there on.
    #[expect(clippy::as_conversions, reason = "2^53 is a double")]
    let exact = EXACT as f64;
    number.abs() > exact
}

struct Canonical;

impl Formatter for Canonical {
    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        if is_text(value) {
            return write!(writer, "\"{value:.0}\"");
        }
        // RFC 8785, 3.2.2.3, minus zero included.
        let magnitude = value.abs();
        if magnitude == 0.0 {
            return writer.write_all(b"0");
        }
        let shortest = format!("{value:e}");
        let (digits, power) = shortest.split_once('e').unwrap_or((&shortest, "0"));
        let after_first = digits.bytes().filter(u8::is_ascii_digit).count().saturating_sub(1);
        let places = i64::try_from(after_first).unwrap_or(0);
        let places = places.saturating_sub(power.parse().unwrap_or(0));
        let plain = magnitude >= 1e-6;
        // Of two shortest spellings that are equally near, the even one (note 2 of ECMA-262): so many digits are rounded that way.
        let even = match usize::try_from(places.max(0)) {
            Ok(places) if plain => format!("{value:.places$}"),
            _ => format!("{value:.after_first$e}"),
        };
        if even.parse() == Ok(value) {
            writer.write_all(even.as_bytes())
        } else if plain {
            write!(writer, "{value}")
        } else {
            writer.write_all(shortest.as_bytes())
        }
    }

    fn write_i64<W: ?Sized + Write>(&mut self, writer: &mut W, value: i64) -> io::Result<()> {
        if value.unsigned_abs() > EXACT {
            return write!(writer, "\"{value}\"");
        }
        CompactFormatter.write_i64(writer, value)
    }

    fn write_u64<W: ?Sized + Write>(&mut self, writer: &mut W, value: u64) -> io::Result<()> {
        if value > EXACT {
            return write!(writer, "\"{value}\"");
        }
        CompactFormatter.write_u64(writer, value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: impl Serialize) -> String {
        let mut out = Vec::new();
        write(&mut out, &value).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn rfc_8785_3_2_2_3_numbers_have_one_spelling() {
        for (number, spelled) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (-1.5, "-1.5"),
            (29.90, "29.9"),
            (0.000_001, "0.000001"),
            (0.000_000_1, "1e-7"),
            (0.000_000_123, "1.23e-7"),
            (5e-324, "5e-324"),
            (333_333_333.333_333_3, "333333333.3333333"),
            // Two spellings are equally near: the even one.
            (562_949_953_421_312.2, "562949953421312.2"),
            (-1_125_899_906_842_624.2, "-1125899906842624.2"),
            (2.980_232_238_769_531_2e-8, "2.9802322387695312e-8"),
            (100_000.0, "100000"),
            (123_456_789_012.5, "123456789012.5"),
            (9_007_199_254_740_992.0, "9007199254740992"),
            (9_007_199_254_740_994.0, "\"9007199254740994\""),
            (18_446_744_073_709_551_616.0, "\"18446744073709551616\""),
        ] {
            assert_eq!(written(number), spelled);
        }
        assert_eq!(written(EXACT), "9007199254740992");
        assert_eq!(written(EXACT + 1), "\"9007199254740993\"");
        assert_eq!(written(i64::MIN), "\"-9223372036854775808\"");
        assert_eq!(written(-17_i64), "-17");
    }

    #[test]
    fn rfc_8785_3_2_2_2_texts_have_the_shortest_escapes() {
        assert_eq!(
            written("\u{8}\t\n\u{c}\r\"\\/\u{1f}\u{7f}é\u{2028}"),
            "\"\\b\\t\\n\\f\\r\\\"\\\\/\\u001f\u{7f}é\u{2028}\""
        );
    }
}
