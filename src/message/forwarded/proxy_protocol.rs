//! The PROXY protocol, versions 1 and 2 (`proxy-protocol.txt` of `HAProxy`), over the first bytes of a connection.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;

/// The longest version 1 line, with its line end.
const MAX_V1: usize = 107;
/// The longest version 2 header we wait for: room for certificates in its type-length-values, none for a flood.
const MAX_V2: usize = 4_096;
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
const TYPE_CRC32C: u8 = 0x03;

/// What the first bytes of a connection say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ProxyHeader {
    /// The connection was made by `source`.
    Header {
        /// Bytes to skip.
        len: usize,
        /// The client's address and port.
        source: SocketAddr,
    },
    /// No header, or a broken one: close the connection.
    Invalid,
    /// The proxy speaks for itself, as in a health check: the socket's address counts.
    Local {
        /// Bytes to skip.
        len: usize,
    },
    /// The bytes so far may become a header. `at_least` bytes in all are needed before asking again.
    NeedMore {
        /// Bytes in all.
        at_least: usize,
    },
    /// The proxy speaks for a client whose address is no IP address: the client is unknown.
    Unknown {
        /// Bytes to skip.
        len: usize,
    },
}

/// Reads the PROXY header at the front of `bytes`. Pure: call again with more bytes on [`ProxyHeader::NeedMore`].
pub fn parse_proxy_header(bytes: &[u8]) -> ProxyHeader {
    let starts = |signature: &[u8]| bytes.iter().zip(signature).all(|(a, b)| a == b);
    if starts(SIGNATURE) {
        return version_2(bytes).unwrap_or(ProxyHeader::Invalid);
    }
    if starts(b"PROXY ") {
        return version_1(bytes).unwrap_or(ProxyHeader::Invalid);
    }
    ProxyHeader::Invalid
}

fn version_1(bytes: &[u8]) -> Option<ProxyHeader> {
    let Some(end) = bytes.iter().take(MAX_V1).position(|byte| *byte == b'\n') else {
        return (bytes.len() < MAX_V1)
            .then(|| ProxyHeader::NeedMore { at_least: bytes.len().saturating_add(1) });
    };
    let len = end.checked_add(1)?;
    let line = std::str::from_utf8(bytes.get(..end)?.strip_suffix(b"\r")?).ok()?;
    let rest = line.strip_prefix("PROXY ")?;
    if rest == "UNKNOWN" || rest.starts_with("UNKNOWN ") {
        return Some(ProxyHeader::Unknown { len });
    }
    let mut fields = rest.split(' ');
    let (protocol, source, destination) = (fields.next()?, fields.next()?, fields.next()?);
    let source_port = port(fields.next()?)?;
    port(fields.next()?)?;
    if fields.next().is_some() {
        return None;
    }
    let source = match protocol {
        "TCP4" => {
            destination.parse::<Ipv4Addr>().ok()?;
            IpAddr::V4(source.parse().ok()?)
        }
        "TCP6" => {
            destination.parse::<Ipv6Addr>().ok()?;
            IpAddr::V6(source.parse().ok()?)
        }
        _ => return None,
    };
    Some(ProxyHeader::Header { len, source: SocketAddr::new(source.to_canonical(), source_port) })
}

/// A port without sign or leading zeros.
fn port(text: &str) -> Option<u16> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let is_padded = text.len() > 1 && text.starts_with('0');
    if is_plain && !is_padded { text.parse().ok() } else { None }
}

