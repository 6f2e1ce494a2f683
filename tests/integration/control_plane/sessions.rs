//! Sessions: how they begin, what keeps them, and everything that ends them.

use std::process::Command;

use interdict::model::Role;
use interdict::operators::LastAdministrator;
use interdict::operators::Operators;
use interdict::operators::Standing;
use serde_json::Value;
use serde_json::json;

use crate::support::Answer;
use crate::support::Console;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::PASSWORD;
use crate::support::Recorder;
use crate::support::Request;
use crate::support::gateway::export_all;
use crate::support::interdict;
use crate::support::until;

const WHO: &str = "/admin/v1/session";

fn builder() -> GatewayBuilder {
    GatewayBuilder::new(Recorder::start().address)
        .operator("anna", &[Role::Viewer])
        .operator("olga", &[Role::Administrator])
}

fn sign_in(name: &str, password: &str) -> Request {
    Request::post(WHO, json!({"name":name,"password":password}).to_string())
}

fn by_form(name: &str, password: &str) -> Request {
    let form = format!("name={name}&password={}&next=%2F", password.replace(' ', "+"));
    Request::new("POST", "/sign-in")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .header("Sec-Fetch-Site", "same-origin")
        .body(form)
}

fn cookie(answer: &Answer) -> String {
    answer.header("set-cookie").unwrap().to_owned()
}

fn value(cookie: &str) -> &str {
    cookie.split([';', '=']).nth(1).unwrap()
}

fn who(gateway: &Gateway, cookies: &[&str]) -> u16 {
    let request = cookies.iter().fold(Request::get(WHO), |r, value| r.header("Cookie", value));
    request.send(gateway.admin).status
}

#[test]
fn a_cookie_set_beforehand_is_not_taken_over_and_a_sign_in_ends_the_session_before() {
    let gateway = builder().start();
    let planted = "A".repeat(43);
    let brought = format!("interdict={planted}");
    let first = sign_in("anna", PASSWORD).header("Cookie", &brought).send(gateway.admin);
    let first = cookie(&first);
    assert_ne!(value(&first), planted);
    assert_eq!(value(&first).len(), 43, "256 bits: {first}");
    assert_eq!(who(&gateway, &[&brought]), 401);
    let first = format!("interdict={}", value(&first));
    assert_eq!(who(&gateway, &[&first]), 200);
    let second = by_form("anna", PASSWORD).header("Cookie", &first).send(gateway.admin);
    assert_eq!((second.status, second.header("location")), (303, Some("/")));
    let second = format!("interdict={}", value(&cookie(&second)));
    assert_ne!(first, second);
    assert_eq!(who(&gateway, &[&first]), 401, "the session before is over");
    assert_eq!(who(&gateway, &[&second]), 200);
    // A failed sign-in takes nobody's session away.
    assert_eq!(by_form("anna", "wrong").header("Cookie", &second).send(gateway.admin).status, 401);
    assert_eq!(who(&gateway, &[&second]), 200);
}

#[test]
fn a_cookie_is_for_no_script_no_other_site_and_over_tls_for_no_other_host() {
    let plain = builder().start();
    let behind = builder().admin("public_url = \"https://console.example\"").start();
    for (gateway, name, secure) in
        [(&plain, "interdict", false), (&behind, "__Host-interdict", true)]
    {
        for answer in [
            sign_in("anna", PASSWORD).send(gateway.admin),
            by_form("anna", PASSWORD).send(gateway.admin),
        ] {
            let cookie = cookie(&answer);
            let mut parts = cookie.split("; ");
            assert_eq!(parts.next().unwrap().split('=').next(), Some(name));
            let parts: Vec<_> = parts.collect();
            for wanted in ["Path=/", "HttpOnly", "SameSite=Strict"] {
                assert!(parts.contains(&wanted), "{cookie}");
            }
            assert_eq!(parts.contains(&"Secure"), secure, "{cookie}");
            assert!(!cookie.contains("Domain"), "{cookie}");
            let age = parts.iter().find_map(|part| part.strip_prefix("Max-Age="));
            let age: u64 = age.unwrap().parse().unwrap();
            assert!((28_790..=28_800).contains(&age), "eight hours: {age}");
            assert_eq!(answer.header("cache-control"), Some("no-store"));
        }
    }
    // Where cookies are for this host alone, others are not looked at: a sibling may have set them.
    let token = cookie(&sign_in("anna", PASSWORD).send(behind.admin));
    assert_eq!(who(&behind, &[&format!("interdict={}", value(&token))]), 401);
    assert_eq!(who(&behind, &[&format!("__Host-interdict={}", value(&token))]), 200);
}

