//! How product texts are compared (DESIGN 5, Settled readings): after compatibility forms, case and look-alike letters,
//! without trademark signs and invisible characters.
//!
//! Names keep word boundaries: anything that is no letter or digit becomes one blank. SKUs lose blanks and dashes.
//! Folding works in a buffer on the stack, so that a decision allocates nothing for texts of ordinary length.

use smallvec::SmallVec;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// A folded text; UTF-8, on the stack up to 192 bytes.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Folded(SmallVec<[u8; 192]>);

impl Folded {
    /// Folds a product, vendor or component name: lower-case words with single blanks between.
    pub fn name(text: &str) -> Self {
        if let Some(folded) = Self::short_ascii_name(text) {
            return folded;
        }
        let mut words = Words::default();
        if text.is_ascii() {
            for byte in text.bytes() {
                words.push_ascii(byte);
            }
        } else {
            each_letter(text, |c| words.push(c));
        }
        words.folded
    }

    /// Folds a SKU: upper case, without blanks and dashes.
    pub fn sku(text: &str) -> Self {
        let mut folded = Self::default();
        if text.is_ascii() {
            let kept = text.bytes().filter(|b| !b.is_ascii_whitespace() && !b.is_ascii_control());
            folded.0.extend(kept.filter(|b| *b != b'-').map(|b| b.to_ascii_uppercase()));
        } else {
            each_letter(text, |c| {
                if !c.is_whitespace() && !c.is_control() && !is_dash(c) {
                    for upper in c.to_uppercase() {
                        folded.push(look_alike(upper).map_or(upper, |c| c.to_ascii_uppercase()));
                    }
                }
            });
        }
        folded
    }

