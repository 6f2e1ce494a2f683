//! Sessions against a list that does the same slowly, and what must never be said of a token.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;

use jiff::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::model::Role;
use crate::model::Roles;
use crate::operators::Account;
use crate::operators::Lifetimes;
use crate::operators::Sessions;
use crate::operators::Standing;

fn at(second: u64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + i64::try_from(second).unwrap()).unwrap()
}

fn account(name: &str, generation: u64) -> Account {
    Account {
        name: name.parse().unwrap(),
        display: None,
        roles: Roles::of(&[Role::Viewer]),
        standing: Standing::Enabled,
        generation,
        created: at(0),
        created_by: "command:root".to_owned(),
        changed: at(0),
        changed_by: "command:root".to_owned(),
    }
}

fn holds(sessions: &Sessions, token: &str, second: u64, account: Option<Account>) -> bool {
    sessions.resume(token, at(second), |_| Ok::<_, Infallible>(account)).unwrap().is_some()
}

#[test]
fn a_session_ends_when_idle_and_at_its_end_whatever_is_done() {
    let sessions = Sessions::new(Lifetimes::default());
    let anna = || Some(account("anna", 1));
    let token = sessions.open(account("anna", 1), at(0)).unwrap().token;
    assert!(holds(&sessions, token.as_str(), 30 * 60 - 1, anna()));
    assert!(!holds(&sessions, token.as_str(), 60 * 60 - 1, anna()), "idle for half an hour");

    let opened = sessions.open(account("anna", 1), at(0)).unwrap();
    assert_eq!(opened.session.ends, at(8 * 60 * 60));
    for minute in 1..8 * 60 {
        assert!(holds(&sessions, opened.token.as_str(), minute * 60, anna()), "minute {minute}");
    }
    assert!(!holds(&sessions, opened.token.as_str(), 8 * 60 * 60, anna()), "after eight hours");
    assert!(!holds(&sessions, opened.token.as_str(), 60, anna()), "ended, it stays so");
}

#[test]
fn what_a_page_asks_by_itself_is_let_in_and_keeps_nothing_alive() {
    let sessions = Sessions::new(Lifetimes::default());
    let anna = || Ok::<_, Infallible>(Some(account("anna", 1)));
    let opened = sessions.open(account("anna", 1), at(0)).unwrap();
    let token = opened.token.as_str();
    for second in (0..30 * 60).step_by(15) {
        assert!(sessions.peek(token, at(second), |_| anna()).unwrap().is_some(), "{second}");
    }
    assert!(sessions.peek(token, at(30 * 60), |_| anna()).unwrap().is_none());
    assert!(!holds(&sessions, token, 1, anna().unwrap()), "ended, it stays so");
    let token = sessions.open(account("anna", 1), at(0)).unwrap().token;
    let other = || Ok::<_, Infallible>(Some(account("anna", 2)));
    assert!(sessions.peek(token.as_str(), at(1), |_| other()).unwrap().is_none());
}

#[test]
fn a_changed_disabled_or_removed_account_is_signed_out_at_the_next_look() {
    let sessions = Sessions::new(Lifetimes::default());
    let disabled = Account { standing: Standing::Disabled, ..account("anna", 1) };
    for now in [Some(account("anna", 2)), Some(disabled), None, Some(account("ben", 1))] {
        let token = sessions.open(account("anna", 1), at(0)).unwrap().token;
        assert!(holds(&sessions, token.as_str(), 1, Some(account("anna", 1))));
        assert!(!holds(&sessions, token.as_str(), 2, now));
        assert!(!holds(&sessions, token.as_str(), 3, Some(account("anna", 1))), "for good");
    }
}

#[test]
fn accounts_that_cannot_be_read_let_nobody_in_and_end_no_session() {
    let sessions = Sessions::new(Lifetimes::default());
    let token = sessions.open(account("anna", 1), at(0)).unwrap().token;
    assert_eq!(sessions.resume(token.as_str(), at(1), |_| Err("disk")).unwrap_err(), "disk");
    assert!(holds(&sessions, token.as_str(), 2, Some(account("anna", 1))));
}

#[test]
fn each_sign_in_has_a_token_of_its_own_that_is_kept_nowhere() {
    let sessions = Sessions::new(Lifetimes::default());
    let mut tokens = BTreeSet::new();
    for _ in 0..200 {
        let opened = sessions.open(account("anna", 1), at(0)).unwrap();
        let token = opened.token.as_str().to_owned();
        assert_eq!(token.len(), 43, "256 bits in base64url");
        let debug = format!("{opened:?} {sessions:?}");
        assert!(!debug.contains(&token) && !debug.contains(&opened.session.form_token()));
        assert!(tokens.insert(token));
    }
    assert!(!holds(&sessions, "", 1, Some(account("anna", 1))));
}

#[test]
fn a_form_token_is_that_of_its_session_alone() {
    let sessions = Sessions::new(Lifetimes::default());
    let one = sessions.open(account("anna", 1), at(0)).unwrap();
    let two = sessions.open(account("anna", 1), at(0)).unwrap();
    let form = one.session.form_token();
    let resumed = sessions
        .resume(one.token.as_str(), at(1), |_| Ok::<_, Infallible>(Some(account("anna", 1))));
    assert!(resumed.unwrap().unwrap().accepts(&form), "for the whole session");
    assert!(!two.session.accepts(&form));
    for other in ["", "AAAA", one.token.as_str(), &form[1..], &format!("{form}A")] {
        assert!(!one.session.accepts(other), "{other}");
    }
}

