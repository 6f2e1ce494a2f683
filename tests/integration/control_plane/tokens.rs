//! Bearer tokens at the control plane: whose are believed, which roles they give, and every way in which a forged one is nobody's.

use std::fs;
use std::net::TcpListener;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::encoding::PublicKeyX509Der;
use aws_lc_rs::hmac;
use aws_lc_rs::signature::KeyPair;
use base64::Engine;
use serde_json::Value;
use serde_json::json;

use crate::identity::Issuer;
use crate::identity::b64;
use crate::identity::now;
use crate::support::Answer;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Recorder;
use crate::support::Request;
use crate::support::until;

const ADMIN: &str = r#"
[admin.identity]
jwks = "admin-jwks.json"
issuer = "https://id.example"
audience = "console"
algorithms = ["EdDSA", "ES256", "RS256"]
roles_claim = "/realm/roles"
roles = { "compliance-team" = ["policy_approver", "reviewer"] }
subjects = { "robot" = ["auditor"] }
[identity]
jwks = "shop-jwks.json"
issuer = "https://shop.example"
audience = "interdict"
algorithms = ["EdDSA"]
permissions = { "erp" = ["audit", "decide"], "clerk" = ["decide"] }
"#;

const HEADER: &str = r#"{"alg":"EdDSA","kid":"ed","typ":"JWT"}"#;

struct World {
    gateway: Gateway,
    operators: Issuer,
    shop: Issuer,
}

impl World {
    fn new() -> Self {
        let (operators, shop) = (Issuer::new(), Issuer::new());
        let gateway = GatewayBuilder::new(Recorder::start().address)
            .with(ADMIN)
            .file("admin-jwks.json", operators.jwks())
            .file("shop-jwks.json", shop.jwks())
            .start();
        Self { gateway, operators, shop }
    }

    fn ask(&self, credentials: &[&str]) -> Answer {
        let request = Request::get("/admin/v1/session");
        let request = credentials.iter().fold(request, |r, value| r.header("Authorization", value));
        request.send(self.gateway.admin)
    }

    fn bearer(&self, token: &str) -> Answer {
        self.ask(&[&format!("Bearer {token}")])
    }

    fn signed(&self, claims: &Value) -> String {
        self.operators.signed("ed", HEADER, &claims.to_string())
    }

    fn refuses(&self, what: &str, token: &str) {
        let answer = self.bearer(token);
        assert_eq!(answer.status, 401, "{what}: {}", answer.text());
        assert_eq!(answer.json()["type"], "unauthorized", "{what}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{what}");
    }
}

/// What a token of the operators' issuer claims, with changes; null takes a claim away.
fn claims(changes: &Value) -> Value {
    let mut claims = json!({"iss":"https://id.example","aud":"console","sub":"anna",
        "exp":now() + 600,"iat":now(),"realm":{"roles":["viewer"]}});
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        }
    }
    claims
}

