//! Whatever is tried, in whatever order: a naive book of what was done, held against the state.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// What the naive model remembers of a revision: lines in a book.
#[derive(Default)]
struct Page {
    active_once: bool,
    approved_by: Option<String>,
    checked: bool,
    signed: bool,
    writers: BTreeSet<String>,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_is_tried_nothing_comes_into_force_unchecked_unapproved_or_twice(
        tries in proptest::collection::vec((0_usize..14, 0_usize..6, 1_u64..6, 0_u64..3), 1..60)
    ) {
        let mut world = World::of(&tiny("disk"));
        let mut book: BTreeMap<u64, Page> = BTreeMap::new();
        book.entry(1).or_default().active_once = true;
        let (mut floor, mut serial) = (1_u64, 1_u64);
        for (step, person, version, n) in tries {
            let (_, actor) = people().swap_remove(person);
            let state = &world.state;
            let edit = state.get(version).map_or(0, |revision| revision.edit);
            let later = world.now.checked_add(SignedDuration::from_secs(5)).unwrap();
            let change = match step {
                0 => steps::create(state, &actor, "t", "", (n > 0).then_some(version)),
                1 => steps::edit(state, &actor, version, edit, "n.toml", Some(format!("# {n}").into())),
                2 => steps::describe(state, &actor, version, edit, "t", "", Some(n.saturating_add(1))),
                3 | 4 => match state.get(version) {
                    Some(revision) => steps::checked(state, &actor, version, report(revision, n)),
                    None => continue,
                },
                5 | 6 => steps::approve(state, &actor, version, n, "why"),
                7 => steps::schedule(state, &actor, version, later, world.now, Signed::NotAsked, "why"),
                8 => steps::unschedule(state, &actor, version, "why"),
                9 => steps::activate(state, &actor, version, Signed::NotAsked, "why"),
                10 => steps::fall_due(state, &actor, version, later, Signed::NotAsked),
                11 => steps::roll_back(state, &actor, version, "why"),
                12 => steps::withdraw(state, &actor, version, "why"),
                _ if n == 0 => match steps::on_disk(state, &tiny(&version.to_string()), "disk") {
                    OnDisk::Import(change) | OnDisk::Adopt(change) => Ok(change),
                    OnDisk::Known => continue,
                },
                _ => steps::upload(
                    state, &actor, version.saturating_add(n), world.now, "made", tiny("up"), Vec::new(),
                    Signed::Yes(vec!["key".to_owned()]),
                ),
            };
            let Ok(change) = change else { continue };
            let version = change.version();
            // The book is kept by the names of the steps alone.
            match change.action() {
                "policy.create" | "policy.import" | "policy.upload" => {
                    prop_assert!(!book.contains_key(&version), "version {version} is used twice");
                    let page = book.entry(version).or_default();
                    page.writers.insert(actor.id.clone());
                    page.signed = change.action() == "policy.upload";
                    if change.action() == "policy.import" {
                        page.active_once = true;
                        serial = serial.saturating_add(1);
                    }
                }
                "policy.edit" | "policy.describe" => {
                    let page = book.get_mut(&version).unwrap();
                    page.writers.insert(actor.id.clone());
                    (page.checked, page.approved_by) = (false, None);
                }
                "policy.check" => book.get_mut(&version).unwrap().checked = true,
                "policy.approve" => {
                    book.get_mut(&version).unwrap().approved_by = Some(actor.id.clone());
                }
                "policy.activate" => {
                    let page = book.get_mut(&version).unwrap();
                    let second = |by: &String| !page.writers.contains(by);
                    let agreed = page.checked && page.approved_by.as_ref().is_some_and(second);
                    prop_assert!(agreed || page.signed, "{version} came into force");
                    page.active_once = true;
                    serial = serial.saturating_add(1);
                }
                "policy.rollback" => {
                    prop_assert!(book[&version].active_once, "{version} was rolled back to");
                    serial = serial.saturating_add(1);
                }
                _ => {}
            }
            world.record(&actor, "why", change);
            let state = &world.state;
            let active = state.revisions().filter(|revision| revision.stage == Stage::Active);
            let active: Vec<_> = active.map(|revision| revision.version).collect();
            prop_assert_eq!(active, vec![state.active().unwrap().version]);
            prop_assert_eq!(state.serial(), serial);
            prop_assert!(state.floor() >= floor);
            floor = state.floor();
            prop_assert!(state.in_force().is_sorted_by(|a, b| a.at < b.at && a.serial < b.serial));
            prop_assert_eq!(state.revisions().count(), book.len());
            for revision in state.revisions() {
                prop_assert_eq!(revision.was_active(), book[&revision.version].active_once);
                prop_assert_eq!(&revision.revision, &revision.files.revision());
            }
        }
    }
}