#[test]
fn signing_out_ends_one_or_all() {
    let sessions = Sessions::new(Lifetimes::default());
    let open = |name| sessions.open(account(name, 1), at(0)).unwrap().token;
    let (one, two, three, ben) = (open("anna"), open("anna"), open("anna"), open("ben"));
    assert!(sessions.sign_out(one.as_str()));
    assert!(!sessions.sign_out(one.as_str()));
    assert!(!holds(&sessions, one.as_str(), 1, Some(account("anna", 1))));
    let anna = "anna".parse().unwrap();
    assert_eq!(sessions.of_account(&anna, at(1)), 2);
    assert_eq!(sessions.sign_out_everywhere(&anna), 2);
    for token in [two, three] {
        assert!(!holds(&sessions, token.as_str(), 1, Some(account("anna", 1))));
    }
    assert!(holds(&sessions, ben.as_str(), 1, Some(account("ben", 1))));
}

#[test]
fn one_session_too_many_ends_the_oldest() {
    let sessions = Sessions::new(Lifetimes::default());
    let open = |name: &str| sessions.open(account(name, 1), at(0)).unwrap().token;
    let ben = open("ben");
    let tokens: Vec<_> = (0..22).map(|_| open("anna")).collect();
    let live: Vec<_> =
        tokens.iter().map(|t| holds(&sessions, t.as_str(), 1, Some(account("anna", 1)))).collect();
    assert_eq!(live, [vec![false; 2], vec![true; 20]].concat());
    assert!(holds(&sessions, ben.as_str(), 1, Some(account("ben", 1))), "others keep theirs");

    let sessions = Sessions::of_at_most(100, Lifetimes::default());
    let open = |name: &str| sessions.open(account(name, 1), at(0)).unwrap().token;
    let first = open("first");
    let second = open("second");
    for n in 0..99 {
        open(&format!("a{n}"));
    }
    assert!(!holds(&sessions, first.as_str(), 1, Some(account("first", 1))));
    assert!(holds(&sessions, second.as_str(), 1, Some(account("second", 1))));
}

/// A session as the list knows it.
struct Row {
    generation: u64,
    name: usize,
    opened: u64,
    token: String,
    used: u64,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Change(usize),
    Everywhere(usize),
    Open(usize),
    Out(usize),
    Resume(usize),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => (0_usize..2).prop_map(Step::Change),
        1 => (0_usize..2).prop_map(Step::Everywhere),
        6 => (0_usize..2).prop_map(Step::Open),
        2 => any::<usize>().prop_map(Step::Out),
        8 => any::<usize>().prop_map(Step::Resume),
        4 => (0_u64..25).prop_map(Step::Wait),
    ]
}

proptest! {
    #[test]
    fn sessions_are_what_a_plain_list_of_them_is(steps in vec(step(), 0..150)) {
        const NAMES: [&str; 2] = ["anna", "ben"];
        let lifetimes = Lifetimes { idle: Duration::from_secs(30), whole: Duration::from_secs(100) };
        let sessions = Sessions::new(lifetimes);
        let (mut rows, mut given): (Vec<Row>, Vec<String>) = (Vec::new(), Vec::new());
        let (mut now, mut generations) = (0, [1, 1]);
        for step in steps {
            let generation = |name: usize| generations[name];
            let live = |row: &Row| {
                now - row.used < 30 && now - row.opened < 100 && row.generation == generation(row.name)
            };
            match step {
                Step::Change(name) => generations[name] += 1,
                Step::Everywhere(name) => {
                    sessions.sign_out_everywhere(&NAMES[name].parse().unwrap());
                    rows.retain(|row| row.name != name);
                }
                Step::Open(name) => {
                    let account = account(NAMES[name], generations[name]);
                    let token = sessions.open(account, at(now)).unwrap().token.as_str().to_owned();
                    rows.retain(live);
                    if rows.iter().filter(|row| row.name == name).count() == 20 {
                        rows.remove(rows.iter().position(|row| row.name == name).unwrap());
                    }
                    let generation = generations[name];
                    rows.push(Row { generation, name, opened: now, token: token.clone(), used: now });
                    given.push(token);
                }
                Step::Out(n) if !given.is_empty() => {
                    let token = &given[n % given.len()];
                    sessions.sign_out(token);
                    rows.retain(|row| row.token != *token);
                }
                Step::Resume(n) if !given.is_empty() => {
                    let token = &given[n % given.len()];
                    let current = generations;
                    let found = sessions.resume(token, at(now), |name| {
                        let n = NAMES.iter().position(|n| *n == name).unwrap();
                        Ok::<_, Infallible>(Some(account(name, current[n])))
                    });
                    rows.retain(|row| row.token != *token || live(row));
                    let row = rows.iter_mut().find(|row| row.token == *token);
                    let found = found.unwrap().map(|session| session.account.name.to_string());
                    prop_assert_eq!(found.as_deref(), row.as_ref().map(|row| NAMES[row.name]));
                    if let Some(row) = row {
                        row.used = now;
                    }
                }
                Step::Wait(seconds) => now += seconds,
                Step::Out(_) | Step::Resume(_) => {}
            }
        }
    }
}
