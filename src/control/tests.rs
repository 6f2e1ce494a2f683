//! What the journal promises.

use std::path::Path;
use std::sync::Arc;

use crate::ledger::Ledger;
use crate::ledger::LedgerSettings;
use crate::ledger::Reader;
use crate::model::Actor;
use crate::model::Retention;
use crate::model::Role;
use crate::model::Roles;
use crate::model::SystemClock;
use crate::model::Via;

use super::operators;
use super::*;

fn settings(dir: &Path) -> ControlSettings {
    ControlSettings {
        clock: Arc::new(SystemClock),
        ledger_dir: dir.join("ledger"),
        retention: Retention::default(),
        store_dir: dir.join("store"),
    }
}

fn ledger(dir: &Path) -> Ledger {
    Ledger::open(LedgerSettings::new(dir.join("ledger"))).unwrap().0
}

fn anna() -> Actor {
    Actor {
        id: "local:anna".to_owned(),
        roles: Roles::NONE.with(Role::Administrator),
        via: Via::Session,
    }
}

fn added(name: &str) -> Change {
    let roles = Roles::NONE.with(Role::Viewer);
    Change::Operators(operators::Change::Added { name: name.to_owned(), roles })
}

#[tokio::test]
async fn a_change_is_recorded_with_who_when_and_why() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(folder.path());
    let control = Control::open(settings(folder.path()), ledger.clone()).unwrap();
    let event = control.change(&anna(), "new colleague", |_| Ok(added("ben"))).await.unwrap();
    let mut reader = Reader::open(folder.path().join("ledger")).unwrap();
    let record = reader.next_record().unwrap().unwrap();
    let view = record.view().unwrap();
    assert_eq!(view["kind"], "change");
    assert_eq!(view["action"], "operator.add");
    assert_eq!(view["actor"]["id"], "local:anna");
    assert_eq!(view["actor"]["roles"][0], "administrator");
    assert_eq!(view["reason"], "new colleague");
    assert_eq!(view["change"]["name"], "ben");
    assert_eq!(view["id"], event.id.to_string());
    assert_eq!(view["recorded"], event.at.to_string());
}

#[tokio::test]
async fn what_is_refused_leaves_no_record_and_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(folder.path());
    let control = Control::open(settings(folder.path()), ledger.clone()).unwrap();
    let refused = control
        .change(&anna(), "", |_| Err(ControlError::Conflict("not its turn".to_owned())))
        .await;
    assert!(matches!(refused, Err(ControlError::Conflict(_))));
    let long = "x".repeat(5_000);
    let refused = control.change(&anna(), &long, |_| Ok(added("ben"))).await;
    assert!(matches!(refused, Err(ControlError::Invalid(_))));
    assert_eq!(ledger.status().next_sequence, 0);
    assert!(control.state().operators.accounts.is_empty());
}

#[tokio::test]
async fn a_store_that_is_lost_is_made_again_from_the_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(folder.path());
    let first = Control::open(settings(folder.path()), ledger.clone()).unwrap();
    for name in ["ben", "cleo", "dora"] {
        first.change(&anna(), "", |_| Ok(added(name))).await.unwrap();
    }
    let gone = Change::Operators(operators::Change::Removed { name: "cleo".to_owned() });
    first.change(&anna(), "", |_| Ok(gone)).await.unwrap();
    let wanted = first.state().operators.accounts.clone();
    drop(first);
    // Beside the same store, without one, and with that of another ledger.
    let again = |dir: &Path| {
        let again = Control::open(
            ControlSettings { store_dir: dir.to_owned(), ..settings(folder.path()) },
            ledger.clone(),
        );
        again.unwrap().state().operators.accounts.clone()
    };
    assert_eq!(again(&folder.path().join("store")), wanted);
    std::fs::remove_dir_all(folder.path().join("store")).unwrap();
    assert_eq!(again(&folder.path().join("store")), wanted);
    let other = tempfile::tempdir().unwrap();
    let foreign = self::ledger(other.path());
    let control = Control::open(settings(other.path()), foreign).unwrap();
    for n in 0..9 {
        control.change(&anna(), "", |_| Ok(added(&format!("x{n}")))).await.unwrap();
    }
    drop(control);
    assert_eq!(again(&other.path().join("store")), wanted);
}

