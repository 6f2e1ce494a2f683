//! What an import would change, before anything changes; and a change of many rows, written as the import that makes it.

use std::collections::BTreeMap;
use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::io::Write;
use std::path::Path;

use serde::Deserialize;
use serde::Serialize;

use super::build::Build;
use super::catalogue::CatalogueBuild;
use super::cells::Cells;
use super::cells::of_row;
use super::cells::row_id;
use super::cells::with_row;
use super::customers::CustomersBuild;
use super::error::Bad;
use super::error::RegistryError;
use super::error::RowFault;
use super::rows;
use super::rows::Row;
use super::search::Effective;
use super::search::Filter;
use super::search::SearchError;
use super::search::Wanted;
use super::store::Progress;
use super::store::Rows;
use super::store::Step;
use super::store::value;
use super::table::Table;

/// Differences and faults that are told; the others are counted.
const MOST: usize = 1_000;

/// What an import would change.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Preview {
    /// Rows that are not there now.
    pub added: u64,
    /// Rows that would be others.
    pub changed: u64,
    /// The first of them, in the order of the file, and then those that would go.
    pub differences: Vec<Difference>,
    /// The digest of the rows to come, by which an import that was done is known.
    pub digest: String,
    /// How many rows are bad; with one of them nothing can be proposed.
    pub fault_count: u64,
    /// The first of them.
    pub faults: Vec<RowFault>,
    /// Rows that would go.
    pub removed: u64,
    /// Rows of the file.
    pub rows: u64,
    /// What to look at twice.
    pub warnings: Vec<String>,
}

/// A row that would be another one. Licence keys are masked.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Difference {
    /// The columns that differ.
    pub columns: Vec<String>,
    /// The row's id.
    pub id: String,
    /// What becomes of it.
    pub kind: Kind,
    /// What it would be; absent where it goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<Cells>,
    /// What it is; absent where it is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<Cells>,
}

/// What becomes of a row.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is what happens to it")]
pub enum Kind {
    Added,
    Changed,
    Removed,
}

/// A change of many rows.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Bulk {
    /// Rows that are put in; one of the same id is replaced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub add: Vec<Cells>,
    /// Which rows `set` and `remove` are for; without a term, none.
    #[serde(default)]
    pub filter: Filter,
    /// The rows go.
    #[serde(default)]
    pub remove: bool,
    /// What these columns become; blank empties one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set: Cells,
}

/// Reads a file to its end and compares it with what is in force.
///
/// # Errors
/// When file or table cannot be read. Bad rows are in the preview.
pub fn preview(
    now: &Effective,
    file: &Path,
    is_group: &(dyn Fn(&str) -> bool + Sync),
    told: &mut (dyn FnMut(Progress) + Send),
) -> Result<Preview, RegistryError> {
    let table = now.table();
    let unreadable = |source| RegistryError::Unreadable { path: file.to_owned(), source };
    let from = File::open(file).map_err(unreadable)?;
    let total = from.metadata().map_err(unreadable)?.len();
    let (mut catalogue, mut customers) = match table {
        Table::Catalogue => (Some(CatalogueBuild::new(&is_group)), None),
        Table::Customers => (None, Some(CustomersBuild::default())),
    };
    let mut judge = |row: &Row<'_>| match (&mut catalogue, &mut customers) {
        (Some(build), _) => build.row(row),
        (None, Some(build)) => build.row(row),
        (None, None) => Ok(()),
    };
    let mut compared = Compared::new(now);
    let (mut digest, mut bytes, mut runs) = (Rows::default(), Vec::new(), 0_u64);
    let mut failed = None;
    let mut faults = Vec::new();
    let mut fault_count = 0_u64;
    rows::walk(
        from,
        table,
        &mut |row, place| {
            value(row, table, &mut bytes);
            digest.add(&bytes);
            compared.preview.rows = compared.preview.rows.saturating_add(1);
            if compared.preview.rows.is_multiple_of(1024) {
                told(Progress { done: place.ends, step: Step::Read, total });
            }
            row.unfit(table).and_then(|()| judge(row))?;
            runs = runs.saturating_add(u64::from(is_run(row, table)));
            if failed.is_none() {
                failed = compared.row(row).err();
            }
            Ok(())
        },
        &mut |fault| {
            fault_count = fault_count.saturating_add(1);
            if faults.len() < MOST {
                faults.push(fault);
            }
        },
    )
    .map_err(unreadable)?;
    if let Some(error) = failed {
        return Err(unreadable(error));
    }
    let mut preview = compared.finish().map_err(unreadable)?;
    preview.digest = digest.conclude().1;
    preview.fault_count = fault_count;
    preview.faults = faults;
    preview.warnings = warnings(&preview, runs);
    Ok(preview)
}

