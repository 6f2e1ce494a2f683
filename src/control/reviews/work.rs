//! Who may do what to an entry: the queue as the control plane offers it.

use std::path::Path;
use std::sync::Arc;

use jiff::SignedDuration;
use jiff::Timestamp;

use crate::clearance::Subject;
use crate::clearance::SubjectKind;
use crate::control::clock::now;
use crate::control::error::ControlError;
use crate::control::event::Change as AnyChange;
use crate::control::event::Event;
use crate::control::journal::Control;
use crate::model::Actor;
use crate::model::Country;
use crate::model::DecisionId;
use crate::model::Role;

use super::change::About;
use super::change::Change;
use super::change::Grant;
use super::change::NetworksRow;
use super::change::Outcome;
use super::change::ReasonCode;
use super::change::Times;
use super::hold::Hold;
use super::holds::Holds;
use super::networks::NetworksFile;
use super::state::Course;
use super::state::Resolution;
use super::state::State;
use super::state::Status;
use super::suggestion::Suggestion;
use super::suggestion::suggestion;

/// How long a clearance holds unless the approver says otherwise.
const DEFAULT: SignedDuration = SignedDuration::from_hours(30 * 24);
/// At most.
const LONGEST: SignedDuration = SignedDuration::from_hours(365 * 24);
/// Of an order, unless the approver says less.
const ORDER: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Similar cases that are shown.
const SIMILAR: usize = 10;

/// What a reviewer recommends.
#[derive(Clone, Debug)]
pub struct Recommend {
    /// Why, from the closed list.
    pub code: ReasonCode,
    /// Why, in words.
    pub note: String,
    /// What should become of it.
    pub outcome: Outcome,
}

/// What an approver releases.
#[derive(Clone, Debug)]
pub struct Release<'a> {
    /// The country of the network that is to go into the networks file, and that file; none: it is not entered there.
    pub network: Option<(Country, Option<&'a Path>)>,
    /// Why, in words.
    pub note: String,
    /// When the clearance ends; none: after the default.
    pub until: Option<Timestamp>,
}

/// An entry with everything that is to be seen of it.
#[derive(Clone, Debug)]
pub struct Review {
    /// The review so far.
    pub course: Course,
    /// What was held.
    pub hold: Arc<Hold>,
    /// Its name.
    pub id: String,
    /// Whether the evidence of the last hold is another than what was recommended about.
    pub is_changed: bool,
    /// Entries like it that were resolved, the newest first.
    pub similar: Vec<(String, Resolution)>,
    /// How it stands.
    pub status: Status,
    /// What may have happened.
    pub suggestion: Suggestion,
    /// Changes with every hold and every step: for `ETag`.
    pub version: String,
}

/// How the queue stands.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Queue {
    /// Entries that wait for somebody.
    pub pending: usize,
    /// Since when the oldest of them does.
    pub since: Option<Timestamp>,
}

impl Control {
    /// What was held.
    pub fn holds(&self) -> &Holds {
        &self.inner.holds
    }

    /// Entries of a status, or all; the one that was held last first.
    pub fn reviews(&self, status: Option<Status>) -> Vec<(String, Arc<Hold>, Status)> {
        let (at, all) = (now(&*self.inner.settings.clock), self.holds().all());
        let state = self.state();
        let each = all.into_iter().map(|(id, hold)| {
            let found = state.reviews.status(&id, &hold, at);
            (id, hold, found)
        });
        each.filter(|(_, _, found)| status.is_none_or(|status| status == *found)).collect()
    }

    /// The entries that name a decision among their last ones: what a customer's reference leads to.
    pub fn reviews_of(&self, decision: DecisionId) -> Vec<String> {
        let named = |hold: &Hold| hold.decisions.contains(&decision);
        let all = self.holds().all().into_iter();
        all.filter(|(_, hold)| named(hold)).map(|(id, _)| id).collect()
    }

