//! What a record can be found by, without reading all its JSON: for the index, which sees every record.
//!
//! Documents are canonical JSON (RFC 8785): members are sorted, there are no blanks, and a quote inside a text is escaped, so that
//! `"name":"` can only be where a member begins. The envelope has verdict and rule; three places of the document and one of the
//! personal part have the rest.
//!
//! INVARIANT: it gives at least what [`terms::each`](super::terms::each) gives, or nothing at all and says so. What it gives beyond does no
//! harm, for every hit is checked against its record.

use memchr::memmem;

use super::super::parts::Parts;
use super::super::parts::json;
use super::super::personal::SubjectKeys;
use super::terms::Field;

/// Gives every value by which a record can be found, and perhaps more. None where the record has to be read whole; then nothing was given.
pub(super) fn each(
    parts: &Parts<'_>,
    keys: &SubjectKeys,
    told: &mut dyn FnMut(Field, &str),
) -> Option<()> {
    let kind = text(parts.envelope, b"\"kind\":\"")?;
    let Some(document) = parts.document.map(json) else {
        let plain = parts.personal.is_none()
            && !has(parts.envelope, b"\"verdict\":")
            && !has(parts.envelope, b"\"rule\":");
        return plain.then(|| told(Field::Kind, kind));
    };
    let verdict = text(parts.envelope, b"\"verdict\":\"")?;
    let rule = match has(parts.envelope, b"\"rule\":") {
        true => Some(text(parts.envelope, b"\"rule\":\"")?),
        false => None,
    };
    let decision = memmem::find(document, b"\"decision\":{")?;
    let (before, decided) = document.split_at_checked(decision)?;
    let country = text(before, b"\"country\":\"")?;
    let (findings, rest) = decided.split_at_checked(memmem::find(decided, b"\"nexus\":{")?)?;
    let nexus = rest.get(..memmem::find(rest, b"}")?)?;
    let buyer = text(nexus, b"\"buyer\":\"")?;
    if has(document, b"\"evidence\":") {
        return None;
    }
    let opened;
    let personal = match (parts.subject_key(), parts.personal) {
        (Some(key), Some(part)) => {
            opened = keys.opened(key, text(parts.envelope, b"\"id\":\"")?, part);
            opened.as_deref().map(json)
        }
        (_, part) => part.map(json),
    };
    // Whoever is erased is found by nothing that was personal.
    if personal.is_some_and(|personal| !personal.starts_with(b"{\"evidence\":{")) {
        return None;
    }
    let products = all(findings, b"\"product\":\"")?;
    let accounts = all(personal.unwrap_or_default(), b"\"account\":\"")?;

    told(Field::Kind, kind);
    told(Field::Verdict, verdict);
    told(Field::Nexus, buyer);
    told(Field::Country, &country.to_ascii_uppercase());
    products.into_iter().for_each(|product| told(Field::Product, product));
    accounts.into_iter().for_each(|account| told(Field::Account, account));
    if let Some(rule) = rule {
        told(Field::Rule, rule);
        told(Field::Rule, rule.split_once('/').map_or(rule, |(_, rule)| rule));
    }
    Some(())
}

fn has(json: &[u8], name: &[u8]) -> bool {
    memmem::find(json, name).is_some()
}

/// The first text of that name; none also where it has an escape.
fn text<'a>(json: &'a [u8], name: &[u8]) -> Option<&'a str> {
    let begin = memmem::find(json, name)?.saturating_add(name.len());
    ended(json.get(begin..)?)
}

/// Every text of that name; none where one has an escape.
fn all<'a>(json: &'a [u8], name: &[u8]) -> Option<Vec<&'a str>> {
    let mut found = Vec::new();
    for at in memmem::find_iter(json, name) {
        found.push(ended(json.get(at.saturating_add(name.len())..)?)?);
    }
    Some(found)
}

