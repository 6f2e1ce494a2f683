//! `[[ledger.witness]]`.

use crate::config::reader::Section;
use crate::merkle::KeyKind;
use crate::merkle::VerifierKey;
use crate::settings::Server;
use crate::settings::Witness;

use super::notify::receiver;

/// Reads every `[[ledger.witness]]` of `[ledger]`.
pub(super) fn witnesses(ledger: &Section<'_>) -> Vec<Witness> {
    let mut names = Vec::new();
    ledger.tables("witness").iter().filter_map(|section| witness(section, &mut names)).collect()
}

fn witness(section: &Section<'_>, names: &mut Vec<String>) -> Option<Witness> {
    let url = section.need("url", "\"https://witness.example/\"");
    let key = section.need("key", "\"witness.example/w1+1a2b3c4d+BA...\"");
    let ca = section.at("ca").and_then(|field| field.path());
    let place = url.and_then(|field| field.parsed(prefix));
    let key_field = key?;
    let key = key_field.parsed(|text| text.parse::<VerifierKey>());
    let (key, (server, prefix)) = key.zip(place)?;
    if key.kind() != KeyKind::Cosignature {
        key_field.problem(
            "is a log's key: a witness's is printed by `interdict witness`, and has type 0x04",
        );
        return None;
    }
    let name = key.name().as_str().to_owned();
    if names.contains(&name) {
        key_field.problem(format!("`{name}` is already the name of another"));
        return None;
    }
    names.push(name.clone());
    Some(Witness { ca, key: key.to_string(), name, prefix, server })
}

/// The server, and the path of the submission prefix.
fn prefix(text: &str) -> Result<(Server, String), String> {
    let (server, target) = receiver(text)?;
    if target.contains('?') {
        return Err("has a query, which no prefix can have: leave it out".to_owned());
    }
    Ok((server, target.trim_end_matches('/').to_owned()))
}
