//! The manifest: what is signed. Lines of text, each ended, in this order:
//!
//! ```text
//! interdict policy bundle v1
//! version 7
//! made 2026-11-25T17:00:00Z
//! note Stay of 12 November                      (left out where there is none)
//! file sha256:<64 digits> cases/stay.jsonl      (sorted by name)
//! file sha256:<64 digits> us-commerce.toml
//! ```
//!
//! The first line keeps a signature from counting for anything else: that of a checkpoint is the name of a log, which has no blanks.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;

use crate::model::parse_timestamp;

use super::digest::Digest;
use super::error::BundleError;
use super::files::Files;
use super::files::deceives;

const FORMAT: &str = "interdict policy bundle v1";
/// Bytes of the note.
pub(super) const MAX_NOTE: usize = 1_000;

/// What the manifest says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Manifest {
    pub(super) files: BTreeMap<String, Digest>,
    pub(super) made: Timestamp,
    pub(super) note: String,
    pub(super) version: u64,
}

impl Manifest {
    /// That of these files.
    ///
    /// # Errors
    /// The version is 0, the instant has no RFC 3339 text, or the note is more than a line.
    pub(super) fn new(
        version: u64,
        made: Timestamp,
        note: &str,
        files: &Files,
    ) -> Result<Self, BundleError> {
        if version == 0 {
            return Err(BundleError::Version);
        }
        if parse_timestamp(&made.to_string()) != Ok(made) {
            return Err(BundleError::Made(made));
        }
        if !is_note(note) {
            return Err(BundleError::NoteText);
        }
        Ok(Self { files: Self::digests(files), made, note: note.to_owned(), version })
    }

    /// The hash of each file.
    pub(super) fn digests(files: &Files) -> BTreeMap<String, Digest> {
        files.iter().map(|(name, text)| (name.to_owned(), Digest::of(text))).collect()
    }

    /// The text.
    pub(super) fn text(&self) -> String {
        let mut text = format!("{FORMAT}\nversion {}\nmade {}\n", self.version, self.made);
        if !self.note.is_empty() {
            text.extend(["note ", &self.note, "\n"]);
        }
        for (name, digest) in &self.files {
            let written = writeln!(text, "file {digest} {name}");
            debug_assert!(written.is_ok(), "writing to a string does not fail");
        }
        text
    }

    /// Reads a text. What is read is written back byte for byte.
    ///
    /// # Errors
    /// It is no manifest; the error says where.
    pub(super) fn parse(text: &str) -> Result<Self, BundleError> {
        let wrong = |line, problem| BundleError::Manifest { line, problem };
        let mut lines = (1..).zip(text.strip_suffix('\n').unwrap_or(text).split('\n')).peekable();
        let mut after = |prefix: &str, problem| match lines.next() {
            Some((line, text)) => {
                Ok((line, text.strip_prefix(prefix).ok_or_else(|| wrong(line, problem))?))
            }
            None => Err(wrong(1, problem)),
        };
        const FIRST: &str =
            "it must be `interdict policy bundle v1`; a later program may read others";
        const VERSION: &str = "it must be `version` and a whole number from 1 on";
        const MADE: &str = "it must be `made` and an instant such as 2026-11-25T17:00:00Z";
        let (line, rest) = after(FORMAT, FIRST)?;
        if !rest.is_empty() {
            return Err(wrong(line, FIRST));
        }
        let (line, version) = after("version ", VERSION)?;
        let version = version.parse().ok().filter(|version| *version > 0);
        let version = version.ok_or_else(|| wrong(line, VERSION))?;
        let (line, made) = after("made ", MADE)?;
        let made = parse_timestamp(made).map_err(|_| wrong(line, MADE))?;
        let mut note = String::new();
        if let Some((_, written)) = lines.next_if(|(_, line)| line.starts_with("note ")) {
            written.strip_prefix("note ").unwrap_or_default().clone_into(&mut note);
            if !is_note(&note) {
                return Err(BundleError::NoteText);
            }
        }
        let mut files = BTreeMap::new();
        for (line, text) in lines {
            let file = text.strip_prefix("file ").and_then(|rest| rest.split_once(' '));
            let file =
                file.and_then(|(digest, name)| Some((name.to_owned(), digest.parse().ok()?)));
            let (name, digest) =
                file.ok_or_else(|| wrong(line, "it must be `file`, a SHA-256 and a name"))?;
            files.insert(name, digest);
        }
        let manifest = Self { files, made, note, version };
        // Numbers, instants and the order of files have one spelling each.
        let written = manifest.text();
        let differs =
            written.split('\n').zip(text.split('\n')).position(|(one, other)| one != other);
        match differs {
            _ if written == text => Ok(manifest),
            at => {
                let line = at.unwrap_or_default().saturating_add(1);
                Err(wrong(line, "it is not spelled as it must be, or not in its place"))
            }
        }
    }
}

/// One line that reads as it is written: whoever signs sees what the next one sees.
fn is_note(note: &str) -> bool {
    let bad = |c: char| deceives(c) || matches!(c, '\u{2028}' | '\u{2029}');
    note.len() <= MAX_NOTE && note.trim() == note && !note.contains(bad)
}
