//! Creates that are sent twice, and bodies of every wrong kind.

use std::io::Write;
use std::net::Shutdown;
use std::path::Path;
use std::time::Instant;

use interdict::model::Role;
use serde_json::Value;
use serde_json::json;

use crate::support::Answer;
use crate::support::Console;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Recorder;
use crate::support::Request;
use crate::support::add_operator;
use crate::support::gateway::export_all;
use crate::support::http::connect;
use crate::support::http::raw;
use crate::support::until;

const OPERATORS: &str = "/admin/v1/operators";

fn gateway() -> Gateway {
    GatewayBuilder::new(Recorder::start().address)
        .operator("olga", &[Role::Administrator])
        .operator("oscar", &[Role::Administrator])
        .start()
}

fn new(name: &str) -> Value {
    json!({"name":name,"password":"four slow barges under the bridge","roles":["viewer"]})
}

fn create(console: &Console, key: &str, body: &Value) -> Request {
    console
        .request("POST", OPERATORS)
        .header("Idempotency-Key", key)
        .header("Content-Type", "application/json")
        .body(body.to_string())
}

/// How often an account was made, as the ledger tells.
fn made(ledger: &Path, name: &str) -> usize {
    let added =
        |record: &&Value| record["action"] == "operator.add" && record["change"]["name"] == name;
    export_all(ledger).iter().filter(added).count()
}

fn told(answer: &Answer) -> (u16, Option<String>, String) {
    (answer.status, answer.header("location").map(str::to_owned), answer.text())
}

#[test]
fn a_create_that_is_repeated_is_carried_out_once_and_answered_alike() {
    let gateway = gateway();
    let ledger = gateway.dir().join("ledger");
    let (olga, oscar) = (gateway.console("olga"), gateway.console("oscar"));
    let first = create(&olga, "k-1", &new("vera")).send(gateway.admin);
    assert_eq!(first.status, 201, "{}", first.text());
    assert_eq!(first.header("location"), Some("/admin/v1/operators/vera"));
    for _ in 0..3 {
        let again = create(&olga, "k-1", &new("vera")).send(gateway.admin);
        assert_eq!(told(&again), told(&first));
    }
    // Another session of the same person is the same person.
    let again = create(&gateway.console("olga"), "k-1", &new("vera")).send(gateway.admin);
    assert_eq!(told(&again), told(&first));
    assert_eq!(made(&ledger, "vera"), 1);
    for other in [new("victor"), json!({"name":"vera"}), json!({"name":"vera","roles":[]})] {
        let answer = create(&olga, "k-1", &other).send(gateway.admin);
        assert!(matches!(answer.status, 400 | 422), "{}", answer.text());
    }
    let other = create(&olga, "k-1", &new("victor")).send(gateway.admin);
    assert_eq!((other.status, &other.json()["type"]), (422, &"refused".into()));
    assert_eq!(made(&ledger, "victor"), 0);
    // A key is a person's own.
    let of_oscar = create(&oscar, "k-1", &new("victor")).send(gateway.admin);
    assert_eq!(of_oscar.status, 201, "{}", of_oscar.text());
    assert_eq!(made(&ledger, "victor"), 1);
    // What failed may be tried again under the same key.
    let taken = create(&olga, "k-2", &new("vera")).send(gateway.admin);
    assert_eq!(taken.status, 409, "{}", taken.text());
    let free = create(&olga, "k-2", &new("vito")).send(gateway.admin);
    assert_eq!(free.status, 201, "{}", free.text());
    for key in ["", &"k".repeat(256), "k\u{7f}x"] {
        let answer = create(&olga, key, &new("nobody")).send(gateway.admin);
        assert_eq!(answer.status, 400, "{key:?}: {}", answer.text());
    }
    let twice = create(&olga, "a", &new("nobody")).header("Idempotency-Key", "b");
    assert_eq!(twice.send(gateway.admin).status, 400);
}

