//! The log that anybody can read, and what a record's proof and an export hold.

use std::fs;
use std::path::Path;

use aws_lc_rs::signature::Ed25519KeyPair;
use aws_lc_rs::signature::KeyPair;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use serde_json::json;
use sha2::Digest as _;
use sha2::Sha256;

use interdict::merkle::Checkpoint;
use interdict::merkle::Frontier;
use interdict::merkle::Hash;
use interdict::merkle::TlogProof;
use interdict::merkle::VerifierKey;
use interdict::merkle::verify_inclusion;

use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Recorder;
use crate::support::Request;
use crate::support::US;
use crate::support::interdict;
use crate::support::run;
use crate::support::until;

/// Sends an order and returns the decision's id.
pub(crate) fn order(gateway: &Gateway) -> String {
    let order = r#"{"billing":{"country":"US"},"email":"jane@private.example","lines":[{"sku":"KL1047GDEFS","title":"Kaspersky Premium","vendor":"Kaspersky"}]}"#;
    let answer = Request::post("/api/orders", order).from(US).send(gateway.address);
    answer.decision().unwrap().1.to_owned()
}

/// The log's key, and its last checkpoint, verified.
pub(crate) fn checkpoint(gateway: &Gateway) -> Option<(VerifierKey, Checkpoint)> {
    let key = Request::get("/log/ledger.pub").send(gateway.address);
    let key: VerifierKey = key.text().trim_end().parse().unwrap();
    let note = Request::get("/log/checkpoint").send(gateway.address);
    if note.status == 404 {
        return None;
    }
    let keys = [key.clone()];
    let opened = Checkpoint::open(&note.text(), key.name().as_str(), &keys, &[]).unwrap();
    Some((key, opened.checkpoint))
}

pub(crate) fn published(gateway: &Gateway, records: u64) -> (VerifierKey, Checkpoint) {
    until("the checkpoint", || {
        checkpoint(gateway).filter(|(_, checkpoint)| checkpoint.size() >= records)
    })
}

/// A gateway that records each of many refusals by itself.
fn unlimited(upstream: std::net::SocketAddr) -> Gateway {
    GatewayBuilder::new(upstream).with("refusals_per_minute = 1000000\n").start()
}

fn root_of<'a>(leaves: impl Iterator<Item = &'a [u8]>) -> Hash {
    let mut tree = Frontier::new();
    leaves.for_each(|leaf| tree.push(Hash(leaf.try_into().unwrap()), |_, _| ()));
    tree.root()
}

#[test]
fn tlog_tiles_the_published_tiles_lead_to_the_signed_root_and_say_how_long_they_hold() {
    let upstream = Recorder::start();
    let gateway = unlimited(upstream.address);
    // A decision and its outcome each.
    for _ in 0..140 {
        order(&gateway);
    }
    let (_, checkpoint) = published(&gateway, 280);
    let size = checkpoint.size();
    let get = |path: &str| Request::get(path).send(gateway.address);
    let (full, rest) = (get("/log/tile/0/000"), get(&format!("/log/tile/0/001.p/{}", size - 256)));
    assert_eq!(
        (full.body.len(), rest.body.len()),
        (8192, usize::try_from(size - 256).unwrap() * 32)
    );
    let leaves = full.body.chunks(32).chain(rest.body.chunks(32));
    assert_eq!(root_of(leaves), *checkpoint.root());
    assert_eq!(get("/log/tile/1/000.p/1").body, root_of(full.body.chunks(32)).0);
    for tile in [&full, &rest] {
        assert_eq!(tile.header("content-type"), Some("application/octet-stream"));
        let caching = tile.header("cache-control");
        assert_eq!(caching, Some("public, max-age=31536000, immutable"));
    }
    // Any partial tile that is covered, of whatever size it was; nothing beyond.
    assert_eq!(get("/log/tile/0/000.p/7").body, full.body[..7 * 32]);
    for beyond in [
        &format!("/log/tile/0/001.p/{}", size - 255),
        "/log/tile/0/001",
        "/log/tile/1/000",
        "/log/tile/1/000.p/2",
        "/log/tile/2/000.p/1",
        "/log/tile/63/000.p/1",
        "/log/checkpoint.witnessed",
    ] {
        let answer = get(beyond);
        assert_eq!(answer.status, 404, "{beyond}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{beyond}");
    }

    let note = get("/log/checkpoint");
    assert_eq!(note.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(note.header("cache-control"), Some("no-cache"));
    let tag = note.header("etag").unwrap().to_owned();
    let same = Request::get("/log/checkpoint").header("If-None-Match", &tag).send(gateway.address);
    assert_eq!((same.status, same.body.len()), (304, 0));
    order(&gateway);
    published(&gateway, size + 1);
    let newer = Request::get("/log/checkpoint").header("If-None-Match", &tag).send(gateway.address);
    assert_eq!(newer.status, 200);

    let head = Request::new("HEAD", "/log/tile/0/000").send(gateway.address);
    assert_eq!((head.status, head.header("content-length")), (200, Some("8192")));
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let answer = Request::new(method, "/log/checkpoint").body("").send(gateway.address);
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")), "{method}");
    }
    let counted = "interdict_log_requests_total{resource=\"checkpoint\",status=\"405\"}";
    assert!((gateway.metric(counted) - 4.0).abs() < 0.1);
    assert!(
        gateway.metric("interdict_log_requests_total{resource=\"tile\",status=\"200\"}") >= 5.0
    );
    assert_eq!(upstream.seen().len(), 0, "nothing of it went to the upstream");
    let recorded = Value::from(gateway.records()).to_string();
    assert!(!recorded.contains("/log/"), "nothing of it was recorded");
}

