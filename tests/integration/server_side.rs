//! What never passes a proxy: the samples of deploy/server-side, run by a real PHP and a real shell against the real gateway.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;

use serde_json::Value;

use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Program;
use crate::support::Recorder;
use crate::support::Request;
use crate::support::US;
use crate::support::VPN;
use crate::support::run;
use crate::support::until;

const GARBAGE: [&str; 8] = [
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n{\"verdict\":\"allow\"}",
    "HTTP/1.1 200 OK\r\nContent-Length: 28\r\n\r\n{\"id\":\"0\",\"verdict\":\"Allow\"} ",
    "HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n{\"id\":\"0\",\"items\":[{\"verdict\":\"allow\"}]} ",
    "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 28\r\n\r\n{\"id\":\"0\",\"verdict\":\"allow\"} ",
    "HTTP/1.1 503 Later\r\nContent-Length: 28\r\n\r\n{\"id\":\"0\",\"verdict\":\"allow\"} ",
    "HTTP/1.1 404 Not\r\nContent-Length: 0\r\n\r\n",
    "nonsense\r\n\r\n",
];

/// Runs an order or a renewal through the sample; what became of it.
fn shop(url: &str, words: &[&str]) -> Value {
    let ended =
        run(Command::new("php").arg("tests/php/shop.php").args(words).env("INTERDICT_URL", url));
    assert_eq!(ended.code, Some(0), "{}{}", ended.stderr, ended.stdout);
    serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{}", ended.stdout))
}

fn url(gateway: &Gateway) -> String {
    format!("http://{}/v1/decide", gateway.address)
}

#[test]
fn a_renewal_is_charged_cancelled_or_held_as_the_gateway_decides() {
    let gateway = Gateway::start(Recorder::start().address);
    for (country, ip, via, status, charged) in [
        ("DE", GERMAN, "checkout", "processing", true),
        ("DE", GERMAN, "store-api", "processing", true),
        ("US", GERMAN, "checkout", "cancelled", false),
        ("DE", VPN, "checkout", "on-hold", false),
        // Nobody knows from where it was ordered: a German address alone is not enough.
        ("DE", "", "checkout", "on-hold", false),
        ("DE", GERMAN, "admin", "on-hold", false),
        ("", GERMAN, "checkout", "on-hold", false),
    ] {
        let told = shop(&url(&gateway), &["renewal", country, ip, via]);
        assert_eq!(
            (&told["status"], &told["charged"]),
            (&status.into(), &charged.into()),
            "{country} {ip} {via}"
        );
        let decision = told["decision"].as_str().unwrap();
        assert_eq!(gateway.record(decision)["action"], "resale");
        if !charged {
            assert!(told["notes"][0].as_str().unwrap().contains(decision), "{told}");
        }
    }
}

#[test]
fn an_order_of_whatever_origin_is_judged_before_it_is_fulfilled() {
    let gateway = Gateway::start(Recorder::start().address);
    for (country, ip, via, status) in [
        ("DE", GERMAN, "checkout", "processing"),
        ("US", US, "checkout", "cancelled"),
        ("US", "", "admin", "cancelled"),
        ("DE", "", "rest-api", "on-hold"),
    ] {
        let told = shop(&url(&gateway), &["order", country, ip, via]);
        assert_eq!(told["status"], status, "{country} {ip} {via}");
    }
    let released = shop(&url(&gateway), &["order", "DE", "", "admin", "release"]);
    assert_eq!(released["status"], "processing", "a person has looked at it");
    let guessed = shop(&url(&gateway), &["order", "DE", "", "admin", "another"]);
    assert_eq!(guessed["status"], "on-hold");
}

#[test]
fn no_answer_and_no_readable_answer_hold() {
    for answer in GARBAGE {
        let recorder = Recorder::with(move |_, stream| {
            stream.write_all(answer.as_bytes()).ok();
            false
        });
        let url = format!("http://{}/v1/decide", recorder.address);
        for what in ["renewal", "order"] {
            let told = shop(&url, &[what, "DE", GERMAN, "checkout"]);
            assert_eq!(
                (&told["status"], &told["charged"]),
                (&"on-hold".into(), &false.into()),
                "{answer}"
            );
        }
        assert_eq!(decide(&url, &transaction("DE", GERMAN)).0, Some(75), "{answer}");
    }
    let dead = "http://127.0.0.1:1/v1/decide";
    assert_eq!(shop(dead, &["renewal", "DE", GERMAN, "checkout"])["status"], "on-hold");
    assert_eq!(decide(dead, &transaction("DE", GERMAN)).0, Some(75));
    let silent = Recorder::with(|_, _| {
        std::thread::park();
        false
    });
    let silent = format!("http://{}/v1/decide", silent.address);
    assert_eq!(shop(&silent, &["order", "DE", GERMAN, "checkout"])["status"], "on-hold");
}

fn transaction(country: &str, ip: &str) -> String {
    format!(
        r#"{{"action":"resale","items":[{{"sku":"KL1047GDEFS"}},{{"name":"Desk lamp","vendor":"Lumen"}}],"buyer":{{"billing_country":"{country}","ip":"{ip}"}}}}"#
    )
}

fn decide(url: &str, transaction: &str) -> (Option<i32>, String) {
    let mut child = Command::new("sh")
        .arg("deploy/server-side/decide.sh")
        .env("INTERDICT_URL", url)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(transaction.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn the_script_goes_on_refuses_or_holds_and_names_the_decision() {
    let gateway = Gateway::start(Recorder::start().address);
    for (country, ip, code, verdict) in [
        ("DE", GERMAN, 0, "allow"),
        ("US", GERMAN, 1, "block"),
        ("DE", VPN, 75, "review"),
        ("DE", "", 75, "review"),
    ] {
        let (ended, said) = decide(&url(&gateway), &transaction(country, ip));
        assert_eq!(ended, Some(code), "{country} {ip}: {said}");
        let (told, id) = said.trim().split_once(' ').unwrap();
        assert_eq!((told, &gateway.record(id)["decision"]["verdict"]), (verdict, &verdict.into()));
    }
    assert_eq!(decide(&url(&gateway), "{").0, Some(75), "a bad transaction is not delivered");
}

#[test]
fn the_sample_receiver_keeps_a_hold_and_takes_none_that_is_not_signed() {
    let dir = tempfile::tempdir().unwrap();
    let holds = dir.path().join("holds");
    fs::create_dir(&holds).unwrap();
    let key = dir.path().join("key.txt");
    fs::write(&key, "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n").unwrap();
    let mut php = Program::start(
        Command::new("php")
            .args(["-S", "127.0.0.1:0", "deploy/server-side/webhook.php"])
            .env("NOTIFY_KEY", &key)
            .env("HOLDS", &holds),
    );
    php.says("http://127.0.0.1:");
    let heard = php.heard();
    let port = heard.split("http://127.0.0.1:").nth(1).unwrap().split(')').next().unwrap();
    let receiver: std::net::SocketAddr = format!("127.0.0.1:{port}").parse().unwrap();
    let forged = Request::post("/", r#"{"type":"decision.block","data":{"id":"x"}}"#)
        .header("webhook-id", "x")
        .header("webhook-timestamp", &jiff::Timestamp::now().as_second().to_string())
        .header("webhook-signature", "v1,AAAA");
    assert_eq!(forged.send(receiver).status, 401);
    let notify = format!("[notify]\nurl = \"http://{receiver}/\"\nkey = \"{}\"", key.display());
    let gateway = GatewayBuilder::new(Recorder::start().address).with(&notify).start();
    let (_, said) = decide(&url(&gateway), &transaction("US", US));
    let id = said.trim().split_once(' ').unwrap().1.to_owned();
    let held = holds.join(format!("{id}.json"));
    let document: Value = until("the hold", || serde_json::from_slice(&fs::read(&held).ok()?).ok());
    assert_eq!(
        (&document["type"], &document["data"]["id"]),
        (&"decision.block".into(), &id.as_str().into())
    );
    assert_eq!(fs::read_dir(&holds).unwrap().count(), 1, "{}", Path::new(&holds).display());
}
