//! `/ledger`: how the record goes, and its verification; `/access`: who looked, and who changed what.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web;
use askama::Template;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Map;
use serde_json::Value;

use crate::admin::access::AUDITORS;
use crate::admin::access::Caller;
use crate::admin::access::VIEWERS;
use crate::admin::api::Paging;
use crate::admin::api::Problem;
use crate::admin::api::begin_verification;
use crate::admin::api::cursor;
use crate::admin::api::place;
use crate::admin::evidence;
use crate::admin::evidence::Checked;
use crate::admin::evidence::LedgerState;
use crate::admin::mount::Mount;
use crate::admin::server::AdminPlane;
use crate::model::Role;

use super::Nav;
use super::Shell;
use super::filters;
use super::page;

/// Rows of a page.
const ROWS: u16 = 50;
/// Bytes of a GiB.
const GIB: f64 = 1_073_741_824.0;

pub(super) fn routes(mount: &mut Mount<'_>) {
    mount
        .get("/ledger", VIEWERS, show)
        .get("/ledger/verification", VIEWERS, verification)
        .post("/ledger/verification", AUDITORS, verify)
        .get("/access", AUDITORS, access);
}

#[derive(Template)]
#[template(path = "ledger.html")]
struct LedgerPage {
    audits: bool,
    checked: Checked,
    ledger: LedgerState,
    shell: Shell,
}

/// The part of the page that tells of the verification.
#[derive(Template)]
#[template(path = "verification.html")]
struct VerificationPart {
    audits: bool,
    checked: Checked,
}

#[derive(Template)]
#[template(path = "access.html")]
struct AccessPage {
    changes: bool,
    newest: String,
    next: String,
    rows: Vec<Seen>,
    shell: Shell,
}

/// Something that somebody did.
struct Seen {
    action: String,
    at: Option<Timestamp>,
    id: String,
    refused: bool,
    via: String,
    what: Vec<(String, String)>,
    who: String,
    why: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wanted {
    cursor: Option<String>,
    show: String,
}

impl LedgerPage {
    /// Bytes as people read them.
    fn gib(bytes: &u64) -> String {
        let bytes = f64::from(u32::try_from(bytes >> 20).unwrap_or(u32::MAX)) * 1_048_576.0;
        format!("{:.1} GiB", bytes / GIB)
    }

    fn is_well(&self) -> bool {
        let LedgerState { failed, publish_failed, seal_failed, in_reserve, .. } = &self.ledger;
        failed.is_none() && publish_failed.is_none() && seal_failed.is_none() && !in_reserve
    }
}

async fn show(plane: web::Data<AdminPlane>, caller: Caller) -> Result<HttpResponse, Problem> {
    let ledger = evidence::ledger(&plane).await?;
    let checked = plane.evidence.verification.now();
    let shell = plane.shell(&caller, "Ledger", Some(Nav::Ledger));
    let audits = caller.has(Role::Auditor);
    Ok(page(StatusCode::OK, &LedgerPage { audits, checked, ledger, shell }))
}

async fn verification(plane: web::Data<AdminPlane>, caller: Caller) -> HttpResponse {
    let (audits, checked) = (caller.has(Role::Auditor), plane.evidence.verification.now());
    page(StatusCode::OK, &VerificationPart { audits, checked })
}

async fn verify(plane: web::Data<AdminPlane>, caller: Caller) -> Result<HttpResponse, Problem> {
    begin_verification(&plane, &caller).await?;
    Ok(verification(plane, caller).await)
}

async fn access(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    wanted: web::Query<Wanted>,
) -> Result<HttpResponse, Problem> {
    let Wanted { cursor: from, show } = wanted.into_inner();
    let paging = Paging { cursor: from, limit: Some(ROWS) };
    let (before, limit) = place(&paging)?;
    let changes = show == "changes";
    let (kind, show) = if changes { ("change", "changes") } else { ("access", "access") };
    let listed = evidence::kinds(&plane, kind, before, limit, true).await?;
    let next = listed.next.map(|next| {
        let cursor = cursor(&next.to_string());
        format!("/access?show={show}&cursor={cursor}")
    });
    let newest = before.map(|_| format!("/access?show={show}"));
    let rows = listed.records.iter().map(Seen::of).collect();
    let shell = plane.shell(&caller, "Access log", Some(Nav::Ledger));
    let (newest, next) = (newest.unwrap_or_default(), next.unwrap_or_default());
    Ok(page(StatusCode::OK, &AccessPage { changes, newest, next, rows, shell }))
}

impl Seen {
    fn of(view: &Map<String, Value>) -> Self {
        let text = |name: &str| view.get(name).and_then(Value::as_str).unwrap_or_default();
        let actor = |name: &str| {
            let member = view.get("actor").and_then(|actor| actor.get(name));
            member.and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let detail = view.get("detail").or_else(|| view.get("change"));
        let members = detail.and_then(Value::as_object).into_iter().flatten();
        let what = members.map(|(name, value)| {
            let value = match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            (name.replace('_', " "), shortened(value))
        });
        Self {
            action: did(text("action")),
            at: text("time").parse().ok(),
            id: text("id").to_owned(),
            refused: text("outcome") == "refused",
            via: actor("via"),
            what: what.collect(),
            who: actor("id"),
            why: text("reason").to_owned(),
        }
    }
}

/// What was done, in words.
fn did(action: &str) -> String {
    let known = match action {
        "export" => "took an export",
        "record" => "opened a record",
        "report" => "took a report",
        "search" => "searched",
        "sign_in" => "signed in",
        "sign_out" => "signed out",
        "verify" => "verified the ledger",
        other => return other.replace(['_', '.'], " "),
    };
    known.to_owned()
}

/// The whole is on the record's own page.
fn shortened(text: String) -> String {
    const MOST: usize = 160;
    if text.chars().count() <= MOST {
        return text;
    }
    let begin: String = text.chars().take(MOST).collect();
    format!("{begin}…")
}
