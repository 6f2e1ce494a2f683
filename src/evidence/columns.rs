//! The columns of a table of records: fixed names, types and order, for CSV and Parquet alike (docs/reports.md).
//!
//! A list stands in one cell with `;` between its members; a `;` within a member becomes a comma, so that it cannot make two of one.

use std::borrow::Cow;

use jiff::Timestamp;

use super::entry::Entry;
use super::error::EvidenceError;
use super::view::Text;
use super::view::View;

/// What a column holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Type {
    /// An instant, in microseconds since 1970-01-01T00:00:00Z.
    Instant,
    /// A text.
    Text,
    /// A whole number.
    Whole,
}

/// What stands in one cell.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Cell<'a> {
    Absent,
    Instant(Timestamp),
    Text(Cow<'a, str>),
    Whole(i64),
}

/// A column.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) of: Type,
    cell: for<'a> fn(Row<'a>) -> Cell<'a>,
}

/// A record beside what it says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    at: Timestamp,
    sequence: u64,
    view: &'a View<'a>,
}

/// Every column, in order. Later versions add at the end only.
pub(super) const COLUMNS: [Column; 43] = [
    whole("seq", |row| number(Some(row.sequence))),
    instant("time", |row| Cell::Instant(row.at)),
    text("id", |row| given(&row.view.id)),
    text("kind", |row| given(&row.view.kind)),
    text("of", |row| given(&row.view.of)),
    text("route", |row| given(&row.view.route)),
    text("action", |row| given(&row.view.action)),
    text("verdict", |row| given(&row.view.decision.verdict)),
    text("policy", |row| given(&row.view.decision.policy)),
    text("rule", |row| given(&row.view.decision.rule)),
    text("clause", |row| given(&row.view.decision.clause)),
    text("basis", |row| given(&row.view.decision.basis)),
    text("citation", |row| given(&row.view.decision.citation)),
    text("reason", |row| {
        let decided = given(&row.view.decision.reason);
        if decided == Cell::Absent { given(&row.view.reason) } else { decided }
    }),
    text("buyer_nexus", |row| given(&row.view.decision.nexus.buyer)),
    text("seller_nexus", |row| given(&row.view.decision.nexus.seller)),
    text("because", |row| list(row.view.decision.nexus.because.iter().map(Text::as_str))),
    text("country", |row| {
        row.view.country().map_or(Cell::Absent, |c| Cell::Text(Cow::Owned(c.as_str().to_owned())))
    }),
    text("account", |row| given(&row.view.evidence.account)),
    text("account_standing", |row| given(&row.view.evidence.account_standing)),
    text("products", |row| list(row.view.products().into_iter().map(Some))),
    text("matched_by", |row| list(row.view.found().map(|found| found.matched_by.as_str()))),
    text("item_verdicts", |row| list(row.view.found().map(|found| found.verdict.as_str()))),
    text("skus", |row| list(row.view.items.iter().map(|item| item.sku.as_str()))),
    text("names", |row| list(row.view.items.iter().map(|item| item.name.as_str()))),
    text("catalog_groups", |row| {
        list(row.view.items.iter().map(|item| item.catalog.group.as_str()))
    }),
    text("vendors", |row| list(row.view.items.iter().map(|item| item.vendor.as_str()))),
    text("quantities", |row| list(row.view.items.iter().map(|item| item.quantity.as_str()))),
    text("value_amount", |row| given(&row.view.value.amount)),
    text("value_currency", |row| given(&row.view.value.currency)),
    text("order", |row| given(&row.view.subject.order)),
    text("client", |row| given(&row.view.request.client)),
    text("method", |row| given(&row.view.request.method)),
    text("host", |row| given(&row.view.request.host)),
    text("path", |row| given(&row.view.request.path)),
    text("geo", |row| {
        let addresses = row.view.evidence.addresses.iter();
        list(addresses.flat_map(|a| &a.answers).map(|answer| answer.source.as_str()))
    }),
    text("bundle", |row| given(&row.view.decision.bundle)),
    whole("status", |row| number(row.view.status.whole())),
    whole("bytes", |row| number(row.view.bytes.whole())),
    text("end", |row| given(&row.view.end)),
    text("notice", |row| given(&row.view.notice)),
    text("by", |row| given(&row.view.by)),
    instant("retain_until", |row| moment(&row.view.retain_until)),
];

const fn text(name: &'static str, cell: for<'a> fn(Row<'a>) -> Cell<'a>) -> Column {
    Column { name, of: Type::Text, cell }
}

const fn whole(name: &'static str, cell: for<'a> fn(Row<'a>) -> Cell<'a>) -> Column {
    Column { name, of: Type::Whole, cell }
}

const fn instant(name: &'static str, cell: for<'a> fn(Row<'a>) -> Cell<'a>) -> Column {
    Column { name, of: Type::Instant, cell }
}

impl Column {
    /// What stands in it for that record.
    pub(super) fn cell<'a>(&self, row: Row<'a>) -> Cell<'a> {
        (self.cell)(row)
    }
}

impl<'a> Row<'a> {
    /// Reads a record.
    pub(super) fn new(entry: &'a Entry<'_>) -> Result<Self, EvidenceError> {
        Ok(Self { at: entry.at, sequence: entry.sequence, view: entry.view()? })
    }
}

/// An instant as it stands in a text cell: always six digits, so that texts sort as instants do.
pub(super) fn written(at: Timestamp) -> String {
    format!("{at:.6}")
}

fn given<'a>(text: &'a Text<'_>) -> Cell<'a> {
    text.as_str().map_or(Cell::Absent, |text| Cell::Text(Cow::Borrowed(text)))
}

fn number(number: Option<u64>) -> Cell<'static> {
    number.and_then(|number| i64::try_from(number).ok()).map_or(Cell::Absent, Cell::Whole)
}

/// A day is its first instant.
fn moment(text: &Text<'_>) -> Cell<'static> {
    let moment = text.as_str().and_then(|text| text.parse::<super::filter::Moment>().ok());
    moment.map_or(Cell::Absent, |moment| Cell::Instant(moment.0))
}

/// Members with `;` between, empty ones too, so that lists of one record stand place by place; absent if none says anything.
fn list<'a>(members: impl Iterator<Item = Option<&'a str>>) -> Cell<'a> {
    let (mut text, mut says) = (String::new(), false);
    for (at, member) in members.enumerate() {
        if at > 0 {
            text.push(';');
        }
        let member = member.unwrap_or_default();
        says |= !member.is_empty();
        text.extend(member.chars().map(|c| if c == ';' { ',' } else { c }));
    }
    if says { Cell::Text(Cow::Owned(text)) } else { Cell::Absent }
}
