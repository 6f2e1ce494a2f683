//! `[[route]]`, and what must hold between routes, upstreams and `[identity]`.

use std::path::PathBuf;

use crate::config::reader::Field;
use crate::config::reader::Section;
use crate::model::Action;
use crate::settings::BuyerField;
use crate::settings::ClientRole;
use crate::settings::Identity;
use crate::settings::IdentityUse;
use crate::settings::ItemMapping;
use crate::settings::Listener;
use crate::settings::OrderTotal;
use crate::settings::Preset;
use crate::settings::Requirement;
use crate::settings::Route;
use crate::settings::Source;

use super::items;
use super::pattern::{self, Claims};
use super::source::Place;
use super::upstream::name;

/// What routes refer to.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) struct Surroundings<'a> {
    /// `[identity]`, if it is there.
    pub(in crate::config) identity: Option<&'a Identity>,
    /// Where the gateway listens, as far as that can be read.
    pub(in crate::config) listeners: &'a [Listener],
    /// Names of the upstreams, the broken ones too.
    pub(in crate::config) upstreams: &'a [String],
}

/// Reads every `[[route]]`.
pub(in crate::config) fn routes(root: &Section<'_>, around: Surroundings<'_>) -> Vec<Route> {
    let mut names = Vec::new();
    let mut claims = Claims::default();
    root.tables("route")
        .iter()
        .filter_map(|section| route(section, around, &mut names, &mut claims))
        .collect()
}

/// What `action` says; unreadable ones are recorded and count as said.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Said {
    Action(Action),
    Nothing,
    PassOn,
}

fn route(
    section: &Section<'_>,
    around: Surroundings<'_>,
    names: &mut Vec<String>,
    claims: &mut Claims,
) -> Option<Route> {
    let name = name(section, names);
    let said = action(section);
    let methods = section.at("methods").map_or_else(Vec::new, |field| methods(&field));
    let path_field = section.need("path", "\"/api/orders\"");
    let path = path_field.as_ref().and_then(Field::text);
    let parameters = path_field.as_ref().zip(path.as_ref()).and_then(|(field, path)| {
        pattern::parameters(path).map_err(|why| field.problem(format!("`{path}`: {why}"))).ok()
    });
    let preset = section.at("preset").and_then(|field| preset(&field));
    let identity = identity(section, around);
    let client = section
        .at("client")
        .and_then(|field| field.one_of(&ClientRole::ALL, ClientRole::as_str))
        .or(preset.map(Preset::client))
        .unwrap_or_default();
    let place = Place {
        certificates: around.listeners.iter().any(asks_clients) && identity != IdentityUse::None,
        identity: around.identity.is_some() && identity != IdentityUse::None,
        parameters: parameters.as_deref(),
        walks: false,
        whole: false,
    };
    let items_section = section.section("items");
    let items = items_section.as_ref().map(|section| items::items(section, place));
    let reading = items_section.as_ref().map(|section| items::reading(section, place));
    let reading = reading.unwrap_or_default();
    let buyer = section
        .section("buyer")
        .map_or_else(Vec::new, |section| items::buyer(&section, client, place));
    let seller = section.section("seller").and_then(|section| items::seller(&section, place));
    let value = section.section("value").and_then(|section| items::value(&section, place));
    let require_field = section.at("require");
    let require = require_field.as_ref().map_or_else(Vec::new, |field| {
        field.list(|one| one.one_of(&Requirement::ALL, Requirement::as_str))
    });
    let secret = secret(section, preset);
    let upstream = upstream(section, around, preset);

    meaning(section, said, items_section.as_ref());
    if preset == Some(Preset::Shopify) {
        receiver(section, said, client, identity);
    }
    let own = items.as_ref().filter(|_| reading.lookups.is_empty());
    let total = value.as_ref().filter(|_| reading.lookups.is_empty());
    one_kind_of_body(section, &buyer, own, (seller.as_ref(), total));
    if let Some(field) = &require_field
        && require.contains(&Requirement::Account)
        && preset.is_none()
        && !buyer.iter().any(|(known, _)| *known == BuyerField::Account)
        && !around
            .identity
            .is_some_and(|i| i.claims.iter().any(|(known, _)| *known == BuyerField::Account))
    {
        field.problem("no account can be known here: write `buyer = { account = ... }`");
    }
    let (name, path, action) = (
        name?,
        path?,
        match said {
            Said::Action(action) => Some(action),
            Said::PassOn => None,
            Said::Nothing => return None,
        },
    );
    parameters.as_ref()?;
    if let Err(why) = claims.claim(&path, &methods, action.is_some(), &name)
        && let Some(field) = &path_field
    {
        field.problem(format!("`{path}`: {why}"));
    }
    Some(Route {
        action,
        buyer,
        client,
        identity,
        items,
        methods,
        name,
        path,
        preset,
        reading,
        require,
        secret,
        seller_organization_country: seller,
        upstream,
        value,
    })
}

