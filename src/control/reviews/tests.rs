//! The queue: two persons, bounded entries, what reopens and what stays refused.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use jiff::SignedDuration;
use jiff::Timestamp;

use super::*;
use crate::clearance::Digest;
use crate::clearance::SubjectKind;
use crate::control::Control;
use crate::control::ControlError;
use crate::control::ControlSettings;
use crate::ledger::Ledger;
use crate::ledger::LedgerSettings;
use crate::model::Action;
use crate::model::Actor;
use crate::model::Clock;
use crate::model::Country;
use crate::model::DecisionId;
use crate::model::Retention;
use crate::model::Role;
use crate::model::Roles;
use crate::model::Via;

/// A clock that stands where it is put.
#[derive(Debug)]
struct Fixed(std::sync::Mutex<Timestamp>);

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

struct Desk {
    clock: Arc<Fixed>,
    control: Control,
    ledger: Ledger,
    folder: tempfile::TempDir,
}

fn start() -> Timestamp {
    "2026-11-25T12:00:00Z".parse().unwrap()
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        let ledger = Ledger::open(LedgerSettings::new(dir.join("ledger"))).unwrap().0;
        let clock = Arc::new(Fixed(start().into()));
        let settings = ControlSettings {
            clock: Arc::<Fixed>::clone(&clock),
            ledger_dir: dir.join("ledger"),
            retention: Retention::default(),
            store_dir: dir.join("store"),
        };
        let control = Control::open(settings, ledger.clone()).unwrap();
        Self { clock, control, ledger, folder }
    }

    /// One more hold; its place is behind every change so far.
    fn hold(&self, seen: Seen) -> String {
        let sequence = self.ledger.status().next_sequence.max(self.control.holds().position());
        let (id, state) = (seen.key.id(), self.control.state());
        let found = Found { cleared: Vec::new(), seen: vec![Seen { sequence, ..seen }] };
        self.control
            .holds()
            .take(&[found], sequence.saturating_add(1), &state.reviews, self.clock.now())
            .unwrap();
        id
    }

    fn wait(&self, hours: i64) {
        let mut now = self.clock.0.lock().unwrap();
        *now = now.checked_add(SignedDuration::from_hours(hours)).unwrap();
    }

    fn status(&self, id: &str) -> Status {
        self.control.review(id).unwrap().status
    }

    async fn recommend(&self, id: &str, outcome: Outcome, code: ReasonCode) {
        let recommend = Recommend { code, note: "seen".to_owned(), outcome };
        self.control.recommend_review(&rita(), id, recommend).await.unwrap();
    }

    async fn release(&self, actor: &Actor, id: &str) -> Result<Grant, ControlError> {
        let release = Release { network: None, note: "ok".to_owned(), until: None };
        let event = self.control.release_review(actor, id, release).await?;
        match event.change {
            crate::control::Change::Reviews(Change::Released { clearance, .. }) => Ok(*clearance),
            other => panic!("{other:?}"),
        }
    }
}

fn person(id: &str, roles: &[Role]) -> Actor {
    Actor { id: format!("local:{id}"), roles: Roles::of(roles), via: Via::Session }
}

fn rita() -> Actor {
    person("rita", &[Role::Reviewer])
}

fn paul() -> Actor {
    person("paul", &[Role::PolicyApprover])
}

fn seen(kind: Option<SubjectKind>, subject: Option<&str>, evidence: &str) -> Seen {
    Seen {
        at: start(),
        evidence: Digest::of(evidence.as_bytes()),
        facts: BTreeMap::from([
            ("billing_country".to_owned(), "DE".to_owned()),
            ("ip".to_owned(), "DE vpn".to_owned()),
            ("nexus".to_owned(), "unclear".to_owned()),
        ]),
        id: DecisionId::new(start()),
        key: Key {
            action: Action::Resale,
            kind,
            product: Some("kaspersky.covered".to_owned()),
            subject: subject.map(str::to_owned),
        },
        network: Some("192.0.2.0/24".to_owned()),
        reason: "unclear".to_owned(),
        route: "orders".to_owned(),
        rule: RuleName { clause: "FD-1".to_owned(), policy: "p".to_owned(), rule: "r".to_owned() },
        sequence: 0,
        vouched: true,
    }
}

fn account(evidence: &str) -> Seen {
    seen(Some(SubjectKind::Account), Some("account:A-17"), evidence)
}

