//! Catalogue and customers in sled, kept so that none of their rows can go missing unseen (docs/adr/0004).
//!
//! Each table has a folder, and in it one generation: `g-N/` with `import.csv` (what was imported, as export writes it), `sled/`
//! and a sealed `manifest`. An import writes the next generation beside it; the rename that gives it its number is the
//! commit. Nothing in a generation changes afterwards: readers open a private copy of sled, because opening writes.
//!
//! It must never answer with fewer rows than were imported. What differs from the manifest is rebuilt from the import;
//! if that differs too, it is an error.

mod files;
mod generation;
mod manifest;
mod rows_in_sled;

use std::fs;
use std::fs::File;
use std::io;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use super::build::Build;
use super::catalogue::Catalogue;
use super::catalogue::CatalogueBuild;
use super::customers::Customers;
use super::customers::CustomersBuild;
use super::error::RegistryError;
use super::rows;
use super::table::Table;

use generation::Generation;
use manifest::Manifest;
use rows_in_sled::Writer;
use rows_in_sled::apart;

/// The store of `[store] dir`.
#[derive(Clone, Debug)]
pub struct Store {
    dir: PathBuf,
}

/// What is done about damage.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Care {
    /// Nothing on the disk: the rows come from whichever copy is whole.
    Look,
    /// The table is written anew from whichever copy is whole.
    Mend,
}

/// What a table of the store was found to be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct State {
    /// What differs from what was written; with [`Care::Mend`], before it was rebuilt.
    pub damage: Option<String>,
    /// The generation: one more with every import.
    pub generation: u64,
    /// Number of rows.
    pub rows: u64,
    /// Why the table could not be written anew, if it could not.
    pub unmended: Option<String>,
}

/// An index out of the store.
#[derive(Clone, Debug)]
pub struct Stored<T> {
    /// The index.
    pub index: T,
    /// Absent where nothing was ever imported.
    pub state: Option<State>,
}

/// What an import did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Imported {
    /// The new generation.
    pub generation: u64,
    /// Number of rows.
    pub rows: u64,
}

/// A stage of an import.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    /// Every row is read and judged; nothing is written.
    Read,
    /// The rows are written.
    Write,
}

/// How far a step has come, in bytes of the import.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Progress {
    /// Bytes behind.
    pub done: u64,
    /// The step.
    pub step: Step,
    /// Bytes in all.
    pub total: u64,
}

/// Who is told how far an import has come.
type Told<'a> = &'a mut (dyn FnMut(Progress) + Send);

impl Store {
    /// The store in a folder, which need not be there yet.
    pub fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    /// The catalogue; empty where none was ever imported. `is_group` says whether a policy knows a group id.
    ///
    /// # Errors
    /// When no copy of it is whole, or a row names a group that no policy has.
    pub fn catalogue(
        &self,
        is_group: impl Fn(&str) -> bool + Sync,
        care: Care,
    ) -> Result<Stored<Catalogue>, RegistryError> {
        self.load(Table::Catalogue, care, || CatalogueBuild::new(&is_group))
    }

    /// The customers; none where none were ever imported.
    ///
    /// # Errors
    /// When no copy of them is whole.
    pub fn customers(&self, care: Care) -> Result<Stored<Customers>, RegistryError> {
        self.load(Table::Customers, care, CustomersBuild::default)
    }

    /// Puts the catalogue `csv`, which was read from `from`, in place of the one in the store.
    ///
    /// # Errors
    /// When a row is bad, all of which are told, or the store cannot be written: nothing changes then.
    pub fn import_catalogue(
        &self,
        from: &Path,
        csv: &[u8],
        is_group: impl Fn(&str) -> bool + Sync,
        told: Told<'_>,
    ) -> Result<Imported, RegistryError> {
        self.import(Table::Catalogue, from, csv, CatalogueBuild::new(&is_group), told)
    }

    /// Puts the customers `csv`, which were read from `from`, in place of those in the store.
    ///
    /// # Errors
    /// As [`Store::import_catalogue`].
    pub fn import_customers(
        &self,
        from: &Path,
        csv: &[u8],
        told: Told<'_>,
    ) -> Result<Imported, RegistryError> {
        self.import(Table::Customers, from, csv, CustomersBuild::default(), told)
    }

