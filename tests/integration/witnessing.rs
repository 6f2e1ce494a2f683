//! Two companies watch each other's logs: what is cosigned, what is refused, and how loudly.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use interdict::merkle::Checkpoint;
use interdict::merkle::Opened;
use interdict::merkle::VerifierKey;

use crate::published_log::order;
use crate::published_log::published;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Program;
use crate::support::Recorder;
use crate::support::Request;
use crate::support::gateway::export;
use crate::support::interdict;
use crate::support::run;
use crate::support::until;

/// A company: its ledger, its witness, and what others know of them.
struct Company {
    folder: tempfile::TempDir,
    name: &'static str,
    upstream: Recorder,
}

impl Company {
    fn new(name: &'static str) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), name, upstream: Recorder::start() }
    }

    fn ledger(&self) -> std::path::PathBuf {
        self.folder.path().join("ledger")
    }

    /// Its gateway, with these witnesses.
    fn gateway(&self, witnesses: &[(SocketAddr, &str)]) -> Gateway {
        let mut tables = format!("origin = \"{}/log\"\nwitness_interval = \"100ms\"\n", self.name);
        for (address, key) in witnesses {
            tables.push_str(&format!(
                "[[ledger.witness]]\nurl = \"http://{address}/\"\nkey = \"{key}\"\n"
            ));
        }
        let builder = GatewayBuilder::new(self.upstream.address).with(&tables);
        builder.environment("INTERDICT__LEDGER__DIR", self.ledger().to_str().unwrap()).start()
    }

    /// The key of its log, as its first start makes it.
    fn log_key(&self) -> VerifierKey {
        let mut gateway = self.gateway(&[]);
        let (key, _) = published(&gateway, 0);
        end(&mut gateway);
        key
    }

    fn witness_command(&self, listen: &str, log: &VerifierKey) -> Command {
        let mut command = interdict();
        command
            .args(["witness", "--listen", listen, "--name"])
            .arg(format!("{}/witness", self.name))
            .arg("--key")
            .arg(self.folder.path().join("witness-key.pem"))
            .arg("--state")
            .arg(self.folder.path().join("witness"))
            .arg("--log")
            .arg(log.to_string());
        command
    }

    /// Its witness, which watches a log of another; its address and key.
    fn witness(&self, listen: &str, log: &VerifierKey) -> (Program, SocketAddr, String) {
        let mut program = Program::start(&mut self.witness_command(listen, log));
        let address = program.address("witness listening");
        let heard = program.heard();
        let key = heard.lines().find(|line| line.starts_with(self.name)).unwrap().to_owned();
        let kept = fs::read_to_string(self.folder.path().join("witness/witness.pub")).unwrap();
        assert_eq!(kept.trim_end(), key, "what it prints is what it keeps");
        (program, address, key)
    }
}

/// The ids of all records.
fn ids(ledger: &Path) -> Vec<String> {
    export(ledger).iter().map(|record| record["id"].as_str().unwrap().to_owned()).collect()
}

fn end(gateway: &mut Gateway) {
    gateway.signal("TERM");
    assert_eq!(gateway.wait(), Some(0));
}

/// The last witnessed checkpoint, verified with the keys of log and witness.
fn witnessed(gateway: &Gateway, log: &VerifierKey, witness: &str) -> Option<Opened> {
    let answer = Request::get("/log/checkpoint.witnessed").send(gateway.address);
    if answer.status == 404 {
        return None;
    }
    let (logs, witnesses) = ([log.clone()], [witness.parse().unwrap()]);
    let opened = Checkpoint::open(&answer.text(), log.name().as_str(), &logs, &witnesses).unwrap();
    assert_eq!(opened.cosignatures.len(), 1);
    Some(opened)
}

fn until_witnessed(gateway: &Gateway, log: &VerifierKey, witness: &str, records: u64) -> Opened {
    until("the cosignature", || {
        let opened = witnessed(gateway, log, witness)?;
        (opened.checkpoint.size() >= records).then_some(opened)
    })
}

