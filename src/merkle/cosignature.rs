//! Timestamped cosignatures of checkpoints (C2SP tlog-cosignature, `cosignature/v1`, Ed25519): as of this second, this is the
//! largest tree of this log that the cosigner has seen, and it follows from all that it saw before.

use crate::merkle::Checkpoint;
use crate::merkle::CheckpointFault;
use crate::merkle::KeyKind;
use crate::merkle::KeyName;
use crate::merkle::NoteFault;
use crate::merkle::Signature;
use crate::merkle::SigningKey;
use crate::merkle::VerifierKey;
use crate::merkle::key::key_id;

/// Who cosigned, and when.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cosignature {
    /// The cosigner's name.
    pub name: KeyName,
    /// When it says that it signed, in seconds since 1970-01-01T00:00:00Z. Nobody but the cosigner vouches for it.
    pub time: u64,
}

/// Cosigns the text of a checkpoint at `time`, in seconds since 1970-01-01T00:00:00Z.
///
/// # Errors
/// The text is no checkpoint, or the time is beyond 2^63 - 1.
pub fn cosign(
    text: &str,
    name: &KeyName,
    key: &SigningKey,
    time: u64,
) -> Result<Signature, CheckpointFault> {
    Checkpoint::parse(text)?;
    if i64::try_from(time).is_err() {
        return Err(CheckpointFault::Time { time });
    }
    let mut bytes = time.to_be_bytes().to_vec();
    bytes.extend_from_slice(&key.sign(message(time, text).as_bytes()));
    Ok(Signature::new(name, key_id(name, KeyKind::Cosignature, key.public_key()), bytes))
}

impl Cosignature {
    /// Checks that the cosigner's `key` made this signature of the text of a checkpoint.
    ///
    /// # Errors
    /// It did not.
    pub fn verify(text: &str, signature: &Signature, key: &VerifierKey) -> Result<Self, NoteFault> {
        let name = key.name().clone();
        if !signature.is_by(key) || key.kind() != KeyKind::Cosignature {
            return Err(NoteFault::Unsigned);
        }
        match time_of(text, signature, key) {
            Some(time) => Ok(Self { name, time }),
            None => Err(NoteFault::Wrong { name }),
        }
    }
}

/// The time of a cosignature that verifies.
pub(super) fn time_of(text: &str, signature: &Signature, key: &VerifierKey) -> Option<u64> {
    let (time, bytes) = signature.bytes().split_first_chunk()?;
    let time = u64::from_be_bytes(*time);
    let sound = i64::try_from(time).is_ok() && Checkpoint::parse(text).is_ok();
    (sound && key.has_signed(message(time, text).as_bytes(), bytes)).then_some(time)
}

/// What is signed.
fn message(time: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}
