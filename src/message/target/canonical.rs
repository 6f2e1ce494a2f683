//! The one reading of a lawful target, and the reasons why a target has none.

use std::borrow::Cow;

use super::fold::Folded;
use super::fold::fold_path;
use super::fold::hex_pair;
use super::shape::Shape;
use super::shape::refuse_raw;
use super::shape::stands_for_itself;

/// A request target with one reading only. On a clean lower-case path everything is borrowed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CanonicalTarget<'a> {
    path: Cow<'a, str>,
    folded: Cow<'a, str>,
    forward: Cow<'a, str>,
    query: Option<&'a str>,
}

/// Why a target has no single reading.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, thiserror::Error)]
pub enum TargetError {
    /// `..` leaves the root. nginx answers 400; others stay at the root.
    #[error("dot segments that leave the root")]
    AboveRoot,
    /// A backslash, which some upstreams read as a slash.
    #[error("a backslash in the path")]
    Backslash,
    /// A control character, raw or encoded.
    #[error("a control character in the target")]
    Control,
    /// A segment that an upstream reads as a dot segment only after removing parameters, blanks, further dots or width.
    #[error("a disguised dot segment in the path")]
    DisguisedDots,
    /// `/ \ ; ? #` in percent-encoded form, which decoding turns into a delimiter.
    #[error("an encoded delimiter in the path")]
    EncodedDelimiter,
    /// Not UTF-8.
    #[error("invalid UTF-8 in the target")]
    Encoding,
    /// A percent sign that two hexadecimal digits do not follow: nginx refuses it, others keep it, IIS reads `%uXXXX`.
    #[error("an incomplete percent escape in the path")]
    Escape,
    /// A `#`: RFC 9112 3.2 knows no fragment in a target.
    #[error("a fragment in the target")]
    Fragment,
    /// The target does not begin with a slash.
    #[error("a target that is not in origin form")]
    NotOriginForm,
    /// A character in more bytes than it needs (RFC 3629 3).
    #[error("overlong UTF-8 in the path")]
    Overlong,
    /// After one decoding a valid `%XX` remains.
    #[error("a path that is percent-encoded twice")]
    TwiceEncoded,
}

/// The one reading of `raw`, a target in origin form: path and query as received.
///
/// `..` above the root is refused rather than kept at the root: nginx refuses it too, and no lawful client sends it.
/// Repeated slashes are merged before `..` is resolved, as nginx does.
///
/// # Errors
/// When the target has more than one reading, or none.
pub fn canonicalize(raw: &[u8]) -> Result<CanonicalTarget<'_>, TargetError> {
    let text = std::str::from_utf8(raw).map_err(|_| utf8_fault(raw))?;
    let (path, query) =
        text.split_once('?').map_or((text, None), |(path, query)| (path, Some(query)));
    for byte in query.unwrap_or_default().bytes() {
        refuse_raw(byte)?;
    }
    let (path, forward) = match Shape::of(path)? {
        Shape::Folded => {
            let path = Cow::Borrowed(path);
            return Ok(CanonicalTarget {
                folded: path.clone(),
                forward: path.clone(),
                path,
                query,
            });
        }
        Shape::Resolved => (Cow::Borrowed(path), Cow::Borrowed(path)),
        Shape::Other => {
            let resolved = resolve(&decode(path)?)?;
            let forward = Cow::Owned(encode(&resolved));
            (Cow::Owned(resolved), forward)
        }
    };
    match fold_path(&path) {
        Folded::DisguisedDots => Err(TargetError::DisguisedDots),
        Folded::Path(folded) => {
            Ok(CanonicalTarget { path, folded: Cow::Owned(folded), forward, query })
        }
    }
}

impl CanonicalTarget<'_> {
    /// The path, decoded once, dot segments and repeated slashes resolved.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The path for matching: compatibility letters and case folded; of each segment `;parameters` and trailing dots and
    /// blanks removed; empty segments merged. Not for forwarding.
    pub fn folded(&self) -> &str {
        &self.folded
    }

    /// The path to send upstream: `path` in its one canonical encoding. `+` is always encoded, since some read it as a blank.
    pub fn forward_path(&self) -> &str {
        &self.forward
    }

    /// The query as received, without the question mark; `None` where the target has no question mark.
    pub fn query(&self) -> Option<&str> {
        self.query
    }

    /// `forward_path` and query as one request target. Borrows where the path went in as it goes out and there is no query.
    pub fn forward_target(&self) -> Cow<'_, str> {
        self.query.map_or(Cow::Borrowed(&*self.forward), |query| {
            let mut target = String::with_capacity(
                self.forward.len().saturating_add(query.len()).saturating_add(1),
            );
            target.push_str(&self.forward);
            target.push('?');
            target.push_str(query);
            Cow::Owned(target)
        })
    }
}