fn version_2(bytes: &[u8]) -> Option<ProxyHeader> {
    let Some((head, rest)) = bytes.split_first_chunk::<16>() else {
        return Some(ProxyHeader::NeedMore { at_least: 16 });
    };
    let [.., command, family, length_high, length_low] = *head;
    let body = usize::from(u16::from_be_bytes([length_high, length_low]));
    let len = body.checked_add(head.len())?;
    if len > MAX_V2 {
        return None;
    }
    let Some(body) = rest.get(..body) else {
        return Some(ProxyHeader::NeedMore { at_least: len });
    };
    let (source, values) = match (command, family) {
        // LOCAL: family and addresses are to be ignored; a checksum is still checked where it can be found.
        (0x20, _) => {
            (Some(ProxyHeader::Local { len }), address_block(family, body).unwrap_or_default())
        }
        (0x21, 0x11 | 0x12) => {
            let (block, values) = body.split_first_chunk::<12>()?;
            let [a, b, c, d, _, _, _, _, high, low, _, _] = *block;
            (Some(header(len, IpAddr::V4(Ipv4Addr::new(a, b, c, d)), high, low)), values)
        }
        (0x21, 0x21 | 0x22) => {
            let (block, values) = body.split_first_chunk::<36>()?;
            let (source, _) = block.split_first_chunk::<16>()?;
            let [high, low] = *block.get(32..34)?.first_chunk::<2>()?;
            (Some(header(len, IpAddr::V6(Ipv6Addr::from(*source)), high, low)), values)
        }
        (0x21, 0x00 | 0x31 | 0x32) => {
            (Some(ProxyHeader::Unknown { len }), address_block(family, body)?)
        }
        _ => (None, body),
    };
    check_crc32c(bytes.get(..len)?, values)?;
    source
}

fn header(len: usize, source: IpAddr, high: u8, low: u8) -> ProxyHeader {
    let port = u16::from_be_bytes([high, low]);
    ProxyHeader::Header { len, source: SocketAddr::new(source.to_canonical(), port) }
}

/// What follows the addresses of `family`. Of an unspecified family everything is to be ignored, as the protocol says.
fn address_block(family: u8, body: &[u8]) -> Option<&[u8]> {
    match family {
        0x11 | 0x12 => body.get(12..),
        0x21 | 0x22 => body.get(36..),
        0x31 | 0x32 => body.get(216..),
        0x00 => Some(&[]),
        _ => None,
    }
}

