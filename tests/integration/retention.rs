//! Personal parts of real requests: sealed and erased, masked, under legal hold; and segments sealed beside a running gateway.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::ORDERS_BY_ACCOUNT;
use crate::support::Recorder;
use crate::support::Request;
use crate::support::gateway::export;
use crate::support::gateway::interdict;
use crate::support::run;
use crate::support::until;

fn kept(upstream: &Recorder, personal: &str) -> Gateway {
    GatewayBuilder::new(upstream.address)
        .routes(ORDERS_BY_ACCOUNT)
        .environment("INTERDICT__LEDGER__PERSONAL", personal)
        .start()
}

fn order(gateway: &Gateway, account: &str) -> String {
    let order =
        format!(r#"{{"account":"{account}","country":"DE","lines":[{{"sku":"KL1047GDEFS"}}]}}"#);
    let answer = Request::post("/api/orders", order).from(GERMAN).send(gateway.address);
    assert_eq!(answer.status, 201);
    answer.decision().unwrap().1.to_owned()
}

fn of_id<'a>(records: &'a [Value], id: &str) -> &'a Value {
    records.iter().find(|record| record["id"] == id).unwrap()
}

/// All bytes below a folder.
fn bytes(dir: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        all.extend(if path.is_dir() { bytes(&path) } else { fs::read(&path).unwrap_or_default() });
    }
    all
}

fn holds(all: &[u8], text: &[u8]) -> bool {
    all.windows(text.len()).any(|window| window == text)
}

/// The keys in use (docs/ledger-format.md, "Keys of subjects").
fn keys(ledger: &Path) -> Vec<[u8; 32]> {
    let mut keys = Vec::new();
    for entry in fs::read_dir(ledger.join("subjects")).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with("keys-") {
            let entries = fs::read(path).unwrap();
            keys.extend(
                entries[128..]
                    .chunks(128)
                    .map(|entry| <[u8; 32]>::try_from(&entry[64..96]).unwrap()),
            );
        }
    }
    keys.retain(|key| *key != [0; 32]);
    keys
}

/// By code that shares nothing with the writer.
fn verify(ledger: &Path) {
    let ended = run(interdict().args(["ledger", "verify"]).arg(ledger));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

fn erase(ledger: &Path) -> (Option<i32>, String) {
    let ended = run(interdict().args(["ledger", "erase"]).arg(ledger).args([
        "--subject",
        "account:A-17",
        "--reason",
        "request of 2026-11-20",
        "--by",
        "J. Doe",
    ]));
    (ended.code, ended.stderr)
}

fn hold(ledger: &Path, words: &[&str]) -> (Option<i32>, String) {
    let ended = run(interdict().args(["ledger", "hold"]).arg(ledger).args(words));
    (ended.code, ended.stdout + &ended.stderr)
}

/// How many records a search by account gives.
fn found(ledger: &Path, account: &str) -> usize {
    let ended =
        run(interdict().args(["ledger", "search"]).arg(ledger).args(["--account", account]));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    ended.stdout.lines().count()
}

#[test]
fn an_erased_account_is_gone_from_every_file_and_the_log_and_all_others_stay() {
    let upstream = Recorder::start();
    let gateway = kept(&upstream, "sealed");
    let ledger = gateway.dir().join("ledger");
    let (own, other) = (order(&gateway, "A-17"), order(&gateway, "B-4"));
    let again = order(&gateway, "A-17");
    let all = bytes(&ledger);
    assert!(!holds(&all, b"A-17") && !holds(&all, b"B-4") && !holds(&all, GERMAN.as_bytes()));
    let records = gateway.records();
    for (id, account) in [(&own, "A-17"), (&other, "B-4"), (&again, "A-17")] {
        assert_eq!(of_id(&records, id)["evidence"]["account"], account);
    }
    let before = keys(&ledger);
    assert_eq!(found(&ledger, "A-17"), 2);

    let add = ["add", "--name", "case-17", "--reason", "subpoena", "--subject", "account:A-17"];
    assert_eq!(hold(&ledger, &add).0, Some(0));
    let (code, said) = erase(&ledger);
    assert_eq!(code, Some(65), "{said}");
    assert!(said.contains("under the legal hold `case-17` (subpoena)"), "{said}");
    assert_eq!(keys(&ledger).len(), before.len());
    let (_, list) = hold(&ledger, &["list"]);
    let listed: Value = serde_json::from_str(list.trim()).unwrap();
    assert_eq!(listed["scope"]["subject"], "account:A-17");
    let release = ["release", "--name", "case-17", "--reason", "case closed"];
    assert_eq!(hold(&ledger, &release).0, Some(0));

    let (code, said) = erase(&ledger);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("1 keys destroyed"), "{said}");
    let after = keys(&ledger);
    let gone: Vec<_> = before.iter().filter(|key| !after.contains(key)).collect();
    assert_eq!((gone.len(), after.len()), (1, before.len() - 1));
    assert!(!holds(&bytes(&ledger), gone[0]), "the key is in no file");
    assert_eq!(found(&ledger, "A-17"), 0, "whom an erasure took is found no more");
    let back = order(&gateway, "A-17");
    let records = gateway.records();
    for id in [&own, &again] {
        let record = of_id(&records, id);
        assert_eq!(record["erased"], true);
        assert_eq!(record["decision"]["verdict"], "allow", "what was decided stays");
        assert!(record.get("evidence").is_none());
    }
    assert_eq!(of_id(&records, &other)["evidence"]["account"], "B-4");
    assert_eq!(of_id(&records, &back)["evidence"]["account"], "A-17");
    let erasure = records.iter().find(|record| record["kind"] == "erasure").unwrap();
    assert_eq!(
        (&erasure["by"], &erasure["reason"]),
        (&"J. Doe".into(), &"request of 2026-11-20".into())
    );
    assert!(!erasure.to_string().contains("A-17"));
    let folder = gateway.kill();
    // The same without a running gateway.
    let ledger = folder.path().join("ledger");
    let (code, said) = erase(&ledger);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(of_id(&export(&ledger), &back)["erased"], true);
    verify(&ledger);
}

