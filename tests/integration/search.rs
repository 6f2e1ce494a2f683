//! Records are found beside the running gateway, after its death, and over HTTP by those who may.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::Ed25519KeyPair;
use aws_lc_rs::signature::KeyPair;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use serde_json::json;

use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::ORDERS_BY_ACCOUNT;
use crate::support::Recorder;
use crate::support::Request;
use crate::support::US;
use crate::support::gateway::export;
use crate::support::gateway::export_all;
use crate::support::interdict;
use crate::support::run;
use crate::support::until;

fn order(gateway: &Gateway, account: &str, from: &str) -> String {
    let country = if from == US { "US" } else { "DE" };
    let body = json!({"account": account, "country": country, "lines": [{"sku": "KL1047GDEFS"}]});
    let answer = Request::post("/api/orders", body.to_string()).from(from).send(gateway.address);
    answer.decision().unwrap_or_else(|| panic!("{}", answer.text())).1.to_owned()
}

fn search(ledger: &Path, criteria: &[&str]) -> Vec<Value> {
    let ended = run(interdict().args(["ledger", "search"]).arg(ledger).args(criteria));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Those of all records that a test picks, the newest first.
fn picked(ledger: &Path, picks: impl Fn(&Value) -> bool) -> Vec<Value> {
    export(ledger).into_iter().rev().filter(|record| picks(record)).collect()
}

#[test]
fn records_are_found_while_the_gateway_decides_and_after_it_is_killed() {
    let recorder = Recorder::start();
    let gateway = GatewayBuilder::new(recorder.address).routes(ORDERS_BY_ACCOUNT).start();
    let ledger = gateway.dir().join("ledger");
    let mut ids = Vec::new();
    for n in 0..24 {
        let from = if n % 3 == 0 { US } else { GERMAN };
        ids.push(order(&gateway, &format!("A-{}", n % 5), from));
    }
    let of_account = |record: &Value| record["evidence"]["account"] == "A-3";
    let blocked = |record: &Value| of_account(record) && record["decision"]["verdict"] == "block";
    let check = |ledger: &Path| {
        let expected = picked(ledger, of_account);
        assert!(expected.len() >= 5);
        assert_eq!(search(ledger, &["--account", "A-3"]), expected);
        let expected = picked(ledger, blocked);
        assert!(!expected.is_empty());
        let criteria = ["--account", "A-3", "--verdict", "block", "--country", "us"];
        assert_eq!(search(ledger, &criteria), expected);
        assert_eq!(search(ledger, &["--account", "A-3", "--limit", "2"]).len(), 2);
        assert_eq!(search(ledger, &["--id", &ids[7]])[0]["id"], ids[7].as_str());
        assert!(search(ledger, &["--account", "A-3", "--to", "2026-01-01"]).is_empty());
        assert!(search(ledger, &["--account", "nobody"]).is_empty());
    };
    check(&ledger);
    assert!(ledger.join("search.sock").exists());
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                order(&gateway, "A-9", GERMAN);
            }
        });
        for _ in 0..5 {
            check(&ledger);
        }
        stop.store(true, Ordering::Relaxed);
    });
    until("all records in the index", || {
        let indexed = gateway.metric("interdict_ledger_indexed_records");
        let all = export_all(&ledger);
        (usize::try_from(indexed as i64).unwrap() == all.len()).then_some(())
    });
    assert_eq!(search(&ledger, &["--account", "A-9"]), {
        let mut expected = picked(&ledger, |record| record["evidence"]["account"] == "A-9");
        expected.truncate(100);
        expected
    });
    let dir = gateway.kill();
    check(&dir.path().join("ledger"));
    let empty = tempfile::tempdir().unwrap();
    let ended = run(interdict().args(["ledger", "search"]).arg(empty.path()));
    assert_eq!(ended.code, Some(65), "{}", ended.stderr);
}

#[test]
fn over_http_only_bearers_with_the_permission_find_records() {
    let recorder = Recorder::start();
    let gateway = GatewayBuilder::new(recorder.address).routes(ORDERS_BY_ACCOUNT).start();
    let get = |gateway: &Gateway, query: &str, token: Option<&str>| {
        let mut request = Request::get(&format!("/admin/v1/records{query}"));
        if let Some(token) = token {
            request = request.header("Authorization", &format!("Bearer {token}"));
        }
        request.send(gateway.admin)
    };
    assert_eq!(get(&gateway, "", Some("a.b.c")).status, 401, "without [identity] no token is good");
    drop(gateway);

    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let key = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
    let b64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let jwks = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "ed", "alg": "EdDSA",
        "use": "sig", "x": b64(key.public_key().as_ref())}]});
    let token = |sub: &str| {
        let now = jiff::Timestamp::now().as_second();
        let claims = json!({"iss": "https://shop.example", "aud": "interdict", "sub": sub,
            "exp": now + 600, "iat": now});
        let header = br#"{"alg":"EdDSA","kid":"ed","typ":"JWT"}"#;
        let signed = format!("{}.{}", b64(header), b64(claims.to_string().as_bytes()));
        let signature = key.sign(signed.as_bytes());
        format!("{signed}.{}", b64(signature.as_ref()))
    };
    let gateway = GatewayBuilder::new(recorder.address)
        .routes(ORDERS_BY_ACCOUNT)
        .with(
            "[identity]\njwks = \"jwks.json\"\nissuer = \"https://shop.example\"\naudience = \"interdict\"\n\
             algorithms = [\"EdDSA\"]\nclaims = { account = \"/sub\" }\n\
             permissions = { \"auditor\" = [\"audit\"], \"erp\" = [\"decide\", \"as_of\", \"evidence\"] }\n",
        )
        .file("jwks.json", jwks.to_string())
        .start();
    for n in 0..7 {
        order(&gateway, &format!("A-{}", n % 2), GERMAN);
    }
    // Each order leaves its decision, and the outcome of that, which nobody waits for.
    let ledger = gateway.dir().join("ledger");
    let of_orders = |record: &Value| record["kind"] == "decision" || record["kind"] == "outcome";
    let count = || export_all(&ledger).iter().filter(|record| of_orders(record)).count();
    until("all outcomes", || (count() == 14).then_some(()));
    let refused = get(&gateway, "?account=A-1", None);
    assert_eq!((refused.status, refused.header("www-authenticate")), (401, Some("Bearer")));
    assert_eq!(get(&gateway, "?account=A-1", Some("a.b.c")).status, 401);
    let other = get(&gateway, "?account=A-1", Some(&token("erp")));
    assert_eq!(other.status, 403);
    assert!(!other.text().contains("A-1"));
    let auditor = token("auditor");
    assert_eq!(get(&gateway, "?acount=A-1", Some(&auditor)).status, 400, "an unknown criterion");
    let found = get(&gateway, "?account=A-1&limit=2", Some(&auditor));
    assert_eq!(found.status, 200, "{}", found.text());
    assert_eq!(found.header("cache-control"), Some("no-store"));
    let expected = picked(&ledger, |record| record["evidence"]["account"] == "A-1");
    assert_eq!(expected.len(), 3);
    let found = found.json();
    assert_eq!(found["records"], json!(expected[..2]));
    assert_eq!(found["index"]["records"], 16, "policies of the start and the search are records");
    let older = format!("?account=A-1&before={}", found["next"]);
    let older = get(&gateway, &older, Some(&auditor)).json();
    assert_eq!((&older["records"], &older["next"]), (&json!(expected[2..]), &Value::Null));
}
