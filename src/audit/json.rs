//! Canonical JSON (RFC 8785), checked in place: no blanks, members sorted by UTF-16 code units, shortest escapes, numbers as ECMAScript
//! writes them. One pass, no allocation but for names beyond ASCII and numbers with a fraction.

use std::cmp::Ordering;

/// Values within values that a reader has to bear.
const DEPTH: u8 = 128;
/// The largest integer up to which all have a double of their own, 2^53.
const EXACT: u64 = 9_007_199_254_740_992;

/// Why text is not canonical JSON.
pub(super) type Reason = &'static str;

/// Checks that `text` is one canonical JSON object and nothing else.
pub(super) fn check_object(text: &[u8]) -> Result<(), Reason> {
    std::str::from_utf8(text).map_err(|_| "it is not UTF-8")?;
    let mut scanner = Scanner::new(text);
    if scanner.peek() != Some(b'{') {
        return Err("it is not an object");
    }
    scanner.value(DEPTH)?;
    scanner.end()
}

/// A place in text that is being read from front to back. The text must be known to be UTF-8.
pub(super) struct Scanner<'a> {
    rest: &'a [u8],
}

impl<'a> Scanner<'a> {
    pub(super) const fn new(text: &'a [u8]) -> Self {
        Self { rest: text }
    }