#[test]
fn masked_identifiers_are_on_no_disk_and_one_account_has_one_mask() {
    let upstream = Recorder::start();
    let gateway = kept(&upstream, "masked");
    let ledger = gateway.dir().join("ledger");
    let ids = [order(&gateway, "A-17"), order(&gateway, "A-17"), order(&gateway, "B-4")];
    let all = bytes(&ledger);
    assert!(!holds(&all, b"A-17") && !holds(&all, b"B-4") && !holds(&all, GERMAN.as_bytes()));
    let records = gateway.records();
    let [a, b, c] = ids.map(|id| of_id(&records, &id)["evidence"]["account"].to_string());
    assert!(a.starts_with("\"masked:"), "{a}");
    assert_eq!(a, b);
    assert_ne!(a, c);
    assert_eq!((found(&ledger, "A-17"), found(&ledger, "B-4"), found(&ledger, "C")), (2, 1, 0));
    let (code, said) = erase(&ledger);
    assert_eq!(code, Some(65), "{said}");
    assert!(said.contains("was not \"sealed\""), "{said}");
    let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let replay = ["policy", "replay", "--policies"];
    let ended = run(interdict().args(replay).arg(policies).arg(&ledger));
    assert!(ended.stderr.contains("0 changed, 3 unchanged, 0 not replayable"), "{}", ended.stderr);
}

#[test]
fn segments_are_sealed_beside_a_running_gateway_and_read_as_before() {
    let upstream = Recorder::start();
    let first = kept(&upstream, "clear");
    let ids: Vec<_> = (0..5).map(|_| order(&first, "A-17")).collect();
    let folder = first.kill();
    let ledger = folder.path().join("ledger");
    let before = export(&ledger);
    let gateway = GatewayBuilder::new(upstream.address)
        .routes(ORDERS_BY_ACCOUNT)
        .environment("INTERDICT__LEDGER__DIR", ledger.to_str().unwrap())
        .environment(
            "INTERDICT__LEDGER__KEY",
            folder.path().join("ledger-key.pem").to_str().unwrap(),
        )
        .start();
    let last = order(&gateway, "B-4");
    let ended = run(interdict().args(["ledger", "seal"]).arg(&ledger));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("in the background"), "{}", ended.stderr);
    let sealed = || {
        let names = fs::read_dir(&ledger).unwrap().map(|entry| entry.unwrap().file_name());
        let names: Vec<_> = names.map(|name| name.to_string_lossy().into_owned()).collect();
        let some = names.iter().any(|name| name.ends_with(".sealed"));
        (some && names.iter().filter(|name| name.ends_with(".seg")).count() == 1).then_some(())
    };
    until("a sealed segment", sealed);
    let after = export(&ledger);
    assert_eq!(after[..before.len()], before);
    verify(&ledger);
    assert!(ids.iter().chain([&last]).all(|id| after.iter().any(|record| record["id"] == **id)));
    let folder_of_nothing = tempfile::tempdir().unwrap();
    let ended = run(interdict().args(["ledger", "seal"]).arg(folder_of_nothing.path()));
    assert_eq!(ended.code, Some(65), "{}", ended.stderr);
}
