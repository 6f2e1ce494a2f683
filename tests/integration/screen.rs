//! Past orders: `interdict screen` with the real program and real files.

use std::fs;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use serde_json::Value;
use serde_json::json;

use crate::support::Ended;
use crate::support::interdict;
use crate::support::run;
use crate::support::until;

const MAP: &str = "action = \"resale\"\norder = \"order\"\n[time]\nzone = \"America/New_York\"\n[columns]\nat = \"when\"\nsku = \"sku\"\nname = \"name\"\nbilling_country = \"country\"\nip_country = \"ip country\"\nquantity = \"n\"\n";
const HEADER: &str = "order,when,sku,name,country,ip country,n\n";

struct Desk(tempfile::TempDir);

impl Desk {
    fn new(map: &str, orders: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("map.toml"), map).unwrap();
        fs::write(dir.path().join("orders.csv"), orders).unwrap();
        Self(dir)
    }

    fn command(&self, out: &str, extra: &[&str]) -> Command {
        let mut command = interdict();
        command.current_dir(self.0.path());
        command.args(["screen", "orders.csv", "--map", "map.toml", "--out", out]).args(extra);
        command
    }

    fn screen(&self, extra: &[&str]) -> Ended {
        run(&mut self.command("report", extra))
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.path().join(name)).unwrap()
    }

    fn has(&self, name: &str) -> bool {
        self.0.path().join(name).exists()
    }
}

fn records(text: &str) -> Vec<std::collections::BTreeMap<String, String>> {
    csv::Reader::from_reader(text.as_bytes()).deserialize().map(Result::unwrap).collect()
}

/// Without the time of the run, which is the one thing that differs between two runs.
fn timeless(report: &str) -> String {
    let (before, rest) = report.split_once("<time>").unwrap();
    format!("{before}{}", rest.split_once("</time>").unwrap().1)
}

fn many(rows: usize) -> String {
    let mut text = HEADER.to_owned();
    for row in 0..rows {
        let (sku, name) = [("KL1047GDEFS", "Kaspersky Premium"), ("SSD-2TB", "Solid state drive")]
            [usize::from(row % 3 != 0)];
        let country = ["US", "DE", "", "PR", "FR"][row % 5];
        // Lines in twos, and now and then one that cannot be read.
        let quantity = if row % 97 == 0 { "none" } else { "1" };
        let (order, day) = (row / 2, row / 2 % 28 + 1);
        let country = if row % 2 == 0 { country } else { "" };
        text += &format!(
            "{order},2024-{:02}-{day:02} 00:00:00,{sku},{name},{country},DE,{quantity}\n",
            row / 2 % 12 + 1
        );
    }
    text
}