#[test]
fn another_spelling_of_the_log_is_neither_the_log_nor_the_upstreams() {
    let upstream = Recorder::start();
    let gateway = Gateway::start(upstream.address);
    order(&gateway);
    published(&gateway, 1);
    for spelling in [
        "/log",
        "/log/",
        "//log/checkpoint",
        "/log//checkpoint",
        "/LOG/checkpoint",
        "/log/Checkpoint",
        "/log/checkpoint/",
        "/log/checkpoint?x=1",
        "/log/checkpoint.",
        "/%6cog/checkpoint",
        "/log%2fcheckpoint",
        "/log/%63heckpoint",
        "/log/%2563heckpoint",
        "/x/../log/checkpoint",
        "/log/../log/checkpoint",
        "/log/..%2flog/checkpoint",
        "/log/tile/0/0.p/1",
        "/log/tile/0/000.p/01",
        "/log/tile/0/x000/000.p/1",
        "/log/tile/entries/000.p/1",
        "/log\\checkpoint",
    ] {
        let answer = Request::get(spelling).from(GERMAN).send(gateway.address);
        assert!(matches!(answer.status, 400 | 404), "{spelling}: {}", answer.status);
    }
    assert_eq!(upstream.seen().len(), 0);
    // What only begins like it is an ordinary path.
    for other in ["/login", "/logs/checkpoint", "/x/log/checkpoint"] {
        assert_eq!(Request::get(other).from(GERMAN).send(gateway.address).status, 201, "{other}");
    }
    assert_eq!(upstream.seen().len(), 3);
}

const IDENTITY: &str = r#"
[identity]
jwks = "jwks.json"
issuer = "https://shop.example"
audience = "interdict"
algorithms = ["EdDSA"]
permissions = { "auditor" = ["audit"], "erp" = ["decide", "as_of", "evidence"] }
"#;

fn token(key: &Ed25519KeyPair, subject: &str) -> String {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let ends = jiff::Timestamp::now().as_second() + 600;
    let claims = json!({"iss":"https://shop.example","aud":"interdict","sub":subject,"exp":ends});
    let signed = format!("{}.{}", part(json!({"alg":"EdDSA","kid":"k"})), part(claims));
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes())))
}

