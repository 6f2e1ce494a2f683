//! Catalogue and customers in the store: in, out, beside a running gateway, and after damage.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;

use crate::support::Ended;
use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Nginx;
use crate::support::Request;
use crate::support::interdict;
use crate::support::run;
use crate::support::until;

const ROUTES: &str = r#"
[[route]]
name = "activate"
methods = ["POST"]
path = "/api/orders"
action = "activation"
items = { name = "/title", vendor = "/vendor" }
buyer = { account = "/key" }
upstream = "main"

[[route]]
name = "updates"
path = "/mirror/{*file}"
action = "signature_update"
preset = "kaspersky-mirror"
buyer = { account = { header = "X-License-Key" } }
upstream = "main"
"#;

const KEY: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";

fn customers(country: &str) -> String {
    format!("account,license_key,organization_country\nA-17,{KEY},{country}\nA-18,,DE\n")
}

fn builder(nginx: &Nginx) -> GatewayBuilder {
    GatewayBuilder::new(nginx.address).routes(ROUTES).with("[store]\ndir = \"store\"\n")
}

/// `interdict customers import` and its like, with the store of a gateway's folder.
fn table(dir: &Path, words: &[&str]) -> Ended {
    run(interdict().args(words).arg("--store").arg(dir.join("store")).current_dir(dir))
}

fn import(dir: &Path, text: &str) -> Ended {
    fs::write(dir.join("import.csv"), text).unwrap();
    table(dir, &["customers", "import", "import.csv"])
}

fn export(dir: &Path) -> String {
    let ended = table(dir, &["customers", "export", "-"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    ended.stdout
}

fn update(gateway: &Gateway, key: &str) -> u16 {
    let update = Request::get("/mirror/index/u1313g.xml").from(GERMAN);
    update.header("X-License-Key", key).send(gateway.address).status
}

/// The one file of the store whose path ends so.
fn file(dir: &Path, name: &str) -> PathBuf {
    let mut folders = vec![dir.join("store/customers")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false if path.ends_with(name) => return path,
                false => {}
            }
        }
    }
    panic!("no {name}")
}

fn cut(path: &Path) {
    let bytes = fs::read(path).unwrap();
    fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
}

#[test]
fn an_import_tells_every_bad_row_by_line_and_then_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(import(dir.path(), &customers("DE")).code, Some(0));
    let before = export(dir.path());
    let ended = import(
        dir.path(),
        &format!("account,license_key,us_person\nA,{KEY},true\n,,\nB,{KEY},no\nC,,perhaps\n"),
    );
    assert_eq!(ended.code, Some(65));
    for line in ["line 3: ", "line 4: ", "line 5: "] {
        assert!(ended.stderr.contains(line), "{}", ended.stderr);
    }
    assert!(ended.stderr.contains("3 bad row(s); nothing was changed"), "{}", ended.stderr);
    assert!(!ended.stderr.contains(KEY), "a key is told");
    assert_eq!(export(dir.path()), before);

    fs::write(dir.path().join("bad.csv"), "sku,group\nX-1,no.such\nX-2,none\n").unwrap();
    let ended = table(dir.path(), &["catalog", "import", "bad.csv"]);
    assert_eq!(ended.code, Some(65));
    assert!(ended.stderr.contains("line 2: unknown group `no.such`"), "{}", ended.stderr);
    assert_eq!(table(dir.path(), &["catalog", "import", "none.csv"]).code, Some(74));
}

#[test]
fn what_is_exported_and_imported_again_is_exported_the_same() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(import(dir.path(), &customers("Germany")).code, Some(0));
    let first = export(dir.path());
    assert!(first.contains("Germany") && first.contains(KEY));
    assert_eq!(import(dir.path(), &first).code, Some(0));
    assert_eq!(export(dir.path()), first);
    assert_eq!(table(dir.path(), &["customers", "export", "out.csv"]).code, Some(0));
    assert_eq!(fs::read_to_string(dir.path().join("out.csv")).unwrap(), first);
}

#[test]
fn an_import_beside_a_running_gateway_takes_effect_and_by_hangup_too() {
    let nginx = Nginx::mirror_and_shop();
    for interval in ["100ms", "0s"] {
        let gateway =
            builder(&nginx).environment("INTERDICT__GATEWAY__RELOAD_INTERVAL", interval).start();
        let becomes = |status: u16| {
            until("the status", || (update(&gateway, KEY) == status).then_some(()));
        };
        assert_eq!(update(&gateway, KEY), 200);
        for (country, status) in [("US", 451), ("DE", 200)] {
            let ended = import(gateway.dir(), &customers(country));
            assert_eq!(ended.code, Some(0), "{}", ended.stderr);
            if interval == "0s" {
                gateway.signal("HUP");
            }
            becomes(status);
        }
        assert!((gateway.metric("interdict_registry_rows{part=\"customers\"}") - 2.0).abs() < 0.1);
    }
}