#[test]
fn a_genuine_token_gives_the_roles_that_it_names_and_needs_no_token_of_a_session() {
    let world = World::new();
    for (what, changes, roles) in [
        ("a list", json!({"realm":{"roles":["viewer","unknown"]}}), json!(["viewer"])),
        ("a text", json!({"realm":{"roles":"viewer auditor"}}), json!(["viewer", "auditor"])),
        (
            "a mapped value",
            json!({"realm":{"roles":["compliance-team"]}}),
            json!(["reviewer", "policy_approver"]),
        ),
        ("by subject", json!({"sub":"robot","realm":{}}), json!(["auditor"])),
        ("audiences", json!({"aud":["other","console"]}), json!(["viewer"])),
    ] {
        let answer = world.bearer(&world.signed(&claims(&changes)));
        assert_eq!(answer.status, 200, "{what}: {}", answer.text());
        let session = answer.json();
        assert_eq!(session["roles"], roles, "{what}");
        assert_eq!(session["csrf_token"], "", "{what}");
    }
    for (by, alg) in [("ec", "ES256"), ("rsa", "RS256")] {
        let header = format!(r#"{{"alg":"{alg}","kid":"{by}"}}"#);
        let token = world.operators.signed(by, &header, &claims(&json!({})).to_string());
        assert_eq!(world.bearer(&token).json()["id"], "token:anna", "{alg}");
    }
}

#[test]
fn a_claim_of_roles_that_is_not_understood_gives_none() {
    let world = World::new();
    for roles in [
        json!(7),
        json!(true),
        Value::Null,
        json!({"administrator":true}),
        json!([["administrator"]]),
        json!(["administrator", 7]),
        json!(["administrator", {"role":"viewer"}]),
        json!(["Administrator", "ADMINISTRATOR", " administrator", "administrator\u{0}"]),
        json!("administrator,viewer"),
        json!(["superuser", "*", ""]),
        json!([]),
    ] {
        let token = world.signed(&claims(&json!({"realm":{"roles":roles}})));
        let answer = world.bearer(&token);
        assert_eq!(answer.status, 403, "{roles}: {}", answer.text());
    }
    for realm in [Value::Null, json!("administrator"), json!(["roles"])] {
        let token = world.signed(&claims(&json!({"realm":realm,"roles":["administrator"]})));
        assert_eq!(world.bearer(&token).status, 403, "{realm}");
    }
}

#[test]
fn no_algorithm_but_the_keys_own_is_believed() {
    let world = World::new();
    let issuer = &world.operators;
    let payload = claims(&json!({"realm":{"roles":["administrator"]}})).to_string();
    for alg in ["none", "None", "NONE", "nOnE", "none ", ""] {
        let header = json!({"alg":alg,"kid":"ed"}).to_string();
        world.refuses(alg, &issuer.signed("", &header, &payload));
        world.refuses(alg, &issuer.signed("ed", &header, &payload));
        world.refuses(alg, &format!("{}.{}.", b64(&header), b64(&payload)));
    }
    for (by, alg, kid) in [
        ("pss", "PS256", "rsa"),
        ("rsa", "RS256", "ed"),
        ("ed", "EdDSA", "ec"),
        ("ec", "ES384", "ec"),
        ("ed", "eddsa", "ed"),
    ] {
        let header = json!({"alg":alg,"kid":kid}).to_string();
        world.refuses(alg, &issuer.signed(by, &header, &payload));
    }
    // A MAC under what everybody knows of the public keys.
    let der = AsDer::<PublicKeyX509Der<'_>>::as_der(issuer.rsa.public_key()).unwrap();
    let base64 = base64::engine::general_purpose::STANDARD.encode(der.as_ref());
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{base64}\n-----END PUBLIC KEY-----\n");
    let jwk = issuer.ed_key("ed").to_string();
    let ed = issuer.ed.public_key().as_ref();
    let b64_ed = b64(ed);
    let secrets: [(&[u8], &str); 7] = [
        (der.as_ref(), "rsa"),
        (pem.as_bytes(), "rsa"),
        (ed, "ed"),
        (b64_ed.as_bytes(), "ed"),
        (jwk.as_bytes(), "ed"),
        (b"", "ed"),
        (b"", "../../../dev/null"),
    ];
    for (secret, kid) in secrets {
        for alg in ["HS256", "hs256", "EdDSA"] {
            let header = json!({"alg":alg,"kid":kid}).to_string();
            let signed = format!("{}.{}", b64(header), b64(&payload));
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
            let tag = b64(hmac::sign(&key, signed.as_bytes()));
            world.refuses("a MAC", &format!("{signed}.{tag}"));
        }
    }
}

#[test]
fn what_a_header_says_of_keys_is_neither_believed_nor_fetched() {
    let world = World::new();
    let stranger = Issuer::new();
    let payload = claims(&json!({"realm":{"roles":["administrator"]}})).to_string();
    let trap = TcpListener::bind("127.0.0.1:0").unwrap();
    trap.set_nonblocking(true).unwrap();
    let url = format!("http://{}/jwks.json", trap.local_addr().unwrap());
    for more in [
        json!({"jku":url}),
        json!({"x5u":url}),
        json!({"jku":url,"x5u":url,"kid":url}),
        json!({"jwk":stranger.ed_key("ed")}),
        json!({"x5c":[b64("certificate")]}),
    ] {
        let mut header: Value = serde_json::from_str(HEADER).unwrap();
        header.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let text = header.to_string();
        world.refuses(&text, &stranger.signed("ed", &text, &payload));
    }
    assert!(trap.accept().is_err(), "nobody may be asked");
    let long = "k".repeat(4_000);
    for kid in [
        "",
        "../../../dev/null",
        "/dev/null",
        "admin-jwks.json",
        "' OR '1'='1",
        "ed' UNION SELECT 'x",
        "ed\u{0}",
        "ED",
        "ed ",
        "unknown",
        long.as_str(),
    ] {
        let header = json!({"alg":"EdDSA","kid":kid}).to_string();
        world.refuses(kid, &world.operators.signed("ed", &header, &payload));
    }
    for header in [
        r#"{"alg":"EdDSA"}"#,
        r#"{"alg":"EdDSA","kid":7}"#,
        r#"{"alg":"EdDSA","kid":["ed"]}"#,
        r#"{"kid":"ed"}"#,
        r#"{"alg":"EdDSA","kid":"ed","crit":["exp"],"exp":1}"#,
        r#"{"alg":"EdDSA","kid":"ed","crit":[]}"#,
        r#"{"alg":"EdDSA","kid":"ed","b64":false,"crit":["b64"]}"#,
        r#"{"alg":"EdDSA","kid":"ed","zip":"DEF"}"#,
        r#"{"alg":"EdDSA","kid":"ed","typ":"dpop+jwt"}"#,
        r#"{"alg":"EdDSA","alg":"none","kid":"ed"}"#,
        r#"{"alg":"none","alg":"EdDSA","kid":"ed"}"#,
        r#"{"alg":"EdDSA","kid":"no","kid":"ed"}"#,
    ] {
        world.refuses(header, &world.operators.signed("ed", header, &payload));
    }
    world.refuses("a stranger's", &stranger.signed("ed", HEADER, &payload));
}

#[test]
fn a_token_counts_in_its_time_for_its_audience_and_issuer_and_of_somebody_alone() {
    let world = World::new();
    for changes in [
        json!({"exp":now() - 60}),
        json!({"exp":null}),
        json!({"exp":(now() + 600).to_string()}),
        json!({"exp":-1}),
        json!({"exp":1e300}),
        json!({"exp":[now() + 600]}),
        json!({"nbf":now() + 600}),
        json!({"nbf":"soon"}),
        json!({"iat":now() + 600}),
        json!({"aud":"interdict"}),
        json!({"aud":["interdict","other"]}),
        json!({"aud":["console",7]}),
        json!({"aud":[["console"]]}),
        json!({"aud":{"console":true}}),
        json!({"aud":"Console"}),
        json!({"aud":null}),
        json!({"aud":""}),
        json!({"iss":"https://id.example/"}),
        json!({"iss":"https://shop.example"}),
        json!({"iss":["https://id.example"]}),
        json!({"iss":null}),
        json!({"sub":null}),
        json!({"sub":""}),
        json!({"sub":"   "}),
        json!({"sub":" anna"}),
        json!({"sub":"an\nna"}),
        json!({"sub":"anna\u{0}"}),
        json!({"sub":"a".repeat(256)}),
        json!({"sub":7}),
    ] {
        world.refuses(&changes.to_string(), &world.signed(&claims(&changes)));
    }
    let good = claims(&json!({})).to_string();
    for twice in [
        good.replacen('{', r#"{"sub":"ben","#, 1),
        good.replacen('{', r#"{"exp":9999999999,"#, 1),
        good.replacen('{', r#"{"realm":{"roles":["administrator"]},"#, 1),
        good.replacen(r#"["viewer"]"#, r#"["viewer"],"roles":["administrator"]"#, 1),
    ] {
        world.refuses("a claim given twice", &world.operators.signed("ed", HEADER, &twice));
    }
    assert_eq!(world.bearer(&world.signed(&claims(&json!({})))).status, 200);
}

#[test]
fn a_token_is_brought_once_and_in_the_header_alone() {
    let world = World::new();
    let token = world.signed(&claims(&json!({})));
    let bearer = format!("Bearer {token}");
    assert_eq!(world.ask(&[&bearer]).status, 200);
    assert_eq!(world.ask(&[&format!("bearer {token}")]).status, 200);
    for credentials in [
        &[bearer.as_str(), bearer.as_str()][..],
        &[bearer.as_str(), "Bearer x"],
        &["Bearer x", bearer.as_str()],
        &["Basic YW5uYTpzZXZlbg=="],
        &[token.as_str()],
        &["Bearer"],
        &["Bearer "],
        &[&format!("Bearer {token}, Bearer {token}")],
        &[&format!("Bearer {token} {token}")],
        &[&format!("Token {token}")],
    ] {
        let answer = world.ask(credentials);
        assert_eq!(answer.status, 401, "{credentials:?}: {}", answer.text());
    }
    for target in ["access_token", "token", "jwt", "authorization"] {
        let target = format!("/admin/v1/session?{target}={token}");
        assert_eq!(Request::get(&target).send(world.gateway.admin).status, 401);
    }
    for cookie in [format!("interdict={token}"), format!("access_token={token}")] {
        let request = Request::get("/admin/v1/session").header("Cookie", &cookie);
        assert_eq!(request.send(world.gateway.admin).status, 401);
    }
    let long = format!("{token}{}", "A".repeat(8_192));
    assert_eq!(world.bearer(&long).status, 401);
    let [head, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!() };
    for cut in [
        format!("{head}.{payload}"),
        format!("{head}.{payload}."),
        format!("{head}.{payload}.{signature}.x"),
        format!("{head}.{payload}.{}", &signature[1..]),
        format!(".{payload}.{signature}"),
        format!("{head}..{signature}"),
        format!("{head}.{payload}.{signature}="),
    ] {
        world.refuses("cut", &cut);
    }
}

#[test]
fn tokens_of_customers_and_of_operators_are_not_taken_for_one_another() {
    let world = World::new();
    let of_shop = |sub: &str, more: &Value| world.shop.token(sub, more);
    let administrator = json!({"realm":{"roles":["administrator"]},"roles":["administrator"]});
    // A customer's token opens nothing, whatever it claims; who may audit by `[identity]` is an auditor, and no more.
    for sub in ["A-17", "clerk", "robot"] {
        let answer = world.bearer(&of_shop(sub, &administrator));
        assert_eq!(answer.status, 403, "{sub}: {}", answer.text());
    }
    let auditor = world.bearer(&of_shop("erp", &administrator));
    assert_eq!(auditor.json()["roles"], json!(["auditor"]));
    let bearer = format!("Bearer {}", of_shop("erp", &json!({})));
    let operators = Request::get("/admin/v1/operators").header("Authorization", &bearer);
    assert_eq!(operators.send(world.gateway.admin).status, 403);
    // Signed by the one and speaking as the other.
    world.refuses("the shop as the operators' issuer", &{
        world.shop.signed("ed", HEADER, &claims(&json!({})).to_string())
    });
    let shop_claims = json!({"iss":"https://shop.example","aud":"interdict","sub":"erp"});
    world.refuses("the operators' issuer as the shop", &world.signed(&claims(&shop_claims)));
    // And an operator's token opens nothing at the gateway.
    let token = world.signed(&claims(&json!({"sub":"erp","realm":{"roles":["administrator"]}})));
    let decide =
        Request::post("/v1/decide", "{}").header("Authorization", &format!("Bearer {token}"));
    let answer = decide.send(world.gateway.address);
    assert_eq!(answer.status, 401, "{}", answer.text());
}

#[test]
fn keys_rotate_a_new_one_is_found_and_the_removed_one_counts_no_more() {
    let world = World::new();
    let next = Issuer::new();
    let token = |issuer: &Issuer, kid: &str| {
        let header = json!({"alg":"EdDSA","kid":kid}).to_string();
        issuer.signed("ed", &header, &claims(&json!({})).to_string())
    };
    assert_eq!(world.bearer(&token(&world.operators, "ed")).status, 200);
    assert_eq!(world.bearer(&token(&next, "next")).status, 401);
    let file = world.gateway.dir().join("admin-jwks.json");
    let both = json!({"keys":[world.operators.ed_key("ed"), next.ed_key("next")]});
    fs::write(&file, both.to_string()).unwrap();
    until("the new key", || (world.bearer(&token(&next, "next")).status == 200).then_some(()));
    assert_eq!(world.bearer(&token(&world.operators, "ed")).status, 200);
    fs::write(&file, "{\"keys\":[{]}").unwrap();
    until("the broken file", || {
        let ready = Request::get("/readyz").send(world.gateway.admin).text();
        ready.contains("admin_identity").then_some(())
    });
    assert_eq!(world.bearer(&token(&next, "next")).status, 200, "the last good stay in force");
    fs::write(&file, json!({"keys":[next.ed_key("next")]}).to_string()).unwrap();
    until("the removed key", || {
        (world.bearer(&token(&world.operators, "ed")).status == 401).then_some(())
    });
    assert_eq!(world.bearer(&token(&next, "next")).status, 200);
}

#[test]
fn no_token_is_ever_written_down() {
    let world = World::new();
    let token = world.signed(&claims(&json!({"realm":{"roles":["auditor"]}})));
    let search = Request::get("/admin/v1/records?kind=access");
    let answer =
        search.header("Authorization", &format!("Bearer {token}")).send(world.gateway.admin);
    assert_eq!(answer.status, 200, "{}", answer.text());
    world.bearer(&format!("{token}x"));
    let signature = token.rsplit_once('.').unwrap().1.to_owned();
    let records = crate::support::gateway::export_all(&world.gateway.dir().join("ledger"));
    let search = records.iter().find(|record| record["action"] == "search").unwrap();
    assert_eq!(search["actor"]["id"], "token:anna");
    for text in [world.gateway.log(), json!(records).to_string(), world.gateway.metrics()] {
        assert!(!text.contains(&signature));
    }
}
