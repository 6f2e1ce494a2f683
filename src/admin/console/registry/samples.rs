//! Every page of the registry with one text wherever data can be, for the tests of all pages.

use crate::control::registry::Counts;
use crate::control::registry::Stage;
use crate::model::Verdict;
use crate::registry::Difference;
use crate::registry::Kind;
use crate::registry::RowFault;
use crate::registry::Table;
use crate::registry::UnknownSku;

use super::super::Shell;
use super::super::page;
use super::Tabs;
use super::address;
use super::catalogue;
use super::choices::Choice;
use super::customers;
use super::import;
use super::imports;
use super::rows::Wanted;
use super::unknown;
use super::what_if::Answer;
use super::what_if::WhatIf;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;

fn tabs(current: &'static str) -> Tabs {
    Tabs { current, customers: true, imports: true, pending: 2, unknown: 1_204 }
}

fn choices(text: &str) -> Vec<Choice> {
    vec![Choice { chosen: true, name: text.to_owned(), value: text.to_owned() }]
}

fn wanted(text: &str) -> Wanted {
    let own = || text.to_owned();
    Wanted { cursor: own(), group: own(), how: own(), column: own(), q: own(), all: own() }
}

fn catalogue(text: &str, shell: &Shell, source: Option<String>) -> HttpResponse {
    let own = || text.to_owned();
    let product = catalogue::Product {
        group: own(),
        group_id: own(),
        href: address("/registry/catalogue", [("q", text)]),
        name: own(),
        sku: own(),
        vendor: own(),
    };
    let next = wanted(text).at("/registry/catalogue", text);
    let list = catalogue::List {
        choices: choices(text),
        edits: true,
        found: catalogue::Rows { next, partial: true, rows: vec![product] },
        rows_in_force: 12_480,
        shell: shell.clone(),
        source,
        tabs: tabs("Catalogue"),
        wanted: wanted(text),
    };
    page(StatusCode::OK, &list)
}

fn product(text: &str, shell: &Shell, edits: bool) -> HttpResponse {
    let own = || text.to_owned();
    let answer = Answer {
        buyer: "United States",
        message: Some(own()),
        rule: Some(own()),
        verdict: Verdict::Block,
        why: own(),
    };
    let cells = Table::Catalogue.columns().iter().map(|column| ((*column).to_owned(), own()));
    let one = catalogue::One {
        cells: cells.collect(),
        choices: choices(text),
        edits,
        etag: Some(own()),
        href: "/registry/catalogue/x".to_owned(),
        shell: shell.clone(),
        tabs: tabs("Catalogue"),
        what_if: WhatIf { answers: vec![answer], fault: None },
    };
    page(StatusCode::OK, &one)
}

fn customer(text: &str, shell: &Shell, edits: bool) -> HttpResponse {
    let cells = Table::Customers.columns().iter();
    let one = customers::One {
        cells: cells.map(|column| ((*column).to_owned(), text.to_owned())).collect(),
        edits,
        etag: Some(text.to_owned()),
        href: "/registry/customers/x".to_owned(),
        name: text.to_owned(),
        shell: shell.clone(),
        tabs: tabs("Customers"),
    };
    page(StatusCode::OK, &one)
}

fn found(text: &str) -> HttpResponse {
    let own = || text.to_owned();
    let person = customers::Customer {
        account: own(),
        billing: own(),
        email: own(),
        href: "/registry/customers/x".to_owned(),
        key: own(),
        organization: own(),
        us_person: own(),
    };
    let found = customers::Found {
        next: Some(own()),
        partial: false,
        people: vec![person],
        wanted: wanted(text),
    };
    page(StatusCode::OK, &found)
}

fn entry(text: &str, stage: Stage) -> imports::Entry {
    imports::Entry {
        approved_by: text.to_owned(),
        at: "2026-11-25T00:00:00Z".parse().unwrap(),
        by: text.to_owned(),
        counts: Some(Counts { added: 3, changed: 2, removed: 1, rows: 12_480 }),
        href: "/registry/imports/x".to_owned(),
        stage,
        table: Table::Catalogue,
        what: text.to_owned(),
    }
}

