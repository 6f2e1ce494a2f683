//! One look at a raw path: does it stand for itself, as nearly all do, or must it be decoded, resolved and folded?

use super::canonical::TargetError;

/// How far a raw path is from its canonical and its folded form.
pub(super) enum Shape {
    /// It is both.
    Folded,
    /// Neither; decoding and resolving must tell.
    Other,
    /// It is the canonical form, and must be folded.
    Resolved,
}

impl Shape {
    /// One pass over the raw path, without allocation.
    pub(super) fn of(path: &str) -> Result<Self, TargetError> {
        let bytes = path.as_bytes();
        let Some((b'/', rest)) = bytes.split_first() else {
            return Err(TargetError::NotOriginForm);
        };
        let mut shape = Self::Folded;
        // Of the current segment: its length, and whether it has dots only.
        let (mut length, mut dots, mut last) = (0_usize, true, b'/');
        for &byte in rest {
            match KINDS.get(usize::from(byte)).copied().unwrap_or(Kind::Refused) {
                Kind::Dot => {}
                Kind::Folded => dots = false,
                Kind::Upper => {
                    dots = false;
                    if matches!(shape, Self::Folded) {
                        shape = Self::Resolved;
                    }
                }
                Kind::Slash => {
                    if dots {
                        shape = Self::Other;
                    } else if last == b'.' && matches!(shape, Self::Folded) {
                        shape = Self::Resolved;
                    }
                    (length, dots) = (0, true);
                    last = byte;
                    continue;
                }
                Kind::Encoded => {
                    dots = false;
                    shape = Self::Other;
                }
                Kind::Refused => {
                    refuse_raw(byte)?;
                    return Err(TargetError::Backslash);
                }
            }
            length = length.saturating_add(1);
            last = byte;
        }
        if dots && length > 0 {
            shape = Self::Other;
        } else if last == b'.' && matches!(shape, Self::Folded) {
            shape = Self::Resolved;
        }
        Ok(shape)
    }
}

#[derive(Clone, Copy)]
enum Kind {
    /// `.`
    Dot,
    /// Needs the slow way: an escape, a byte that is forwarded encoded, or one beyond ASCII.
    Encoded,
    /// Stands for itself in every form.
    Folded,
    /// Never in a lawful path.
    Refused,
    /// `/`
    Slash,
    /// Stands for itself upstream, but not in the folded form.
    Upper,
}

const KINDS: [Kind; 256] = {
    let mut kinds = [Kind::Encoded; 256];
    let mut byte = 0_u8;
    loop {
        #[expect(clippy::indexing_slicing, reason = "a byte is below 256")]
        {
            kinds[byte as usize] = match byte {
                0..=b' ' | 0x7f | b'\\' | b'#' => Kind::Refused,
                b'.' => Kind::Dot,
                b'/' => Kind::Slash,
                b'A'..=b'Z' | b';' => Kind::Upper,
                _ if stands_for_itself(byte) => Kind::Folded,
                _ => Kind::Encoded,
            };
        }
        if byte == u8::MAX {
            break;
        }
        byte = byte.wrapping_add(1);
    }
    kinds
};

/// RFC 3986 `pchar` without `+` and the escape.
pub(super) const fn stands_for_itself(byte: u8) -> bool {
    matches!(byte,
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~'
        | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b',' | b';' | b'=' | b':' | b'@')
}

/// Refuses what no target holds, wherever it stands.
pub(super) const fn refuse_raw(byte: u8) -> Result<(), TargetError> {
    match byte {
        b'#' => Err(TargetError::Fragment),
        0..=b' ' | 0x7f => Err(TargetError::Control),
        _ => Ok(()),
    }
}
