//! JSON pointers (RFC 6901) with one addition: a segment `*` walks every element of an array.

use std::fmt;

/// A checked pointer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pointer {
    text: Box<str>,
    tokens: Box<[Token]>,
}

/// One segment of a pointer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Token {
    /// `*`: every element of an array.
    Each,
    /// A member of an object, or by its decimal text an element of an array; `~0` and `~1` are decoded.
    Name(Box<str>),
}

/// A text that is no pointer.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PointerError {
    /// A `~` that is not followed by `0` or `1`.
    #[error("`~` must be written `~0`, and `/` inside a name `~1`")]
    Escape,
    /// A pointer begins with `/`, or is empty.
    #[error("a JSON pointer begins with `/`")]
    Start,
}

impl Pointer {
    /// Reads a pointer; the empty one means the whole document.
    ///
    /// # Errors
    /// When the text is not a pointer (RFC 6901, section 3).
    pub fn parse(text: &str) -> Result<Self, PointerError> {
        let mut segments = text.split('/');
        if segments.next() != Some("") {
            return Err(PointerError::Start);
        }
        let tokens = segments.map(token).collect::<Result<_, _>>()?;
        Ok(Self { text: text.into(), tokens })
    }

    /// The segments, outermost first.
    pub const fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// The pointer as written.
    pub const fn as_str(&self) -> &str {
        &self.text
    }

    /// True if some segment walks an array.
    pub fn walks(&self) -> bool {
        self.tokens.contains(&Token::Each)
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn token(segment: &str) -> Result<Token, PointerError> {
    if segment == "*" {
        return Ok(Token::Each);
    }
    let mut name = String::with_capacity(segment.len());
    let mut letters = segment.chars();
    while let Some(letter) = letters.next() {
        name.push(match letter {
            '~' => match letters.next() {
                Some('0') => '~',
                Some('1') => '/',
                _ => return Err(PointerError::Escape),
            },
            other => other,
        });
    }
    Ok(Token::Name(name.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc6901_3_escapes_are_decoded_once_and_in_order() {
        let pointer = Pointer::parse("/a~1b/~01/*/0").unwrap();
        assert_eq!(
            pointer.tokens(),
            [
                Token::Name("a/b".into()),
                Token::Name("~1".into()),
                Token::Each,
                Token::Name("0".into())
            ]
        );
        assert!(pointer.walks());
    }

    #[test]
    fn the_empty_pointer_is_the_document() {
        assert_eq!(Pointer::parse("").unwrap().tokens(), []);
    }

    #[test]
    fn what_is_no_pointer_is_refused() {
        assert_eq!(Pointer::parse("billing/country"), Err(PointerError::Start));
        assert_eq!(Pointer::parse("/a~2"), Err(PointerError::Escape));
        assert_eq!(Pointer::parse("/a~"), Err(PointerError::Escape));
    }
}