impl TargetError {
    /// True where the target is no lawful target on any route: answer 400 wherever it arrives. The other faults are
    /// ambiguities: 400 on a judged route, a question for the lenient readings on an unjudged one.
    pub const fn is_malformed(self) -> bool {
        matches!(self, Self::Fragment | Self::NotOriginForm)
    }
}

/// Percent-decodes once.
fn decode(path: &str) -> Result<String, TargetError> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        if byte != b'%' {
            decoded.push(byte);
            rest = tail;
            continue;
        }
        let Some((value, tail)) = hex_pair(tail) else {
            return Err(TargetError::Escape);
        };
        match value {
            b'/' | b'\\' | b';' | b'?' | b'#' => return Err(TargetError::EncodedDelimiter),
            0..=0x1f | 0x7f => return Err(TargetError::Control),
            _ => decoded.push(value),
        }
        rest = tail;
    }
    let decoded = String::from_utf8(decoded).map_err(|fault| utf8_fault(fault.as_bytes()))?;
    if decoded.chars().any(char::is_control) {
        return Err(TargetError::Control);
    }
    if decoded.split('%').skip(1).any(|rest| hex_pair(rest.as_bytes()).is_some()) {
        return Err(TargetError::TwiceEncoded);
    }
    Ok(decoded)
}

/// RFC 3986 5.2.4 over merged slashes, as nginx does it.
fn resolve(path: &str) -> Result<String, TargetError> {
    let mut resolved = String::with_capacity(path.len());
    let mut segments = path.split('/').peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "" | "." => {}
            ".." => {
                let parent = resolved.rfind('/').ok_or(TargetError::AboveRoot)?;
                resolved.truncate(parent);
            }
            name => {
                resolved.push('/');
                resolved.push_str(name);
                continue;
            }
        }
        if is_last {
            resolved.push('/');
        }
    }
    Ok(resolved)
}

fn encode(path: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |value: u8| char::from(HEX.get(usize::from(value)).copied().unwrap_or(b'0'));
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte == b'/' || stands_for_itself(byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push(digit(byte >> 4));
            encoded.push(digit(byte & 15));
        }
    }
    encoded
}

