//! `Host` (RFC 9110 7.2, RFC 3986 3.2.2).

use std::borrow::Cow;
use std::fmt;
use std::net::Ipv6Addr;

/// A host and, where given, its port.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Host<'a> {
    name: Cow<'a, str>,
    port: Option<u16>,
}

/// Why a text is no host.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum HostError {
    /// Something between brackets that is no IPv6 address.
    #[error("not an IPv6 address in brackets")]
    Address,
    /// No name.
    #[error("an empty host")]
    Empty,
    /// A character that no host name has, or an empty label, or more than 253 bytes.
    #[error("not a host name")]
    Name,
    /// A port that is no number up to 65535.
    #[error("not a port")]
    Port,
}

impl<'a> Host<'a> {
    /// Reads a `Host` field or an authority. The name is lower-cased and loses one trailing dot, which only says that it is
    /// complete; an IPv6 literal keeps its brackets and takes its short form. Borrows what needs no change.
    ///
    /// # Errors
    /// When `text` is no host.
    pub fn parse(text: &'a str) -> Result<Self, HostError> {
        if let Some(rest) = text.strip_prefix('[') {
            let (literal, port) = rest.split_once(']').ok_or(HostError::Address)?;
            let address: Ipv6Addr = literal.parse().map_err(|_| HostError::Address)?;
            return Ok(Self { name: Cow::Owned(format!("[{address}]")), port: parse_port(port)? });
        }
        let end = text.find(':').unwrap_or(text.len());
        let (name, port) = text.split_at_checked(end).ok_or(HostError::Name)?;
        let name = name.strip_suffix('.').unwrap_or(name);
        if name.is_empty() {
            return Err(HostError::Empty);
        }
        let is_lawful = name.len() <= 253
            && name.split('.').all(|label| !label.is_empty())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
        if !is_lawful {
            return Err(HostError::Name);
        }
        let name = if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(name.to_ascii_lowercase())
        } else {
            Cow::Borrowed(name)
        };
        Ok(Self { name, port: parse_port(port)? })
    }

    /// The name or address, lower case, without port and trailing dot.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The port, where one is given.
    pub const fn port(&self) -> Option<u16> {
        self.port
    }

    /// True if both name the same place, a missing port being `default_port`: what an absolute-form target and `Host` must.
    pub fn is_same(&self, other: &Host<'_>, default_port: u16) -> bool {
        self.name == other.name
            && self.port.unwrap_or(default_port) == other.port.unwrap_or(default_port)
    }
}

impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// What follows the name: nothing, a colon (RFC 3986 allows an empty port), or a colon and digits.
fn parse_port(text: &str) -> Result<Option<u16>, HostError> {
    if text.is_empty() {
        return Ok(None);
    }
    let digits = text.strip_prefix(':').ok_or(HostError::Port)?;
    if digits.is_empty() {
        return Ok(None);
    }
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    let port = if is_plain { digits.parse().ok() } else { None };
    port.map(Some).ok_or(HostError::Port)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hosts_are_read_in_one_form() {
        for (text, name, port) in [
            ("shop.example", "shop.example", None),
            ("Shop.Example.:8443", "shop.example", Some(8443)),
            ("shop.example:", "shop.example", None),
            ("203.0.113.7:80", "203.0.113.7", Some(80)),
            ("[2001:DB8:0::7]:80", "[2001:db8::7]", Some(80)),
            ("[::1]", "[::1]", None),
            ("dnl-01.geo.kaspersky.com", "dnl-01.geo.kaspersky.com", None),
            ("a_b", "a_b", None),
        ] {
            let host = Host::parse(text).unwrap();
            assert_eq!((host.name(), host.port()), (name, port), "{text}");
        }
        for (text, error) in [
            ("", HostError::Empty),
            (".", HostError::Empty),
            (":80", HostError::Empty),
            ("a..b", HostError::Name),
            (".a", HostError::Name),
            ("a b", HostError::Name),
            ("a,b", HostError::Name),
            ("a@b", HostError::Name),
            ("a/b", HostError::Name),
            ("a%2eb", HostError::Name),
            ("ü", HostError::Name),
            ("a:b", HostError::Port),
            ("a:80:80", HostError::Port),
            ("a:+80", HostError::Port),
            ("a:65536", HostError::Port),
            ("::1", HostError::Empty),
            ("[::1", HostError::Address),
            ("[a]", HostError::Address),
            ("[::1]x", HostError::Port),
        ] {
            assert_eq!(Host::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn rfc9112_3_2_2_an_absolute_target_must_name_the_host() {
        let host = |text| Host::parse(text).unwrap();
        assert!(host("Shop.Example").is_same(&host("shop.example.:80"), 80));
        assert!(!host("shop.example").is_same(&host("shop.example:80"), 443));
        assert!(!host("shop.example").is_same(&host("other.example"), 80));
    }

    proptest! {
        #[test]
        fn reading_is_idempotent_and_nothing_stops_it(text in "[aA0.:\\[\\]_-]{0,12}|\\PC{0,12}") {
            if let Ok(host) = Host::parse(&text) {
                let again = host.to_string();
                prop_assert_eq!(Host::parse(&again), Ok(host));
            }
        }
    }
}
