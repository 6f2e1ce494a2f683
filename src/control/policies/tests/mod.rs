//! The life cycle: every step from every stage by every kind of person, and what never happens whatever is tried.

mod model;

use std::sync::Arc;

use jiff::SignedDuration;
use jiff::Timestamp;

use crate::model::Actor;
use crate::model::DecisionId;
use crate::model::Role;
use crate::model::Roles;
use crate::model::Via;
use crate::policy::check::Severity;

use super::super::error::ControlError;
use super::super::event::Event;
use super::steps;
use super::steps::OnDisk;
use super::steps::Signed;
use super::*;

const POLICY: &str = include_str!("../../../../policies/us-commerce-kaspersky.toml");

fn person(id: &str, roles: &[Role]) -> Actor {
    Actor { id: format!("local:{id}"), roles: Roles::of(roles), via: Via::Session }
}

fn files(comment: &str) -> Files {
    let text = format!("{POLICY}\n# {comment}\n");
    Files::new([("us.toml".to_owned(), text.into())]).unwrap()
}

/// Not to be compiled.
fn tiny(comment: &str) -> Files {
    Files::new([("us.toml".to_owned(), format!("# {comment}\n").into())]).unwrap()
}

fn report(revision: &Revision, changed: u64) -> Arc<CheckReport> {
    Arc::new(CheckReport {
        cases: CasesReport::default(),
        edit: revision.edit,
        findings: Vec::new(),
        finished: Timestamp::UNIX_EPOCH,
        replay: ReplayReport { changed, ..ReplayReport::default() },
        revision: revision.revision.clone(),
        started: Timestamp::UNIX_EPOCH,
    })
}

/// A state, and a clock that ticks with each event.
#[derive(Clone)]
struct World {
    now: Timestamp,
    state: State,
}

impl World {
    /// With what the files say in force, as revision 1.
    fn new() -> Self {
        Self::of(&files("disk"))
    }

    fn of(files: &Files) -> Self {
        let now = "2026-11-25T12:00:00Z".parse().unwrap();
        let mut world = Self { now, state: State::default() };
        let OnDisk::Import(change) = steps::on_disk(&world.state, files, "from files") else {
            panic!("not imported");
        };
        world.record(&Actor::system(), "from files", change);
        world
    }

    #[expect(clippy::needless_pass_by_value, reason = "what was made is made once")]
    fn record(&mut self, actor: &Actor, reason: &str, change: Change) {
        self.now = self.now.checked_add(SignedDuration::from_secs(1)).unwrap();
        let event = Event {
            action: change.action().to_owned(),
            actor: actor.clone(),
            at: self.now,
            change: super::super::event::Change::Policies(change.clone()),
            id: DecisionId::new(self.now),
            reason: reason.to_owned(),
            sequence: 0,
        };
        // As it comes back from the ledger.
        let written = serde_json::to_value(&event).unwrap();
        assert_eq!(serde_json::from_value::<Event>(written).unwrap(), event);
        self.state.apply(&change, &event);
    }

    fn stage(&self, version: u64) -> Stage {
        self.state.get(version).unwrap().stage
    }
}

/// Who there is. Wrote: `anna` began revision 2, and `emil` edited it and approves too.
fn people() -> Vec<(&'static str, Actor)> {
    use Role::*;
    vec![
        ("author", person("anna", &[PolicyAuthor])),
        ("editor", person("emil", &[PolicyAuthor, PolicyApprover])),
        ("other author", person("otto", &[PolicyAuthor])),
        ("approver", person("berta", &[PolicyApprover])),
        ("administrator", person("adam", &[Administrator, Auditor, Reviewer, Viewer])),
        ("system", Actor::system()),
    ]
}

fn who(name: &str) -> Actor {
    people().into_iter().find(|(of, _)| *of == name).unwrap().1
}

