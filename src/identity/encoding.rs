//! base64url without padding (RFC 7515 2), and no other spelling of it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The bytes; none for padding, blanks, line breaks, another alphabet, or bits left over.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_spelling_is_read() {
        assert_eq!(decode("YQ").as_deref(), Some(&b"a"[..]));
        for text in ["YQ==", "YR", "Y Q", "YQ\n", "+/8", "Y"] {
            assert_eq!(decode(text), None, "{text:?}");
        }
    }
}
