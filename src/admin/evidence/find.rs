//! Lists of records by the search index: what the search page, the access log and the log of changes show.

use std::time::Duration;
use std::time::Instant;

use actix_web::web;
use serde_json::Map;
use serde_json::Value;

use crate::admin::access::Caller;
use crate::admin::api::Answer;
use crate::admin::api::Problem;
use crate::admin::server::AdminPlane;
use crate::control::Access;
use crate::control::AccessOutcome;
use crate::ledger::IndexStatus;
use crate::ledger::LedgerError;
use crate::ledger::Query;

/// How long a search may take; then it says where to go on.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was found.
#[derive(Clone, Debug)]
pub(in crate::admin) struct Listed {
    /// How the index stands.
    pub(in crate::admin) index: IndexStatus,
    /// Records before this sequence number were not looked at; none: that were all.
    pub(in crate::admin) next: Option<u64>,
    /// Export views, the newest first.
    pub(in crate::admin) records: Vec<Map<String, Value>>,
}

/// Searches for whoever calls; the search is a record on the disk first.
///
/// # Errors
/// 503 if nothing can be recorded now, 500 if the ledger cannot be read.
pub(in crate::admin) async fn search(
    plane: &AdminPlane,
    caller: &Caller,
    query: Query,
) -> Answer<Listed> {
    let detail = serde_json::to_value(&query).map_err(|error| Problem::internal(&error))?;
    let (actor, outcome) = (&caller.actor, AccessOutcome::Ok);
    plane.control.accessed(Access { action: "search", actor, detail, outcome }).await?;
    list(plane, query, true).await
}

/// Records of one kind of the control plane itself: who looked, who changed what.
///
/// # Errors
/// 500 if the ledger cannot be read.
pub(in crate::admin) async fn kinds(
    plane: &AdminPlane,
    kind: &str,
    before: Option<u64>,
    limit: usize,
    personal: bool,
) -> Answer<Listed> {
    let query = Query { before, kind: Some(kind.to_owned()), limit, ..Query::default() };
    let mut listed = list(plane, query, personal).await?;
    if !personal {
        listed.records.iter_mut().for_each(without_subjects);
    }
    Ok(listed)
}

/// The steps of a review name whom they are about outside of the personal part, where the ledger keeps that in clear.
fn without_subjects(record: &mut Map<String, Value>) {
    if record.get("area").is_none_or(|area| area != "reviews") {
        return;
    }
    let Some(change) = record.get_mut("change") else { return };
    for part in ["/about", "/about/key", "/clearance", "/row"] {
        let part = change.pointer_mut(part).and_then(Value::as_object_mut);
        part.into_iter().for_each(|part| {
            part.retain(|name, _| !matches!(name.as_str(), "network" | "networks" | "subject"));
        });
    }
}

async fn list(plane: &AdminPlane, query: Query, personal: bool) -> Answer<Listed> {
    let searcher = plane.searcher.clone();
    let searched = web::block(move || {
        let until = Instant::now().checked_add(PATIENCE);
        let found = searcher.search(&query, until)?;
        let views = found.hits.iter().map(|hit| match personal {
            true => match hit.view(searcher.keys()) {
                // A key that is gone hides one part of one record, not the page.
                Err(LedgerError::NoKey { .. }) => hit.view_without_personal(),
                view => view,
            },
            false => hit.view_without_personal(),
        });
        let records = views.collect::<Result<_, _>>()?;
        Ok(Listed { index: searcher.status(), next: found.next, records })
    });
    match searched.await {
        Ok(Ok(listed)) => Ok(listed),
        Ok(Err(error)) => {
            let error: LedgerError = error;
            Err(Problem::internal(&error))
        }
        Err(_) => Err(Problem::unavailable("the search did not run")),
    }
}
