//! One record of an MMDB in any common schema, read leniently: what is not understood is skipped, never an error.
//!
//! Understood: nested (as of `MaxMind`: `country.iso_code`, `registered_country`, `represented_country`), flat
//! `country_code`, `IPinfo` `country`; anonymiser fields at the root or under `traits`, `anonymizer`, `anonymous` and
//! `privacy`.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::model::AddressClass;
use crate::model::AddressClasses;
use crate::model::Country;
use crate::model::CountryReading;

/// What a source knows of an address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Facts {
    pub(super) classes: AddressClasses,
    pub(super) country: CountryReading,
}

/// A record as read from a database.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    pub(super) facts: Facts,
    /// The record has a field that tells classes, whatever it says.
    pub(super) tells_classes: bool,
    /// The record has a field that tells a country, whatever it says.
    pub(super) tells_country: bool,
}

/// Reads a source's country text; blank, `-` and the codes that mean no country are missing (DESIGN 5).
pub(super) fn read_country(text: &str) -> CountryReading {
    let text = text.trim();
    let none = ["", "-", "EU", "AP", "XX", "ZZ", "T1", "A1", "A2", "O1"];
    if none.iter().any(|code| text.eq_ignore_ascii_case(code)) {
        return CountryReading::Missing;
    }
    Country::parse(text).map_or(CountryReading::Unreadable, CountryReading::Read)
}

impl<'de> Deserialize<'de> for Reading {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(lenient::<Record<'de>, D>(deserializer)?.reading())
    }
}

#[derive(Default)]
struct Record<'de> {
    country: Place<'de>,
    country_code: Place<'de>,
    flags: Flags,
    registered: Place<'de>,
    represented: Place<'de>,
}

impl Record<'_> {
    fn reading(&self) -> Reading {
        // The registered country says where the holder sits, so it counts only where nothing tells the place of use.
        let text = self
            .country
            .code
            .or(self.country_code.text)
            .or(self.country.text)
            .or(self.registered.code)
            .or(self.registered.text);
        let military =
            self.represented.kind.is_some_and(|kind| kind.eq_ignore_ascii_case("military"))
                && matches!(
                    read_country(self.represented.code.unwrap_or_default()),
                    CountryReading::Read(country) if country.is_united_states()
                );
        let mut classes = self.flags.classes;
        if military {
            classes = classes.with(AddressClass::UsMilitary);
        }
        Reading {
            facts: Facts { classes, country: text.map_or(CountryReading::Missing, read_country) },
            tells_classes: self.flags.seen || self.represented.kind.is_some(),
            tells_country: text.is_some(),
        }
    }
}

impl<'de> Lenient<'de> for Record<'de> {
    fn entry<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "country" => self.country = value(map)?,
            "country_code" => self.country_code = value(map)?,
            "registered_country" => self.registered = value(map)?,
            "represented_country" => self.represented = value(map)?,
            "anonymizer" | "anonymous" | "privacy" | "traits" => {
                let inner: Flags = value(map)?;
                self.flags.classes = self.flags.classes.union(inner.classes);
                self.flags.seen |= inner.seen;
            }
            _ => self.flags.entry(key, map)?,
        }
        Ok(())
    }
}

/// A country, as a text or as a map.
#[derive(Default)]
struct Place<'de> {
    code: Option<&'de str>,
    kind: Option<&'de str>,
    text: Option<&'de str>,
}

impl<'de> Lenient<'de> for Place<'de> {
    fn text(&mut self, text: &'de str) {
        self.text = Some(text).filter(|text| !text.trim().is_empty());
    }

    fn entry<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "iso_code" | "code" => self.code = value::<_, Self>(map)?.text,
            "type" => self.kind = value::<_, Self>(map)?.text,
            _ => _ = map.next_value::<IgnoredAny>()?,
        }
        Ok(())
    }
}

/// The classes that anonymiser fields set.
#[derive(Default)]
struct Flags {
    classes: AddressClasses,
    seen: bool,
}

impl<'de> Lenient<'de> for Flags {
    fn entry<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let class = match key {
            "is_anonymous" | "is_anonymous_proxy" | "is_relay" | "relay" => AddressClass::Anonymous,
            "hosting" | "is_hosting" | "is_hosting_provider" => AddressClass::Hosting,
            "is_proxy" | "is_public_proxy" | "is_residential_proxy" | "proxy" => {
                AddressClass::Proxy
            }
            "is_satellite" | "is_satellite_provider" | "satellite" => AddressClass::Satellite,
            "is_tor" | "is_tor_exit_node" | "tor" => AddressClass::Tor,
            "is_anonymous_vpn" | "is_vpn" | "vpn" => AddressClass::Vpn,
            _ => {
                map.next_value::<IgnoredAny>()?;
                return Ok(());
            }
        };
        self.seen = true;
        if value::<_, Truth>(map)?.0 {
            self.classes = self.classes.with(class);
        }
        Ok(())
    }
}

/// A flag, however a database writes it: a boolean, a number, or `true` and `1` as text.
#[derive(Default)]
struct Truth(bool);

