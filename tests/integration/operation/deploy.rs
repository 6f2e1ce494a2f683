//! The example configurations run as they are, but for the ports and the customers' addresses.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::support::GERMAN;
use crate::support::NETWORKS;
use crate::support::Nginx;
use crate::support::Program;
use crate::support::Request;
use crate::support::US;
use crate::support::VPN;
use crate::support::interdict;
use crate::support::run;

/// `deploy/<name>` beside the shipped policies, in a folder of its own.
fn start(name: &str, upstream: (&str, SocketAddr)) -> (Program, SocketAddr, tempfile::TempDir) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    let dir = tempfile::tempdir().unwrap();
    for file in [&format!("deploy/{name}"), "policies/us-commerce-kaspersky.toml"] {
        let target = dir.path().join(file);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(source.join(file), target).unwrap();
    }
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
fn the_unit_is_sound_and_hardened() {
    let unit = fs::read_to_string("deploy/systemd/interdict.service").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("interdict.service");
    let program = env!("CARGO_BIN_EXE_interdict");
    let here = unit
        .replace("/usr/local/bin/interdict", program)
        .replace("Documentation=man:interdict(1)\n", "");
    fs::write(&path, here).unwrap();
    let verified = run(Command::new("systemd-analyze").arg("verify").arg(&path));
    assert_eq!(verified.code, Some(0), "{}", verified.stderr);
    // Exposure in tenths; an ordinary service has 96.
    let rated = run(Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--threshold=20"])
        .arg(&path));
    assert_eq!(rated.code, Some(0), "{}", rated.stdout);
    // Whatever the unit runs, the program understands.
    for line in unit.lines().filter_map(|line| line.split_once("/usr/local/bin/interdict ")) {
        let command = line.1.split(' ').next().unwrap();
        let help = run(Command::new(program).args([command, "--help"]));
        assert!(help.stdout.contains("--config"), "{command}");
    }
}
