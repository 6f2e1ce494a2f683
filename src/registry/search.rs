//! Rows as they are in force, an import and the edits above it: one by its id, or page by page what a filter finds.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use serde::Deserialize;
use serde::Serialize;

use super::cells::Cells;
use super::cells::of_row;
use super::cells::row_id;
use super::cells::with_row;
use super::edits::Edits;
use super::edits::merged;
use super::error::Bad;
use super::licence_key;
use super::row_file::RowFile;
use super::rows::Row;
use super::table::Table;

/// Read at once while searching, in bytes.
const BUFFER: usize = 256 * 1024;
/// Rows between two looks at the clock.
const STRIDE: u32 = 512;

/// A table as it is in force.
#[derive(Clone, Debug)]
pub struct Effective {
    edits: Arc<Edits>,
    file: Arc<RowFile>,
    table: Table,
}

/// Which rows: those for which every term holds.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// The terms.
    pub terms: Vec<Term>,
}

/// What a text must be.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Term {
    /// The column; absent means any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// How it is compared.
    #[serde(default)]
    pub how: How,
    /// With what. Case does not count, nor do dashes and blanks of a SKU or licence key.
    pub text: String,
}

/// How a text is compared.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// It begins so.
    Begins,
    /// It holds this somewhere.
    #[default]
    Contains,
    /// It is this; of a blank one, nothing.
    Equals,
}

/// A page of rows.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Found {
    /// Where to go on; absent at the end.
    pub next: Option<String>,
    /// True if the time ran out before the page was full: there may be more behind `next`.
    pub partial: bool,
    /// The rows.
    pub rows: Vec<Cells>,
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// The table has no such column.
    #[error("there is no column `{0}`")]
    Column(String),
    /// The cursor is of a table that was replaced since, or is none.
    #[error("the table was replaced since that page: begin again without `cursor`")]
    Cursor,
    /// It cannot be read.
    #[error("the rows cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// A position: in the import, or after the id of a row that was added.
enum Position<'a> {
    File(u64),
    Added(&'a str),
}

impl Effective {
    /// `edits` count only if they stand on that import.
    pub fn new(file: Arc<RowFile>, edits: Arc<Edits>, table: Table) -> Self {
        let edits = if edits.base == *file.base() { edits } else { Arc::default() };
        Self { edits, file, table }
    }

    /// The table.
    pub const fn table(&self) -> Table {
        self.table
    }

    pub(super) fn file(&self) -> &RowFile {
        &self.file
    }

    /// The row of an id, whole.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn get(&self, id: &str) -> io::Result<Option<Cells>> {
        let base = self.file.get(id)?;
        Ok(match self.edits.rows.get(id) {
            Some(None) => None,
            Some(Some(edit)) => Some(merged(self.table, id, edit, base.as_ref())),
            None => base,
        })
    }

    /// Up to `limit` rows that a filter finds, from `cursor` on, until `until`.
    ///
    /// # Errors
    /// For a filter or cursor that cannot be used, and when the rows cannot be read.
    pub fn search(
        &self,
        filter: &Filter,
        cursor: Option<&str>,
        limit: usize,
        until: Instant,
    ) -> Result<Found, SearchError> {
        let wanted = Wanted::of(filter, self.table)?;
        let (mut found, mut seen) = (Found::default(), 0_u32);
        let position = self.position(cursor)?;
        let mut after = "";
        match position {
            Position::Added(id) => after = id,
            Position::File(at) => {
                let edited = self.edited_places();
                let next = self.file.scan(at, BUFFER, &mut |row, begins| {
                    self.as_is(row, begins, &edited, &mut |row| {
                        if wanted.fits(row) {
                            found.rows.push(of_row(row, self.table));
                        }
                    });
                    seen = seen.wrapping_add(1);
                    found.partial = seen.is_multiple_of(STRIDE) && Instant::now() >= until;
                    !found.partial && found.rows.len() < limit
                })?;
                if let Some(next) = next {
                    found.next = Some(format!("{}.{next}", self.file.base().generation));
                    return Ok(found);
                }
            }
        }
        found.partial = false;
        let added = self.edits.rows.iter().filter(|(id, _)| id.as_str() > after);
        for (id, edit) in added {
            let Some(edit) = edit.as_ref().filter(|_| self.file.place(id).is_none()) else {
                continue;
            };
            if found.rows.len() >= limit {
                return Ok(found);
            }
            let cells = merged(self.table, id, edit, None);
            if wanted.fits_cells(&cells, self.table) {
                found.rows.push(cells);
            }
            found.next = Some(format!("{}+{id}", self.file.base().generation));
        }
        found.next = None;
        Ok(found)
    }

    /// Gives every row in force to `each`, in order, until it says false.
    pub(super) fn each(&self, each: &mut dyn FnMut(&Row<'_>) -> bool) -> io::Result<()> {
        let edited = self.edited_places();
        let mut on = true;
        self.file.scan(0, BUFFER, &mut |row, begins| {
            self.as_is(row, begins, &edited, &mut |row| on = each(row));
            on
        })?;
        for (id, edit) in &self.edits.rows {
            if on
                && let Some(edit) = edit
                && self.file.place(id).is_none()
            {
                on = give(&merged(self.table, id, edit, None), self.table, each);
            }
        }
        Ok(())
    }

    pub(super) fn edits(&self) -> &Edits {
        &self.edits
    }

    /// A row of the import as it is now; nothing if it is gone.
    fn as_is(
        &self,
        row: &Row<'_>,
        begins: u64,
        edited: &HashSet<u64>,
        each: &mut dyn FnMut(&Row<'_>),
    ) {
        if edited.is_empty() || !edited.contains(&begins) {
            return each(row);
        }
        let id = row_id(row, self.table).unwrap_or_default();
        match self.edits.rows.get(&id) {
            None => each(row),
            Some(None) => {}
            Some(Some(edit)) => {
                let base = of_row(row, self.table);
                let cells = merged(self.table, &id, edit, Some(&base));
                give(&cells, self.table, &mut |row| {
                    each(row);
                    true
                });
            }
        }
    }

    fn edited_places(&self) -> HashSet<u64> {
        self.edits.rows.keys().filter_map(|id| self.file.place(id)).collect()
    }

    fn position<'a>(&self, cursor: Option<&'a str>) -> Result<Position<'a>, SearchError> {
        let Some(cursor) = cursor else { return Ok(Position::File(0)) };
        let end = cursor.find(['.', '+']).ok_or(SearchError::Cursor)?;
        let (generation, rest) = cursor.split_at_checked(end).ok_or(SearchError::Cursor)?;
        if generation.parse() != Ok(self.file.base().generation) {
            return Err(SearchError::Cursor);
        }
        match (rest.strip_prefix('.'), rest.strip_prefix('+')) {
            (Some(at), _) => at.parse().map(Position::File).map_err(|_| SearchError::Cursor),
            (None, Some(id)) => Ok(Position::Added(id)),
            (None, None) => Err(SearchError::Cursor),
        }
    }
}

