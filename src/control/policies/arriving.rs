//! What comes from elsewhere: policy files on the disk, and bundles.

use jiff::Timestamp;

use crate::control::error::ControlError;
use crate::model::Actor;
use crate::model::Role;

use super::Change;
use super::Files;
use super::State;
use super::steps::Checked;
use super::steps::Signed;
use super::steps::conflict;
use super::steps::forbidden;

/// The highest version of a bundle: whole numbers of JSON are exact up to here, and there is room for those that follow.
const HIGHEST: u64 = (1 << 53) - 1;

/// What is to become of the policy files on disk.
#[derive(Clone, Debug, PartialEq)]
pub enum OnDisk {
    /// They are newer than all else: this is to be recorded, and their policies come into force.
    Import(Change),
    /// They say what is in force anyway, and that is to be recorded.
    Adopt(Change),
    /// They are those that were last taken: what is in force stays.
    Known,
}

/// Takes a bundle over that was made and signed elsewhere; whoever calls this has verified it.
///
/// # Errors
/// `Conflict` for a version that was used, or is not above all that were in force; `Forbidden` for who works on no policies; `Invalid` for a version
/// that none could follow.
#[expect(clippy::too_many_arguments, reason = "the members of one change, and who makes it")]
pub fn upload(
    state: &State,
    actor: &Actor,
    version: u64,
    made: Timestamp,
    note: &str,
    files: Files,
    signatures: Vec<String>,
    signed: Signed,
) -> Checked {
    if !actor.roles.contains(Role::PolicyAuthor) && !actor.roles.contains(Role::PolicyApprover) {
        return forbidden("bundles are handed in by authors and approvers of policies");
    }
    let signers = match signed {
        Signed::Yes(signers) => signers,
        Signed::No(reason) => return conflict(reason),
        Signed::NotAsked => {
            return conflict(
                "bundles are taken where `[policies] keys` says whose signatures count",
            );
        }
    };
    if version > HIGHEST {
        return Err(ControlError::Invalid(format!(
            "version: at most {HIGHEST}, so that there is one after it"
        )));
    }
    if version <= state.floor() {
        let floor = state.floor();
        return conflict(format!(
            "version {floor} was in force: a bundle of version {version} goes back"
        ));
    }
    if state.get(version).is_some() {
        return conflict(format!(
            "there is a revision {version}: give the bundle a higher version"
        ));
    }
    let note = note.to_owned();
    Ok(Change::Uploaded { files, made, note, signatures, signers, version })
}

/// What is to become of the policy files on disk: whichever was changed last holds.
pub fn on_disk(state: &State, files: &Files, title: &str) -> OnDisk {
    let digest = files.revision();
    let active = state.active();
    match active {
        Some(_) if state.files_seen() == Some(&digest) => OnDisk::Known,
        Some(active) if active.revision == digest => {
            OnDisk::Adopt(Change::Adopted { digest, version: active.version })
        }
        _ => OnDisk::Import(Change::Imported {
            digest,
            files: files.clone(),
            title: title.to_owned(),
            version: state.next_version(),
        }),
    }
}
