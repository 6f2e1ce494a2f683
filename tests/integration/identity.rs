//! Tokens: what makes one genuine, every way in which a forged one is not, and what either changes.

use std::fs;
use std::net::TcpListener;
use std::time::Duration;
use std::time::Instant;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::encoding::PublicKeyX509Der;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature;
use aws_lc_rs::signature::EcdsaKeyPair;
use aws_lc_rs::signature::Ed25519KeyPair;
use aws_lc_rs::signature::KeyPair;
use aws_lc_rs::signature::RsaKeyPair;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use interdict::telemetry::Axis;
use interdict::telemetry::Filter;
use rcgen::BasicConstraints;
use rcgen::CertificateParams;
use rcgen::CertifiedIssuer;
use rcgen::IsCa;
use serde_json::Value;
use serde_json::json;

use crate::support::Answer;
use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Nginx;
use crate::support::Recorder;
use crate::support::Request;
use crate::support::US;
use crate::support::nginx::free_address;
use crate::support::until;

const IDENTITY: &str = r#"
[identity]
jwks = "jwks.json"
issuer = "https://shop.example"
audience = "interdict"
algorithms = ["EdDSA", "ES256", "RS256"]
claims = { account = "/sub", citizenship = "/nationality", billing_country = "/country" }
permissions = { "erp" = ["decide", "as_of", "evidence"], "clerk" = ["decide"] }
[customers]
file = "customers.csv"
"#;

const CUSTOMERS: &str = "account,organization_country,billing_country,us_person\n\
                         A-DE,DE,DE,false\nA-US,US,US,true\n";

fn route(name: &str, identity: &str) -> String {
    format!(
        "[[route]]\nname = \"{name}\"\nmethods = [\"POST\"]\npath = \"/{name}\"\naction = \"resale\"\nidentity = \"{identity}\"\n\
         items = {{ at = \"/lines/*\", sku = \"/sku\" }}\nbuyer = {{ billing_country = \"/country\", account = \"/account\" }}\nupstream = \"main\"\n"
    )
}

pub(crate) fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// The issuer: one key of each kind.
pub(crate) struct Issuer {
    ec: EcdsaKeyPair,
    pub(crate) ed: Ed25519KeyPair,
    pub(crate) rsa: RsaKeyPair,
}

impl Issuer {
    pub(crate) fn new() -> Self {
        let random = SystemRandom::new();
        let ed = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        let ec = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(ec, &random).unwrap();
        Self {
            ec: EcdsaKeyPair::from_pkcs8(ec, pkcs8.as_ref()).unwrap(),
            ed: Ed25519KeyPair::from_pkcs8(ed.as_ref()).unwrap(),
            rsa: RsaKeyPair::generate(KeySize::Rsa2048).unwrap(),
        }
    }

    pub(crate) fn ed_key(&self, kid: &str) -> Value {
        json!({"kty":"OKP","crv":"Ed25519","kid":kid,"alg":"EdDSA","use":"sig","x":b64(self.ed.public_key())})
    }

    pub(crate) fn jwks(&self) -> String {
        let point = self.ec.public_key().as_ref();
        let rsa = self.rsa.public_key();
        let n: Vec<u8> = rsa.modulus().big_endian_without_leading_zero().to_vec();
        let e: Vec<u8> = rsa.exponent().big_endian_without_leading_zero().to_vec();
        json!({"keys":[
            self.ed_key("ed"),
            {"kty":"EC","crv":"P-256","kid":"ec","x":b64(&point[1..33]),"y":b64(&point[33..])},
            {"kty":"RSA","kid":"rsa","n":b64(n),"e":b64(e)},
        ]})
        .to_string()
    }

