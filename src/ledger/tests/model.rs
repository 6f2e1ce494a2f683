//! Random histories against a `Vec`.

use proptest::prelude::{Strategy, any, prop, prop_oneof};
use proptest::{prop_assert_eq, proptest};

use super::support::{append, records, settings};
use super::walk::verify;
use crate::ledger::{Ledger, LedgerSettings};

#[derive(Clone, Debug)]
enum Step {
    Append(i64, Vec<u8>),
    Reopen,
    Sync,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let payload =
        prop::collection::vec(any::<u8>().prop_filter("JSON Lines", |b| *b != b'\n'), 0..80);
    let step = prop_oneof![
        8 => (0_i64..1_000, payload).prop_map(|(instant, payload)| Step::Append(instant, payload)),
        1 => proptest::strategy::Just(Step::Reopen),
        2 => proptest::strategy::Just(Step::Sync),
    ];
    prop::collection::vec(step, 0..40)
}

proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 48, ..Default::default() })]
    #[test]
    fn what_is_appended_is_read_back_through_rotations_and_reopenings(steps in steps(), segment_bytes in 32_u64..400) {
        let dir = tempfile::tempdir().unwrap();
        let settings = LedgerSettings { segment_bytes, ..settings(dir.path()) };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut ledger = Ledger::open(settings.clone()).unwrap().0;
        let mut model: Vec<(u64, i64, Vec<u8>)> = Vec::new();
        let mut last = None;
        for step in steps {
            match step {
                Step::Append(instant, payload) => {
                    last = Some(append(&ledger, instant, &payload).unwrap());
                    let floor = model.last().map_or(i64::MIN, |(_, instant, _)| *instant);
                    model.push((model.len() as u64, instant.max(floor), payload));
                }
                Step::Reopen => {
                    ledger.close().unwrap();
                    let (opened, recovery) = Ledger::open(settings.clone()).unwrap();
                    prop_assert_eq!(recovery.records, model.len() as u64);
                    prop_assert_eq!(recovery.last_instant.map(|instant| instant.as_microsecond()), model.last().map(|last| last.1));
                    prop_assert_eq!(recovery.torn, vec![]);
                    ledger = opened;
                }
                Step::Sync => {
                    if let Some(receipt) = &last {
                        runtime.block_on(ledger.durable(receipt)).unwrap();
                    }
                }
            }
            prop_assert_eq!(&records(dir.path()), &model);
        }
        ledger.close().unwrap();
        let report = verify(dir.path()).unwrap();
        prop_assert_eq!((report.records, report.torn, report.superseded_bytes), (model.len() as u64, None, 0));
    }
}
