//! Everything that the log's key signed and that is at hand: the log must contain it all.

use std::path::Path;

use super::checkpoint::Checkpoint;
use super::directory::Options;
use super::error::{AuditError, Defect, DefectKind};
use super::files;
use super::hash::Hash;
use super::key::VerifierKey;
use super::report::{Cosigned, Published};

/// Where the last checkpoint that was published stands.
pub(super) const CHECKPOINT: &str = "checkpoint";
const WITNESSED: &str = "checkpoint.witnessed";
const DAYS: &str = "checkpoints";
const PUBLIC_KEY: &str = "ledger.pub";

/// So many records with this root: signed.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub(super) file: String,
    pub(super) size: u64,
    pub(super) root: Hash,
}

/// What was signed, by size.
#[derive(Debug, Default)]
pub(super) struct Claims {
    claims: Vec<Claim>,
    pub(super) key: Option<VerifierKey>,
    pub(super) published: Option<Published>,
    pub(super) cosigned: Vec<Cosigned>,
}

impl Claims {
    /// Reads and verifies every checkpoint of a directory and those that were given. The directory's last checkpoint is read after
    /// the others, so that beside a running writer it is not older than they.
    pub(super) fn of(dir: &Path, options: &Options) -> Result<Self, AuditError> {
        let key = log_key(dir, options.key.as_ref())?;
        let mut notes = Vec::new();
        let mut largest: Option<(String, u64)> = None;
        for day in files::names(&dir.join(DAYS))?.iter().filter(|name| is_day(name)) {
            let file = format!("{DAYS}/{day}");
            if let Some(checkpoint) = read(dir, &file)? {
                not_behind(&file, &checkpoint, largest.as_ref())?;
                largest = Some((file.clone(), checkpoint.size));
                notes.push((file, checkpoint));
            }
        }
        if let Some(checkpoint) = read(dir, WITNESSED)? {
            largest = largest
                .filter(|(_, size)| *size > checkpoint.size)
                .or(Some((WITNESSED.to_owned(), checkpoint.size)));
            notes.push((WITNESSED.to_owned(), checkpoint));
        }
        let mut published = None;
        match read(dir, CHECKPOINT)? {
            Some(checkpoint) => {
                not_behind(CHECKPOINT, &checkpoint, largest.as_ref())?;
                let Checkpoint { origin, size, root, .. } = checkpoint.clone();
                published = Some(Published { origin, size, root });
                notes.push((CHECKPOINT.to_owned(), checkpoint));
            }
            None => {
                let expected = options.key.is_some() || !options.checkpoints.is_empty();
                if expected || !notes.is_empty() {
                    return Err(Defect::file(CHECKPOINT, DefectKind::NoCheckpoint).into());
                }
            }
        }
        for (name, text) in &options.checkpoints {
            let checkpoint = Checkpoint::read(text).map_err(|kind| Defect::file(name, kind))?;
            notes.push((name.clone(), checkpoint));
        }
        let mut claims = Self::verified(&notes, key.as_ref(), &options.witnesses)?;
        (claims.key, claims.published) = (key, published);
        Ok(claims)
    }

    /// Verifies signatures and cosignatures. Every witness must have cosigned something.
    pub(super) fn verified(
        notes: &[(String, Checkpoint)],
        key: Option<&VerifierKey>,
        witnesses: &[VerifierKey],
    ) -> Result<Self, AuditError> {
        let mut claims = Self::default();
        let mut cosigned: Vec<Option<Cosigned>> = vec![None; witnesses.len()];
        for (file, checkpoint) in notes {
            let defect = |kind| Defect::file(file, kind);
            let key = key.ok_or_else(|| defect(DefectKind::NoKey))?;
            checkpoint.verify(key).map_err(defect)?;
            for (witness, latest) in witnesses.iter().zip(&mut cosigned) {
                let time = checkpoint.cosigned(witness).map_err(defect)?;
                let known = latest.as_ref().is_some_and(|latest| latest.size > checkpoint.size);
                if let Some(time) = time.filter(|_| !known) {
                    let witness = witness.name().to_owned();
                    *latest = Some(Cosigned { witness, size: checkpoint.size, time });
                }
            }
            let (file, size, root) = (file.clone(), checkpoint.size, checkpoint.root);
            claims.claims.push(Claim { file, size, root });
        }
        for (witness, cosigned) in witnesses.iter().zip(cosigned) {
            let Some(cosigned) = cosigned else {
                let file = notes.last().map_or(CHECKPOINT, |(file, _)| file);
                let kind = DefectKind::NotCosigned { witness: witness.name().to_owned() };
                return Err(Defect::file(file, kind).into());
            };
            claims.cosigned.push(cosigned);
        }
        claims.claims.sort_by_key(|claim| claim.size);
        Ok(claims)
    }

    /// By size, from the smallest on.
    pub(super) fn get(&self, at: usize) -> Option<&Claim> {
        self.claims.get(at)
    }

    pub(super) fn count(&self) -> u64 {
        u64::try_from(self.claims.len()).unwrap_or(u64::MAX)
    }
}

/// The key that was given, else the directory's own. If there are both, they must be the same.
pub(super) fn log_key(
    dir: &Path,
    given: Option<&VerifierKey>,
) -> Result<Option<VerifierKey>, AuditError> {
    let Some(bytes) = files::read_small(&dir.join(PUBLIC_KEY))? else {
        return Ok(given.cloned());
    };
    let defect = |reason| Defect::file(PUBLIC_KEY, DefectKind::PublicKey { reason });
    let text = std::str::from_utf8(&bytes).ok().filter(|text| text.ends_with('\n'));
    let text = text.ok_or_else(|| defect("it is not one line of text".to_owned()))?;
    let own = VerifierKey::log(text).map_err(|error| defect(error.to_string()))?;
    match given {
        Some(given) if *given != own => {
            Err(defect(format!("it is `{own}`, and the key that was given is `{given}`")).into())
        }
        _ => Ok(Some(own)),
    }
}

/// A checkpoint must not be smaller than one that was published before it.
fn not_behind(
    file: &str,
    checkpoint: &Checkpoint,
    before: Option<&(String, u64)>,
) -> Result<(), AuditError> {
    match before {
        Some((other, larger)) if *larger > checkpoint.size => {
            let (size, other, larger) = (checkpoint.size, other.clone(), *larger);
            Err(Defect::file(file, DefectKind::CheckpointBehind { size, other, larger }).into())
        }
        _ => Ok(()),
    }
}

fn read(dir: &Path, file: &str) -> Result<Option<Checkpoint>, AuditError> {
    let bytes = files::read_small(&dir.join(file))?;
    let read = bytes.map(|bytes| Checkpoint::read(&bytes)).transpose();
    read.map_err(|kind| Defect::file(file, kind).into())
}

/// `YYYY-MM-DD`: so sorted by name is sorted by day.
fn is_day(name: &str) -> bool {
    name.len() == 10
        && name.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}
