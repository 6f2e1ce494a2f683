//! Random edits, imports, restarts and losses, beside a plain map.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Import(Vec<(u8, u8)>),
    Lose,
    Put(u8, u8),
    Remove(u8),
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        1 => prop::collection::vec((0..12_u8, any::<u8>()), 1..8).prop_map(Step::Import),
        1 => Just(Step::Lose),
        8 => (0..12_u8, any::<u8>()).prop_map(|(sku, name)| Step::Put(sku, name)),
        4 => (0..12_u8).prop_map(Step::Remove),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 1..14)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn rows_in_force_are_what_a_plain_map_says(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let dir = folder.path();
            let ledger = Ledger::open(LedgerSettings::new(dir.join("ledger"))).unwrap().0;
            let mut world = open(dir, ledger.clone()).await;
            let mut model: BTreeMap<String, Cells> = BTreeMap::new();
            let row = |sku: u8, name: u8| cells(&[("sku", &format!("s-{sku}")), ("name", &format!("n{name}")), ("group", "none")]);
            for step in steps {
                let id = |sku: u8| format!("S{sku}");
                match step {
                    Step::Put(sku, name) => {
                        let had = model.contains_key(&id(sku)).then(|| id(sku));
                        let new = row(sku, name);
                        let set = world.desk.set_row(&anna(), "", Table::Catalogue, had, Some(new.clone()), None).await;
                        assert!(set.is_ok() || model.get(&id(sku)) == Some(&new), "{set:?}");
                        model.insert(id(sku), new);
                    }
                    Step::Remove(sku) => {
                        let set = world.desk.set_row(&anna(), "", Table::Catalogue, Some(id(sku)), None, None).await;
                        assert_eq!(set.is_ok(), model.remove(&id(sku)).is_some());
                    }
                    Step::Import(rows) => {
                        let rows: BTreeMap<_, _> = rows.into_iter().map(|(sku, name)| (id(sku), row(sku, name))).collect();
                        let mut text = String::from("name,sku,group\n");
                        for cells in rows.values() {
                            text += &format!("{},{},{}\n", cells["name"], cells["sku"], cells["group"]);
                        }
                        let view = upload(&world.desk, &anna(), Table::Catalogue, &text).await;
                        let seen = view.preview.clone().unwrap();
                        let added = rows.keys().filter(|id| !model.contains_key(*id)).count() as u64;
                        let changed = rows.iter().filter(|(id, new)| model.get(*id).is_some_and(|old| old != *new)).count() as u64;
                        let removed = model.keys().filter(|id| !rows.contains_key(*id)).count() as u64;
                        assert_eq!((seen.added, seen.changed, seen.removed), (added, changed, removed));
                        if (added, changed, removed) != (0, 0, 0) {
                            world.desk.propose(&anna(), "", &view.id).await.unwrap();
                            world.desk.approve(&ben(), "", &view.id, counts(&view)).await.unwrap();
                            assert_eq!(settled(&world.desk, &view.id).await.stage, Stage::Applied);
                        }
                        model = rows;
                    }
                    Step::Lose | Step::Restart => {
                        drop(world);
                        if matches!(step, Step::Lose) {
                            std::fs::remove_dir_all(store_dir(dir).join("control")).unwrap();
                        }
                        world = open(dir, ledger.clone()).await;
                    }
                }
                assert_eq!(everything(&world.desk, Table::Catalogue).await, model);
                let in_force = world.running.catalogue();
                assert_eq!(in_force.len(), model.len());
                for (id, cells) in &model {
                    assert_eq!(&*in_force.find(id).unwrap().name, cells["name"]);
                }
            }
        });
    }
}
