//! The findings file: one row for each line of an order that is not allowed, as CSV (RFC 4180).
//!
//! A cell that begins with `=`, `+`, `-`, `@`, a tab or a carriage return would be run by a spreadsheet as a formula. It gets
//! an apostrophe before it, which spreadsheets take for "this is text".

use crate::model::Basis;
use crate::model::Decision;
use crate::model::Finding;
use crate::model::MatchedBy;
use crate::model::Nexus;
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

struct Line<'a> {
    first: bool,
    out: &'a mut Vec<u8>,
}

impl<'a> Line<'a> {
    const fn new(out: &'a mut Vec<u8>) -> Self {
        Self { first: true, out }
    }

    fn number(&mut self, number: u64) {
        self.cell(number.to_string().as_bytes());
    }

    fn cell(&mut self, text: &[u8]) {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
        let runs = matches!(text.first(), Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r'));
        let quoted =
            text.iter().any(|byte| matches!(byte, b',' | b'"' | b'\r' | b'\n' | b';' | b'\t'));
        let blank = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_whitespace);
        if !(quoted || blank(text.first()) || blank(text.last())) {
            if runs {
                self.out.push(b'\'');
            }
            self.out.extend_from_slice(text);
            return;
        }
        self.out.push(b'"');
        if runs {
            self.out.push(b'\'');
        }
        for part in text.split_inclusive(|byte| *byte == b'"') {
            self.out.extend_from_slice(part);
            if part.ends_with(b"\"") {
                self.out.push(b'"');
            }
        }
        self.out.push(b'"');
    }

    fn end(self) {
        self.out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_begins_as_a_formula_and_every_cell_reads_back() {
        let cells = [
            "=1+1",
            "+49 30",
            "-2",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "a,b",
            "say \"so\"",
            "two\nlines",
            " x ",
            "",
        ];
        let mut out = Vec::new();
        let mut line = Line::new(&mut out);
        for cell in cells {
            line.cell(cell.as_bytes());
        }
        line.end();
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&out[..]);
        let read = reader.records().next().unwrap().unwrap();
        for (cell, written) in cells.iter().zip(&read) {
            assert!(!written.starts_with(['=', '+', '-', '@', '\t', '\r']), "{written:?}");
            assert_eq!(written.strip_prefix('\'').unwrap_or(written), *cell);
        }
        assert_eq!(read.len(), cells.len());
    }
}