#[test]
fn entries_are_for_bearers_with_the_permission_audit_and_not_there_for_others() {
    let upstream = Recorder::start();
    let key = Ed25519KeyPair::generate().unwrap();
    let x = URL_SAFE_NO_PAD.encode(key.public_key());
    let jwks =
        json!({"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","alg":"EdDSA","use":"sig","x":x}]});
    let gateway = GatewayBuilder::new(upstream.address)
        .with(IDENTITY)
        .file("jwks.json", jwks.to_string())
        .start();
    for _ in 0..3 {
        order(&gateway);
    }
    let (_, checkpoint) = published(&gateway, 6);
    let path = format!("/log/tile/entries/000.p/{}", checkpoint.size());
    let get = |subject: &str, client: &str| {
        let authorization = format!("Bearer {}", token(&key, subject));
        Request::get(&path).from(client).header("Authorization", &authorization)
    };
    let bundle = get("auditor", GERMAN).send(gateway.address);
    assert_eq!(bundle.status, 200);
    assert_eq!(bundle.header("cache-control"), Some("private, max-age=31536000, immutable"));
    let envelopes = entries(&bundle.body);
    let leaves: Vec<Hash> = envelopes.iter().map(|envelope| Hash::leaf(envelope)).collect();
    assert_eq!(root_of(leaves.iter().map(|leaf| &leaf.0[..])), *checkpoint.root());
    let packed = get("auditor", GERMAN).header("Accept-Encoding", "br, gzip").send(gateway.address);
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert!(packed.body.starts_with(&[0x1f, 0x8b]) && packed.body.len() < bundle.body.len());
    for (request, status) in [
        (get("erp", GERMAN), 404),
        (get("nobody", "127.0.0.1"), 404),
        (Request::get(&path).from(GERMAN), 404),
        (Request::get(&path).from("127.0.0.1"), 404),
        (Request::get(&path).from(GERMAN).header("Authorization", "Bearer a.b.c"), 404),
        (Request::get(&path).from("127.0.0.1").header("Authorization", "Bearer a.b.c"), 401),
    ] {
        let answer = request.send(gateway.address);
        assert_eq!(answer.status, status, "{request:?}");
        assert!(!answer.text().contains("verdict"));
    }
}

/// The entries of a bundle.
fn entries(mut bundle: &[u8]) -> Vec<Vec<u8>> {
    let mut entries = Vec::new();
    while let Some((length, rest)) = bundle.split_first_chunk::<2>() {
        let (entry, rest) = rest.split_at(u16::from_be_bytes(*length).into());
        entries.push(entry.to_vec());
        bundle = rest;
    }
    entries
}

fn part(extra: &Value, name: &str) -> Vec<u8> {
    STANDARD.decode(extra[name].as_str().unwrap_or_else(|| panic!("no {name}: {extra}"))).unwrap()
}

fn hash(part: &[u8]) -> String {
    STANDARD.encode(Sha256::digest(part))
}

#[test]
fn a_proof_of_a_decision_just_made_verifies_with_nothing_else() {
    let upstream = Recorder::start();
    let gateway = Gateway::start(upstream.address);
    let earlier = order(&gateway);
    for _ in 0..40 {
        order(&gateway);
    }
    let just_made = order(&gateway);
    let ledger = gateway.dir().join("ledger");
    for (id, swapped) in [(&just_made, false), (&earlier, true)] {
        let (id_word, dir_word) = (Path::new(id), ledger.as_path());
        let words = if swapped { [id_word, dir_word] } else { [dir_word, id_word] };
        let ended = run(interdict().args(["ledger", "prove"]).args(words));
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let proof: TlogProof = ended.stdout.parse().unwrap();
        let (key, _) = checkpoint(&gateway).unwrap();
        let keys = [key.clone()];
        let note = proof.checkpoint.to_string();
        let signed = Checkpoint::open(&note, key.name().as_str(), &keys, &[]).unwrap().checkpoint;
        let extra: Value = serde_json::from_slice(&proof.extra).unwrap();
        let envelope = part(&extra, "envelope");
        let leaf = Hash::leaf(&envelope);
        verify_inclusion(proof.index, signed.size(), &leaf, &proof.hashes, signed.root()).unwrap();
        let envelope: Value = serde_json::from_slice(&envelope).unwrap();
        assert_eq!(envelope["id"], **id);
        assert_eq!(envelope["evidence"], hash(&part(&extra, "document")));
        let personal = extra.get("personal").map(|_| hash(&part(&extra, "personal")));
        assert_eq!(envelope.get("personal").and_then(Value::as_str), personal.as_deref());
    }

    let file = gateway.dir().join("decision.tlog-proof");
    let ended = run(interdict()
        .args(["ledger", "prove", "--without-personal", "--out"])
        .arg(&file)
        .arg(&ledger)
        .arg(&earlier));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let proof: TlogProof = fs::read_to_string(&file).unwrap().parse().unwrap();
    // The verifier that shares nothing with the writer.
    let key = ledger.join("ledger.pub");
    let audited =
        run(interdict().args(["ledger", "verify", "--proof"]).arg(&file).arg("--key").arg(&key));
    assert_eq!(audited.code, Some(0), "{}", audited.stderr);
    let extra: Value = serde_json::from_slice(&proof.extra).unwrap();
    assert!(extra.get("personal").is_none() && extra.get("document").is_some());

    for (words, code, says) in [
        (["0197c5d0-7e1c-7c3a-9d52-0f6f6f1f0c11", ""], 65, "no record has the id"),
        (["no-id", ""], 64, "a UUID such as"),
        ([earlier.as_str(), "--witnessed"], 65, "leave out --witnessed"),
    ] {
        let words = words.into_iter().filter(|word| !word.is_empty());
        let ended = run(interdict().args(["ledger", "prove"]).arg(&ledger).args(words));
        assert_eq!(ended.code, Some(code), "{}", ended.stderr);
        assert!(ended.stderr.contains(says), "{}", ended.stderr);
    }
}

