//! One record, for whoever may see it, and its proof.

use std::time::Duration;
use std::time::Instant;

use actix_web::http::StatusCode;
use actix_web::web;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use uuid::Uuid;

use crate::admin::access::Caller;
use crate::admin::access::RECORD_ROLES;
use crate::admin::api::Answer;
use crate::admin::api::Problem;
use crate::admin::server::AdminPlane;
use crate::control::Access;
use crate::control::AccessOutcome;
use crate::ledger::Hit;
use crate::ledger::LedgerError;
use crate::ledger::Personal;
use crate::ledger::ProofError;
use crate::ledger::ProofSettings;
use crate::ledger::Query;
use crate::ledger::Reader;
use crate::ledger::Searcher;
use crate::ledger::ServedLog;
use crate::model::DecisionId;
use crate::model::Role;

/// How long a record is looked for.
const PATIENCE: Duration = Duration::from_secs(3);
/// Records behind a decision among which its outcome is looked for; it comes within milliseconds of the request's end.
const NEAR: usize = 20_000;
/// Kinds that say who looked, who changed what, and whose keys were destroyed: for auditors alone.
const OF_AUDITORS: [&str; 4] = ["access", "change", "erasure", "hold"];

/// A record that is open before somebody.
#[derive(Clone, Debug)]
pub(in crate::admin) struct Opened {
    /// What of it is not shown, and why, in words.
    pub(in crate::admin) hidden: Vec<String>,
    /// Its id.
    pub(in crate::admin) id: DecisionId,
    /// Its place in the ledger.
    pub(in crate::admin) sequence: u64,
    /// Its export view, as far as the person may see it.
    pub(in crate::admin) view: Map<String, Value>,
}

