//! What a generation holds, written beside it and sealed: rows, their digest, and the SHA-256 of every file.

use std::fmt::Write as _;

use sha2::Digest;
use sha2::Sha256;

use crate::registry::edits::Base;

/// The manifest of a generation.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Manifest {
    /// SHA-256 over all keys and values in order.
    pub(super) digest: String,
    /// The kept import and every file of sled, by path below the generation's folder.
    pub(super) files: Vec<FileSeal>,
    /// The generation's number: a folder that was renamed is not what it says.
    pub(super) generation: u64,
    /// The generation whose rows were written anew into this one, where it was damaged.
    pub(super) mends: Option<u64>,
    /// Number of rows.
    pub(super) rows: u64,
}

/// A file as it was written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct FileSeal {
    pub(super) bytes: u64,
    pub(super) path: String,
    pub(super) sha256: String,
}

const HEAD: &str = "interdict registry 1";

impl Manifest {
    /// As text, its own SHA-256 in the last line.
    pub(super) fn render(&self) -> String {
        let mut text = format!(
            "{HEAD}\ngeneration {}\nrows {}\ndigest {}\n",
            self.generation, self.rows, self.digest
        );
        if let Some(mends) = self.mends {
            writeln!(text, "mends {mends}").ok();
        }
        for file in &self.files {
            writeln!(text, "file {} {} {}", file.bytes, file.sha256, file.path).ok();
        }
        let seal = hex(&Sha256::digest(text.as_bytes()));
        writeln!(text, "sealed {seal}").ok();
        text
    }

    /// Reads a manifest; a bit that differs anywhere in it makes it unreadable.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let at = text.rfind("sealed ")?;
        let (body, seal) = text.split_at_checked(at)?;
        if seal != format!("sealed {}\n", hex(&Sha256::digest(body.as_bytes()))) {
            return None;
        }
        let mut lines = body.lines();
        if lines.next()? != HEAD {
            return None;
        }
        let mut manifest = Self::default();
        for line in lines {
            let (word, rest) = line.split_once(' ')?;
            match word {
                "generation" => manifest.generation = rest.parse().ok()?,
                "mends" => manifest.mends = Some(rest.parse().ok()?),
                "rows" => manifest.rows = rest.parse().ok()?,
                "digest" => rest.clone_into(&mut manifest.digest),
                "file" => {
                    let mut words = rest.splitn(3, ' ');
                    manifest.files.push(FileSeal {
                        bytes: words.next()?.parse().ok()?,
                        sha256: words.next()?.to_owned(),
                        path: words.next()?.to_owned(),
                    });
                }
                _ => return None,
            }
        }
        Some(manifest)
    }

    /// The import whose rows these are.
    pub(super) fn base(&self) -> Base {
        Base { digest: self.digest.clone(), generation: self.mends.unwrap_or(self.generation) }
    }

    /// The files whose path begins so.
    pub(super) fn below<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a FileSeal> {
        self.files.iter().filter(move |file| file.path.starts_with(prefix))
    }
}

/// Lower-case hexadecimal.
pub(in crate::registry) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        write!(text, "{byte:02x}").ok();
    }
    text
}