fn give(cells: &Cells, table: Table, each: &mut dyn FnMut(&Row<'_>) -> bool) -> bool {
    with_row(cells, table, |row| Ok::<_, Bad>(each(row))).unwrap_or(true)
}

/// A filter, ready to be compared with many rows.
pub(super) struct Wanted {
    terms: Vec<Needle>,
}

struct Needle {
    columns: Vec<&'static str>,
    how: How,
    /// In lower case.
    text: String,
    /// Without dashes and blanks; for SKUs and licence keys.
    bare: String,
}

impl Wanted {
    pub(super) fn of(filter: &Filter, table: Table) -> Result<Self, SearchError> {
        let mut terms = Vec::new();
        for term in &filter.terms {
            let all = table.columns().iter().copied();
            let columns: Vec<_> = match &term.column {
                None => all.filter(|column| *column != "license_key").collect(),
                Some(name) => all.filter(|column| column == name).collect(),
            };
            let mut how = term.how;
            if columns.is_empty() {
                return Err(SearchError::Column(term.column.clone().unwrap_or_default()));
            }
            if columns == ["license_key"] {
                // A key is found by whoever has it, and is not guessed letter by letter.
                how = How::Equals;
            }
            let text = term.text.trim().to_lowercase();
            let bare = bare(&text);
            terms.push(Needle { columns, how, text, bare });
        }
        Ok(Self { terms })
    }

    pub(super) fn fits(&self, row: &Row<'_>) -> bool {
        self.terms.iter().all(|needle| {
            needle.columns.iter().any(|column| needle.fits(column, row.field(column)))
        })
    }

    fn fits_cells(&self, cells: &Cells, table: Table) -> bool {
        with_row(cells, table, |row| Ok(self.fits(row))).unwrap_or(false)
    }
}

impl Needle {
    fn fits(&self, column: &str, text: Option<&str>) -> bool {
        let Some(text) = text else { return self.text.is_empty() };
        match column {
            "license_key" => licence_key::normal(text).map_or_else(
                || text.to_lowercase() == self.text,
                |normal| normal.as_str().to_lowercase() == self.bare,
            ),
            "sku" if !self.bare.is_empty() => {
                compare(self.how, text, &self.text)
                    || (text.contains(['-', ' ']) || self.bare != self.text)
                        && compare(self.how, &bare(text), &self.bare)
            }
            "account" if licence_key::is_credential(text) => false,
            _ => compare(self.how, text, &self.text),
        }
    }
}

fn bare(text: &str) -> String {
    text.chars().filter(|c| *c != '-' && !c.is_whitespace()).collect()
}

/// Compares without regard to case; `wanted` is in lower case.
fn compare(how: How, text: &str, wanted: &str) -> bool {
    if !text.is_ascii() {
        let text = text.to_lowercase();
        return match how {
            How::Begins => text.starts_with(wanted),
            How::Contains => text.contains(wanted),
            How::Equals => text == wanted,
        };
    }
    let (text, wanted) = (text.as_bytes(), wanted.as_bytes());
    match how {
        How::Begins => {
            text.get(..wanted.len()).is_some_and(|start| start.eq_ignore_ascii_case(wanted))
        }
        How::Equals => text.eq_ignore_ascii_case(wanted),
        How::Contains => {
            let Some(first) = wanted.first() else { return true };
            let upper = first.to_ascii_uppercase();
            memchr::memchr2_iter(*first, upper, text).any(|at| {
                let end = at.saturating_add(wanted.len());
                text.get(at..end).is_some_and(|part| part.eq_ignore_ascii_case(wanted))
            })
        }
    }
}