    /// How the queue stands.
    pub fn review_queue(&self) -> Queue {
        let (at, all) = (now(&*self.inner.settings.clock), self.holds().all());
        let state = self.state();
        let mut queue = Queue::default();
        for (id, hold) in &all {
            if state.reviews.status(id, hold, at).is_pending() {
                queue.pending = queue.pending.saturating_add(1);
                queue.since = Some(queue.since.map_or(hold.opened, |old| old.min(hold.opened)));
            }
        }
        queue
    }

    /// One entry.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn review(&self, id: &str) -> Result<Review, ControlError> {
        let at = now(&*self.inner.settings.clock);
        let state = self.state();
        let (hold, course, status) = entry(self.holds(), &state.reviews, id, at)?;
        let evidence = course.waiting().map(|(_, about)| about.evidence);
        let last = course.steps.last().map_or(0, |step| step.sequence);
        Ok(Review {
            is_changed: evidence.is_some_and(|evidence| evidence != hold.evidence),
            similar: similar(&state.reviews, id, &hold),
            suggestion: suggestion(&hold),
            version: format!("{}-{last}-{}", hold.sequence, status.as_str()),
            id: id.to_owned(),
            course,
            hold,
            status,
        })
    }

    /// A reviewer says what should become of an entry.
    ///
    /// # Errors
    /// `Forbidden` for whoever is no reviewer; `Conflict` for an entry that is not open; `Invalid`, `NotFound`, `Ledger`.
    pub async fn recommend_review(
        &self,
        actor: &Actor,
        id: &str,
        recommend: Recommend,
    ) -> Result<Event, ControlError> {
        may(actor, Role::Reviewer, "recommend what is to become of a hold")?;
        let Recommend { code, note, outcome } = recommend;
        fits(code, outcome, &note)?;
        let (holds, at) = (self.holds(), now(&*self.inner.settings.clock));
        let check = |state: &crate::control::State| {
            let (hold, _, status) = entry(holds, &state.reviews, id, at)?;
            if status != Status::Open {
                return Err(conflict(status, "recommended"));
            }
            if outcome == Outcome::Release && hold.key.subject.is_none() {
                return Err(nobody());
            }
            // Only an account that nobody vouched for needs to be carried by where it was held.
            let is_said =
                matches!(hold.key.kind, Some(SubjectKind::Account | SubjectKind::LicenceKey));
            let carries = is_said && !hold.vouched;
            let last = hold.decision().ok_or_else(|| not_found(id))?;
            let about = About {
                count: hold.count,
                evidence: hold.evidence,
                hold: last,
                key: hold.key.clone(),
                network: hold.network.clone().filter(|_| carries),
                pattern: hold.pattern(),
                rule: hold.rule.clone(),
            };
            let (about, entry) = (Box::new(about), id.to_owned());
            Ok(AnyChange::Reviews(Change::Recommended { about, code, entry, outcome }))
        };
        self.change(actor, &note, check).await
    }

    /// An approver who is another person lets pass what was recommended: a clearance of exactly that.
    ///
    /// # Errors
    /// `Forbidden` for whoever is no approver or has recommended it; `Conflict` for an entry without a recommendation; `Invalid` for an end
    /// that is too late or past, and for a network that cannot be entered; `NotFound`, `Ledger`. `Store` where the clearance is made and the
    /// networks file could not be written.
    pub async fn release_review(
        &self,
        actor: &Actor,
        id: &str,
        release: Release<'_>,
    ) -> Result<Event, ControlError> {
        let (holds, at) = (self.holds(), now(&*self.inner.settings.clock));
        let turn = self.turn().await;
        let (change, file) = {
            let state = turn.state();
            let (hold, code, about) = decided(holds, &state.reviews, actor, id, at)?;
            let by = state.reviews.courses.get(id).and_then(|course| course.recommended.as_ref());
            let by = vec![actor.id.clone(), by.map(|step| step.by.clone()).unwrap_or_default()];
            let code = if code.fits(Outcome::Release) { code } else { ReasonCode::Other };
            let clearance = Box::new(grant(&about, by, at, release.until)?);
            let (mut file, mut row) = (None, None);
            if let Some((country, path)) = release.network {
                let network = prefix(&about)?;
                file = Some(NetworksFile::with(path, network, country)?);
                let (country, network) = (format!("{country:?}"), network.to_string());
                row = Some(NetworksRow { country, network });
            }
            let decisions = hold.decisions.clone();
            let entry = id.to_owned();
            (Change::Released { clearance, code, decisions, entry, row }, file)
        };
        let event = turn.make(actor, &release.note, AnyChange::Reviews(change)).await?;
        file.map_or(Ok(()), NetworksFile::place)?;
        Ok(event)
    }

    /// An approver who is another person lets it stay held.
    ///
    /// # Errors
    /// As for [`Control::release_review`].
    pub async fn refuse_review(
        &self,
        actor: &Actor,
        id: &str,
        note: &str,
    ) -> Result<Event, ControlError> {
        let (holds, at) = (self.holds(), now(&*self.inner.settings.clock));
        let check = |state: &crate::control::State| {
            let (hold, code, _) = decided(holds, &state.reviews, actor, id, at)?;
            let code = if code.fits(Outcome::Refuse) { code } else { ReasonCode::Other };
            let (decisions, entry) = (hold.decisions.clone(), id.to_owned());
            let action = hold.key.action;
            Ok(AnyChange::Reviews(Change::Refused { action, code, decisions, entry }))
        };
        self.change(actor, note, check).await
    }

    /// An approver asks for more: the entry is open again.
    ///
    /// # Errors
    /// As for [`Control::release_review`]; `Invalid` without a note that says what is missing.
    pub async fn return_review(
        &self,
        actor: &Actor,
        id: &str,
        note: &str,
    ) -> Result<Event, ControlError> {
        if note.trim().is_empty() {
            return Err(ControlError::Invalid("note: say what is missing".to_owned()));
        }
        let (holds, at) = (self.holds(), now(&*self.inner.settings.clock));
        let check = |state: &crate::control::State| {
            decided(holds, &state.reviews, actor, id, at)?;
            Ok(AnyChange::Reviews(Change::Returned { entry: id.to_owned() }))
        };
        self.change(actor, note, check).await
    }

    /// An approver takes a clearance back, at once.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, `Ledger`; `Conflict` for one that is not in force any more.
    pub async fn revoke_clearance(
        &self,
        actor: &Actor,
        clearance: &str,
        note: &str,
    ) -> Result<Event, ControlError> {
        may(actor, Role::PolicyApprover, "revoke a clearance")?;
        let at = now(&*self.inner.settings.clock);
        let check = |state: &crate::control::State| {
            let known = state.reviews.clearances.get(clearance);
            let known =
                known.ok_or_else(|| ControlError::NotFound(format!("clearance `{clearance}`")))?;
            if !known.is_in_force(at) {
                return Err(ControlError::Conflict("the clearance is not in force".to_owned()));
            }
            let (clearance, entry) = (clearance.to_owned(), known.entry.clone());
            Ok(AnyChange::Reviews(Change::Revoked { clearance, entry }))
        };
        self.change(actor, note, check).await
    }
}

