//! The rows of an import on disk, found by id or one after the other: what people look up and search, not what requests wait for.
//!
//! Three numbers a row are kept in memory: hashes of its id and of its texts, and where it begins.

use std::fs::File;
use std::hash::BuildHasher;
use std::hash::RandomState;
use std::io;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;

use csv::StringRecord;

use super::cells::Cells;
use super::cells::of_row;
use super::cells::row_id;
use super::edits::Base;
use super::error::RegistryError;
use super::rows;
use super::rows::Columns;
use super::rows::Row;
use super::store::Rows;
use super::store::value;
use super::table::Table;

/// Rows of one import. They stay readable when another import has replaced it.
#[derive(Debug)]
pub struct RowFile {
    base: Base,
    columns: Columns,
    /// Sorted by `id`.
    entries: Vec<Entry>,
    file: Option<File>,
    /// Where the first row begins.
    first: u64,
    hashing: RandomState,
    table: Table,
}

/// A row.
#[derive(Clone, Copy, Debug)]
struct Entry {
    at: u64,
    id: u64,
    row: u64,
}

impl RowFile {
    /// Where nothing was ever imported.
    pub(super) fn empty(table: Table) -> Self {
        Self {
            base: Base::default(),
            columns: Columns::of(table),
            entries: Vec::new(),
            file: None,
            first: 0,
            hashing: RandomState::new(),
            table,
        }
    }

    /// Reads a file of somebody else's, such as the one that the configuration names.
    ///
    /// # Errors
    /// When it cannot be read, or a row is bad.
    pub fn of_file(path: &Path, table: Table) -> Result<Self, RegistryError> {
        let mut read = Self::read(path, table)?;
        // No generation has it: what tells it from what it is later is what is in it.
        let digits = read.base.digest.get(..15).unwrap_or_default();
        read.base.generation = u64::from_str_radix(digits, 16).unwrap_or_default();
        Ok(read)
    }

    /// Reads a file, which must hold what `base` says.
    pub(super) fn open(path: &Path, table: Table, base: Base) -> Result<Self, String> {
        let read = Self::read(path, table).map_err(|error| error.to_string())?;
        if read.base.digest != base.digest {
            return Err("the rows of its import are not those that were written".to_owned());
        }
        Ok(Self { base, ..read })
    }

    fn read(path: &Path, table: Table) -> Result<Self, RegistryError> {
        let unreadable = |source| RegistryError::Unreadable { path: path.to_owned(), source };
        let file = File::open(path).map_err(unreadable)?;
        let mut columns = None;
        let hashing = RandomState::new();
        let (mut entries, mut first) = (Vec::new(), None);
        let (mut found, mut bytes) = (Rows::default(), Vec::new());
        rows::read(&file, path, table, |row, place| {
            value(row, table, &mut bytes);
            found.add(&bytes);
            first.get_or_insert(place.begins);
            columns.get_or_insert_with(|| row.columns().clone());
            if let Some(id) = row_id(row, table) {
                let (id, row) = (hashing.hash_one(&id), hash_row(&hashing, row, table));
                entries.push(Entry { at: place.begins, id, row });
            }
            Ok(())
        })?;
        entries.shrink_to_fit();
        entries.sort_unstable_by_key(|entry| entry.id);
        Ok(Self {
            base: Base { digest: found.conclude().1, generation: 0 },
            columns: columns.unwrap_or_else(|| Columns::of(table)),
            // A file without rows ends with its header.
            file: first.is_some().then_some(file),
            entries,
            first: first.unwrap_or(0),
            hashing,
            table,
        })
    }

    /// The import.
    pub const fn base(&self) -> &Base {
        &self.base
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The row of an id.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn get(&self, id: &str) -> io::Result<Option<Cells>> {
        for (_, entry) in self.of_id(id) {
            let cells = self.at(entry.at)?;
            if self.table.id(&cells).as_deref() == Some(id) {
                return Ok(Some(cells));
            }
        }
        Ok(None)
    }

    /// Where the row of an id begins, by the hash of it.
    pub(super) fn place(&self, id: &str) -> Option<u64> {
        self.of_id(id).next().map(|(_, entry)| entry.at)
    }

    /// The number of a row of that id, and the hash of its texts.
    pub(super) fn hashed(&self, id: &str) -> Option<(usize, u64)> {
        self.of_id(id).next().map(|(at, entry)| (at, entry.row))
    }

    /// Where the row of that number begins.
    pub(super) fn begins(&self, number: usize) -> Option<u64> {
        self.entries.get(number).map(|entry| entry.at)
    }

    /// The hash of the texts of a row of some other file.
    pub(super) fn hash(&self, row: &Row<'_>) -> u64 {
        hash_row(&self.hashing, row, self.table)
    }

    /// The row that begins there.
    pub(super) fn at(&self, at: u64) -> io::Result<Cells> {
        let mut found = Cells::new();
        self.scan(at, 1024, &mut |row, _| {
            found = of_row(row, self.table);
            false
        })?;
        Ok(found)
    }

    /// Gives every row from `at` on (0: from the first) with where it begins, until `each` says false; where the next one begins, if
    /// there is one.
    pub(super) fn scan(
        &self,
        at: u64,
        buffer: usize,
        each: &mut dyn FnMut(&Row<'_>, u64) -> bool,
    ) -> io::Result<Option<u64>> {
        let Some(file) = &self.file else { return Ok(None) };
        let start = at.max(self.first);
        let mut builder = csv::ReaderBuilder::new();
        builder.has_headers(false).buffer_capacity(buffer);
        let mut reader = builder.from_reader(ReadAt { at: start, file });
        let mut record = StringRecord::new();
        loop {
            let begins = start.saturating_add(reader.position().byte());
            if !reader.read_record(&mut record).map_err(io::Error::other)? {
                return Ok(None);
            }
            if !each(&self.columns.row(&record), begins) {
                return Ok(Some(start.saturating_add(reader.position().byte())));
            }
        }
    }

    fn of_id(&self, id: &str) -> impl Iterator<Item = (usize, Entry)> {
        let hash = self.hashing.hash_one(id);
        let from = self.entries.partition_point(|entry| entry.id < hash);
        let rest = self.entries.iter().copied().enumerate().skip(from);
        rest.take_while(move |(_, entry)| entry.id == hash)
    }
}

fn hash_row(hashing: &RandomState, row: &Row<'_>, table: Table) -> u64 {
    use std::hash::Hash as _;
    use std::hash::Hasher as _;
    let mut hasher = hashing.build_hasher();
    for column in table.columns() {
        row.field(column).unwrap_or_default().hash(&mut hasher);
    }
    hasher.finish()
}

/// A file from some byte on; several may read it at once.
struct ReadAt<'a> {
    at: u64,
    file: &'a File,
}

impl Read for ReadAt<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.at)?;
        self.at = self.at.saturating_add(u64::try_from(read).unwrap_or_default());
        Ok(read)
    }
}