/// A judged route must say what is sold, and a route that says so must judge.
fn meaning(section: &Section<'_>, said: Said, items: Option<&Section<'_>>) {
    match said {
        Said::Action(action) => {
            if items.is_none() && section.at("preset").is_none() && !action.is_delivery() {
                section.problem(format!(
                    "judges `{action}` but nothing says where the items are: write `items` or `preset`"
                ));
            }
        }
        Said::PassOn => {
            let unjudged =
                "is never looked at, for `action` is `none`: write an action or leave it out";
            if let Some(items) = items {
                items.problem(unjudged);
            }
            for key in ["preset", "value"] {
                if let Some(field) = section.at(key) {
                    field.problem(unjudged);
                }
            }
        }
        Said::Nothing => {}
    }
}

/// A body is a document or a form, and is read as what it is.
fn one_kind_of_body(
    section: &Section<'_>,
    buyer: &[(BuyerField, Source)],
    items: Option<&ItemMapping>,
    (seller, total): (Option<&Source>, Option<&OrderTotal>),
) {
    let sources = || {
        let of_items = items.into_iter().flat_map(ItemMapping::sources);
        let total = total.into_iter().flat_map(OrderTotal::sources);
        buyer.iter().map(|(_, source)| source).chain(of_items).chain(seller).chain(total)
    };
    let form = sources().find_map(|source| match source {
        Source::Form(name) => Some(name),
        _ => None,
    });
    let reads_document = items.is_some_and(|items| items.at.is_some())
        || sources().any(|source| matches!(source, Source::Pointer(_)));
    if let Some(form) = form.filter(|_| reads_document) {
        section.problem(format!(
            "reads JSON pointers and the form field `{form}`: a body is one or the other; write a route for each"
        ));
    }
}

fn action(section: &Section<'_>) -> Said {
    let Some(field) = section.need("action", "\"resale\"` or `action = \"none\"") else {
        return Said::Nothing;
    };
    let Some(text) = field.text() else { return Said::Nothing };
    if text == "none" {
        return Said::PassOn;
    }
    match text.parse::<Action>() {
        Ok(action) => Said::Action(action),
        Err(_) => {
            let names = Action::ALL.iter().map(|action| action.as_str());
            field.unknown(&text, names.chain(["none"]));
            Said::Nothing
        }
    }
}

fn methods(field: &Field<'_>) -> Vec<String> {
    let mut methods: Vec<String> = Vec::new();
    let written = field.list(|element: &Field<'_>| {
        let method = element.parsed(method);
        if let Some(method) = method {
            if methods.contains(&method) {
                element.problem(format!("`{method}` is listed twice"));
            } else {
                methods.push(method);
            }
        }
        Some(())
    });
    if written.is_empty() {
        field.problem("must name at least one method, such as `[\"POST\"]`; left out it means all");
    }
    methods
}

