//! `_method` in a query: some frameworks (Rails, Laravel, Symfony) take the method from it, not the one that was judged.

use std::borrow::Cow;

use crate::message::PhpName;

/// The name, as PHP writes it.
const NAME: &str = "_method";

/// A target (path and query) without every spelling of `_method` in its query. Borrows where there is none.
pub fn without_method_override(target: &str) -> Cow<'_, str> {
    let Some((path, query)) = target.split_once('?') else { return Cow::Borrowed(target) };
    if !query.split('&').any(is_override) {
        return Cow::Borrowed(target);
    }
    let kept: Vec<&str> = query.split('&').filter(|pair| !is_override(pair)).collect();
    if kept.is_empty() {
        return Cow::Owned(path.to_owned());
    }
    Cow::Owned(format!("{path}?{}", kept.join("&")))
}

/// True if the pair, or a part of it for those who part pairs by `;` too, is named `_method`.
fn is_override(pair: &str) -> bool {
    pair.split(';').any(|part| {
        let name = part.split('=').next().unwrap_or_default();
        // No shorter text is any spelling of it; most names end here.
        if name.len() < NAME.len() {
            return false;
        }
        let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        if plain {
            return name.eq_ignore_ascii_case(NAME);
        }
        let decoded = percent_encoding::percent_decode_str(name).decode_utf8_lossy();
        let folded = PhpName::fold(&decoded.replace('+', " "));
        folded.base().split('\0').next().is_some_and(|base| base.eq_ignore_ascii_case(NAME))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_goes_and_nothing_else() {
        for (target, expected) in [
            ("/a?_method=PUT", "/a"),
            ("/a?b=1&_method=PUT&c", "/a?b=1&c"),
            ("/a?b&_METHOD=x&%5fmethod=y&+_method=z&.method=w", "/a?b"),
            ("/a?b&_method[]=x&_method%00=y", "/a?b"),
            ("/a?b=1;_method=PUT&c=2", "/a?c=2"),
        ] {
            assert_eq!(without_method_override(target), expected, "{target}");
        }
        for target in ["/_method", "/a", "/a?", "/a?method=x", "/a?b=_method", "/a?x_method=1&%"] {
            assert!(matches!(without_method_override(target), Cow::Borrowed(t) if t == target));
        }
    }
}
