//! The findings file: one row for each line of an order that is not allowed, as CSV (RFC 4180).

use crate::model::Basis;
use crate::model::Decision;
use crate::model::Finding;
use crate::model::MatchedBy;
use crate::model::Nexus;
use crate::output::Line;
use crate::settings::OrderField;
use crate::settings::OrderMap;

use super::records::Row;

const COLUMNS: [&str; 16] = [
    "line",
    "order",
    "verdict",
    "item_verdict",
    "policy",
    "rule",
    "clause",
    "basis",
    "citation",
    "buyer_nexus",
    "seller_nexus",
    "because",
    "product",
    "matched_by",
    "reason",
    "at",
];

/// Adds the header.
pub(super) fn header(out: &mut Vec<u8>, map: &OrderMap) {
    let mut line = Line::new(out);
    for column in COLUMNS {
        line.cell(column.as_bytes());
    }
    for (field, _) in mapped(map) {
        line.cell(field.as_str().as_bytes());
    }
    for (name, _) in &map.attributes {
        line.cell(name.as_bytes());
    }
    line.end();
}

/// Adds one row.
pub(super) fn row(
    out: &mut Vec<u8>,
    map: &OrderMap,
    row: Row<'_>,
    decision: &Decision,
    finding: Option<&Finding>,
    reason: &str,
) {
    let mut line = Line::new(out);
    line.number(row.line());
    line.cell(map.order.map_or(&b""[..], |order| row.cell(order)).trim_ascii());
    line.cell(decision.verdict.as_str().as_bytes());
    line.cell(finding.map_or("", |finding| finding.verdict.as_str()).as_bytes());
    let rule = decision.ruling.as_deref();
    let fact = |text: Option<&str>| text.unwrap_or_default().as_bytes().to_vec();
    line.cell(&fact(rule.map(|rule| &*rule.policy)));
    line.cell(&fact(rule.map(|rule| &*rule.rule)));
    line.cell(&fact(rule.map(|rule| &*rule.clause)));
    line.cell(&fact(rule.map(|rule| match rule.basis {
        Basis::Judgement => "judgement",
        Basis::Policy => "policy",
        Basis::Text => "text",
    })));
    line.cell(&fact(rule.map(|rule| &*rule.citation)));
    line.cell(decision.buyer.as_str().as_bytes());
    line.cell(decision.seller.map_or("", Nexus::as_str).as_bytes());
    line.cell(because(decision, " ").as_bytes());
    line.cell(
        finding.and_then(|finding| finding.product.as_deref()).unwrap_or_default().as_bytes(),
    );
    line.cell(finding.and_then(|finding| finding.matched_by).map_or("", matched_by).as_bytes());
    line.cell(reason.as_bytes());
    line.cell(decision.at.to_string().as_bytes());
    for (_, column) in mapped(map) {
        line.cell(row.cell(*column));
    }
    for (_, column) in &map.attributes {
        line.cell(row.cell(*column));
    }
    line.end();
}

/// Adds the header of the bad rows.
pub(super) fn bad_header(out: &mut Vec<u8>) {
    out.extend_from_slice(b"line,order,problem\n");
}

/// Adds a bad row.
pub(super) fn bad_row(out: &mut Vec<u8>, map: &OrderMap, row: Row<'_>, problem: &str) {
    let mut line = Line::new(out);
    line.number(row.line());
    let order = map.order.filter(|_| row.fault().is_none());
    line.cell(order.map_or(&b""[..], |order| row.cell(order)).trim_ascii());
    line.cell(problem.as_bytes());
    line.end();
}

/// The evidence that decided, by name.
pub(super) fn because(decision: &Decision, between: &str) -> String {
    let mut text = String::new();
    for field in decision.because.iter() {
        if !text.is_empty() {
            text.push_str(between);
        }
        text.push_str(field.as_str());
    }
    text
}

/// The mapped columns but the time, which has a column of its own.
fn mapped(map: &OrderMap) -> impl Iterator<Item = &(OrderField, usize)> {
    map.columns.iter().filter(|(field, _)| *field != OrderField::At)
}

const fn matched_by(by: MatchedBy) -> &'static str {
    match by {
        MatchedBy::Attribute => "attribute",
        MatchedBy::Catalog => "catalog",
        MatchedBy::Component => "component",
        MatchedBy::Host => "host",
        MatchedBy::Name => "name",
        MatchedBy::Nothing => "nothing",
        MatchedBy::Path => "path",
        MatchedBy::Sku => "sku",
        MatchedBy::SuspectedComponent => "suspected_component",
        MatchedBy::Vendor => "vendor",
    }
}