#[test]
fn a_row_is_decided_as_interdict_decide_decides_it() {
    let mut orders = HEADER.to_owned();
    let mut lines = String::new();
    let mut order = 0;
    for (when, at) in [
        ("2024-07-19T23:59:59", "2024-07-20T03:59:59Z"),
        ("2024-07-20 00:00:00", "2024-07-20T04:00:00Z"),
        ("2024-09-28 23:59:59", "2024-09-29T03:59:59Z"),
        ("2024-09-29T04:00:00Z", "2024-09-29T04:00:00Z"),
    ] {
        for (sku, name) in [
            ("KL1047GDEFS", "Kaspersky Premium"),
            ("SSD", "Drive"),
            ("", "kaspersky something"),
            ("", ""),
        ] {
            for country in ["US", "DE", "Nowhere", "", "Puerto Rico"] {
                for ip_country in ["DE", "US", ""] {
                    order += 1;
                    orders += &format!("{order},{when},{sku},{name},{country},{ip_country},2\n");
                    let mut line = json!({"at": at, "action": "resale", "items": [{"quantity": 2}], "buyer": {}});
                    for (object, key, value) in [
                        ("/items/0", "sku", sku),
                        ("/items/0", "name", name),
                        ("/buyer", "billing_country", country),
                        ("/buyer", "ip_country", ip_country),
                    ] {
                        if !value.is_empty() {
                            line.pointer_mut(object).unwrap()[key] = value.into();
                        }
                    }
                    lines += &format!("{line}\n");
                }
            }
        }
    }
    let desk = Desk::new(MAP, &orders);
    fs::write(desk.0.path().join("lines.jsonl"), lines).unwrap();
    let decided =
        run(interdict().arg("decide").arg("--input").arg(desk.0.path().join("lines.jsonl")));
    let decided: Vec<Value> =
        decided.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ended = desk.screen(&["--all"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let found = records(&desk.read("report.csv"));
    assert_eq!((found.len(), decided.len()), (order, order));
    for (row, decision) in found.iter().zip(&decided) {
        let text =
            |pointer: &str| decision.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        for (column, pointer) in [
            ("verdict", "/verdict"),
            ("item_verdict", "/items/0/verdict"),
            ("policy", "/policy"),
            ("rule", "/rule"),
            ("clause", "/clause"),
            ("basis", "/basis"),
            ("citation", "/citation"),
            ("buyer_nexus", "/nexus/buyer"),
            ("seller_nexus", "/nexus/seller"),
            ("product", "/items/0/product"),
            ("matched_by", "/items/0/matched_by"),
            ("reason", "/reason"),
            ("at", "/at"),
        ] {
            assert_eq!(row[column], text(pointer), "{column} of {row:?}");
        }
        let because: Vec<_> = decision["nexus"]["because"]
            .as_array()
            .unwrap()
            .iter()
            .map(|b| b.as_str().unwrap())
            .collect();
        assert_eq!(row["because"], because.join(" "));
    }
    // Without --all the same rows but those allowed.
    assert_eq!(desk.screen(&[]).code, Some(0));
    let fewer: Vec<_> = found.into_iter().filter(|row| row["verdict"] != "allow").collect();
    assert!(!fewer.is_empty());
    assert_eq!(records(&desk.read("report.csv")), fewer);
}

#[test]
fn lines_of_one_order_are_decided_together_and_share_what_its_first_line_says() {
    let orders = "1,2024-10-01 00:00:00,SSD,Drive,US,,1\n1,,KL1047GDEFS,Kaspersky Premium,,,1\n2,2024-10-01 00:00:00,SSD,Drive,US,,1\n";
    let desk = Desk::new(MAP, &format!("{HEADER}{orders}"));
    assert_eq!(desk.screen(&[]).code, Some(0));
    let found = records(&desk.read("report.csv"));
    assert_eq!(found.len(), 1);
    assert_eq!((found[0]["line"].as_str(), found[0]["order"].as_str()), ("3", "1"));
    assert_eq!(found[0]["verdict"], "block");
    // Each row alone: the second has no date.
    let alone = Desk::new(&MAP.replace("order = \"order\"\n", ""), &format!("{HEADER}{orders}"));
    assert_eq!(alone.screen(&[]).code, Some(65));
    assert!(alone.read("report.bad.csv").contains("3,,`at` is blank"));
}

#[test]
fn a_bad_row_is_listed_by_line_and_the_others_are_decided() {
    let good = "2024-10-01 00:00:00,KL1047GDEFS,Kaspersky Premium,US,,1\n";
    let orders = format!(
        "{HEADER}1,{good}2,yesterday,SSD,Drive,US,,1\n3,{good}4,too,few\n5,2024-10-01 00:00:00,SSD,\"open,US,,1\n6,{good}7,2024-10-01 00:00:00,SSD,Drive,US,,0\n8,{good}9,2024-10-01 00:00:00,SSD,Drive,US,,1\n9,2024-10-01 00:00:00,SSD,Drive,DE,,1\n"
    );
    let desk = Desk::new(MAP, &orders);
    let ended = desk.screen(&[]);
    assert_eq!(ended.code, Some(65), "{}", ended.stderr);
    let lines =
        |text: &str| records(text).iter().map(|row| row["line"].clone()).collect::<Vec<_>>();
    assert_eq!(lines(&desk.read("report.csv")), ["2", "4", "7", "9"]);
    assert_eq!(lines(&desk.read("report.bad.csv")), ["3", "5", "6", "8", "10", "11"]);
    assert!(desk.read("report.html").contains("6 rows could not be read"));
    assert!(ended.stderr.contains("line 3"), "{}", ended.stderr);
    // Put right, the file of bad rows goes.
    fs::write(desk.0.path().join("orders.csv"), format!("{HEADER}1,{good}")).unwrap();
    assert_eq!(desk.screen(&[]).code, Some(0));
    assert!(!desk.has("report.bad.csv") && !desk.has("report.partial"));
}

#[test]
fn wrong_arguments_maps_and_files_have_their_own_exit_codes() {
    let desk = Desk::new(MAP, HEADER);
    assert_eq!(
        run(&mut desk.command("orders", &[])).code,
        Some(64),
        "it would write over its input"
    );
    assert_eq!(desk.read("orders.csv"), HEADER);
    assert_eq!(
        run(desk.command("report", &[]).args(["--policies", "no-such-folder"])).code,
        Some(74)
    );
    assert_eq!(
        run(desk.command("no/such/folder/report", &[]).args([""; 0])).code,
        Some(0),
        "folders are made"
    );
    fs::write(
        desk.0.path().join("map.toml"),
        MAP.replace("\"sku\"", "\"SKU no\"").replace("quantity", "quantty"),
    )
    .unwrap();
    let refused = desk.screen(&[]);
    assert_eq!(refused.code, Some(78));
    for told in [
        "map.toml:7:7: columns.sku: the file has no column `SKU no`",
        "map.toml:11:1: columns.quantty: unknown key, did you mean `quantity`?",
    ] {
        assert!(refused.stderr.contains(told), "{}", refused.stderr);
    }
    fs::remove_file(desk.0.path().join("orders.csv")).unwrap();
    assert_eq!(desk.screen(&[]).code, Some(74));
}

#[test]
fn the_ready_made_maps_read_what_the_platforms_export() {
    let shopify = "Name,Email,Financial Status,Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,Billing Country,Billing Province,Shipping Country,Shipping Province,Vendor\n#1001,a@shop.example,paid,2024-10-01 00:00:01 -0400,1,Kaspersky Premium,29.00,KL1047GDEFS,US,PR,US,PR,Kaspersky\n#1001,a@shop.example,,,2,Cable,5.00,CABLE,,,,,Anker\n#1002,b@shop.example,paid,2024-10-01 00:00:01 -0400,1,Cable,5.00,CABLE,US,NY,US,NY,Anker\n";
    let magento = "increment_id,created_at,remote_ip,customer_email,billing_country_id,billing_region,shipping_country_id,shipping_region,sku,name,qty_ordered\n000000042,2024-09-29 04:00:00,8.8.8.8,a@shop.example,US,New York,,,KL1047GDEFS,Kaspersky Premium,1.0000\n";
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/screen");
    let woocommerce = fs::read_to_string(root.join("orders.csv")).unwrap();
    for (name, orders, blocked) in [
        ("shopify", shopify, &["2"][..]),
        ("magento", magento, &["2"]),
        ("woocommerce", &woocommerce, &["3", "8"]),
    ] {
        let desk =
            Desk::new(&fs::read_to_string(root.join(name).with_extension("toml")).unwrap(), orders);
        let ended = desk.screen(&[]);
        assert_eq!(ended.code, Some(0), "{name}: {}", ended.stderr);
        let found = records(&desk.read("report.csv"));
        let lines: Vec<_> = found
            .iter()
            .filter(|row| row["verdict"] == "block")
            .map(|row| row["line"].as_str())
            .collect();
        assert_eq!(lines, blocked, "{name}");
    }
}

#[test]
fn the_report_fetches_nothing_and_runs_nothing() {
    let orders = format!(
        "{HEADER}<script>,2024-10-01 00:00:00,KL1047GDEFS,<img src=x>,US,,1\n=1+1,2024-10-01 00:00:00,KL1047GDEFS,=cmd(),US,,1\n"
    );
    let desk = Desk::new(MAP, &orders);
    assert_eq!(desk.screen(&[]).code, Some(0));
    let report = desk.read("report.html");
    for never in ["<script", "<img", "<link", "http://", "https://", "url(", "@import"] {
        assert!(!report.contains(never), "{never}");
    }
    assert!(
        report.contains("<svg") && report.contains("89 FR 52434") && report.contains("sha256:")
    );
    assert!(report.contains("prefers-color-scheme") && report.contains("@media print"));
    let found = records(&desk.read("report.csv"));
    assert_eq!((found[1]["order"].as_str(), found[1]["name"].as_str()), ("'=1+1", "'=cmd()"));
}

/// A run that has got further than `rows`, and how far its checkpoint is.
fn started(desk: &Desk, rows: u64) -> (Child, u64) {
    let mut child = desk.command("report", &[]).stderr(Stdio::piped()).spawn().unwrap();
    let place = desk.0.path().join("report.partial/checkpoint.json");
    let reached = until("a checkpoint that has got further", || {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be interrupted");
        let checkpoint: Value = serde_json::from_slice(&fs::read(&place).ok()?).ok()?;
        checkpoint["tally"]["rows"].as_u64().filter(|reached| *reached > rows)
    });
    (child, reached)
}

#[test]
fn an_interrupted_run_goes_on_without_repeating_or_losing_a_row() {
    let orders = many(300_000);
    let whole = Desk::new(MAP, &orders);
    assert_eq!(whole.screen(&[]).code, Some(65));
    let desk = Desk::new(MAP, &orders);
    // Killed, and something written that no checkpoint knows of.
    let (mut child, reached) = started(&desk, 0);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!desk.has("report.csv") && !desk.has("report.html"));
    // Of something else it does not go on, and says so.
    fs::write(desk.0.path().join("map.toml"), MAP.replace("New_York", "Chicago")).unwrap();
    let refused = desk.screen(&[]);
    assert_eq!(refused.code, Some(64));
    assert!(
        refused.stderr.contains("map") && refused.stderr.contains("--restart"),
        "{}",
        refused.stderr
    );
    fs::write(desk.0.path().join("map.toml"), MAP).unwrap();
    // Asked to stop.
    let (child, _) = started(&desk, reached);
    assert!(
        Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success()
    );
    let ended = child.wait_with_output().unwrap();
    let told = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(75), "{told}");
    assert!(told.contains("the same command goes on"), "{told}");
    // To the end.
    assert_eq!(desk.screen(&[]).code, Some(65));
    for name in ["report.csv", "report.bad.csv"] {
        assert!(desk.read(name) == whole.read(name), "{name} differs");
    }
    assert_eq!(timeless(&desk.read("report.html")), timeless(&whole.read("report.html")));
    assert!(!desk.has("report.partial"));
}