    pub(super) fn end(&self) -> Result<(), Reason> {
        if self.rest.is_empty() { Ok(()) } else { Err("something follows its end") }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Takes the next byte if it is this one.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        match self.rest.split_first() {
            Some((first, rest)) if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Takes a string with its quotes; gives what stands between them, escapes as they are.
    pub(super) fn string(&mut self) -> Result<&'a [u8], Reason> {
        if !self.take(b'"') {
            return Err("a text was expected");
        }
        let text = self.rest;
        let mut length = 0_usize;
        loop {
            length = length.saturating_add(plain_run(self.rest_at(text, length)));
            match self.rest_at(text, length) {
                [b'"', rest @ ..] => {
                    self.rest = rest;
                    return Ok(text.get(..length).unwrap_or_default());
                }
                [b'\\', escape @ ..] => {
                    length = length.saturating_add(1).saturating_add(escape_length(escape)?);
                }
                [] => return Err("a text does not end"),
                _ => return Err("a control character stands in a text"),
            }
        }
    }

    fn rest_at(&self, text: &'a [u8], at: usize) -> &'a [u8] {
        text.get(at..).unwrap_or_default()
    }

    /// Takes a number; gives its digits if it is an integer from 0 to 2^53.
    pub(super) fn number(&mut self) -> Result<Option<u64>, Reason> {
        let length = self
            .rest
            .iter()
            .position(|byte| !matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'));
        let (number, rest) = self.rest.split_at(length.unwrap_or(self.rest.len()));
        self.rest = rest;
        let digits = number.strip_prefix(b"-").unwrap_or(number);
        if digits.is_empty() {
            return Err("a value was expected");
        }
        if !digits.iter().all(u8::is_ascii_digit) {
            return check_double(number).map(|()| None);
        }
        if digits.first() == Some(&b'0') && number.len() > 1 {
            return Err("a number has a sign or digits that say nothing");
        }
        let value = digits.iter().try_fold(0_u64, |value, digit| {
            value.checked_mul(10)?.checked_add(u64::from(digit.wrapping_sub(b'0')))
        });
        match value.filter(|value| *value <= EXACT) {
            Some(value) => Ok((digits.len() == number.len()).then_some(value)),
            None => Err("an integer beyond 2^53 is not written as text"),
        }
    }

    /// Takes any value.
    pub(super) fn value(&mut self, depth: u8) -> Result<(), Reason> {
        match self.peek() {
            Some(b'"') => self.string().map(|_| ()),
            Some(b'{') => self.object(deeper(depth)?),
            Some(b'[') => self.array(deeper(depth)?),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            _ => self.number().map(|_| ()),
        }
    }

    fn object(&mut self, depth: u8) -> Result<(), Reason> {
        self.take(b'{');
        if self.take(b'}') {
            return Ok(());
        }
        let mut before: Option<&[u8]> = None;
        loop {
            let name = self.string()?;
            if before.is_some_and(|before| !is_sorted(before, name)) {
                return Err("members are not sorted, or one stands twice");
            }
            before = Some(name);
            if !self.take(b':') {
                return Err("a colon was expected");
            }
            self.value(depth)?;
            if !self.take(b',') {
                break;
            }
        }
        if self.take(b'}') { Ok(()) } else { Err("an object does not end") }
    }

    fn array(&mut self, depth: u8) -> Result<(), Reason> {
        self.take(b'[');
        if self.take(b']') {
            return Ok(());
        }
        loop {
            self.value(depth)?;
            if !self.take(b',') {
                break;
            }
        }
        if self.take(b']') { Ok(()) } else { Err("an array does not end") }
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Reason> {
        self.rest = self.rest.strip_prefix(word).ok_or("a value was expected")?;
        Ok(())
    }
}

fn deeper(depth: u8) -> Result<u8, Reason> {
    depth.checked_sub(1).ok_or("values are nested too deeply")
}

/// Bytes from the start that are neither a quote, a backslash nor a control character; eight at a time.
fn plain_run(text: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = 0x8080_8080_8080_8080;
    // The lowest bit that is set stands where the first such byte is; what a borrow adds lies above it.
    const fn zero_bytes(word: u64) -> u64 {
        word.wrapping_sub(ONES) & !word & TOPS
    }
    const fn below_blank(word: u64) -> u64 {
        word.wrapping_sub(ONES.wrapping_mul(0x20)) & !word & TOPS
    }
    let (words, tail) = text.as_chunks::<8>();
    let mut length = 0_usize;
    for word in words {
        let word = u64::from_le_bytes(*word);
        let special = zero_bytes(word ^ ONES.wrapping_mul(0x22))
            | zero_bytes(word ^ ONES.wrapping_mul(0x5c))
            | below_blank(word);
        if special != 0 {
            let bytes = usize::try_from(special.trailing_zeros() >> 3).unwrap_or(0);
            return length.saturating_add(bytes);
        }
        length = length.saturating_add(8);
    }
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | ..=0x1f);
    length.saturating_add(tail.iter().position(special).unwrap_or(tail.len()))
}

/// Bytes of an escape after its backslash, if that is the shortest way to write what it stands for.
fn escape_length(escape: &[u8]) -> Result<usize, Reason> {
    match escape {
        [b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't', ..] => Ok(1),
        [b'u', b'0', b'0', high @ (b'0' | b'1'), low @ (b'0'..=b'9' | b'a'..=b'f'), ..] => {
            match (high, low) {
                (b'0', b'8' | b'9' | b'a' | b'c' | b'd') => Err("an escape is not the shortest"),
                _ => Ok(5),
            }
        }
        _ => Err("an escape is not the shortest"),
    }
}

/// Whether member `a` may stand before member `b` (RFC 8785, 3.2.3). Both are as they stand in the text.
fn is_sorted(a: &[u8], b: &[u8]) -> bool {
    let plain = |name: &[u8]| name.iter().all(|byte| byte.is_ascii() && *byte != b'\\');
    let ordering = if plain(a) && plain(b) { a.cmp(b) } else { code_units(a).cmp(&code_units(b)) };
    ordering == Ordering::Less
}

fn code_units(name: &[u8]) -> Vec<u16> {
    let quoted = [b"\"", name, b"\""].concat();
    let text: String = serde_json::from_slice(&quoted).unwrap_or_default();
    text.encode_utf16().collect()
}

/// Checks a number with a fraction or an exponent: it must be as ECMAScript writes that double (RFC 8785, 3.2.2.3).
fn check_double(number: &[u8]) -> Result<(), Reason> {
    const REASON: Reason = "a number is not written in its shortest form";
    let text = std::str::from_utf8(number).map_err(|_| REASON)?;
    let value: f64 = text.parse().map_err(|_| "a number cannot be read")?;
    if !value.is_finite() {
        return Err("a number is too large");
    }
    if ecmascript(value).as_deref() == Some(text) { Ok(()) } else { Err(REASON) }
}

/// `Number::toString` of ECMA-262: the shortest digits that give the double again, laid out by their exponent.
fn ecmascript(value: f64) -> Option<String> {
    if value == 0.0 {
        return Some("0".to_owned());
    }
    // `serde_json` writes the same digits, of two equally near ones the even too (the standard library does not), in a layout of its own.
    let text = serde_json::to_string(&value.abs()).ok()?;
    let (mantissa, power) = text.split_once('e').unwrap_or((&text, "0"));
    let power: i32 = power.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let written = format!("{whole}{fraction}");
    let digits = written.trim_start_matches('0');
    let leading = written.len().checked_sub(digits.len())?;
    let digits = digits.trim_end_matches('0');
    let count = i32::try_from(digits.len()).ok()?;
    // The value is `0.digits * 10^point`.
    let point = i32::try_from(whole.len()).ok()?.checked_sub(i32::try_from(leading).ok()?)?;
    let point = point.checked_add(power)?;
    let exponent = point.checked_sub(1)?;
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or(0));
    let sign = if value < 0.0 { "-" } else { "" };
    let unsigned = if count <= point && point <= 21 {
        format!("{digits}{}", zeros(point.checked_sub(count)?))
    } else if 0 < point && point <= 21 {
        let (whole, fraction) = digits.split_at_checked(usize::try_from(point).ok()?)?;
        format!("{whole}.{fraction}")
    } else if -6 < point && point <= 0 {
        format!("0.{}{digits}", zeros(point.checked_neg()?))
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        let (first, rest) = digits.split_at_checked(1)?;
        let dot = if rest.is_empty() { "" } else { "." };
        format!("{first}{dot}{rest}e{sign}{}", exponent.unsigned_abs())
    };
    Some(format!("{sign}{unsigned}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_objects_pass() {
        for text in [
            "{}",
            r#"{"":null,"a":[],"b":{},"c":[1,-1,0,0.5,1e+21,-1.5e-7,9007199254740992],"d":true,"e":false}"#,
            r#"{"a\"":"\b\t\n\f\r\u0000\u001f\u000b\\\"/","é":"é😀","�":""}"#,
            // By code units U+10000 stands before U+FFFD, by code points after it.
            "{\"\u{10000}\":1,\"\u{fffd}\":2}",
            "{\"a\":\"\u{7f}\"}",
        ] {
            assert_eq!(check_object(text.as_bytes()), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_is_not_canonical_is_refused() {
        for text in [
            "",
            "[]",
            "1",
            " {}",
            "{} ",
            "{}{}",
            "{",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{\"a\":1 }",
            "{\"a\": 1}",
            "{\"a\":1",
            "{\"a\":[1,]}",
            "{\"a\":[1}",
            "{\"a\":\"x}",
            "{\"a\":\"\t\"}",
            "{\"a\":\"\n12345678\"}",
            "{\"a\":\"12345678\u{1f}\"}",
            r#"{"b":1,"a":2}"#,
            r#"{"a":1,"a":2}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"a":"\/"}"#,
            r#"{"a":"\u0041"}"#,
            r#"{"a":"\u000a"}"#,
            r#"{"a":"\u001F"}"#,
            r#"{"a":"\u0020"}"#,
            r#"{"a":"\x"}"#,
            r#"{"a":"\u00"#,
            r#"{"a":01}"#,
            r#"{"a":-0}"#,
            r#"{"a":-}"#,
            r#"{"a":+1}"#,
            r#"{"a":1.0}"#,
            r#"{"a":1e2}"#,
            r#"{"a":0.10}"#,
            r#"{"a":1e21}"#,
            r#"{"a":1E+21}"#,
            r#"{"a":1e400}"#,
            r#"{"a":1-2}"#,
            r#"{"a":9007199254740993}"#,
            r#"{"a":99999999999999999999999999}"#,
            r#"{"a":tru}"#,
            r#"{"a":NaN}"#,
            "{\"\u{fffd}\":1,\"\u{10000}\":2}",
        ] {
            assert!(check_object(text.as_bytes()).is_err(), "{text}");
        }
        assert_eq!(check_object(b"{\"a\":\"\xff\"}"), Err("it is not UTF-8"));
        let nested = |depth| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(check_object(nested(127).as_bytes()), Ok(()));
        assert!(check_object(nested(128).as_bytes()).is_err());
        assert!(check_object("[".repeat(1 << 20).as_bytes()).is_err());
    }

    #[test]
    fn numbers_are_laid_out_as_rfc_8785_appendix_b_has_them() {
        for (bits, text) in [
            (0x0000_0000_0000_0000_u64, "0"),
            (0x8000_0000_0000_0000, "0"),
            (0x0000_0000_0000_0001, "5e-324"),
            (0x8000_0000_0000_0001, "-5e-324"),
            (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
            (0x4340_0000_0000_0000, "9007199254740992"),
            (0x4430_0000_0000_0000, "295147905179352830000"),
            (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
            (0x44b5_2d02_c7e1_4af6, "1e+23"),
            (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
            (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
            (0x444b_1ae4_d6e2_ef50, "1e+21"),
            (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
            (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
            (0x41b3_de43_5555_5553, "333333333.3333332"),
            (0x41b3_de43_5555_5557, "333333333.33333343"),
            (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
            (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
        ] {
            assert_eq!(ecmascript(f64::from_bits(bits)).as_deref(), Some(text));
        }
    }

    proptest::proptest! {
        /// Against a second reader: whatever `serde_json` reads and writes again in the same bytes, with names in ASCII, is canonical.
        #[test]
        fn agrees_with_a_second_reader(text in r#"\{"[a-c]":("[a-z\\"/\n]{0,9}"|[0-9-]{1,3}|\[[01],"é"\])(,"[b-d]":(null|true|\{\}))?\}"#) {
            let expected = serde_json::from_str::<serde_json::Value>(&text)
                .is_ok_and(|value| serde_json::to_string(&value).is_ok_and(|again| again == text));
            // serde_json keeps `-0`.
            if !text.contains("-0") {
                assert_eq!(check_object(text.as_bytes()).is_ok(), expected, "{}", text);
            }
        }
    }
}
