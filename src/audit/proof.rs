//! The proof of one record (C2SP tlog-proof), checked with a key and nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::checkpoint::{Checkpoint, decimal};
use super::envelope::Envelope;
use super::error::{AuditError, Defect, DefectKind, Part, RecordName};
use super::hash::{Hash, root_of_path};
use super::key::VerifierKey;
use super::part;
use super::published::Claims;
use super::report::{Cosigned, Published};

/// Siblings that a path through 64 bits of leaves can have.
const LONGEST: usize = 64;

/// A record that was proven to be in a log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Proven {
    /// Its place in the log: its sequence number.
    pub index: u64,
    /// The state of the log that contains it.
    pub published: Published,
    /// Its id.
    pub id: String,
    /// What it is of.
    pub kind: String,
    /// Its instant.
    pub time: String,
    /// What was decided, if it is a decision.
    pub verdict: Option<String>,
    /// The rule that decided, if one did.
    pub rule: Option<String>,
    /// The whole envelope: canonical JSON.
    pub envelope: String,
    /// The document without its salt: canonical JSON; `None` if the proof does not carry it.
    pub document: Option<String>,
    /// The personal part.
    pub personal: PersonalPart,
    /// The cosignature of each witness that was asked for.
    pub cosigned: Vec<Cosigned>,
}

/// What a proof says of the personal part.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PersonalPart {
    /// The proof carries it, and it matches its hash: canonical JSON.
    Clear(String),
    /// The proof carries it in ciphertext, and that matches its hash; under this key.
    Encrypted(String),
    /// The record has none.
    None,
    /// The record has one, and the proof does not carry it.
    NotShown,
}

/// What stands in the line `extra`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Extra {
    document: Option<String>,
    envelope: String,
    personal: Option<String>,
}

/// Verifies a proof: that the log's key signed a state that contains this envelope at this place, and that the parts it carries are those
/// that the envelope committed to. Every witness must have cosigned that state. `name` is what to call the proof in a defect.
///
/// # Errors
/// `Defective` if it is not a proof, or proves nothing under this key.
pub fn verify_proof(
    name: &str,
    text: &[u8],
    key: &VerifierKey,
    witnesses: &[VerifierKey],
) -> Result<Proven, AuditError> {
    let fault = |reason| AuditError::from(Defect::file(name, DefectKind::Proof { reason }));
    let text = std::str::from_utf8(text).map_err(|_| fault("it is not UTF-8"))?;
    let (head, note) = text.split_once("\n\n").ok_or_else(|| fault("it has no checkpoint"))?;
    let mut lines = head.split('\n');
    if lines.next() != Some("c2sp.org/tlog-proof@v1") {
        return Err(fault("it does not begin as a proof does"));
    }
    let extra = lines.next().and_then(|line| line.strip_prefix("extra "));
    let extra = extra.ok_or_else(|| fault("it has no line `extra`"))?;
    let index = lines.next().and_then(|line| line.strip_prefix("index ")).and_then(decimal);
    let index = index.ok_or_else(|| fault("it has no line `index`"))?;
    let path: Option<Vec<_>> = lines.map(|line| Hash::from_base64(line.as_bytes())).collect();
    let path = path.filter(|path| path.len() <= LONGEST);
    let path = path.ok_or_else(|| fault("its path has not its form"))?;
    let checkpoint = Checkpoint::read(note.as_bytes()).map_err(|kind| Defect::file(name, kind))?;
    let Checkpoint { origin, size, root, .. } = checkpoint.clone();
    let notes = [(name.to_owned(), checkpoint)];
    let claims = Claims::verified(&notes, Some(key), witnesses)?;

    let decoded = |text: String| STANDARD.decode(text).map_err(|_| fault("`extra` is not base64"));
    let extra: Extra = serde_json::from_slice(&decoded(extra.to_owned())?)
        .map_err(|_| fault("`extra` does not hold envelope and parts"))?;
    let entry = decoded(extra.envelope)?;
    let document = extra.document.map(decoded).transpose()?;
    let personal = extra.personal.map(decoded).transpose()?;
    if root_of_path(index, size, Hash::leaf(&entry), &path) != Some(root) {
        return Err(fault("its path does not lead from the record to the root"));
    }
    let envelope = Envelope::read(&entry);
    let envelope =
        envelope.map_err(|reason| Defect::file(name, DefectKind::Envelope { reason }))?;
    let id = text_of(envelope.id);
    let check = |which, part: Option<&Vec<u8>>| {
        let checked = part.map_or(Ok(()), |part| part::check(&envelope, which, part));
        checked.map_err(|kind| {
            let record = Some(RecordName { sequence: index, id: Some(id.clone()) });
            AuditError::from(Defect { record, ..Defect::file(name, kind) })
        })
    };
    check(Part::Document, document.as_ref())?;
    check(Part::Personal, personal.as_ref())?;
    let personal = match (envelope.personal, personal, envelope.subject_key) {
        (None, _, _) => PersonalPart::None,
        (Some(_), None, _) => PersonalPart::NotShown,
        (Some(_), Some(_), Some(key)) => PersonalPart::Encrypted(text_of(key)),
        (Some(_), Some(part), None) => PersonalPart::Clear(text_of(part::json_of(&part))),
    };
    Ok(Proven {
        index,
        published: Published { origin, size, root },
        id,
        kind: text_of(envelope.kind),
        time: text_of(envelope.time),
        verdict: envelope.verdict.map(text_of),
        rule: envelope.rule.map(text_of),
        envelope: text_of(&entry),
        document: document.map(|part| text_of(part::json_of(&part))),
        personal,
        cosigned: claims.cosigned,
    })
}

/// Text that was found to be UTF-8.
fn text_of(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}
