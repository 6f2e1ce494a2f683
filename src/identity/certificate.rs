//! The names in a client certificate (RFC 5280 4.1.2.6, 4.2.1.6) that TLS has verified.
//!
//! It says which names a certificate bears; whether its authority is believed was decided by the handshake before.
//!
//! INVARIANTS
//! * A name has one reading: what holds a control character, a NUL, a blank at an end or a character that is not seen is no
//!   name, and so is one in an encoding that RFC 5280 does not ask for. A wildcard names nobody.
//! * Nothing of the certificate but its names and its end is kept.

use smallvec::SmallVec;
use x509_parser::asn1_rs::Tag;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;
use x509_parser::prelude::X509Certificate;

use crate::settings::CertificateName;

/// Longer names are no names: none of those that are in use comes near it. In bytes.
const LONGEST: usize = 255;

/// What a verified client certificate says of its bearer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Certificate {
    /// The end of its validity, in seconds since 1970.
    pub ends: i64,
    names: SmallVec<[(CertificateName, Box<str>); 2]>,
}

impl Certificate {
    /// Reads a certificate (DER); none if it cannot be read to its end, or bears no name.
    pub fn read(der: &[u8]) -> Option<Self> {
        let (rest, certificate) = X509Certificate::from_der(der).ok()?;
        if !rest.is_empty() {
            return None;
        }
        let mut names = SmallVec::new();
        let mut put = |kind, name: &str| {
            if is_name(kind, name) {
                names.push((kind, Box::from(name)));
            }
        };
        for common in certificate.subject().iter_common_name() {
            let tag = common.attr_value().tag();
            if let (Tag::Utf8String | Tag::PrintableString, Ok(name)) = (tag, common.as_str()) {
                put(CertificateName::CommonName, name);
            }
        }
        // Two extensions of the kind are two readings.
        if let Some(alternative) = certificate.subject_alternative_name().ok()? {
            for name in &alternative.value.general_names {
                match name {
                    GeneralName::DNSName(name) => put(CertificateName::Dns, name),
                    GeneralName::RFC822Name(name) => put(CertificateName::Email, name),
                    GeneralName::URI(name) => put(CertificateName::Uri, name),
                    _ => {}
                }
            }
        }
        let ends = certificate.validity().not_after.timestamp();
        (!names.is_empty()).then_some(Self { ends, names })
    }

    /// Its names of a kind, in the order in which they stand there.
    pub fn names(&self, kind: CertificateName) -> impl Iterator<Item = &str> {
        self.names.iter().filter(move |(of, _)| *of == kind).map(|(_, name)| &**name)
    }
}

fn is_name(kind: CertificateName, name: &str) -> bool {
    if name.is_empty() || name.len() > LONGEST {
        return false;
    }
    let graphic = name.bytes().all(|b| b.is_ascii_graphic());
    match kind {
        CertificateName::CommonName => name.trim() == name && !name.chars().any(is_unseen),
        CertificateName::Dns => {
            name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
        }
        CertificateName::Email => {
            let parts = name.split_once('@');
            let whole = |(local, domain): (&str, &str)| {
                !local.is_empty() && !domain.is_empty() && !domain.contains('@')
            };
            graphic && parts.is_some_and(whole)
        }
        CertificateName::Uri => {
            let scheme = name.split_once(':').map_or("", |(scheme, _)| scheme);
            let bytes = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
            graphic && !scheme.is_empty() && scheme.bytes().all(bytes)
        }
    }
}