/// What is there, ticked off row by row.
struct Compared<'a> {
    /// Edited rows that the file has, too.
    edited: HashSet<String>,
    now: &'a Effective,
    preview: Preview,
    /// Rows of the import that the file has, too; by number.
    seen: Vec<bool>,
}

impl<'a> Compared<'a> {
    fn new(now: &'a Effective) -> Self {
        let seen = vec![false; now.file().len()];
        Self { edited: HashSet::new(), now, preview: Preview::default(), seen }
    }

    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        let table = self.now.table();
        let Some(id) = row_id(row, table) else { return Ok(()) };
        let hashed = self.now.file().hashed(&id);
        if let Some((number, _)) = hashed
            && let Some(seen) = self.seen.get_mut(number)
        {
            *seen = true;
        }
        if self.now.edits().rows.contains_key(&id) {
            let old = self.now.get(&id)?;
            let new = of_row(row, table);
            self.edited.insert(id.clone());
            if old.as_ref() != Some(&new) {
                self.differs(id, old, Some(new));
            }
            return Ok(());
        }
        match hashed {
            Some((_, hash)) if hash == self.now.file().hash(row) => {}
            Some(_) => {
                let old = if self.is_full() { Some(Cells::new()) } else { self.now.get(&id)? };
                self.differs(id, old, Some(of_row(row, table)));
            }
            None => self.differs(id, None, Some(of_row(row, table))),
        }
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.preview.differences.len() >= MOST
    }

    fn differs(&mut self, id: String, old: Option<Cells>, new: Option<Cells>) {
        let (kind, count) = match (&old, &new) {
            (None, _) => (Kind::Added, &mut self.preview.added),
            (Some(_), Some(_)) => (Kind::Changed, &mut self.preview.changed),
            (Some(_), None) => (Kind::Removed, &mut self.preview.removed),
        };
        *count = count.saturating_add(1);
        if self.is_full() {
            return;
        }
        let table = self.now.table();
        let text = |cells: &Option<Cells>, column: &str| {
            cells.as_ref().and_then(|cells| cells.get(column).cloned())
        };
        let columns = table.columns().iter();
        let differing = columns.filter(|column| text(&old, column) != text(&new, column));
        self.preview.differences.push(Difference {
            columns: differing.map(|column| (*column).to_owned()).collect(),
            id,
            kind,
            new: new.map(|cells| table.shown(cells)),
            old: old.map(|cells| table.shown(cells)),
        });
    }

    /// What the file does not have.
    fn finish(mut self) -> io::Result<Preview> {
        let (now, table) = (self.now, self.now.table());
        let seen = std::mem::take(&mut self.seen);
        let missing = seen.iter().enumerate().filter(|(_, seen)| !**seen);
        let mut places: Vec<u64> =
            missing.filter_map(|(number, _)| now.file().begins(number)).collect();
        places.sort_unstable();
        let is_edited = !now.edits().rows.is_empty();
        for place in places {
            let mut cells = Cells::new();
            if is_edited || !self.is_full() {
                cells = now.file().at(place)?;
                let id = table.id(&cells).unwrap_or_default();
                if now.edits().rows.contains_key(&id) {
                    continue;
                }
            }
            let id = table.id(&cells).unwrap_or_default();
            self.differs(id, Some(cells), None);
        }
        for (id, edit) in &now.edits().rows {
            if edit.is_some() && !self.edited.contains(id) {
                let old = now.get(id)?;
                self.differs(id.clone(), old, None);
            }
        }
        Ok(self.preview)
    }
}

