//! Which rows: the search of a table as its form sends it.

use serde::Deserialize;

use crate::admin::api::Problem;
use crate::control::registry::RowView;
use crate::registry::Filter;
use crate::registry::How;
use crate::registry::Table;
use crate::registry::Term;

use super::address;
use super::choices::BY_TEXT;
use super::fields::label;

/// Rows of a page.
pub(super) const LIMIT: usize = 50;

/// What is looked for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Wanted {
    /// Go on behind.
    pub(super) cursor: String,
    /// Group of a product; `-` for a blank one.
    pub(super) group: String,
    /// `contains`, `begins` or `equals`.
    #[serde(rename = "match")]
    pub(super) how: String,
    /// The column of `q`; blank for any.
    #[serde(rename = "in")]
    pub(super) column: String,
    /// A text.
    pub(super) q: String,
    /// Everyone is to be shown.
    pub(super) all: String,
}

/// A column to search.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) chosen: bool,
    pub(super) label: &'static str,
    pub(super) value: &'static str,
}

impl Wanted {
    /// What the table is asked.
    pub(super) fn filter(&self) -> Result<Filter, Problem> {
        let how = match self.how.as_str() {
            "" | "contains" => How::Contains,
            "begins" => How::Begins,
            "equals" => How::Equals,
            other => {
                let text = format!("match: `{other}` is none of contains, begins, equals");
                return Err(Problem::invalid(text));
            }
        };
        let mut terms = Vec::new();
        let text = self.q.trim();
        if !text.is_empty() {
            let column = Some(self.column.clone()).filter(|column| !column.is_empty());
            terms.push(Term { column, how, text: text.to_owned() });
        }
        if !self.group.is_empty() {
            let text = if self.group == BY_TEXT { "" } else { &self.group };
            let column = Some("group".to_owned());
            terms.push(Term { column, how: How::Equals, text: text.to_owned() });
        }
        Ok(Filter { terms })
    }

    /// Whether something is looked for.
    pub(super) fn is_narrow(&self) -> bool {
        !self.q.trim().is_empty() || !self.group.is_empty()
    }

    pub(super) fn is_how(&self, how: &str) -> bool {
        self.how == how
    }

    /// The columns that may be searched.
    pub(super) fn columns(&self, table: Table) -> Vec<Column> {
        let names = table.columns().iter().filter(|name| **name != "group");
        let column = |name: &&'static str| Column {
            chosen: self.column == **name,
            label: label(name),
            value: name,
        };
        names.map(column).collect()
    }

    /// The address of these rows, from a cursor on.
    pub(super) fn at(&self, path: &str, cursor: &str) -> String {
        let query = [
            ("q", &*self.q),
            ("in", &self.column),
            ("match", &self.how),
            ("group", &self.group),
            ("all", &self.all),
            ("cursor", cursor),
        ];
        address(path, query)
    }
}

/// The text of a cell.
pub(super) fn cell<'a>(row: &'a RowView, column: &str) -> &'a str {
    row.cells.get(column).map_or("", String::as_str)
}