#[test]
fn of_two_cookies_of_one_name_neither_is_believed() {
    let gateway = builder().start();
    let anna = gateway.console("anna").cookie;
    let olga = gateway.console("olga").cookie;
    assert_eq!(who(&gateway, &[&anna]), 200);
    assert_eq!(who(&gateway, &[&format!("{anna}; {olga}")]), 401);
    assert_eq!(who(&gateway, &[&anna, &olga]), 401);
    assert_eq!(who(&gateway, &[&anna, &anna]), 401);
    assert_eq!(who(&gateway, &[&format!("other=1; {anna}; Interdict=2")]), 200);
    for bad in ["interdict=", "interdict", "interdict=x", "=x", "interdict=\"\""] {
        assert_eq!(who(&gateway, &[bad]), 401, "{bad}");
    }
}

#[test]
fn signing_out_ends_the_session_at_the_server() {
    let gateway = builder().start();
    for way in ["DELETE", "POST"] {
        let (mine, other) = (gateway.console("anna"), gateway.console("anna"));
        let path = if way == "POST" { "/sign-out" } else { WHO };
        let answer = mine.request(way, path).header("Content-Length", "0").send(gateway.admin);
        assert!(answer.status < 300, "{}", answer.text());
        assert!(cookie(&answer).starts_with("interdict=; Path=/; Max-Age=0"), "{answer:?}");
        assert_eq!(who(&gateway, &[&mine.cookie]), 401);
        assert_eq!(who(&gateway, &[&other.cookie]), 200, "another session goes on");
    }
}

#[test]
fn a_disabled_account_or_another_password_ends_its_sessions_at_once() {
    let gateway = builder().start();
    let operators = Operators::open(&gateway.dir().join("store")).unwrap();
    let now = jiff::Timestamp::now;
    let before = gateway.console("anna").cookie;
    let keep = LastAdministrator::Keep;
    operators.set_standing("anna", Standing::Disabled, keep, "command:test", now()).unwrap();
    assert_eq!(who(&gateway, &[&before]), 401);
    assert_eq!(sign_in("anna", PASSWORD).send(gateway.admin).status, 401);
    operators.set_standing("anna", Standing::Enabled, keep, "command:test", now()).unwrap();
    assert_eq!(who(&gateway, &[&before]), 401, "what has ended does not begin again");
    let (anna, olga) = (gateway.console("anna"), gateway.console("olga"));
    let other = json!({"password":"nine loud bells below the hill","reason":"forgotten"});
    let set = olga.send("PUT", "/admin/v1/operators/anna/password", &other);
    assert_eq!(set.status, 204, "{}", set.text());
    assert_eq!(anna.get(WHO).status, 401);
    assert_eq!(sign_in("anna", PASSWORD).send(gateway.admin).status, 401);
}

#[test]
fn an_idle_session_ends_and_what_an_open_page_asks_by_itself_is_no_use_of_it() {
    let gateway = builder().admin("session_idle = \"2s\"").start();
    let (left, worked, streamed) =
        (gateway.console("anna"), gateway.console("anna"), gateway.console("anna"));
    let poll =
        || left.request("GET", WHO).header("X-Interdict-Background", "1").send(gateway.admin);
    let stream =
        || streamed.request("GET", WHO).header("Accept", "text/event-stream").send(gateway.admin);
    assert_eq!(
        (poll().status, stream().status),
        (200, 200),
        "it is let in as long as the session is"
    );
    // Polls come all the time, and it ends all the same.
    until("the end of what nobody uses", || {
        assert_eq!(worked.get(WHO).status, 200, "a person's own request keeps it");
        (poll().status == 401 && stream().status == 401).then_some(())
    });
    assert_eq!(worked.get(WHO).status, 200);
}

#[test]
fn a_session_ends_after_its_lifetime_however_busy_it_is() {
    let gateway = builder().admin("session_lifetime = \"2s\"").start();
    let busy = gateway.console("anna");
    assert_eq!(busy.get(WHO).status, 200);
    until("the absolute end", || (busy.get(WHO).status == 401).then_some(()));
}