fn method(text: &str) -> Result<String, String> {
    if text.bytes().any(|b| b.is_ascii_lowercase()) {
        return Err(format!(
            "methods are written in capitals: write `\"{}\"`",
            text.to_uppercase()
        ));
    }
    match text.parse::<http::Method>() {
        Ok(http::Method::CONNECT | http::Method::TRACE) => {
            Err("is always answered with 405".to_owned())
        }
        Ok(method) => Ok(method.as_str().to_owned()),
        Err(_) => Err("is no method".to_owned()),
    }
}

fn preset(field: &Field<'_>) -> Option<Preset> {
    field.one_of(&Preset::ALL, Preset::as_str)
}

/// The file of the secrets that sign webhooks.
fn secret(section: &Section<'_>, preset: Option<Preset>) -> Option<PathBuf> {
    if preset == Some(Preset::Shopify) {
        return section.need("secret", "\"shopify-secret.txt\"")?.path();
    }
    if let Some(field) = section.at("secret") {
        field.problem("signs webhooks, which only `preset = \"shopify\"` receives");
    }
    None
}

/// A receiver reads what its platform sends and forwards nothing: what says otherwise would be ignored.
fn receiver(section: &Section<'_>, said: Said, client: ClientRole, identity: IdentityUse) {
    for key in ["buyer", "items", "require", "seller", "upstream", "value"] {
        if let Some(field) = section.at(key) {
            field.problem(
                "has no place where `preset = \"shopify\"` receives webhooks: leave it out",
            );
        }
    }
    if client != ClientRole::Server
        && let Some(field) = section.at("client")
    {
        field.problem("webhooks come from the platform's own servers: leave it out");
    }
    if identity == IdentityUse::Required
        && let Some(field) = section.at("identity")
    {
        field.problem("webhooks bear a signature and no token: write `\"none\"` or leave it out");
    }
    if let Said::Action(action) = said
        && action.is_delivery()
        && let Some(field) = section.at("action")
    {
        field.problem(format!(
            "a webhook tells of orders, `{action}` is a delivery: write `\"resale\"`"
        ));
    }
}

fn identity(section: &Section<'_>, around: Surroundings<'_>) -> IdentityUse {
    let Some(field) = section.at("identity") else {
        return match around.identity {
            Some(_) => IdentityUse::Optional,
            None => IdentityUse::None,
        };
    };
    let chosen = field.one_of(&IdentityUse::ALL, IdentityUse::as_str).unwrap_or_default();
    let mut listeners = around.listeners.iter();
    match chosen {
        _ if around.identity.is_some() => {}
        IdentityUse::None => {}
        IdentityUse::Optional if listeners.any(asks_clients) => {}
        IdentityUse::Required if listeners.all(asks_clients) => {}
        IdentityUse::Required if around.listeners.iter().any(asks_clients) => field.problem(
            "a listener without `client_ca` could never serve it: give every listener `tls.client_ca`, or write `[identity]`",
        ),
        IdentityUse::Optional | IdentityUse::Required => field.problem(
            "needs an `[identity]` section that says whose tokens are believed, or `tls.client_ca` for client certificates",
        ),
    }
    chosen
}

fn asks_clients(listener: &Listener) -> bool {
    listener.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some())
}

/// The upstream's name. Without any `[[upstream]]` the gateway only answers checks, and a receiver forwards nothing.
fn upstream(
    section: &Section<'_>,
    around: Surroundings<'_>,
    preset: Option<Preset>,
) -> Option<String> {
    if preset == Some(Preset::Shopify)
        || (section.at("upstream").is_none() && around.upstreams.is_empty())
    {
        return None;
    }
    let field = section.need("upstream", "\"shop\"")?;
    let name = field.text()?;
    if !around.upstreams.contains(&name) {
        if around.upstreams.is_empty() {
            field.problem(format!("no `[[upstream]]` is named `{name}`"));
        } else {
            field.unknown(&name, around.upstreams.iter().map(String::as_str));
        }
        return None;
    }
    Some(name)
}
