//! `/check/*`: proxies that ask before they serve, for real and by hand, and the traps of it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::support::Answer;
use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Nginx;
use crate::support::Program;
use crate::support::Recorder;
use crate::support::Request;
use crate::support::US;
use crate::support::VPN;
use crate::support::nginx::free_address;
use crate::support::until;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const UPDATE: &str = "/mirror/index/u1313g.xml";
const ORDER: &str = r#"{"billing":{"country":"DE"},"lines":[{"sku":"KL1047GDEFS"}]}"#;

fn start() -> (Recorder, Gateway) {
    let recorder = Recorder::answering(OK);
    let gateway = Gateway::start(recorder.address);
    (recorder, gateway)
}

fn ask(front: &str, target: &str, client: &str) -> Request {
    let (method, uri) = match front {
        "nginx" | "haproxy" => ("X-Original-Method", "X-Original-URI"),
        _ => ("X-Forwarded-Method", "X-Forwarded-Uri"),
    };
    Request::get(&format!("/check/{front}")).header(method, "GET").header(uri, target).from(client)
}

#[test]
fn each_proxy_is_answered_in_the_way_it_understands() {
    let (recorder, gateway) = start();
    for front in ["nginx", "haproxy", "caddy", "traefik"] {
        let allowed = ask(front, UPDATE, GERMAN).send(gateway.address);
        assert_eq!((allowed.status, allowed.decision().unwrap().0), (200, "allow"), "{front}");
        let unjudged = ask(front, "/static/x?a=%2f", US).send(gateway.address);
        assert_eq!(unjudged.status, 200, "{front}");
        assert_eq!(unjudged.header("interdict-decision"), Some("allow"), "{front}");
        for (target, client, status, verdict) in [
            (UPDATE, US, 451, "block"),
            ("/anything/index/u1313g.xml?x=1", US, 451, "block"),
            ("/static/%2e%2e/mirror/index/u1313g.xml", US, 451, "block"),
            ("/static/..%252fmirror/index/u1313g.xml", US, 400, "error"),
            (UPDATE, "", 403, "review"),
        ] {
            let answer = ask(front, target, client).send(gateway.address);
            let shown = format!("{front} {target} {client}: {answer:?}");
            let (said, id) = answer.decision().expect(&shown);
            assert_eq!(said, verdict, "{shown}");
            let told = answer.header("interdict-status").map(str::to_owned);
            if matches!(front, "nginx" | "haproxy") {
                assert_eq!((answer.status, told), (403, Some(status.to_string())), "{shown}");
            } else {
                assert_eq!((answer.status, told), (status, None), "{shown}");
            }
            if status == 451 {
                let link = answer.header("link").unwrap();
                assert!(link.contains("rel=\"blocked-by\""), "{link}");
            }
            assert_eq!(gateway.record(id)["request"]["method"], "GET");
        }
    }
    assert!(recorder.seen().is_empty());
}

#[test]
fn envoy_asks_with_the_original_path_behind_the_prefix() {
    let (_recorder, gateway) = start();
    let ask = |target: &str, client: &str| {
        Request::get(&format!("/check/envoy{target}")).from(client).send(gateway.address)
    };
    assert_eq!(ask(UPDATE, US).status, 451);
    assert_eq!(ask(UPDATE, GERMAN).decision().unwrap().0, "allow");
    assert_eq!(ask("/a/..%2fmirror%2findex/u1313g.xml", US).status, 400);
    assert_eq!(ask("/static/x", US).header("interdict-decision"), Some("allow"));
    let order = |body: &str, extra: (&str, &str)| {
        Request::post("/check/envoy/api/orders", body)
            .header(extra.0, extra.1)
            .from(GERMAN)
            .send(gateway.address)
    };
    assert_eq!(order(ORDER, ("X-A", "b")).decision().unwrap().0, "allow");
    assert_eq!(order(&ORDER.replace("DE", "US"), ("X-A", "b")).status, 451);
    let partial = order(ORDER, ("x-envoy-auth-partial-body", "true"));
    assert_eq!((partial.status, partial.decision().unwrap().0), (403, "review"));
}

#[test]
fn what_a_proxy_does_not_say_or_says_twice_is_refused() {
    let (_recorder, gateway) = start();
    let closed = |request: Request| {
        let answer = request.from(GERMAN).send(gateway.address);
        assert!(answer.status >= 400, "{answer:?}");
        assert_ne!(answer.decision().map(|d| d.0), Some("allow"));
        assert!(!answer.header("interdict-decision").unwrap_or_default().starts_with("allow"));
    };
    let nginx = || Request::get("/check/nginx");
    closed(nginx());
    closed(nginx().header("X-Original-Method", "GET"));
    closed(nginx().header("X-Original-URI", "/static/x"));
    let twice = nginx().header("X-Original-Method", "GET").header("X-Original-URI", "/static/x");
    closed(twice.header("X-Original-URI", UPDATE));
    closed(nginx().header("X-Original-Method", "GET").header("X-Original-URI", "static/x"));
    closed(nginx().header("X-Original-Method", "TRACE").header("X-Original-URI", "/static/x"));
    // The other family's headers are not its own.
    closed(nginx().header("X-Forwarded-Method", "GET").header("X-Forwarded-Uri", "/static/x"));
    closed(Request::get("/check/caddy").header("X-Original-URI", "/static/x"));
    for target in ["/check", "/check/", "/check/apache", "/check/envoy", "/CHECK/nginx"] {
        let request = Request::get(target).header("X-Original-Method", "GET");
        closed(request.header("X-Original-URI", "/static/x"));
    }
}

