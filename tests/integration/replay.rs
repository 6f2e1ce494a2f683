//! What was decided can be decided again: by the same policies the same, by others what they say, and never by a guess.

use std::fs;
use std::path::Path;

use aws_lc_rs::signature::Ed25519KeyPair;
use aws_lc_rs::signature::KeyPair;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use serde_json::json;

use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Recorder;
use crate::support::Request;
use crate::support::US;
use crate::support::interdict;
use crate::support::run;

const IDENTITY: &str = r#"
[identity]
jwks = "jwks.json"
issuer = "https://shop.example"
audience = "interdict"
algorithms = ["EdDSA"]
permissions = { "erp" = ["decide", "as_of", "evidence"] }
[policies]
dir = "policies"
"#;

/// A caller who may give instants and geo answers, and the key set that vouches for it.
fn caller() -> (String, String) {
    let key = Ed25519KeyPair::generate().unwrap();
    let b64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let public = b64(key.public_key().as_ref());
    let keys = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": public}]});
    let claims = json!({"iss": "https://shop.example", "aud": "interdict", "sub": "erp",
        "exp": jiff::Timestamp::now().as_second() + 600});
    let header = json!({"alg": "EdDSA", "kid": "k", "typ": "JWT"});
    let signed =
        format!("{}.{}", b64(header.to_string().as_bytes()), b64(claims.to_string().as_bytes()));
    let token = format!("{signed}.{}", b64(key.sign(signed.as_bytes()).as_ref()));
    (token, keys.to_string())
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The shipped policies and the examples beside them, in one folder.
fn with_policies(mut builder: GatewayBuilder) -> GatewayBuilder {
    for folder in ["policies", "policies/examples"] {
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                let name = format!("policies/{}", path.file_name().unwrap().to_string_lossy());
                builder = builder.file(&name, fs::read(&path).unwrap());
            }
        }
    }
    builder
}

/// All that the contract's cases judge, one JSON document a line.
fn cases() -> String {
    let mut lines = String::new();
    for name in ["decisions.jsonl", "more.jsonl", "other_regimes.jsonl"] {
        let text = fs::read_to_string(root().join("tests/contract/cases").join(name)).unwrap();
        for line in text.lines() {
            let case: Value = serde_json::from_str(line).unwrap();
            if let Some(transaction) = case.get("transaction") {
                lines.push_str(&format!("{transaction}\n"));
            }
        }
    }
    lines
}

fn replay(gateway: &Gateway, policies: &Path, more: &[&str]) -> (Vec<Value>, String) {
    let ledger = gateway.dir().join("ledger");
    let mut command = interdict();
    command.args(["policy", "replay", "--output", "json", "--policies"]).arg(policies);
    let ended = run(command.args(more).arg(ledger));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let lines = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (lines, ended.stderr)
}

#[test]
fn every_case_of_the_contract_is_decided_again_as_it_was_recorded() {
    let (token, keys) = caller();
    let upstream = Recorder::start();
    let builder = GatewayBuilder::new(upstream.address).with(IDENTITY).file("jwks.json", keys);
    let gateway = with_policies(builder).start();
    let mut decided = 0;
    for batch in cases().lines().collect::<Vec<_>>().chunks(200) {
        let answer = Request::post("/v1/decide/batch", format!("{}\n", batch.join("\n")))
            .header("authorization", &format!("Bearer {token}"))
            .send(gateway.address);
        assert_eq!(answer.status, 200, "{}", answer.text());
        decided += answer.text().lines().filter(|line| line.contains("\"verdict\"")).count();
    }
    assert!(decided > 400, "{decided}");
    let (listed, summary) = replay(&gateway, &gateway.dir().join("policies"), &[]);
    assert_eq!(listed, Vec::<Value>::new(), "{summary}");
    assert!(
        summary.contains(&format!("0 changed, {decided} unchanged, 0 not replayable")),
        "{summary}"
    );
}

#[test]
fn under_other_policies_every_changed_verdict_is_listed_with_both_reasons() {
    let upstream = Recorder::start();
    let gateway = with_policies(
        GatewayBuilder::new(upstream.address).with("[policies]\ndir = \"policies\"\n"),
    )
    .start();
    let update = |client: &str| {
        let answer = Request::get("/mirror/index/u1313g.xml").from(client).send(gateway.address);
        answer.decision().unwrap().1.to_owned()
    };
    let (us, german) = (update(US), update(GERMAN));
    let candidate = tempfile::tempdir().unwrap();
    let name = "us-commerce-kaspersky.toml";
    let text = fs::read_to_string(gateway.dir().join("policies").join(name)).unwrap();
    let (before, updates) = text.split_at(text.find("id        = \"signature-updates\"").unwrap());
    let switched = format!("{before}{}", updates.replacen("= \"block\"", "= \"review\"", 1));
    assert_ne!(switched, text, "the candidate differs");
    fs::write(candidate.path().join(name), switched).unwrap();
    let (listed, summary) = replay(&gateway, candidate.path(), &["--all"]);
    let find = |id: &str| listed.iter().find(|line| line["id"] == *id).unwrap();
    let changed = find(&us);
    assert_eq!(changed["outcome"], "changed", "{summary}");
    assert_eq!(
        (&changed["old"]["verdict"], &changed["new"]["verdict"]),
        (&"block".into(), &"review".into())
    );
    for side in ["old", "new"] {
        assert!(changed[side]["reason"].as_str().unwrap().len() > 10, "{changed}");
    }
    assert_eq!(find(&german)["outcome"], "unchanged");
}

#[test]
fn a_record_that_does_not_say_what_was_judged_is_not_replayable_and_says_why() {
    let upstream = Recorder::start();
    let gateway = Gateway::start(upstream.address);
    let code = "ABCDE-12345-FGHIJ-67890";
    let body = json!({"action": "resale", "items": [{"sku": "KL1047GDEFS", "name": format!("Kaspersky {code}")}],
        "buyer": {"billing_country": "DE", "ip": GERMAN}});
    let answer = Request::post("/v1/decide", body.to_string()).send(gateway.address);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let (listed, summary) = replay(&gateway, &root().join("policies"), &[]);
    assert_eq!(listed.len(), 1, "{summary}");
    assert_eq!(listed[0]["outcome"], "not_replayable");
    assert!(listed[0]["reason"].as_str().unwrap().contains("items.0.name"), "{}", listed[0]);
}

#[test]
fn a_folder_without_a_ledger_is_65_and_a_broken_policy_says_where() {
    let folder = tempfile::tempdir().unwrap();
    let ended =
        run(interdict().args(["policy", "replay", "--policies", "policies"]).arg(folder.path()));
    assert_eq!(ended.code, Some(65), "{}", ended.stderr);
    assert!(ended.stderr.contains("holds no ledger"), "{}", ended.stderr);
    fs::write(folder.path().join("p.toml"), "id = ").unwrap();
    let ended = run(interdict()
        .args(["policy", "replay", "--policies"])
        .arg(folder.path())
        .arg(folder.path()));
    assert_eq!(ended.code, Some(65), "{}", ended.stderr);
}
