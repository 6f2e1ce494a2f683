//! A log in the layout of C2SP tlog-tiles: `checkpoint`, `tile/<L>/<N>`, `tile/entries/<N>`, and beside them `evidence/<N>`.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use super::checkpoint::Checkpoint;
use super::directory::Options;
use super::error::{AuditError, Defect, DefectKind};
use super::files;
use super::hash::Hash;
use super::published::{CHECKPOINT, Claims, log_key};
use super::record::{Auditor, Beside, PAYLOAD_LIMIT, Place, split_entry};
use super::report::{Cosigned, Parts, Published};
use super::tree::{Failure, Mismatch, StoredTree, complete};
use super::window::Window;

/// Hashes of a full tile, entries of a full bundle.
const WIDTH: u64 = 256;
/// Most bytes of a bundle: 256 entries of 65,535 bytes, each with its length.
const BUNDLE: u64 = WIDTH * 65_537;

/// What the audit of a folder of tiles found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TilesReport {
    /// The state of the log that the folder holds.
    pub published: Published,
    /// Whether the key came from outside.
    pub key_given: bool,
    /// Name and id of the key.
    pub key: String,
    /// Checkpoints, of the folder and from outside, that the log was found to contain.
    pub checkpoints: u64,
    /// The latest cosignature of each witness that was asked for.
    pub cosigned: Vec<Cosigned>,
    /// What lies beside the entries; `None` if the folder has no `evidence`, and nothing but entries was verified.
    pub parts: Option<Parts>,
    /// Records that say that subjects' keys were destroyed.
    pub erasures: u64,
}

/// Verifies a folder of tiles: entries against leaf hashes, the tiles of every level, root, signatures, and the evidence where it is there.
/// `progress` gets the entries that were read, and how many there are.
///
/// # Errors
/// `Defective` with the first defect; `Io` if a file cannot be read.
pub fn verify_tiles(
    dir: impl AsRef<Path>,
    options: &Options,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<TilesReport, AuditError> {
    let dir = dir.as_ref();
    fs::read_dir(dir).map_err(AuditError::io("read", dir))?;
    let note = files::read_small(&dir.join(CHECKPOINT))?;
    let note = note.ok_or_else(|| Defect::file(CHECKPOINT, DefectKind::NoCheckpoint))?;
    let checkpoint = Checkpoint::read(&note).map_err(|kind| Defect::file(CHECKPOINT, kind))?;
    let Checkpoint { origin, size, root, .. } = checkpoint.clone();
    let published = Published { origin, size, root };
    let mut notes = vec![(CHECKPOINT.to_owned(), checkpoint)];
    for (name, text) in &options.checkpoints {
        let given = Checkpoint::read(text).map_err(|kind| Defect::file(name, kind))?;
        notes.push((name.clone(), given));
    }
    let key = log_key(dir, options.key.as_ref())?;
    let claims = Claims::verified(&notes, key.as_ref(), &options.witnesses)?;
    let key = key.ok_or_else(|| Defect::file(CHECKPOINT, DefectKind::NoKey))?;
    let evidence = dir.join("evidence").is_dir();
    let mut tree = Tiles { dir, size, current: vec![Vec::new(); complete(size).count()] };
    let mut auditor = Auditor::new(&claims, &mut tree)?;
    let mut window = Window::new();
    let mut bundle = Vec::new();
    for number in 0..size.div_ceil(WIDTH) {
        let width = size.saturating_sub(number.saturating_mul(WIDTH)).min(WIDTH);
        let name = format!("tile/entries/{}", numbered(number, width));
        read_exactly(dir, &name, BUNDLE, &mut bundle)?;
        let beside = evidence.then(|| Evidence::open(dir, number, width)).transpose()?;
        check_bundle(&name, &bundle, width, beside, &mut window, &mut auditor)?;
        progress(auditor.next(), size);
    }
    auditor.end(&Place { file: CHECKPOINT, offset: 0 }, None)?;
    let (parts, erasures) = (auditor.parts(), auditor.subjects.erasures);
    let checkpoints = claims.count();
    Ok(TilesReport {
        published,
        key_given: options.key.is_some(),
        key: key.to_string(),
        checkpoints,
        cosigned: claims.cosigned,
        parts: evidence.then_some(parts),
        erasures,
    })
}

fn check_bundle(
    name: &str,
    bundle: &[u8],
    width: u64,
    mut evidence: Option<Evidence>,
    window: &mut Window,
    auditor: &mut Auditor<'_>,
) -> Result<(), AuditError> {
    window.clear();
    let mut rest = bundle;
    let place_of = |rest: &[u8]| {
        let offset = bundle.len().saturating_sub(rest.len());
        Place { file: name, offset: u64::try_from(offset).unwrap_or(u64::MAX) }
    };
    let fault =
        |place: Place<'_>, reason| AuditError::from(place.defect(DefectKind::Bundle { reason }));
    for _ in 0..width {
        let place = place_of(rest);
        let (entry, after) =
            split_entry(rest).ok_or_else(|| fault(place, "it ends within an entry"))?;
        match &mut evidence {
            Some(evidence) => evidence.take(window, &place, entry, auditor)?,
            None => auditor.entry(&place, None, entry, None)?,
        }
        rest = after;
    }
    if !rest.is_empty() {
        return Err(fault(place_of(rest), "bytes follow its last entry"));
    }
    evidence.map_or(Ok(()), |evidence| evidence.end(window))
}

/// The parts that lie beside a bundle.
struct Evidence {
    name: String,
    path: PathBuf,
    file: File,
    offset: u64,
}

impl Evidence {
    fn open(dir: &Path, number: u64, width: u64) -> Result<Self, AuditError> {
        let name = format!("evidence/{}", numbered(number, width));
        let path = dir.join(&name);
        let file = open(&path, &name)?;
        Ok(Self { name, path, file, offset: 0 })
    }

    /// Takes the parts of the next entry, and the entry with them.
    fn take(
        &mut self,
        window: &mut Window,
        entry_place: &Place<'_>,
        entry: &[u8],
        auditor: &mut Auditor<'_>,
    ) -> Result<(), AuditError> {
        let place = Place { file: &self.name, offset: self.offset };
        let cut = || {
            let reason = "it ends within a part";
            AuditError::from(place.defect(DefectKind::Bundle { reason }))
        };
        let mut end = 0_usize;
        let mut parts = [(0, 0); 2];
        for part in &mut parts {
            let start = end.saturating_add(4);
            let ensured = window.ensure(start, &mut self.file);
            if !ensured.map_err(AuditError::io("read", &self.path))? {
                return Err(cut());
            }
            let length = window.available().get(end..).and_then(|bytes| bytes.first_chunk());
            let length = length.and_then(|length| u32::from_le_bytes(*length).try_into().ok());
            let length = length.filter(|length| *length <= PAYLOAD_LIMIT).ok_or_else(cut)?;
            end = start.saturating_add(length);
            *part = (start, end);
            let ensured = window.ensure(end, &mut self.file);
            if !ensured.map_err(AuditError::io("read", &self.path))? {
                return Err(cut());
            }
        }
        let part = |(start, end)| window.available().get(start..end).unwrap_or_default();
        let [document, personal] = parts.map(part);
        let beside = Beside { place, document, personal };
        auditor.entry(entry_place, None, entry, Some(&beside))?;
        window.consume(end);
        self.offset = self.offset.saturating_add(u64::try_from(end).unwrap_or(u64::MAX));
        Ok(())
    }

    fn end(mut self, window: &mut Window) -> Result<(), AuditError> {
        if window.ensure(1, &mut self.file).map_err(AuditError::io("read", &self.path))? {
            let kind = DefectKind::Bundle { reason: "bytes follow its last part" };
            return Err(Place { file: &self.name, offset: self.offset }.defect(kind).into());
        }
        Ok(())
    }
}

/// The tiles of hashes, each read when its first hash is due.
struct Tiles<'a> {
    dir: &'a Path,
    size: u64,
    /// The tile of each level that is being compared.
    current: Vec<Vec<u8>>,
}

