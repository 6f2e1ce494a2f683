//! `/decisions`: search in the records, and one record in plain words with its proof.

use std::fmt::Write as _;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::web;
use askama::Template;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Map;
use serde_json::Value;

use crate::admin::access::AUDITORS;
use crate::admin::access::Caller;
use crate::admin::access::RECORD_READERS;
use crate::admin::access::RECORD_ROLES;
use crate::admin::access::VIEWERS;
use crate::admin::api::Problem;
use crate::admin::evidence;
use crate::admin::evidence::Explained;
use crate::admin::mount::Mount;
use crate::admin::server::AdminPlane;
use crate::evidence::Kind;
use crate::evidence::Moment;
use crate::ledger::Query;
use crate::model::DecisionId;
use crate::model::Role;
use crate::model::Verdict;

use super::Nav;
use super::Shell;
use super::filters;
use super::page;

/// Rows of a page.
const ROWS: usize = 50;

pub(super) fn routes(mount: &mut Mount<'_>) {
    mount.get("/decisions", AUDITORS, list).get("/decisions/{id}", VIEWERS, show).get(
        "/decisions/{id}/proof",
        RECORD_READERS,
        proof,
    );
}

/// What is looked for, as the form sends it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Criteria {
    account: String,
    before: String,
    country: String,
    from: String,
    id: String,
    kind: String,
    nexus: String,
    product: String,
    rule: String,
    to: String,
    verdict: String,
}

#[derive(Template)]
#[template(path = "decisions.html")]
struct List {
    criteria: Criteria,
    /// What cannot be read: field, what to do.
    errors: Vec<(&'static str, String)>,
    /// Where the same records are given as a table.
    export: String,
    /// How far the index is, where it does not cover all.
    index: Option<(u64, u64)>,
    next: String,
    rows: Vec<Row>,
    /// The first page, where this is another.
    newest: String,
    shell: Shell,
}

/// A record in a list.
struct Row {
    account: String,
    action: String,
    at: Option<Timestamp>,
    country: String,
    id: String,
    kind: String,
    rule: String,
    verdict: Option<Verdict>,
    what: String,
}

#[derive(Template)]
#[template(path = "decision.html")]
struct One {
    at: Option<Timestamp>,
    /// The person may search, and so is led back to the list.
    lists: bool,
    /// The person may see the proof.
    proves: bool,
    raw: String,
    shell: Shell,
    told: Explained,
}

impl Criteria {
    /// Every criterion but where the page begins.
    const fn all(&self) -> [(&'static str, &String); 10] {
        [
            ("account", &self.account),
            ("country", &self.country),
            ("from", &self.from),
            ("id", &self.id),
            ("kind", &self.kind),
            ("nexus", &self.nexus),
            ("product", &self.product),
            ("rule", &self.rule),
            ("to", &self.to),
            ("verdict", &self.verdict),
        ]
    }

    fn trimmed(mut self) -> Self {
        for text in [
            &mut self.account,
            &mut self.before,
            &mut self.country,
            &mut self.from,
            &mut self.id,
            &mut self.kind,
            &mut self.nexus,
            &mut self.product,
            &mut self.rule,
            &mut self.to,
            &mut self.verdict,
        ] {
            *text = text.trim().to_owned();
        }
        self
    }

    /// The same as a query, such as `?kind=decision&`, to which more may be added.
    fn query(&self) -> String {
        let mut query = String::from("?");
        for (name, value) in self.all().into_iter().filter(|(_, value)| !value.is_empty()) {
            let value =
                percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC);
            write!(query, "{name}={value}&").ok();
        }
        query
    }

    fn is_empty(&self) -> bool {
        self.all().iter().all(|(_, value)| value.is_empty())
    }

