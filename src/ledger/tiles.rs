//! A folder that an auditor takes away: the log as C2SP tlog-tiles has it, and beside each entry bundle the evidence that its envelopes
//! commit to (docs/ledger-format.md).

use std::fs;
use std::fs::DirBuilder;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::BufWriter;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;

use crate::merkle::Note;
use crate::merkle::TileKind;
use crate::merkle::TilePath;

use super::error::LedgerError;
use super::parts::Parts;
use super::reader::Reader;
use super::tree::ServedLog;

/// Levels that a tree can have.
const LEVELS: u8 = 8;
/// So often the progress is told.
const TOLD: u64 = 4_096;

/// What was written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TilesSummary {
    /// Records, all that the checkpoint covers.
    pub records: u64,
    /// Files of the tree, entries and evidence.
    pub files: u64,
}

/// Writes the published log in `dir` to the folder `out`, which must be empty or absent: `checkpoint`, `ledger.pub`, `tile/<L>/<N>`,
/// `tile/entries/<N>` and `evidence/<N>`, full and partial, for the tree of the last checkpoint. The checkpoint comes last: a folder
/// without one is unfinished. One record is in memory at a time; `progress` is told how many of how many are written.
///
/// # Errors
/// `Io`, also if `out` is not empty; `NoCheckpoint` if nothing is published; `Defective` or `Unreadable` where the ledger is not what was
/// written.
pub fn export_tiles(
    dir: &Path,
    out: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<TilesSummary, LedgerError> {
    let log = ServedLog::of(dir);
    let none = || LedgerError::NoCheckpoint { dir: dir.to_owned() };
    let (note, checkpoint) = log.published()?.ok_or_else(none)?;
    let key = log.verifier()?.ok_or_else(none)?;
    let size = checkpoint.size();
    begin(out)?;
    let mut files = 0_u64;
    for level in 0..LEVELS {
        for tile in TilePath::all(TileKind::Hashes(level), size) {
            let bytes = log.tile(tile)?.ok_or(LedgerError::Unreadable { sequence: size })?;
            write(&out.join(tile.to_string()), &bytes)?;
            files = files.saturating_add(1);
        }
    }
    files = files.saturating_add(records(dir, out, size, progress)?);
    write(&out.join("ledger.pub"), key.as_bytes())?;
    write(&out.join("checkpoint"), cosigned(&log, note)?.to_string().as_bytes())?;
    Ok(TilesSummary { records: size, files })
}

/// The checkpoint with its cosignatures, if witnesses have cosigned this very one.
fn cosigned(log: &ServedLog, note: Note) -> Result<Note, LedgerError> {
    let witnessed = log.witnessed()?.and_then(|text| Note::parse(&text).ok());
    Ok(witnessed.filter(|witnessed| witnessed.text() == note.text()).unwrap_or(note))
}

/// Writes entry bundles and evidence; returns how many files.
fn records(
    dir: &Path,
    out: &Path,
    size: u64,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<u64, LedgerError> {
    let mut reader = Reader::open(dir)?;
    let (mut done, mut files) = (0_u64, 0_u64);
    for bundle in TilePath::all(TileKind::Entries, size) {
        let place = bundle.to_string();
        let number = place.strip_prefix("tile/entries").unwrap_or(&place);
        let mut entries = Growing::create(out.join(&place))?;
        let mut evidence = Growing::create(out.join(format!("evidence{number}")))?;
        for sequence in bundle.indices() {
            let unreadable = || LedgerError::Unreadable { sequence };
            let record = reader.next_record()?.filter(|record| record.sequence == sequence);
            let payload = record.ok_or_else(unreadable)?.payload;
            let entry = Parts::entry(payload).ok_or_else(unreadable)?;
            entries.write(entry)?;
            // The rest of a payload is `u32 D, document part, u32 P, personal part`, as it is to be written.
            Parts::read(payload).ok_or_else(unreadable)?;
            evidence.write(payload.get(entry.len()..).unwrap_or_default())?;
            done = done.saturating_add(1);
            if done.is_multiple_of(TOLD) {
                progress(done, size);
            }
        }
        entries.finish()?;
        evidence.finish()?;
        files = files.saturating_add(2);
    }
    progress(done, size);
    Ok(files)
}

/// Makes the folder, or takes an empty one.
fn begin(out: &Path) -> Result<(), LedgerError> {
    let mut builder = DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(out);
    made.map_err(LedgerError::io("create", out))?;
    let mut listed = fs::read_dir(out).map_err(LedgerError::io("read", out))?;
    if listed.next().is_some() {
        let full = io::Error::new(io::ErrorKind::DirectoryNotEmpty, "it is not empty");
        return Err(LedgerError::io("export into", out)(full));
    }
    Ok(())
}

struct Growing {
    file: BufWriter<File>,
    path: PathBuf,
}

impl Growing {
    fn create(path: PathBuf) -> Result<Self, LedgerError> {
        let made = (|| {
            if let Some(folder) = path.parent() {
                DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            }
            OpenOptions::new().create_new(true).write(true).mode(0o600).open(&path)
        })();
        let file = made.map_err(LedgerError::io("create", &path))?;
        Ok(Self { file: BufWriter::new(file), path })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), LedgerError> {
        self.file.write_all(bytes).map_err(LedgerError::io("write", &self.path))
    }

    fn finish(mut self) -> Result<(), LedgerError> {
        self.file.flush().map_err(LedgerError::io("write", &self.path))
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), LedgerError> {
    let mut file = Growing::create(path.to_owned())?;
    file.write(bytes)?;
    file.finish()
}