impl<'de> Lenient<'de> for Truth {
    fn text(&mut self, text: &'de str) {
        self.0 = ["1", "true", "yes"].iter().any(|yes| text.eq_ignore_ascii_case(yes));
    }

    fn number(&mut self, number: u64) {
        self.0 = number != 0;
    }
}

/// Something read from whatever stands there; of another type than awaited it stays as it was.
trait Lenient<'de>: Default {
    fn text(&mut self, _text: &'de str) {}

    fn number(&mut self, _number: u64) {}

    fn entry<A: MapAccess<'de>>(&mut self, _key: &str, map: &mut A) -> Result<(), A::Error> {
        map.next_value::<IgnoredAny>().map(|_| ())
    }
}

fn value<'de, A: MapAccess<'de>, T: Lenient<'de>>(map: &mut A) -> Result<T, A::Error> {
    map.next_value::<Leniently<T>>().map(|read| read.0)
}

fn lenient<'de, T: Lenient<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_any(LenientVisitor(PhantomData))
}

struct Leniently<T>(T);

impl<'de, T: Lenient<'de>> Deserialize<'de> for Leniently<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        lenient(deserializer).map(Self)
    }
}

struct LenientVisitor<T>(PhantomData<T>);

impl<'de, T: Lenient<'de>> Visitor<'de> for LenientVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<T, E> {
        self.visit_u64(truth.into())
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<T, E> {
        let mut read = T::default();
        read.text(text);
        Ok(read)
    }

    fn visit_bytes<E: Error>(self, _bytes: &[u8]) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_f64<E: Error>(self, _number: f64) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        self.visit_u64(number.unsigned_abs())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        let mut read = T::default();
        while let Some(key) = map.next_key::<&str>()? {
            read.entry(key, &mut map)?;
        }
        Ok(read)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<T, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(T::default())
    }

    fn visit_u128<E: Error>(self, number: u128) -> Result<T, E> {
        self.visit_u64((number != 0).into())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        let mut read = T::default();
        read.number(number);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The schemas are the same whatever encodes them, so the cases are written as JSON.
    fn facts(json: &str) -> (String, Vec<&'static str>) {
        let Facts { classes, country } = serde_json::from_str::<Reading>(json).unwrap().facts;
        let country = match country {
            CountryReading::Missing => "missing".to_owned(),
            CountryReading::Read(country) => country.to_string(),
            CountryReading::Unreadable => "unreadable".to_owned(),
        };
        (country, classes.iter().map(AddressClass::as_str).collect())
    }

    #[test]
    fn every_common_schema_tells_its_country() {
        for (json, expect) in [
            (r#"{"country":{"iso_code":"DE","names":{"en":"Germany"}}}"#, "DE"),
            (r#"{"country_code":"US"}"#, "US"),
            (r#"{"country":"PR","continent":"NA"}"#, "PR"),
            (r#"{"country":"United States","country_code":"US","asn":"AS1"}"#, "US"),
            (r#"{"country":"United States"}"#, "US"),
            (r#"{"country":{"iso_code":"DE"},"registered_country":{"iso_code":"US"}}"#, "DE"),
            (r#"{"registered_country":{"iso_code":"US"}}"#, "US"),
            (r#"{"country":{"geoname_id":1},"registered_country":{"iso_code":"FR"}}"#, "FR"),
            (r#"{"country":{"iso_code":"EU"},"registered_country":{"iso_code":"FR"}}"#, "missing"),
            (r#"{"country_code":"a1"}"#, "missing"),
            (r#"{"country_code":""}"#, "missing"),
            (r#"{"country_code":7}"#, "missing"),
            (r#"{"country":["DE"],"names":{"country_code":"DE"}}"#, "missing"),
            (r#"{"country_code":"QQ"}"#, "unreadable"),
            (r#"["DE"]"#, "missing"),
        ] {
            assert_eq!(facts(json).0, expect, "{json}");
        }
    }

    #[test]
    fn anonymiser_fields_set_classes() {
        for (json, expect) in [
            (r#"{"is_anonymous":true,"is_anonymous_vpn":true}"#, &["anonymous", "vpn"][..]),
            (
                r#"{"traits":{"is_hosting_provider":true,"is_satellite_provider":true}}"#,
                &["hosting", "satellite"],
            ),
            (r#"{"is_public_proxy":true}"#, &["proxy"]),
            (r#"{"is_residential_proxy":1}"#, &["proxy"]),
            (r#"{"anonymizer":{"is_tor_exit_node":true,"confidence":99}}"#, &["tor"]),
            (r#"{"vpn":"true","hosting":"","proxy":"false"}"#, &["vpn"]),
            (r#"{"is_anonymous":false,"is_tor_exit_node":0,"traits":{"is_anycast":true}}"#, &[]),
            (r#"{"represented_country":{"iso_code":"US","type":"military"}}"#, &["us-military"]),
            (r#"{"represented_country":{"iso_code":"GB","type":"military"}}"#, &[]),
            (r#"{"represented_country":{"iso_code":"US","type":"embassy"}}"#, &[]),
        ] {
            assert_eq!(facts(json).1, expect, "{json}");
        }
    }
}