#[tokio::test]
async fn it_takes_two_persons_in_their_roles_to_release() {
    let desk = Desk::new();
    let id = desk.hold(account("e"));
    assert_eq!(desk.status(&id), Status::Open);
    // Nobody decides before somebody has recommended, not even who holds both roles.
    let both = person("both", &[Role::Reviewer, Role::PolicyApprover]);
    let refused = desk.release(&both, &id).await;
    assert!(matches!(refused, Err(ControlError::Conflict(_))), "{refused:?}");
    let recommend = || Recommend {
        code: ReasonCode::IdentityVerified,
        note: String::new(),
        outcome: Outcome::Release,
    };
    let refused = desk.control.recommend_review(&paul(), &id, recommend()).await;
    assert!(matches!(refused, Err(ControlError::Forbidden(_))), "{refused:?}");
    desk.control.recommend_review(&both, &id, recommend()).await.unwrap();
    assert_eq!(desk.status(&id), Status::Recommended);
    for (actor, is_forbidden) in [(&both, true), (&rita(), true), (&paul(), false)] {
        let released = desk.release(actor, &id).await;
        assert_eq!(
            matches!(released, Err(ControlError::Forbidden(_))),
            is_forbidden,
            "{actor:?} {released:?}"
        );
    }
    let state = desk.control.state();
    let (_, permission) = state.reviews.clearances.first_key_value().unwrap();
    assert_eq!(permission.grant.by, ["local:paul", "local:both"]);
    assert_eq!(permission.grant.uses, Times::Unlimited);
    assert_eq!(permission.grant.until, start().checked_add(DEFAULT_DAYS).unwrap());
    assert!(permission.grant.networks.is_empty(), "somebody vouched for it");
    let steps: Vec<_> =
        state.reviews.courses[&id].steps.iter().map(|step| step.action.as_str()).collect();
    assert_eq!(steps, ["review.recommend", "review.release"]);
}

const DEFAULT_DAYS: SignedDuration = SignedDuration::from_hours(30 * 24);

#[tokio::test]
async fn an_order_is_released_once_for_a_week_and_a_said_account_with_its_network() {
    let desk = Desk::new();
    let order = format!("order:sha256:{}", Digest::of(b"o"));
    let order =
        desk.hold(Seen { vouched: false, ..seen(Some(SubjectKind::Order), Some(&order), "e") });
    desk.recommend(&order, Outcome::Release, ReasonCode::IdentityVerified).await;
    let grant = desk.release(&paul(), &order).await.unwrap();
    let week = start().checked_add(SignedDuration::from_hours(7 * 24)).unwrap();
    assert_eq!((grant.uses, grant.until), (Times::Once, week));
    assert!(grant.networks.is_empty());
    let said = desk.hold(Seen { vouched: false, ..account("e") });
    desk.recommend(&said, Outcome::Release, ReasonCode::IdentityVerified).await;
    let late = Release {
        network: None,
        note: String::new(),
        until: Some(start().checked_add(SignedDuration::from_hours(366 * 24)).unwrap()),
    };
    let refused = desk.control.release_review(&paul(), &said, late).await;
    assert!(matches!(refused, Err(ControlError::Invalid(_))), "{refused:?}");
    let grant = desk.release(&paul(), &said).await.unwrap();
    assert_eq!(grant.networks, ["192.0.2.0/24"]);
    // Whom nothing names nobody can release.
    let nobody = desk.hold(seen(None, None, "e"));
    let recommend =
        Recommend { code: ReasonCode::Other, note: "please".to_owned(), outcome: Outcome::Release };
    let refused = desk.control.recommend_review(&rita(), &nobody, recommend).await;
    assert!(matches!(refused, Err(ControlError::Conflict(_))), "{refused:?}");
}

#[tokio::test]
async fn a_refusal_stays_until_the_evidence_is_another_or_ninety_days_are_over() {
    let desk = Desk::new();
    let id = desk.hold(account("e"));
    desk.recommend(&id, Outcome::Refuse, ReasonCode::InsufficientEvidence).await;
    desk.control.refuse_review(&paul(), &id, "no answer").await.unwrap();
    assert_eq!(desk.status(&id), Status::Refused);
    for _ in 0..1_000 {
        desk.hold(account("e"));
    }
    let review = desk.control.review(&id).unwrap();
    assert_eq!((review.status, review.hold.count), (Status::Refused, 1_001));
    assert_eq!(desk.control.review_queue(), Queue::default());
    desk.hold(account("other"));
    assert_eq!(desk.status(&id), Status::Open);
    desk.hold(account("e"));
    assert_eq!(desk.status(&id), Status::Refused);
    desk.wait(90 * 24 - 1);
    desk.hold(account("e"));
    assert_eq!(desk.status(&id), Status::Refused);
    desk.wait(1);
    desk.hold(account("e"));
    assert_eq!(desk.status(&id), Status::Open);
}

