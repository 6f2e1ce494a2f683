//! Activation codes and licence keys in whatever spelling they are typed (LAW 4.3).
//!
//! A code is four groups of five, a key 8-4-4-4-12 or 32 characters, a serial of a key file 3-6-8 or 4-6-8. Case, blanks,
//! dashes and look-alike letters (the vendor's own help writes a Cyrillic one) do not tell two of them apart.

use crate::policy::Folded;

/// Longest text that is looked at: a key in wide letters with a blank after each.
const LONGEST: usize = 256;

/// The one spelling of a text that has the shape of a code, key or serial: upper case, without blanks and dashes.
pub(super) fn normal(text: &str) -> Option<Folded> {
    let text = text.trim().trim_start_matches('{').trim_end_matches('}');
    if text.len() < 17 || text.len() > LONGEST {
        return None;
    }
    let folded = Folded::sku(text);
    let plain = folded.as_str();
    if !plain.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    let has_shape = match plain.len() {
        17 | 18 => plain.bytes().all(|b| b.is_ascii_hexdigit()),
        // Twenty letters without a digit, in one word, may be a name.
        20 => plain.bytes().any(|b| b.is_ascii_digit()) || text.chars().count() > 20,
        32 => true,
        _ => false,
    };
    has_shape.then_some(folded)
}

/// The same for an account, which is a key only where its shape leaves no doubt: in dashed groups, or 32 hexadecimal digits.
pub(super) fn normal_account(text: &str) -> Option<Folded> {
    let grouped =
        |lengths: &[usize]| text.split('-').map(|g| g.chars().count()).eq(lengths.iter().copied());
    let hexadecimal = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
    if hexadecimal || grouped(&[5, 5, 5, 5]) || grouped(&[8, 4, 4, 4, 12]) {
        normal(text)
    } else {
        None
    }
}

/// The one spelling of an activation code or a licence key; none for any other text.
pub fn credential(text: &str) -> Option<Folded> {
    normal(text).filter(|folded| matches!(folded.as_str().len(), 20 | 32))
}

/// True if a text may be an activation code or a licence key: a bearer credential, in any spelling.
pub fn is_credential(text: &str) -> bool {
    credential(text).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_a_key_are_one() {
        let one = |text: &str| normal(text).map(|f| f.as_str().to_owned());
        for (expected, spellings) in [
            (
                "ABCDE12345FGHIJ6789X",
                &[
                    "ABCDE-12345-FGHIJ-6789X",
                    " abcde-12345-fghij-6789x ",
                    "ABCDE 12345 FGHIJ 6789X",
                    "ABCDE12345FGHIJ6789X",
                    "АBСDЕ–12345–FGHIJ–6789Х",
                ][..],
            ),
            (
                "0F8FAD5BD9CB469FA16570867728950E",
                &[
                    "0f8fad5b-d9cb-469f-a165-70867728950e",
                    "0F8FAD5BD9CB469FA16570867728950E",
                    "{0f8fad5b-d9cb-469f-a165-70867728950E}",
                ],
            ),
            ("E2C0006D65096F7FF", &["E2C-0006D6-5096F7FF", "e2c0006d65096f7ff"]),
        ] {
            for spelling in spellings {
                assert_eq!(one(spelling).as_deref(), Some(expected), "{spelling}");
            }
        }
        for other in ["A-17", "internationalization", "a@customer-of-ours.example", ""] {
            assert_eq!(one(other), None, "{other}");
        }
    }

    #[test]
    fn an_account_is_no_key_by_its_length() {
        assert!(normal_account("customer1of2our3shop").is_none());
        assert!(normal_account("0f8fad5b-d9cb-469f-a165-70867728950e").is_some());
    }
}