#[tokio::test]
async fn a_key_is_good_for_one_request_of_one_person() {
    let folder = tempfile::tempdir().unwrap();
    let control = Control::open(settings(folder.path()), ledger(folder.path())).unwrap();
    assert_eq!(control.repeated("anna", "k", b"request").unwrap(), Repeat::New);
    control.remember("anna", "k", b"request", 201, None, "{}".to_owned()).unwrap();
    let Repeat::Answered(answer) = control.repeated("anna", "k", b"request").unwrap() else {
        panic!("not remembered");
    };
    assert_eq!((answer.status, answer.body.as_str()), (201, "{}"));
    assert_eq!(control.repeated("anna", "k", b"another").unwrap(), Repeat::Different);
    assert_eq!(control.repeated("ben", "k", b"request").unwrap(), Repeat::New);
}

#[tokio::test]
async fn a_store_of_a_shorter_ledger_is_not_taken_for_this_ones() {
    let folder = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    let foreign = Control::open(settings(other.path()), ledger(other.path())).unwrap();
    foreign.change(&anna(), "", |_| Ok(added("mallory"))).await.unwrap();
    drop(foreign);
    let ledger = ledger(folder.path());
    let own = Control::open(settings(folder.path()), ledger.clone()).unwrap();
    for name in ["ben", "cleo", "dora"] {
        own.change(&anna(), "", |_| Ok(added(name))).await.unwrap();
    }
    let wanted = own.state().operators.accounts.clone();
    drop(own);
    let beside =
        ControlSettings { store_dir: other.path().join("store"), ..settings(folder.path()) };
    let again = Control::open(beside, ledger).unwrap();
    assert_eq!(again.state().operators.accounts, wanted);
}

#[tokio::test]
async fn a_change_that_is_being_made_is_not_passed_over_by_who_reads_the_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(folder.path());
    let control = Control::open(settings(folder.path()), ledger.clone()).unwrap();
    control.change(&anna(), "", |_| Ok(added("ben"))).await.unwrap();
    let turn = control.turn().await;
    // Recorded, and killed before it is kept; the follower of the ledger has seen the record.
    let at = jiff::Timestamp::now();
    let (id, roles) = (crate::model::DecisionId::new(at), Roles::NONE.with(Role::Viewer));
    let name = "cleo".to_owned();
    let event = Event {
        action: "operator.add".to_owned(),
        actor: anna(),
        at,
        change: Change::Operators(operators::Change::Added { name, roles }),
        id,
        reason: String::new(),
        sequence: 0,
    };
    let written = event.written(Retention::default()).unwrap();
    let entry = crate::ledger::Entry {
        document: Some(&written.document),
        head: crate::ledger::Head::Plain,
        id,
        kind: "change",
        personal: None,
        subject: None,
    };
    let queued = ledger.enqueue(at, &entry).unwrap();
    ledger.commit(queued).await.unwrap();
    control.looked_at(2).unwrap();
    drop(turn);
    drop(control);
    let again = Control::open(settings(folder.path()), ledger).unwrap();
    assert!(again.state().operators.accounts.contains_key("cleo"));
}

#[tokio::test]
async fn nothing_is_changed_behind_a_change_that_came_onto_record_after_its_failure_was_told() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(folder.path());
    let control = Control::open(settings(folder.path()), ledger.clone()).unwrap();
    let first = control.change(&anna(), "", |_| Ok(added("ben"))).await.unwrap();
    // Its place is another record's: it was taken back, and all goes on.
    control.doubts(first.sequence, crate::model::DecisionId::new(first.at));
    control.change(&anna(), "", |_| Ok(added("cleo"))).await.unwrap();
    control.doubts(2, first.id);
    control.change(&anna(), "", |_| Ok(added("dora"))).await.unwrap();
    // It is there after all.
    control.doubts(first.sequence, first.id);
    let refused = control.change(&anna(), "", |_| Ok(added("emil"))).await;
    assert!(matches!(refused, Err(ControlError::Store(_))), "{refused:?}");
    assert_eq!(ledger.status().next_sequence, 3);
    let position = control.looked_at(3);
    assert!(position.is_ok());
}

#[tokio::test]
async fn no_account_changes_while_the_ledger_takes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(folder.path());
    let control = Control::open(settings(folder.path()), ledger.clone()).unwrap();
    let operators = crate::operators::Operators::open(folder.path()).unwrap();
    ledger.close().unwrap();
    let anna = anna();
    let refused = control.change_operators(&operators, &anna, "", |operators| {
        let password = crate::operators::Password::new("seven quiet lamps above".to_owned());
        let roles = Roles::NONE.with(Role::PolicyApprover);
        let new =
            crate::operators::New { display: None, name: "mallory", password: &password, roles };
        operators.add(&new, "local:anna", jiff::Timestamp::now())
    });
    let refused = refused.await;
    assert!(matches!(refused, Err(ControlError::Ledger(_))), "{refused:?}");
    assert!(operators.list().unwrap().is_empty());
}
