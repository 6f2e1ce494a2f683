//! The files of a revision: `*.toml`, and `cases/*.jsonl` beside them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde::Serialize;

use crate::policy::PolicyText;
use crate::policy::revision;

use super::super::error::ControlError;

/// Bytes of all names and texts together: a record has room for a third more.
const MAX_BYTES: usize = 12 << 20;
/// How many.
const MAX_FILES: usize = 1_000;
/// Bytes of a name.
const MAX_NAME: usize = 128;

/// The files of a revision by name, sorted. Cheap to clone: texts are shared.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Files(BTreeMap<String, Arc<str>>);

impl Files {
    /// Files by name and text, as somebody hands them in.
    ///
    /// # Errors
    /// `Invalid` for a name that is none, too many or too large, or no policy among them.
    pub fn new(files: impl IntoIterator<Item = (String, Arc<str>)>) -> Result<Self, ControlError> {
        let files = Self(files.into_iter().collect());
        for name in files.0.keys() {
            check_name(name)?;
        }
        files.bounded()
    }

    /// Files as they lie on the disk, whatever their names.
    ///
    /// # Errors
    /// `Invalid` for too many or too large, or no policy among them.
    pub fn on_disk(
        files: impl IntoIterator<Item = (String, Arc<str>)>,
    ) -> Result<Self, ControlError> {
        Self(files.into_iter().collect()).bounded()
    }

    fn bounded(self) -> Result<Self, ControlError> {
        let invalid = |text: String| Err(ControlError::Invalid(text));
        let bytes = self.0.iter().fold(0_usize, |sum, (name, text)| {
            sum.saturating_add(name.len()).saturating_add(text.len())
        });
        if bytes > MAX_BYTES {
            return invalid(format!("files: more than {MAX_BYTES} bytes together"));
        }
        if self.0.len() > MAX_FILES {
            return invalid(format!("files: more than {MAX_FILES}"));
        }
        if !self.0.keys().any(|name| is_policy(name)) {
            return invalid(
                "files: no policy (*.toml) among them, so everything would be allowed".into(),
            );
        }
        Ok(self)
    }

    /// With one file replaced, added, or taken away.
    ///
    /// # Errors
    /// As [`Files::new`]; `NotFound` for a file to take away that is not there.
    pub fn with(&self, name: &str, text: Option<Arc<str>>) -> Result<Self, ControlError> {
        let mut files = self.clone();
        match text {
            Some(text) => {
                if self.get(name).is_none() {
                    check_name(name)?;
                }
                files.0.insert(name.to_owned(), text);
            }
            None => {
                let taken = files.0.remove(name);
                taken.ok_or_else(|| ControlError::NotFound(format!("file `{name}`")))?;
            }
        }
        files.bounded()
    }

    /// With another text of a file that is there, whatever its name.
    pub(super) fn with_text(&self, name: &str, text: Arc<str>) -> Result<Self, ControlError> {
        let mut files = self.clone();
        files.0.insert(name.to_owned(), text);
        files.bounded()
    }

    pub(super) fn put(&mut self, name: &str, text: Option<&Arc<str>>) {
        match text {
            Some(text) => drop(self.0.insert(name.to_owned(), Arc::clone(text))),
            None => drop(self.0.remove(name)),
        }
    }

    /// Names and texts, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, text)| (name.as_str(), &**text))
    }

    /// The text of a file.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|text| &**text)
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

    /// What records call the policies among them.
    pub fn revision(&self) -> String {
        revision(&self.policies()).to_string()
    }
}

fn is_policy(name: &str) -> bool {
    !name.contains('/')
}

fn check_name(name: &str) -> Result<(), ControlError> {
    let (own, ending) = match name.split_once('/') {
        Some(("cases", own)) => (own, ".jsonl"),
        Some(_) => ("", ""),
        None => (name, ".toml"),
    };
    let stem = own.strip_suffix(ending).unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let fits = name.len() <= MAX_NAME
        && stem.starts_with(|c: char| c.is_ascii_alphanumeric())
        && stem.chars().all(plain);
    if fits {
        return Ok(());
    }
    Err(ControlError::Invalid(format!(
        "file `{}`: write `NAME.toml` or `cases/NAME.jsonl`, NAME of letters, digits, `.`, `-` and `_`",
        name.escape_default()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_policies_and_their_cases_are_files_of_a_revision() {
        for good in ["a.toml", "us-1.2_x.toml", "cases/a.jsonl"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            ".toml",
            "a",
            "a.jsonl",
            "cases/a.toml",
            "../a.toml",
            "x/a.toml",
            "cases/../a.jsonl",
            "cases/.a.jsonl",
            "a b.toml",
            "a\n.toml",
            "/a.toml",
            "a.toml/",
            "ä.toml",
        ] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
        assert!(check_name(&format!("{}.toml", "a".repeat(130))).is_err());
    }

    #[test]
    fn a_set_without_a_policy_is_none() {
        let text: Arc<str> = "x".into();
        assert!(Files::new([("cases/a.jsonl".to_owned(), Arc::clone(&text))]).is_err());
        let files = Files::new([("a.toml".to_owned(), text)]).unwrap();
        assert!(files.with("a.toml", None).is_err());
        assert!(matches!(files.with("b.toml", None), Err(ControlError::NotFound(_))));
        let large: Arc<str> = "x".repeat(MAX_BYTES).into();
        assert!(files.with("b.toml", Some(large)).is_err());
    }
}