    /// The table as CSV, every column, in the order of its import; nothing but the header where none was imported.
    ///
    /// # Errors
    /// When no copy of it is whole.
    pub fn export(&self, table: Table) -> Result<Vec<u8>, RegistryError> {
        let folder = self.folder(table);
        let unreadable = |source| RegistryError::Unreadable { path: folder.clone(), source };
        let Some(number) = files::newest(&folder).map_err(unreadable)? else {
            return header(table).map_err(|e| self.unwritable(&e));
        };
        let generation = Generation::open(&folder, number, table)?;
        let import = generation.import();
        import.or_else(|_| generation.sled_as_csv()).map_err(|reason| generation.damaged(reason))
    }

    /// The file that is another one after every import; for those who look for changes.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn watched(&self, table: Table) -> io::Result<Option<PathBuf>> {
        let folder = self.folder(table);
        let newest = files::newest(&folder)?;
        Ok(newest.map(|number| files::generation(&folder, number).join(files::MANIFEST)))
    }

    fn folder(&self, table: Table) -> PathBuf {
        self.dir.join(table.as_str())
    }

    fn unwritable(&self, reason: &dyn std::fmt::Display) -> RegistryError {
        RegistryError::Unwritable { path: self.dir.clone(), reason: reason.to_string() }
    }

    fn import<B: Build>(
        &self,
        table: Table,
        from: &Path,
        csv: &[u8],
        mut build: B,
        told: Told<'_>,
    ) -> Result<Imported, RegistryError> {
        let total = length(csv);
        let mut seen = 0_u64;
        rows::read(csv, from, table, |row, done| {
            seen = seen.wrapping_add(1);
            if seen.is_multiple_of(1024) {
                told(Progress { done, step: Step::Read, total });
            }
            build.row(row)
        })?;
        drop(build.finish());
        let written = self.locked(table).and_then(|_lock| self.write(table, csv, told));
        written.map_err(|reason| self.unwritable(&reason))
    }

    /// Keeps other writers of the table out until it is dropped.
    fn locked(&self, table: Table) -> Result<File, String> {
        let folder = self.folder(table);
        let lock = files::private_folder(&folder).and_then(|()| files::lock(&folder, "lock"));
        let lock = lock.map_err(|error| error.to_string())?;
        lock.lock().map_err(|error| error.to_string())?;
        Ok(lock)
    }

    /// Writes the next generation; whoever calls it holds the lock.
    fn write(&self, table: Table, csv: &[u8], told: Told<'_>) -> Result<Imported, String> {
        let folder = self.folder(table);
        let io = |error: io::Error| error.to_string();
        files::sweep(&folder, None).map_err(io)?;
        let last = files::newest(&folder).map_err(io)?;
        let number = last.unwrap_or_default().checked_add(1).ok_or("no more generations")?;
        let stage = folder.join(format!("{}{}", files::UNFINISHED, std::process::id()));
        files::private_folder(&stage.join(files::SLED)).map_err(io)?;
        let (rows, digest) = apart(|| fill(&stage, table, csv, told))?;
        let mut paths = vec![files::IMPORT.to_owned()];
        paths.extend(files::files_below(&stage, &stage.join(files::SLED)).map_err(io)?);
        let sealed = paths.iter().map(|path| files::seal(&stage, path));
        let manifest = Manifest {
            digest,
            files: sealed.collect::<io::Result<_>>().map_err(io)?,
            generation: number,
            rows,
        };
        let mut file = File::create(stage.join(files::MANIFEST)).map_err(io)?;
        file.write_all(manifest.render().as_bytes()).and_then(|()| file.sync_all()).map_err(io)?;
        let generation = Generation { folder: stage.clone(), manifest, table, within: &folder };
        // What has just been written is read as a start would read it, before it counts.
        generation.each_in_sled(&mut |_| Ok(()))?;
        files::sync_folder(&stage.join(files::SLED)).map_err(io)?;
        files::sync_folder(&stage).map_err(io)?;
        fs::rename(&stage, files::generation(&folder, number)).map_err(io)?;
        files::sync_folder(&folder).map_err(io)?;
        // The new generation is in force; what is left of the old ones is removed by the next import if not now.
        files::sweep(&folder, Some(number)).ok();
        Ok(Imported { generation: number, rows })
    }

    fn load<B: Build>(
        &self,
        table: Table,
        care: Care,
        new: impl Fn() -> B,
    ) -> Result<Stored<B::Index>, RegistryError> {
        let folder = self.folder(table);
        let newest = || {
            let unreadable = |source| RegistryError::Unreadable { path: folder.clone(), source };
            files::newest(&folder).map_err(unreadable)
        };
        loop {
            let Some(number) = newest()? else {
                return Ok(Stored { index: new().finish(), state: None });
            };
            let loaded = Generation::open(&folder, number, table)
                .and_then(|generation| generation.load(care, &new));
            let (index, damage) = match loaded {
                Ok(loaded) => loaded,
                // An import has put another generation in this one's place meanwhile; numbers only rise.
                Err(_) if newest()? != Some(number) => continue,
                Err(error) => return Err(error),
            };
            let (index, rows) = index;
            let mut state = State { damage: None, generation: number, rows, unmended: None };
            if let Some((reason, csv)) = damage {
                if newest()? != Some(number) {
                    continue;
                }
                state.damage = Some(reason);
                if care == Care::Mend {
                    match self.mend(table, number, &csv) {
                        Ok(generation) => state.generation = generation,
                        Err(reason) => state.unmended = Some(reason),
                    }
                }
            }
            return Ok(Stored { index, state: Some(state) });
        }
    }

    /// Writes a damaged generation anew, unless an import has done so meanwhile.
    fn mend(&self, table: Table, damaged: u64, csv: &[u8]) -> Result<u64, String> {
        let _lock = self.locked(table)?;
        let newest = files::newest(&self.folder(table)).map_err(|error| error.to_string())?;
        match newest {
            Some(newest) if newest != damaged => Ok(newest),
            _ => Ok(self.write(table, csv, &mut |_| {})?.generation),
        }
    }
}