#[test]
fn neither_token_nor_password_is_ever_written_down() {
    let gateway = builder().start();
    let wrong = "a wrong password that nobody has";
    sign_in("anna", wrong).send(gateway.admin);
    sign_in(wrong, "x").send(gateway.admin);
    by_form("anna", wrong).send(gateway.admin);
    let anna = gateway.console("anna");
    anna.get("/?token=no");
    let answer = anna.request("DELETE", WHO).send(gateway.admin);
    assert_eq!(answer.status, 204);
    let token = anna.cookie.split_once('=').unwrap().1;
    let records = export_all(&gateway.dir().join("ledger"));
    let signed: Vec<_> = records.iter().filter(|record| record["action"] == "sign_in").collect();
    assert_eq!(signed.len(), 4, "each try is a record");
    assert!(records.iter().any(|record| record["action"] == "sign_out"));
    let mut texts = vec![gateway.log(), json!(records).to_string(), gateway.metrics()];
    let store = gateway.dir().join("store");
    for file in Command::new("find")
        .arg(&store)
        .args(["-type", "f"])
        .output()
        .unwrap()
        .stdout
        .split(|b| *b == b'\n')
    {
        let file = String::from_utf8_lossy(file).into_owned();
        if !file.is_empty() {
            texts.push(String::from_utf8_lossy(&std::fs::read(file).unwrap()).into_owned());
        }
    }
    for secret in [token, &anna.csrf, PASSWORD, wrong] {
        assert!(texts.iter().all(|text| !text.contains(secret)), "{secret}");
    }
}

#[test]
fn who_guesses_has_to_wait_and_a_network_that_is_known_has_not() {
    let gateway = builder()
        .admin("trusted_proxies = [\"127.0.0.0/8\"]\npublic_url = \"http://console.example\"")
        .start();
    let from =
        |client: &str, password: &str| sign_in("anna", password).from(client).send(gateway.admin);
    assert_eq!(from("198.51.100.7", PASSWORD).status, 201);
    let refused = until("the throttle", || {
        let answer = from("203.0.113.7", "a wrong password");
        assert!(matches!(answer.status, 401 | 429), "{}", answer.text());
        (answer.status == 429).then_some(answer)
    });
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=900).contains(&wait), "{wait}");
    assert_eq!(refused.json()["type"], "too-many-requests");
    assert_eq!(refused.json()["retry_after"], wait);
    let page = by_form("anna", PASSWORD).from("203.0.113.9").send(gateway.admin);
    assert_eq!(page.status, 429, "the page as well, of the same network");
    assert!(page.header("retry-after").is_some());
    assert_eq!(from("198.51.100.8", PASSWORD).status, 201, "her own network is known");
    assert_eq!(from("192.0.2.7", PASSWORD).status, 429, "a third network is not");
    // What stands left of the proxy's own word is the client's invention.
    assert_eq!(from("198.51.100.7, 192.0.2.7", PASSWORD).status, 429);
}

#[test]
fn without_trusted_proxies_nobody_says_where_they_come_from() {
    let gateway = builder().start();
    for guess in 0..40 {
        let client = format!("198.51.{guess}.7");
        let answer = sign_in("anna", "a wrong password").from(&client).send(gateway.admin);
        if answer.status == 429 {
            return;
        }
    }
    panic!("each guess from another invented address was let");
}

#[test]
fn failed_sign_ins_cannot_fill_the_ledger() {
    let gateway = builder().start();
    for guess in 0..200 {
        sign_in(&format!("nobody{guess}"), "a wrong password").send(gateway.admin);
    }
    let records = export_all(&gateway.dir().join("ledger"));
    let refused = records.iter().filter(|record| record["outcome"] == "refused").count();
    assert!((5..=20).contains(&refused), "{refused} records of 200 tries");
    let mut looked = records.iter().filter(|record| record["kind"] == "access");
    assert!(looked.all(|record| !record.to_string().contains("nobody")));
}

