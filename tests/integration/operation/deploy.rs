//! The example configurations run as they are, but for the ports and the customers' addresses.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::support::GERMAN;
use crate::support::NETWORKS;
use crate::support::Nginx;
use crate::support::Program;
use crate::support::Recorder;
use crate::support::Request;
use crate::support::US;
use crate::support::VPN;
use crate::support::interdict;
use crate::support::run;
use crate::support::store::Store;
use crate::support::store::session;

/// `deploy/<name>` beside the shipped policies, in a folder of its own.
fn start(name: &str, upstream: (&str, SocketAddr)) -> (Program, SocketAddr, tempfile::TempDir) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    let dir = tempfile::tempdir().unwrap();
    for file in [&format!("deploy/{name}"), "policies/us-commerce-kaspersky.toml"] {
        let target = dir.path().join(file);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(source.join(file), target).unwrap();
    }
    fs::copy(source.join("deploy/customers.csv"), dir.path().join("deploy/customers.csv")).unwrap();
    fs::write(dir.path().join("networks.csv"), NETWORKS).unwrap();
    let checked =
        run(interdict().args(["check", "--config"]).arg(dir.path().join("deploy").join(name)));
    assert_eq!(checked.code, Some(0), "{}", checked.stderr);
    let servers = format!("[\"http://{}\"]", upstream.1);
    let mut program = Program::start(
        interdict()
            .args(["serve", "--listen", "127.0.0.1:0", "--config"])
            .arg(dir.path().join("deploy").join(name))
            .env("INTERDICT__ADMIN__LISTEN", "127.0.0.1:0")
            .env("INTERDICT__GATEWAY__TRUSTED_PROXIES", "[\"127.0.0.1/32\"]")
            .env("INTERDICT__GATEWAY__CLIENT_ADDRESS", "x-forwarded-for")
            .env("INTERDICT__GEO__NETWORKS", "../networks.csv")
            .env("INTERDICT__LOG__FORMAT", "text")
            .env(format!("INTERDICT__UPSTREAM__{}__SERVERS", upstream.0), servers),
    );
    let address = program.address("gateway listening");
    (program, address, dir)
}

#[test]
fn the_example_of_a_mirror_stops_us_downloads_of_updates_alone() {
    let nginx = Nginx::mirror_and_shop();
    let (mut program, gateway, dir) = start("mirror.toml", ("MIRROR", nginx.address));
    for (path, client, status) in [
        ("/index/u1313g.xml", US, 451),
        ("/index/u1313g.xml", GERMAN, 200),
        ("/index/u1313g.xml", VPN, 403),
        ("/bases/av/kdb/i386/dailyc.kdc", US, 451),
        ("/bases/av/kdb/i386/dailyc.kdc", GERMAN, 200),
        ("/static/logo.txt", US, 200),
    ] {
        let answer = Request::get(path).from(client).send(gateway);
        assert_eq!(answer.status, status, "{path}, {client}");
    }
    assert_eq!(program.terminate(), Some(0));
    let ledger = dir.path().join("deploy/data/ledger");
    assert_eq!(run(interdict().args(["ledger", "verify"]).arg(ledger)).code, Some(0));
}

#[test]
fn the_example_of_an_order_endpoint_names_the_prohibited_line() {
    let nginx = Nginx::mirror_and_shop();
    let (mut program, gateway, _dir) = start("orders.toml", ("SHOP", nginx.address));
    let order = |country: &str| {
        let body = format!(
            r#"{{"billing":{{"country":"{country}"}},"lines":[{{"sku":"LAMP-1","title":"Desk lamp","vendor":"Lumen"}},{{"sku":"KL1047GDEFS","title":"Kaspersky Premium","vendor":"Kaspersky"}}]}}"#
        );
        Request::post("/api/orders", body)
    };
    let refused = order("US").from(US).send(gateway);
    assert_eq!((refused.status, &refused.json()["items"][0]["index"]), (451, &1.into()));
    assert_eq!(order("DE").from(GERMAN).send(gateway).status, 201);
    assert_eq!(order("DE").from(VPN).send(gateway).status, 403);
    assert_eq!(Request::get("/static/logo.txt").from(US).send(gateway).status, 200);
    assert_eq!(program.terminate(), Some(0));
}