/// A text up to its quote.
fn ended(rest: &[u8]) -> Option<&str> {
    let end = memchr::memchr2(b'"', b'\\', rest)?;
    let (text, end) = rest.split_at_checked(end)?;
    (end.first() == Some(&b'"')).then(|| std::str::from_utf8(text).ok())?
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::ledger::search::terms;

    const ENVELOPE: &str = r#"{"bundle":"sha256:0","evidence":"x","id":"0197a3f2-8c3b-7d1e-9f00-0123456789ab","kind":"decision","personal":"y","rule":"us-commerce/resale","time":"2026-11-25T13:56:36.123400Z","v":1,"verdict":"block"}"#;
    const DOCUMENT: &str = r#"{"action":"resale","country":"us","decision":{"at":"t","items":[{"matched_by":"sku","product":"kaspersky.covered","verdict":"block"},{"matched_by":null,"product":null,"verdict":"allow"}],"nexus":{"because":["ip"],"buyer":"us","seller":"foreign"},"policy":"us-commerce","rule":"resale","verdict":"block"},"items":[{"attributes":{"country":"FR","product":"x"},"name":"A \"country\":\"XX\""}],"rules":[{"policy":"p","rule":"r","verdict":"allow"}]}"#;
    const PERSONAL: &str = r#"{"evidence":{"account":"A-17","addresses":[{"answers":[{"country":"US"}],"country":"US"}],"billing_country":"DE","claimed":{"account":"B"}},"request":{"client":"::1"}}"#;

    fn part(text: &str) -> Vec<u8> {
        [&[7; 16][..], text.as_bytes()].concat()
    }

    fn found(envelope: &str, document: Option<&str>, personal: Option<&str>) -> (bool, usize) {
        let (document, personal) = (document.map(part), personal.map(part));
        let parts = Parts {
            document: document.as_deref(),
            envelope: envelope.as_bytes(),
            personal: personal.as_deref(),
        };
        let keys = SubjectKeys::open("/nonexistent").unwrap();
        let (mut whole, mut fast) = (BTreeSet::new(), BTreeSet::new());
        terms::each(&parts, &keys, &mut |field, text| {
            whole.insert((field.number(), text.to_owned()));
        });
        let told = each(&parts, &keys, &mut |field, text| {
            fast.insert((field.number(), text.to_owned()));
        });
        match told {
            Some(()) => assert!(fast.is_superset(&whole), "{whole:?} {fast:?}"),
            None => assert!(fast.is_empty(), "{fast:?}"),
        }
        (told.is_some(), whole.len())
    }

    #[test]
    fn what_the_gateway_writes_is_found_without_reading_all_of_it() {
        assert_eq!(found(ENVELOPE, Some(DOCUMENT), Some(PERSONAL)), (true, 8));
        assert_eq!(found(ENVELOPE, Some(DOCUMENT), None), (true, 7));
        let outcome = r#"{"bytes":7,"end":"complete","id":"a","kind":"outcome","of":"b","status":200,"time":"t","v":1}"#;
        assert_eq!(found(outcome, None, None), (true, 1));
    }

    #[test]
    fn what_is_written_otherwise_is_read_whole() {
        for (envelope, document, personal) in [
            (ENVELOPE.replace("resale", r"re\u0073ale"), DOCUMENT.to_owned(), PERSONAL.to_owned()),
            (
                ENVELOPE.replace(r#","verdict":"block""#, ""),
                DOCUMENT.to_owned(),
                PERSONAL.to_owned(),
            ),
            (ENVELOPE.to_owned(), DOCUMENT.replace(r#""country":"us","#, ""), PERSONAL.to_owned()),
            (ENVELOPE.to_owned(), DOCUMENT.replace("kaspersky.", r#"\"."#), PERSONAL.to_owned()),
            (
                ENVELOPE.to_owned(),
                DOCUMENT.replace(r#""items":[{"a"#, r#""evidence":{},"items":[{"a"#),
                PERSONAL.to_owned(),
            ),
            (ENVELOPE.to_owned(), DOCUMENT.to_owned(), PERSONAL.replace("A-17", r"A\n17")),
            (
                ENVELOPE.to_owned(),
                DOCUMENT.to_owned(),
                PERSONAL.replace(r#"{"evidence""#, r#"{"country":"IT","evidence""#),
            ),
        ] {
            let (fast, terms) = found(&envelope, Some(&document), Some(&personal));
            assert!(!fast && terms > 0, "{envelope} {document} {personal}");
        }
    }
}