/// Control characters, and those that change how others look or are not seen at all.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || (c.is_whitespace() && c != ' ')
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffd}'
            | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use rcgen::CertificateParams;
    use rcgen::CustomExtension;
    use rcgen::DnType;
    use rcgen::DnValue;
    use rcgen::KeyPair;
    use rcgen::SanType;

    use super::*;

    fn signed(params: &CertificateParams) -> Vec<u8> {
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    fn common(values: Vec<DnValue>) -> Option<Certificate> {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        for value in values {
            params.distinguished_name.push(DnType::CommonName, value);
        }
        Certificate::read(&signed(&params))
    }

    fn alternative(names: Vec<SanType>) -> Option<Certificate> {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.subject_alt_names = names;
        Certificate::read(&signed(&params))
    }

    fn names(certificate: Option<&Certificate>, kind: CertificateName) -> Vec<&str> {
        certificate.map_or_else(Vec::new, |certificate| certificate.names(kind).collect())
    }

    #[test]
    fn every_kind_of_name_is_read_as_it_stands() {
        let read = common(vec![DnValue::Utf8String("Müller GmbH".to_owned())]);
        assert_eq!(names(read.as_ref(), CertificateName::CommonName), ["Müller GmbH"]);
        let read = common(vec![DnValue::PrintableString("A-DE".try_into().unwrap())]);
        assert_eq!(names(read.as_ref(), CertificateName::CommonName), ["A-DE"]);
        assert_eq!(names(read.as_ref(), CertificateName::Dns), [""; 0]);
        let read = alternative(vec![
            SanType::DnsName("a.example".try_into().unwrap()),
            SanType::Rfc822Name("a@a.example".try_into().unwrap()),
            SanType::URI("urn:account:A-DE".try_into().unwrap()),
            SanType::DnsName("b.example".try_into().unwrap()),
        ]);
        let read = read.as_ref();
        assert_eq!(names(read, CertificateName::CommonName), [""; 0]);
        assert_eq!(names(read, CertificateName::Dns), ["a.example", "b.example"]);
        assert_eq!(names(read, CertificateName::Email), ["a@a.example"]);
        assert_eq!(names(read, CertificateName::Uri), ["urn:account:A-DE"]);
    }

    #[test]
    fn an_odd_name_is_none() {
        for odd in [
            "",
            " ",
            "A-DE\0",
            "A-DE\0.example",
            "\0",
            "A-DE\n",
            "A\tDE",
            " A-DE",
            "A-DE ",
            "A-\u{202e}ED",
            "A\u{200b}-DE",
            "A\u{ad}-DE",
            "A\u{2028}DE",
            "A\u{a0}DE",
            "\u{feff}A-DE",
            "A\u{fe0f}",
            "A\u{e0041}",
            "A\u{7f}",
            &"a".repeat(256),
        ] {
            assert_eq!(common(vec![DnValue::Utf8String(odd.to_owned())]), None, "{odd:?}");
        }
        // Encodings that RFC 5280 does not ask for have more than one reading.
        let teletex = DnValue::TeletexString("A-DE".try_into().unwrap());
        assert_eq!(common(vec![teletex]), None);
        let wide = DnValue::BmpString("A-DE".try_into().unwrap());
        assert_eq!(common(vec![wide]), None);
        for odd in ["*.example", "a b", "a\0b", ""] {
            assert_eq!(alternative(vec![SanType::DnsName(odd.try_into().unwrap())]), None, "{odd}");
        }
        for odd in ["a", "@a", "a@", "a@b@c", "a @b", "a\0@b"] {
            let name = SanType::Rfc822Name(odd.try_into().unwrap());
            assert_eq!(alternative(vec![name]), None, "{odd}");
        }
        for odd in ["a", ":a", "a:\0", "urn:a b", "u/n:a"] {
            assert_eq!(alternative(vec![SanType::URI(odd.try_into().unwrap())]), None, "{odd}");
        }
    }

    #[test]
    fn what_is_no_certificate_or_bears_two_lists_of_names_says_nothing_and_stops_nobody() {
        let mut params = CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "A-DE");
        let whole = signed(&params);
        assert!(Certificate::read(&whole).is_some());
        for end in 0..whole.len() {
            assert_eq!(Certificate::read(&whole[..end]), None, "cut at {end}");
        }
        let more = [&whole[..], &[0]].concat();
        assert_eq!(Certificate::read(&more), None);
        for at in 0..whole.len() {
            for bit in [1, 0x20, 0x80] {
                let mut broken = whole.clone();
                broken[at] ^= bit;
                drop(Certificate::read(&broken));
            }
        }
        let second =
            vec![0x30, 0x0b, 0x82, 0x09, b'b', b'.', b'e', b'x', b'a', b'm', b'p', b'l', b'e'];
        let second = CustomExtension::from_oid_content(&[2, 5, 29, 17], second);
        params.custom_extensions.push(second);
        assert_eq!(Certificate::read(&signed(&params)), None);
    }
}
