//! What was decided about entries: the fold of their events.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use jiff::SignedDuration;
use jiff::Timestamp;

use crate::clearance::Clearance;
use crate::clearance::Clearances;
use crate::clearance::Digest;
use crate::clearance::Mask;
use crate::clearance::Uses;
use crate::control::event::Event;

use super::change::About;
use super::change::Change;
use super::change::Grant;
use super::change::Outcome;
use super::change::ReasonCode;
use super::change::Times;
use super::hold::Hold;

/// A refusal answers the same evidence for so long.
const REFUSED: SignedDuration = SignedDuration::from_hours(90 * 24);

/// What the record knows of reviews.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// By clearance.
    pub clearances: BTreeMap<String, Permission>,
    /// By entry.
    pub courses: BTreeMap<String, Course>,
}

/// The review of one entry so far.
#[derive(Clone, Debug, Default)]
pub struct Course {
    /// What was recommended last, and about what.
    pub recommended: Option<Step>,
    /// What it was about.
    pub about: Option<About>,
    /// What became of it last.
    pub resolution: Option<Resolution>,
    /// All steps, in order.
    pub steps: Vec<Step>,
}

/// One step, for people to read.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What was done: `review.recommend`, ...
    pub action: String,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// Why, from the closed list.
    pub code: Option<ReasonCode>,
    /// Why, in words.
    pub note: String,
    /// What was recommended.
    pub outcome: Option<Outcome>,
    /// Its place in the ledger.
    pub sequence: u64,
}

/// What became of an entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolution {
    /// When.
    pub at: Timestamp,
    /// What was resolved.
    pub about: About,
    /// By whom.
    pub by: String,
    /// Its clearance, if it was released.
    pub clearance: Option<String>,
    /// Why.
    pub code: ReasonCode,
    /// What became of it.
    pub outcome: Outcome,
    /// Its place in the ledger.
    pub sequence: u64,
}

/// A clearance and what became of it.
#[derive(Clone, Debug)]
pub struct Permission {
    /// The entry that it was given for.
    pub entry: String,
    /// As it was given.
    pub grant: Grant,
    /// The one that the gate asks; snapshots share it.
    pub live: Arc<Clearance>,
    /// When it was revoked, and by whom.
    pub revoked: Option<(Timestamp, String)>,
}

/// How an entry stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nobody has said anything yet, or it is open again.
    Open,
    /// A reviewer has said what should become of it.
    Recommended,
    /// It stays held.
    Refused,
    /// It passes.
    Released,
}

impl Status {
    /// True if somebody has to do something about it.
    pub const fn is_pending(self) -> bool {
        matches!(self, Self::Open | Self::Recommended)
    }

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Recommended => "recommended",
            Self::Refused => "refused",
            Self::Released => "released",
        }
    }
}

impl State {
    pub(in crate::control) fn apply(&mut self, change: &Change, event: &Event) {
        let course = self.courses.entry(change.entry().to_owned()).or_default();
        let (mut code_given, mut advised) = (None, None);
        match change {
            Change::Recommended { about, code, outcome, .. } => {
                (code_given, advised) = (Some(*code), Some(*outcome));
                course.about = Some((**about).clone());
            }
            Change::Refused { code, .. } => {
                code_given = Some(*code);
                course.resolve(event, *code, None);
            }
            Change::Released { clearance, code, entry, .. } => {
                code_given = Some(*code);
                course.resolve(event, *code, Some(clearance.id.clone()));
                let permission = Permission::new(clearance, entry);
                self.clearances.insert(clearance.id.clone(), permission);
            }
            Change::Returned { .. } => course.recommended = None,
            Change::Revoked { clearance, .. } => {
                if let Some(permission) = self.clearances.get_mut(clearance) {
                    permission.revoked = Some((event.at, event.actor.id.clone()));
                }
            }
        }
        let step = Step {
            action: event.action.clone(),
            at: event.at,
            by: event.actor.id.clone(),
            code: code_given,
            note: event.reason.clone(),
            outcome: advised,
            sequence: event.sequence,
        };
        if advised.is_some() {
            course.recommended = Some(step.clone());
        }
        course.steps.push(step);
    }

    /// How an entry stands.
    pub fn status(&self, entry: &str, hold: &Hold, now: Timestamp) -> Status {
        let Some(course) = self.courses.get(entry) else { return Status::Open };
        if course.recommended.is_some() {
            return Status::Recommended;
        }
        match &course.resolution {
            Some(resolution) if !resolution.is_over(hold, now) => match resolution.outcome {
                Outcome::Refuse => Status::Refused,
                Outcome::Release => Status::Released,
            },
            _ => Status::Open,
        }
    }

    /// The clearances that are in force at `now`, for a snapshot.
    pub fn clearances(&self, now: Timestamp, mask: Option<Mask>) -> Clearances {
        let held = self.clearances.values().filter(|permission| permission.is_in_force(now));
        Clearances::new(held.map(|permission| Arc::clone(&permission.live)), mask)
    }

    /// How many may be used at `now`.
    pub fn active(&self, now: Timestamp) -> usize {
        self.clearances.values().filter(|permission| permission.is_in_force(now)).count()
    }

    /// A record says that the clearance was used.
    pub fn note_used(&self, clearance: &str) {
        if let Some(permission) = self.clearances.get(clearance) {
            permission.live.note_used();
        }
    }
}

impl Course {
    fn resolve(&mut self, event: &Event, code: ReasonCode, clearance: Option<String>) {
        // INVARIANT: what is resolved was recommended; `work` checks it before it is recorded.
        let Some(about) = self.about.clone() else { return };
        self.recommended = None;
        let outcome = if clearance.is_some() { Outcome::Release } else { Outcome::Refuse };
        self.resolution = Some(Resolution {
            at: event.at,
            about,
            by: event.actor.id.clone(),
            clearance,
            code,
            outcome,
            sequence: event.sequence,
        });
    }

    /// What the last recommendation rests on, while it waits.
    pub fn waiting(&self) -> Option<(&Step, &About)> {
        self.recommended.as_ref().zip(self.about.as_ref())
    }
}

impl Resolution {
    /// True if there is something new since: it was held in spite of its release, or after its refusal on other evidence or much later.
    fn is_over(&self, hold: &Hold, now: Timestamp) -> bool {
        let held_since = hold.sequence > self.sequence;
        match self.outcome {
            Outcome::Release => held_since,
            Outcome::Refuse => {
                let is_old = now.duration_since(self.at) >= REFUSED;
                held_since && (is_old || !self.is_about(&hold.evidence))
            }
        }
    }

    fn is_about(&self, evidence: &Digest) -> bool {
        self.about.evidence == *evidence
    }
}

impl Permission {
    fn new(grant: &Grant, entry: &str) -> Self {
        let live = Clearance {
            action: grant.action,
            by: grant.by.iter().map(|by| by.as_str().into()).collect(),
            evidence: grant.evidence,
            from: grant.from,
            hold: grant.hold,
            id: grant.id.as_str().into(),
            networks: grant.networks.iter().map(|network| network.as_str().into()).collect(),
            product: grant.product.as_deref().map(Into::into),
            subject: grant.subject.as_str().into(),
            until: grant.until,
            uses: match grant.uses {
                Times::Once => Uses::Once(AtomicBool::new(false)),
                Times::Unlimited => Uses::Unlimited,
            },
        };
        let (entry, grant, live) = (entry.to_owned(), grant.clone(), Arc::new(live));
        Self { entry, grant, live, revoked: None }
    }

    /// True if it may be used at `now`.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.revoked.is_none() && self.live.is_usable(now)
    }
}