impl StoredTree for Tiles<'_> {
    fn compare(&mut self, level: u32, place: u64, hash: &Hash) -> Result<(), Failure> {
        let hashes = self.size.checked_shr(level.saturating_mul(8)).unwrap_or(0);
        let tile = usize::try_from(level).ok().and_then(|level| self.current.get_mut(level));
        let Some(tile) = tile.filter(|_| place < hashes) else {
            return Ok(());
        };
        let (number, within) = (place / WIDTH, place % WIDTH);
        let width = hashes.saturating_sub(number.saturating_mul(WIDTH)).min(WIDTH);
        let name = format!("tile/{level}/{}", numbered(number, width));
        if within == 0 {
            let bytes = width.saturating_mul(32);
            read_exactly(self.dir, &name, bytes.saturating_add(1), tile).map_err(Failure::Other)?;
            if u64::try_from(tile.len()) != Ok(bytes) {
                let kind = DefectKind::Bundle { reason: "it has not the bytes of its hashes" };
                return Err(Failure::Other(Defect::file(name, kind).into()));
            }
        }
        let offset = within.saturating_mul(32);
        let stored = usize::try_from(offset).ok().and_then(|offset| tile.get(offset..));
        if stored.and_then(|stored| stored.first_chunk()) == Some(&hash.0) {
            return Ok(());
        }
        Err(Failure::Mismatch(Mismatch { file: name, offset, level, place }))
    }

    fn check_ends(&self, _records: u64) -> Result<(), AuditError> {
        Ok(())
    }
}

/// The path element of a tile: digits in threes, all but the last with an `x`, and `.p/<W>` if it is partial.
fn numbered(number: u64, width: u64) -> String {
    let mut path = format!("{:03}", number % 1_000);
    let mut rest = number / 1_000;
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1_000);
        rest /= 1_000;
    }
    if width < WIDTH { format!("{path}.p/{width}") } else { path }
}

fn open(path: &Path, name: &str) -> Result<File, AuditError> {
    match files::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(Defect::file(name, DefectKind::NoFile).into())
        }
        opened => opened.map_err(AuditError::io("open", path)),
    }
}

/// Reads a file that must be there, up to so many bytes.
fn read_exactly(dir: &Path, name: &str, limit: u64, into: &mut Vec<u8>) -> Result<(), AuditError> {
    let path = dir.join(name);
    into.clear();
    let read = open(&path, name)?.take(limit).read_to_end(into);
    read.map_err(AuditError::io("read", &path)).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_numbered_as_the_specification_says() {
        assert_eq!(numbered(1_234_067, 256), "x001/x234/067");
        assert_eq!(numbered(0, 256), "000");
        assert_eq!(numbered(999, 1), "999.p/1");
        assert_eq!(numbered(1_000, 255), "x001/000.p/255");
    }
}