/// A world in which revision 2 stands there.
fn at(stage: Stage) -> World {
    let mut world = World::new();
    let create = steps::create(&world.state, &who("author"), "draft", "", None).unwrap();
    world.record(&who("author"), "", create);
    let text: Arc<str> = format!("{POLICY}\n# edited\n").into();
    let edit = steps::edit(&world.state, &who("editor"), 2, 1, "us.toml", Some(text)).unwrap();
    world.record(&who("editor"), "", edit);
    if stage == Stage::Withdrawn {
        let change = steps::withdraw(&world.state, &who("author"), 2, "not needed").unwrap();
        world.record(&who("author"), "not needed", change);
    }
    let path = match stage {
        Stage::Draft | Stage::Withdrawn => 0,
        Stage::Checked => 1,
        Stage::Approved => 2,
        Stage::Scheduled => 3,
        Stage::Active => 4,
        Stage::Retired => 5,
    };
    for step in 1..=path {
        let (name, change) = match step {
            1 => {
                let report = report(world.state.get(2).unwrap(), 3);
                ("author", steps::checked(&world.state, &who("author"), 2, report))
            }
            2 => ("approver", steps::approve(&world.state, &who("approver"), 2, 3, "seen")),
            3 => {
                let at = world.now.checked_add(SignedDuration::from_hours(1)).unwrap();
                let (state, approver) = (&world.state, who("approver"));
                let signed = Signed::NotAsked;
                ("approver", steps::schedule(state, &approver, 2, at, world.now, signed, "then"))
            }
            4 => {
                let signed = Signed::NotAsked;
                ("approver", steps::activate(&world.state, &who("approver"), 2, signed, "go"))
            }
            _ => ("approver", steps::roll_back(&world.state, &who("approver"), 1, "back")),
        };
        world.record(&who(name), "why", change.unwrap());
    }
    assert_eq!(world.stage(2), stage);
    world
}

const STEPS: [&str; 12] = [
    "activate",
    "approve",
    "base on",
    "check",
    "describe",
    "edit",
    "fall due",
    "roll back",
    "schedule",
    "sign",
    "unschedule",
    "withdraw",
];

fn take(world: &World, step: &str, actor: &Actor) -> Result<Change, ControlError> {
    let state = &world.state;
    let revision = state.get(2).unwrap();
    let later = world.now.checked_add(SignedDuration::from_hours(2)).unwrap();
    match step {
        "activate" => steps::activate(state, actor, 2, Signed::NotAsked, "why"),
        "approve" => steps::approve(state, actor, 2, 3, "why"),
        "base on" => steps::create(state, actor, "next", "", Some(2)),
        "check" => steps::checked(state, actor, 2, report(revision, 3)),
        "describe" => steps::describe(state, actor, 2, revision.edit, "other", "", None),
        "edit" => steps::edit(state, actor, 2, revision.edit, "more.toml", Some("# more\n".into())),
        "fall due" => steps::fall_due(state, actor, 2, later, Signed::NotAsked),
        "roll back" => steps::roll_back(state, actor, 2, "why"),
        "schedule" => steps::schedule(state, actor, 2, later, world.now, Signed::NotAsked, "why"),
        "sign" => steps::sign(state, actor, 2, vec!["- anna abc".to_owned()]),
        "unschedule" => steps::unschedule(state, actor, 2, "why"),
        "withdraw" => steps::withdraw(state, actor, 2, "why"),
        other => panic!("{other}"),
    }
}