fn import(text: &str, shell: &Shell, stage: Stage, own: bool) -> HttpResponse {
    let cells = |text: &str| {
        Some([("name".to_owned(), text.to_owned()), ("group".to_owned(), text.to_owned())].into())
    };
    let difference = |kind, old, new| Difference {
        columns: vec!["group".to_owned()],
        id: text.to_owned(),
        kind,
        new,
        old,
    };
    let differences = [
        difference(Kind::Added, None, cells(text)),
        difference(Kind::Changed, cells(""), cells(text)),
        difference(Kind::Removed, cells(text), None),
    ];
    let fault = RowFault { column: Some(text.to_owned()), line: 12, message: text.to_owned() };
    let one = import::One {
        approves: true,
        differences: differences.iter().map(|d| import::Changed::of(d, Table::Catalogue)).collect(),
        edits: true,
        entry: entry(text, stage),
        failure: Some(text.to_owned()),
        fault_count: 2,
        faults: vec![fault],
        id: "x".to_owned(),
        kept: 1_000,
        own,
        percent: Some(40),
        proposal: Some(import::Proposed {
            by: text.to_owned(),
            reason: text.to_owned(),
            sha256: text.to_owned(),
        }),
        shell: shell.clone(),
        stale: stage == Stage::Withdrawn,
        tabs: tabs("Imports"),
        unchanged: 12_474,
        warnings: vec![text.to_owned()],
    };
    page(StatusCode::OK, &one)
}

fn unknown(text: &str, shell: &Shell) -> HttpResponse {
    let own = || text.to_owned();
    let at = "2026-11-25T00:00:00Z".parse().unwrap();
    let sku = UnknownSku {
        count: 214,
        first_seen: at,
        id: own(),
        last_seen: at,
        matched_by: crate::registry::Matched::Name,
        name: own(),
        sku: own(),
        vendor: own(),
        verdict: "block".to_owned(),
    };
    let list = unknown::List {
        choices: choices(text),
        edits: true,
        next: address("/registry/unknown", [("q", text)]),
        previous: "/registry/unknown".to_owned(),
        shell: shell.clone(),
        shown: own(),
        skus: vec![sku.into()],
        source: None,
        tabs: tabs("Unknown SKUs"),
        wanted: unknown::Wanted { q: own(), from: 50 },
    };
    page(StatusCode::OK, &list)
}

/// Every page of the registry, by name.
pub(in crate::admin::console) fn pages(
    text: &str,
    shell: &Shell,
) -> Vec<(&'static str, HttpResponse)> {
    let imports = imports::List {
        entries: vec![entry(text, Stage::Proposed)],
        next: "/registry/imports".to_owned(),
        shell: shell.clone(),
        sources: vec![(text.to_owned(), text.to_owned())],
        tables: Table::ALL.to_vec(),
        tabs: tabs("Imports"),
    };
    let customers = customers::List {
        edits: true,
        rows_in_force: 12_480,
        shell: shell.clone(),
        source: Some(text.to_owned()),
        tabs: tabs("Customers"),
        wanted: Wanted::default(),
    };
    vec![
        ("catalogue", catalogue(text, shell, None)),
        ("catalogue of a file", catalogue(text, shell, Some(text.to_owned()))),
        ("product", product(text, shell, true)),
        ("product to look at", product(text, shell, false)),
        ("customers", page(StatusCode::OK, &customers)),
        ("customer", customer(text, shell, true)),
        ("customer to look at", customer(text, shell, false)),
        ("imports", page(StatusCode::OK, &imports)),
        ("import that is bad", import(text, shell, Stage::Bad, true)),
        ("import to propose", import(text, shell, Stage::Ready, true)),
        ("import to approve", import(text, shell, Stage::Proposed, false)),
        ("import under way", import(text, shell, Stage::ApplyingWrite, false)),
        ("import in force", import(text, shell, Stage::Applied, true)),
        ("unknown SKUs", unknown(text, shell)),
        ("customers found", found(text)),
    ]
}
