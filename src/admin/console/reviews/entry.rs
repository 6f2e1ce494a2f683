//! `/reviews/{id}`: one entry, what it rests on, and the next step.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web;
use askama::Template;
use jiff::SignedDuration;
use jiff::Timestamp;

use crate::admin::access::APPROVERS;
use crate::admin::access::Caller;
use crate::admin::access::QUEUE;
use crate::admin::access::REVIEWERS;
use crate::admin::api::Problem;
use crate::admin::api::reviews::Recommendation;
use crate::admin::api::reviews::Resolution;
use crate::admin::api::reviews::evidence::Piece;
use crate::admin::api::reviews::evidence::Weight;
use crate::admin::api::reviews::recommended;
use crate::admin::api::reviews::resolved;
use crate::admin::api::reviews::view;
use crate::admin::api::reviews::view::Sample;
use crate::admin::api::reviews::words;
use crate::admin::console::Nav;
use crate::admin::console::Shell;
use crate::admin::console::fields::Fields;
use crate::admin::console::fields::go;
use crate::admin::console::fields::needed;
use crate::admin::console::fields::one;
use crate::admin::console::fields::ticked;
use crate::admin::console::filters;
use crate::admin::console::page;
use crate::admin::mount::Mount;
use crate::admin::server::AdminPlane;
use crate::clearance::Subject;
use crate::clearance::SubjectKind;
use crate::control::reviews::Outcome;
use crate::control::reviews::ReasonCode;
use crate::control::reviews::Review as Entry;
use crate::control::reviews::Status;
use crate::control::reviews::Step;
use crate::model::Role;

use super::status;
use super::weight;

pub(super) fn routes(mount: &mut Mount<'_>) {
    mount
        .get("/reviews/{id}", QUEUE, show)
        .post("/reviews/{id}/recommendation", REVIEWERS, recommend)
        .post("/reviews/{id}/resolution", APPROVERS, resolve);
}

/// One entry.
#[derive(Clone, Debug, Template)]
#[template(path = "review.html")]
pub(in crate::admin::console) struct Review {
    /// Whether the evidence has changed since it was recommended about.
    pub(in crate::admin::console) changed: bool,
    /// The clearance, if it was released.
    pub(in crate::admin::console) clearance: Option<String>,
    /// How often it was held.
    pub(in crate::admin::console) count: u64,
    /// What a release would do.
    pub(in crate::admin::console) effect: String,
    /// The evidence of the newest decision.
    pub(in crate::admin::console) evidence: Vec<Piece>,
    /// When it was held first.
    pub(in crate::admin::console) first: Timestamp,
    /// The steps, the newest first.
    pub(in crate::admin::console) history: Vec<Event>,
    /// Its name.
    pub(in crate::admin::console) id: String,
    /// When it was held last.
    pub(in crate::admin::console) last: Timestamp,
    /// The network that may go into the networks file.
    pub(in crate::admin::console) network: Option<String>,
    /// What can be done now.
    pub(in crate::admin::console) next: Next,
    /// Decisions before those that are shown whole, the newest first.
    pub(in crate::admin::console) others: Vec<String>,
    /// What is held.
    pub(in crate::admin::console) product: String,
    /// Why, as the last decision says.
    pub(in crate::admin::console) reason: String,
    /// What was recommended, while it waits.
    pub(in crate::admin::console) recommendation: Option<Event>,
    /// The route.
    pub(in crate::admin::console) route: String,
    /// The rule.
    pub(in crate::admin::console) rule: Rule,
    /// The newest decisions, the newest first.
    pub(in crate::admin::console) samples: Vec<Sample>,
    /// The frame.
    pub(in crate::admin::console) shell: Shell,
    /// Cases like it.
    pub(in crate::admin::console) similar: Vec<Case>,
    /// How it stands.
    pub(in crate::admin::console) status: Status,
    /// What seems to be the case.
    pub(in crate::admin::console) suggestion: Suggested,
    /// What is held, for whom.
    pub(in crate::admin::console) title: String,
    /// The last day that a clearance may end on, and the one that it does unless the approver says otherwise; none for one use.
    pub(in crate::admin::console) until: Option<(String, String)>,
    /// Of what is shown: a step is on this alone.
    pub(in crate::admin::console) version: String,
    /// What was asked for, as a sentence.
    pub(in crate::admin::console) what: String,
    /// For whom.
    pub(in crate::admin::console) who: String,
    /// What that is.
    pub(in crate::admin::console) who_kind: &'static str,
    /// Why it is held, as a sentence.
    pub(in crate::admin::console) why: String,
}