#[test]
fn an_export_as_tiles_holds_the_tree_the_entries_and_the_evidence_they_commit_to() {
    let upstream = Recorder::start();
    let gateway = unlimited(upstream.address);
    for _ in 0..150 {
        order(&gateway);
    }
    let size = published(&gateway, 300).1.size();
    let out = gateway.dir().join("tiles");
    let export = |out: &Path| {
        run(interdict()
            .args(["ledger", "export", "--format", "tiles", "--out"])
            .arg(out)
            .arg(gateway.dir().join("ledger")))
    };
    let ended = export(&out);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let read = |name: &str| fs::read(out.join(name)).unwrap_or_else(|_| panic!("no {name}"));
    let key: VerifierKey =
        String::from_utf8(read("ledger.pub")).unwrap().trim_end().parse().unwrap();
    let note = String::from_utf8(read("checkpoint")).unwrap();
    let keys = [key.clone()];
    let signed = Checkpoint::open(&note, key.name().as_str(), &keys, &[]).unwrap().checkpoint;
    assert_eq!(signed.size(), size);
    let rest = size - 256;
    let leaves = [read("tile/0/000"), read(&format!("tile/0/001.p/{rest}"))].concat();
    assert_eq!(root_of(leaves.chunks(32)), *signed.root());
    assert_eq!(read("tile/1/000.p/1"), root_of(leaves[..8192].chunks(32)).0);
    let mut leaf = leaves.chunks(32);
    for number in ["000".to_owned(), format!("001.p/{rest}")] {
        let evidence = read(&format!("evidence/{number}"));
        let mut evidence = &evidence[..];
        let mut next = || {
            let (length, rest) = evidence.split_first_chunk::<4>().unwrap();
            let (part, rest) = rest.split_at(u32::from_le_bytes(*length).try_into().unwrap());
            evidence = rest;
            part.to_vec()
        };
        for envelope in entries(&read(&format!("tile/entries/{number}"))) {
            assert_eq!(Hash::leaf(&envelope).0, leaf.next().unwrap());
            let envelope: Value = serde_json::from_slice(&envelope).unwrap();
            for name in ["evidence", "personal"] {
                let part = next();
                let committed = envelope.get(name).and_then(Value::as_str);
                assert_eq!(committed, (!part.is_empty()).then(|| hash(&part)).as_deref(), "{name}");
            }
        }
        assert!(evidence.is_empty());
    }
    assert!(leaf.next().is_none());
    let audited = run(interdict().args(["ledger", "verify"]).arg(&out));
    assert_eq!(audited.code, Some(0), "{}", audited.stderr);
    let again = export(&out);
    assert_eq!(again.code, Some(74), "a folder that is not empty is left alone");
    assert!(again.stderr.contains("not empty"), "{}", again.stderr);
}