/// Starts a gateway on a store and a ledger that outlive it.
fn again(dir: &std::path::Path, more: &str) -> Gateway {
    let store = dir.join("store");
    GatewayBuilder::new(Recorder::start().address)
        .ledger(&dir.join("ledger"))
        .with(&format!("{more}[store]\ndir = \"{}\"", store.display()))
        .admin("trusted_proxies = [\"127.0.0.0/8\"]\npublic_url = \"http://console.example\"")
        .start()
}

#[test]
fn a_known_network_is_known_after_a_restart_where_the_record_can_be_read() {
    for (personal, known) in [("clear", true), ("sealed", true), ("masked", false)] {
        let dir = tempfile::tempdir().unwrap();
        crate::support::add_operator(&dir.path().join("store"), "anna", &[Role::Viewer]);
        let more = format!("personal = \"{personal}\"\n");
        let first = again(dir.path(), &more);
        let signed_in = sign_in("anna", PASSWORD).from("198.51.100.7").send(first.admin);
        assert_eq!(signed_in.status, 201, "{}", signed_in.text());
        let records = export_all(&dir.path().join("ledger"));
        let record = records.iter().find(|record| record["action"] == "sign_in").unwrap();
        match personal {
            "clear" => assert_eq!(record["network"], "198.51.100.0/24"),
            _ => assert!(!record.to_string().contains("198.51.100.7")),
        }
        drop(first);
        let second = again(dir.path(), &more);
        // Strangers lock the account for everybody who is not known.
        until("the throttle", || {
            let guess = sign_in("anna", "a wrong password").from("203.0.113.7").send(second.admin);
            (guess.status == 429).then_some(())
        });
        let own = || sign_in("anna", PASSWORD).from("198.51.100.9").send(second.admin).status;
        match known {
            true => until("the known network", || (own() == 201).then_some(())),
            false => assert_eq!(own(), 429, "{personal}"),
        }
    }
}

#[test]
fn passwords_from_other_machines_are_refused_in_clear() {
    let gateway = builder().admin("trusted_proxies = [\"127.0.0.0/8\"]").start();
    assert_eq!(sign_in("anna", PASSWORD).send(gateway.admin).status, 201);
    let afar = sign_in("anna", PASSWORD).from("198.51.100.7").send(gateway.admin);
    assert_eq!(afar.status, 403, "{}", afar.text());
    assert!(afar.text().contains("public_url"), "{}", afar.text());
}

#[test]
fn the_listener_speaks_tls_with_the_newest_certificate() {
    let issue = |name: &str| {
        let signed = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        (signed.cert.pem(), signed.signing_key.serialize_pem())
    };
    let (old, new) = (issue("console.example"), issue("console.example"));
    let gateway = builder()
        .admin("tls = { certificate = \"c.pem\", key = \"k.pem\" }\npublic_url = \"https://console.example\"")
        .file("c.pem", &old.0)
        .file("k.pem", &old.1)
        .file("old.pem", &old.0)
        .file("new.pem", &new.0)
        .start();
    let dir = gateway.dir().to_owned();
    let port = gateway.admin.port();
    let ask = |authority: &str, more: &[&str], path: &str| {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--max-time", "10", "--include", "--cacert"])
            .arg(dir.join(authority))
            .args(["--resolve", &format!("console.example:{port}:127.0.0.1")])
            .args(more)
            .arg(format!("https://console.example:{port}{path}"));
        crate::support::run(&mut curl)
    };
    let body = json!({"name":"anna","password":PASSWORD}).to_string();
    let post = ["--header", "Content-Type: application/json", "--data", &body];
    let signed_in = ask("old.pem", &post, WHO);
    assert_eq!(signed_in.code, Some(0), "{}", signed_in.stderr);
    let text = signed_in.stdout.to_lowercase();
    assert!(text.contains(" 201"), "{text}");
    assert!(text.contains("set-cookie: __host-interdict=") && text.contains("; secure"), "{text}");
    assert_ne!(ask("new.pem", &[], "/healthz").code, Some(0), "not shown yet");
    std::fs::write(dir.join("k.pem"), &new.1).unwrap();
    std::fs::write(dir.join("c.pem"), &new.0).unwrap();
    until("the new certificate", || {
        (ask("new.pem", &[], "/healthz").code == Some(0)).then_some(())
    });
    std::fs::write(dir.join("c.pem"), "no certificate").unwrap();
    until("the refusal", || gateway.log().contains("reload failed").then_some(()));
    assert_eq!(ask("new.pem", &[], "/healthz").code, Some(0), "the last good is shown");
}

