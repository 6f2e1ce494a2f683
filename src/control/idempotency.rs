//! Requests that are sent twice are carried out once (the `Idempotency-Key` header, draft-ietf-httpapi-idempotency-key-header).

use aws_lc_rs::hmac;
use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;
use sha2::Digest;
use sha2::Sha256;

use super::clock::now;
use super::error::ControlError;
use super::journal::Control;

/// How long an answer is remembered.
const KEPT: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);
/// Of so many, the outdated leave.
const MOST: usize = 10_000;

/// An answer that was given.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Remembered {
    /// When.
    pub at: Timestamp,
    /// Its body.
    pub body: String,
    /// Its `Location`.
    pub location: Option<String>,
    /// HMAC-SHA-256 of the request under the client's own key, which is not kept: a request may hold a password, and nobody who
    /// reads the store is to try passwords against a bare hash.
    pub request: String,
    /// Its status.
    pub status: u16,
}

/// What is known of a key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Repeat {
    /// It was used for the same request: this was the answer.
    Answered(Box<Remembered>),
    /// It was used for another request.
    Different,
    /// It is new.
    New,
}

impl Control {
    /// What is known of a key of a person; `request` is everything that makes two requests the same.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn repeated(&self, actor: &str, key: &str, request: &[u8]) -> Result<Repeat, ControlError> {
        let tree = self.inner.store.tree("idempotency")?;
        let Some(bytes) = tree.get(name(actor, key))? else { return Ok(Repeat::New) };
        let remembered: Remembered = serde_json::from_slice(&bytes)?;
        if now(&*self.inner.settings.clock).duration_since(remembered.at) > KEPT {
            return Ok(Repeat::New);
        }
        Ok(match remembered.request == tag(key, request) {
            true => Repeat::Answered(Box::new(remembered)),
            false => Repeat::Different,
        })
    }

    /// Remembers an answer.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn remember(
        &self,
        actor: &str,
        key: &str,
        request: &[u8],
        status: u16,
        location: Option<String>,
        body: String,
    ) -> Result<(), ControlError> {
        let tree = self.inner.store.tree("idempotency")?;
        let at = now(&*self.inner.settings.clock);
        if tree.len() >= MOST {
            for entry in &tree {
                let (name, bytes) = entry?;
                let outdated = serde_json::from_slice::<Remembered>(&bytes)
                    .map_or(true, |remembered| at.duration_since(remembered.at) > KEPT);
                if outdated {
                    tree.remove(name)?;
                }
            }
        }
        let remembered = Remembered { at, body, location, request: tag(key, request), status };
        tree.insert(name(actor, key), serde_json::to_vec(&remembered)?)?;
        Ok(())
    }
}

fn name(actor: &str, key: &str) -> Vec<u8> {
    let mut sha = Sha256::new();
    sha.update(actor.as_bytes());
    sha.update([0]);
    sha.update(key.as_bytes());
    sha.finalize().to_vec()
}

fn tag(key: &str, request: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    hmac::sign(&key, request).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
