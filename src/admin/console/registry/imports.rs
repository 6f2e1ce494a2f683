//! `/registry/imports`: what was uploaded and proposed, and the way in for another file.

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web;
use askama::Template;
use jiff::Timestamp;
use serde::Deserialize;

use crate::admin::access::Caller;
use crate::admin::access::REGISTRY_KEEPERS;
use crate::admin::api::Problem;
use crate::admin::mount::Mount;
use crate::admin::server::AdminPlane;
use crate::control::registry::Counts;
use crate::control::registry::ImportView;
use crate::control::registry::Origin;
use crate::control::registry::Stage;
use crate::control::registry::may_approve;
use crate::control::registry::may_edit;
use crate::registry::Table;

use super::super::Shell;
use super::super::filters;
use super::super::page;
use super::Tabs;
use super::address;
use super::choices::name_of;
use super::fields::label;
use super::person;
use super::shell;
use super::shown;

const PATH: &str = "/registry/imports";
/// Imports of a page.
const LIMIT: usize = 50;

pub(super) fn routes(mount: &mut Mount<'_>) {
    mount.get(PATH, REGISTRY_KEEPERS, list);
}

#[derive(Template)]
#[template(path = "registry/imports.html")]
pub(crate) struct List {
    pub(super) entries: Vec<Entry>,
    pub(super) next: String,
    pub(super) shell: Shell,
    pub(super) sources: Vec<(String, String)>,
    pub(super) tables: Vec<Table>,
    pub(super) tabs: Tabs,
}

/// Which page.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Wanted {
    /// The last one of the page before.
    after: String,
}

/// An import in the list.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(super) approved_by: String,
    pub(super) at: Timestamp,
    pub(super) by: String,
    pub(super) counts: Option<Counts>,
    pub(super) href: String,
    pub(super) stage: Stage,
    pub(super) table: Table,
    pub(super) what: String,
}

impl Entry {
    pub(super) fn of(view: &ImportView) -> Self {
        let counts = view.pending.as_ref().map(|pending| pending.proposal.counts);
        let counts = counts.or_else(|| {
            view.preview.as_ref().map(|p| Counts {
                added: p.added,
                changed: p.changed,
                removed: p.removed,
                rows: p.rows,
            })
        });
        let approved = view.pending.as_ref().and_then(|pending| pending.approved_by.as_deref());
        Self {
            approved_by: person(approved.unwrap_or_default()).to_owned(),
            at: view.at,
            by: person(&view.by).to_owned(),
            counts: counts.filter(|_| view.stage != Stage::Bad),
            href: format!("{PATH}/{}", view.id),
            stage: view.stage,
            table: view.table,
            what: what(view),
        }
    }

    pub(super) const fn badge(&self) -> Badge {
        badge(self.stage)
    }

    /// What `at` is of: the files of those that are over are gone, and when they were begun.
    pub(super) const fn when(&self) -> &'static str {
        match self.stage {
            Stage::Applied => "In force since",
            Stage::Failed | Stage::Withdrawn => "Ended",
            _ => "Begun",
        }
    }

    pub(super) const fn table_name(&self) -> &'static str {
        table_name(self.table)
    }
}

/// How far an import is, as class, symbol and word.
#[derive(Debug)]
pub(super) struct Badge {
    pub(super) class: &'static str,
    pub(super) icon: &'static str,
    pub(super) word: &'static str,
}

pub(super) const fn badge(stage: Stage) -> Badge {
    let (class, icon, word) = match stage {
        Stage::Applied => ("good", "allow", "In force"),
        Stage::ApplyingRead | Stage::ApplyingWrite => ("info", "refresh", "Being applied"),
        Stage::Bad => ("bad", "block", "Has bad rows"),
        Stage::Failed => ("bad", "block", "Failed"),
        Stage::Previewing => ("info", "refresh", "Being read"),
        Stage::Proposed => ("warn", "review", "Waits for a second person"),
        Stage::Ready => ("info", "info", "Ready to propose"),
        Stage::Withdrawn => ("plain", "close", "Withdrawn"),
    };
    Badge { class, icon, word }
}

