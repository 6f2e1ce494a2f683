//! Percent-decoding, once, of what stands in queries, forms and cookies; any other `%` is itself (PHP, WHATWG URL).

use std::borrow::Cow;
use std::str::Utf8Error;

use super::target::hex_pair;

/// What a `+` is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Plus {
    /// In queries and forms.
    Blank,
    /// In cookies.
    Itself,
}

/// # Errors
/// When the bytes are no UTF-8, before or after.
pub(super) fn decode(text: &[u8], plus: Plus) -> Result<Cow<'_, str>, Utf8Error> {
    let is_blank = |byte: u8| byte == b'+' && plus == Plus::Blank;
    if !text.iter().any(|byte| *byte == b'%' || is_blank(*byte)) {
        return std::str::from_utf8(text).map(Cow::Borrowed);
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        let pair = if byte == b'%' { hex_pair(tail) } else { None };
        let (value, after) = pair.unwrap_or((if is_blank(byte) { b' ' } else { byte }, tail));
        decoded.push(value);
        rest = after;
    }
    String::from_utf8(decoded).map(Cow::Owned).map_err(|error| error.utf8_error())
}
