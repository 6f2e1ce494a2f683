//! Every reading a careless upstream might make of a path: the closure of the mistakes that servers are known for.
//!
//! Used only for targets that have no canonical form, on routes that are not judged: does any reading bear a signature?
//! Each mistake is one operation on bytes; the readings are whatever any sequence of them yields, in any order, up to a
//! bound. A path so contrived that the bound is reached counts as bearing whatever is asked.

use std::collections::HashSet;

use super::fold::fold_text;
use super::fold::hex_pair;
use super::fold::strip_parameters;
use super::fold::trim;

/// More states than any path has that was not made to have them.
const MAX_STATES: usize = 512;
/// Bytes over all states: bounds the work for a long path to a few milliseconds.
const MAX_WORK: usize = 1 << 17;
/// Double and triple decoding, and one more.
const MAX_DECODINGS: u8 = 4;

/// The folded readings of one path.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LenientReadings {
    readings: Vec<String>,
    is_complete: bool,
}

/// Lists the readings of a raw request target; a query is cut off first, as every upstream does.
pub fn lenient_readings(raw: &[u8]) -> LenientReadings {
    let path = raw.split(|byte| *byte == b'?').next().unwrap_or_default();
    let mut search = Search::default();
    search.add(path.to_vec(), 0);
    let mut next = 0;
    while let Some((state, decodings)) = search.states.get(next).cloned() {
        next = next.saturating_add(1);
        if decodings < MAX_DECODINGS && state.contains(&b'%') {
            search.add(percent_decode(&state), decodings.saturating_add(1));
        }
        for reading in mistakes(&state) {
            search.add(reading, decodings);
        }
        if !search.is_complete {
            return LenientReadings { readings: Vec::new(), is_complete: false };
        }
    }
    let mut readings = HashSet::new();
    for (state, _) in &search.states {
        let folded = fold_text(&String::from_utf8_lossy(state));
        readings.insert(finish(&folded, Dots::Keep));
        readings.insert(finish(&folded, Dots::Resolve));
    }
    let mut readings: Vec<String> = readings.into_iter().collect();
    readings.sort_unstable();
    LenientReadings { readings, is_complete: true }
}

impl LenientReadings {
    /// True if some reading satisfies `bears`, or where the readings were too many to list.
    pub fn any(&self, bears: impl FnMut(&str) -> bool) -> bool {
        !self.is_complete || self.readings.iter().map(String::as_str).any(bears)
    }

    /// False where the path has too many readings; none is then listed.
    pub const fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// The readings listed: folded like [`super::CanonicalTarget::folded`], each once, in byte order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.readings.iter().map(String::as_str)
    }
}

struct Search {
    states: Vec<(Vec<u8>, u8)>,
    seen: HashSet<Vec<u8>>,
    work: usize,
    is_complete: bool,
}

impl Default for Search {
    fn default() -> Self {
        Self { states: Vec::new(), seen: HashSet::new(), work: 0, is_complete: true }
    }
}

impl Search {
    fn add(&mut self, state: Vec<u8>, decodings: u8) {
        if self.seen.contains(&state) {
            return;
        }
        self.work = self.work.saturating_add(state.len());
        if self.states.len() >= MAX_STATES || self.work > MAX_WORK {
            self.is_complete = false;
            return;
        }
        self.seen.insert(state.clone());
        self.states.push((state, decodings));
    }
}

/// The readings of servers that make one more mistake each, where the mistake shows.
fn mistakes(path: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    [
        backslash_is_slash(path),
        compatibility_letters(path),
        controls_dropped(path),
        cut_at_fragment_or_query(path),
        cut_at_nul(path),
        dots_resolved(path),
        invalid_dropped(path),
        overlong_decoded(path),
        parameters_stripped(path),
        plus_is_blank(path),
        slashes_merged(path),
        trailing_dots_dropped(path),
    ]
    .into_iter()
    .flatten()
}

