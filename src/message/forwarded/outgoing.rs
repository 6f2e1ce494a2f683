//! The forwarding headers that the gateway sets: its own knowledge, never merged with what a stranger sent.

use std::fmt;
use std::fmt::Write;
use std::net::IpAddr;

use smallvec::SmallVec;

/// A header value built without the heap where it is short.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct HeaderText(SmallVec<[u8; 128]>);

/// What the gateway knows of a request's way in.
#[derive(Clone, Copy, Debug)]
pub struct OutgoingForwarding<'a> {
    /// The client's address; `None` where it is unknown.
    pub client: Option<IpAddr>,
    /// `Host` as received and checked.
    pub host: &'a str,
    /// The port the client connected to.
    pub port: u16,
    /// `http` or `https`, as the client connected: to the gateway, or by [`believed_proto`] to a trusted proxy.
    pub proto: &'a str,
}

/// The scheme that a trusted peer's `X-Forwarded-Proto` tells: `http` or `https`, of the right-most element, the one that
/// the peer wrote. Only to be asked where [`super::ClientAddressRule::trusts`] the peer: it may have ended TLS for us.
pub fn believed_proto<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Option<&'static str> {
    let last = values.into_iter().last()?.rsplit(|byte| *byte == b',').next()?.trim_ascii();
    ["http", "https"].into_iter().find(|proto| last.eq_ignore_ascii_case(proto.as_bytes()))
}

impl HeaderText {
    /// The value.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn format(text: fmt::Arguments<'_>) -> Self {
        let mut value = Self::default();
        // INVARIANT: writing to memory does not fail; were it to, a short value would say less, never something else.
        if value.write_fmt(text).is_err() {
            value.0.clear();
        }
        value
    }
}

impl Write for HeaderText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

impl OutgoingForwarding<'_> {
    /// `Forwarded` (RFC 7239 4): one element, the client's; `for=unknown` where it is unknown.
    pub fn forwarded(&self) -> HeaderText {
        let host = Quoted(self.host);
        let proto = self.proto;
        match self.client {
            Some(IpAddr::V4(client)) => {
                HeaderText::format(format_args!("for={client};host={host};proto={proto}"))
            }
            Some(IpAddr::V6(client)) => {
                HeaderText::format(format_args!("for=\"[{client}]\";host={host};proto={proto}"))
            }
            None => HeaderText::format(format_args!("for=unknown;host={host};proto={proto}")),
        }
    }

    /// `X-Forwarded-For` and `X-Real-IP`: the client's address alone. `None` where it is unknown: neither is then sent.
    pub fn client_address(&self) -> Option<HeaderText> {
        self.client.map(|client| HeaderText::format(format_args!("{client}")))
    }

    /// `X-Forwarded-Port`.
    pub fn forwarded_port(&self) -> HeaderText {
        HeaderText::format(format_args!("{}", self.port))
    }
}

/// A quoted string (RFC 9110 5.6.4); control characters, which no checked host has, are left out.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        if !self.0.bytes().any(|b| b.is_ascii_control() || matches!(b, b'"' | b'\\' | 0x80..)) {
            f.write_str(self.0)?;
            return f.write_char('"');
        }
        for c in self.0.chars().filter(|c| !c.is_control()) {
            if matches!(c, '"' | '\\') {
                f.write_char('\\')?;
            }
            f.write_char(c)?;
        }
        f.write_char('"')
    }
}

#[cfg(test)]
mod tests {
    use super::super::{AddressFamily, ClientAddressRule};
    use super::*;

    fn outgoing(client: &str) -> OutgoingForwarding<'static> {
        OutgoingForwarding {
            client: client.parse().ok(),
            host: "shop.example:8443",
            port: 8443,
            proto: "https",
        }
    }

    #[test]
    fn rfc7239_one_element_says_what_is_known() {
        for (client, forwarded) in [
            ("203.0.113.7", "for=203.0.113.7;host=\"shop.example:8443\";proto=https"),
            ("2001:db8::7", "for=\"[2001:db8::7]\";host=\"shop.example:8443\";proto=https"),
            ("", "for=unknown;host=\"shop.example:8443\";proto=https"),
        ] {
            assert_eq!(outgoing(client).forwarded().as_bytes(), forwarded.as_bytes());
        }
        assert_eq!(outgoing("").client_address(), None);
        assert_eq!(outgoing("2001:db8::7").client_address().unwrap().as_bytes(), b"2001:db8::7");
        assert_eq!(outgoing("").forwarded_port().as_bytes(), b"8443");
    }

    #[test]
    fn the_scheme_is_the_nearest_proxys() {
        for (values, proto) in [
            (&["https"][..], Some("https")),
            (&["https, HTTP"], Some("http")),
            (&["http", "https"], Some("https")),
            (&["https,"], None),
            (&["gopher"], None),
            (&[], None),
        ] {
            assert_eq!(believed_proto(values.iter().map(|value| value.as_bytes())), proto);
        }
    }

    #[test]
    fn a_gateway_behind_the_gateway_reads_it_back() {
        let rule =
            ClientAddressRule::new(AddressFamily::Forwarded, vec!["127.0.0.1/32".parse().unwrap()]);
        for client in ["203.0.113.7", "2001:db8::7"] {
            let value = outgoing(client).forwarded();
            let read = rule.resolve("127.0.0.1".parse().unwrap(), [value.as_bytes()]);
            assert_eq!(read.address, client.parse().ok());
        }
    }
}
