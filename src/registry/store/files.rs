//! Folders and files of the store: generations, staging, locks, and bytes that are checked while they are read.

use std::fs;
use std::fs::File;
use std::io;
use std::io::Read;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::path::PathBuf;

use sha2::Digest;
use sha2::Sha256;

use super::manifest::FileSeal;
use super::manifest::hex;

/// The import that a generation was made from, as export writes it.
pub(super) const IMPORT: &str = "import.csv";
/// The seal of a generation.
pub(super) const MANIFEST: &str = "manifest";
/// The folder of sled.
pub(super) const SLED: &str = "sled";
/// Begins the name of a folder that is being written: never read, removed by the next import.
pub(super) const UNFINISHED: &str = "new-";
/// Begins the name of a reader's private copy of sled.
pub(super) const LOOK: &str = "look-";

const BUFFER: usize = 256 * 1024;

/// The number of the newest generation below a table's folder: the rename that gave it its name was the import's commit.
pub(super) fn newest(folder: &Path) -> io::Result<Option<u64>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut newest = None;
    for entry in entries {
        newest = newest.max(number(&entry?.file_name().to_string_lossy()));
    }
    Ok(newest)
}

/// The folder of a generation.
pub(super) fn generation(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("g-{number:010}"))
}

fn number(name: &str) -> Option<u64> {
    name.strip_prefix("g-")?.parse().ok()
}

/// Makes a folder that only its owner may enter, and those above it.
pub(super) fn private_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Holds one lock file of a table's folder; shared or alone.
pub(super) fn lock(folder: &Path, name: &str) -> io::Result<File> {
    File::options().create(true).truncate(false).write(true).read(true).open(folder.join(name))
}

/// Removes what earlier imports left: unfinished folders, generations before `newest`, and copies that no reader has.
pub(super) fn sweep(folder: &Path, keep: Option<u64>) -> io::Result<()> {
    let no_readers = lock(folder, "readers")?;
    let alone = no_readers.try_lock().is_ok();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let old = number(&name).is_some_and(|number| keep.is_some_and(|keep| number < keep));
        if old || name.starts_with(UNFINISHED) || (alone && name.starts_with(LOOK)) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// Every file below a folder, by path relative to `base`, sorted.
pub(super) fn files_below(base: &Path, folder: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(below) = path.strip_prefix(base) {
                found.push(below.to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Reads a file to its end into `out`; its length and SHA-256.
fn read_through(path: &Path, mut out: impl Write) -> io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; BUFFER];
    let (mut hash, mut bytes) = (Sha256::new(), 0_u64);
    loop {
        let read = file.read(&mut buffer)?;
        let Some(part) = buffer.get(..read).filter(|part| !part.is_empty()) else { break };
        hash.update(part);
        out.write_all(part)?;
        bytes = bytes.saturating_add(u64::try_from(read).unwrap_or_default());
    }
    Ok((bytes, hex(&hash.finalize())))
}

/// A file as it is on the disk, which it is made to reach first.
pub(super) fn seal(base: &Path, path: &str) -> io::Result<FileSeal> {
    let file = base.join(path);
    File::open(&file)?.sync_all()?;
    let (bytes, sha256) = read_through(&file, io::sink())?;
    Ok(FileSeal { bytes, path: path.to_owned(), sha256 })
}

/// Copies a file into `out` and says what differs from its seal.
pub(super) fn checked(base: &Path, seal: &FileSeal, out: impl Write) -> Result<(), String> {
    let (bytes, sha256) =
        read_through(&base.join(&seal.path), out).map_err(|e| format!("{}: {e}", seal.path))?;
    if bytes != seal.bytes {
        return Err(format!("{} has {bytes} bytes where {} were written", seal.path, seal.bytes));
    }
    if sha256 != seal.sha256 {
        return Err(format!("{} is not what was written", seal.path));
    }
    Ok(())
}

/// Makes the names in a folder reach the disk.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