#[test]
fn of_requests_side_by_side_one_is_carried_out() {
    let gateway = gateway();
    let olga = gateway.console("olga");
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let sent: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| create(&olga, "side", &new("vera")).send(gateway.admin)))
            .collect();
        sent.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let made_it = answers.iter().filter(|answer| answer.status == 201).count();
    let waits = answers.iter().filter(|answer| answer.status == 409).count();
    assert!(made_it >= 1 && made_it + waits == 8, "{answers:?}");
    assert!(waits >= 1, "while it is carried out a repeat is told so");
    assert_eq!(made(&gateway.dir().join("ledger"), "vera"), 1);
}

#[test]
fn a_client_that_goes_away_has_its_create_carried_out_to_the_end() {
    let gateway = gateway();
    let olga = gateway.console("olga");
    for round in 0..4 {
        let (name, key) = (format!("vera{round}"), format!("gone-{round}"));
        let stream = connect(gateway.admin);
        let bytes = create(&olga, &key, &new(&name)).bytes_for(gateway.admin);
        (&stream).write_all(&bytes).unwrap();
        // Reset rather than closed: the server sees an error at once.
        let socket = socket2::SockRef::from(&stream);
        socket.set_linger(Some(std::time::Duration::ZERO)).unwrap();
        drop(stream);
        until("the account", || {
            let answer = create(&olga, &key, &new(&name)).send(gateway.admin);
            assert!(matches!(answer.status, 201 | 409), "{}", answer.text());
            if answer.status == 409 {
                assert!(answer.text().contains("is being carried out"), "{}", answer.text());
            }
            (answer.status == 201).then_some(())
        });
        let records = export_all(&gateway.dir().join("ledger"));
        let added = |record: &&Value| {
            record["action"] == "operator.add" && record["change"]["name"] == name.as_str()
        };
        let added: Vec<_> = records.iter().filter(added).collect();
        assert_eq!(added.len(), 1, "{added:?}");
        assert_eq!(added[0]["actor"]["id"], "local:olga");
        assert_eq!(added[0]["actor"]["via"], "session");
    }
}

#[test]
fn an_answer_is_remembered_over_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("store");
    add_operator(&store, "olga", &[Role::Administrator]);
    let start = || {
        GatewayBuilder::new(Recorder::start().address)
            .ledger(&dir.path().join("ledger"))
            .with(&format!("[store]\ndir = \"{}\"", store.display()))
            .start()
    };
    let first = start();
    let answer = create(&first.console("olga"), "k", &new("vera")).send(first.admin);
    assert_eq!(answer.status, 201, "{}", answer.text());
    // What is remembered is on the disk within half a second; killed before, a repeat is carried out again and meets what is there.
    let tree = || std::fs::read_dir(store.join("control")).unwrap().count();
    assert!(tree() > 0);
    first.signal("TERM");
    let mut first = first;
    assert_eq!(first.wait(), Some(0));
    drop(first);
    let second = start();
    let again = create(&second.console("olga"), "k", &new("vera")).send(second.admin);
    assert_eq!(told(&again), told(&answer));
    let other = create(&second.console("olga"), "k", &new("victor")).send(second.admin);
    assert_eq!(other.status, 422, "{}", other.text());
    drop(second.kill());
    let third = start();
    let again = create(&third.console("olga"), "k2", &new("vera")).send(third.admin);
    assert_eq!(again.status, 409, "what was made is there after a kill");
    assert_eq!(made(&dir.path().join("ledger"), "vera"), 1);
}

#[test]
fn what_is_kept_of_a_request_tells_nothing_of_its_password() {
    let gateway = gateway();
    let olga = gateway.console("olga");
    let body = new("vera");
    assert_eq!(create(&olga, "a-key-of-its-own", &body).send(gateway.admin).status, 201);
    gateway.signal("TERM");
    let mut gateway = gateway;
    gateway.wait();
    let bare = sha256(format!("POST {OPERATORS}\n{body}").as_bytes());
    let mut seen = Vec::new();
    let mut folders = vec![gateway.dir().join("store")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(entry.path()),
                false => seen.extend(std::fs::read(entry.path()).unwrap()),
            }
        }
    }
    let holds = |what: &str| seen.windows(what.len()).any(|window| window == what.as_bytes());
    assert!(holds("/admin/v1/operators/vera"), "the answer is kept");
    assert!(!holds("four slow barges"), "no password");
    assert!(!holds(&bare), "nor a hash that passwords could be tried against");
    assert!(!holds("a-key-of-its-own"), "nor the key that it is hashed under");
}

