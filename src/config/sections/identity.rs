//! `[identity]`: whose tokens are believed.

use std::time::Duration;

use crate::config::reader::Field;
use crate::config::reader::Section;
use crate::settings::Algorithm;
use crate::settings::BuyerField;
use crate::settings::Identity;
use crate::settings::JwksSource;
use crate::settings::Permission;
use crate::settings::Pointer;

use super::operation::web_address;

/// Clocks further apart than this are wrong, and a token's end would mean little.
const LARGEST_LEEWAY_SECONDS: u64 = 300;
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(86_400);

/// Reads `[identity]`; `Some` wherever the section stands, complete or not.
pub(in crate::config) fn identity(root: &Section<'_>) -> Option<Identity> {
    Some(trust(&root.section("identity")?, true))
}

/// Whose tokens are believed. Evidence and permissions are of the gateway's callers alone.
pub(super) fn trust(section: &Section<'_>, of_gateway: bool) -> Identity {
    let of_gateway = |name| of_gateway.then(|| section.section(name)).flatten();
    let pause = |name, default| {
        section
            .at(name)
            .and_then(|field| field.duration(SHORTEST_PAUSE..=LONGEST_PAUSE))
            .unwrap_or(default)
    };
    let algorithms = match section.need("algorithms", "[\"EdDSA\"]") {
        Some(field) => {
            let algorithms = field.list(algorithm);
            if algorithms.is_empty() {
                field.problem("must name at least one algorithm, such as `\"EdDSA\"`");
            }
            algorithms
        }
        None => Vec::new(),
    };
    Identity {
        algorithms,
        audience: section
            .need("audience", "\"interdict\"")
            .and_then(|field| field.text())
            .unwrap_or_default(),
        ca: section.at("ca").and_then(|field| field.path()),
        claims: of_gateway("claims").map_or_else(Vec::new, claims),
        issuer: section
            .need("issuer", "\"https://shop.example\"")
            .and_then(|field| field.text())
            .unwrap_or_default(),
        jwks: section
            .need("jwks", "\"jwks.json\"")
            .and_then(|field| jwks(&field))
            .unwrap_or_else(|| JwksSource::Url(String::new())),
        leeway: section
            .at("leeway_seconds")
            .and_then(|field| field.integer(0..=LARGEST_LEEWAY_SECONDS))
            .map_or(Identity::LEEWAY, Duration::from_secs),
        permissions: of_gateway("permissions").map_or_else(Vec::new, permissions),
        refetch: pause("refetch_interval", Identity::REFETCH),
        refresh: pause("refresh_interval", Identity::REFRESH),
    }
}

fn algorithm(field: &Field<'_>) -> Option<Algorithm> {
    let text = field.text()?;
    let refusal = match text.as_str() {
        "HS256" | "HS384" | "HS512" => "shares its secret with whoever checks it",
        "none" => "signs nothing",
        _ => return field.one_of(&Algorithm::ALL, Algorithm::as_str),
    };
    field.problem(format!("`{text}` {refusal}: use one with a public key, such as `\"EdDSA\"`"));
    None
}

fn jwks(field: &Field<'_>) -> Option<JwksSource> {
    let text = field.text()?;
    if text.starts_with("http://") {
        field
            .problem("keys over plain http can be replaced on the way: write `https://` or a file");
        return None;
    }
    if text.starts_with("https://") {
        return field.parsed(web_address).map(JwksSource::Url);
    }
    field.path().map(JwksSource::File)
}

fn claims(mut section: Section<'_>) -> Vec<(BuyerField, Pointer)> {
    let mut claims = Vec::new();
    for (name, field) in section.each() {
        let evidence = BuyerField::ALL.into_iter().find(|known| known.as_str() == name);
        if evidence.is_none() {
            field.unknown(name, BuyerField::ALL.iter().map(|known| known.as_str()));
        }
        if matches!(evidence, Some(BuyerField::Ip | BuyerField::IpClass | BuyerField::IpCountry)) {
            field.problem("no token can say where a request comes from: leave it out");
            continue;
        }
        let pointer = field.parsed(Pointer::parse);
        claims.extend(evidence.zip(pointer));
    }
    claims
}

fn permissions(mut section: Section<'_>) -> Vec<(String, Vec<Permission>)> {
    section
        .each()
        .into_iter()
        .map(|(subject, field)| {
            let granted = field.list(|one| one.one_of(&Permission::ALL, Permission::as_str));
            (subject.to_owned(), granted)
        })
        .collect()
}
