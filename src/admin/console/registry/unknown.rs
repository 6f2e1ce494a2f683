//! `/registry/unknown`: SKUs that were judged and have no row, and what they are.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web;
use askama::Template;
use serde::Deserialize;

use crate::admin::access::CATALOGUE_EDITORS;
use crate::admin::access::Caller;
use crate::admin::access::VIEWERS;
use crate::admin::api::Problem;
use crate::admin::mount::Mount;
use crate::admin::server::AdminPlane;
use crate::control::registry::Classified;
use crate::control::registry::may_edit;
use crate::model::Verdict;
use crate::registry::Matched;
use crate::registry::Table;
use crate::registry::UnknownSku;

use super::super::Shell;
use super::super::fields::Fields;
use super::super::fields::all;
use super::super::fields::go;
use super::super::fields::needed;
use super::super::fields::one;
use super::super::filters;
use super::super::page;
use super::Tabs;
use super::address;
use super::choices::Choice;
use super::choices::cell_of;
use super::choices::choices;
use super::shell;
use super::told;

const PATH: &str = "/registry/unknown";
/// SKUs of a page.
const LIMIT: usize = 50;

pub(super) fn routes(mount: &mut Mount<'_>) {
    mount.get(PATH, VIEWERS, list).post(PATH, CATALOGUE_EDITORS, classify);
}

#[derive(Template)]
#[template(path = "registry/unknown.html")]
pub(crate) struct List {
    pub(super) choices: Vec<Choice>,
    pub(super) edits: bool,
    pub(super) next: String,
    pub(super) previous: String,
    pub(super) shell: Shell,
    pub(super) shown: String,
    pub(super) skus: Vec<Sku>,
    /// The file that is the catalogue's source.
    pub(super) source: Option<String>,
    pub(super) tabs: Tabs,
    pub(super) wanted: Wanted,
}

/// Which of them.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Wanted {
    /// A text in SKU, name or vendor.
    pub(super) q: String,
    /// How many come before.
    pub(super) from: usize,
}

/// One of them.
#[derive(Debug)]
pub(crate) struct Sku {
    /// What is known of it goes into the form of a row.
    pub(super) add: String,
    pub(super) sku: UnknownSku,
}

impl Sku {
    fn verdict(&self) -> Option<Verdict> {
        match self.sku.verdict.as_str() {
            "allow" => Some(Verdict::Allow),
            "block" => Some(Verdict::Block),
            "review" => Some(Verdict::Review),
            _ => None,
        }
    }

    const fn by(&self) -> &'static str {
        match self.sku.matched_by {
            Matched::Name => "by its name",
            Matched::Nothing => "nothing of it is in a policy",
            Matched::Other => "by something else than its text",
            Matched::Sku => "by its SKU",
            Matched::Vendor => "by its vendor",
        }
    }
}

async fn list(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    wanted: web::Query<Wanted>,
) -> HttpResponse {
    let wanted = wanted.into_inner();
    let source = plane.desk.source(Table::Catalogue).map(|path| path.display().to_string());
    let text = wanted.q.trim().to_lowercase();
    let mut skus = plane.desk.unknown();
    skus.retain(|sku| {
        [&sku.sku, &sku.name, &sku.vendor].into_iter().any(|t| t.to_lowercase().contains(&text))
    });
    let all = skus.len();
    let skus: Vec<_> = skus.into_iter().skip(wanted.from).take(LIMIT).map(Sku::from).collect();
    let to = wanted.from.saturating_add(skus.len());
    let at = |from: usize| {
        let from = if from == 0 { String::new() } else { from.to_string() };
        address(PATH, [("q", &*wanted.q), ("from", &from)])
    };
    let shown = match skus.is_empty() {
        true => String::new(),
        false => format!("{} to {to} of {all}, last seen first", wanted.from.saturating_add(1)),
    };
    let list = List {
        choices: choices(&plane, None),
        edits: source.is_none() && may_edit(&caller.actor, Table::Catalogue),
        next: if to < all { at(to) } else { String::new() },
        previous: match wanted.from {
            0 => String::new(),
            from => at(from.saturating_sub(LIMIT)),
        },
        shell: shell(&plane, &caller, "Unknown SKUs"),
        shown,
        skus,
        source,
        tabs: Tabs::of(&plane, &caller, "Unknown SKUs"),
        wanted,
    };
    page(StatusCode::OK, &list)
}

impl From<UnknownSku> for Sku {
    fn from(sku: UnknownSku) -> Self {
        let query = [("sku", &*sku.sku), ("name", &sku.name), ("vendor", &sku.vendor)];
        Self { add: address("/registry/add/product", query), sku }
    }
}

/// One is a row at once; of several a change is made, that a second person approves.
async fn classify(plane: web::Data<AdminPlane>, caller: Caller, form: Fields) -> HttpResponse {
    let done = async {
        let group = cell_of(needed(&form, "group")?);
        let skus = all(&form, "sku")
            .map(|sku| Classified { group: group.to_owned(), sku: sku.to_owned() });
        let skus: Vec<_> = skus.collect();
        if skus.is_empty() {
            return Err(Problem::invalid("tick the SKUs that are this"));
        }
        Ok(plane.desk.classify(&caller.actor, one(&form, "reason"), skus).await?)
    };
    told(done.await.map(|import| match import {
        Some(import) => go(&format!("/registry/imports/{}", import.id)),
        None => go(PATH),
    }))
}