#[tokio::test]
async fn what_is_held_in_spite_of_its_release_is_open_again() {
    let desk = Desk::new();
    let id = desk.hold(account("e"));
    desk.recommend(&id, Outcome::Release, ReasonCode::IdentityVerified).await;
    desk.release(&paul(), &id).await.unwrap();
    assert_eq!(desk.status(&id), Status::Released);
    desk.hold(account("other"));
    assert_eq!(desk.status(&id), Status::Open);
    let review = desk.control.review(&id).unwrap();
    assert_eq!(review.course.resolution.unwrap().outcome, Outcome::Release);
}

#[tokio::test]
async fn an_approver_may_ask_for_more_and_takes_a_clearance_back_at_once() {
    let desk = Desk::new();
    let id = desk.hold(account("e"));
    desk.recommend(&id, Outcome::Release, ReasonCode::IdentityVerified).await;
    let silent = desk.control.return_review(&paul(), &id, " ").await;
    assert!(matches!(silent, Err(ControlError::Invalid(_))));
    desk.control.return_review(&paul(), &id, "where is the invoice?").await.unwrap();
    assert_eq!(desk.status(&id), Status::Open);
    desk.recommend(&id, Outcome::Release, ReasonCode::ForeignAddressVerified).await;
    let grant = desk.release(&paul(), &id).await.unwrap();
    let now = desk.clock.now();
    assert_eq!(desk.control.state().reviews.clearances(now, None).active(now), 1);
    let refused = desk.control.revoke_clearance(&rita(), &grant.id, "").await;
    assert!(matches!(refused, Err(ControlError::Forbidden(_))));
    desk.control.revoke_clearance(&paul(), &grant.id, "it was a mistake").await.unwrap();
    assert!(desk.control.state().reviews.clearances(now, None).is_empty());
    let again = desk.control.revoke_clearance(&paul(), &grant.id, "").await;
    assert!(matches!(again, Err(ControlError::Conflict(_))));
}

#[tokio::test]
async fn a_code_fits_its_outcome_and_other_needs_a_note() {
    let desk = Desk::new();
    let id = desk.hold(account("e"));
    for (code, outcome, note) in [
        (ReasonCode::UsPerson, Outcome::Release, "n"),
        (ReasonCode::InsufficientEvidence, Outcome::Release, "n"),
        (ReasonCode::IdentityVerified, Outcome::Refuse, "n"),
        (ReasonCode::Other, Outcome::Refuse, " "),
    ] {
        let recommend = Recommend { code, note: note.to_owned(), outcome };
        let refused = desk.control.recommend_review(&rita(), &id, recommend).await;
        assert!(matches!(refused, Err(ControlError::Invalid(_))), "{code:?} {outcome:?}");
    }
    assert_eq!(desk.ledger.status().next_sequence, 0);
}

#[tokio::test]
async fn cases_alike_are_shown_with_what_became_of_them_and_the_evidence_suggests_something() {
    let desk = Desk::new();
    let id = desk.hold(account("e"));
    let review = desk.control.review(&id).unwrap();
    // A customer's reference leads to it.
    assert_eq!(desk.control.reviews_of(review.hold.decisions[0]), std::slice::from_ref(&id));
    assert!(desk.control.reviews_of(DecisionId::new(start())).is_empty());
    assert_eq!(review.suggestion.code, Some(ReasonCode::VpnOfForeignCustomer));
    desk.recommend(&id, Outcome::Release, ReasonCode::VpnOfForeignCustomer).await;
    desk.release(&paul(), &id).await.unwrap();
    // Another customer, another country, the same kind of evidence.
    let mut other = seen(Some(SubjectKind::Account), Some("account:B"), "f");
    other.facts.insert("billing_country".to_owned(), "FR".to_owned());
    let other = desk.hold(other);
    let similar = desk.control.review(&other).unwrap().similar;
    assert_eq!(similar.len(), 1);
    assert_eq!((&similar[0].0, similar[0].1.code), (&id, ReasonCode::VpnOfForeignCustomer));
    let mut american = seen(Some(SubjectKind::Account), Some("account:C"), "g");
    american.facts.insert("declared_country".to_owned(), "US".to_owned());
    let american = desk.control.review(&desk.hold(american)).unwrap();
    assert!(american.similar.is_empty());
    assert_eq!(american.suggestion.code, Some(ReasonCode::UsPerson));
    let nobody = desk.control.review(&desk.hold(seen(None, None, "e"))).unwrap();
    assert_eq!(nobody.suggestion.outcome, None);
}

