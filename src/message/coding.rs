//! Bounded decoding of a request body (RFC 9110 8.4): one coding at most, one stream, nothing after it.

use std::borrow::Cow;

use flate2::Decompress;
use flate2::FlushDecompress;
use flate2::Status;

/// Room for the first piece of output; it doubles from there, up to the limit.
const FIRST_PIECE: usize = 4_096;
/// The largest window a stream may ask for, as a power of two (RFC 1950 2.2).
const WINDOW_BITS: u8 = 15;

/// Why a body cannot be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CodingError {
    /// Truncated, corrupt, several members, or data after the end.
    #[error("a body that is not what its content coding says")]
    Malformed,
    /// More decoded bytes than the limit.
    #[error("a decoded body over the limit")]
    TooLarge,
    /// Several codings, or one we do not read.
    #[error("an unsupported content coding")]
    Unsupported,
}

/// Decodes `body` as `content_encoding` says: absent or `identity` as it is, `gzip`, `x-gzip`, or `deflate` (which is the
/// zlib format, RFC 9110 8.4.1.2). `limit` is in decoded bytes.
///
/// Several `Content-Encoding` fields are for the caller to join with a comma, and are then refused.
///
/// # Errors
/// See [`CodingError`]. No more than `limit` and a piece is ever held.
pub fn decode<'a>(
    content_encoding: &str,
    body: &'a [u8],
    limit: usize,
) -> Result<Cow<'a, [u8]>, CodingError> {
    let coding = content_encoding.trim_matches([' ', '\t']);
    let is = |name: &str| coding.eq_ignore_ascii_case(name);
    if coding.is_empty() || is("identity") {
        return if body.len() <= limit { Ok(body.into()) } else { Err(CodingError::TooLarge) };
    }
    let stream = if is("gzip") || is("x-gzip") {
        Decompress::new_gzip(WINDOW_BITS)
    } else if is("deflate") {
        Decompress::new(true)
    } else {
        return Err(CodingError::Unsupported);
    };
    inflate(stream, body, limit).map(Cow::Owned)
}

fn inflate(mut stream: Decompress, body: &[u8], limit: usize) -> Result<Vec<u8>, CodingError> {
    // One byte more than the limit tells a body that just fits from one that does not.
    let bound = limit.saturating_add(1);
    let mut decoded = Vec::with_capacity(bound.min(FIRST_PIECE));
    let mut rest = body;
    loop {
        if decoded.len() == decoded.capacity() {
            let piece = decoded.len().max(FIRST_PIECE).min(bound.saturating_sub(decoded.len()));
            decoded.reserve_exact(piece);
        }
        let (read, written) = (stream.total_in(), decoded.len());
        let status = stream
            .decompress_vec(rest, &mut decoded, FlushDecompress::None)
            .map_err(|_| CodingError::Malformed)?;
        let taken = usize::try_from(stream.total_in().saturating_sub(read)).unwrap_or(usize::MAX);
        rest = rest.get(taken..).ok_or(CodingError::Malformed)?;
        if decoded.len() > limit {
            return Err(CodingError::TooLarge);
        }
        let is_stuck = taken == 0 && decoded.len() == written;
        match status {
            Status::StreamEnd if rest.is_empty() => return Ok(decoded),
            Status::StreamEnd => return Err(CodingError::Malformed),
            Status::BufError | Status::Ok if is_stuck => return Err(CodingError::Malformed),
            Status::BufError | Status::Ok => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};
    use proptest::prelude::*;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(text: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn known_codings_are_read() {
        let text: &[u8] = br#"{"lines":[]}"#;
        for coding in ["", "identity", " Identity "] {
            assert!(matches!(decode(coding, text, 100), Ok(Cow::Borrowed(read)) if read == text));
        }
        for (coding, body) in
            [("gzip", gzip(text)), ("X-GZip", gzip(text)), ("deflate", zlib(text))]
        {
            assert_eq!(decode(coding, &body, text.len()).unwrap(), text);
            assert_eq!(decode(coding, &body, text.len() - 1), Err(CodingError::TooLarge));
        }
        for coding in ["br", "zstd", "gzip, gzip", "identity, gzip", "chunked", "gzip;q=1"] {
            assert_eq!(decode(coding, text, 100), Err(CodingError::Unsupported), "{coding}");
        }
        assert_eq!(decode("", text, 3), Err(CodingError::TooLarge));
        assert_eq!(decode("gzip", &gzip(b""), 0).unwrap(), b"".as_slice());
    }

    #[test]
    fn one_whole_stream_and_nothing_else() {
        for (coding, whole) in [("gzip", gzip(b"abc")), ("deflate", zlib(b"abc"))] {
            let mut flipped = whole.clone();
            *flipped.last_mut().unwrap() ^= 1;
            assert_eq!(decode(coding, &flipped, 100), Err(CodingError::Malformed));
            for extra in [&whole[..], b"\0", b"x"] {
                let long = [&whole, extra].concat();
                assert_eq!(decode(coding, &long, 100), Err(CodingError::Malformed));
            }
            for length in 0..whole.len() {
                assert_eq!(decode(coding, &whole[..length], 100), Err(CodingError::Malformed));
            }
        }
        assert_eq!(decode("gzip", &zlib(b"abc"), 100), Err(CodingError::Malformed));
        assert_eq!(decode("deflate", &gzip(b"abc"), 100), Err(CodingError::Malformed));
    }

    #[test]
    fn a_bomb_is_cut_short() {
        let bomb = gzip(&vec![0; 10_000_000]);
        let memory = allocation_counter::measure(|| {
            assert_eq!(decode("gzip", &bomb, 65_536), Err(CodingError::TooLarge));
        });
        assert!(memory.bytes_max < 400_000, "{}", memory.bytes_max);
    }

    proptest! {
        #[test]
        fn what_was_encoded_comes_back(text in proptest::collection::vec(any::<u8>(), 0..20_000)) {
            for (coding, body) in [("gzip", gzip(&text)), ("deflate", zlib(&text))] {
                prop_assert_eq!(&*decode(coding, &body, 20_000).unwrap(), &*text);
            }
        }

        #[test]
        fn no_bytes_stop_it(body in proptest::collection::vec(any::<u8>(), 0..64), gz in any::<bool>()) {
            let head: &[u8] = if gz { b"\x1f\x8b\x08" } else { b"\x78\x9c" };
            let body = [head, &body].concat();
            let _outcome = decode(if gz { "gzip" } else { "deflate" }, &body, 1_000);
        }
    }
}