    /// Signed by the key that `by` names, whatever the header says.
    pub(crate) fn signed(&self, by: &str, header: &str, payload: &str) -> String {
        let signed = format!("{}.{}", b64(header), b64(payload));
        let random = SystemRandom::new();
        let signature = match by {
            "ec" => self.ec.sign(&random, signed.as_bytes()).unwrap().as_ref().to_vec(),
            "ed" => self.ed.sign(signed.as_bytes()).as_ref().to_vec(),
            "rsa" | "pss" => {
                let padding: &dyn signature::RsaEncoding = match by {
                    "rsa" => &signature::RSA_PKCS1_SHA256,
                    _ => &signature::RSA_PSS_SHA256,
                };
                let mut out = vec![0; self.rsa.public_modulus_len()];
                self.rsa.sign(padding, &random, signed.as_bytes(), &mut out).unwrap();
                out
            }
            _ => Vec::new(),
        };
        format!("{signed}.{}", b64(signature))
    }

    pub(crate) fn token(&self, sub: &str, more: &Value) -> String {
        self.signed("ed", HEADER, &claims(sub, more).to_string())
    }
}

/// What the order system behind answers.
const SERVED: u16 = 201;

const HEADER: &str = r#"{"alg":"EdDSA","kid":"ed","typ":"JWT"}"#;

fn claims(sub: &str, more: &Value) -> Value {
    let mut claims = json!({"iss":"https://shop.example","aud":"interdict","sub":sub,
        "exp":now() + 600,"iat":now()});
    for (name, value) in more.as_object().unwrap() {
        claims[name] = value.clone();
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        }
    }
    claims
}

struct World {
    gateway: Gateway,
    issuer: Issuer,
    recorder: Recorder,
}

impl World {
    fn new() -> Self {
        let recorder = Recorder::start();
        let issuer = Issuer::new();
        let routes =
            [route("optional", "optional"), route("required", "required"), route("none", "none")];
        let unjudged = "[[route]]\nname = \"closed\"\npath = \"/closed\"\naction = \"none\"\nidentity = \"required\"\nupstream = \"main\"\n\
                        [[route]]\nname = \"rest\"\npath = \"/{*any}\"\naction = \"none\"\nupstream = \"main\"\n";
        let gateway = GatewayBuilder::new(recorder.address)
            .with(IDENTITY)
            .routes(&(routes.concat() + unjudged))
            .file("jwks.json", issuer.jwks())
            .file("customers.csv", CUSTOMERS)
            .start();
        Self { gateway, issuer, recorder }
    }

    fn order(&self, path: &str, order: &Value, credentials: &[&str]) -> Answer {
        let mut request = Request::post(path, order.to_string()).from(GERMAN);
        for value in credentials {
            request = request.header("Authorization", value);
        }
        request.send(self.gateway.address)
    }

    /// 401 on a judged route, recorded, and nothing forwarded.
    fn refuses(&self, what: &str, credentials: &[&str]) {
        let seen = self.recorder.seen().len();
        let answer = self.order("/optional", &order("DE", None), credentials);
        assert_eq!(answer.status, 401, "{what}: {}", answer.text());
        assert_eq!(answer.json()["type"], "unauthenticated", "{what}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer error=\"invalid_token\""));
        let (verdict, id) = answer.decision().unwrap();
        assert_eq!(verdict, "error", "{what}");
        let record = self.gateway.record(id);
        assert_eq!(
            (&record["kind"], &record["status"]),
            (&"refusal".into(), &401.into()),
            "{what}"
        );
        assert_eq!(self.recorder.seen().len(), seen, "{what}");
    }

    fn refuses_token(&self, what: &str, token: &str) {
        self.refuses(what, &[&format!("Bearer {token}")]);
    }
}

fn order(country: &str, account: Option<&str>) -> Value {
    let mut order = json!({"lines":[{"sku":"KL1047GDEFS"}],"country":country});
    if let Some(account) = account {
        order["account"] = account.into();
    }
    order
}