#[test]
fn a_million_holds_of_one_network_are_one_entry_of_bounded_size() {
    let desk = Desk::new();
    let network = seen(Some(SubjectKind::Network), Some("network:192.0.2.0/24"), "e");
    let found =
        |n: u64| Found { cleared: Vec::new(), seen: vec![Seen { sequence: n, ..network.clone() }] };
    let state = desk.control.state();
    for thousand in 0..1_000_u64 {
        let batch: Vec<_> = (0..1_000).map(|n| found(thousand * 1_000 + n)).collect();
        let position = (thousand + 1) * 1_000;
        if thousand % 100 == 0 || thousand == 999 {
            desk.control.holds().take(&batch, position, &state.reviews, start()).unwrap();
        }
    }
    assert_eq!(desk.control.holds().len(), 1);
    let all = desk.control.holds().all();
    assert_eq!((all[0].1.count, all[0].1.decisions.len()), (11_000, 32));
    assert!(serde_json::to_vec(&*all[0].1).unwrap().len() < 4_096);
}

#[test]
fn beyond_the_bound_the_entry_that_was_seen_longest_ago_leaves_and_is_counted() {
    let desk = Desk::new();
    let found = |n: usize| {
        let subject = format!("account:{n}");
        let seen = seen(Some(SubjectKind::Account), Some(&subject), "e");
        let sequence = u64::try_from(n).unwrap();
        Found { cleared: Vec::new(), seen: vec![Seen { sequence, ..seen }] }
    };
    let state = desk.control.state();
    let all: Vec<_> = (0..MOST).map(found).collect();
    let holds = desk.control.holds();
    assert_eq!(holds.take(&all, 1, &state.reviews, start()).unwrap().dropped, 0);
    let more = [found(MOST), found(MOST + 1)];
    assert_eq!(holds.take(&more, 2, &state.reviews, start()).unwrap().dropped, 2);
    assert_eq!(holds.len(), MOST);
    let id = |n: usize| found(n).seen[0].key.id();
    let there: Vec<_> = [0, 1, 2, MOST + 1].map(|n| holds.get(&id(n)).is_some()).into();
    assert_eq!(there, [false, false, true, true]);
}

fn file(dir: &Path, text: &str) -> std::path::PathBuf {
    let path = dir.join("networks.csv");
    fs::write(&path, text).unwrap();
    path
}

#[tokio::test]
async fn a_release_may_enter_the_network_into_its_file_and_everything_else_in_it_stays() {
    let desk = Desk::new();
    let text = "# ours\ncidr,country,class\n198.51.100.0/24,FR,\n# end";
    let path = file(desk.folder.path(), text);
    let release = |path, country| Release {
        network: Some((country, path)),
        note: String::new(),
        until: None,
    };
    let germany = Country::parse("DE").unwrap();
    let network = seen(Some(SubjectKind::Network), Some("network:192.0.2.0/24"), "e");
    let id = desk.hold(Seen { vouched: false, ..network });
    desk.recommend(&id, Outcome::Release, ReasonCode::VpnOfForeignCustomer).await;
    let before = desk.ledger.status().next_sequence;
    for (path, country) in [(None, germany), (Some(path.as_path()), Country::US)] {
        let refused = desk.control.release_review(&paul(), &id, release(path, country)).await;
        assert!(matches!(refused, Err(ControlError::Invalid(_))), "{refused:?}");
    }
    // A file that would not be read any more is not made.
    fs::write(&path, "cidr,country,class\n192.0.2.0/33,FR,\n").unwrap();
    let refused = desk.control.release_review(&paul(), &id, release(Some(&path), germany)).await;
    assert!(matches!(refused, Err(ControlError::Invalid(_))), "{refused:?}");
    assert_eq!(desk.ledger.status().next_sequence, before, "nothing was released");
    // What the operator says of the United States is not undone by a narrower row.
    for row in ["192.0.0.0/16,us,", "192.0.2.128/25,PR,", "192.0.2.0/24,US,"] {
        fs::write(&path, format!("cidr,country,class\n{row}\n")).unwrap();
        let over = desk.control.release_review(&paul(), &id, release(Some(&path), germany)).await;
        assert!(matches!(over, Err(ControlError::Conflict(_))), "{over:?}");
    }
    fs::write(&path, text).unwrap();
    desk.control.release_review(&paul(), &id, release(Some(&path), germany)).await.unwrap();
    let written = fs::read_to_string(&path).unwrap();
    assert_eq!(written, format!("{text}\n192.0.2.0/24,DE,\n"));
    assert_eq!(fs::read_dir(desk.folder.path()).unwrap().count(), 3, "ledger, store and the file");
    // Of an account there is no network to enter.
    let id = desk.hold(account("e"));
    desk.recommend(&id, Outcome::Release, ReasonCode::VpnOfForeignCustomer).await;
    let refused = desk.control.release_review(&paul(), &id, release(Some(&path), germany)).await;
    assert!(matches!(refused, Err(ControlError::Invalid(_))), "{refused:?}");
}