fn contradicts(key: &str) -> String {
    format!("interdict_witness_contradicts{{witness=\"{}\"}}", key.split('+').next().unwrap())
}

fn cosigned(key: &str, result: &str) -> String {
    let name = key.split('+').next().unwrap();
    format!("interdict_witness_cosignatures_total{{result=\"{result}\",witness=\"{name}\"}}")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

#[test]
fn two_companies_watch_each_other_and_a_log_that_is_rolled_back_is_refused_and_said_loudly() {
    let (one, two) = (Company::new("one.test"), Company::new("two.test"));
    let (log_one, log_two) = (one.log_key(), two.log_key());
    let (_of_one, at_one, key_one) = one.witness("127.0.0.1:0", &log_two);
    let (_of_two, at_two, key_two) = two.witness("127.0.0.1:0", &log_one);
    let mut gateway_one = one.gateway(&[(at_two, &key_two)]);
    let gateway_two = two.gateway(&[(at_one, &key_one)]);

    for _ in 0..5 {
        order(&gateway_one);
        order(&gateway_two);
    }
    // A decision and its outcome each.
    until_witnessed(&gateway_one, &log_one, &key_two, 10);
    let opened = until_witnessed(&gateway_two, &log_two, &key_one, 10);
    let now = jiff::Timestamp::now().as_second();
    let time = i64::try_from(opened.cosignatures[0].time).unwrap();
    assert!((now - time).abs() < 30);
    // A monitor finds it at the witness itself.
    let hash: String = {
        use sha2::Digest as _;
        sha2::Sha256::digest("two.test/log").iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let kept = Request::get(&format!("/{hash}/checkpoint")).send(at_one);
    let keys = [log_two];
    let seen = Checkpoint::open(&kept.text(), "two.test/log", &keys, &[key_one.parse().unwrap()]);
    assert_eq!(seen.unwrap().cosignatures.len(), 1);

    // A proof prefers the checkpoint that was witnessed.
    let id = ids(&two.ledger())[0].clone();
    let proof = run(interdict().args(["ledger", "prove", "--witnessed"]).arg(two.ledger()).arg(id));
    assert_eq!(proof.code, Some(0), "{}", proof.stderr);
    assert!(proof.stdout.contains("\u{2014} one.test/witness "), "{}", proof.stdout);

    // An older copy of the ledger is put in its place.
    end(&mut gateway_one);
    let older = one.folder.path().join("older");
    copy(&one.ledger(), &older);
    let mut gateway_one = one.gateway(&[(at_two, &key_two)]);
    for _ in 0..5 {
        order(&gateway_one);
    }
    let last = until_witnessed(&gateway_one, &log_one, &key_two, 20).checkpoint.size();
    assert!(gateway_one.metric(&contradicts(&key_two)) < 0.5);
    end(&mut gateway_one);
    fs::remove_dir_all(one.ledger()).unwrap();
    fs::rename(&older, one.ledger()).unwrap();
    let gateway_one = one.gateway(&[(at_two, &key_two)]);
    until("the alarm", || (gateway_one.metric(&contradicts(&key_two)) > 0.5).then_some(()));
    assert!(gateway_one.log().contains("THE WITNESS HOLDS ANOTHER HISTORY OF THIS LOG"));
    assert!(gateway_one.log().contains("records are missing"), "{}", gateway_one.log());
    // Grown again beyond what was cosigned it is another history still.
    while published(&gateway_one, 0).1.size() <= last {
        order(&gateway_one);
    }
    until("the fork", || {
        gateway_one.log().contains("two histories have been signed with this key").then_some(())
    });
    assert!(gateway_one.metric(&contradicts(&key_two)) > 0.5);
    let shown = witnessed(&gateway_one, &log_one, &key_two).unwrap().checkpoint.size();
    assert!(shown <= 11, "nothing of the new history was cosigned: {shown}");
    // The other company's log goes on as before.
    assert!(gateway_two.metric(&contradicts(&key_one)) < 0.5);
}

#[test]
fn a_witness_that_is_killed_again_and_again_cosigns_one_history_and_goes_on() {
    let (one, two) = (Company::new("one.test"), Company::new("two.test"));
    let log = one.log_key();
    let (mut witness, address, key) = two.witness("127.0.0.1:0", &log);
    let gateway = one.gateway(&[(address, &key)]);
    let mut seed = 7_u64;
    for round in 0..10 {
        let before = gateway.metric(&cosigned(&key, "ok"));
        let orders = 1 + round % 3;
        (0..orders).for_each(|_| drop(order(&gateway)));
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        std::thread::sleep(Duration::from_millis(seed >> 57));
        drop(witness);
        witness = two.witness(&address.to_string(), &log).0;
        until("it goes on", || (gateway.metric(&cosigned(&key, "ok")) > before).then_some(()));
    }
    let size = published(&gateway, 0).1.size();
    until_witnessed(&gateway, &log, &key, size);
    assert!(gateway.metric(&contradicts(&key)) < 0.5, "{}", gateway.log());
}

#[test]
fn a_witness_that_is_down_slow_or_lying_is_told_clearly_and_keeps_no_other_from_cosigning() {
    const FAKE: &str = "fake.test/witness";
    let (one, two) = (Company::new("one.test"), Company::new("two.test"));
    let log = one.log_key();
    let (_witness, address, key) = two.witness("127.0.0.1:0", &log);
    let fake_key = interdict::merkle::SigningKey::generate().unwrap();
    let name = interdict::merkle::KeyName::new(FAKE).unwrap();
    let fake_key = fake_key.verifier(name, interdict::merkle::KeyKind::Cosignature);
    let false_line = {
        use base64::Engine as _;
        let mut bytes = fake_key.id().to_be_bytes().to_vec();
        bytes.extend([0, 0, 0, 0, 0x67, 0, 0, 0]);
        bytes.extend([9; 64]);
        let base64 = base64::engine::general_purpose::STANDARD.encode(bytes);
        format!("\u{2014} {FAKE} {base64}\n")
    };
    let http = |status: &str, body: &str| {
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/x.tlog.size\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    for (answer, says, alarm) in [
        (http("404 Not Found", "who?\n"), "it does not watch this log", false),
        (http("403 Forbidden", "no\n"), "it takes no signature of this log's key", false),
        (http("422 Unprocessable", "the proof\n"), "does not continue the one", true),
        (http("409 Conflict", "999999\n"), "has cosigned a tree of 999999 records", true),
        (http("409 Conflict", "many\n"), "it answered 409, which means nothing here", false),
        (http("500 Broken", "\n"), "it answered 500", false),
        (http("200 OK", "hello\n"), "no cosignature of its key", false),
        (http("200 OK", &false_line), "its cosignature is false", false),
        (String::new(), "no answer", false),
    ] {
        let fake = if answer.is_empty() {
            Recorder::with(|_, _| false)
        } else {
            Recorder::answering(answer.clone())
        };
        let gateway = one.gateway(&[(fake.address, &fake_key.to_string()), (address, &key)]);
        until(says, || gateway.log().contains(says).then_some(()));
        let records = u64::try_from(ids(&one.ledger()).len()).unwrap();
        order(&gateway);
        until_witnessed(&gateway, &log, &key, records + 1);
        assert_eq!(gateway.metric(&contradicts(FAKE)) > 0.5, alarm, "{answer}");
        assert!(gateway.metric(&cosigned(FAKE, "failed")) >= 1.0);
        assert!(gateway.metric(&cosigned(FAKE, "ok")) < 0.5);
        let told = gateway.log().matches("the witness does not cosign").count();
        assert!(told <= 1, "once, not each round: {}", gateway.log());
    }
}

#[test]
fn a_witness_answers_over_http_with_the_statuses_of_the_specification() {
    let (one, two) = (Company::new("one.test"), Company::new("two.test"));
    let log = one.log_key();
    let note = fs::read_to_string(one.ledger().join("checkpoint")).unwrap();
    let (mut witness, address, key) = two.witness("127.0.0.1:0", &log);
    let post = |body: &str| Request::new("POST", "/add-checkpoint").body(body).send(address);
    let first = post(&format!("old 0\n\n{note}"));
    assert_eq!(first.status, 200, "{}", first.text());
    assert!(first.text().starts_with("\u{2014} two.test/witness "));
    let conflict = post(&format!("old 7\n\n{}", note.replacen("\n1\n", "\n9\n", 1)));
    assert_eq!(conflict.status, 403, "the text was changed");
    assert_eq!(post("old 0\n").status, 400);
    assert_eq!(post(&format!("old 0\n\n{}", note.replace("one.test", "six.test"))).status, 404);
    assert_eq!(post(&"x".repeat(200_000)).status, 413);
    assert_eq!(Request::get("/add-checkpoint").send(address).status, 405);
    assert_eq!(Request::get(&format!("/{}/checkpoint", "0".repeat(64))).send(address).status, 404);

    let gateway = one.gateway(&[(address, &key)]);
    order(&gateway);
    let opened = until_witnessed(&gateway, &log, &key, 1);
    let conflict = post(&format!("old 0\n\n{}", opened.note));
    assert_eq!(conflict.status, 409);
    assert_eq!(conflict.header("content-type"), Some("text/x.tlog.size"));
    assert_eq!(conflict.text(), format!("{}\n", opened.checkpoint.size()));

    // One process at a time, and a key is not parted from its state.
    let busy = run(&mut two.witness_command("127.0.0.1:0", &log));
    assert_eq!(busy.code, Some(74), "{}", busy.stderr);
    assert_eq!(witness.terminate(), Some(0));
    fs::rename(two.folder.path().join("witness"), two.folder.path().join("gone")).unwrap();
    let parted = run(&mut two.witness_command("127.0.0.1:0", &log));
    assert_eq!(parted.code, Some(78));
    assert!(parted.stderr.contains("move the key away as well"), "{}", parted.stderr);
}

#[test]
fn a_wrong_witness_in_the_configuration_is_exit_78_with_key_line_and_what_to_do() {
    let upstream = Recorder::start();
    let log = "one.test/log+";
    let key = interdict::merkle::SigningKey::generate().unwrap();
    let name = interdict::merkle::KeyName::new("two.test/witness").unwrap();
    let good = key.verifier(name.clone(), interdict::merkle::KeyKind::Cosignature).to_string();
    let of_log = key.verifier(name, interdict::merkle::KeyKind::Ed25519).to_string();
    let table =
        |url: &str, key: &str| format!("[[ledger.witness]]\nurl = \"{url}\"\nkey = \"{key}\"\n");
    let fine = table("https://two.test/", &good);
    for (tables, says) in [
        (table("https://two.test/", log), "a verifier key is"),
        (table("https://two.test/", &of_log), "is a log's key"),
        (table("https://two.test/?a=b", &good), "has a query"),
        (table("two.test", &good), "is no address"),
        (format!("{fine}{fine}"), "already the name of another"),
        ("[[ledger.witness]]\n".to_owned(), "missing: write `url"),
        ("witness_interval = \"1ms\"\n".to_owned(), "must be between"),
    ] {
        let with = GatewayBuilder::new(upstream.address).with(&tables);
        let ended = run(interdict().args(["check", "--config"]).arg(with.write()));
        assert_eq!(ended.code, Some(78), "{tables}: {}", ended.stderr);
        assert!(ended.stderr.contains(says), "{says}: {}", ended.stderr);
    }
    let with = GatewayBuilder::new(upstream.address).with(&fine);
    let ended = run(interdict().args(["check", "--config"]).arg(with.write()));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("cosigned by two.test/witness"), "{}", ended.stderr);
}
