//! What differs between two revisions: line by line, and by what it means.

use std::collections::BTreeSet;
use std::time::Instant;

use serde::Serialize;
use similar::ChangeTag;
use similar::TextDiff;

use crate::policy::diff::Difference;
use crate::policy::diff::diff as semantic;

use super::Files;

/// Unchanged lines shown around what changed.
const AROUND: usize = 3;
/// A comparison of all files takes no longer; beyond, it is coarser.
const PATIENCE: std::time::Duration = std::time::Duration::from_millis(500);

/// What differs between two revisions.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct RevisionDiff {
    /// Each file that differs.
    pub files: Vec<FileDiff>,
    /// What that means: rules, products and all else that came, went or changed.
    pub meaning: Vec<Difference>,
}

/// A file that differs.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct FileDiff {
    /// Lines that came.
    pub added: usize,
    /// Runs of lines, with what stands around them.
    pub hunks: Vec<Vec<Line>>,
    /// Its name.
    pub name: String,
    /// Lines that went.
    pub removed: usize,
    /// What became of it.
    pub status: FileStatus,
}

/// What became of a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FileStatus {
    /// Only the new revision has it.
    Added,
    /// Both have it, otherwise.
    Changed,
    /// Only the old revision has it.
    Removed,
}

/// A line of a comparison.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Line {
    /// Its number in the new file, from 1.
    pub new: Option<usize>,
    /// Its number in the old file, from 1.
    pub old: Option<usize>,
    /// `+`, `-` or a blank.
    pub sign: char,
    /// Without the end of the line.
    pub text: String,
}

/// Compares two sets of files. What they mean is told for files that are TOML.
pub fn diff(old: &Files, new: &Files) -> RevisionDiff {
    let begun = Instant::now();
    let until = begun.checked_add(PATIENCE).unwrap_or(begun);
    let names: BTreeSet<_> = old.iter().chain(new.iter()).map(|(name, _)| name).collect();
    let files = names.into_iter().filter_map(|name| {
        let (was, is) = (old.get(name), new.get(name));
        let status = match (was, is) {
            (Some(was), Some(is)) if was == is => return None,
            (Some(_), Some(_)) => FileStatus::Changed,
            (None, _) => FileStatus::Added,
            (Some(_), None) => FileStatus::Removed,
        };
        Some(file(name, status, was.unwrap_or_default(), is.unwrap_or_default(), until))
    });
    let files = files.collect();
    RevisionDiff { files, meaning: semantic(&old.policies(), &new.policies()) }
}

fn file(name: &str, status: FileStatus, was: &str, is: &str, until: Instant) -> FileDiff {
    let compared = TextDiff::configure().deadline(until).diff_lines(was, is);
    let (mut added, mut removed) = (0_usize, 0_usize);
    let mut hunks = Vec::new();
    for group in compared.grouped_ops(AROUND) {
        let mut lines = Vec::new();
        for change in group.iter().flat_map(|op| compared.iter_changes(op)) {
            let sign = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Equal => ' ',
                ChangeTag::Insert => '+',
            };
            match sign {
                '+' => added = added.saturating_add(1),
                '-' => removed = removed.saturating_add(1),
                _ => {}
            }
            let number = |index: Option<usize>| index.map(|index| index.saturating_add(1));
            lines.push(Line {
                new: number(change.new_index()),
                old: number(change.old_index()),
                sign,
                text: change.value().trim_end_matches(['\r', '\n']).to_owned(),
            });
        }
        hunks.push(lines);
    }
    FileDiff { added, hunks, name: name.to_owned(), removed, status }
}

impl std::fmt::Display for RevisionDiff {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for file in &self.files {
            writeln!(f, "{} (+{} -{})", file.name, file.added, file.removed)?;
            for line in file.hunks.iter().flatten() {
                writeln!(f, "{}{}", line.sign, line.text)?;
            }
        }
        Ok(())
    }
}