fn backslash_is_slash(path: &[u8]) -> Option<Vec<u8>> {
    replaced(path, b'\\', b'/')
}

fn compatibility_letters(path: &[u8]) -> Option<Vec<u8>> {
    // ASCII case makes no difference to the other mistakes and is folded at the end.
    let text = std::str::from_utf8(path).ok().filter(|text| !text.is_ascii())?;
    let folded = fold_text(text);
    (folded != text).then(|| folded.into_bytes())
}

fn controls_dropped(path: &[u8]) -> Option<Vec<u8>> {
    path.iter()
        .any(u8::is_ascii_control)
        .then(|| path.iter().copied().filter(|byte| !byte.is_ascii_control()).collect())
}

fn cut_at_fragment_or_query(path: &[u8]) -> Option<Vec<u8>> {
    cut_at(path, |byte| matches!(byte, b'?' | b'#'))
}

fn cut_at_nul(path: &[u8]) -> Option<Vec<u8>> {
    cut_at(path, |byte| matches!(byte, 0 | b'\r' | b'\n'))
}

/// Over the bytes as they stand, `..` at the root staying there, empty segments kept (RFC 3986 5.2.4). The end of the
/// search also resolves with merged slashes.
fn dots_resolved(path: &[u8]) -> Option<Vec<u8>> {
    let is_dots = |segment: &[u8]| matches!(segment, b"." | b"..");
    if !path.split(|byte| *byte == b'/').any(is_dots) {
        return None;
    }
    let mut kept: Vec<&[u8]> = Vec::new();
    let mut segments = path.split(|byte| *byte == b'/').peekable();
    while let Some(segment) = segments.next() {
        match segment {
            b"." => {}
            b".." => {
                if kept.len() > 1 {
                    kept.pop();
                }
            }
            name => kept.push(name),
        }
        if is_dots(segment) && segments.peek().is_none() {
            kept.push(b"");
        }
    }
    Some(kept.join(&b'/'))
}

fn invalid_dropped(path: &[u8]) -> Option<Vec<u8>> {
    std::str::from_utf8(path)
        .is_err()
        .then(|| path.utf8_chunks().flat_map(|chunk| chunk.valid().as_bytes()).copied().collect())
}

/// Decodes UTF-8 as the servers did that checked neither the shortest form nor the continuation bytes.
fn overlong_decoded(path: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut changed = false;
    let mut rest = path;
    while let Some((&lead, tail)) = rest.split_first() {
        let (first, length) = match lead {
            0xc0..=0xdf => (lead & 0x1f, 1_usize),
            0xe0..=0xef => (lead & 0x0f, 2),
            0xf0..=0xf7 => (lead & 0x07, 3),
            0xf8..=0xfb => (lead & 0x03, 4),
            0xfc..=0xfd => (lead & 0x01, 5),
            _ => (0, 0),
        };
        let sequence = tail.split_at_checked(length).filter(|_| length > 0);
        let ascii = sequence.and_then(|(continuation, after)| {
            let scalar = continuation
                .iter()
                .fold(u32::from(first), |scalar, byte| (scalar << 6) | u32::from(byte & 0x3f));
            let byte = u8::try_from(scalar).ok().filter(u8::is_ascii)?;
            Some((byte, after))
        });
        if let Some((byte, after)) = ascii {
            decoded.push(byte);
            changed = true;
            rest = after;
        } else {
            decoded.push(lead);
            rest = tail;
        }
    }
    changed.then_some(decoded)
}

fn parameters_stripped(path: &[u8]) -> Option<Vec<u8>> {
    path.contains(&b';').then(|| {
        let bare = |segment: &[u8]| {
            segment.split(|byte| *byte == b';').next().unwrap_or_default().to_vec()
        };
        path.split(|byte| *byte == b'/').map(bare).collect::<Vec<_>>().join(&b'/')
    })
}

fn plus_is_blank(path: &[u8]) -> Option<Vec<u8>> {
    replaced(path, b'+', b' ')
}