/// Writes import and sled into a staging folder.
fn fill(stage: &Path, table: Table, csv: &[u8], told: Told<'_>) -> Result<(u64, String), String> {
    let text = |error: csv::Error| error.to_string();
    let file = File::create(stage.join(files::IMPORT)).map_err(|error| error.to_string())?;
    let mut kept = csv::WriterBuilder::new().from_writer(io::BufWriter::new(file));
    kept.write_record(table.columns()).map_err(text)?;
    let mut sled = Writer::new(&stage.join(files::SLED))?;
    let mut value = Vec::new();
    let (mut seen, total) = (0_u64, length(csv));
    let mut failed = None;
    let read = rows::read(csv, stage, table, |row, done| {
        if failed.is_some() {
            return Ok(());
        }
        seen = seen.wrapping_add(1);
        if seen.is_multiple_of(1024) {
            told(Progress { done, step: Step::Write, total });
        }
        let fields = table.columns().iter().map(|column| row.field(column).unwrap_or_default());
        rows_in_sled::value(row, table, &mut value);
        let wrote = kept.write_record(fields).map_err(text).and_then(|()| sled.push(&value));
        failed = wrote.err();
        Ok(())
    });
    read.map_err(|error| error.to_string())?;
    if let Some(reason) = failed {
        return Err(reason);
    }
    kept.flush().map_err(|error| error.to_string())?;
    sled.finish()
}

fn writer(table: Table) -> Result<csv::Writer<Vec<u8>>, csv::Error> {
    let mut out = csv::WriterBuilder::new().from_writer(Vec::new());
    out.write_record(table.columns())?;
    Ok(out)
}

fn header(table: Table) -> Result<Vec<u8>, String> {
    let out = writer(table).map_err(|error| error.to_string())?;
    out.into_inner().map_err(|error| error.to_string())
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
