//! One witness asked for one cosignature (C2SP tlog-witness, `add-checkpoint`). What it answers is believed only where its key signed.

use std::time::Duration;

use actix_web::http::Method;
use actix_web::http::StatusCode;
use bytes::Bytes;
use http::HeaderValue;
use http::header;
use http::header::HeaderMap;

use crate::gateway::upstream::Fetched;
use crate::gateway::upstream::Outgoing;
use crate::gateway::upstream::OutgoingBody;
use crate::gateway::upstream::UpstreamClient;
use crate::ledger::LedgerError;
use crate::ledger::ServedLog;
use crate::merkle::AddCheckpoint;
use crate::merkle::Checkpoint;
use crate::merkle::Cosignature;
use crate::merkle::Note;
use crate::merkle::Signature;
use crate::merkle::VerifierKey;

/// How long an exchange may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of an answer.
const LONGEST: usize = 64 * 1024;
/// A witness that another client of the log's keeps ahead of this one is asked again so often.
const TRIES: u32 = 3;
/// Characters of what a witness says of itself that go to the log.
const SAID: usize = 200;

/// A witness to ask.
#[derive(Debug)]
pub(super) struct Asker {
    pub(super) client: UpstreamClient,
    pub(super) key: VerifierKey,
    /// Path of `add-checkpoint`.
    pub(super) target: Bytes,
}

/// Why there is no cosignature.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The witness has cosigned a larger tree than there is.
    #[error(
        "it has cosigned a tree of {theirs} records of this log, which has published {ours}: records are missing, as after an older copy of the ledger was started"
    )]
    Ahead { ours: u64, theirs: u64 },
    /// The witness finds that the tree does not continue the one that it cosigned.
    #[error(
        "it says that the tree of {size} records does not continue the one that it has cosigned of this log ({said}): two histories have been signed with this key"
    )]
    Contradicted { size: u64, said: String },
    /// A signature in its name that its key has not made.
    #[error("its cosignature is false: its key is another, or it is not the witness")]
    False,
    /// The tree cannot be read.
    #[error("{0}")]
    Ledger(#[from] LedgerError),
    /// It signed nothing, or not with this key.
    #[error(
        "its answer has no cosignature of its key: correct `key`, which `interdict witness` prints"
    )]
    Nothing,
    /// Another answer than the protocol has.
    #[error("it answered {status}, which means nothing here ({said})")]
    Strange { status: u16, said: String },
    /// 403.
    #[error("it takes no signature of this log's key: tell it the key in `ledger.pub` ({said})")]
    UnknownKey { said: String },
    /// 404.
    #[error(
        "it does not watch this log, or `url` is not its submission prefix: tell it the key in `ledger.pub` ({said})"
    )]
    UnknownLog { said: String },
    /// No answer.
    #[error("no answer: {0}")]
    Unanswered(String),
}

impl Failure {
    /// Whether it says that this log has two histories, as against a witness that cannot be used.
    pub(super) const fn contradicts(&self) -> bool {
        matches!(self, Self::Ahead { .. } | Self::Contradicted { .. })
    }
}

impl Asker {
    /// Has a checkpoint cosigned; `from` is the size that the witness cosigned last, as far as is known, and is kept up to date.
    ///
    /// # Errors
    /// Why there is no cosignature.
    pub(super) async fn ask(
        &self,
        log: &ServedLog,
        note: &Note,
        checkpoint: &Checkpoint,
        from: &mut u64,
    ) -> Result<(Signature, u64), Failure> {
        let size = checkpoint.size();
        for _ in 0..TRIES {
            // Larger than the tree: what is remembered is of a tree that is gone, and the witness says which.
            let old = if *from > size { 0 } else { *from };
            let proof = log.consistency(old, size)?;
            let request = AddCheckpoint { old, proof, checkpoint: note.clone() };
            let Fetched { body, headers: _, status } = self.send(&request.to_string()).await?;
            if status == StatusCode::OK {
                let signed = self.verified(note, &body)?;
                *from = size;
                return Ok(signed);
            }
            let said = said(&body);
            match status {
                StatusCode::CONFLICT => {
                    let strange = Failure::Strange { status: status.as_u16(), said };
                    let theirs = conflict(&body).filter(|theirs| *theirs != old).ok_or(strange)?;
                    *from = theirs;
                    if theirs > size {
                        return Err(Failure::Ahead { ours: size, theirs });
                    }
                }
                StatusCode::FORBIDDEN => return Err(Failure::UnknownKey { said }),
                StatusCode::NOT_FOUND => return Err(Failure::UnknownLog { said }),
                StatusCode::UNPROCESSABLE_ENTITY => {
                    return Err(Failure::Contradicted { size, said });
                }
                status => return Err(Failure::Strange { status: status.as_u16(), said }),
            }
        }
        Err(Failure::Unanswered("it is asked by others at the same time".to_owned()))
    }

    async fn send(&self, body: &str) -> Result<Fetched, Failure> {
        let mut headers = HeaderMap::new();
        let text = HeaderValue::from_static("text/plain; charset=utf-8");
        headers.insert(header::CONTENT_TYPE, text);
        let agent = HeaderValue::from_static(concat!("interdict/", env!("CARGO_PKG_VERSION")));
        headers.insert(header::USER_AGENT, agent);
        let outgoing = Outgoing {
            body: OutgoingBody::Bytes(Bytes::copy_from_slice(body.as_bytes())),
            headers,
            method: Method::POST,
            path_and_query: self.target.clone(),
        };
        let fetched = self.client.fetch(outgoing, LONGEST, PATIENCE).await;
        fetched.map_err(|error| Failure::Unanswered(error.to_string()))
    }

    /// The signature of the witness's key; signatures of other keys are ignored.
    fn verified(&self, note: &Note, body: &[u8]) -> Result<(Signature, u64), Failure> {
        let lines = std::str::from_utf8(body).ok().and_then(|b| Signature::parse_lines(b).ok());
        let mut named = false;
        for signature in lines.unwrap_or_default() {
            if signature.is_by(&self.key) {
                named = true;
                if let Ok(by) = Cosignature::verify(note.text(), &signature, &self.key) {
                    return Ok((signature, by.time));
                }
            }
        }
        Err(if named { Failure::False } else { Failure::Nothing })
    }
}

/// The size in a 409's body: a decimal and a newline.
fn conflict(body: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(body).ok()?.strip_suffix('\n')?;
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

/// What a witness says, as one short line.
fn said(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let line = text.lines().next().unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).take(SAID).collect()
}