fn entry(
    holds: &Holds,
    state: &State,
    id: &str,
    at: Timestamp,
) -> Result<(Arc<Hold>, Course, Status), ControlError> {
    let hold = holds.get(id).ok_or_else(|| not_found(id))?;
    let status = state.status(id, &hold, at);
    Ok((hold, state.courses.get(id).cloned().unwrap_or_default(), status))
}

/// What a second person decides about: the entry, the reason that was given, and what that was about.
fn decided(
    holds: &Holds,
    state: &State,
    actor: &Actor,
    id: &str,
    at: Timestamp,
) -> Result<(Arc<Hold>, ReasonCode, About), ControlError> {
    may(actor, Role::PolicyApprover, "decide about a hold")?;
    let (hold, course, status) = entry(holds, state, id, at)?;
    let Some((step, about)) = course.waiting() else {
        return Err(conflict(status, "decided about before somebody has recommended something"));
    };
    if actor.is(&step.by) {
        return Err(ControlError::Forbidden(
            "it takes another person than the one who recommended it".to_owned(),
        ));
    }
    Ok((hold, step.code.unwrap_or(ReasonCode::Other), about.clone()))
}

fn grant(
    about: &About,
    by: Vec<String>,
    at: Timestamp,
    until: Option<Timestamp>,
) -> Result<Grant, ControlError> {
    let subject = about.key.subject.clone().ok_or_else(nobody)?;
    let (uses, default, longest) = match about.key.kind {
        Some(SubjectKind::Account | SubjectKind::LicenceKey | SubjectKind::Network) => {
            (Times::Unlimited, DEFAULT, LONGEST)
        }
        Some(SubjectKind::Order) | None => (Times::Once, ORDER, ORDER),
    };
    let later = |span| at.checked_add(span).unwrap_or(Timestamp::MAX);
    let until = until.unwrap_or_else(|| later(default));
    if until <= at || until > later(longest) {
        let days = longest.as_hours().checked_div(24).unwrap_or_default();
        return Err(ControlError::Invalid(format!(
            "until: it must be later than now, and at most {days} days from now"
        )));
    }
    Ok(Grant {
        action: about.key.action,
        by,
        evidence: about.evidence,
        from: at,
        hold: about.hold,
        id: DecisionId::new(at).to_string(),
        networks: about.network.clone().into_iter().collect(),
        product: about.key.product.clone(),
        subject,
        until,
        uses,
    })
}