#[test]
fn the_example_of_a_licence_server_knows_customers_by_their_keys() {
    const GERMAN_KEY: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";
    const US_KEY: &str = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
    const UNKNOWN_KEY: &str = "16fd2706-8baf-433b-82eb-8c7fada847da";
    let recorder = Recorder::start();
    let (mut program, gateway, dir) = start("licence-server.toml", ("LICENCES", recorder.address));
    let product =
        r#""product":{"sku":"KL1047GDEFS","name":"Kaspersky Premium","vendor":"Kaspersky"}"#;
    let customer = r#""customer":{"country":"DE","email":"a@example.de"}"#;
    for (key, client, status) in [
        (GERMAN_KEY, GERMAN, 201),
        (GERMAN_KEY, VPN, 403),
        (UNKNOWN_KEY, GERMAN, 403),
        (US_KEY, GERMAN, 451),
        ("", GERMAN, 403),
    ] {
        let order = format!(r#"{{"licence_key":"{key}",{product},{customer}}}"#);
        let answer = Request::post("/api/v1/activate", order).from(client).send(gateway);
        assert_eq!(answer.status, status, "activation of {key} from {client}");
    }
    for (key, status) in [(GERMAN_KEY, 201), (US_KEY, 451), (UNKNOWN_KEY, 403)] {
        let path = format!("/api/v1/licences/{key}/renew");
        let order = format!(r#"{{"seats":"3",{product},{customer}}}"#);
        let answer = Request::post(&path, order).from(GERMAN).send(gateway);
        assert_eq!(answer.status, status, "renewal of {key}");
        let path = format!("/api/v1/licences/{key}?sku=KL1047GDEFS");
        assert_eq!(Request::get(&path).from(US).send(gateway).status, 201, "status of {key}");
        let update = Request::get("/updates/index/u1313g.xml").from(GERMAN);
        let update = update.header("X-License-Key", key).send(gateway);
        let delivered = if key == US_KEY { 451 } else { 201 };
        assert_eq!(update.status, delivered, "an update for {key}");
    }
    assert_eq!(program.terminate(), Some(0));
    let ledger = dir.path().join("deploy/data/ledger");
    let exported = run(interdict().args(["ledger", "export"]).arg(ledger)).stdout;
    assert_eq!(exported.lines().count(), 29, "the policies, each decision, and what became of it");
    for key in [GERMAN_KEY, US_KEY, UNKNOWN_KEY] {
        assert!(!exported.contains(key), "a licence key stands in a record");
    }
}

#[test]
fn the_example_of_a_storefront_refuses_us_checkouts_in_every_form() {
    const JSON: &str = "application/json";
    const FORM: &str = "application/x-www-form-urlencoded";
    let store = Store::start();
    let (mut program, gateway, dir) = start("storefront.toml", ("SHOP", store.address()));
    let form = |country: &str| format!("billing_country={country}&billing_email=a%40example.com");
    let block = |country: &str| {
        format!(r#"{{"billing_address":{{"country":"{country}","email":"a@example.com"}}}}"#)
    };
    for (target, kind, body) in [
        ("/wp-json/wc/store/v1/checkout", JSON, &block as &dyn Fn(&str) -> String),
        ("/?rest_route=/wc/store/v1/checkout", JSON, &block),
        ("/?wc-ajax=checkout", FORM, &form),
    ] {
        store.fill("t_1", &[7, 93]);
        for (country, client, status) in
            [("US", US, 451), ("US", GERMAN, 451), ("DE", VPN, 403), ("DE", GERMAN, 200)]
        {
            let request = Request::new("POST", target).header("Content-Type", kind).from(client);
            let request = request.header("Cookie", &session("t_1")).body(body(country));
            let answer = request.send(gateway);
            assert_eq!(answer.status, status, "{target}, {country} from {client}");
        }
    }
    assert_eq!(store.orders(), vec![vec![7, 93]; 3], "the German ones, and no other");
    let add = r#"{"id":93,"quantity":1}"#;
    let add = |client| Request::post("/wp-json/wc/store/v1/cart/add-item", add).from(client);
    assert_eq!(add(US).send(gateway).status, 451);
    assert_eq!(add(GERMAN).send(gateway).status, 201);
    for path in ["/", "/?s=kaspersky", "/wp-json/wc/v3/orders", "/wp-json/wc/store/v1/products/93"]
    {
        assert_eq!(Request::get(path).from(US).send(gateway).status, 200, "{path}");
    }
    assert_eq!(program.terminate(), Some(0));
    let ledger = dir.path().join("deploy/data/ledger");
    assert_eq!(run(interdict().args(["ledger", "verify"]).arg(ledger)).code, Some(0));
}

/// No image can be built where the tests run; what can go stale is that the image names what is there.
#[test]
fn the_image_is_made_of_what_is_there_and_runs_without_root() {
    let dockerfile = fs::read_to_string("deploy/Dockerfile").unwrap();
    let ignored = fs::read_to_string(".dockerignore").unwrap();
    let copied: Vec<&str> = dockerfile
        .lines()
        .filter_map(|line| line.strip_prefix("COPY "))
        .filter(|line| !line.starts_with("--from"))
        .flat_map(|line| line.rsplit_once(' ').unwrap().0.split(' '))
        .collect();
    for source in ["Cargo.toml", "Cargo.lock", "benches", "policies", "src"] {
        assert!(copied.contains(&source), "`{source}` is not in the image's sources");
    }
    for source in copied {
        assert!(Path::new(source).exists(), "`{source}` is not there");
        assert!(!ignored.lines().any(|line| line == source), "`{source}` is ignored");
    }
    assert!(dockerfile.lines().any(|line| line == "USER 10001:10001"), "the program has root");
    let help = run(interdict().args(["serve", "--help"]));
    assert!(
        dockerfile.contains(r#"CMD ["serve", "--config","#) && help.stdout.contains("--config")
    );
}

/// The unit of that name, which systemd finds sound and hardened.
fn sound_unit(name: &str) -> String {
    let unit = fs::read_to_string(format!("deploy/systemd/{name}")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    let here = unit
        .replace("/usr/local/bin/interdict", env!("CARGO_BIN_EXE_interdict"))
        .replace("Documentation=man:interdict(1)\n", "");
    fs::write(&path, here).unwrap();
    let verified = run(Command::new("systemd-analyze").arg("verify").arg(&path));
    assert_eq!(verified.code, Some(0), "{}", verified.stderr);
    // Exposure in tenths; an ordinary service has 96.
    let rated = run(Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--threshold=20"])
        .arg(&path));
    assert_eq!(rated.code, Some(0), "{}", rated.stdout);
    unit
}

#[test]
fn the_unit_is_sound_and_hardened() {
    let unit = sound_unit("interdict.service");
    // Whatever the unit runs, the program understands.
    for line in unit.lines().filter_map(|line| line.split_once("/usr/local/bin/interdict ")) {
        let command = line.1.split(' ').next().unwrap();
        let help = run(interdict().args([command, "--help"]));
        assert!(help.stdout.contains("--config"), "{command}");
    }
}

#[test]
fn the_unit_of_the_witness_is_sound_and_hardened() {
    let unit = sound_unit("interdict-witness.service");
    let help = run(interdict().args(["witness", "--help"])).stdout;
    let started = unit.lines().find(|line| line.starts_with("ExecStart=")).unwrap();
    for flag in started.split(' ').filter(|word| word.starts_with("--")) {
        assert!(help.contains(flag), "{flag}");
    }
}
