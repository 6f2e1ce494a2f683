//! Addresses as text, the IPv4 address inside an IPv6 one, and the ranges that are nowhere.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Reads the address of an order's `ip` text: IPv4, IPv6 or `[IPv6]`, blanks around it ignored.
///
/// Empty and unreadable texts give `None`, which is missing evidence. So do ports, zones (RFC 4007: such an address
/// means something only on its own host) and IPv4 with leading zeros, which readers take for octal or decimal.
pub fn parse_address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    match text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => inner.parse().ok().map(IpAddr::V6),
        None => text.parse().ok(),
    }
}

/// The IPv4 address inside an IPv4-mapped (RFC 4291 2.5.5.2), NAT64 (`64:ff9b::/96`, RFC 6052) or 6to4 (`2002::/16`,
/// RFC 3056) address; any other as it is.
///
/// Teredo (`2001::/32`) is not unwrapped: its server, not its client, stands in clear, so it counts as reserved.
pub fn unwrap_embedded(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    embedded(v6).map_or(address, |(v4, _)| IpAddr::V4(v4))
}

/// The embedded IPv4 address and the length of the IPv6 prefix before it, in bits.
pub(super) fn embedded(address: Ipv6Addr) -> Option<(Ipv4Addr, u8)> {
    let (high, low) = match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => (high, low),
        [0x2002, high, low, ..] => {
            return Some((Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)), 16));
        }
        _ => return None,
    };
    Some((Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)), 96))
}

/// True for addresses that belong to no country whatever a table says: everything in the IANA special-purpose
/// registries (RFC 6890 and its updates) that is not globally reachable, multicast, and IPv6 outside `2000::/3`.
pub(super) fn is_reserved(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_reserved_v4(v4),
        IpAddr::V6(v6) => is_reserved_v6(v6),
    }
}

fn is_reserved_v4(address: Ipv4Addr) -> bool {
    matches!(
        address.octets(),
        [0 | 10 | 127, ..]                  // this network, private, loopback
            | [100, 64..=127, ..]           // shared by carriers (RFC 6598)
            | [169, 254, ..]                // link-local
            | [172, 16..=31, ..]            // private
            | [192, 0, 0 | 2, _]            // protocol assignments, TEST-NET-1
            | [192, 88, 99, _]              // former 6to4 relays (RFC 7526)
            | [192, 168, ..]                // private
            | [198, 18 | 19, ..]            // benchmarking
            | [198, 51, 100, _]             // TEST-NET-2
            | [203, 0, 113, _]              // TEST-NET-3
            | [224..=255, ..] // multicast, reserved, broadcast
    )
}

fn is_reserved_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        [0x2001, 0..=0x01ff, ..]            // protocol assignments, Teredo, ORCHID, benchmarking (RFC 2928)
        | [0x2001, 0x0db8, ..]              // documentation
        | [0x3fff, 0..=0x0fff, ..] => true, // documentation (RFC 9637)
        // Only 2000::/3 has been given out: loopback, unspecified, discard, local-use NAT64, SRv6, unique local,
        // link-local, site-local and multicast all lie outside.
        [first, ..] => first >> 13 != 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_order_s_address_is_read_strictly() {
        for (text, expect) in [
            (" 192.0.2.1 ", Some("192.0.2.1")),
            ("2001:DB8::1", Some("2001:db8::1")),
            ("[2001:db8::1]", Some("2001:db8::1")),
            ("::ffff:8.8.8.8", Some("::ffff:8.8.8.8")),
        ] {
            assert_eq!(parse_address(text), expect.map(ip), "{text}");
        }
        for text in [
            "",
            "  ",
            "-",
            "unknown",
            "8.8.8",
            "08.8.8.8",
            "8.8.8.8:80",
            "[8.8.8.8]",
            "[::1",
            "::1]",
            "fe80::1%eth0",
            "8.8.8.8, 1.1.1.1",
            "134744072",
            "0x8.8.8.8",
        ] {
            assert_eq!(parse_address(text), None, "{text}");
        }
    }

    #[test]
    fn embedded_addresses_are_unwrapped() {
        for (text, expect) in [
            ("::ffff:8.8.8.8", "8.8.8.8"),
            ("64:ff9b::8.8.8.8", "8.8.8.8"),
            ("2002:808:808::1", "8.8.8.8"),
            ("2002:a00:1::", "10.0.0.1"),
            ("64:ff9b:1::8.8.8.8", "64:ff9b:1::808:808"),
            ("::8.8.8.8", "::808:808"),
            ("2001:0:808:808::1", "2001:0:808:808::1"),
            ("2a02:6b8::1", "2a02:6b8::1"),
            ("8.8.8.8", "8.8.8.8"),
        ] {
            assert_eq!(unwrap_embedded(ip(text)), ip(expect), "{text}");
        }
    }

    #[test]
    fn rfc6890_special_ranges_are_reserved_to_their_last_address() {
        for (first, last, outside) in [
            ("0.0.0.0", "0.255.255.255", "1.0.0.0"),
            ("10.0.0.0", "10.255.255.255", "11.0.0.0"),
            ("100.64.0.0", "100.127.255.255", "100.128.0.0"),
            ("127.0.0.0", "127.255.255.255", "128.0.0.0"),
            ("169.254.0.0", "169.254.255.255", "169.255.0.0"),
            ("172.16.0.0", "172.31.255.255", "172.32.0.0"),
            ("192.0.0.0", "192.0.0.255", "192.0.1.0"),
            ("192.0.2.0", "192.0.2.255", "192.0.3.0"),
            ("192.168.0.0", "192.168.255.255", "192.169.0.0"),
            ("198.18.0.0", "198.19.255.255", "198.20.0.0"),
            ("198.51.100.0", "198.51.100.255", "198.51.101.0"),
            ("203.0.113.0", "203.0.113.255", "203.0.114.0"),
            ("224.0.0.0", "255.255.255.255", "223.255.255.255"),
            ("::", "::1", "2000::"),
            ("100::", "100::1", "2600::"),
            ("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:200::"),
            ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::"),
            ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "3ffe::"),
            ("5f00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2a00::"),
            ("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "2400::"),
        ] {
            assert!(is_reserved(ip(first)), "{first}");
            assert!(is_reserved(ip(last)), "{last}");
            assert!(!is_reserved(ip(outside)), "{outside}");
        }
    }
}