/// Tells an overlong form from other invalid UTF-8.
fn utf8_fault(bytes: &[u8]) -> TargetError {
    let overlong = bytes
        .windows(2)
        .any(|pair| matches!(pair, [0xc0 | 0xc1, _] | [0xe0, 0x80..=0x9f] | [0xf0, 0x80..=0x8f]));
    if overlong { TargetError::Overlong } else { TargetError::Encoding }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(raw: &str) -> Result<String, TargetError> {
        canonicalize(raw.as_bytes()).map(|target| target.path().to_owned())
    }

    fn folded(raw: &str) -> String {
        canonicalize(raw.as_bytes()).unwrap().folded().to_owned()
    }

    #[test]
    fn a_clean_path_borrows_everything() {
        let target = canonicalize(b"/index/u1313g.xml?x=1").unwrap();
        for text in [&target.path, &target.folded, &target.forward] {
            assert!(matches!(text, Cow::Borrowed("/index/u1313g.xml")));
        }
        assert_eq!(target.query(), Some("x=1"));
        assert_eq!(target.forward_target(), "/index/u1313g.xml?x=1");
        let allocations = allocation_counter::measure(|| {
            assert!(canonicalize(b"/mirror/bases/av/kdb/u1313g.xml?x=1").is_ok());
        });
        assert_eq!(allocations.count_total, 0);
    }

    #[test]
    fn lawful_paths_have_one_reading() {
        for (raw, expected, forward) in [
            ("/", "/", "/"),
            ("/a//b/./c/../d", "/a/b/d", "/a/b/d"),
            ("/a/b/..", "/a/", "/a/"),
            ("/a/.", "/a/", "/a/"),
            ("/a/%2e%2E/b", "/b", "/b"),
            ("/a//../b", "/b", "/b"),
            ("/..a/b..", "/..a/b..", "/..a/b.."),
            ("/%61%20b", "/a b", "/a%20b"),
            ("/100%25", "/100%", "/100%25"),
            ("/100%25/x%25zz", "/100%/x%zz", "/100%25/x%25zz"),
            ("/c++", "/c++", "/c%2B%2B"),
            ("/f;v=1/x", "/f;v=1/x", "/f;v=1/x"),
            ("/%C3%BC", "/ü", "/%C3%BC"),
            ("/ü", "/ü", "/%C3%BC"),
        ] {
            let target = canonicalize(raw.as_bytes()).unwrap();
            assert_eq!((target.path(), target.forward_path()), (expected, forward), "{raw}");
        }
    }

    #[test]
    fn every_ambiguity_of_the_contract_is_refused() {
        use TargetError as E;
        for (raw, reason) in [
            ("/%2541", E::TwiceEncoded),
            ("/%25%34%31", E::TwiceEncoded),
            ("/a%2fb", E::EncodedDelimiter),
            ("/a%5Cb", E::EncodedDelimiter),
            ("/a%3bb", E::EncodedDelimiter),
            ("/a%3Fb", E::EncodedDelimiter),
            ("/a%23b", E::EncodedDelimiter),
            ("/a%00", E::Control),
            ("/a%0d%0a", E::Control),
            ("/a%7f", E::Control),
            ("/a%C2%85", E::Control),
            ("/a\\b", E::Backslash),
            ("/a%ff", E::Encoding),
            ("/%c0%af", E::Overlong),
            ("/%e0%80%af", E::Overlong),
            ("/%f0%80%80%af", E::Overlong),
            ("/..", E::AboveRoot),
            ("/a/../../b", E::AboveRoot),
            ("/a/..;/b", E::DisguisedDots),
            ("/a/..%20/b", E::DisguisedDots),
            ("/a/．．/b", E::DisguisedDots),
            ("/a／..／b", E::DisguisedDots),
            ("/a/.../b", E::DisguisedDots),
            ("/100%", E::Escape),
            ("/%u0069", E::Escape),
            ("/a#b", E::Fragment),
            ("/a?b#c", E::Fragment),
            ("a", E::NotOriginForm),
            ("", E::NotOriginForm),
            ("http://h/a", E::NotOriginForm),
        ] {
            assert_eq!(path(raw), Err(reason), "{raw}");
        }
        assert_eq!(canonicalize(b"/\xff"), Err(E::Encoding));
        assert_eq!(canonicalize(b"/a b"), Err(E::Control));
    }

    #[test]
    fn folding_hides_nothing_from_the_rules() {
        for (raw, expected) in [
            ("/Index/U1313G.XML", "/index/u1313g.xml"),
            ("/index;x=1/u1313g.xml;y", "/index/u1313g.xml"),
            ("/index./u1313g.xml.%20.", "/index/u1313g.xml"),
            ("/ｉｎｄｅｘ/u1313g.xml", "/index/u1313g.xml"),
            ("/index／u1313g.xml", "/index/u1313g.xml"),
            ("/;v=1/index/", "/index/"),
            ("/\u{17f}tra\u{df}e/\u{212a}", "/strasse/k"),
        ] {
            assert_eq!(folded(raw), expected, "{raw}");
        }
    }

    /// The naive second opinion: a list of segments, no in-place editing, nothing shared.
    fn naive(raw: &str) -> Option<String> {
        let mut stack: Vec<String> = Vec::new();
        let mut slash = false;
        for segment in raw.strip_prefix('/')?.split('/') {
            let decoded: Vec<u8> = percent_encoding::percent_decode_str(segment).collect();
            let segment = String::from_utf8(decoded).ok()?;
            slash = matches!(&*segment, "" | "." | "..");
            match &*segment {
                "" | "." => {}
                ".." => {
                    stack.pop()?;
                }
                _ => stack.push(segment),
            }
        }
        let mut path = format!("/{}", stack.join("/"));
        if slash && path != "/" {
            path.push('/');
        }
        Some(path)
    }

    proptest! {
        #[test]
        fn no_bytes_stop_it(raw in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _outcome = canonicalize(&raw);
        }

        #[test]
        fn canonicalisation_is_idempotent(raw in "/([a-zA-Z.;+ü]|/|\\.\\./|%20|%2[e5]|%6[1-9]|%C3%BC){0,20}") {
            if let Ok(first) = canonicalize(raw.as_bytes()) {
                let second = canonicalize(first.forward_path().as_bytes()).unwrap();
                prop_assert_eq!(first.path(), second.path());
                prop_assert_eq!(first.folded(), second.folded());
                prop_assert_eq!(first.forward_path(), second.forward_path());
                prop_assert!(first.forward_path().is_ascii());
                // What is matched is stable too, and reads the same as a path of its own.
                prop_assert!(matches!(fold_path(first.folded()), Folded::Path(again) if again == first.folded()));
            }
        }

        #[test]
        fn a_naive_resolver_agrees(raw in "/([ab]|\\.|/|%2e|%61){0,16}") {
            match canonicalize(raw.as_bytes()) {
                Ok(target) => prop_assert_eq!(Some(target.path().to_owned()), naive(&raw)),
                Err(TargetError::AboveRoot) => prop_assert_eq!(naive(&raw), None),
                Err(TargetError::DisguisedDots) => {}
                Err(other) => prop_assert!(false, "{} {}", raw, other),
            }
        }

        #[test]
        fn folding_is_idempotent(path in "(/\\PC{0,6}){1,3}") {
            if let Folded::Path(once) = fold_path(&path) {
                prop_assert!(matches!(fold_path(&once), Folded::Path(twice) if twice == once));
            }
        }
    }
}
