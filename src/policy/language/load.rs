//! Policy files on disk.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use sha2::Digest;
use sha2::Sha256;

use crate::policy::engine::set::PolicySet;

use super::compile::PolicyText;
use super::compile::compile;
use super::error::PolicyError;
use super::error::PolicyErrors;

/// Loads the `*.toml` of each folder itself, in order of their names, not of subfolders.
///
/// # Errors
/// When a folder cannot be read or holds no policy, or a file has a fault.
pub fn load_dirs(dirs: &[PathBuf]) -> Result<PolicySet, PolicyErrors> {
    let texts = read_dirs(dirs)?;
    compile(&texts, revision(&texts))
}

/// Reads the files that [`load_dirs`] compiles.
///
/// # Errors
/// When a folder or file cannot be read, or a folder holds no policy.
pub fn read_dirs(dirs: &[PathBuf]) -> Result<Vec<PolicyText>, PolicyErrors> {
    let mut texts = Vec::new();
    let mut errors = Vec::new();
    for dir in dirs {
        match read_dir(dir) {
            Ok(found) if found.is_empty() => errors.push(PolicyError::Empty(dir.clone())),
            Ok(found) => texts.extend(found),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(texts) } else { Err(PolicyErrors::new(errors)) }
}

/// Compiles files that were read.
///
/// # Errors
/// When a file has a fault.
pub fn load_read(texts: &[PolicyText]) -> Result<PolicySet, PolicyErrors> {
    compile(texts, revision(texts))
}

/// Compiles files held in memory: pairs of name and text.
///
/// # Errors
/// When a file has a fault.
pub fn load_texts(files: &[(&str, &str)]) -> Result<PolicySet, PolicyErrors> {
    let texts: Vec<_> = files
        .iter()
        .map(|(name, text)| PolicyText { name: (*name).to_owned(), text: (*text).to_owned() })
        .collect();
    compile(&texts, revision(&texts))
}

fn read_dir(dir: &Path) -> Result<Vec<PolicyText>, PolicyError> {
    let unreadable =
        |path: &Path, source| PolicyError::Unreadable { path: path.to_owned(), source };
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir).map_err(|e| unreadable(dir, e))? {
        let path = entry.map_err(|e| unreadable(dir, e))?.path();
        if path.extension().is_some_and(|e| e == "toml") && !path.is_dir() {
            paths.push(path);
        }
    }
    paths.sort();
    paths
        .iter()
        .map(|path| {
            let text = fs::read_to_string(path).map_err(|e| unreadable(path, e))?;
            Ok(PolicyText { name: path.display().to_string(), text })
        })
        .collect()
}

/// The hash of every file's own name, length and bytes, in order: what [`PolicySet::revision`] says of the set that they make.
pub fn revision(texts: &[PolicyText]) -> Arc<str> {
    let mut hash = Sha256::new();
    for text in texts {
        let name =
            Path::new(&text.name).file_name().map(|n| n.to_string_lossy()).unwrap_or_default();
        for part in [name.as_bytes(), text.text.as_bytes()] {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
    }
    let mut revision = String::from("sha256:");
    for byte in hash.finalize() {
        let written = write!(revision, "{byte:02x}");
        debug_assert!(written.is_ok(), "writing to a string does not fail");
    }
    revision.into()
}