/// The network of an entry that is one.
fn prefix(about: &About) -> Result<ipnet::IpNet, ControlError> {
    match about.key.subject.as_deref().map(Subject::parse) {
        Some(Some(Subject::Network(network))) => Ok(network),
        _ => Err(ControlError::Invalid(
            "network: only an entry of a network can go into the networks file, and only where the ledger does not hide it".to_owned(),
        )),
    }
}

/// Resolved entries of the same rule, product group and kind of evidence.
fn similar(state: &State, id: &str, hold: &Hold) -> Vec<(String, Resolution)> {
    let pattern = hold.pattern();
    let mut found: Vec<_> = state
        .courses
        .iter()
        .filter(|(other, _)| *other != id)
        .filter_map(|(other, course)| Some((other.clone(), course.resolution.clone()?)))
        .filter(|(_, resolution)| {
            let about = &resolution.about;
            about.rule == hold.rule
                && about.key.product == hold.key.product
                && about.pattern == pattern
        })
        .collect();
    found.sort_unstable_by_key(|(_, resolution)| std::cmp::Reverse(resolution.sequence));
    found.truncate(SIMILAR);
    found
}

fn fits(code: ReasonCode, outcome: Outcome, note: &str) -> Result<(), ControlError> {
    if !code.fits(outcome) {
        let code = code.as_str();
        return Err(ControlError::Invalid(format!("code: `{code}` is no reason for that outcome")));
    }
    if code == ReasonCode::Other && note.trim().is_empty() {
        return Err(ControlError::Invalid("note: `other` needs one".to_owned()));
    }
    Ok(())
}

fn may(actor: &Actor, role: Role, what: &str) -> Result<(), ControlError> {
    if actor.roles.contains(role) {
        return Ok(());
    }
    Err(ControlError::Forbidden(format!("only a {} may {what}", role.title().to_lowercase())))
}

fn conflict(status: Status, what: &str) -> ControlError {
    ControlError::Conflict(format!("the entry is {}: it cannot be {what}", status.as_str()))
}

fn nobody() -> ControlError {
    ControlError::Conflict(
        "nothing names the buyer or tells the order from another, so nobody can be cleared; have the shop send an account, an e-mail or an address".to_owned(),
    )
}

fn not_found(id: &str) -> ControlError {
    ControlError::NotFound(format!("entry `{id}` in the review queue"))
}
