//! One generation: what an import left, read only if every byte of it is as it was written.

use std::fs;
use std::fs::File;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use csv::StringRecord;

use crate::registry::build::Build;
use crate::registry::error::RegistryError;
use crate::registry::error::RowFault;
use crate::registry::rows;
use crate::registry::rows::Columns;
use crate::registry::table::Table;

use super::Care;
use super::csv_file::writer;
use super::files;
use super::manifest;
use super::manifest::Manifest;
use super::rows_in_sled;
use super::rows_in_sled::Rows;
use super::rows_in_sled::apart;

/// A generation, and what it must hold.
pub(super) struct Generation<'a> {
    pub(super) folder: PathBuf,
    pub(super) manifest: Manifest,
    pub(super) table: Table,
    /// The table's folder.
    pub(super) within: &'a Path,
}

/// An index with its number of rows; and what is damaged, with the rows as CSV to write it anew from.
pub(super) type Found<I> = ((I, u64), Option<(String, Vec<u8>)>);

impl<'a> Generation<'a> {
    pub(super) fn open(within: &'a Path, number: u64, table: Table) -> Result<Self, RegistryError> {
        let folder = files::generation(within, number);
        let text = fs::read_to_string(folder.join(files::MANIFEST)).ok();
        let manifest = text.and_then(|text| Manifest::parse(&text));
        match manifest.filter(|manifest| manifest.generation == number) {
            Some(manifest) => Ok(Self { folder, manifest, table, within }),
            None => Err(RegistryError::Damaged {
                path: folder,
                reason: "its manifest is not what was written".to_owned(),
                table,
            }),
        }
    }

    pub(super) fn load<B: Build>(
        &self,
        care: Care,
        new: &impl Fn() -> B,
    ) -> Result<Found<B::Index>, RegistryError> {
        let mut build = new();
        let mut faults = Vec::new();
        let whole = match care {
            Care::Look => self.sled_files(),
            Care::Mend => self.index_sled(&mut build, &mut faults),
        };
        let import = self.manifest.below(files::IMPORT);
        let kept = import.map(|seal| files::checked(&self.folder, seal, io::sink()));
        let kept = kept.collect::<Result<(), String>>();
        let rows = self.manifest.rows;
        if !faults.is_empty() && whole.is_ok() {
            return Err(RegistryError::Rows { path: self.folder.clone(), faults });
        }
        let damage = whole.as_ref().err().or(kept.as_ref().err()).cloned();
        if care == Care::Mend && damage.is_none() {
            return Ok(((rows::finished(build, &self.folder)?, rows), None));
        }
        drop(build);
        let csv = match kept {
            Ok(()) => self.import(),
            Err(reason) => self.sled_as_csv().map_err(|other| format!("{other}; {reason}")),
        };
        let csv = csv.map_err(|reason| self.damaged(reason))?;
        let mut build = new();
        rows::read(&csv[..], &self.folder, self.table, |row, _| build.row(row))?;
        let index = rows::finished(build, &self.folder)?;
        Ok(((index, rows), damage.map(|reason| (reason, csv))))
    }

    pub(super) fn damaged(&self, reason: String) -> RegistryError {
        RegistryError::Damaged { path: self.folder.clone(), reason, table: self.table }
    }

    /// The kept import, if it is what was written, down to the rows' digest.
    pub(super) fn import(&self) -> Result<Vec<u8>, String> {
        let mut csv = Vec::new();
        for seal in self.manifest.below(files::IMPORT) {
            files::checked(&self.folder, seal, &mut csv)?;
        }
        let (mut found, mut value) = (Rows::default(), Vec::new());
        let read = rows::read(&csv[..], &self.folder, self.table, |row, _| {
            rows_in_sled::value(row, self.table, &mut value);
            found.add(&value);
            Ok(())
        });
        read.map_err(|error| error.to_string())?;
        self.compare(found.conclude())?;
        Ok(csv)
    }

    /// The same out of sled.
    pub(super) fn sled_as_csv(&self) -> Result<Vec<u8>, String> {
        let mut out = writer(self.table).map_err(|error| error.to_string())?;
        self.each_in_sled(&mut |record| out.write_record(record).map_err(|e| e.to_string()))?;
        out.into_inner().map_err(|error| error.to_string())
    }

    pub(super) fn index_sled<B: Build>(
        &self,
        build: &mut B,
        faults: &mut Vec<RowFault>,
    ) -> Result<(), String> {
        let columns = Columns::of(self.table);
        // The header is line 1 of what export writes.
        let mut line = 2_u64;
        self.each_in_sled(&mut |record| {
            if let Err(bad) = build.row(&columns.row(record)) {
                faults.push(bad.at(line));
            }
            let breaks = record.as_slice().bytes().filter(|byte| *byte == b'\n').count();
            line = line.saturating_add(u64::try_from(breaks).unwrap_or_default()).saturating_add(1);
            Ok(())
        })
    }

    /// True if every file of sled, and none other, is what was written.
    pub(super) fn sled_files(&self) -> Result<(), String> {
        let found = files::files_below(&self.folder, &self.folder.join(files::SLED));
        let mut expected: Vec<_> = self.sled().map(|seal| seal.path.clone()).collect();
        expected.sort();
        if found.map_err(|error| error.to_string())? != expected {
            return Err("sled has other files than were written".to_owned());
        }
        self.sled().try_for_each(|seal| files::checked(&self.folder, seal, io::sink()))
    }

    pub(super) fn sled(&self) -> impl Iterator<Item = &manifest::FileSeal> {
        self.manifest.below("sled/")
    }

    /// Gives each row to `each`, from a private copy of sled: opening it writes, and it may have one owner only.
    pub(super) fn each_in_sled(
        &self,
        each: &mut (dyn FnMut(&StringRecord) -> Result<(), String> + Send),
    ) -> Result<(), String> {
        static COPIES: AtomicU64 = AtomicU64::new(0);
        let io = |error: io::Error| error.to_string();
        self.sled_files()?;
        let readers = files::lock(self.within, "readers").map_err(io)?;
        readers.lock_shared().map_err(io)?;
        let n = COPIES.fetch_add(1, Ordering::Relaxed);
        let copy = Copy(self.within.join(format!("{}{}-{n}", files::LOOK, std::process::id())));
        for seal in self.sled() {
            let to = copy.0.join(&seal.path);
            files::private_folder(to.parent().unwrap_or(&copy.0)).map_err(io)?;
            files::checked(&self.folder, seal, File::create(&to).map_err(io)?)?;
        }
        let mut record = StringRecord::new();
        let found = apart(|| {
            rows_in_sled::read(&copy.0.join(files::SLED), |value| {
                rows_in_sled::record(value, self.table, &mut record)?;
                each(&record)
            })
        })?;
        self.compare(found)
    }

    pub(super) fn compare(&self, (rows, digest): (u64, String)) -> Result<(), String> {
        if rows != self.manifest.rows {
            return Err(format!("{rows} rows where {} were written", self.manifest.rows));
        }
        if digest != self.manifest.digest {
            return Err("the rows are not those that were written".to_owned());
        }
        Ok(())
    }
}

/// A folder that goes when it is dropped.
pub(super) struct Copy(PathBuf);

impl Drop for Copy {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}