#[test]
fn check_looks_at_what_the_listener_needs_and_says_what_is_open() {
    let recorder = Recorder::start();
    let check = |builder: GatewayBuilder| {
        let config = builder.write();
        crate::support::run(interdict().args(["check", "--config"]).arg(config))
    };
    let base = || GatewayBuilder::new(recorder.address);
    let missing = check(base().admin("tls = { certificate = \"no.pem\", key = \"no.pem\" }"));
    assert_ne!(missing.code, Some(0), "{}", missing.stdout);
    assert!(missing.stderr.contains("no.pem"), "{}", missing.stderr);
    let identity = "[admin.identity]\njwks = \"no.json\"\nissuer = \"i\"\naudience = \"a\"\nalgorithms = [\"EdDSA\"]\nroles_claim = \"/roles\"";
    let missing = check(base().with(identity));
    assert_ne!(missing.code, Some(0), "{}", missing.stdout);
    assert!(missing.stderr.contains("[admin.identity] jwks") && missing.stderr.contains("no.json"));
    let open = base().environment("INTERDICT__ADMIN__LISTEN", "0.0.0.0:0");
    let config = open.write();
    let open = crate::support::run(
        interdict()
            .env("INTERDICT__ADMIN__LISTEN", "0.0.0.0:0")
            .args(["check", "--config"])
            .arg(config),
    );
    let said = format!("{}{}", open.stdout, open.stderr);
    assert!(said.contains("[admin] listen is 0.0.0.0:0, in clear"), "{said}");
    let closed = check(base());
    assert!(!closed.stdout.contains("[admin] listen"), "{}", closed.stdout);
}

#[test]
fn only_its_own_name_leads_to_the_console_and_any_to_the_probes() {
    let gateway = builder().admin("public_url = \"https://Console.example/\"").start();
    let port = gateway.admin.port();
    let own = ["127.0.0.1", "localhost", "LOCALHOST", "[::1]", "10.0.0.7", "console.example"];
    for host in own.iter().flat_map(|host| [(*host).to_owned(), format!("{host}:{port}")]) {
        let answer = Request::get("/sign-in").host(&host).send(gateway.admin);
        assert_eq!(answer.status, 200, "{host}: {}", answer.text());
    }
    let anna = gateway.console("anna");
    for host in [
        "evil.example",
        "console.example.evil.example",
        "evil.example:9090",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "console.example@evil.example",
        "",
        "127.0.0.1, evil.example",
    ] {
        for path in ["/", "/sign-in", WHO, "/admin/openapi.json", "/admin/v1/operators"] {
            let request = Request::get(path).host(host).header("Cookie", &anna.cookie);
            let answer = request.send(gateway.admin);
            assert!(matches!(answer.status, 400 | 421), "{host}{path}: {}", answer.text());
        }
        let post = sign_in("anna", PASSWORD).host(host).send(gateway.admin);
        assert!(matches!(post.status, 400 | 421), "{host}: {}", post.text());
        assert!(post.header("set-cookie").is_none());
    }
    let two = Request::get("/sign-in")
        .host("127.0.0.1")
        .header("Host", "evil.example")
        .send(gateway.admin);
    assert!(matches!(two.status, 400 | 421), "{}", two.status);
    let told = Request::get("/sign-in").host("evil.example").send(gateway.admin);
    assert!(told.text().contains("public_url"), "{}", told.text());
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(Request::get(path).host("pod-7.internal").send(gateway.admin).status, 200);
    }
}

#[test]
fn every_answer_says_how_browsers_are_to_take_it() {
    let gateway = builder().start();
    let olga: Console = gateway.console("olga");
    for path in [
        "/",
        "/operators",
        WHO,
        "/admin/v1/operators",
        "/admin/v1/operators/nobody",
        "/sign-in",
        "/admin/openapi.json",
    ] {
        let answer = olga.get(path);
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        let policy = answer.header("content-security-policy").unwrap_or_default();
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert!(answer.header("access-control-allow-origin").is_none(), "{path}");
        if path != "/admin/openapi.json" {
            assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        }
    }
    let problem: Value = Request::get(WHO).send(gateway.admin).json();
    assert_eq!(problem["status"], 401);
}