fn sha256(bytes: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_body_that_is_no_strict_json_of_its_type_changes_nothing() {
    let gateway = gateway();
    let olga = gateway.console("olga");
    let send = |way: &str, body: &[u8]| {
        let request = olga.request("POST", OPERATORS);
        let request = if way.is_empty() { request } else { request.header("Content-Type", way) };
        request.body(body).send(gateway.admin)
    };
    let good = new("vera").to_string();
    for way in [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/xml",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
        "json",
    ] {
        let answer = send(way, good.as_bytes());
        assert_eq!((answer.status, &answer.json()["type"]), (415, &"media-type".into()), "{way}");
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let in_deep = good.replacen("[\"viewer\"]", &deep, 1);
    let invalid: &[u8] = b"{\"name\":\"vera\xff\",\"password\":\"four slow barges under the bridge\",\"roles\":[\"viewer\"]}";
    let twice = good.replacen('{', "{\"name\":\"victor\",", 1);
    let unknown = good.replacen('{', "{\"administrator\":true,", 1);
    for body in [
        b"".as_slice(),
        b"null",
        b"[]",
        b"{}",
        b"{",
        b"\xef\xbb\xbf{}",
        b"\"text\"",
        deep.as_bytes(),
        in_deep.as_bytes(),
        invalid,
        twice.as_bytes(),
        unknown.as_bytes(),
        format!("{good}{good}").as_bytes(),
        good.replace("\"viewer\"", "\"root\"").as_bytes(),
        good.replace("\"viewer\"", "7").as_bytes(),
        good.replace("[\"viewer\"]", "[]").as_bytes(),
        good.replace("\"vera\"", "\"../vera\"").as_bytes(),
        good.replace("\"vera\"", "\"vera\\u0000\"").as_bytes(),
    ] {
        let answer = send("application/json", body);
        let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
        assert_eq!(answer.status, 400, "{shown}: {}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{shown}");
        assert_eq!(answer.json()["status"], 400);
    }
    assert_eq!(olga.json(OPERATORS)["items"].as_array().unwrap().len(), 2);
}

#[test]
fn a_body_that_is_too_long_is_refused_and_a_strangers_much_sooner() {
    let gateway = gateway();
    let olga = gateway.console("olga");
    let long = format!("{{\"name\":\"{}\"}}", "a".repeat(17 << 20));
    let stream = connect(gateway.admin);
    let request = olga.request("POST", OPERATORS).header("Content-Type", "application/json");
    // It may be answered before all of it was sent.
    (&stream).write_all(&request.body(long).bytes_for(gateway.admin)).ok();
    let answer = Answer::read(&mut (&stream), false);
    assert!(matches!(answer.status, 413 | 0), "{}", answer.text());
    let login = |body: &str, chunked: bool| {
        let head = format!(
            "POST /admin/v1/session HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n",
            gateway.admin
        );
        let bytes = match chunked {
            true => format!(
                "{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
                body.len()
            ),
            false => format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()),
        };
        raw(gateway.admin, bytes.as_bytes())
    };
    let long = json!({"name":"olga","password":"x".repeat(17_000)}).to_string();
    for chunked in [false, true] {
        let answer = login(&long, chunked);
        assert_eq!(answer.status, 413, "chunked {chunked}: {}", answer.text());
        assert_eq!(answer.json()["type"], "too-large");
    }
    let form = Request::new("POST", "/sign-in")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(format!("name=olga&password={}", "x".repeat(17_000)));
    assert_eq!(form.send(gateway.admin).status, 413);
}

#[test]
fn a_strangers_body_that_comes_too_slowly_is_given_up() {
    let gateway = gateway();
    let began = Instant::now();
    let stream = connect(gateway.admin);
    let head = format!(
        "POST /admin/v1/session HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{{",
        gateway.admin
    );
    (&stream).write_all(head.as_bytes()).unwrap();
    let answer = Answer::read(&mut (&stream), false);
    assert!(matches!(answer.status, 408 | 0), "{}", answer.text());
    assert!(began.elapsed().as_secs() < 18, "{:?}", began.elapsed());
    stream.shutdown(Shutdown::Both).ok();
}
