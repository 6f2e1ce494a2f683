//! The durable record when the disk does not play along.

use std::fs;
use std::process::Command;

use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Nginx;
use crate::support::Request;
use crate::support::US;
use crate::support::interdict;
use crate::support::run;
use crate::support::until;

#[test]
fn a_second_process_on_the_same_record_ends_with_74_and_says_why() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = Gateway::start(nginx.address);
    let config = gateway.dir().join("interdict.toml");
    let second = run(interdict().args(["serve", "--config"]).arg(config));
    assert_eq!(second.code, Some(74));
    assert!(second.stderr.contains("in use by another process"), "{}", second.stderr);
}

#[test]
fn a_record_that_cannot_be_created_ends_with_74() {
    let nginx = Nginx::mirror_and_shop();
    let builder = GatewayBuilder::new(nginx.address).file("ledger", "a file, not a folder");
    let ended = run(interdict().args(["serve", "--config"]).arg(builder.write()));
    assert_eq!(ended.code, Some(74), "{}", ended.stderr);
    assert!(ended.stderr.contains("ledger"), "{}", ended.stderr);
}

#[test]
fn a_full_disk_refuses_what_is_judged_and_heals_without_a_restart() {
    let nginx = Nginx::mirror_and_shop();
    // Writes beyond one block fail as on a full disk; the signal that would come first is ignored.
    let script = "trap '' XFSZ; ulimit -S -f 1; exec \"$0\" \"$@\"";
    let gateway = GatewayBuilder::new(nginx.address).under(&["sh", "-c", script]).start();
    let update = Request::get("/mirror/index/u1313g.xml").from(GERMAN);
    // The first records may still fit; what is answered is what was forwarded, and nothing else.
    let mut served = 0;
    let refused = until("a full disk", || {
        let answer = update.send(gateway.address);
        served += usize::from(answer.status == 200);
        (answer.status == 503).then_some(answer)
    });
    assert!(refused.header("retry-after").is_some());
    for _ in 0..3 {
        served += usize::from(update.send(gateway.address).status == 200);
    }
    assert_eq!(nginx.access_log().lines().count(), served);
    let (verdict, id) = refused.decision().unwrap();
    assert_eq!(verdict, "error");
    assert!(gateway.log().lines().any(|line| line.contains("ERROR") && line.contains(id)));
    until("503 on /readyz", || {
        update.send(gateway.address);
        (Request::get("/readyz").send(gateway.admin).status == 503).then_some(())
    });
    until("the metric", || {
        update.send(gateway.address);
        (gateway.metric("interdict_ledger_failed") > 0.0).then_some(())
    });
    // What is not judged is not held up by the record.
    assert_eq!(Request::get("/static/logo.txt").from(US).send(gateway.address).status, 200);

    let id = process_of(&gateway);
    let raised = Command::new("prlimit").args(["--fsize=unlimited", "--pid", &id]).status();
    assert!(raised.unwrap().success());
    until("healing", || (update.send(gateway.address).status == 200).then_some(()));
    until("readiness", || {
        (Request::get("/readyz").send(gateway.admin).status == 200).then_some(())
    });
    let ledger = gateway.dir().join("ledger");
    assert_eq!(run(interdict().args(["ledger", "verify"]).arg(ledger)).code, Some(0));
}

#[test]
fn a_flipped_bit_is_found_with_its_segment_and_offset() {
    let nginx = Nginx::mirror_and_shop();
    let mut gateway = Gateway::start(nginx.address);
    for _ in 0..3 {
        let update = Request::get("/mirror/index/u1313g.xml").from(US);
        assert_eq!(update.send(gateway.address).status, 451);
    }
    gateway.signal("TERM");
    assert_eq!(gateway.wait(), Some(0));
    let ledger = gateway.dir().join("ledger");
    let verify = || run(interdict().args(["ledger", "verify"]).arg(&ledger));
    let sound = verify();
    assert_eq!((sound.code, sound.stderr.contains("7 records")), (Some(0), true));
    let files = fs::read_dir(&ledger).unwrap().map(|entry| entry.unwrap().path());
    let segment = files.into_iter().find(|p| p.extension().is_some_and(|e| e == "seg")).unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let found = verify();
    assert_eq!(found.code, Some(65));
    let name = segment.file_name().unwrap().to_str().unwrap();
    assert!(found.stderr.contains(&format!("`{name}` at byte ")), "{}", found.stderr);
}

/// The gateway's process: it alone holds the ledger's lock.
fn process_of(gateway: &Gateway) -> String {
    let config = gateway.dir().join("interdict.toml");
    let config = config.to_str().unwrap();
    let mut processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let found = processes.find(|process| {
        let line = fs::read_to_string(process.path().join("cmdline")).unwrap_or_default();
        line.contains(config) && line.contains("interdict\0serve")
    });
    found.unwrap().file_name().into_string().unwrap()
}

#[test]
fn a_ledger_without_its_key_and_a_key_without_its_ledger_end_with_78_and_what_to_do() {
    let nginx = Nginx::mirror_and_shop();
    let mut gateway = Gateway::start(nginx.address);
    Request::get("/mirror/index/u1313g.xml").from(US).send(gateway.address);
    gateway.signal("TERM");
    assert_eq!(gateway.wait(), Some(0));
    let stopped = gateway.dir();
    let (config, key) = (stopped.join("interdict.toml"), stopped.join("ledger-key.pem"));
    let serve = || run(interdict().args(["serve", "--config"]).arg(&config));

    fs::rename(&key, stopped.join("elsewhere.pem")).unwrap();
    let ended = serve();
    assert_eq!(ended.code, Some(78), "{}", ended.stderr);
    assert!(ended.stderr.contains("Restore the key"), "{}", ended.stderr);
    assert!(!key.exists(), "no key is made for a ledger that has one");
    let checked = run(interdict().args(["check", "--config"]).arg(&config));
    assert_eq!(checked.code, Some(78), "{}", checked.stderr);
    assert!(checked.stderr.contains("Restore the key"), "{}", checked.stderr);

    fs::rename(stopped.join("elsewhere.pem"), &key).unwrap();
    fs::rename(stopped.join("ledger"), stopped.join("away")).unwrap();
    let ended = serve();
    assert_eq!(ended.code, Some(78), "{}", ended.stderr);
    assert!(ended.stderr.contains("Restore the ledger"), "{}", ended.stderr);

    fs::remove_dir_all(stopped.join("ledger")).unwrap();
    fs::rename(stopped.join("away"), stopped.join("ledger")).unwrap();
    let segment = stopped.join("ledger/segment-00000000000000000000.seg");
    let records = fs::read(&segment).unwrap();
    fs::write(&segment, &records[..records.len() - 7]).unwrap();
    let ended = serve();
    assert_eq!(ended.code, Some(65), "{}", ended.stderr);
    assert!(ended.stderr.contains("records are missing at the end"), "{}", ended.stderr);
    assert_eq!(fs::read(&segment).unwrap().len(), records.len() - 7, "nothing was cut");
}

#[test]
fn what_was_answered_is_published_within_a_second() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = Gateway::start(nginx.address);
    let answer = Request::get("/mirror/index/u1313g.xml").from(US).send(gateway.address);
    assert_eq!(answer.status, 451);
    let answered = std::time::Instant::now();
    until("a checkpoint", || {
        (gateway.metric("interdict_ledger_published_records") >= 1.0).then_some(())
    });
    // Generous: the machine may be busy.
    assert!(answered.elapsed() < std::time::Duration::from_secs(5));
    assert!(gateway.metric("interdict_ledger_publish_failures_total") < 0.5);
}
