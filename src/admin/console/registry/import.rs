//! `/registry/imports/{id}`: what an import would change, and how it comes into force.

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web;
use askama::Template;
use serde::Deserialize;
use serde_json::json;

use crate::admin::access::CATALOGUE_APPROVERS;
use crate::admin::access::CATALOGUE_EDITORS;
use crate::admin::access::Caller;
use crate::admin::access::REGISTRY_KEEPERS;
use crate::admin::api::Problem;
use crate::admin::mount::Mount;
use crate::admin::server::AdminPlane;
use crate::control::registry::Counts;
use crate::control::registry::ImportView;
use crate::control::registry::Stage;
use crate::control::registry::may_approve;
use crate::control::registry::may_edit;
use crate::registry::Difference;
use crate::registry::Kind;
use crate::registry::RowFault;
use crate::registry::Table;

use super::super::Shell;
use super::super::fields::Fields;
use super::super::fields::go;
use super::super::fields::needed;
use super::super::fields::one;
use super::super::filters;
use super::super::page;
use super::Tabs;
use super::accessed;
use super::choices::name_of;
use super::fields::label;
use super::imports::Entry;
use super::imports::sees;
use super::many;
use super::person;
use super::sentence;
use super::shell;
use super::shown;
use super::told;

/// Differences and faults of a page that nobody asked more of.
const FIRST: usize = 100;

pub(super) fn routes(mount: &mut Mount<'_>) {
    mount
        .get("/registry/imports/{id}", REGISTRY_KEEPERS, show)
        .post("/registry/imports/{id}/propose", CATALOGUE_EDITORS, propose)
        .post("/registry/imports/{id}/approve", CATALOGUE_APPROVERS, approve)
        .post("/registry/imports/{id}/withdraw", REGISTRY_KEEPERS, withdraw);
}

#[derive(Template)]
#[template(path = "registry/import.html")]
pub(crate) struct One {
    pub(super) approves: bool,
    pub(super) differences: Vec<Changed>,
    pub(super) edits: bool,
    pub(super) entry: Entry,
    pub(super) failure: Option<String>,
    pub(super) fault_count: u64,
    pub(super) faults: Vec<RowFault>,
    pub(super) id: String,
    /// Differences there are, whether shown or not.
    pub(super) kept: u64,
    /// The person has prepared or proposed it.
    pub(super) own: bool,
    /// How much is done, of a hundred.
    pub(super) percent: Option<u64>,
    pub(super) proposal: Option<Proposed>,
    pub(super) shell: Shell,
    pub(super) stale: bool,
    pub(super) tabs: Tabs,
    pub(super) unchanged: u64,
    pub(super) warnings: Vec<String>,
}

/// Who proposed it, and why.
#[derive(Debug)]
pub(crate) struct Proposed {
    pub(super) by: String,
    pub(super) reason: String,
    pub(super) sha256: String,
}

/// How much of it is wanted.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Wanted {
    more: String,
}

/// A row before and after.
#[derive(Debug)]
pub(crate) struct Changed {
    pub(super) cells: Vec<Cell>,
    pub(super) id: String,
    pub(super) kind: Kind,
}

/// A text before and after.
#[derive(Debug)]
pub(crate) struct Cell {
    pub(super) differs: bool,
    pub(super) label: &'static str,
    pub(super) new: Option<String>,
    pub(super) old: Option<String>,
}

impl One {
    const fn is_under_way(&self) -> bool {
        matches!(self.entry.stage, Stage::ApplyingRead | Stage::ApplyingWrite | Stage::Previewing)
    }

    /// It may be withdrawn or turned down.
    const fn may_end(&self) -> bool {
        match self.entry.stage {
            Stage::Bad | Stage::Previewing | Stage::Proposed | Stage::Ready => true,
            Stage::Failed => self.proposal.is_none(),
            _ => false,
        }
    }

    /// How far it is, from 0: read, previewed, proposed, approved, in force.
    const fn step(&self) -> u8 {
        match self.entry.stage {
            Stage::Previewing => 0,
            Stage::Bad | Stage::Ready => 1,
            Stage::Failed | Stage::Proposed | Stage::Withdrawn => 2,
            Stage::ApplyingRead | Stage::ApplyingWrite => 3,
            Stage::Applied => 5,
        }
    }

    /// The numbers of what is proposed, each with what it counts.
    fn numbers(&self) -> Vec<(&'static str, u64, &'static str)> {
        let Some(counts) = self.entry.counts else { return Vec::new() };
        vec![
            ("added", counts.added, "Rows added"),
            ("changed", counts.changed, "Rows changed"),
            ("removed", counts.removed, "Rows removed"),
            ("rows", counts.rows, "Rows in the table afterwards"),
        ]
    }
}

