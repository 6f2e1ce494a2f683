//! Folding of a path for matching: compatibility letters, case, parameters, trailing dots and blanks.

use unicode_normalization::UnicodeNormalization;

/// What folding says of a path.
pub(super) enum Folded {
    /// A segment is a dot segment only in disguise: the path has two readings.
    DisguisedDots,
    /// The folded path.
    Path(String),
}

/// Folds a resolved path. A segment that turns into a dot segment on the way is reported, never resolved.
pub(super) fn fold_path(path: &str) -> Folded {
    let text = fold_text(path);
    let mut folded = String::with_capacity(text.len());
    let mut trailing = true;
    // A compatibility form of the backslash or the slash parts segments, for matching.
    for segment in text.split(['/', '\\']) {
        let bare = strip_parameters(segment);
        let name = trim(bare);
        trailing = name.is_empty();
        if trailing {
            if bare.contains('.') {
                return Folded::DisguisedDots;
            }
            continue;
        }
        folded.push('/');
        folded.push_str(name);
    }
    if trailing {
        folded.push('/');
    }
    Folded::Path(folded)
}

/// NFKC and full case folding, repeated until nothing changes (two rounds suffice for nearly all of Unicode).
pub(super) fn fold_text(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mut folded: String = text.to_owned();
    for _ in 0..4 {
        let next: String = folded.nfkc().flat_map(fold_char).nfkc().collect();
        if next == folded {
            break;
        }
        folded = next;
    }
    folded
}

/// Full case folding of one character by way of upper case, which also catches `ſ`, `ß` and the dotless `ı`.
pub(in crate::message) fn fold_char(c: char) -> impl Iterator<Item = char> {
    c.to_uppercase().flat_map(char::to_lowercase)
}

/// The segment without `;parameters`.
pub(super) fn strip_parameters(segment: &str) -> &str {
    segment.split_once(';').map_or(segment, |(name, _)| name)
}

/// The segment without the trailing dots and blanks that Windows drops.
pub(super) fn trim(segment: &str) -> &str {
    segment.trim_end_matches(|c: char| c == '.' || c.is_whitespace())
}

/// Two hexadecimal digits at the front of `bytes`, and what follows them.
pub(in crate::message) const fn hex_pair(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let [high, low, rest @ ..] = bytes else { return None };
    match (hex(*high), hex(*low)) {
        (Some(high), Some(low)) => Some(((high << 4) | low, rest)),
        _ => None,
    }
}

const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit.wrapping_sub(b'0')),
        b'a'..=b'f' => Some(digit.wrapping_sub(b'a').wrapping_add(10)),
        b'A'..=b'F' => Some(digit.wrapping_sub(b'A').wrapping_add(10)),
        _ => None,
    }
}