#[test]
fn a_body_that_is_judged_is_never_allowed_unseen() {
    let (_recorder, gateway) = start();
    let ask = || {
        Request::get("/check/traefik")
            .header("X-Forwarded-Method", "POST")
            .header("X-Forwarded-Uri", "/api/orders")
            .from(GERMAN)
    };
    let unseen = ask().send(gateway.address);
    let (verdict, id) = unseen.decision().unwrap();
    assert_eq!((unseen.status, verdict), (403, "review"));
    assert_eq!(gateway.record(id)["status"], 403);
    assert_eq!(unseen.json()["type"], "review");
    let with = |body: &str| {
        ask().header("Content-Type", "application/json").body(body).send(gateway.address)
    };
    assert_eq!(with(ORDER).decision().unwrap().0, "allow");
    assert_eq!(with(&ORDER.replace("DE", "US")).status, 451);
    assert_eq!(with("{").status, 400);
    let wrong = ask().header("X-Forwarded-Method", "GET");
    assert_eq!(wrong.send(gateway.address).status, 400);
}

#[test]
fn only_the_operators_own_proxies_may_ask() {
    let recorder = Recorder::answering(OK);
    let gateway =
        GatewayBuilder::new(recorder.address).gateway("api_clients = [\"192.0.2.1/32\"]").start();
    // The peer counts, not the address that a header claims.
    for client in ["192.0.2.1", GERMAN] {
        for front in ["nginx", "caddy", "traefik", "haproxy"] {
            let answer = ask(front, "/static/x", client).send(gateway.address);
            assert_eq!((answer.status, answer.header("interdict-decision")), (404, None));
        }
        let envoy = Request::get("/check/envoy/static/x").from(client).send(gateway.address);
        assert_eq!(envoy.status, 404);
    }
}

/// nginx in front of files, by the configuration that is shipped.
fn nginx(gateway: SocketAddr) -> Nginx {
    let shipped = |name: &str| std::fs::read_to_string(format!("deploy/nginx/{name}")).unwrap();
    let guarded = shipped("guarded.conf");
    let server = format!(
        "set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For;\n{}\n\
         location / {{ {guarded} }}\n\
         location = /returned {{ {guarded} return 200 'unguarded'; }}\n\
         location = /static/stray.txt {{ {} }}\n\
         location = /_stray {{ internal; return 200; }}\n",
        shipped("interdict.conf").replace("127.0.0.1:8080", &gateway.to_string()),
        guarded.replace("auth_request /_interdict;", "auth_request /_stray;"),
    );
    let http = shipped("interdict-http.conf").replace("/srv/www", "$root/www");
    Nginx::start_with(
        &http,
        &server,
        &[
            ("www/mirror/index/u1313g.xml", "<Update/>\n"),
            ("www/static/logo.txt", "logo\n"),
            ("www/static/stray.txt", "stray\n"),
        ],
    )
}

#[test]
fn nginx_serves_what_is_allowed_and_answers_451_itself() {
    let (_recorder, gateway) = start();
    let nginx = nginx(gateway.address);
    let get = |target: &str, client: &str| -> Answer {
        Request::get(target).from(client).send(nginx.address)
    };
    let served = get(UPDATE, GERMAN);
    assert_eq!((served.status, served.text().as_str()), (200, "<Update/>\n"));
    assert_eq!(get("/static/logo.txt", US).status, 200);
    let refused = get(UPDATE, US);
    assert_eq!(refused.status, 451);
    assert!(refused.header("link").unwrap().contains("blocked-by"));
    let (verdict, id) = refused.decision().unwrap();
    assert_eq!((verdict, &gateway.record(id)["decision"]["verdict"]), ("block", &"block".into()));
    for spelled in ["/static/../mirror/index/u1313g.xml", "/mirror//index/u1313g%2exml"] {
        assert_eq!(get(spelled, US).status, 451, "{spelled}");
    }
    assert_eq!(get(UPDATE, VPN).status, 403);
    // A 200 from elsewhere opens nothing, for it does not say `allow`.
    assert_eq!(get("/static/stray.txt", GERMAN).status, 404);
    // The trap that the shipped file warns of: nginx returns before it asks.
    assert_eq!(get("/returned", US).text(), "unguarded");
    gateway.kill();
    assert_eq!(get("/static/logo.txt", GERMAN).status, 500);
}

/// A file server that says whom it served.
fn files() -> Nginx {
    let server = "root $root/www; location / { try_files $uri =404; }";
    Nginx::start(
        server,
        &[("www/mirror/index/u1313g.xml", "<Update/>\n"), ("www/static/logo.txt", "logo\n")],
    )
}