/// What whoever looks can do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::admin::console) enum Next {
    /// It is decided.
    Decided,
    /// To decide what somebody else recommended.
    Decide,
    /// They recommended it: another person is to decide.
    Own,
    /// To recommend.
    Recommend,
    /// To wait for a reviewer.
    WaitForReviewer,
    /// To wait for an approver.
    WaitForApprover,
}

/// Something that was done.
#[derive(Clone, Debug)]
pub(in crate::admin::console) struct Event {
    /// When.
    pub(in crate::admin::console) at: Timestamp,
    /// By whom.
    pub(in crate::admin::console) by: String,
    /// The reason, in words; may be empty.
    pub(in crate::admin::console) code: &'static str,
    /// The note; may be empty.
    pub(in crate::admin::console) note: String,
    /// What was recommended, or empty.
    pub(in crate::admin::console) outcome: &'static str,
    /// The verb.
    pub(in crate::admin::console) what: &'static str,
}

/// The rule that holds it.
#[derive(Clone, Debug)]
pub(in crate::admin::console) struct Rule {
    /// Where the authority can be read.
    pub(in crate::admin::console) citation: Option<String>,
    /// The clause of it.
    pub(in crate::admin::console) clause: String,
    /// What the rule tells a customer.
    pub(in crate::admin::console) message: Option<String>,
    /// Its name, with its policy.
    pub(in crate::admin::console) name: String,
}

/// A case like it.
#[derive(Clone, Debug)]
pub(in crate::admin::console) struct Case {
    /// When it was resolved.
    pub(in crate::admin::console) at: Timestamp,
    /// By whom.
    pub(in crate::admin::console) by: String,
    /// Why.
    pub(in crate::admin::console) code: &'static str,
    /// The entry.
    pub(in crate::admin::console) id: String,
    /// What became of it.
    pub(in crate::admin::console) status: Status,
    /// What it was.
    pub(in crate::admin::console) title: String,
}

/// What seems to be the case.
#[derive(Clone, Debug)]
pub(in crate::admin::console) struct Suggested {
    /// The reason, if found true.
    pub(in crate::admin::console) code: Option<ReasonCode>,
    /// What it would come to.
    pub(in crate::admin::console) outcome: Option<Outcome>,
    /// In words.
    pub(in crate::admin::console) text: String,
}

/// Reasons that fit an outcome, in the order in which they are offered.
fn reasons(outcome: Outcome) -> Vec<ReasonCode> {
    let fit = |code: &ReasonCode| code.fits(outcome) && *code != ReasonCode::Other;
    ReasonCode::ALL.into_iter().filter(fit).collect()
}

/// A reason in words.
const fn because(code: &ReasonCode) -> &'static str {
    words::code(*code)
}

/// The reason that fits either way.
const fn other() -> &'static str {
    words::code(ReasonCode::Other)
}

impl Review {
    /// Whether the suggestion is this outcome.
    pub(in crate::admin::console) fn suggests(&self, outcome: Outcome) -> bool {
        self.suggestion.outcome == Some(outcome)
    }

    /// Whether the suggestion is for this reason.
    pub(in crate::admin::console) fn suggests_code(&self, code: &ReasonCode) -> bool {
        self.suggestion.code == Some(*code)
    }

    /// Whether a release was recommended.
    pub(in crate::admin::console) fn is_release(&self) -> bool {
        self.recommendation.as_ref().is_some_and(|event| event.outcome == "release")
    }
}

