//! Files that wait to be previewed, proposed and applied: private, bounded, and gone once they are of no use.

use std::fs;
use std::fs::File;
use std::io;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;
use sha2::Digest;
use sha2::Sha256;

use crate::control::ControlError;
use crate::output::replace_private;
use crate::registry::Bulk;
use crate::registry::Preview;
use crate::registry::Table;

/// The folder below `[store] dir`.
const FOLDER: &str = "imports";
/// The largest file, in bytes.
pub(super) const LARGEST: u64 = 512 * 1024 * 1024;
/// The most that wait at once.
const MOST: usize = 20;

/// What an import is made of.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Origin {
    /// A change of many rows.
    Bulk {
        /// Which.
        bulk: Bulk,
    },
    /// A file that somebody uploaded.
    Upload,
}

/// What is kept of an import beside its file.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Meta {
    pub(super) at: Timestamp,
    pub(super) by: String,
    /// Of the file; 0 before it is there.
    pub(super) bytes: u64,
    pub(super) id: String,
    pub(super) origin: Origin,
    /// Of the file, in hexadecimal digits.
    pub(super) sha256: String,
    pub(super) table: Table,
    /// The table's version that the preview compares with.
    pub(super) version: u64,
}

/// The folder of all imports.
#[derive(Clone, Debug)]
pub(super) struct Staging {
    dir: PathBuf,
}

/// A file that is being written. Dropped before it is finished, it leaves nothing behind.
#[derive(Debug)]
pub struct Upload {
    bytes: u64,
    file: Option<File>,
    folder: PathBuf,
    hash: Sha256,
    pub(super) meta: Meta,
}

impl Staging {
    pub(super) fn new(store: &Path) -> Self {
        Self { dir: store.join(FOLDER) }
    }

    /// Begins an import; `open` are those that wait already.
    pub(super) fn begin(&self, meta: Meta) -> Result<Upload, ControlError> {
        if self.all()?.len() >= MOST {
            return Err(ControlError::Conflict(format!(
                "{MOST} imports wait already: apply or withdraw one first"
            )));
        }
        let folder = self.folder(&meta.id);
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.map_err(|error| unwritable(&folder, &error))?;
        let mut options = File::options();
        let file = options.create_new(true).write(true).mode(0o600).open(folder.join("rows.csv"));
        let file = match file {
            Ok(file) => file,
            Err(error) => {
                fs::remove_dir_all(&folder).ok();
                return Err(unwritable(&folder, &error));
            }
        };
        Ok(Upload { bytes: 0, file: Some(file), folder, hash: Sha256::new(), meta })
    }

    /// The file of an import.
    pub(super) fn file(&self, id: &str) -> PathBuf {
        self.folder(id).join("rows.csv")
    }

    /// Every import whose file is whole, oldest first.
    pub(super) fn all(&self) -> Result<Vec<Meta>, ControlError> {
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unwritable(&self.dir, &error)),
        };
        let names = entries.flatten().map(|entry| entry.file_name());
        let metas = names.filter_map(|name| self.meta(name.to_str()?));
        let mut all: Vec<Meta> = metas.collect();
        all.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(all)
    }

    pub(super) fn meta(&self, id: &str) -> Option<Meta> {
        // An id comes from outside: it is a name and no path.
        let is_name = !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let text = fs::read(self.folder(id).join("meta.json")).ok().filter(|_| is_name)?;
        serde_json::from_slice(&text).ok().filter(|meta: &Meta| meta.id == id)
    }

    pub(super) fn keep_meta(&self, meta: &Meta) -> Result<(), ControlError> {
        self.keep(&meta.id, "meta.json", &serde_json::to_vec(meta)?)
    }

    pub(super) fn preview(&self, id: &str) -> Option<Preview> {
        let text = fs::read(self.folder(id).join("preview.json")).ok()?;
        serde_json::from_slice(&text).ok()
    }

    pub(super) fn keep_preview(&self, id: &str, preview: &Preview) -> Result<(), ControlError> {
        self.keep(id, "preview.json", &serde_json::to_vec(preview)?)
    }

    /// The length and SHA-256 of an import's file as it is now.
    pub(super) fn measure(&self, id: &str) -> Result<(u64, String), ControlError> {
        let path = self.file(id);
        let mut hash = Hashing(Sha256::new());
        let measured = File::open(&path).and_then(|mut file| io::copy(&mut file, &mut hash));
        let bytes = measured.map_err(|error| {
            ControlError::Conflict(format!(
                "the file of this import cannot be read ({error}): withdraw it and upload it again"
            ))
        })?;
        Ok((bytes, hex(&hash.0.finalize())))
    }

    /// The import is of no use any more.
    pub(super) fn remove(&self, id: &str) {
        fs::remove_dir_all(self.folder(id)).ok();
    }

    /// Removes what was never whole: uploads that were cut off by the end of the program.
    pub(super) fn sweep(&self) {
        for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            let name = entry.file_name();
            if name.to_str().and_then(|name| self.meta(name)).is_none() {
                fs::remove_dir_all(entry.path()).ok();
            }
        }
    }

    fn keep(&self, id: &str, name: &str, bytes: &[u8]) -> Result<(), ControlError> {
        let path = self.folder(id).join(name);
        replace_private(&path, bytes).map_err(|error| unwritable(&path, &error))
    }

    fn folder(&self, id: &str) -> PathBuf {
        self.dir.join(id)
    }
}

impl Upload {
    /// Adds bytes. To be called where waiting for a disk holds up nobody.
    ///
    /// # Errors
    /// `Invalid` when it becomes larger than 512 MiB; `Store` when it cannot be written.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), ControlError> {
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if self.bytes > LARGEST {
            return Err(ControlError::Invalid(format!(
                "the file is larger than {LARGEST} bytes: split it, or use `interdict {} import`",
                self.meta.table.command()
            )));
        }
        self.hash.update(bytes);
        let Some(file) = &mut self.file else { return Ok(()) };
        file.write_all(bytes).map_err(|error| unwritable(&self.folder, &error))
    }

    pub(super) const fn file(&self) -> Option<&File> {
        self.file.as_ref()
    }

    /// It is whole, and on the disk.
    pub(super) fn finish(mut self) -> Result<Meta, ControlError> {
        let sha256 = hex(&std::mem::take(&mut self.hash).finalize());
        let bytes = self.bytes;
        self.finish_as(bytes, sha256)
    }

    /// As [`Upload::finish`], where somebody else has written the file.
    pub(super) fn finish_as(mut self, bytes: u64, sha256: String) -> Result<Meta, ControlError> {
        let Some(file) = self.file.take() else { return Ok(self.meta.clone()) };
        let kept = file.sync_all().and_then(|()| {
            self.meta.bytes = bytes;
            self.meta.sha256 = sha256;
            let meta = serde_json::to_vec(&self.meta)?;
            replace_private(&self.folder.join("meta.json"), &meta)
        });
        match kept {
            Ok(()) => Ok(self.meta.clone()),
            Err(error) => {
                self.file = Some(file);
                Err(unwritable(&self.folder, &error))
            }
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if self.file.is_some() {
            fs::remove_dir_all(&self.folder).ok();
        }
    }
}

struct Hashing(Sha256);

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        write!(text, "{byte:02x}").ok();
    }
    text
}

fn unwritable(path: &Path, error: &io::Error) -> ControlError {
    ControlError::Store(format!("`{}`: {error}", path.display()))
}