/// From which stages a step may be taken, and by whom.
fn allowed(step: &str) -> (&'static [Stage], &'static [&'static str]) {
    use Stage::*;
    match step {
        "activate" => (&[Approved, Scheduled], &["approver"]),
        "approve" => (&[Checked], &["approver"]),
        "base on" => (&Stage::ALL, &["author", "editor", "other author"]),
        "check" => (&[Draft, Checked], &["author", "editor", "other author", "approver"]),
        "describe" | "edit" => (&[Draft, Checked, Approved], &["author", "editor", "other author"]),
        "fall due" => (&[Scheduled], &["system"]),
        "roll back" => (&[Retired], &["approver", "editor"]),
        "schedule" => (&[Approved, Scheduled], &["approver"]),
        "sign" => {
            (&[Checked, Approved, Scheduled], &["author", "editor", "other author", "approver"])
        }
        "unschedule" => (&[Scheduled], &["approver", "editor"]),
        "withdraw" => (
            &[Draft, Checked, Approved, Scheduled],
            &["author", "editor", "other author", "approver"],
        ),
        other => panic!("{other}"),
    }
}

#[test]
fn each_step_is_taken_from_its_stages_by_its_people_and_by_nobody_else() {
    let mut taken = 0;
    for stage in Stage::ALL {
        let world = at(stage);
        for step in STEPS {
            let (stages, names) = allowed(step);
            for (name, actor) in people() {
                let outcome = take(&world, step, &actor);
                let expected = stages.contains(&stage) && names.contains(&name);
                assert_eq!(outcome.is_ok(), expected, "{step} of {stage:?} by {name}: {outcome:?}");
                taken += usize::from(expected);
                if !names.contains(&name) {
                    let forbidden = matches!(outcome, Err(ControlError::Forbidden(_)));
                    let early = matches!(outcome, Err(ControlError::Conflict(_)));
                    assert!(forbidden || (early && !stages.contains(&stage)), "{outcome:?}");
                }
            }
        }
    }
    assert!(taken > 60, "{taken}");
}

#[test]
fn an_edit_takes_it_back_to_a_draft_and_voids_all_that_was_found_and_agreed() {
    for stage in [Stage::Draft, Stage::Checked, Stage::Approved] {
        let mut world = at(stage);
        let edit = world.state.get(2).unwrap().edit;
        let change = take(&world, "edit", &who("other author")).unwrap();
        world.record(&who("other author"), "", change);
        let revision = world.state.get(2).unwrap();
        assert_eq!((revision.stage, revision.edit), (Stage::Draft, edit + 1));
        assert!(revision.report.is_none() && revision.approval.is_none());
        assert!(revision.is_by(&who("other author")));
        assert!(revision.files.get("more.toml").is_some());
    }
}

#[test]
fn two_editors_do_not_overwrite_each_other() {
    let world = at(Stage::Draft);
    let text: Arc<str> = "# late\n".into();
    let late = steps::edit(&world.state, &who("author"), 2, 1, "us.toml", Some(text));
    assert!(matches!(late, Err(ControlError::Conflict(_))), "{late:?}");
}

#[test]
fn nobody_approves_another_number_of_changed_outcomes_than_there_is() {
    let world = at(Stage::Checked);
    for changed in [0, 2, 4] {
        let blind = steps::approve(&world.state, &who("approver"), 2, changed, "fine");
        assert!(matches!(blind, Err(ControlError::Conflict(_))), "{blind:?}");
    }
    let silent = steps::approve(&world.state, &who("approver"), 2, 3, "  ");
    assert!(matches!(silent, Err(ControlError::Invalid(_))), "{silent:?}");
}

#[test]
fn checks_that_fail_or_are_of_another_edit_let_nothing_be_approved() {
    let world = at(Stage::Draft);
    let good = report(world.state.get(2).unwrap(), 0);
    let finding = Finding {
        file: "us.toml".to_owned(),
        help: String::new(),
        line: 1,
        message: "never applies".to_owned(),
        severity: Severity::Error,
    };
    let failed = CasesReport { failed: 1, ..CasesReport::default() };
    for bad in [
        CheckReport { findings: vec![finding.clone()], ..(*good).clone() },
        CheckReport { cases: failed, ..(*good).clone() },
    ] {
        let mut world = world.clone();
        let change = steps::checked(&world.state, &who("author"), 2, Arc::new(bad)).unwrap();
        world.record(&who("author"), "", change);
        assert_eq!(world.stage(2), Stage::Draft);
        assert!(world.state.get(2).unwrap().report.is_some(), "it is shown all the same");
        assert!(take(&world, "approve", &who("approver")).is_err());
    }
    let warned = Finding { severity: Severity::Warning, ..finding };
    assert!(CheckReport { findings: vec![warned], ..(*good).clone() }.passed());
    let stale = Arc::new(CheckReport { edit: 1, ..(*good).clone() });
    assert!(steps::checked(&world.state, &who("author"), 2, stale).is_err());
}

#[test]
fn what_the_keys_ask_for_is_asked_whenever_something_comes_into_force() {
    let world = at(Stage::Approved);
    let no = || Signed::No("1 of 2 keys".to_owned());
    let approver = who("approver");
    assert!(steps::activate(&world.state, &approver, 2, no(), "go").is_err());
    let at_noon = "2027-01-01T00:00:00Z".parse().unwrap();
    let state = &world.state;
    assert!(steps::schedule(state, &approver, 2, at_noon, world.now, no(), "go").is_err());
    let world = at(Stage::Scheduled);
    assert!(steps::fall_due(&world.state, &Actor::system(), 2, at_noon, no()).is_err());
    let yes = Signed::Yes(vec!["anna".to_owned()]);
    let change = steps::fall_due(&world.state, &Actor::system(), 2, at_noon, yes).unwrap();
    assert!(matches!(change, Change::Activated { signers, .. } if signers == ["anna"]));
}

#[test]
fn what_came_into_force_since_is_not_undone_by_an_older_draft() {
    let mut world = at(Stage::Approved);
    let OnDisk::Import(change) = steps::on_disk(&world.state, &files("newer"), "files") else {
        panic!("not imported");
    };
    world.record(&Actor::system(), "", change);
    let stale = take(&world, "activate", &who("approver"));
    assert!(
        matches!(&stale, Err(ControlError::Conflict(why)) if why.contains("base")),
        "{stale:?}"
    );
    // With the new base it is a draft again.
    let edit = world.state.get(2).unwrap().edit;
    let change =
        steps::describe(&world.state, &who("author"), 2, edit, "draft", "", Some(3)).unwrap();
    world.record(&who("author"), "", change);
    assert_eq!(world.stage(2), Stage::Draft);
}

#[test]
fn one_scheduled_revision_may_follow_another_and_not_stand_beside_it() {
    let mut world = at(Stage::Scheduled);
    let (_, first) = world.state.scheduled()[0];
    let due = first.scheduled.unwrap();
    for base in [Some(2), None] {
        let mut world = world.clone();
        let change = steps::create(&world.state, &who("author"), "next", "", base).unwrap();
        world.record(&who("author"), "", change);
        let report = report(world.state.get(3).unwrap(), 0);
        let change = steps::checked(&world.state, &who("author"), 3, report).unwrap();
        world.record(&who("author"), "", change);
        let change = steps::approve(&world.state, &who("approver"), 3, 0, "yes").unwrap();
        world.record(&who("approver"), "yes", change);
        let later = due.checked_add(SignedDuration::from_secs(1)).unwrap();
        let schedule = |at| {
            let (state, approver) = (&world.state, who("approver"));
            steps::schedule(state, &approver, 3, at, world.now, Signed::NotAsked, "then")
        };
        assert!(schedule(due).is_err(), "two at one instant");
        assert!(schedule(world.now).is_err(), "an instant that is over");
        assert_eq!(schedule(later).is_ok(), base == Some(2), "{base:?}");
    }
    // As it is, the time comes once.
    let change = steps::fall_due(&world.state, &Actor::system(), 2, due, Signed::NotAsked).unwrap();
    world.record(&Actor::system(), "", change);
    assert!(world.state.scheduled().is_empty());
    assert!(steps::fall_due(&world.state, &Actor::system(), 2, due, Signed::NotAsked).is_err());
}

#[test]
fn files_that_were_not_changed_leave_in_force_what_the_console_put_there() {
    let world = at(Stage::Active);
    assert_eq!(steps::on_disk(&world.state, &files("disk"), ""), OnDisk::Known);
    assert!(matches!(steps::on_disk(&world.state, &files("newer"), ""), OnDisk::Import(_)));
    // Written to the disk as well, it is the same revision.
    let active = world.state.active().unwrap().files.clone();
    let OnDisk::Adopt(change) = steps::on_disk(&world.state, &active, "") else {
        panic!("not adopted");
    };
    let mut world = world;
    world.record(&Actor::system(), "", change);
    assert_eq!(steps::on_disk(&world.state, &active, ""), OnDisk::Known);
    assert!(matches!(steps::on_disk(&world.state, &files("disk"), ""), OnDisk::Import(_)));
    assert_eq!((world.state.active().unwrap().version, world.state.serial()), (2, 2));
}

#[test]
fn a_bundle_never_goes_back_even_after_a_rollback() {
    let mut world = at(Stage::Retired);
    assert_eq!((world.state.active().unwrap().version, world.state.floor()), (1, 2));
    let upload = |world: &World, version, signed| {
        let (state, author) = (&world.state, who("author"));
        let signatures = vec!["- anna abc".to_owned()];
        steps::upload(state, &author, version, world.now, "made", files("b"), signatures, signed)
    };
    let yes = || Signed::Yes(vec!["anna".to_owned()]);
    for version in [0, 1, 2] {
        assert!(upload(&world, version, yes()).is_err(), "{version}");
    }
    assert!(upload(&world, 7, Signed::NotAsked).is_err());
    assert!(upload(&world, 7, Signed::No("few".to_owned())).is_err());
    let change = upload(&world, 7, yes()).unwrap();
    world.record(&who("author"), "", change);
    assert_eq!((world.stage(7), world.state.next_version()), (Stage::Approved, 8));
    assert!(upload(&world, 7, yes()).is_err(), "its version is used");
    let change = upload(&world, 5, yes()).unwrap();
    world.record(&who("author"), "", change);
    let change = steps::activate(&world.state, &who("approver"), 7, yes(), "go").unwrap();
    world.record(&who("approver"), "go", change);
    let back = steps::activate(&world.state, &who("approver"), 5, yes(), "go");
    assert!(matches!(&back, Err(ControlError::Conflict(why)) if why.contains("goes back")));
}

#[test]
fn which_revision_answers_for_an_instant() {
    let world = at(Stage::Retired);
    let [first, second, third] = world.state.in_force() else { panic!("three eras") };
    let ask = |at| {
        let (revision, why) = timeline::in_force_at(&world.state, at, world.now).unwrap();
        (revision.version, why)
    };
    let before = |at: Timestamp| at.checked_sub(SignedDuration::from_millis(1)).unwrap();
    assert_eq!(ask(before(first.at)), (1, timeline::Answers::Current));
    assert_eq!(ask(first.at), (1, timeline::Answers::InForce));
    assert_eq!(ask(before(second.at)), (1, timeline::Answers::InForce));
    assert_eq!(ask(second.at), (2, timeline::Answers::InForce));
    assert_eq!(ask(third.at), (1, timeline::Answers::InForce));
    let world = at(Stage::Scheduled);
    let (due, _) = world.state.scheduled()[0];
    let ask = |at| timeline::in_force_at(&world.state, at, world.now).unwrap().0.version;
    assert_eq!((ask(before(due)), ask(due)), (1, 2));
    let told = timeline::timeline(&world.state);
    assert_eq!((told.scheduled[0].at, told.scheduled[0].version), (due, 2));
    assert_eq!((told.activations.len(), told.version), (1, Some(1)));
    assert!(told.rules.len() > 10 && told.milestones.iter().any(|m| m.title.contains("UltraAV")));
}

#[test]
fn a_comparison_tells_lines_and_what_they_mean() {
    let other = POLICY.replace("us        = \"review\"", "us        = \"block\"");
    let new = Files::new([
        ("us.toml".to_owned(), other.into()),
        ("cases/us.jsonl".to_owned(), "{}\n".into()),
    ]);
    let told = diff::diff(&files("x"), &new.unwrap());
    let names: Vec<_> = told.files.iter().map(|f| (f.name.as_str(), f.status)).collect();
    use diff::FileStatus::*;
    assert_eq!(names, [("cases/us.jsonl", Added), ("us.toml", Changed)]);
    let text = told.to_string();
    assert!(text.contains("-us        = \"review\"\n+us        = \"block\"\n"), "{text}");
    let meant: Vec<_> = told.meaning.iter().map(|d| d.name.as_str()).collect();
    assert_eq!(
        meant,
        [
            "us-commerce-kaspersky/first-activation-before-updates-end",
            "us-commerce-kaspersky/resale-before-named"
        ]
    );
}

/// Somebody begins a draft of their own draft, has it approved as a small change of that, and edits the base afterwards.
#[test]
fn what_was_compared_with_a_draft_does_not_pass_once_that_draft_is_another() {
    let approved = |world: &mut World, version: u64| {
        let report = report(world.state.get(version).unwrap(), 0);
        let checked = steps::checked(&world.state, &who("author"), version, report).unwrap();
        world.record(&who("author"), "", checked);
        steps::approve(&world.state, &who("approver"), version, 0, "seen")
    };
    let mut world = World::new();
    for base in [None, Some(2)] {
        let created = steps::create(&world.state, &who("author"), "draft", "", base).unwrap();
        world.record(&who("author"), "", created);
    }
    let second = approved(&mut world, 3).unwrap();
    let before = world.clone();
    world.record(&who("approver"), "seen", second);
    let edit = |world: &mut World, text: &str| {
        let text: Arc<str> = text.into();
        let edit = steps::edit(&world.state, &who("author"), 2, 1, "n.toml", Some(text)).unwrap();
        world.record(&who("author"), "", edit);
    };
    edit(&mut world, "# another");
    let first = approved(&mut world, 2).unwrap();
    world.record(&who("approver"), "seen", first);
    let activate = |world: &World, version| {
        steps::activate(&world.state, &who("approver"), version, Signed::NotAsked, "why")
    };
    let change = activate(&world, 2).unwrap();
    world.record(&who("approver"), "why", change);
    let undoes = activate(&world, 3);
    assert!(matches!(undoes, Err(ControlError::Conflict(_))), "{undoes:?}");
    let later = world.now.checked_add(SignedDuration::from_secs(9)).unwrap();
    let undoes = steps::schedule(
        &world.state,
        &who("approver"),
        3,
        later,
        world.now,
        Signed::NotAsked,
        "why",
    );
    assert!(matches!(undoes, Err(ControlError::Conflict(_))), "{undoes:?}");
    // Nor is it approved where the base was edited between its checks and that.
    let mut world = before;
    edit(&mut world, "# another");
    let refused = steps::approve(&world.state, &who("approver"), 3, 0, "seen");
    assert!(matches!(refused, Err(ControlError::Conflict(_))), "{refused:?}");
}

#[test]
fn a_bundle_leaves_room_for_the_versions_after_it() {
    let mut world = World::new();
    let upload = |world: &World, version| {
        let (signed, files) = (Signed::Yes(vec!["key".to_owned()]), files("made elsewhere"));
        let actor = who("approver");
        steps::upload(&world.state, &actor, version, world.now, "", files, Vec::new(), signed)
    };
    for version in [u64::MAX, 9_007_199_254_740_992] {
        let refused = upload(&world, version);
        assert!(matches!(refused, Err(ControlError::Invalid(_))), "{version}: {refused:?}");
    }
    let change = upload(&world, 9_007_199_254_740_991).unwrap();
    world.record(&who("approver"), "", change);
    let created = steps::create(&world.state, &who("author"), "draft", "", None).unwrap();
    assert_eq!(created.version(), 9_007_199_254_740_992);
}
