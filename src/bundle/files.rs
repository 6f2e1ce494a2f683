//! The files of a bundle: those that a folder of policies is read for, and the cases beside them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use crate::policy::PolicyText;
use crate::policy::read_dirs;

use super::error::BundleError;

/// Bytes of all texts and names together; the shipped policies have 40 thousand.
pub(super) const MAX_BYTES: usize = 8 << 20;
/// Files of a bundle: their lines fit well into a note.
pub(super) const MAX_FILES: usize = 1_000;
/// Bytes of a name.
const MAX_NAME: usize = 128;
/// The one folder in a bundle.
const CASES: &str = "cases";

/// The files of a bundle by name, sorted. Cheap to clone.
///
/// INVARIANT: one `*.toml` at least; nothing but `NAME.toml` and `cases/NAME.jsonl`; no character that [`deceives`] but tabs and ends of lines;
/// within the bounds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Files(Arc<BTreeMap<String, String>>);

impl Files {
    /// Files by name and text.
    ///
    /// # Errors
    /// A name that is none or stands twice, a text with control characters, too many or too large, or no policy among them.
    pub fn new(files: impl IntoIterator<Item = (String, String)>) -> Result<Self, BundleError> {
        let mut map = BTreeMap::new();
        let mut bytes = 0_usize;
        for (name, text) in files {
            check_name(&name)?;
            check_text(&name, &text)?;
            bytes = bytes.saturating_add(name.len()).saturating_add(text.len());
            if bytes > MAX_BYTES {
                return Err(BundleError::TooLarge);
            }
            if map.len() >= MAX_FILES {
                return Err(BundleError::TooMany);
            }
            if let Some((name, _)) = map.remove_entry(&name) {
                return Err(BundleError::Twice(name));
            }
            map.insert(name, text);
        }
        if !map.keys().any(|name| is_policy(name)) {
            return Err(BundleError::NoPolicy);
        }
        Ok(Self(Arc::new(map)))
    }

    /// Those of a folder: its own `*.toml`, as the gateway reads them, and its `cases/*.jsonl`.
    ///
    /// # Errors
    /// The folder or a file cannot be read, or cannot be part of a bundle.
    pub fn read(dir: &Path) -> Result<Self, BundleError> {
        let policies = read_dirs(&[dir.to_owned()])?;
        let policies =
            policies.into_iter().map(|text| (own_name(Path::new(&text.name)), text.text));
        let mut files: Vec<_> = policies.collect();
        for path in cases(&dir.join(CASES))? {
            let text = fs::read_to_string(&path)
                .map_err(|source| BundleError::Unreadable { path: path.clone(), source })?;
            files.push((format!("{CASES}/{}", own_name(&path)), text));
        }
        Self::new(files)
    }

    /// Names and texts, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// The text of a file.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The policies, in the order in which a folder of them is read.
    pub fn policies(&self) -> Vec<PolicyText> {
        let policies = self.iter().filter(|(name, _)| is_policy(name));
        policies
            .map(|(name, text)| PolicyText { name: name.to_owned(), text: text.to_owned() })
            .collect()
    }

    /// Names and texts of the cases.
    pub fn cases(&self) -> impl Iterator<Item = (&str, &str)> {
        self.iter().filter(|(name, _)| !is_policy(name))
    }

    /// As members of a JSON object.
    pub(super) fn map(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}

fn is_policy(name: &str) -> bool {
    !name.contains('/')
}

fn check_name(name: &str) -> Result<(), BundleError> {
    let (own, ending) = match name.split_once('/') {
        None => (name, ".toml"),
        Some((CASES, own)) => (own, ".jsonl"),
        Some(_) => return Err(BundleError::Name(name.to_owned())),
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let sound = own.ends_with(ending)
        && !own.starts_with('.')
        && own.len() <= MAX_NAME
        && own.chars().all(allowed);
    if sound { Ok(()) } else { Err(BundleError::Name(name.to_owned())) }
}

fn check_text(name: &str, text: &str) -> Result<(), BundleError> {
    let bad = |c: char| deceives(c) && !matches!(c, '\t' | '\r');
    match (1..).zip(text.split('\n')).find(|(_, line)| line.contains(bad)) {
        Some((line, _)) => Err(BundleError::Control { name: name.to_owned(), line }),
        None => Ok(()),
    }
}

/// Whether a text with this character may look otherwise than it is: to a terminal, or to whoever reads before signing. TOML and JSON
/// can write each of them as an escape.
pub(super) fn deceives(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn own_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn cases(dir: &Path) -> Result<Vec<PathBuf>, BundleError> {
    let mut files = Vec::new();
    if !dir.is_dir() {
        return Ok(files);
    }
    let unreadable = |source| BundleError::Unreadable { path: dir.to_owned(), source };
    for entry in fs::read_dir(dir).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "jsonl") && !path.is_dir() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
