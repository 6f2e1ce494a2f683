//! The throttle against a model that counts second by second, and what it promises to operators and to the machine.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::operators::Admission;
use crate::operators::Attempt;
use crate::operators::Limits;
use crate::operators::Throttle;

const DAY: u64 = 24 * 60 * 60;

fn at(second: u64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + i64::try_from(second).unwrap()).unwrap()
}

fn client(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn ask(throttle: &Throttle, name: &str, from: &str, second: u64) -> Result<Attempt, u64> {
    match throttle.ask(name, client(from), at(second)) {
        Admission::Allowed(attempt) => Ok(attempt),
        Admission::RetryAfter(wait) => Err(wait.as_secs()),
    }
}

/// Fails as often as it may from that second on; returns the waits that were told.
fn fail(throttle: &Throttle, name: &str, from: &str, second: &mut u64, times: usize) -> Vec<u64> {
    let mut waits = Vec::new();
    for _ in 0..times {
        match ask(throttle, name, from, *second) {
            Ok(attempt) => drop(attempt),
            Err(wait) => {
                waits.push(wait);
                *second += wait;
                drop(ask(throttle, name, from, *second).unwrap());
            }
        }
    }
    waits
}

#[test]
fn after_five_failures_the_wait_doubles_from_a_second_to_a_quarter_of_an_hour() {
    let throttle = Throttle::default();
    let waits = fail(&throttle, "anna", "192.0.2.7", &mut 0, 18);
    // A failure was forgotten at 900 and 1800 seconds; at the end one is forgotten for each that is added.
    assert_eq!(&waits[..10], [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]);
    assert!(waits[10..].iter().all(|wait| (512..=900).contains(wait)), "{waits:?}");
}

#[test]
fn whoever_waits_gains_nothing_over_a_failure_in_a_quarter_of_an_hour() {
    for pause in [0, 1, 60, 899, 900, 901, 1800, 3600] {
        let (throttle, mut now, mut tries) = (Throttle::default(), 0, 0);
        while now < DAY {
            match ask(&throttle, "anna", "192.0.2.7", now) {
                Ok(_) => tries += 1,
                Err(wait) => now += wait.max(pause),
            }
        }
        assert!(tries <= 96 + 15, "{tries} in a day with pauses of {pause} s");
    }
}

#[test]
fn an_account_is_counted_for_across_networks_and_a_network_across_accounts() {
    let throttle = Throttle::default();
    for network in 0..5 {
        drop(ask(&throttle, "anna", &format!("192.0.{network}.7"), 0).unwrap());
    }
    assert_eq!(ask(&throttle, "ANNA", "198.51.100.7", 0).unwrap_err(), 1);
    for name in ["b", "c", "d", "e", "f"] {
        drop(ask(&throttle, name, "2001:db8:51::7", 0).unwrap());
    }
    assert_eq!(ask(&throttle, "g", "2001:db8:51:ffff::1", 0).unwrap_err(), 1);
    drop(ask(&throttle, "g", "2001:db8:52::1", 0).unwrap());
    for name in ["h", "i", "j", "k", "l"] {
        drop(ask(&throttle, name, "203.0.113.1", 2).unwrap());
    }
    assert_eq!(ask(&throttle, "m", "::ffff:203.0.113.200", 2).unwrap_err(), 1, "the same /24");
}

#[test]
fn attempts_side_by_side_are_all_booked_before_any_has_failed() {
    let limits = Limits { at_once: 100, ..Limits::default() };
    let throttle = Throttle::new(limits);
    let held: Vec<_> = (0..5).map(|_| ask(&throttle, "anna", "192.0.2.7", 0).unwrap()).collect();
    assert_eq!(ask(&throttle, "anna", "192.0.2.7", 0).unwrap_err(), 1);
    drop(held);
}

#[test]
fn a_success_forgets_the_failures_of_the_account_but_not_of_the_network() {
    let throttle = Throttle::default();
    for _ in 0..4 {
        drop(ask(&throttle, "anna", "192.0.2.7", 0).unwrap());
    }
    ask(&throttle, "anna", "192.0.2.7", 0).unwrap().succeeded(at(0));
    // Elsewhere the account starts anew.
    for _ in 0..5 {
        drop(ask(&throttle, "anna", "198.51.100.7", 0).unwrap());
    }
    // The network still has its four: one more and it waits.
    drop(ask(&throttle, "ben", "192.0.2.7", 0).unwrap());
    assert_eq!(ask(&throttle, "cleo", "192.0.2.7", 0).unwrap_err(), 1);
}

#[test]
fn an_attempt_that_is_withdrawn_was_none() {
    let throttle = Throttle::default();
    for _ in 0..50 {
        ask(&throttle, "anna", "192.0.2.7", 0).unwrap().withdrawn();
    }
    assert_eq!(throttle.counters(), 0);
}

#[test]
fn strangers_cannot_keep_an_operator_out_of_a_network_that_is_known() {
    let throttle = Throttle::default();
    ask(&throttle, "anna", "192.0.2.7", 0).unwrap().succeeded(at(0));
    // Strangers at the account from elsewhere, and at another account from the same network.
    let attack = |now: &mut u64| {
        for _ in 0..12 {
            fail(&throttle, "anna", "198.51.100.7", now, 1);
            fail(&throttle, "ben", "192.0.2.99", now, 1);
        }
        assert!(ask(&throttle, "anna", "203.0.113.7", *now).is_err(), "it waits elsewhere");
        assert!(ask(&throttle, "cleo", "192.0.2.7", *now).is_err(), "and others wait here");
    };
    let mut now = 1;
    attack(&mut now);
    let success = now;
    ask(&throttle, "anna", "192.0.2.8", now).unwrap().succeeded(at(now));
    let waits = fail(&throttle, "anna", "192.0.2.7", &mut now, 7);
    assert_eq!(waits, [1, 2], "guessing waits there too");
    let mut within = success + 29 * DAY;
    attack(&mut within);
    drop(ask(&throttle, "anna", "192.0.2.7", within).unwrap());
    let mut after = success + 31 * DAY;
    attack(&mut after);
    assert!(ask(&throttle, "anna", "192.0.2.7", after).is_err(), "not known any more");
    // A record of an earlier sign-in makes it known again.
    throttle.remember("Anna", client("192.0.2.7"), at(after - DAY));
    drop(ask(&throttle, "anna", "192.0.2.7", after).unwrap());
}

#[test]
fn a_flood_costs_the_machine_no_more_than_its_share_and_leaves_a_quarter_to_who_is_known() {
    let throttle = Throttle::default();
    throttle.remember("anna", client("192.0.2.7"), at(0));
    let mut stranger = 0_u32;
    // Each from a network of its own, at an account of its own.
    let mut flood = |second: u64| {
        let attempts = (0..500).filter(|_| {
            stranger += 1;
            let [a, b, c, d] = stranger.to_be_bytes();
            let from = format!("2001:{a:02x}{b:02x}:{c:02x}{d:02x}::1");
            ask(&throttle, &format!("s{stranger}"), &from, second).is_ok()
        });
        attempts.count()
    };
    assert_eq!(flood(0), 90);
    assert_eq!(flood(30), 0);
    let wait = ask(&throttle, "new", "203.0.113.7", 30).unwrap_err();
    assert_eq!(wait, 30);
    for _ in 0..5 {
        ask(&throttle, "anna", "192.0.2.7", 30).unwrap().succeeded(at(30));
    }
    assert_eq!(flood(60), 85, "the five count");

    let held: Vec<_> =
        (0..3).map(|n| ask(&throttle, "x", &format!("100.0.{n}.1"), 200).unwrap()).collect();
    assert_eq!(ask(&throttle, "y", "100.1.0.1", 200).unwrap_err(), 1, "three at once");
    let fourth = ask(&throttle, "anna", "192.0.2.7", 200).unwrap();
    assert_eq!(ask(&throttle, "anna", "192.0.2.7", 200).unwrap_err(), 1, "and one for the known");
    drop((held, fourth));
    drop(ask(&throttle, "y", "100.1.0.1", 200).unwrap());
}

#[test]
fn memory_is_bounded_and_what_is_refused_takes_none() {
    let limits = Limits { a_minute: 1_000_000, entries: 100, ..Limits::default() };
    let throttle = Throttle::new(limits);
    for n in 0..1_000_u32 {
        let from = format!("10.{}.{}.1", n / 250, n % 250);
        drop(ask(&throttle, &format!("a{n}"), &from, 0).unwrap());
        assert!(throttle.counters() <= 100);
    }
    let throttle = Throttle::default();
    fail(&throttle, "anna", "192.0.2.7", &mut 0, 5);
    for n in 0..100 {
        assert!(ask(&throttle, &format!("b{n}"), "192.0.2.7", 0).is_err());
    }
    assert_eq!(throttle.counters(), 2);
    let throttle = Throttle::default();
    for (n, name) in ["no name", "..", "", "\n"].iter().enumerate() {
        drop(ask(&throttle, name, &format!("192.0.{n}.7"), 0).unwrap());
    }
    assert_eq!(throttle.counters(), 5, "what is no name is one account");
}

#[test]
fn a_clock_that_is_set_back_makes_nobody_wait_longer_than_the_longest_wait() {
    let throttle = Throttle::default();
    let mut now = 100 * DAY;
    fail(&throttle, "anna", "192.0.2.7", &mut now, 12);
    let wait = ask(&throttle, "anna", "192.0.2.7", 0).unwrap_err();
    assert!(wait <= 900, "{wait}");
    drop(ask(&throttle, "ben", "198.51.100.7", 0).unwrap());
}

/// The same by counting: no arithmetic with intervals, nothing forgotten for want of room.
#[derive(Default)]
struct Model {
    counters: BTreeMap<String, Tally>,
    known: BTreeMap<String, u64>,
    now: u64,
    work: Vec<u64>,
}

struct Tally {
    failures: u32,
    /// Seconds until one is forgotten.
    forgets: u64,
    /// Seconds since the last attempt.
    since: u64,
}

impl Model {
    fn tick(&mut self) {
        self.now += 1;
        for tally in self.counters.values_mut() {
            tally.since += 1;
            tally.forgets -= 1;
            if tally.forgets == 0 {
                tally.failures -= 1;
                tally.forgets = 16;
            }
        }
        self.counters.retain(|_, tally| tally.failures > 0);
    }

    fn keys(&self, name: &str, network: &str) -> Vec<String> {
        let pair = format!("{name}@{network}");
        match self.known.get(&pair) {
            Some(at) if self.now - at < 200 => vec![pair],
            _ => vec![name.to_owned(), network.to_owned()],
        }
    }

    fn ask(&mut self, name: &str, network: &str) -> Result<Vec<String>, u64> {
        let keys = self.keys(name, network);
        let wait = |tally: &Tally| {
            let wait = [0, 0, 1, 2, 4, 8].get(tally.failures as usize).copied().unwrap_or(16_u64);
            wait.saturating_sub(tally.since)
        };
        let wait = keys.iter().filter_map(|key| self.counters.get(key)).map(wait).max();
        if let Some(wait @ 1..) = wait {
            return Err(wait);
        }
        let share = if keys.len() == 1 { 8 } else { 6 };
        let mut later = self.now;
        while self.work.iter().filter(|at| later - **at < 60).count() >= share {
            later += 1;
        }
        if later > self.now {
            return Err(later - self.now);
        }
        self.work.push(self.now);
        for key in &keys {
            let fresh = Tally { failures: 0, forgets: 16, since: 0 };
            let tally = self.counters.entry(key.clone()).or_insert(fresh);
            tally.failures += 1;
            tally.since = 0;
        }
        Ok(keys)
    }

    fn succeeded(&mut self, keys: &[String], name: &str, network: &str) {
        for key in keys {
            let failures = &mut self.counters.get_mut(key).unwrap().failures;
            *failures = if key == network { *failures - 1 } else { 0 };
        }
        self.counters.retain(|_, tally| tally.failures > 0);
        self.known.insert(format!("{name}@{network}"), self.now);
    }
}

proptest! {
    #[test]
    fn the_throttle_answers_what_counting_second_by_second_answers(
        steps in vec((0_usize..2, 0_usize..3, 0_u8..4, prop_oneof![0_u64..4, 0_u64..40]), 0..120),
    ) {
        const NETWORKS: [(&str, &str); 3] = [
            ("192.0.2.0", "192.0.2.9"),
            ("198.51.100.0", "198.51.100.9"),
            ("2001:db8:51::", "2001:db8:51:2::9"),
        ];
        let throttle = Throttle::new(Limits {
            at_once: 4,
            a_minute: 8,
            entries: 1_000,
            failures: 2,
            first_wait: Duration::from_secs(1),
            known_for: Duration::from_secs(200),
            longest_wait: Duration::from_secs(16),
        });
        let mut model = Model::default();
        for (name, network, luck, pause) in steps {
            let (name, (network, from)) = (["anna", "ben"][name], NETWORKS[network]);
            match (ask(&throttle, name, from, model.now), model.ask(name, network)) {
                (Ok(attempt), Ok(keys)) if luck == 0 => {
                    attempt.succeeded(at(model.now));
                    model.succeeded(&keys, name, network);
                }
                (Ok(attempt), Ok(_)) => drop(attempt),
                (real, model) => prop_assert_eq!(real.map(drop), model.map(drop)),
            }
            (0..pause).for_each(|_| model.tick());
        }
    }
}