#[test]
fn a_key_in_any_spelling_finds_its_customer_and_stands_in_no_record_and_no_log() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = builder(&nginx).start();
    assert_eq!(import(gateway.dir(), &customers("US")).code, Some(0));
    until("the import", || (update(&gateway, KEY) == 451).then_some(()));
    let bare = KEY.replace('-', "");
    let spellings = [KEY.to_uppercase(), bare.clone(), bare.to_uppercase(), KEY.replace('-', " ")];
    for spelling in &spellings {
        assert_eq!(update(&gateway, spelling), 451, "{spelling}");
        let body =
            format!(r#"{{"key":"{spelling}","title":"Kaspersky Premium","vendor":"Kaspersky"}}"#);
        let activate = Request::post("/api/orders", body).from(GERMAN);
        assert_eq!(activate.send(gateway.address).status, 451, "{spelling}");
    }
    let records = format!("{:?}", gateway.records());
    for spelling in &spellings {
        assert!(!records.contains(spelling.as_str()), "{spelling} stands in a record");
        assert!(!gateway.log().contains(spelling.as_str()), "{spelling} stands in the log");
    }
}

#[test]
fn a_damaged_store_is_rebuilt_at_start_and_one_that_cannot_be_is_refused() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = builder(&nginx);
    let config = gateway.write();
    let dir = config.parent().unwrap().to_owned();
    assert_eq!(import(&dir, &customers("US")).code, Some(0));
    let check = || run(interdict().args(["check", "--config"]).arg(&config));
    assert!(check().stderr.contains("customers generation 1, 2 rows"), "{}", check().stderr);
    cut(&file(&dir, "db"));
    assert!(check().stderr.contains("the customers in the store are damaged"));

    let gateway = gateway.start();
    assert_eq!(update(&gateway, KEY), 451);
    let rebuilds = gateway.metric("interdict_registry_rebuilds_total{part=\"customers\"}");
    assert!((rebuilds - 1.0).abs() < 0.1, "{rebuilds}");
    assert!(gateway.log().contains("the store was damaged"), "{}", gateway.log());
    assert!(check().stderr.contains("customers generation 2, 2 rows"), "{}", check().stderr);
    let folder = gateway.kill();

    cut(&file(&dir, "db"));
    cut(&file(&dir, "import.csv"));
    for command in ["check", "serve"] {
        let ended = run(interdict().args([command, "--config"]).arg(&config));
        assert_eq!(ended.code, Some(78), "{command}: {}", ended.stderr);
        assert!(ended.stderr.contains("interdict customers import FILE"), "{}", ended.stderr);
    }
    drop(folder);
}

#[test]
fn a_killed_import_and_one_without_room_leave_what_was_there() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(import(dir.path(), &customers("US")).code, Some(0));
    let before = export(dir.path());
    let mut many = String::from("account,billing_country\n");
    for i in 0..20_000 {
        many += &format!("B-{i},DE\n");
    }
    let path = dir.path().join("many.csv");
    fs::write(&path, many).unwrap();
    let store = dir.path().join("store");
    let unfinished = || {
        let entries = fs::read_dir(store.join("customers")).unwrap().flatten();
        entries.map(|e| e.file_name()).any(|name| name.to_string_lossy().starts_with("new-"))
    };
    let mut command = interdict();
    command.args(["customers", "import"]).arg(&path).arg("--store").arg(&store);
    let mut child = command.stderr(Stdio::null()).spawn().unwrap();
    until("the import's folder", || unfinished().then_some(()));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(unfinished(), "it was killed in the middle");
    assert_eq!(export(dir.path()), before);

    // No file may grow beyond 64 KiB, which is what a full disk is to a program.
    let script = "trap '' XFSZ; ulimit -f 128; exec \"$@\"";
    let mut limited = Command::new("sh");
    limited.args(["-c", script, "sh", env!("CARGO_BIN_EXE_interdict"), "customers", "import"]);
    let ended = run(limited.arg(&path).arg("--store").arg(&store));
    assert_eq!(ended.code, Some(74), "{}", ended.stderr);
    assert_eq!(export(dir.path()), before);
    assert_eq!(import(dir.path(), &before).code, Some(0));
    assert!(!unfinished(), "what was left is swept");
}
