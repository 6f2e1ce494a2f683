//! For whom a clearance is.
//!
//! What an account's text is follows from its shape, as everywhere (`registry::credential`): an activation code or a licence key in
//! any spelling is a [`Subject::LicenceKey`], any other text an [`Subject::Account`].

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use ipnet::Ipv4Net;
use ipnet::Ipv6Net;
use serde::Deserialize;
use serde::Serialize;

use super::digest::Digest;

/// Whom or what a hold is about, and so for whom it can be cleared.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Subject {
    /// A customer, by the shop's own name for him, without surrounding blanks.
    Account(Box<str>),
    /// A customer, by his licence key: a bearer credential, so the digest of its one spelling.
    LicenceKey(Digest),
    /// Who is behind a network: of deliveries that name nobody.
    Network(IpNet),
    /// One order, of somebody whom nobody vouches for.
    Order(Digest),
}

/// What kind of subject one is: it says nothing of whom.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectKind {
    /// [`Subject::Account`].
    Account,
    /// [`Subject::LicenceKey`].
    LicenceKey,
    /// [`Subject::Network`].
    Network,
    /// [`Subject::Order`].
    Order,
}

impl Subject {
    /// What kind it is.
    pub const fn kind(&self) -> SubjectKind {
        match self {
            Self::Account(_) => SubjectKind::Account,
            Self::LicenceKey(_) => SubjectKind::LicenceKey,
            Self::Network(_) => SubjectKind::Network,
            Self::Order(_) => SubjectKind::Order,
        }
    }

    /// The subject of a text that [`fmt::Display`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, value) = text.split_once(':')?;
        match kind {
            "account" => (!value.is_empty()).then(|| Self::Account(value.into())),
            "licence_key" => Digest::parse(value.strip_prefix("sha256:")?).map(Self::LicenceKey),
            "network" => value.parse().ok().map(Self::Network),
            "order" => Digest::parse(value.strip_prefix("sha256:")?).map(Self::Order),
            _ => None,
        }
    }

    /// True for an account or a licence key, which somebody may have made up.
    pub const fn is_claimed(&self) -> bool {
        matches!(self, Self::Account(_) | Self::LicenceKey(_))
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(account) => write!(f, "account:{account}"),
            Self::LicenceKey(digest) => write!(f, "licence_key:sha256:{digest}"),
            Self::Network(network) => write!(f, "network:{network}"),
            Self::Order(digest) => write!(f, "order:sha256:{digest}"),
        }
    }
}

/// The network of an address that counts as one neighbour: /24 of IPv4, /48 of IPv6.
pub fn network_of(address: IpAddr) -> IpNet {
    match address {
        IpAddr::V4(address) => Ipv4Net::new_assert(address, 24).trunc().into(),
        IpAddr::V6(address) => Ipv6Net::new_assert(address, 48).trunc().into(),
    }
}
