//! Which address is the client's (DESIGN 13 Client address, FACTS 2.2; RFC 7239).
//!
//! The list of addresses is believed from its right end, where the trusted peer wrote, up to the first hop that is not
//! trusted: that is the client. What stands left of it anybody could have written and is never read. An element that
//! cannot be read ends the walk: the client is then unknown, which no rule takes for foreign.

mod element;
mod outgoing;
mod proxy_protocol;

use std::net::IpAddr;

use ipnet::IpNet;
use smallvec::SmallVec;

pub use outgoing::{HeaderText, OutgoingForwarding, believed_proto};
pub use proxy_protocol::{ProxyHeader, parse_proxy_header};

use element::Element;

/// Which header family tells the client's address. Exactly one is configured; the others are never read.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum AddressFamily {
    /// `Forwarded` (RFC 7239).
    Forwarded,
    /// None: the connection's peer is the client.
    #[default]
    Peer,
    /// The PROXY protocol: the transport has replaced the peer's address already; no header is read.
    ProxyProtocol,
    /// `X-Forwarded-For`.
    XForwardedFor,
}

/// How the client's address is found.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ClientAddressRule {
    family: AddressFamily,
    trusted: Vec<IpNet>,
}

/// The client's address and where it came from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ClientAddress {
    /// The address, unwrapped from its IPv4-mapped form; `None` where it cannot be known.
    pub address: Option<IpAddr>,
    /// Where it came from.
    pub basis: AddressBasis,
}

/// Where a client's address came from.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum AddressBasis {
    /// The first hop, from the right, that is not trusted.
    Header,
    /// An element that cannot be read ended the walk; there is no address.
    Malformed,
    /// Every hop is trusted, or the trusted peer sent no list: the last one examined, that is the left-most element, or
    /// the peer. As nginx does with `real_ip_recursive`. A proxy that forgets its header shows as this basis.
    OnlyTrusted,
    /// The peer itself: it is not trusted, or no header is configured.
    Peer,
}

impl AddressBasis {
    /// For people and programs to read.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Malformed => "malformed",
            Self::OnlyTrusted => "only-trusted",
            Self::Peer => "peer",
        }
    }
}

/// One hop as examined, for people to read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Hop {
    /// The element as received (invalid UTF-8 replaced), or the peer's address.
    pub text: String,
    /// True if the hop was taken for what it says; false for those not looked at, too.
    pub believed: bool,
    /// Why.
    pub why: &'static str,
}

impl ClientAddressRule {
    /// A rule that believes `family` from peers and hops in `trusted`.
    pub fn new(family: AddressFamily, trusted: Vec<IpNet>) -> Self {
        Self { family, trusted }
    }

