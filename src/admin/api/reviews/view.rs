//! Entries and clearances as they are shown, by the API and by the pages.

use std::time::Duration;
use std::time::Instant;

use actix_web::web;
use jiff::SignedDuration;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use utoipa::ToSchema;

use crate::admin::access::Caller;
use crate::admin::api::etag::etag;
use crate::admin::api::problem::Answer;
use crate::admin::api::problem::Problem;
use crate::admin::server::AdminPlane;
use crate::clearance::SubjectKind;
use crate::control::Access;
use crate::control::AccessOutcome;
use crate::control::reviews::Hold;
use crate::control::reviews::Permission;
use crate::control::reviews::Resolution;
use crate::control::reviews::Review;
use crate::control::reviews::Status;
use crate::control::reviews::Step;
use crate::control::reviews::suggestion;
use crate::ledger::Query;

use super::evidence;
use super::evidence::Piece;
use super::words;
use super::words::Force;

/// How long a clearance of an order holds, and any other, unless the approver says otherwise: as `control::reviews` has it.
const ORDER: SignedDuration = SignedDuration::from_hours(7 * 24);
const USUAL: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Decisions of an entry whose records are read.
const SAMPLES: usize = 3;
/// How long reading them may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// An entry of the queue.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in crate::admin) struct Entry {
    /// What is held.
    #[schema(example = "signature_update")]
    pub(in crate::admin) action: &'static str,
    /// How often it was held.
    pub(in crate::admin) count: u64,
    /// When it was held first (RFC 3339).
    pub(in crate::admin) first: String,
    /// Its name.
    pub(in crate::admin) id: String,
    /// What the subject is: `account`, `licence_key`, `network` or `order`; null where nothing names anybody.
    #[schema(value_type = Option<String>)]
    pub(in crate::admin) kind: Option<SubjectKind>,
    /// When it was held last (RFC 3339).
    pub(in crate::admin) last: String,
    /// Since when somebody should do something about it (RFC 3339).
    pub(in crate::admin) opened: String,
    /// The product group; null where nothing identifies the item.
    pub(in crate::admin) product: Option<String>,
    /// Why, as the last decision says.
    pub(in crate::admin) reason: String,
    /// The route that held the last one.
    pub(in crate::admin) route: String,
    /// The rule that held the last one.
    pub(in crate::admin) rule: RuleView,
    /// How it stands.
    #[schema(value_type = String, example = "open")]
    pub(in crate::admin) state: Status,
    /// For whom, as the ledger keeps it; null where nothing names anybody.
    pub(in crate::admin) subject: Option<String>,
    /// What seems to be the case, and how to find out.
    pub(in crate::admin) suggestion: SuggestionView,
    /// What is held, in words.
    #[schema(example = "Updates of kaspersky.covered to 192.0.2.0/24")]
    pub(in crate::admin) title: String,
}

/// A rule.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in crate::admin) struct RuleView {
    /// The clause of the authority.
    pub(in crate::admin) clause: String,
    /// The policy.
    pub(in crate::admin) policy: String,
    /// The rule.
    pub(in crate::admin) rule: String,
}

/// What may have happened. It resolves nothing.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in crate::admin) struct SuggestionView {
    /// The reason that it would be, if that is found true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::admin) code: Option<&'static str>,
    /// What it then should come to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::admin) outcome: Option<&'static str>,
    /// In words.
    pub(in crate::admin) text: &'static str,
}

/// An entry with everything that is to be seen of it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in crate::admin) struct Detail {
    /// Whether the evidence of the last hold is another than what was recommended about.
    pub(in crate::admin) changed: bool,
    /// Its last decisions, the newest last.
    pub(in crate::admin) decisions: Vec<String>,
    /// What a release would do, in words.
    pub(in crate::admin) effect: String,
    /// The entry.
    #[serde(flatten)]
    pub(in crate::admin) entry: Entry,
    /// Everything that was done about it, in order.
    pub(in crate::admin) history: Vec<StepView>,
    /// What was recommended, while it waits for a second person.
    pub(in crate::admin) recommendation: Option<StepView>,
    /// What became of it last.
    pub(in crate::admin) resolution: Option<ResolutionView>,
    /// The newest of its decisions with their evidence, the newest first.
    pub(in crate::admin) samples: Vec<Sample>,
    /// Resolved entries like it, the newest first.
    pub(in crate::admin) similar: Vec<ResolutionView>,
}

/// A held decision with its evidence.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in crate::admin) struct Sample {
    /// Its id, which the customer was told.
    pub(in crate::admin) decision: String,
    /// The evidence, piece by piece.
    pub(in crate::admin) evidence: Vec<Piece>,
    /// What was asked for: items, or the path of a delivery.
    pub(in crate::admin) items: Vec<String>,
    /// When it was recorded (RFC 3339); null where the record cannot be read any more.
    pub(in crate::admin) recorded: Option<String>,
}