/// True if a spreadsheet would run one of its texts.
fn is_run(row: &Row<'_>, table: Table) -> bool {
    let starts = |text: &str| text.starts_with(['=', '+', '-', '@']);
    table.columns().iter().any(|column| row.field(column).is_some_and(starts))
}

fn warnings(preview: &Preview, runs: u64) -> Vec<String> {
    let mut warnings = Vec::new();
    let Preview { changed, removed, rows, .. } = preview;
    if *rows == 0 {
        warnings.push("the file has no rows: the table would be empty".to_owned());
    }
    let before = rows.saturating_sub(preview.added).saturating_add(*removed);
    if *removed > 0 && removed.saturating_mul(2) > before {
        warnings.push(format!("{removed} of {before} rows would go: is the file whole?"));
    }
    if *changed > 0 && changed.saturating_mul(2) > before {
        warnings.push(format!("{changed} of {before} rows would be others"));
    }
    if runs > 0 {
        warnings.push(format!(
            "{runs} row(s) have a text that begins with =, +, - or @, which a spreadsheet runs as a formula"
        ));
    }
    warnings
}

/// Writes the table as a change of many rows would leave it; how many rows it meets.
///
/// # Errors
/// For a filter or a column that cannot be used, and when something cannot be read or written.
pub fn bulk(now: &Effective, bulk: &Bulk, out: &File) -> Result<u64, SearchError> {
    let table = now.table();
    for column in bulk.set.keys() {
        if !table.columns().contains(&column.as_str()) || column == "license_key" {
            return Err(SearchError::Column(column.clone()));
        }
    }
    let wanted = Wanted::of(&bulk.filter, table)?;
    let meets = !bulk.filter.terms.is_empty();
    let mut adding = BTreeMap::new();
    for cells in &bulk.add {
        adding.insert(table.id(cells).unwrap_or_default(), cells);
    }
    let mut out = csv::WriterBuilder::new().from_writer(io::BufWriter::new(out));
    out.write_record(table.columns()).map_err(io::Error::other)?;
    let (mut met, mut failed) = (0_u64, None);
    now.each(&mut |row| {
        let id = if adding.is_empty() { None } else { row_id(row, table) };
        let written = if id.is_some_and(|id| adding.contains_key(&id)) {
            Ok(())
        } else if meets && wanted.fits(row) {
            met = met.saturating_add(1);
            let mut cells = of_row(row, table);
            cells.extend(bulk.set.clone());
            if bulk.remove { Ok(()) } else { write(&mut out, &cells, table) }
        } else {
            let texts = table.columns().iter();
            out.write_record(texts.map(|column| row.field(column).unwrap_or_default()))
        };
        failed = written.err();
        failed.is_none()
    })?;
    if let Some(error) = failed {
        return Err(io::Error::other(error).into());
    }
    for cells in adding.values() {
        met = met.saturating_add(1);
        write(&mut out, cells, table).map_err(io::Error::other)?;
    }
    let mut file = out.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
    file.flush()?;
    Ok(met)
}

fn write(
    out: &mut csv::Writer<io::BufWriter<&File>>,
    cells: &Cells,
    table: Table,
) -> Result<(), csv::Error> {
    let mut wrote = Ok(());
    with_row(cells, table, |row| {
        let texts = table.columns().iter();
        wrote = out.write_record(texts.map(|column| row.field(column).unwrap_or_default()));
        Ok::<(), Bad>(())
    })
    .ok();
    wrote
}