    /// The lower-case name of the header that is read, if one is.
    pub const fn header(&self) -> Option<&'static str> {
        match self.family {
            AddressFamily::Forwarded => Some("forwarded"),
            AddressFamily::Peer | AddressFamily::ProxyProtocol => None,
            AddressFamily::XForwardedFor => Some("x-forwarded-for"),
        }
    }

    /// True if a connection from `peer` must begin with a PROXY header. Others are what they seem: theirs is not believed.
    pub fn expects_proxy_header(&self, peer: IpAddr) -> bool {
        self.family == AddressFamily::ProxyProtocol && self.trusts(peer)
    }

    /// True if `address` is in a trusted network.
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusted.iter().any(|network| network.contains(&address))
    }

    /// Finds the client's address. `values` are those of every field named [`Self::header`], in the order received.
    pub fn resolve<'a>(
        &self,
        peer: IpAddr,
        values: impl IntoIterator<Item = &'a [u8]>,
    ) -> ClientAddress {
        self.walk(peer, values, |_, _, _| {})
    }

    /// As [`Self::resolve`], and tells of each hop whether it was believed, from the peer leftwards.
    pub fn explain<'a>(
        &self,
        peer: IpAddr,
        values: impl IntoIterator<Item = &'a [u8]>,
    ) -> (ClientAddress, Vec<Hop>) {
        let mut hops = Vec::new();
        let client = self.walk(peer, values, |text, believed, why| {
            hops.push(Hop { text: text.to_string(), believed, why });
        });
        (client, hops)
    }

    fn walk<'a>(
        &self,
        peer: IpAddr,
        values: impl IntoIterator<Item = &'a [u8]>,
        mut note: impl FnMut(&dyn std::fmt::Display, bool, &'static str),
    ) -> ClientAddress {
        let peer = peer.to_canonical();
        let by_peer = ClientAddress { address: Some(peer), basis: AddressBasis::Peer };
        if self.header().is_none() {
            note(&peer, true, "no forwarding header is configured");
            return by_peer;
        }
        if !self.trusts(peer) {
            note(&peer, true, "the peer is not a trusted proxy: it is the client");
            return by_peer;
        }
        note(&peer, true, "the peer is a trusted proxy");
        // Lists longer than these go to the heap; common ones do not.
        let mut elements: SmallVec<[Element<'a>; 8]> = SmallVec::new();
        for value in values {
            match self.family {
                AddressFamily::Forwarded => element::push_forwarded(value, &mut elements),
                AddressFamily::Peer | AddressFamily::ProxyProtocol => {}
                AddressFamily::XForwardedFor => element::push_list(value, &mut elements),
            }
        }
        let mut client = ClientAddress { address: Some(peer), basis: AddressBasis::OnlyTrusted };
        for element in elements.iter().rev() {
            if client.basis != AddressBasis::OnlyTrusted {
                note(element, false, "left of the client: anybody could have written it");
                continue;
            }
            client = match element.address() {
                Some(address) if self.trusts(address) => {
                    note(element, true, "a trusted proxy");
                    ClientAddress { address: Some(address), basis: AddressBasis::OnlyTrusted }
                }
                Some(address) => {
                    note(element, true, "the first hop that is not trusted: the client");
                    ClientAddress { address: Some(address), basis: AddressBasis::Header }
                }
                None => {
                    note(element, false, "not an address: the client is unknown");
                    ClientAddress { address: None, basis: AddressBasis::Malformed }
                }
            };
        }
        client
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PROXY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

    fn rule(family: AddressFamily) -> ClientAddressRule {
        let trusted = ["10.0.0.0/8", "2001:db8:1::/48"];
        ClientAddressRule::new(family, trusted.map(|network| network.parse().unwrap()).to_vec())
    }

    fn resolve(family: AddressFamily, values: &[&str]) -> Option<String> {
        let values = values.iter().map(|value| value.as_bytes());
        rule(family).resolve(PROXY, values).address.map(|address| address.to_string())
    }

    #[test]
    fn the_walk_ends_at_the_first_stranger_from_the_right() {
        for (values, client) in [
            (&["203.0.113.7"][..], Some("203.0.113.7")),
            (&["198.51.100.1, 203.0.113.7, 10.1.1.1"], Some("203.0.113.7")),
            (&["198.51.100.1, 203.0.113.7", "10.1.1.1,10.2.2.2"], Some("203.0.113.7")),
            (&["nonsense, 203.0.113.7:8080"], Some("203.0.113.7")),
            (&["[2001:db8::7]:443"], Some("2001:db8::7")),
            (&["[2001:db8::7]"], Some("2001:db8::7")),
            (&["2001:db8::7 , 2001:db8:1::1"], Some("2001:db8::7")),
            (&["203.0.113.7, ::ffff:10.1.1.1"], Some("203.0.113.7")),
            (&["::ffff:203.0.113.7"], Some("203.0.113.7")),
            (&["10.9.9.9, 10.1.1.1"], Some("10.9.9.9")),
            (&[], Some("10.0.0.1")),
            (&[""], None),
            (&["203.0.113.7,"], None),
            (&["203.0.113.7, , 10.1.1.1"], None),
            (&["203.0.113.7", ""], None),
            (&["unknown"], None),
            (&["203.0.113.7, 10.1.1.1:x"], None),
            (&["203.0.113.07"], None),
            (&["203.0.113.7:99999"], None),
            (&["203.0.113.7:"], None),
            (&["[203.0.113.7]"], None),
            (&["fe80::1%eth0"], None),
            (&["\"203.0.113.7\""], None),
        ] {
            assert_eq!(
                resolve(AddressFamily::XForwardedFor, values).as_deref(),
                client,
                "{values:?}"
            );
        }
    }

    #[test]
    fn rfc7239_forwarded_is_read_with_its_quotes() {
        for (values, client) in [
            (&["for=203.0.113.7"][..], Some("203.0.113.7")),
            (
                &["For=\"[2001:db8:cafe::17]:4711\";proto=https;by=10.0.0.1"],
                Some("2001:db8:cafe::17"),
            ),
            (
                &["for=198.51.100.1, for=203.0.113.7;host=\"a,b;c\\\"\", for=10.1.1.1"],
                Some("203.0.113.7"),
            ),
            (&["proto=http ; for=203.0.113.7"], Some("203.0.113.7")),
            (&["for=203.0.113.7", "for=10.1.1.1"], Some("203.0.113.7")),
            (&["for=unknown, for=203.0.113.7"], Some("203.0.113.7")),
            (&["for=unknown"], None),
            (&["for=_hidden"], None),
            (&["for=203.0.113.7, proto=https"], None),
            (&["for=203.0.113.7;for=198.51.100.1"], None),
            (&["for=\"203.0.113.7, for=10.1.1.1"], None),
            (&["for=198.51.100.9;x=\", for=\"203.0.113.7\""], None),
            (&["for=203.0.113.7,"], None),
            (&["203.0.113.7"], None),
            (&[""], None),
        ] {
            assert_eq!(resolve(AddressFamily::Forwarded, values).as_deref(), client, "{values:?}");
        }
    }

    #[test]
    fn a_stranger_is_not_believed() {
        let stranger: IpAddr = "203.0.113.9".parse().unwrap();
        let value: [&[u8]; 1] = [b"198.51.100.1"];
        for rule in [
            rule(AddressFamily::XForwardedFor),
            rule(AddressFamily::Peer),
            rule(AddressFamily::ProxyProtocol),
            ClientAddressRule::new(AddressFamily::XForwardedFor, Vec::new()),
        ] {
            let client = rule.resolve(stranger, value);
            assert_eq!((client.address, client.basis), (Some(stranger), AddressBasis::Peer));
        }
    }

    #[test]
    fn a_mapped_peer_is_known_by_its_ipv4_address() {
        let value: [&[u8]; 1] = [b"203.0.113.7"];
        let client =
            rule(AddressFamily::XForwardedFor).resolve("::ffff:10.0.0.1".parse().unwrap(), value);
        assert_eq!(client.basis, AddressBasis::Header);
    }

    #[test]
    fn the_explanation_names_each_hop() {
        let value: [&[u8]; 1] = [b"x, 203.0.113.7, 10.1.1.1"];
        let (client, hops) = rule(AddressFamily::XForwardedFor).explain(PROXY, value);
        assert_eq!(client.address, Some("203.0.113.7".parse().unwrap()));
        let seen: Vec<_> = hops.iter().map(|hop| (&*hop.text, hop.believed)).collect();
        assert_eq!(
            seen,
            [("10.0.0.1", true), ("10.1.1.1", true), ("203.0.113.7", true), ("x", false)]
        );
    }

    #[test]
    fn the_common_walk_allocates_nothing() {
        for (family, value) in [
            (AddressFamily::XForwardedFor, "198.51.100.1, 203.0.113.7, 10.1.1.1"),
            (AddressFamily::Forwarded, "for=198.51.100.1, for=\"203.0.113.7:80\";proto=https"),
        ] {
            let rule = rule(family);
            let allocations = allocation_counter::measure(|| {
                assert!(rule.resolve(PROXY, [value.as_bytes()]).address.is_some());
            });
            assert_eq!(allocations.count_total, 0, "{value}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_stop_the_walk(value in proptest::collection::vec(any::<u8>(), 0..64)) {
            for family in [AddressFamily::XForwardedFor, AddressFamily::Forwarded] {
                let (client, _) = rule(family).explain(PROXY, [value.as_slice()]);
                prop_assert_eq!(client.address.is_none(), client.basis == AddressBasis::Malformed);
            }
        }

        #[test]
        fn what_a_stranger_writes_left_of_the_client_changes_nothing(
            forged in "[ -~]{0,40}",
            family in prop_oneof![Just(AddressFamily::XForwardedFor), Just(AddressFamily::Forwarded)],
        ) {
            let (line, own) = if family == AddressFamily::Forwarded {
                (format!("{forged}, for=203.0.113.7"), "203.0.113.7")
            } else {
                (format!("{forged}, 203.0.113.7"), "203.0.113.7")
            };
            // At worst the client is unknown: never another address.
            let client = resolve(family, &[&line]);
            prop_assert!(client.is_none() || client.as_deref() == Some(own), "{} {:?}", line, client);
            if family == AddressFamily::XForwardedFor {
                prop_assert!(client.is_some());
            }
        }
    }
}