#[test]
fn a_genuine_token_passes_unchanged_and_its_bearer_is_recorded_without_it() {
    let world = World::new();
    let issuer = &world.issuer;
    let payload = claims("A-DE", &json!({"aud":["other","interdict"]})).to_string();
    for (by, alg) in [("ed", "EdDSA"), ("ec", "ES256"), ("rsa", "RS256")] {
        let token = issuer.signed(by, &format!(r#"{{"alg":"{alg}","kid":"{by}"}}"#), &payload);
        for scheme in ["Bearer", "bearer"] {
            let credentials = format!("{scheme} {token}");
            let answer = world.order("/required", &order("DE", None), &[&credentials]);
            assert_eq!(answer.status, SERVED, "{alg}: {}", answer.text());
            let record = world.gateway.record(answer.decision().unwrap().1);
            assert_eq!(
                record["evidence"]["principal"],
                json!({"issuer":"https://shop.example","subject":"A-DE"})
            );
            assert_eq!(record["evidence"]["claimed"]["account_standing"], "known");
            assert!(!record.to_string().contains(token.rsplit_once('.').unwrap().1));
            let seen = format!("{:?}", world.recorder.seen().last().unwrap());
            assert!(seen.contains(&token), "forwarded as it came");
        }
    }
    assert!(world.gateway.metric("interdict_identity_tokens_total{result=\"valid\"}") > 5.0);
}

#[test]
fn without_a_token_optional_judges_required_refuses_and_none_does_not_look() {
    let world = World::new();
    assert_eq!(world.order("/optional", &order("DE", None), &[]).status, SERVED);
    assert_eq!(world.order("/optional", &order("DE", None), &["Basic YTpi"]).status, SERVED);
    for credentials in [&[][..], &["Basic YTpi"]] {
        let absent = world.order("/required", &order("DE", None), credentials);
        assert_eq!((absent.status, absent.header("www-authenticate")), (401, Some("Bearer")));
        assert!(absent.decision().is_some());
    }
    assert_eq!(world.order("/none", &order("DE", None), &["Bearer rubbish"]).status, SERVED);
    let closed = world.order("/closed", &json!({}), &[]);
    assert_eq!((closed.status, closed.decision()), (401, None));
    assert_eq!(world.order("/rest", &json!({}), &["Bearer rubbish"]).status, SERVED);
    let good = format!("Bearer {}", world.issuer.token("A-DE", &json!({})));
    assert_eq!(world.order("/closed", &json!({}), &[&good]).status, SERVED);
}

#[test]
fn no_algorithm_but_the_keys_own_is_believed() {
    let world = World::new();
    let issuer = &world.issuer;
    let payload = claims("A-DE", &json!({})).to_string();
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let header = format!(r#"{{"alg":"{alg}","kid":"ed"}}"#);
        world.refuses_token(alg, &issuer.signed("", &header, &payload));
        world.refuses_token(alg, &issuer.signed("ed", &header, &payload));
    }
    for (by, alg, kid) in [
        ("pss", "PS256", "rsa"),
        ("rsa", "RS256", "ed"),
        ("ed", "EdDSA", "ec"),
        ("ec", "ES384", "ec"),
    ] {
        let header = format!(r#"{{"alg":"{alg}","kid":"{kid}"}}"#);
        world.refuses_token(alg, &issuer.signed(by, &header, &payload));
    }
    // HS256 with what everybody knows of the public key.
    let der = AsDer::<PublicKeyX509Der<'_>>::as_der(issuer.rsa.public_key()).unwrap();
    let base64 = base64::engine::general_purpose::STANDARD.encode(der.as_ref());
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{base64}\n-----END PUBLIC KEY-----\n");
    let secrets: [&[u8]; 4] = [der.as_ref(), pem.as_bytes(), issuer.ed.public_key().as_ref(), b""];
    for (secret, kid) in secrets.into_iter().zip(["rsa", "rsa", "ed", "ed"]) {
        let header = format!(r#"{{"alg":"HS256","kid":"{kid}"}}"#);
        let signed = format!("{}.{}", b64(header), b64(&payload));
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let tag = b64(hmac::sign(&key, signed.as_bytes()));
        world.refuses_token("HS256", &format!("{signed}.{tag}"));
    }
}

#[test]
fn what_a_header_says_of_keys_is_neither_believed_nor_fetched() {
    let world = World::new();
    let stranger = Issuer::new();
    let payload = claims("A-DE", &json!({})).to_string();
    let trap = TcpListener::bind("127.0.0.1:0").unwrap();
    trap.set_nonblocking(true).unwrap();
    let url = format!("http://{}/jwks.json", trap.local_addr().unwrap());
    let jwk = stranger.ed_key("ed");
    for more in [
        json!({"jku":url}),
        json!({"x5u":url}),
        json!({"jwk":jwk}),
        json!({"x5c":[b64("certificate")]}),
    ] {
        let mut header: Value = serde_json::from_str(HEADER).unwrap();
        header.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let text = header.to_string();
        world.refuses_token(&text, &stranger.signed("ed", &text, &payload));
        // From the issuer itself they are merely not looked at.
        let genuine = format!("Bearer {}", world.issuer.signed("ed", &text, &payload));
        assert_eq!(world.order("/required", &order("DE", None), &[&genuine]).status, SERVED);
    }
    assert!(trap.accept().is_err(), "nobody may be asked");
    for kid in ["", "../../x", "/dev/null", "' OR '1'='1", "ED", "ed ", "unknown"] {
        let header = json!({"alg":"EdDSA","kid":kid}).to_string();
        world.refuses_token(kid, &world.issuer.signed("ed", &header, &payload));
    }
    for header in [r#"{"alg":"EdDSA"}"#, r#"{"alg":"EdDSA","kid":7}"#, r#"{"kid":"ed"}"#] {
        world.refuses_token(header, &world.issuer.signed("ed", header, &payload));
    }
    world.refuses_token("a stranger's", &stranger.signed("ed", HEADER, &payload));
}

#[test]
fn a_token_counts_in_its_time_and_for_its_audience_and_issuer_alone() {
    let world = World::new();
    for more in [
        json!({"exp":now() - 60}),
        json!({"exp":null}),
        json!({"exp":(now() + 600).to_string()}),
        json!({"exp":-1}),
        json!({"exp":9_007_199_254_740_993_u64}),
        json!({"exp":true}),
        json!({"nbf":now() + 300}),
        json!({"nbf":"0"}),
        json!({"iat":now() + 300}),
        json!({"iat":[0]}),
        json!({"aud":null}),
        json!({"aud":"interdict2"}),
        json!({"aud":"inter"}),
        json!({"aud":"Interdict"}),
        json!({"aud":[]}),
        json!({"aud":["other"]}),
        json!({"aud":[["interdict"]]}),
        json!({"aud":{"interdict":1}}),
        json!({"iss":null}),
        json!({"iss":"https://shop.example/"}),
        json!({"iss":"https://shop.example.evil"}),
        json!({"iss":["https://shop.example"]}),
        json!({"sub":7}),
    ] {
        world.refuses_token(&more.to_string(), &world.issuer.token("A-DE", &more));
    }
    // Not from JSON: a number beyond any reader.
    let huge = claims("A-DE", &json!({"exp":1})).to_string().replace("\"exp\":1", "\"exp\":1e300");
    world.refuses_token("huge", &world.issuer.signed("ed", HEADER, &huge));
    #[expect(
        clippy::cast_precision_loss,
        clippy::as_conversions,
        reason = "a time is far below 2^53"
    )]
    let fraction = json!({"exp":now() as f64 + 600.5,"nbf":now() + 10});
    let fine = format!("Bearer {}", world.issuer.token("A-DE", &fraction));
    assert_eq!(
        world.order("/required", &order("DE", None), &[&fine]).status,
        SERVED,
        "within leeway"
    );
}

#[test]
fn a_token_has_one_reading_or_none() {
    let world = World::new();
    let payload = claims("A-DE", &json!({})).to_string();
    for header in [
        r#"{"alg":"none","alg":"EdDSA","kid":"ed"}"#,
        r#"{"alg":"EdDSA","kid":"x","kid":"ed"}"#,
        r#"{"alg":"EdDSA","kid":"ed","crit":["exp"]}"#,
        r#"{"alg":"EdDSA","kid":"ed","crit":[]}"#,
        r#"{"alg":"EdDSA","kid":"ed","b64":false,"crit":["b64"]}"#,
        r#"{"alg":"EdDSA","kid":"ed","b64":false}"#,
        r#"{"alg":"EdDSA","kid":"ed","typ":"JOSE+JSON"}"#,
        r#"{"alg":"EdDSA","kid":"ed","enc":"A128GCM"}"#,
        r#"["EdDSA"]"#,
        "{",
    ] {
        world.refuses_token(header, &world.issuer.signed("ed", header, &payload));
    }
    let ending = payload.strip_suffix('}').unwrap();
    for payload in [
        format!("{ending},\"sub\":\"A-US\"}}"),
        format!("{ending},\"x\":{{\"a\":1,\"\\u0061\":2}}}}"),
        format!("{payload} {{}}"),
        "[]".to_owned(),
        String::new(),
    ] {
        world.refuses_token(&payload, &world.issuer.signed("ed", HEADER, &payload));
    }
    let good = world.issuer.token("A-DE", &json!({}));
    let [header, body, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!() };
    for token in [
        format!("{good}="),
        format!("{header}=.{body}.{signature}"),
        format!("{header}. {body}.{signature}"),
        format!("{good} x"),
        format!("{good}, Basic YTpi"),
        format!("{good}."),
        format!("{good}.{signature}"),
        format!("{good}.a.b"),
        format!("{header}.{body}"),
        format!("{header}.{body}."),
        format!("{header}..{signature}"),
        format!("{header}.{body}.{}", &signature[1..]),
        format!("\"{good}\""),
        String::new(),
        "a".repeat(9_000),
    ] {
        world.refuses_token(&token, &token);
    }
    let good = format!("Bearer {good}");
    world.refuses("two of a kind", &[&good, &good]);
    world.refuses("two kinds", &["Basic YTpi", &good]);
    world.refuses("no token", &["Bearer"]);
    world.refuses("lower case hides nothing", &["bearer rubbish"]);
    world.refuses("a tab", &[&good.replace(' ', "\t")]);
    assert_eq!(world.order("/required", &order("DE", None), &[&good]).status, SERVED);
}

#[test]
fn claims_count_beside_the_request_and_one_us_value_decides() {
    let world = World::new();
    let bearer = |sub: &str, more: Value| format!("Bearer {}", world.issuer.token(sub, &more));
    let german = bearer("A-DE", json!({}));
    for (what, order, credentials, status) in [
        ("both German", order("DE", Some("A-DE")), &german, SERVED),
        ("a US order stays one", order("US", None), &german, 451),
        ("a US account in the body stays one", order("DE", Some("A-US")), &german, 451),
        ("a US account in the token", order("DE", Some("A-DE")), &bearer("A-US", json!({})), 451),
        (
            "a US nationality",
            order("DE", None),
            &bearer("A-DE", json!({"nationality":["DE","US"]})),
            451,
        ),
        ("another country", order("DE", None), &bearer("A-DE", json!({"country":"US"})), 451),
        (
            "the token's country does not replace",
            order("US", None),
            &bearer("A-DE", json!({"country":"DE"})),
            451,
        ),
        (
            "an unreadable country",
            order("DE", None),
            &bearer("A-DE", json!({"country":"Atlantis"})),
            403,
        ),
        (
            "a claim of a wrong type",
            order("DE", None),
            &bearer("A-DE", json!({"country":{"a":1}})),
            400,
        ),
    ] {
        let answer = world.order("/optional", &order, &[credentials]);
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
    }
    // What only an account says improves an outcome where a token vouches for it, and not otherwise.
    let bare = json!({"lines":[{"sku":"KL1047GDEFS"}],"account":"A-DE"});
    assert_eq!(world.order("/optional", &bare, &[]).status, 403, "nobody vouches");
    let vouched = world.order("/optional", &bare, &[&german]);
    assert_eq!(vouched.status, SERVED);
    let record = world.gateway.record(vouched.decision().unwrap().1);
    assert_eq!(record["evidence"]["vouching"], "vouched");
    let record = world.order("/optional", &order("DE", None), &[&bearer("A-US", json!({}))]);
    let record = world.gateway.record(record.decision().unwrap().1);
    let because = record["decision"]["nexus"]["because"].to_string();
    assert!(because.contains("registry.billing_country"), "{because}");
}

#[test]
fn a_route_that_takes_its_account_from_a_claim_is_vouched_for_by_the_token_alone() {
    let (recorder, issuer) = (Recorder::start(), Issuer::new());
    let without_claims: Vec<_> =
        IDENTITY.lines().filter(|line| !line.starts_with("claims")).collect();
    let routes = route("optional", "optional").replace(
        "buyer = { billing_country = \"/country\", account = \"/account\" }",
        "buyer = { account = { claim = \"/customer/id\" }, citizenship = { claim = \"/nationality\" } }",
    );
    let gateway = GatewayBuilder::new(recorder.address)
        .with(&without_claims.join("\n"))
        .routes(&routes)
        .file("jwks.json", issuer.jwks())
        .file("customers.csv", CUSTOMERS)
        .start();
    let world = World { gateway, issuer, recorder };
    let order = order("DE", Some("A-DE"));
    assert_eq!(world.order("/optional", &order, &[]).status, 403, "the body's account is not read");
    for (what, more, status) in [
        ("a German account", json!({"customer":{"id":"A-DE"}}), SERVED),
        ("a US account", json!({"customer":{"id":"A-US"}}), 451),
        ("an unknown account", json!({"customer":{"id":"A-XX"}}), 403),
        ("no account", json!({}), 403),
        ("two accounts", json!({"customer":{"id":["A-DE","A-US"]}}), 400),
        ("a key in another case", json!({"Customer":{"id":"A-US"},"customer":{"id":"A-DE"}}), 400),
        ("a US nationality", json!({"customer":{"id":"A-DE"},"nationality":["DE","US"]}), 451),
    ] {
        let credentials = format!("Bearer {}", world.issuer.token("nobody", &more));
        let answer = world.order("/optional", &order, &[&credentials]);
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
        if status == SERVED {
            let record = world.gateway.record(answer.decision().unwrap().1);
            let evidence = &record["evidence"];
            assert_eq!(
                (&evidence["vouching"], &evidence["account"], &evidence["claimed"]),
                (&"vouched".into(), &"A-DE".into(), &Value::Null)
            );
        }
    }
}

#[test]
fn a_key_of_another_curve_is_not_used_for_an_algorithm_that_is_not_its_own() {
    let random = SystemRandom::new();
    let algorithm = &signature::ECDSA_P384_SHA384_FIXED_SIGNING;
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref()).unwrap();
    let point = pair.public_key().as_ref();
    let key = |kid: &str, alg: Option<&str>| {
        let mut key = json!({"kty":"EC","crv":"P-384","kid":kid,
            "x":b64(&point[1..49]),"y":b64(&point[49..])});
        if let Some(alg) = alg {
            key["alg"] = alg.into();
        }
        key
    };
    let (recorder, issuer) = (Recorder::start(), Issuer::new());
    let keys = [
        issuer.ed_key("ed"),
        key("silent", None),
        key("true", Some("ES384")),
        key("false", Some("ES256")),
    ];
    let gateway = GatewayBuilder::new(recorder.address)
        .with(&IDENTITY.replace("\"ES256\"", "\"ES256\", \"ES384\""))
        .routes(&route("optional", "optional"))
        .file("jwks.json", json!({"keys":keys}).to_string())
        .file("customers.csv", CUSTOMERS)
        .start();
    let world = World { gateway, issuer, recorder };
    let token = |kid: &str, alg: &str| {
        let header = json!({"alg":alg,"kid":kid}).to_string();
        let payload = claims("A-DE", &json!({})).to_string();
        let signed = format!("{}.{}", b64(header), b64(payload));
        let signature = pair.sign(&random, signed.as_bytes()).unwrap();
        // As long as a signature of P-256, too.
        let short = b64(&signature.as_ref()[..64]);
        (format!("{signed}.{}", b64(signature.as_ref())), format!("{signed}.{short}"))
    };
    for kid in ["silent", "true", "false"] {
        let (whole, short) = token(kid, "ES256");
        world.refuses_token(kid, &whole);
        world.refuses_token(kid, &short);
    }
    world.refuses_token("a key that names another's algorithm", &token("false", "ES384").0);
    for kid in ["silent", "true"] {
        let credentials = format!("Bearer {}", token(kid, "ES384").0);
        let answer = world.order("/optional", &order("DE", None), &[&credentials]);
        assert_eq!(answer.status, SERVED, "{kid}: {}", answer.text());
    }
}

#[test]
fn permissions_open_the_decision_api_and_what_it_takes() {
    let mut world = World::new();
    let transaction = |more: Value| {
        let mut buyer = json!({"billing_country":"DE"});
        buyer.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"action":"resale","items":[{"sku":"KL1047GDEFS"}],"buyer":buyer})
    };
    let ask = |from: Option<&str>, token: Option<&str>, body: &Value| {
        let mut request = Request::post("/v1/decide", body.to_string());
        if let Some(from) = from {
            request = request.from(from);
        }
        if let Some(token) = token {
            request = request.header("Authorization", &format!("Bearer {token}"));
        }
        request.send(world.gateway.address)
    };
    let token = |sub: &str| world.issuer.token(sub, &json!({}));
    let (erp, clerk, other) = (token("erp"), token("clerk"), token("A-DE"));
    let plain = transaction(json!({}));
    let evidence = transaction(json!({"ip_country":"DE","ip_class":[]}));
    let mut at = plain.clone();
    at["at"] = "2024-01-01T00:00:00Z".into();
    for (what, from, token, body, status) in [
        ("a stranger", Some(US), None, &plain, 404),
        ("a stranger's bad token", Some(US), Some("rubbish"), &plain, 404),
        ("one without permission", Some(US), Some(&*other), &plain, 404),
        ("one with it", Some(US), Some(&*clerk), &plain, 200),
        ("who may not give at", Some(US), Some(&*clerk), &at, 400),
        ("nor evidence", Some(US), Some(&*clerk), &evidence, 400),
        ("who may", Some(US), Some(&*erp), &at, 200),
        ("and evidence", Some(US), Some(&*erp), &evidence, 200),
        ("a near one", None, None, &plain, 200),
        ("a near one's bad token", None, Some("rubbish"), &plain, 401),
        ("a near one without permission", None, Some(&*other), &at, 400),
    ] {
        let answer = ask(from, token, body);
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
    }
    let asked = ask(Some(US), Some(&erp), &at).json();
    assert_eq!(asked["hypothetical"], true);
    let record = world.gateway.record(asked["id"].as_str().unwrap());
    assert_eq!(
        (&record["kind"], &record["evidence"]["principal"]["subject"]),
        (&"enquiry".into(), &"erp".into())
    );
    // Two of the five are about another instant: they decide nothing, and charts do not have them.
    let counted = world.gateway.metrics();
    let counted = counted.lines().filter(|line| line.starts_with("interdict_decisions_total{"));
    let counted = counted.map(|line| line.rsplit_once(' ').unwrap().1.parse::<u32>().unwrap());
    assert_eq!(counted.sum::<u32>(), 5);
    let (charts, window) = crate::openmetrics::charts(&mut world.gateway);
    let totals = charts.totals(window, Axis::Action, &Filter::default());
    assert_eq!(totals.rows.iter().map(|row| row.allow + row.block + row.review).sum::<u64>(), 3);
}

