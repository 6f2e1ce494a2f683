//! A file that is whole or not there: written beside its place, synced, and only then given its name.

use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::BufWriter;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

/// What to do with a file that is there already.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Overwrite {
    /// Leave it, and fail.
    Never,
    /// Put the new one in its place, once that is whole.
    Replace,
}

/// Why a file was not written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// There is one, and nobody said to write over it.
    #[error("`{}` is there already; choose another name, or write --force to replace it", .0.display())]
    Exists(PathBuf),
    /// The disk or the system refused.
    #[error("cannot write `{}`: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No file can have that name.
    #[error("`{}` is no name for a file", .0.display())]
    NoName(PathBuf),
}

/// A file in the making; dropped before [`WholeFile::finish`], it leaves nothing behind.
#[derive(Debug)]
pub struct WholeFile {
    finished: bool,
    out: BufWriter<File>,
    overwrite: Overwrite,
    partial: PathBuf,
    path: PathBuf,
}

impl WholeFile {
    /// Begins a file that will be `path`. Until it is finished it is `NAME.<process id>.partial` in the same folder.
    ///
    /// # Errors
    /// When there is a file of that name already and `overwrite` forbids it, or the folder cannot be written to.
    pub fn create(path: &Path, overwrite: Overwrite) -> Result<Self, FileError> {
        let name = path.file_name().filter(|_| !path.is_dir());
        let name = name.ok_or_else(|| FileError::NoName(path.to_owned()))?;
        if overwrite == Overwrite::Never && path.symlink_metadata().is_ok() {
            return Err(FileError::Exists(path.to_owned()));
        }
        let mut partial = name.to_owned();
        partial.push(format!(".{}.partial", std::process::id()));
        let partial = path.with_file_name(partial);
        let file = OpenOptions::new().write(true).create_new(true).open(&partial);
        let file = file.map_err(|source| FileError::Io { path: partial.clone(), source })?;
        let out = BufWriter::with_capacity(1 << 18, file);
        Ok(Self { finished: false, out, overwrite, partial, path: path.to_owned() })
    }

    /// Syncs it and gives it its name.
    ///
    /// # Errors
    /// When the disk does not take it, or a file of that name has come up meanwhile and may not be replaced.
    pub fn finish(mut self) -> Result<(), FileError> {
        let named = self.out.flush().and_then(|()| self.out.get_ref().sync_all());
        let named = named.and_then(|()| self.name());
        match named {
            Ok(()) => {
                self.finished = true;
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(FileError::Exists(self.path.clone()))
            }
            Err(source) => Err(FileError::Io { path: self.path.clone(), source }),
        }
    }

    fn name(&self) -> io::Result<()> {
        match self.overwrite {
            // A second name fails where there is one; a rename would replace it.
            Overwrite::Never => match fs::hard_link(&self.partial, &self.path) {
                Ok(()) => fs::remove_file(&self.partial)?,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(error),
                // A file system without second names: looked at once more, then renamed.
                Err(_) if self.path.symlink_metadata().is_ok() => {
                    return Err(io::ErrorKind::AlreadyExists.into());
                }
                Err(_) => fs::rename(&self.partial, &self.path)?,
            },
            Overwrite::Replace => fs::rename(&self.partial, &self.path)?,
        }
        sync_folder(&self.path)
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        if !self.finished {
            fs::remove_file(&self.partial).ok();
        }
    }
}

/// Makes the names in the folder of `path` durable.
///
/// # Errors
/// When the folder cannot be opened or synced.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
        entries.map(|name| name.into_string().unwrap()).collect()
    }

    #[test]
    fn a_file_has_its_name_only_once_it_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.csv");
        let mut file = WholeFile::create(&path, Overwrite::Never).unwrap();
        file.write_all(b"half").unwrap();
        file.flush().unwrap();
        assert!(!path.exists());
        drop(file);
        assert!(names(dir.path()).is_empty(), "what is given up leaves nothing");
        let mut file = WholeFile::create(&path, Overwrite::Never).unwrap();
        file.write_all(b"whole").unwrap();
        file.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        assert_eq!(names(dir.path()), ["out.csv"]);
    }

    #[test]
    fn a_file_that_is_there_stays_unless_it_is_to_be_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.csv");
        let late = WholeFile::create(&path, Overwrite::Never).unwrap();
        fs::write(&path, "first").unwrap();
        assert!(matches!(late.finish(), Err(FileError::Exists(_))), "one that came up meanwhile");
        assert!(matches!(WholeFile::create(&path, Overwrite::Never), Err(FileError::Exists(_))));
        assert_eq!(fs::read(&path).unwrap(), b"first");
        let mut file = WholeFile::create(&path, Overwrite::Replace).unwrap();
        file.write_all(b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"first", "until the new one is whole");
        file.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(names(dir.path()), ["out.csv"]);
        assert!(matches!(
            WholeFile::create(dir.path(), Overwrite::Replace),
            Err(FileError::NoName(_))
        ));
    }
}