/// Before dot segments are resolved, and before letters are folded: another `..` then goes up than after.
fn slashes_merged(path: &[u8]) -> Option<Vec<u8>> {
    let doubled = |pair: &[u8]| pair == b"//";
    path.windows(2).any(doubled).then(|| {
        let mut merged = path.to_vec();
        merged.dedup_by(|next, kept| (*next, *kept) == (b'/', b'/'));
        merged
    })
}

/// Trailing dots and blanks go, but a dot segment stays one, as on Windows.
fn trailing_dots_dropped(path: &[u8]) -> Option<Vec<u8>> {
    let drops = |byte: &u8| matches!(byte, b'.' | b' ' | b'\t');
    let mut changed = false;
    let segments: Vec<&[u8]> = path
        .split(|byte| *byte == b'/')
        .map(|segment| {
            let dots = segment.iter().filter(|byte| **byte == b'.').count();
            let kept: &[u8] = match segment.iter().rposition(|byte| !drops(byte)) {
                Some(last) => segment.get(..=last).unwrap_or(segment),
                None if dots == 2 => b"..",
                None => b"",
            };
            changed |= kept != segment;
            kept
        })
        .collect();
    changed.then(|| segments.join(&b'/'))
}

/// `%XX` to its byte and `%uXXXX` to UTF-8; what is neither stays.
fn percent_decode(path: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((&byte, tail)) = rest.split_first() {
        if byte == b'%' {
            if let Some((value, after)) = hex_pair(tail) {
                decoded.push(value);
                rest = after;
                continue;
            }
            if let Some((c, after)) = unicode_escape(tail) {
                decoded.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                rest = after;
                continue;
            }
        }
        decoded.push(byte);
        rest = tail;
    }
    decoded
}

/// `uXXXX` as IIS and old JavaScript write it.
fn unicode_escape(bytes: &[u8]) -> Option<(char, &[u8])> {
    let (b'u' | b'U', digits) = bytes.split_first()? else { return None };
    let (high, rest) = hex_pair(digits)?;
    let (low, rest) = hex_pair(rest)?;
    Some((char::from_u32(u32::from(u16::from_be_bytes([high, low])))?, rest))
}

fn replaced(path: &[u8], from: u8, to: u8) -> Option<Vec<u8>> {
    path.contains(&from)
        .then(|| path.iter().map(|byte| if *byte == from { to } else { *byte }).collect())
}

fn cut_at(path: &[u8], ends: impl Fn(u8) -> bool) -> Option<Vec<u8>> {
    let end = path.iter().position(|byte| ends(*byte))?;
    path.get(..end).map(<[u8]>::to_vec)
}

#[derive(Clone, Copy)]
enum Dots {
    /// Object stores take `..` for a name.
    Keep,
    Resolve,
}