#[test]
fn keys_of_a_file_rotate_and_a_broken_file_changes_nothing() {
    let world = World::new();
    let file = world.gateway.dir().join("jwks.json");
    let old = format!("Bearer {}", world.issuer.token("A-DE", &json!({})));
    let status =
        |credentials: &str| world.order("/required", &order("DE", None), &[credentials]).status;
    fs::write(&file, "{\"keys\":[]}").unwrap();
    let degraded = "interdict_reload_degraded{part=\"identity\"}";
    until("degraded", || (world.gateway.metric(degraded) > 0.0).then_some(()));
    assert_eq!(status(&old), SERVED, "the last good keys stay");
    let new = Issuer::new();
    fs::write(&file, new.jwks()).unwrap();
    let fresh = format!("Bearer {}", new.token("A-DE", &json!({})));
    until("the new keys", || (status(&fresh) == SERVED).then_some(()));
    assert_eq!(status(&old), 401);
    until("recovery", || (world.gateway.metric(degraded) <= 0.0).then_some(()));
}

#[test]
fn keys_of_a_url_are_fetched_refreshed_looked_for_and_kept_in_an_outage() {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority =
        CertifiedIssuer::self_signed(params, rcgen::KeyPair::generate().unwrap()).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap().pem();
    let (issuer, tls) = (Issuer::new(), free_address());
    let server = format!(
        "listen {tls} ssl; ssl_certificate $root/c.pem; ssl_certificate_key $root/k.pem; root $root/www;"
    );
    let nginx = Nginx::start(
        &server,
        &[
            ("c.pem", &certificate),
            ("k.pem", &key.serialize_pem()),
            ("www/keys/jwks.json", &issuer.jwks()),
        ],
    );
    let recorder = Recorder::start();
    let identity = IDENTITY
        .replace("\"jwks.json\"", &format!("\"https://localhost:{}/keys/jwks.json\"", tls.port()));
    let identity = identity.replace(
        "[customers]",
        "ca = \"ca.pem\"\nrefresh_interval = \"1h\"\nrefetch_interval = \"100ms\"\n[customers]",
    );
    let gateway = GatewayBuilder::new(recorder.address)
        .with(&identity)
        .routes(&route("required", "required"))
        .file("ca.pem", authority.pem())
        .file("customers.csv", CUSTOMERS)
        .start();
    let world = World { gateway, issuer, recorder };
    let status = |token: String| {
        world.order("/required", &order("DE", None), &[&format!("Bearer {token}")]).status
    };
    let good = || world.issuer.token("A-DE", &json!({}));
    until("the first keys", || (status(good()) == SERVED).then_some(()));
    let fetches = || world.gateway.metric("interdict_identity_key_fetches_total{result=\"ok\"}");
    let named = |kid: &str| {
        let header = json!({"alg":"EdDSA","kid":kid}).to_string();
        world.issuer.signed("ed", &header, &claims("A-DE", &json!({})).to_string())
    };
    let pause = || {
        let since = Instant::now();
        until("the pause", || (since.elapsed() > Duration::from_millis(150)).then_some(()));
    };
    // A key of a new name is looked for once, and found as soon as it is there.
    pause();
    let before = fetches();
    assert_eq!(status(named("nobody")), 401);
    assert!(fetches() > before, "it was looked for");
    pause();
    let asked = nginx.access_log().lines().count();
    for _ in 0..20 {
        assert_eq!(status(named("nobody")), 401);
    }
    assert_eq!(nginx.access_log().lines().count(), asked, "an absent name is not looked for again");
    fs::write(
        nginx.dir().join("www/keys/jwks.json"),
        json!({"keys":[world.issuer.ed_key("next")]}).to_string(),
    )
    .unwrap();
    assert_eq!(status(named("next")), SERVED);
    assert_eq!(status(good()), 401, "the old name is gone");
    // An outage keeps the last good.
    fs::remove_file(nginx.dir().join("www/keys/jwks.json")).unwrap();
    world.gateway.signal("HUP");
    let failed = "interdict_identity_key_fetches_total{result=\"failed\"}";
    until("an outage", || (world.gateway.metric(failed) > 0.0).then_some(()));
    assert_eq!(status(named("next")), SERVED);
    let readiness = Request::get("/readyz").send(world.gateway.admin);
    assert_eq!((readiness.status, &readiness.json()["status"]), (200, &"degraded".into()));
}

#[test]
fn whoever_is_vouched_for_is_not_limited_however_often_he_is_refused() {
    let world = World::new();
    let token = format!("Bearer {}", world.issuer.token("A-US", &json!({})));
    // The limit of orders is 30 a minute and client, that of other refusals 120 a minute and network.
    let orders = (0..40).map(|_| world.order("/required", &order("US", None), &[&token]));
    let broken = (0..130).map(|_| world.order("/required", &json!([]), &[&token]));
    let ids: std::collections::HashSet<_> = orders
        .chain(broken)
        .map(|answer| {
            assert!([400, 451].contains(&answer.status), "{}", answer.text());
            answer.decision().unwrap().1.to_owned()
        })
        .collect();
    assert_eq!(ids.len(), 170);
    assert_eq!(world.gateway.records().len(), 170);
}