/// Walks the type-length-values to their exact end; a checksum among them must be right.
fn check_crc32c(header: &[u8], mut values: &[u8]) -> Option<()> {
    while let Some((&[kind, high, low], rest)) = values.split_first_chunk::<3>() {
        let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([high, low])))?;
        if kind == TYPE_CRC32C {
            let claimed = u32::from_be_bytes(value.try_into().ok()?);
            let at = header.len().checked_sub(rest.len())?.checked_sub(4)?;
            let sum = crc32c::crc32c(header.get(..at)?);
            let sum = crc32c::crc32c_append(sum, &[0; 4]);
            if crc32c::crc32c_append(sum, rest) != claimed {
                return None;
            }
        }
        values = rest;
    }
    values.is_empty().then_some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([command, family]);
        bytes.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
        bytes.extend(body);
        bytes
    }

    fn source(bytes: &[u8]) -> Option<String> {
        match parse_proxy_header(bytes) {
            ProxyHeader::Header { source, len } if len <= bytes.len() => Some(source.to_string()),
            _ => None,
        }
    }

    const V4: [u8; 12] = [203, 0, 113, 7, 10, 0, 0, 1, 0x10, 0x01, 0x01, 0xbb];

    #[test]
    fn version_1_lines_are_read() {
        let line = b"PROXY TCP4 203.0.113.7 10.0.0.1 4097 443\r\nGET /";
        assert_eq!(source(line).as_deref(), Some("203.0.113.7:4097"));
        assert_eq!(
            source(b"PROXY TCP6 2001:db8::7 ::1 4097 443\r\n").as_deref(),
            Some("[2001:db8::7]:4097")
        );
        assert_eq!(parse_proxy_header(b"PROXY UNKNOWN\r\n"), ProxyHeader::Unknown { len: 15 });
        assert_eq!(parse_proxy_header(b"PRO"), ProxyHeader::NeedMore { at_least: 4 });
        assert_eq!(parse_proxy_header(b""), ProxyHeader::NeedMore { at_least: 16 });
        for broken in [
            &b"GET / HTTP/1.1\r\n"[..],
            b"PROXY TCP4 203.0.113.7 10.0.0.1 4097 443\n",
            b"PROXY TCP4 203.0.113.7 10.0.0.1 04097 443\r\n",
            b"PROXY TCP4 203.0.113.7 10.0.0.1 4097 443 \r\n",
            b"PROXY TCP4 2001:db8::7 ::1 4097 443\r\n",
            b"PROXY TCP4  203.0.113.7 10.0.0.1 4097 443\r\n",
            &[b"PROXY UNKNOWN ".as_slice(), &[b'x'; 120]].concat(),
        ] {
            assert_eq!(
                parse_proxy_header(broken),
                ProxyHeader::Invalid,
                "{}",
                broken.escape_ascii()
            );
        }
    }

    #[test]
    fn version_2_headers_are_read() {
        assert_eq!(source(&v2(0x21, 0x11, &V4)).as_deref(), Some("203.0.113.7:4097"));
        let mut v6 = [0_u8; 36];
        v6[..16].copy_from_slice(&"2001:db8::7".parse::<Ipv6Addr>().unwrap().octets());
        v6[33] = 9;
        assert_eq!(source(&v2(0x21, 0x21, &v6)).as_deref(), Some("[2001:db8::7]:9"));
        assert_eq!(parse_proxy_header(&v2(0x20, 0, b"")), ProxyHeader::Local { len: 16 });
        assert_eq!(parse_proxy_header(&v2(0x21, 0, b"xx")), ProxyHeader::Unknown { len: 18 });
        let whole = v2(0x21, 0x11, &V4);
        assert_eq!(parse_proxy_header(&whole[..20]), ProxyHeader::NeedMore { at_least: 28 });
        for (command, family, body) in [
            (0x11, 0x11, &V4[..]),
            (0x22, 0x11, &V4),
            (0x21, 0x41, &V4),
            (0x21, 0x11, &V4[..11]),
            (0x21, 0x11, &[0; 5000]),
            (0x21, 0x11, &[V4.as_slice(), &[4, 0]].concat()),
            (0x21, 0x11, &[V4.as_slice(), &[4, 0, 2, 0]].concat()),
        ] {
            assert_eq!(parse_proxy_header(&v2(command, family, body)), ProxyHeader::Invalid);
        }
    }

    #[test]
    fn a_wrong_checksum_is_refused() {
        let body = [V4.as_slice(), &[TYPE_CRC32C, 0, 4, 0, 0, 0, 0], &[4, 0, 1, 9]].concat();
        let mut bytes = v2(0x21, 0x11, &body);
        assert_eq!(parse_proxy_header(&bytes), ProxyHeader::Invalid);
        let sum = crc32c::crc32c(&bytes).to_be_bytes();
        bytes[31..35].copy_from_slice(&sum);
        assert_eq!(source(&bytes).as_deref(), Some("203.0.113.7:4097"));
        bytes[16] ^= 1;
        assert_eq!(parse_proxy_header(&bytes), ProxyHeader::Invalid);
    }

    proptest! {
        #[test]
        fn no_bytes_stop_it(tail in proptest::collection::vec(any::<u8>(), 0..80), start in 0_usize..3) {
            let head: &[u8] = [&b""[..], SIGNATURE, b"PROXY "][start];
            let bytes = [head, &tail].concat();
            match parse_proxy_header(&bytes) {
                ProxyHeader::Header { len, .. } | ProxyHeader::Local { len } | ProxyHeader::Unknown { len } =>
                    prop_assert!(len <= bytes.len()),
                ProxyHeader::NeedMore { at_least } => prop_assert!(at_least > bytes.len()),
                ProxyHeader::Invalid => {}
            }
        }
    }
}