/// One step.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in crate::admin) struct StepView {
    /// What was done.
    #[schema(example = "review.recommend")]
    pub(in crate::admin) action: String,
    /// When (RFC 3339).
    pub(in crate::admin) at: String,
    /// By whom.
    #[schema(example = "local:anna")]
    pub(in crate::admin) by: String,
    /// The reason.
    pub(in crate::admin) code: Option<&'static str>,
    /// In words.
    pub(in crate::admin) note: String,
    /// What was recommended.
    pub(in crate::admin) outcome: Option<&'static str>,
    /// Its place in the ledger.
    pub(in crate::admin) sequence: u64,
}

/// What became of an entry.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in crate::admin) struct ResolutionView {
    /// When (RFC 3339).
    pub(in crate::admin) at: String,
    /// By whom.
    pub(in crate::admin) by: String,
    /// Its clearance, if it was released.
    pub(in crate::admin) clearance: Option<String>,
    /// The reason.
    pub(in crate::admin) code: &'static str,
    /// The entry.
    pub(in crate::admin) entry: String,
    /// What it was about, in words.
    pub(in crate::admin) title: String,
    /// What became of it: `release` or `refuse`.
    pub(in crate::admin) outcome: &'static str,
}

/// A clearance.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in crate::admin) struct ClearanceView {
    /// The action.
    #[schema(example = "signature_update")]
    pub(in crate::admin) action: &'static str,
    /// Who released it, then who recommended that.
    pub(in crate::admin) by: Vec<String>,
    /// The entry that it was given for.
    pub(in crate::admin) entry: String,
    /// From when it holds (RFC 3339).
    pub(in crate::admin) from: String,
    /// The hold that it answers.
    pub(in crate::admin) hold: String,
    /// Its name.
    pub(in crate::admin) id: String,
    /// Networks from which an account that nobody vouches for is cleared.
    pub(in crate::admin) networks: Vec<String>,
    /// The product group.
    pub(in crate::admin) product: Option<String>,
    /// When and by whom it was revoked.
    pub(in crate::admin) revoked: Option<Revoked>,
    /// How it stands.
    pub(in crate::admin) state: Force,
    /// For whom, as the ledger keeps it.
    pub(in crate::admin) subject: String,
    /// What it lets pass, in words.
    pub(in crate::admin) title: String,
    /// When it ends, exclusive (RFC 3339).
    pub(in crate::admin) until: String,
    /// `once` or `unlimited`.
    #[schema(value_type = String)]
    pub(in crate::admin) uses: crate::control::reviews::Times,
}

/// Who took a clearance back.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in crate::admin) struct Revoked {
    /// When (RFC 3339).
    pub(in crate::admin) at: String,
    /// Who.
    pub(in crate::admin) by: String,
}

impl Entry {
    pub(in crate::admin) fn of(id: &str, hold: &Hold, state: Status) -> Self {
        let Hold { key, rule, .. } = hold;
        let suggested = suggestion(hold);
        Self {
            action: key.action.as_str(),
            count: hold.count,
            first: hold.first.to_string(),
            id: id.to_owned(),
            kind: key.kind,
            last: hold.last.to_string(),
            opened: hold.opened.to_string(),
            product: key.product.clone(),
            reason: hold.reason.clone(),
            route: hold.route.clone(),
            rule: RuleView {
                clause: rule.clause.clone(),
                policy: rule.policy.clone(),
                rule: rule.rule.clone(),
            },
            state,
            subject: key.subject.clone(),
            suggestion: SuggestionView {
                code: suggested.code.map(crate::control::reviews::ReasonCode::as_str),
                outcome: suggested.outcome.map(words::outcome),
                text: suggested.text,
            },
            title: words::title(key),
        }
    }
}

impl StepView {
    pub(in crate::admin) fn of(step: &Step) -> Self {
        Self {
            action: step.action.clone(),
            at: step.at.to_string(),
            by: step.by.clone(),
            code: step.code.map(crate::control::reviews::ReasonCode::as_str),
            note: step.note.clone(),
            outcome: step.outcome.map(words::outcome),
            sequence: step.sequence,
        }
    }
}

impl ResolutionView {
    fn of(entry: &str, resolution: &Resolution) -> Self {
        Self {
            at: resolution.at.to_string(),
            by: resolution.by.clone(),
            clearance: resolution.clearance.clone(),
            code: resolution.code.as_str(),
            entry: entry.to_owned(),
            title: words::title(&resolution.about.key),
            outcome: words::outcome(resolution.outcome),
        }
    }
}

impl Detail {
    pub(in crate::admin) fn of(review: &Review, samples: Vec<Sample>, now: Timestamp) -> Self {
        let Review { course, hold, id, similar, .. } = review;
        Self {
            changed: review.is_changed,
            decisions: hold.decisions.iter().map(ToString::to_string).collect(),
            effect: words::effect(hold, ends(hold, now)),
            entry: Entry::of(id, hold, review.status),
            history: course.steps.iter().map(StepView::of).collect(),
            recommendation: course.waiting().map(|(step, _)| StepView::of(step)),
            resolution: course.resolution.as_ref().map(|found| ResolutionView::of(id, found)),
            samples,
            similar: similar.iter().map(|(id, found)| ResolutionView::of(id, found)).collect(),
        }
    }
}