/// The form in which rules match: empty segments merged, parameters and trailing dots and blanks gone.
fn finish(text: &str, dots: Dots) -> String {
    let mut segments: Vec<&str> = Vec::new();
    let mut trailing = true;
    for segment in text.split('/') {
        trailing = true;
        match (segment, dots) {
            (".", Dots::Resolve) => {}
            ("..", Dots::Resolve) => {
                segments.pop();
            }
            ("." | "..", Dots::Keep) => {
                segments.push(segment);
                trailing = false;
            }
            _ => {
                let name = trim(strip_parameters(segment));
                trailing = name.is_empty();
                if !trailing {
                    segments.push(name);
                }
            }
        }
    }
    let mut path = String::with_capacity(text.len());
    for segment in &segments {
        path.push('/');
        path.push_str(segment);
    }
    if trailing {
        path.push('/');
    }
    path
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::canonicalize;
    use super::*;

    fn reads(raw: &str, reading: &str) -> bool {
        let readings = lenient_readings(raw.as_bytes());
        assert!(readings.is_complete(), "{raw}");
        readings.any(|candidate| candidate == reading)
    }

    #[test]
    fn known_tricks_are_seen_through() {
        for raw in [
            "/index/u1313g.xml",
            "/INDEX/U1313G.XML",
            "/index%2fu1313g.xml",
            "/index%252fu1313g.xml",
            "/index%25252fu1313g.xml",
            "/index\\u1313g.xml",
            "/index%5cu1313g.xml",
            "/index;a=b/u1313g.xml;c",
            "/index%3bx/u1313g.xml",
            "/index/u1313g.xml%00.jpg",
            "/index/u1313g.xml%2500.jpg",
            "/index/u1313g.xml%3fa=b",
            "/index/u1313g.xml%23a",
            "/index/u1313g.xml%0d%0aX:%20y",
            "/in%09dex/u1313g.xml",
            "/index%c0%afu1313g.xml",
            "/index%c0%2fu1313g.xml",
            "/index%e0%80%afu1313g.xml",
            "/index%f0%80%80%afu1313g.xml",
            "/index%fc%80%80%80%80%afu1313g.xml",
            "/index%25c0%25afu1313g.xml",
            "/index%u002fu1313g.xml",
            "/index%u2215x/../u1313g.xml",
            "/%u0069ndex/u1313g.xml",
            "/ｉndex/u1313g.xml",
            "/index／u1313g.xml",
            "/index%ef%bc%8fu1313g.xml",
            "/index%uff0fu1313g.xml",
            "/index./u1313g.xml.%20.",
            "/index/u1313g.xml+",
            "/x/..;/index/u1313g.xml",
            "/x/.%00./index/u1313g.xml",
            "/x/..%2findex/u1313g.xml",
            "/x/..%5c..%5cindex/u1313g.xml",
            "/x/%252e%252e/index/u1313g.xml",
            "/x/..%20/index/u1313g.xml",
            "/x/．．/index/u1313g.xml",
            "/../../index/u1313g.xml",
            "/index//x/../u1313g.xml",
            "/index/%ffu1313g.xml",
            "//index///u1313g.xml",
            "/index/u1313g.xml?x",
        ] {
            if raw.contains("u2215") {
                // U+2215 is no compatibility form of the slash: the path stays another one.
                assert!(!reads(raw, "/index/u1313g.xml"), "{raw}");
            } else {
                assert!(reads(raw, "/index/u1313g.xml"), "{raw}");
            }
        }
    }

    #[test]
    fn false_friends_stay_other_paths() {
        for raw in
            ["/index-u1313g.xml", "/indexes/u1313g.xml", "/index/u1313g.xml.bak", "/100%25/a"]
        {
            assert!(!reads(raw, "/index/u1313g.xml"), "{raw}");
        }
    }

    #[test]
    fn slashes_are_merged_before_letters_are_folded() {
        assert!(reads("/：%EF%BC%8F：//%2e%2e", "/"));
    }

    #[test]
    fn a_contrived_path_bears_everything() {
        let raw = "/a%2e%252e%5c%255c;x=%3b%253b+%00%c0%af%ff%20.%0a%23/".repeat(900);
        let readings = lenient_readings(raw.as_bytes());
        assert!(!readings.is_complete());
        assert!(readings.any(|_| false));
    }

    proptest! {
        #[test]
        fn the_canonical_reading_is_among_them(
            raw in "/([aB.;+ü]|/|%20|%2e|%C3%BC|ｉ|%EF%BC%8F|%EF%BC%BC|：|；){0,14}"
        ) {
            if let Ok(target) = canonicalize(raw.as_bytes()) {
                let readings = lenient_readings(raw.as_bytes());
                prop_assert!(readings.any(|reading| reading == target.folded()), "{} {:?}", target.folded(), readings);
            }
        }

        #[test]
        fn no_bytes_stop_it(raw in proptest::collection::vec(any::<u8>(), 0..48)) {
            let readings = lenient_readings(&raw);
            prop_assert!(readings.iter().all(|reading| reading.starts_with('/')));
        }
    }
}