async fn show(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let review = plane.control.review(&id)?;
    view::looked(&plane, &caller, &id).await?;
    let samples = view::samples(&plane, &review.hold).await?;
    Ok(page(StatusCode::OK, &shown(&plane, &caller, review, &samples)))
}

fn shown(plane: &AdminPlane, caller: &Caller, review: Entry, samples: &[Sample]) -> Review {
    let now = plane.gate.now();
    let hold = &review.hold;
    let ends = view::ends(hold, now);
    let date = |at: Timestamp| at.strftime("%Y-%m-%d").to_string();
    let latest = now.checked_add(SignedDuration::from_hours(24 * 364)).unwrap_or(ends);
    let claims = matches!(
        hold.key.kind,
        Some(SubjectKind::Account | SubjectKind::LicenceKey | SubjectKind::Network)
    );
    let network = hold.key.subject.as_deref().and_then(Subject::parse);
    let network = match network {
        Some(Subject::Network(network)) if plane.networks.is_some() => Some(network.to_string()),
        _ => None,
    };
    let snapshot = plane.gate.pin();
    let mut rules = snapshot.policies.rules.iter().map(|rule| &rule.facts);
    let facts =
        rules.find(|facts| *facts.policy == *hold.rule.policy && *facts.rule == *hold.rule.rule);
    let title = words::title(&hold.key);
    let similar = review.similar.iter().map(|(id, found)| Case {
        at: found.at,
        by: words::person(&found.by).to_owned(),
        code: words::code(found.code),
        id: id.clone(),
        status: match found.outcome {
            Outcome::Refuse => Status::Refused,
            Outcome::Release => Status::Released,
        },
        title: words::title(&found.about.key),
    });
    Review {
        changed: review.is_changed,
        clearance: review
            .course
            .resolution
            .as_ref()
            .and_then(|found| found.clearance.clone())
            .filter(|_| !review.status.is_pending()),
        count: hold.count,
        effect: words::effect(hold, ends),
        evidence: samples.first().map(|sample| sample.evidence.clone()).unwrap_or_default(),
        first: hold.first,
        history: review.course.steps.iter().rev().map(event).collect(),
        last: hold.last,
        network,
        next: next(caller, &review),
        others: hold.decisions.iter().rev().skip(samples.len()).map(ToString::to_string).collect(),
        product: words::product(hold.key.product.as_deref()).to_owned(),
        reason: hold.reason.clone(),
        recommendation: review.course.waiting().map(|(step, _)| event(step)),
        route: hold.route.clone(),
        rule: Rule {
            citation: facts.map(|facts| facts.citation.to_string()),
            clause: hold.rule.clause.clone(),
            message: facts.map(|facts| facts.message.to_string()),
            name: format!("{}/{}", hold.rule.policy, hold.rule.rule),
        },
        samples: samples.to_vec(),
        shell: plane.shell(caller, &title, Some(Nav::Reviews)),
        similar: similar.collect(),
        status: review.status,
        suggestion: Suggested {
            code: review.suggestion.code,
            outcome: review.suggestion.outcome,
            text: review.suggestion.text.to_owned(),
        },
        title,
        until: claims.then(|| (date(latest), date(ends))),
        version: view::version(&review),
        what: words::asked(hold),
        who: words::subject(&hold.key),
        who_kind: words::kind(hold.key.kind),
        why: gap(samples.first().map_or(&[], |sample| &sample.evidence)),
        id: review.id,
    }
}

