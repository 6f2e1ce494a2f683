//! The chunked coding, read (RFC 9112, section 7.1).
//!
//! Extensions and trailers are read within limits and dropped. A bare line feed does not end a line.

use bytes::{Buf, Bytes, BytesMut};

/// The longest chunk-size line (with extensions) and the largest trailer section that are taken.
const LINE_LIMIT: usize = 4 * 1024;
const TRAILER_LIMIT: usize = 16 * 1024;

/// Where in the coding the reader stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Size,
    Data { left: u64 },
    DataEnd,
    Trailers { read: usize },
    Done,
}

/// A reader of one chunked body; keeps no bytes of its own.
#[derive(Debug)]
pub(super) struct ChunkedReader {
    place: Place,
}

/// What the buffer held.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Chunk {
    /// The next piece of content; never empty.
    Data(Bytes),
    /// The last chunk and its trailers have been read.
    End,
    /// Nothing whole: read more.
    More,
}

impl ChunkedReader {
    pub(super) const fn new() -> Self {
        Self { place: Place::Size }
    }

    /// Takes the next piece from the buffer's front.
    ///
    /// # Errors
    /// What breaks the coding.
    pub(super) fn next(&mut self, buffer: &mut BytesMut) -> Result<Chunk, &'static str> {
        loop {
            match self.place {
                Place::Size => {
                    let Some(line) = take_line(buffer, LINE_LIMIT)? else {
                        return Ok(Chunk::More);
                    };
                    self.place = match chunk_size(&line)? {
                        0 => Place::Trailers { read: 0 },
                        left => Place::Data { left },
                    };
                }
                Place::Data { left } => {
                    if buffer.is_empty() {
                        return Ok(Chunk::More);
                    }
                    let take = usize::try_from(left).map_or(buffer.len(), |n| n.min(buffer.len()));
                    let rest = left.saturating_sub(take as u64);
                    self.place =
                        if rest == 0 { Place::DataEnd } else { Place::Data { left: rest } };
                    return Ok(Chunk::Data(buffer.split_to(take).freeze()));
                }
                Place::DataEnd => match (buffer.first(), buffer.get(1)) {
                    (Some(b'\r'), Some(b'\n')) => {
                        buffer.advance(2);
                        self.place = Place::Size;
                    }
                    (None, _) | (Some(b'\r'), None) => return Ok(Chunk::More),
                    _ => return Err("a chunk does not end where it said"),
                },
                Place::Trailers { read } => {
                    let Some(line) = take_line(buffer, TRAILER_LIMIT)? else {
                        return Ok(Chunk::More);
                    };
                    let read = read.saturating_add(line.len()).saturating_add(2);
                    if line.is_empty() {
                        self.place = Place::Done;
                    } else if read > TRAILER_LIMIT {
                        return Err("the trailer section is too long");
                    } else {
                        self.place = Place::Trailers { read };
                    }
                }
                Place::Done => return Ok(Chunk::End),
            }
        }
    }
}

/// A line without its CR LF, if the buffer holds a whole one.
fn take_line(buffer: &mut BytesMut, limit: usize) -> Result<Option<BytesMut>, &'static str> {
    let Some(end) = memchr::memchr(b'\n', buffer) else {
        return if buffer.len() > limit {
            Err("a line of the chunked coding is too long")
        } else {
            Ok(None)
        };
    };
    let mut line = buffer.split_to(end.saturating_add(1));
    if !line.ends_with(b"\r\n") {
        return Err("a line of the chunked coding ends without a carriage return");
    }
    line.truncate(line.len().saturating_sub(2));
    if line.contains(&b'\r') {
        return Err("a stray carriage return in the chunked coding");
    }
    Ok(Some(line))
}

fn chunk_size(line: &[u8]) -> Result<u64, &'static str> {
    const WRONG: &str = "a chunk size that is no number";
    let mut size: u64 = 0;
    let mut digits = 0_u32;
    for &byte in line {
        let Some(digit) = char::from(byte).to_digit(16) else {
            return match byte {
                b';' | b' ' | b'\t' if digits > 0 => Ok(size),
                _ => Err(WRONG),
            };
        };
        digits = digits.saturating_add(1);
        size = size
            .checked_mul(16)
            .and_then(|size| size.checked_add(u64::from(digit)))
            .ok_or("a chunk size beyond 64 bits")?;
    }
    if digits == 0 { Err(WRONG) } else { Ok(size) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read_all(pieces: &[&[u8]]) -> Result<(Vec<u8>, bool, Vec<u8>), &'static str> {
        let mut reader = ChunkedReader::new();
        let mut buffer = BytesMut::new();
        let mut content = Vec::new();
        let mut ended = false;
        for piece in pieces {
            buffer.extend_from_slice(piece);
            while !ended {
                match reader.next(&mut buffer)? {
                    Chunk::Data(data) => content.extend_from_slice(&data),
                    Chunk::End => ended = true,
                    Chunk::More => break,
                }
            }
        }
        Ok((content, ended, buffer.to_vec()))
    }

    #[test]
    fn extensions_and_trailers_are_dropped_and_what_follows_is_left() {
        let (content, ended, rest) =
            read_all(&[b"4;a=b\r\ndata\r\n00\r\nX-Sum: 1\r\n\r\nnext"]).unwrap();
        assert_eq!(
            (content.as_slice(), ended, rest.as_slice()),
            (&b"data"[..], true, &b"next"[..])
        );
    }

    #[test]
    fn broken_codings_are_errors() {
        for broken in [
            &b"x\r\n"[..],
            b"\r\n",
            b"4\nab",
            b"2\r\nabc\r\n",
            b"-1\r\n",
            b"+1\r\n",
            b"0x1\r\n",
            b"10000000000000000\r\n",
            b"2 \r\nab\rX",
            b"0\r\nA: b\nC: d\r\n\r\n",
        ] {
            assert!(read_all(&[broken]).is_err(), "{broken:?}");
        }
        assert!(read_all(&[&[b'1'; LINE_LIMIT + 2]]).is_err());
    }

    proptest! {
        #[test]
        fn any_content_survives_any_chunking_and_any_cut(
            chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 0..8),
            cut in 1_usize..17,
        ) {
            let mut wire = Vec::new();
            for chunk in &chunks {
                wire.extend_from_slice(format!("{:X}\r\n", chunk.len()).as_bytes());
                wire.extend_from_slice(chunk);
                wire.extend_from_slice(b"\r\n");
            }
            wire.extend_from_slice(b"0\r\n\r\n");
            let pieces: Vec<&[u8]> = wire.chunks(cut).collect();
            let (content, ended, rest) = read_all(&pieces).unwrap();
            prop_assert_eq!(content, chunks.concat());
            prop_assert!(ended && rest.is_empty());
        }
    }
}