/// Opens a record for whoever calls. The access is on the disk before it is shown.
///
/// # Errors
/// 404 if there is none, 403 if it is for auditors, 503 if nothing can be recorded now.
pub(in crate::admin) async fn open(
    plane: &AdminPlane,
    caller: &Caller,
    id: &str,
) -> Answer<Opened> {
    let none = || Problem::not_found(format!("record `{id}`"));
    let id = DecisionId::parse(id).ok_or_else(none)?;
    let (searcher, wanted) = (plane.searcher.clone(), id.to_string());
    let found = web::block(move || find(&searcher, wanted)).await;
    let found = found.map_err(|_| Problem::unavailable("the record was not looked for"))?;
    let hit = found.map_err(|error| Problem::internal(&error))?.ok_or_else(none)?;
    let personal = caller.actor.roles.intersects(RECORD_ROLES);
    let opened = shown(&hit, &plane.searcher, id, personal)?;
    let kind = opened.view.get("kind").and_then(Value::as_str).unwrap_or_default();
    if OF_AUDITORS.contains(&kind) && !caller.has(Role::Auditor) {
        let detail = "records of the control plane itself are opened by auditors";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    let detail = json!({ "id": id.to_string(), "kind": kind, "personal": personal });
    let (actor, outcome) = (&caller.actor, AccessOutcome::Ok);
    plane.control.accessed(Access { action: "record", actor, detail, outcome }).await?;
    Ok(opened)
}

fn find(searcher: &Searcher, id: String) -> Result<Option<Hit>, LedgerError> {
    let until = Instant::now().checked_add(PATIENCE);
    let query = Query { id: Some(id), limit: 1, ..Query::default() };
    Ok(searcher.search(&query, until)?.hits.into_iter().next())
}

fn shown(hit: &Hit, searcher: &Searcher, id: DecisionId, personal: bool) -> Answer<Opened> {
    let mut hidden = Vec::new();
    let mut tell = |text: &str| hidden.push(text.to_owned());
    let plain = || hit.view_without_personal();
    let view = match (personal, hit.personal()) {
        (_, Personal::None) => plain(),
        (false, _) => {
            tell("The personal part of this record is not shown: your roles do not include it.");
            plain()
        }
        (true, kept) => match hit.view(searcher.keys()) {
            Err(LedgerError::NoKey { .. }) => {
                tell(
                    "The personal part is encrypted, and its key is missing although nobody erased it. Tell the administrator.",
                );
                plain()
            }
            Ok(view) => {
                if view.get("erased") == Some(&Value::Bool(true)) {
                    tell(
                        "The personal part was erased: its key is destroyed. Its hash is still proved.",
                    );
                } else if view.get("lost") == Some(&Value::Bool(true)) {
                    tell("The key of the personal part was lost in a power cut.");
                } else if kept == Personal::Encrypted {
                    tell(
                        "The personal part is kept encrypted under a key of its own, and was opened for you.",
                    );
                }
                Ok(view)
            }
            Err(error) => Err(error),
        },
    };
    let mut view = view.map_err(|error| Problem::internal(&error))?;
    if !personal {
        view.remove("subject_key");
    }
    if view.get("masked").and_then(Value::as_array).is_some_and(|masked| !masked.is_empty()) {
        tell_masked(&view, &mut hidden);
    }
    Ok(Opened { hidden, id, sequence: hit.sequence, view })
}

fn tell_masked(view: &Map<String, Value>, hidden: &mut Vec<String>) {
    let places = view.get("masked").and_then(Value::as_array).into_iter().flatten();
    let places: Vec<_> = places.filter_map(Value::as_str).collect();
    hidden.push(format!(
        "Licence keys and activation codes are never recorded. Masked here: {}.",
        places.join(", ")
    ));
}

/// What became of the request, if that is recorded near enough.
pub(in crate::admin) async fn outcome(
    plane: &AdminPlane,
    of: &Opened,
) -> Answer<Option<Map<String, Value>>> {
    let (dir, id, sequence) = (plane.searcher.dir().to_owned(), of.id, of.sequence);
    let looked = web::block(move || {
        let id = id.to_string();
        let mut reader = Reader::open_at(&dir, sequence.saturating_add(1))?;
        for _ in 0..NEAR {
            let Some(record) = reader.next_record()? else { break };
            // Most records are of others: looked at as bytes first.
            if memchr::memmem::find(record.payload, id.as_bytes()).is_none() {
                continue;
            }
            let view = record.parts().and_then(|parts| parts.view(record.sequence, None).ok());
            let is = |view: &Map<String, Value>, name: &str, text: &str| {
                view.get(name).and_then(Value::as_str) == Some(text)
            };
            if let Some(view) = view.filter(|v| is(v, "kind", "outcome") && is(v, "of", &id)) {
                return Ok(Some(view));
            }
        }
        Ok::<_, LedgerError>(None)
    });
    match looked.await {
        Ok(found) => found.map_err(|error| Problem::internal(&error)),
        Err(_) => Ok(None),
    }
}

/// The proof of a record and the key that it is checked with, as the page's own verifier takes them.
///
/// # Errors
/// 404 if there is no such record, 409 if no checkpoint covers it yet.
pub(in crate::admin) async fn prove(
    plane: &AdminPlane,
    id: DecisionId,
    personal: bool,
) -> Answer<Value> {
    let dir = plane.searcher.dir().to_owned();
    let proved = web::block(move || {
        let uuid = Uuid::parse_str(&id.to_string()).unwrap_or_default();
        let settings = ProofSettings { without_personal: !personal, ..ProofSettings::default() };
        let proof = crate::ledger::prove(&dir, uuid, settings)?;
        let key = ServedLog::of(&dir).verifier()?.unwrap_or_default();
        Ok::<_, ProofError>(
            json!({ "id": id.to_string(), "key": key.trim_end(), "proof": proof.to_string() }),
        )
    });
    let proved = proved.await.map_err(|_| Problem::unavailable("the proof was not made"))?;
    proved.map_err(|error| match error {
        ProofError::NoRecord(_) => Problem::not_found(format!("record `{id}`")),
        ProofError::NotCovered { .. } => {
            Problem::new(StatusCode::CONFLICT, error.to_string()).later(1)
        }
        ProofError::Ledger(_) | ProofError::Tree => Problem::internal(&error),
    })
}
