//! Catalogue and customers in sled, kept so that none of their rows can go missing unseen (docs/adr/0004).
//!
//! Each table has a folder, and in it one generation: `g-N/` with `import.csv` (what was imported, as export writes it), `sled/`
//! and a sealed `manifest`. An import writes the next generation beside it; the rename that gives it its number is the
//! commit. Nothing in a generation changes afterwards: readers open a private copy of sled, because opening writes.
//!
//! It must never answer with fewer rows than were imported. What differs from the manifest is rebuilt from the import;
//! if that differs too, it is an error.

mod csv_file;
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
use super::edits::Base;
use super::edits::Editing;
use super::edits::Edits;
use super::error::RegistryError;
use super::row_file::RowFile;
use super::rows;
use super::table::Table;

use csv_file::Csv;
use csv_file::Writing;
use csv_file::fill;
use csv_file::writer;
use generation::Generation;
use manifest::Manifest;
pub(super) use manifest::hex;
use rows_in_sled::apart;
pub(super) use rows_in_sled::{Rows, value};

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
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Imported {
    /// What edits stand on from now on.
    pub base: Base,
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

    /// The catalogue; empty where none was ever imported. `is_group` says whether a policy knows a group id; `edits` are those that
    /// are known, in place of those that are kept beside it.
    ///
    /// # Errors
    /// When no copy of it is whole, or a row names a group that no policy has.
    pub fn catalogue(
        &self,
        is_group: impl Fn(&str) -> bool + Sync,
        care: Care,
        edits: Option<&Edits>,
    ) -> Result<Stored<Catalogue>, RegistryError> {
        self.load(Table::Catalogue, care, edits, || CatalogueBuild::new(&is_group))
    }

    /// The customers; none where none were ever imported. `edits` as for [`Store::catalogue`].
    ///
    /// # Errors
    /// When no copy of them is whole.
    pub fn customers(
        &self,
        care: Care,
        edits: Option<&Edits>,
    ) -> Result<Stored<Customers>, RegistryError> {
        self.load(Table::Customers, care, edits, CustomersBuild::default)
    }

    /// What is there now, for edits to stand on.
    ///
    /// # Errors
    /// When the folder cannot be read or the manifest is damaged.
    pub fn base(&self, table: Table) -> Result<Base, RegistryError> {
        let folder = self.folder(table);
        Ok(match self.newest(&folder)? {
            Some(number) => Generation::open(&folder, number, table)?.manifest.base(),
            None => Base::default(),
        })
    }

    /// The edits that are kept, whatever they stand on.
    ///
    /// # Errors
    /// When they are not what was written.
    pub fn edits(&self, table: Table) -> Result<Option<Edits>, RegistryError> {
        let folder = self.folder(table);
        Edits::read(&folder).map_err(|error| RegistryError::Damaged {
            path: folder,
            reason: format!("its edits are {error}; a start of the gateway makes them again"),
            table,
        })
    }

    /// Keeps edits, durably.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn keep_edits(&self, table: Table, edits: &Edits) -> Result<(), RegistryError> {
        let folder = self.folder(table);
        let kept = files::private_folder(&folder).and_then(|()| edits.write(&folder));
        kept.map_err(|error| self.unwritable(&error))
    }

    /// The rows of the import that is in force, to look things up in.
    ///
    /// # Errors
    /// When they are not what was written.
    pub fn rows(&self, table: Table) -> Result<RowFile, RegistryError> {
        let folder = self.folder(table);
        loop {
            let Some(number) = self.newest(&folder)? else { return Ok(RowFile::empty(table)) };
            let opened = Generation::open(&folder, number, table).and_then(|generation| {
                let file = generation.folder.join(files::IMPORT);
                let read = RowFile::open(&file, table, generation.manifest.base());
                read.map_err(|reason| generation.damaged(reason))
            });
            match opened {
                Err(_) if self.newest(&folder)? != Some(number) => {}
                opened => return opened,
            }
        }
    }

    /// Puts a file in place of the table; it is read from the disk, twice.
    ///
    /// # Errors
    /// As [`Store::import_catalogue`].
    pub fn import_file(
        &self,
        table: Table,
        file: &Path,
        is_group: &(dyn Fn(&str) -> bool + Sync),
        told: Told<'_>,
    ) -> Result<Imported, RegistryError> {
        let csv = Csv::File(file);
        match table {
            Table::Catalogue => self.import(table, file, csv, CatalogueBuild::new(&is_group), told),
            Table::Customers => self.import(table, file, csv, CustomersBuild::default(), told),
        }
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
        self.import(Table::Catalogue, from, Csv::Bytes(csv), CatalogueBuild::new(&is_group), told)
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
        self.import(Table::Customers, from, Csv::Bytes(csv), CustomersBuild::default(), told)
    }

    /// The table as CSV, every column, in the order of its import; nothing but the header where none was imported.
    ///
    /// # Errors
    /// When no copy of it is whole.
    pub fn export(&self, table: Table) -> Result<Vec<u8>, RegistryError> {
        let folder = self.folder(table);
        let unreadable = |source| RegistryError::Unreadable { path: folder.clone(), source };
        let Some(number) = files::newest(&folder).map_err(unreadable)? else {
            let edits = self.edits(table)?.filter(|edits| edits.base == Base::default());
            return self.edited_csv(table, None, &edits.unwrap_or_default());
        };
        let generation = Generation::open(&folder, number, table)?;
        let import = generation.import();
        let csv = import.or_else(|_| generation.sled_as_csv());
        let csv = csv.map_err(|reason| generation.damaged(reason))?;
        let base = generation.manifest.base();
        match self.edits(table)?.filter(|edits| edits.base == base && !edits.rows.is_empty()) {
            Some(edits) => self.edited_csv(table, Some(&csv), &edits),
            None => Ok(csv),
        }
    }

    fn edited_csv(
        &self,
        table: Table,
        csv: Option<&[u8]>,
        edits: &Edits,
    ) -> Result<Vec<u8>, RegistryError> {
        let out = writer(table).map_err(|error| self.unwritable(&error))?;
        let mut build = Editing::new(Writing { out, table }, table, Some(edits));
        if let Some(csv) = csv {
            rows::read(csv, &self.folder(table), table, |row, _| build.row(row))?;
        }
        rows::finished(build, &self.folder(table))
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

    fn newest(&self, folder: &Path) -> Result<Option<u64>, RegistryError> {
        let unreadable = |source| RegistryError::Unreadable { path: folder.to_owned(), source };
        files::newest(folder).map_err(unreadable)
    }

    fn unwritable(&self, reason: &dyn std::fmt::Display) -> RegistryError {
        RegistryError::Unwritable { path: self.dir.clone(), reason: reason.to_string() }
    }

    fn import<B: Build>(
        &self,
        table: Table,
        from: &Path,
        csv: Csv<'_>,
        mut build: B,
        told: Told<'_>,
    ) -> Result<Imported, RegistryError> {
        let total = csv.length();
        let mut seen = 0_u64;
        let unreadable = |source| RegistryError::Unreadable { path: from.to_owned(), source };
        rows::read(csv.open().map_err(unreadable)?, from, table, |row, place| {
            seen = seen.wrapping_add(1);
            if seen.is_multiple_of(1024) {
                told(Progress { done: place.ends, step: Step::Read, total });
            }
            row.unfit(table).and_then(|()| build.row(row))
        })?;
        drop(rows::finished(build, from)?);
        let written = self.locked(table).and_then(|_lock| self.write(table, csv, None, told));
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
    fn write(
        &self,
        table: Table,
        csv: Csv<'_>,
        mends: Option<u64>,
        told: Told<'_>,
    ) -> Result<Imported, String> {
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
            mends,
            rows,
        };
        let mut file = File::create(stage.join(files::MANIFEST)).map_err(io)?;
        file.write_all(manifest.render().as_bytes()).and_then(|()| file.sync_all()).map_err(io)?;
        let base = manifest.base();
        let generation = Generation { folder: stage.clone(), manifest, table, within: &folder };
        // What has just been written is read as a start would read it, before it counts.
        generation.each_in_sled(&mut |_| Ok(()))?;
        files::sync_folder(&stage.join(files::SLED)).map_err(io)?;
        files::sync_folder(&stage).map_err(io)?;
        fs::rename(&stage, files::generation(&folder, number)).map_err(io)?;
        files::sync_folder(&folder).map_err(io)?;
        // The new generation is in force; what is left of the old ones is removed by the next import if not now.
        files::sweep(&folder, Some(number)).ok();
        Ok(Imported { base, generation: number, rows })
    }

    fn load<B: Build>(
        &self,
        table: Table,
        care: Care,
        edits: Option<&Edits>,
        new: impl Fn() -> B,
    ) -> Result<Stored<B::Index>, RegistryError> {
        let folder = self.folder(table);
        let newest = || self.newest(&folder);
        let kept = match (edits, self.edits(table)) {
            (Some(_), _) => None,
            (None, Ok(kept)) => kept,
            (None, Err(error)) if care == Care::Look => return Err(error),
            // Whoever mends knows them from the record, and gives them soon.
            (None, Err(_)) => None,
        };
        let edits = edits.or(kept.as_ref());
        let on = |base: &Base| edits.filter(|edits| edits.base == *base);
        loop {
            let Some(number) = newest()? else {
                let build = Editing::new(new(), table, on(&Base::default()));
                return Ok(Stored { index: rows::finished(build, &folder)?, state: None });
            };
            let loaded = Generation::open(&folder, number, table).and_then(|generation| {
                let edits = on(&generation.manifest.base());
                generation.load(care, &|| Editing::new(new(), table, edits))
            });
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
            _ => {
                let folder = self.folder(table);
                let of = Generation::open(&folder, damaged, table).map_err(|e| e.to_string())?;
                let mends = Some(of.manifest.base().generation);
                Ok(self.write(table, Csv::Bytes(csv), mends, &mut |_| {})?.generation)
            }
        }
    }
}