/// A real proxy, by the configuration that is shipped, with addresses of this test in it.
struct Front {
    _program: Program,
    _dir: TempDir,
    address: SocketAddr,
}

impl Front {
    fn caddy(gateway: SocketAddr, root: &Path) -> Self {
        let address = free_address();
        let shipped = std::fs::read_to_string("deploy/caddy/Caddyfile").unwrap();
        // Clients of the test say who they are; Caddy believes them as it would a proxy before it.
        let text = shipped
            .replace(
                ":80 {",
                &format!("{{\n\tadmin off\n}}\n:{} {{\n\tbind 127.0.0.1", address.port()),
            )
            .replace("method GET", "method GET\n\t\t\ttrusted_proxies 127.0.0.1/32")
            .replace("127.0.0.1:8080", &gateway.to_string())
            .replace("/srv/www", &root.display().to_string());
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("Caddyfile");
        std::fs::write(&path, text).unwrap();
        let mut command = Command::new("caddy");
        command.args(["run", "--adapter", "caddyfile", "--config"]).arg(&path);
        command.env("HOME", dir.path()).env("XDG_DATA_HOME", dir.path());
        Self::started(&mut command, dir, address)
    }

    fn haproxy(gateway: SocketAddr, files: SocketAddr) -> Self {
        let address = free_address();
        let dir = tempfile::tempdir().unwrap();
        let script = dir.path().join("interdict.lua");
        std::fs::copy("deploy/haproxy/interdict.lua", &script).unwrap();
        let shipped = std::fs::read_to_string("deploy/haproxy/haproxy.cfg").unwrap();
        let text = shipped
            .replace(
                "bind :80",
                &format!("bind {address}\n    http-request set-src req.hdr_ip(x-forwarded-for)"),
            )
            .replace("127.0.0.1:8080", &gateway.to_string())
            .replace("127.0.0.1:9000", &files.to_string())
            .replace("/etc/haproxy/interdict.lua", &script.display().to_string());
        let path = dir.path().join("haproxy.cfg");
        std::fs::write(&path, text).unwrap();
        Self::started(Command::new("haproxy").arg("-db").arg("-f").arg(&path), dir, address)
    }

    fn started(command: &mut Command, dir: TempDir, address: SocketAddr) -> Self {
        let program = Program::start(command);
        until("the proxy", || std::net::TcpStream::connect(address).ok());
        Self { _program: program, _dir: dir, address }
    }
}

#[test]
fn caddy_and_haproxy_serve_what_is_allowed_and_answer_451() {
    let (_recorder, gateway) = start();
    let files = files();
    let stray = Recorder::answering(OK);
    let root = files.dir().join("www");
    let fronts = [
        ("caddy", Front::caddy(gateway.address, &root), Front::caddy(stray.address, &root)),
        (
            "haproxy",
            Front::haproxy(gateway.address, files.address),
            Front::haproxy(stray.address, files.address),
        ),
    ];
    for (name, front, strayed) in &fronts {
        let get = |target: &str, client: &str| -> Answer {
            Request::get(target).from(client).send(front.address)
        };
        let served = get(UPDATE, GERMAN);
        assert_eq!((served.status, served.text().as_str()), (200, "<Update/>\n"), "{name}");
        assert_eq!(get("/static/logo.txt", US).status, 200, "{name}");
        let refused = get(&format!("{UPDATE}?x=1"), US);
        assert_eq!(refused.status, 451, "{name}");
        assert!(refused.header("link").unwrap().contains("blocked-by"), "{name}");
        let (verdict, id) = refused.decision().unwrap();
        assert_eq!(verdict, "block", "{name}");
        let record = gateway.record(id);
        assert_eq!(record["request"]["path"], UPDATE, "{name}");
        assert_eq!(record["request"]["client"], US, "{name}");
        for spelled in ["/static/../mirror/index/u1313g.xml", "/mirror//index/u1313g%2exml"] {
            assert_eq!(get(spelled, US).status, 451, "{name} {spelled}");
        }
        let held = get(UPDATE, VPN);
        assert_eq!((held.status, held.decision().unwrap().0), (403, "review"), "{name}");
        // A header of the client's own is not what the proxy says.
        let forged = Request::get(UPDATE)
            .from(US)
            .header("X-Original-URI", "/static/logo.txt")
            .header("X-Forwarded-Uri", "/static/logo.txt")
            .header("X-Forwarded-Method", "HEAD")
            .send(front.address);
        assert_eq!(forged.status, 451, "{name}");
        // A 200 from elsewhere opens nothing, for it does not say `allow`.
        let answer = Request::get("/static/logo.txt").from(GERMAN).send(strayed.address);
        assert!([502, 503].contains(&answer.status), "{name}: {answer:?}");
    }
    gateway.kill();
    for (name, front, _) in &fronts {
        let answer = Request::get("/static/logo.txt").from(GERMAN).send(front.address);
        assert!([502, 503].contains(&answer.status), "{name}: {answer:?}");
    }
}