impl ClearanceView {
    pub(in crate::admin) fn of(permission: &Permission, now: Timestamp) -> Self {
        let Permission { entry, grant, revoked, .. } = permission;
        Self {
            action: grant.action.as_str(),
            by: grant.by.clone(),
            entry: entry.clone(),
            from: grant.from.to_string(),
            hold: grant.hold.to_string(),
            id: grant.id.clone(),
            networks: grant.networks.clone(),
            product: grant.product.clone(),
            revoked: revoked
                .as_ref()
                .map(|(at, by)| Revoked { at: at.to_string(), by: by.clone() }),
            state: Force::of(permission, now),
            subject: grant.subject.clone(),
            title: words::granted(grant),
            until: grant.until.to_string(),
            uses: grant.uses,
        }
    }
}

/// When a clearance of this entry ends unless the approver says otherwise.
pub(in crate::admin) fn ends(hold: &Hold, now: Timestamp) -> Timestamp {
    let span = match hold.key.kind {
        Some(SubjectKind::Order) | None => ORDER,
        Some(SubjectKind::Account | SubjectKind::LicenceKey | SubjectKind::Network) => USUAL,
    };
    now.checked_add(span).unwrap_or(Timestamp::MAX)
}

/// What two people must have read alike: the steps, and what is decided about. More holds of the same evidence change nothing of it.
pub(in crate::admin) fn version(review: &Review) -> String {
    let Review { course, hold, status, .. } = review;
    let last = course.steps.last().map_or(0, |step| step.sequence);
    etag(&(status, last, &hold.evidence, &hold.network, hold.vouched, &hold.rule))
}

/// Records that somebody looks at an entry: its evidence is a person's.
///
/// # Errors
/// 503 when it cannot be recorded: nothing may be shown then.
pub(in crate::admin) async fn looked(plane: &AdminPlane, caller: &Caller, id: &str) -> Answer<()> {
    let (actor, outcome) = (&caller.actor, AccessOutcome::Ok);
    let detail = json!({ "entry": id });
    plane.control.accessed(Access { action: "review", actor, detail, outcome }).await?;
    Ok(())
}

/// The newest decisions of an entry, the newest first, as far as their records can be read.
///
/// # Errors
/// 503 when they could not be looked for.
pub(in crate::admin) async fn samples(plane: &AdminPlane, hold: &Hold) -> Answer<Vec<Sample>> {
    let ids: Vec<_> = hold.decisions.iter().rev().take(SAMPLES).map(ToString::to_string).collect();
    let searcher = plane.searcher.clone();
    let read = web::block(move || {
        let until = Instant::now().checked_add(PATIENCE);
        let view = |id: &String| {
            let query = Query { id: Some(id.clone()), limit: 1, ..Query::default() };
            let found = searcher.search(&query, until)?;
            found.hits.first().map(|hit| hit.view(searcher.keys())).transpose()
        };
        ids.into_iter().map(|id| (view(&id), id)).collect::<Vec<_>>()
    });
    let read = read.await.map_err(|_| Problem::unavailable("the records could not be read"))?;
    let mut samples = Vec::new();
    for (view, id) in read {
        // What was erased, or lies in a file that is gone, leaves the entry as it is.
        let view = view.unwrap_or_else(|error| {
            tracing::warn!(%error, decision = id, "a record of a hold cannot be read");
            None
        });
        samples.push(sample(id, view.as_ref()));
    }
    if let Some(newest) = samples.first_mut().filter(|sample| sample.evidence.is_empty()) {
        newest.evidence = evidence::remembered(hold.facts.iter());
    }
    Ok(samples)
}

fn sample(decision: String, view: Option<&Map<String, Value>>) -> Sample {
    let member = |name: &str| view.and_then(|view| view.get(name));
    let evidence = member("evidence").and_then(Value::as_object);
    let recorded = member("recorded").or_else(|| member("time")).and_then(Value::as_str);
    let items = member("items").and_then(Value::as_array).into_iter().flatten();
    let mut items: Vec<_> = items.filter_map(item).collect();
    if items.is_empty() {
        let path = member("request").and_then(|request| request.get("path"));
        items.extend(path.and_then(Value::as_str).map(ToOwned::to_owned));
    }
    Sample {
        decision,
        evidence: evidence.map(evidence::pieces).unwrap_or_default(),
        items,
        recorded: recorded.map(ToOwned::to_owned),
    }
}

fn item(item: &Value) -> Option<String> {
    let text = |name: &str| item.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    match (text("name"), text("sku")) {
        (Some(name), Some(sku)) => Some(format!("{name} ({sku})")),
        (name, sku) => name.or(sku).map(ToOwned::to_owned),
    }
}