    /// What is searched for; what cannot be read is told in `errors`.
    fn search(&self, errors: &mut Vec<(&'static str, String)>) -> Query {
        let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let mut moment = |name: &'static str, text: &String| {
            let moment = given(text).map(|text| text.parse::<Moment>()).transpose();
            match moment {
                Ok(moment) => moment.map(|moment| moment.0),
                Err(error) => {
                    errors.push((name, error.to_string()));
                    None
                }
            }
        };
        let (from, to) = (moment("from", &self.from), moment("to", &self.to));
        if from.zip(to).is_some_and(|(from, to)| from >= to) {
            errors.push(("to", "the first day that is left out, so it comes after `from`".into()));
        }
        if given(&self.id).is_some_and(|id| DecisionId::parse(&id).is_none()) {
            errors.push(("id", "the reference of a decision has 32 digits and four dashes".into()));
        }
        // Without a word about it, what was decided is meant, and not who looked.
        let kind = if self.is_empty() { Some("decision".to_owned()) } else { given(&self.kind) };
        Query {
            account: given(&self.account),
            before: self.before.parse().ok(),
            country: given(&self.country),
            from,
            id: given(&self.id),
            kind,
            limit: ROWS,
            nexus: given(&self.nexus),
            product: given(&self.product),
            rule: given(&self.rule),
            to,
            verdict: given(&self.verdict),
        }
    }

    /// What is wrong with a field.
    fn error<'a>(&self, errors: &'a [(&'static str, String)], name: &str) -> &'a str {
        errors.iter().find(|(field, _)| *field == name).map_or("", |(_, error)| error)
    }
}

async fn list(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    criteria: web::Query<Criteria>,
) -> Result<HttpResponse, Problem> {
    let criteria = criteria.into_inner().trimmed();
    let mut errors = Vec::new();
    let query = criteria.search(&mut errors);
    let (mut rows, mut next, mut index) = (Vec::new(), String::new(), None);
    if errors.is_empty() {
        let found = evidence::search(&plane, &caller, query).await?;
        rows = found.records.iter().map(Row::of).collect();
        if let Some(before) = found.next {
            next = format!("/decisions{}before={before}", criteria.query());
        }
        let status = found.index;
        index = (status.state.as_str() != "ready").then_some((status.indexed, status.records));
    }
    let newest = match criteria.before.is_empty() {
        true => String::new(),
        false => format!("/decisions{}", criteria.query()),
    };
    let export = format!("/admin/v1/exports{}format=csv", criteria.query());
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    let shell = plane.shell(&caller, "Decisions", Some(Nav::Decisions));
    Ok(page(status, &List { criteria, errors, export, index, next, rows, newest, shell }))
}

async fn show(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let opened = evidence::open(&plane, &caller, &id).await?;
    let outcome = evidence::outcome(&plane, &opened).await?;
    let told = evidence::explain(&opened, outcome.as_ref());
    let raw = serde_json::to_string_pretty(&opened.view).unwrap_or_default();
    let (lists, proves) = (caller.has(Role::Auditor), caller.actor.roles.intersects(RECORD_ROLES));
    let shell = plane.shell(&caller, &told.title, Some(Nav::Decisions));
    let at = told.recorded.parse().ok();
    Ok(page(StatusCode::OK, &One { at, lists, proves, raw, shell, told }))
}

/// The proof as a file, which `interdict ledger verify --proof` takes.
async fn proof(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let opened = evidence::open(&plane, &caller, &id).await?;
    let proof = evidence::prove(&plane, opened.id, true).await?;
    let text = proof.get("proof").and_then(Value::as_str).unwrap_or_default().to_owned();
    let name = format!("attachment; filename=\"{}.tlog-proof\"", opened.id);
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::CONTENT_DISPOSITION, name))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .content_type("text/plain; charset=utf-8")
        .body(text))
}

impl Row {
    fn of(view: &Map<String, Value>) -> Self {
        let text = |path: &str| {
            let found = path.split('.').try_fold(None::<&Value>, |at, name| {
                let next = match at {
                    None => view.get(name),
                    Some(value) => match name.parse::<usize>() {
                        Ok(place) => value.get(place),
                        Err(_) => value.get(name),
                    },
                };
                next.map(Some)
            });
            found.flatten().and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let first = |paths: &[&str]| {
            let mut found = paths.iter().map(|path| text(path)).filter(|text| !text.is_empty());
            found.next().unwrap_or_default()
        };
        let verdict = text("decision.verdict");
        Self {
            account: text("evidence.account"),
            action: text("action").replace('_', " "),
            at: text("time").parse().ok(),
            country: text("country"),
            id: text("id"),
            kind: text("kind").replace('_', " "),
            rule: first(&["decision.rule", "reason"]),
            verdict: Verdict::ALL.into_iter().find(|known| known.as_str() == verdict),
            what: first(&[
                "items.0.name",
                "items.0.sku",
                "decision.items.0.product",
                "decision.request.product",
                "request.path",
                "actor.id",
            ]),
        }
    }
}