/// What makes it unclear, as a sentence.
fn gap(evidence: &[Piece]) -> String {
    let said = |weight| evidence.iter().filter(move |piece| piece.weighs == weight);
    let why = |piece: &Piece| match &piece.why {
        Some(why) => format!("{}: {why}", piece.name),
        None => piece.name.clone(),
    };
    let unclear: Vec<_> = said(Weight::Unclear).map(why).collect();
    let names =
        |weight| said(weight).map(|piece| piece.name.as_str()).collect::<Vec<_>>().join(", ");
    let (home, away) = (names(Weight::UnitedStates), names(Weight::Foreign));
    if !unclear.is_empty() {
        return format!(
            "Whether this rule applies cannot be told. {}.",
            sentence(&unclear.join("; "))
        );
    }
    if !home.is_empty() && !away.is_empty() {
        return format!(
            "The evidence points both ways: to the United States ({home}), and elsewhere ({away})."
        );
    }
    "Whether this rule applies cannot be told from what is known.".to_owned()
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}", chars.as_str())
}

fn next(caller: &Caller, review: &Entry) -> Next {
    match review.status {
        Status::Open if caller.has(Role::Reviewer) => Next::Recommend,
        Status::Open => Next::WaitForReviewer,
        Status::Recommended => {
            let own = review.course.waiting().is_some_and(|(step, _)| caller.actor.is(&step.by));
            match own {
                true => Next::Own,
                false if caller.has(Role::PolicyApprover) => Next::Decide,
                false => Next::WaitForApprover,
            }
        }
        Status::Refused | Status::Released => Next::Decided,
    }
}

fn event(step: &Step) -> Event {
    Event {
        at: step.at,
        by: words::person(&step.by).to_owned(),
        code: step.code.map_or("", words::code),
        note: step.note.clone(),
        outcome: step.outcome.map_or("", words::outcome),
        what: words::step(&step.action),
    }
}

async fn recommend(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    id: web::Path<String>,
    form: Fields,
) -> Result<HttpResponse, Problem> {
    plane.control.review(&id)?;
    let recommendation = Recommendation {
        note: one(&form, "note").to_owned(),
        outcome: chosen(&form, "outcome")?,
        reason_code: chosen(&form, "reason_code")?,
    };
    recommended(&plane, &caller, &id, recommendation, |tag| same(&form, tag)).await?;
    Ok(go(&format!("/reviews/{id}")))
}

async fn resolve(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    id: web::Path<String>,
    form: Fields,
) -> Result<HttpResponse, Problem> {
    plane.control.review(&id)?;
    let agree = match needed(&form, "decision")? {
        "agree" => true,
        "return" => false,
        _ => return Err(Problem::invalid("decision: agree or return")),
    };
    let network = agree && ticked(&form, "network");
    let until = Some(one(&form, "until")).filter(|day| agree && !day.is_empty());
    let resolution = Resolution {
        agree,
        country: match network {
            true => Some(needed(&form, "country")?.to_owned()),
            false => None,
        },
        note: one(&form, "note").to_owned(),
        until: until.map(end_of).transpose()?,
    };
    resolved(&plane, &caller, &id, resolution, |tag| same(&form, tag)).await?;
    Ok(go(&format!("/reviews/{id}")))
}

/// A step is on what its author has read.
fn same(form: &Fields, tag: &str) -> Result<(), Problem> {
    if one(form, "version") == tag {
        return Ok(());
    }
    let detail = "the entry was changed since you opened this page: load it again, then decide";
    Err(Problem::new(StatusCode::PRECONDITION_FAILED, detail))
}

/// A choice of a closed list.
fn chosen<T: serde::de::DeserializeOwned>(form: &Fields, name: &'static str) -> Result<T, Problem> {
    let text = needed(form, name)?;
    serde_json::from_value(text.into()).map_err(|_| {
        Problem::invalid(format!("{name}: choose one of the list"))
            .at(name, "choose one of the list")
    })
}

/// The end of a day, UTC.
fn end_of(day: &str) -> Result<Timestamp, Problem> {
    let bad = || {
        Problem::invalid("until: a day such as 2026-12-25").at("until", "a day such as 2026-12-25")
    };
    let begins: Timestamp = format!("{day}T00:00:00Z").parse().map_err(|_| bad())?;
    begins.checked_add(SignedDuration::from_hours(24)).map_err(|_| bad())
}