impl Changed {
    pub(super) fn of(difference: &Difference, table: Table) -> Self {
        let text = |cells: &Option<crate::registry::Cells>, column: &str| {
            let text = cells.as_ref().map(|cells| cells.get(column).map_or("", String::as_str));
            text.map(|text| if column == "group" { name_of(text) } else { text.to_owned() })
        };
        let whole = difference.kind != Kind::Changed;
        let cells = table.columns().iter().filter_map(|column| {
            let (old, new) = (text(&difference.old, column), text(&difference.new, column));
            let differs = difference.columns.iter().any(|differs| differs == column);
            let says = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
            let tells = (whole && (says(&old) || says(&new))) || differs || *column == "name";
            let id = ["sku", "account"].contains(column);
            let shown = tells && !id && (differs || says(&old) || says(&new));
            shown.then(|| Cell { differs: differs && !whole, label: label(column), new, old })
        });
        Self { cells: cells.collect(), id: difference.id.clone(), kind: difference.kind }
    }

    const fn badge(&self) -> (&'static str, &'static str, &'static str) {
        match self.kind {
            Kind::Added => ("good", "add", "Added"),
            Kind::Changed => ("info", "edit", "Changed"),
            Kind::Removed => ("bad", "close", "Removed"),
        }
    }
}

async fn show(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    request: HttpRequest,
    id: web::Path<String>,
    wanted: web::Query<Wanted>,
) -> HttpResponse {
    let answer = looked_at(&plane, &caller, &id, &wanted).await;
    shown(&plane, &request, answer)
}

async fn looked_at(
    plane: &AdminPlane,
    caller: &Caller,
    id: &str,
    wanted: &Wanted,
) -> Result<HttpResponse, Problem> {
    let mut view = find(plane, caller, id)?;
    let entry = Entry::of(&view);
    if matches!(view.stage, Stage::ApplyingRead | Stage::ApplyingWrite) {
        // Whoever waits asks again and again, and knows the differences.
        view.preview = None;
    }
    if view.table == Table::Customers && view.preview.is_some() {
        accessed(plane, caller, "import_of_customers", json!({ "import": view.id })).await?;
    }
    let (table, actor) = (view.table, &caller.actor);
    let pending = view.pending.as_ref();
    let own = view.by == actor.id
        || pending.is_some_and(|p| p.proposed_by == actor.id || p.proposal.prepared_by == actor.id);
    let percent = view.done.map(|done| {
        let percent = done.saturating_mul(100).checked_div(view.bytes).unwrap_or(0);
        percent.min(100)
    });
    let preview = view.preview.unwrap_or_default();
    let first = if wanted.more.is_empty() { FIRST } else { usize::MAX };
    let gone = preview.added.saturating_add(preview.changed);
    let one = One {
        approves: may_approve(actor, table),
        differences: preview
            .differences
            .iter()
            .take(first)
            .map(|d| Changed::of(d, table))
            .collect(),
        edits: may_edit(actor, table),
        failure: view.failure,
        fault_count: preview.fault_count,
        faults: preview.faults.into_iter().take(first).collect(),
        id: view.id,
        kept: many(preview.differences.len()),
        own,
        percent,
        proposal: pending.map(|pending| Proposed {
            by: person(&pending.proposed_by).to_owned(),
            reason: pending.reason.clone(),
            sha256: pending.proposal.sha256.clone(),
        }),
        shell: shell(plane, caller, &format!("{}: {}", entry.table_name(), entry.what)),
        stale: view.stale,
        tabs: Tabs::of(plane, caller, "Imports"),
        unchanged: entry.counts.map_or(preview.rows, |counts| counts.rows).saturating_sub(
            entry.counts.map_or(gone, |counts| counts.added.saturating_add(counts.changed)),
        ),
        warnings: preview.warnings,
        entry,
    };
    Ok(page(StatusCode::OK, &one))
}

async fn propose(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    id: web::Path<String>,
    form: Fields,
) -> HttpResponse {
    let done = async {
        find(&plane, &caller, &id)?;
        let reason = needed(&form, "reason")?;
        Ok(plane.desk.propose(&caller.actor, reason, &id).await?)
    };
    told(done.await.map(|view| go(&format!("/registry/imports/{}", view.id))))
}

async fn approve(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    id: web::Path<String>,
    form: Fields,
) -> HttpResponse {
    let done = async {
        find(&plane, &caller, &id)?;
        let counts = Counts {
            added: ticked(&form, "added")?,
            changed: ticked(&form, "changed")?,
            removed: ticked(&form, "removed")?,
            rows: ticked(&form, "rows")?,
        };
        Ok(plane.desk.approve(&caller.actor, one(&form, "reason"), &id, counts).await?)
    };
    told(done.await.map(|view| go(&format!("/registry/imports/{}", view.id))))
}

async fn withdraw(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    id: web::Path<String>,
    form: Fields,
) -> HttpResponse {
    let done = async {
        find(&plane, &caller, &id)?;
        Ok(plane.desk.withdraw(&caller.actor, one(&form, "reason"), &id).await?)
    };
    told(done.await.map(|()| go("/registry/imports")))
}

/// A number that was ticked.
fn ticked(form: &Fields, name: &'static str) -> Result<u64, Problem> {
    let wrong = || Problem::invalid(format!("{name}: tick the number once you have compared it"));
    one(form, name).parse().map_err(|_| wrong().at(name, "tick the number"))
}

fn find(plane: &AdminPlane, caller: &Caller, id: &str) -> Result<ImportView, Problem> {
    let view = plane.desk.import(id)?;
    match sees(caller, &view) {
        true => Ok(view),
        false => Err(Problem::not_found(format!("import `{id}`"))),
    }
}
