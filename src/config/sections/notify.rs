//! `[notify]`.

use std::time::Duration;

use crate::config::reader::Field;
use crate::config::reader::Section;
use crate::model::Action;
use crate::settings::Notify;
use crate::settings::Server;

use super::operation::web_address;

/// Reads `[notify]`.
pub(in crate::config) fn notify(root: &Section<'_>) -> Option<Notify> {
    let section = root.section("notify")?;
    let url = section.need("url", "\"https://fulfilment.example/hold\"");
    let key = section.need("key", "\"notify-key.txt\"");
    let timeout = section
        .at("timeout")
        .and_then(|field| field.duration(Duration::from_millis(100)..=Duration::from_secs(60)))
        .unwrap_or(Notify::TIMEOUT);
    let actions = section.at("actions").map_or_else(
        || Action::ALL.to_vec(),
        |field| {
            let actions = field.list(|one: &Field<'_>| one.one_of(&Action::ALL, Action::as_str));
            if actions.is_empty() {
                field.problem("must name at least one action, such as `\"resale\"`");
            }
            actions
        },
    );
    let ca = section.at("ca").and_then(|field| field.path());
    let receiver = url.and_then(|field| field.parsed(receiver));
    let key = key.and_then(|field| field.path());
    let (server, target) = receiver?;
    Some(Notify { actions, ca, key: key?, server, target, timeout })
}

/// The server, and path and query there.
pub(super) fn receiver(text: &str) -> Result<(Server, String), String> {
    web_address(text)?;
    if text.contains('#') {
        return Err("has a fragment, which no server is told: leave it out".to_owned());
    }
    let authority_at = text.find("://").map_or(0, |at| at.saturating_add(3));
    let authority = text.get(authority_at..).unwrap_or_default();
    let end = authority.find(['/', '?']).map_or(text.len(), |at| authority_at.saturating_add(at));
    let (origin, target) = text.split_at_checked(end).unwrap_or((text, ""));
    let server = Server::parse(origin).map_err(|error| error.to_string())?;
    let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
    Ok((server, target))
}
