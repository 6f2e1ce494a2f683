//! `interdict check`, and `serve` with what it refuses: every problem with its key and its line.

use std::fs;
use std::path::Path;

use crate::support::Ended;
use crate::support::interdict;
use crate::support::run;

const GOOD: &str = r#"[gateway]
listen = "127.0.0.1:0"
[admin]
listen = "127.0.0.1:0"
[reseller]
organization_country = "DE"
notice_url = "https://shop.example/why"
[geo]
networks = "networks.csv"
classes = ["classes.csv"]
[ledger]
dir = "ledger"
[[upstream]]
name = "shop"
servers = ["http://127.0.0.1:9"]
[[route]]
name = "updates"
path = "/mirror/{*file}"
action = "signature_update"
preset = "kaspersky-mirror"
upstream = "shop"
"#;

fn written(text: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("interdict.toml"), text).unwrap();
    fs::write(dir.path().join("networks.csv"), "cidr,country,class\n198.51.100.0/24,US,\n")
        .unwrap();
    fs::write(dir.path().join("classes.csv"), "cidr,class\n192.0.2.0/24,vpn\n").unwrap();
    dir
}

fn with(command: &str, dir: &Path) -> Ended {
    run(interdict().arg(command).arg("--config").arg(dir.join("interdict.toml")))
}

#[test]
fn a_sound_configuration_is_0_and_what_it_cannot_see_is_told() {
    let dir = written(GOOD);
    let ended = with("check", dir.path());
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.ends_with("ok\n"));
    assert!(ended.stderr.contains("us-commerce-kaspersky 1.0.0"));
    // No database of countries of use: the one thing this configuration cannot see.
    assert_eq!(ended.stderr.matches("warning: ").count(), 1, "{}", ended.stderr);
    assert!(!dir.path().join("ledger").exists(), "a check writes nothing");

    let blind = written(&GOOD.replace("classes = [\"classes.csv\"]\n", ""));
    assert!(with("check", blind.path()).stderr.contains("warning: no anonymiser data"));
    let unnamed = written(&GOOD.replace("organization_country = \"DE\"\n", ""));
    assert!(with("check", unnamed.path()).stderr.contains("[reseller] organization_country"));
    let bodiless = written(
        "[[route]]\nname = \"orders\"\npath = \"/api/orders\"\naction = \"resale\"\n\
         items = { at = \"/lines/*\", sku = \"/sku\" }\n",
    );
    assert!(with("check", bodiless.path()).stderr.contains("route orders reads the body"));
}

#[test]
fn every_problem_of_a_configuration_is_told_at_once_with_key_and_line() {
    let broken = GOOD
        .replace("listen = \"127.0.0.1:0\"\n[admin]", "listen = \"nowhere\"\nworkerz = 2\n[admin]")
        .replace("action = \"signature_update\"", "action = \"updating\"")
        .replace("upstream = \"shop\"\n", "upstream = \"store\"\n");
    let dir = written(&broken);
    for command in ["check", "serve"] {
        let ended = with(command, dir.path());
        assert_eq!(ended.code, Some(78));
        for (line, key) in [
            (2, "gateway.listen"),
            (3, "gateway.workerz"),
            (20, "route.updates.action"),
            (22, "route.updates.upstream"),
        ] {
            let told = ended.stderr.lines().any(|said| {
                said.contains(&format!("interdict.toml:{line}:"))
                    && said.contains(&format!(" {key}: "))
            });
            assert!(told, "{command}: {key}, line {line}:\n{}", ended.stderr);
        }
    }
}

#[test]
fn each_file_that_is_broken_is_78_and_named() {
    let shop = "[[upstream]]";
    let table = |table: &str| GOOD.replace(shop, &format!("{table}\n{shop}"));
    for (text, file, content, says) in [
        (GOOD.to_owned(), "interdict.toml", "[gateway\n", "interdict.toml:1"),
        (
            GOOD.to_owned(),
            "networks.csv",
            "cidr,country,class\n198.51.100.0/99,US,\n",
            "networks.csv",
        ),
        (GOOD.to_owned(), "classes.csv", "cidr,class\n192.0.2.0/24,ghost\n", "classes.csv"),
        (
            table("[catalog]\nfile = \"c.csv\""),
            "c.csv",
            "sku,name,vendor,group\nX,Y,Z,no.group\n",
            "c.csv",
        ),
        (table("[customers]\nfile = \"k.csv\""), "k.csv", "account,us_person\nA,maybe\n", "k.csv"),
        (table("[policies]\ndir = \"p\""), "p/x.toml", "[policy]\nid = 7\n", "x.toml"),
        (table("[policies]\ndir = \"p\""), "p/readme.txt", "no policy\n", "p"),
        (
            GOOD.replace(
                "\n[admin]",
                "\ntls = { certificate = \"c.pem\", key = \"k.pem\" }\n[admin]",
            ),
            "c.pem",
            "not a certificate",
            "c.pem",
        ),
    ] {
        let dir = written(&text);
        let path = dir.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        for command in ["check", "serve"] {
            let ended = with(command, dir.path());
            assert_eq!(ended.code, Some(78), "{command}, {file}: {}", ended.stderr);
            assert!(ended.stderr.contains(says), "{command}, {file}: {}", ended.stderr);
        }
    }
}

#[test]
fn what_a_configuration_lets_past_is_told_by_route_with_what_to_do() {
    let route = |name: &str, path: &str, more: &str| {
        format!("[[route]]\nname = \"{name}\"\npath = \"{path}\"\nupstream = \"shop\"\n{more}\n")
    };
    let warned = |text: String, what: &str| {
        let dir = written(&text);
        let ended = with("check", dir.path());
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let said = ended.stderr.lines().any(|line| {
            line.starts_with("warning: ") && what.split('*').all(|part| line.contains(part))
        });
        assert!(said, "{what}: {}", ended.stderr);
    };
    let with_route = |name, path, more| format!("{GOOD}{}", route(name, path, more));
    warned(
        with_route("bases", "/mirror/bases/{*x}", "action = \"none\""),
        "route bases (/mirror/bases/{*x}) takes requests from the judged route updates*give it an action",
    );
    let orders = route(
        "orders",
        "/orders",
        "methods = [\"POST\"]\naction = \"resale\"\nitems = { sku = \"/sku\" }",
    );
    warned(
        format!(
            "{GOOD}{orders}{}",
            route("other", "/orders", "methods = [\"PUT\"]\naction = \"none\"")
        ),
        "route other passes on, unjudged, methods that route orders*list them in orders",
    );
    warned(
        with_route(
            "status",
            "/status",
            "action = \"license_status\"\nitems = { sku = \"/sku\" }\nbuyer = { account = { header = \"X-License-Key\" } }",
        ),
        "route status reads the account from the header x-license-key*require",
    );
    let gateway = |lines: &str| GOOD.replacen("[gateway]\n", &format!("[gateway]\n{lines}\n"), 1);
    warned(
        gateway("trusted_proxies = [\"10.0.0.1/32\"]"),
        "trusted_proxies is given and client_address is \"peer\"*set client_address",
    );
    warned(
        gateway("client_address = \"x-forwarded-for\""),
        "client_address is \"x-forwarded-for\" and trusted_proxies is empty*name the proxies",
    );
    warned(
        gateway("api_clients = [\"0.0.0.0/0\"]"),
        "api_clients holds 0.0.0.0/0*name the machines",
    );
}