pub(super) const fn table_name(table: Table) -> &'static str {
    match table {
        Table::Catalogue => "Catalogue",
        Table::Customers => "Customers",
    }
}

/// For a template, which has references.
const fn called(table: &Table) -> &'static str {
    table_name(*table)
}

/// What it is, in words.
pub(super) fn what(view: &ImportView) -> String {
    let bulk = match &view.origin {
        Origin::Upload => {
            let Some(pending) = view.pending.as_ref().filter(|_| view.bytes == 0) else {
                return format!("Upload of {}", size(view.bytes));
            };
            // Its file is gone; the record says what it was.
            return super::sentence(&pending.proposal.what).trim_end_matches('.').to_owned();
        }
        Origin::Bulk { bulk } => bulk,
    };
    if !bulk.add.is_empty() {
        return format!("{} classified SKUs", bulk.add.len());
    }
    let terms = bulk.filter.terms.iter().map(|term| {
        let column = term.column.as_deref().map_or("any column", label);
        let text = if term.column.as_deref() == Some("group") {
            name_of(&term.text)
        } else {
            term.text.clone()
        };
        format!("{column}: {text}")
    });
    let terms: Vec<_> = terms.collect();
    let terms = terms.join(", ");
    if bulk.remove {
        return format!("Rows taken out ({terms})");
    }
    let set = bulk.set.iter().map(|(column, text)| {
        let text = if column == "group" { name_of(text) } else { text.clone() };
        format!("{} set to “{text}”", label(column))
    });
    let set: Vec<_> = set.collect();
    format!("{} ({terms})", set.join(", "))
}

/// Bytes, as people say them.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    for (unit, name) in UNITS {
        if let (Some(whole), Some(rest)) = (bytes.checked_div(unit), bytes.checked_rem(unit))
            && whole > 0
        {
            let tenth = rest.saturating_mul(10).checked_div(unit).unwrap_or(0);
            return format!("{whole}.{tenth} {name}");
        }
    }
    format!("{bytes} bytes")
}

/// Whether the person may see what is in it: that of customers is of persons.
pub(super) fn sees(caller: &Caller, view: &ImportView) -> bool {
    may_edit(&caller.actor, view.table) || may_approve(&caller.actor, view.table)
}

async fn list(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    request: HttpRequest,
    wanted: web::Query<Wanted>,
) -> HttpResponse {
    let answer = listed(&plane, &caller, &wanted.after);
    shown(&plane, &request, answer)
}

fn listed(plane: &AdminPlane, caller: &Caller, after: &str) -> Result<HttpResponse, Problem> {
    let mut all = plane.desk.imports()?;
    all.retain(|view| sees(caller, view) && (after.is_empty() || *view.id < *after));
    let more = all.len() > LIMIT;
    all.truncate(LIMIT);
    let last = all.last().filter(|_| more).map(|view| address(PATH, [("after", &*view.id)]));
    let editable = Table::ALL.into_iter().filter(|table| may_edit(&caller.actor, *table));
    let (mut tables, mut sources) = (Vec::new(), Vec::new());
    for table in editable {
        match plane.desk.source(table) {
            None => tables.push(table),
            Some(file) => sources.push((table_name(table).to_owned(), file.display().to_string())),
        }
    }
    let list = List {
        entries: all.iter().map(Entry::of).collect(),
        next: last.unwrap_or_default(),
        shell: shell(plane, caller, "Imports"),
        sources,
        tables,
        tabs: Tabs::of(plane, caller, "Imports"),
    };
    Ok(page(StatusCode::OK, &list))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_as_people_say_them() {
        assert_eq!(size(0), "0 bytes");
        assert_eq!(size(1_536), "1.5 KiB");
        assert_eq!(size(512 << 20), "512.0 MiB");
    }
}
