//! Rows that were edited since the last import, in one small sealed file beside the generation that they stand on.
//!
//! A generation is sealed, and to write a million rows anew takes many seconds; an edit is to hold at once. Whoever reads the table,
//! be it `serve`, `check` or `export`, reads both. Edits that stand on another generation than the one that is there are not looked
//! at: an import replaces the table, and them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use serde::Deserialize;
use serde::Serialize;
use sha2::Digest;
use sha2::Sha256;

use crate::output::replace_private;

use super::build::Build;
use super::cells::Cells;
use super::cells::row_id;
use super::cells::with_row;
use super::error::Bad;
use super::rows::Row;
use super::store::hex;
use super::table::Table;

/// The file's name in the table's folder.
const FILE: &str = "edits";

/// What edits stand on: an import, whatever became of its files since.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Base {
    /// The digest of its rows; empty where nothing was ever imported.
    pub digest: String,
    /// Its generation; 0 where nothing was ever imported.
    pub generation: u64,
}

/// Edits of a table.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Edits {
    /// What they stand on.
    pub base: Base,
    /// By the row's id: what the row is now, or none if it is gone. A customer keeps the licence key of the import.
    pub rows: BTreeMap<String, Option<Cells>>,
}

impl Edits {
    /// Those of a folder; none if there are none.
    ///
    /// # Errors
    /// When they cannot be read, or are not what was written.
    pub(super) fn read(folder: &Path) -> io::Result<Option<Self>> {
        let text = match fs::read_to_string(folder.join(FILE)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "not what was written");
        let (body, seal) = text.trim_end().rsplit_once('\n').ok_or_else(damaged)?;
        if seal != hex(&Sha256::digest(body.as_bytes())) {
            return Err(damaged());
        }
        serde_json::from_str(body).map(Some).map_err(|_| damaged())
    }

    /// Keeps them, durably.
    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        let body = serde_json::to_string(self)?;
        let seal = hex(&Sha256::digest(body.as_bytes()));
        replace_private(&folder.join(FILE), format!("{body}\n{seal}\n").as_bytes())
    }
}

/// The licence key of the import stays with its row: it stands in no record, and so in no edit.
pub(super) fn merged(table: Table, id: &str, edit: &Cells, base: Option<&Cells>) -> Cells {
    let mut cells = edit.clone();
    if table == Table::Customers {
        cells.remove("license_key");
        for column in ["license_key", "account"] {
            if let Some(text) = base.and_then(|base| base.get(column))
                && (column == "license_key" || !cells.contains_key(column))
            {
                cells.insert(column.to_owned(), text.clone());
            }
        }
        if base.is_none() && !cells.contains_key("account") {
            cells.insert("account".to_owned(), id.to_owned());
        }
    }
    cells
}

/// Puts the edits into the table while it is built.
pub(super) struct Editing<B> {
    build: B,
    rest: BTreeMap<String, Option<Cells>>,
    table: Table,
}

impl<B: Build> Editing<B> {
    pub(super) fn new(build: B, table: Table, edits: Option<&Edits>) -> Self {
        let rest = edits.map(|edits| edits.rows.clone()).unwrap_or_default();
        Self { build, rest, table }
    }
}

impl<B: Build> Build for Editing<B> {
    type Index = B::Index;

    fn row(&mut self, row: &Row<'_>) -> Result<(), Bad> {
        if self.rest.is_empty() {
            return self.build.row(row);
        }
        let id = row_id(row, self.table);
        let Some((id, edit)) = id.and_then(|id| self.rest.remove_entry(&id)) else {
            return self.build.row(row);
        };
        let Some(edit) = edit else { return Ok(()) };
        let base = super::cells::of_row(row, self.table);
        let cells = merged(self.table, &id, &edit, Some(&base));
        let build = &mut self.build;
        with_row(&cells, self.table, |row| build.row(row))
    }

    fn finish(mut self) -> Result<B::Index, Bad> {
        for (id, edit) in &self.rest {
            let Some(edit) = edit else { continue };
            let cells = merged(self.table, id, edit, None);
            let build = &mut self.build;
            with_row(&cells, self.table, |row| build.row(row)).map_err(|bad| Bad {
                message: format!("{} (a row that was added by hand)", bad.message),
                ..bad
            })?;
        }
        self.build.finish()
    }
}