    /// The folded text.
    pub fn as_str(&self) -> &str {
        // INVARIANT: only whole characters are pushed.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// True if nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// ASCII that fits, in a plain buffer: most texts are so, and three are folded for every item.
    fn short_ascii_name(text: &str) -> Option<Self> {
        let mut buffer = [0_u8; 192];
        let mut length = 0_usize;
        let mut blank = false;
        for byte in text.bytes() {
            if byte.is_ascii_alphanumeric() {
                if blank && length > 0 {
                    *buffer.get_mut(length)? = b' ';
                    length = length.saturating_add(1);
                }
                blank = false;
                *buffer.get_mut(length)? = byte.to_ascii_lowercase();
                length = length.saturating_add(1);
            } else if byte.is_ascii() {
                blank |= !is_unseen(char::from(byte));
            } else {
                return None;
            }
        }
        buffer.get(..length).map(|folded| Self(SmallVec::from_slice(folded)))
    }

    fn push(&mut self, c: char) {
        self.0.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

#[derive(Default)]
struct Words {
    folded: Folded,
    blank: bool,
}

impl Words {
    fn push_ascii(&mut self, byte: u8) {
        if byte.is_ascii_alphanumeric() {
            self.separate();
            self.folded.0.push(byte.to_ascii_lowercase());
        } else if !is_unseen(char::from(byte)) {
            self.blank = true;
        }
    }

    fn push(&mut self, c: char) {
        if c.is_alphanumeric() {
            self.separate();
            self.folded.push(c);
        } else if !is_unseen(c) {
            self.blank = true;
        }
    }

    fn separate(&mut self) {
        if self.blank && !self.folded.is_empty() {
            self.folded.0.push(b' ');
        }
        self.blank = false;
    }
}

/// Each character of `text` in its folded form, lower case.
fn each_letter(text: &str, mut each: impl FnMut(char)) {
    let visible = text.chars().filter(|c| !is_ignored(*c));
    for c in visible.nfkd().filter(|c| !is_combining_mark(*c) && !is_ignored(*c)) {
        match look_alike(c) {
            Some(latin) => each(latin),
            None => {
                let lower = c.to_lowercase().filter(|c| !is_combining_mark(*c));
                lower.for_each(|c| each(look_alike(c).unwrap_or(c)));
            }
        }
    }
}

/// Control characters that are no blank: a shop shows nothing in their place, so they part no word.
fn is_unseen(c: char) -> bool {
    c.is_control() && !c.is_whitespace()
}

/// Trademark signs and characters that do not show (Unicode `Default_Ignorable_Code_Point`).
const fn is_ignored(c: char) -> bool {
    matches!(c,
        '\u{a9}' | '\u{ae}' | '\u{2122}' | '\u{2120}' | '\u{2117}'
        | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{e0000}'..='\u{e0fff}')
}

const fn is_dash(c: char) -> bool {
    matches!(
        c,
        '-' | '\u{58a}' | '\u{2010}'
            ..='\u{2015}'
                | '\u{2212}'
                | '\u{2e3a}'
                | '\u{2e3b}'
                | '\u{fe58}'
                | '\u{fe63}'
                | '\u{ff0d}'
                | '\u{30fc}'
    )
}

/// The Latin letter that a Cyrillic or Greek letter looks like (Unicode TR39, the letters a shop may type by mistake or
/// on purpose). Upper and lower case are judged by their own shapes: Greek `Ν` looks like N, `ν` like v.
const fn look_alike(c: char) -> Option<char> {
    Some(match c {
        'А' | 'а' | 'Α' | 'α' => 'a',
        'В' | 'в' | 'Β' | 'β' => 'b',
        'С' | 'с' | 'ϲ' | 'Ϲ' | 'ᲃ' => 'c',
        'ԁ' => 'd',
        'Е' | 'е' | 'Ε' | 'ε' => 'e',
        'ɡ' => 'g',
        'Н' | 'н' | 'Η' | 'һ' | 'Һ' => 'h',
        'І' | 'і' | 'Ι' | 'ι' | 'ı' => 'i',
        'Ј' | 'ј' | 'ϳ' => 'j',
        'К' | 'к' | 'Κ' | 'κ' | 'ᴋ' => 'k',
        'Ӏ' | 'ӏ' => 'l',
        'М' | 'м' | 'Μ' | 'μ' => 'm',
        'Ν' | 'η' => 'n',
        'О' | 'о' | 'Ο' | 'ο' | 'ᲂ' => 'o',
        'Р' | 'р' | 'Ρ' | 'ρ' => 'p',
        'ԛ' => 'q',
        'ᴦ' => 'r',
        'Ѕ' | 'ѕ' | 'ꜱ' => 's',
        'Т' | 'т' | 'Τ' | 'τ' | 'ᲄ' | 'ᲅ' => 't',
        'ν' | 'ѵ' | 'Ѵ' => 'v',
        'ԝ' | 'Ԝ' => 'w',
        'Х' | 'х' | 'Χ' | 'χ' => 'x',
        'У' | 'у' | 'Υ' | 'υ' | 'Ү' | 'ү' | 'γ' => 'y',
        'Ζ' => 'z',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> String {
        Folded::name(text).as_str().to_owned()
    }

    #[test]
    fn names_survive_spelling() {
        for text in [
            "Kaspersky Plus",
            "  kaspersky   plus ",
            "KASPERSKY-PLUS",
            "Kaspersky® Plus™",
            "Kаsperskу Plus",
            "ＫＡＳＰＥＲＳＫＹ　Plus",
            "Kas\u{ad}persky\u{200b} Plus",
            "Κaspersκy Plus",
            "Káspersky_Plus",
            "Kas\0persky\u{8} Plus",
            "Káspers\u{7f}ky\tPlus",
        ] {
            assert_eq!(name(text), "kaspersky plus", "{text}");
        }
        assert_ne!(name("Kasper & Sons"), name("Kaspersons"));
        assert_eq!(name("\u{37f}et"), "jet", "a letter that looks alike only in lower case");
    }

    #[test]
    fn skus_survive_spelling() {
        for text in [
            "kl1047gdefs",
            " KL1047-GDEFS ",
            "КL 1047 GDEFS",
            "ＫＬ1047GDEFS",
            "KL1047\u{2011}GDEFS",
        ] {
            assert_eq!(Folded::sku(text).as_str(), "KL1047GDEFS", "{text}");
        }
        assert_eq!(Folded::sku("KL4863DA*FS -N3").as_str(), "KL4863DA*FSN3");
    }

    proptest! {
        #[test]
        fn folding_twice_changes_nothing(text in "\\PC{0,40}") {
            let once = name(&text);
            prop_assert_eq!(name(&once), once);
            let once = Folded::sku(&text);
            prop_assert_eq!(Folded::sku(once.as_str()), once);
        }

        #[test]
        fn ascii_takes_the_same_road(text in "[ -~]{0,40}") {
            let mut slow = Words::default();
            each_letter(&text, |c| slow.push(c));
            prop_assert_eq!(name(&text), slow.folded.as_str());
        }
    }
}
