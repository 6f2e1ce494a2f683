//! Network addresses as evidence: where one is, what class it is of, and who said so (DESIGN 5).

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::country::CountryReading;

/// What is known of an address beside its country. The names are the contract's.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum AddressClass {
    /// An anonymiser of unknown kind: voids the address.
    Anonymous = 1,
    /// A data centre: weakens the address.
    Hosting = 2,
    /// A public or residential proxy: voids the address.
    Proxy = 4,
    /// A satellite provider: weakens the address.
    Satellite = 8,
    /// A Tor exit: voids the address.
    Tor = 16,
    /// United States armed forces: decisive for `us`.
    UsMilitary = 32,
    /// A VPN exit: voids the address.
    Vpn = 64,
}

/// A set of classes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct AddressClasses(u8);

/// Where an address was taken from.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AddressOrigin {
    /// The connection's client, after trusted proxies.
    Client,
    /// The transaction's own `ip`.
    Transaction,
}

/// What one geo source answered, for the record.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct GeoAnswer {
    /// Country text as the source gave it; absent where it had none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<super::Country>,
    /// The source's name, with its build date where it has one.
    pub source: Arc<str>,
}

/// One address and everything that is known of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AddressEvidence {
    /// The address, unwrapped from IPv4-mapped, NAT64 and 6to4 forms; absent when only a country was given.
    pub address: Option<IpAddr>,
    /// Each source's answer.
    pub answers: SmallVec<[GeoAnswer; 2]>,
    /// Union of the sources' classes.
    pub classes: AddressClasses,
    /// The combined country: US if any trusted source says US.
    pub country: CountryReading,
    /// Where the address was taken from.
    pub origin: AddressOrigin,
}

impl AddressClass {
    /// Every class.
    pub const ALL: [Self; 7] = [
        Self::Anonymous,
        Self::Hosting,
        Self::Proxy,
        Self::Satellite,
        Self::Tor,
        Self::UsMilitary,
        Self::Vpn,
    ];

    /// The contract's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Hosting => "hosting",
            Self::Proxy => "proxy",
            Self::Satellite => "satellite",
            Self::Tor => "tor",
            Self::UsMilitary => "us-military",
            Self::Vpn => "vpn",
        }
    }

    /// The class of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == text)
    }
}

impl AddressClasses {
    /// No class: a clean address.
    pub const NONE: Self = Self(0);

    /// The set with `class` in it.
    #[must_use]
    pub const fn with(self, class: AddressClass) -> Self {
        Self(self.0 | class as u8)
    }

    /// Every class of both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// True if `class` is in the set.
    pub const fn contains(self, class: AddressClass) -> bool {
        self.0 & class as u8 != 0
    }

    /// True for no class at all.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The classes, by name.
    pub fn iter(self) -> impl Iterator<Item = AddressClass> {
        AddressClass::ALL.into_iter().filter(move |class| self.contains(*class))
    }
}

impl FromIterator<AddressClass> for AddressClasses {
    fn from_iter<I: IntoIterator<Item = AddressClass>>(classes: I) -> Self {
        classes.into_iter().fold(Self::NONE, Self::with)
    }
}

impl Serialize for AddressClasses {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}
