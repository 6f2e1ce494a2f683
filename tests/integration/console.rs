//! What the console's scripts do without a browser: proofs of a real ledger, verified by the script that a page would run.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::support::GERMAN;
use crate::support::GatewayBuilder;
use crate::support::Recorder;
use crate::support::Request;
use crate::support::US;
use crate::support::gateway::export_all;
use crate::support::interdict;
use crate::support::run;

/// Proofs of every record of a ledger that keeps personal parts in this way.
fn proofs(personal: &str) -> serde_json::Value {
    let upstream = Recorder::start();
    let gateway = GatewayBuilder::new(upstream.address)
        .environment("INTERDICT__LEDGER__PERSONAL", personal)
        .with("refusals_per_minute = 1000000\n")
        .start();
    for n in 0..5 {
        for (address, country) in [(US, "US"), (GERMAN, "DE")] {
            let order = format!(
                r#"{{"billing":{{"country":"{country}"}},"email":"jane{n}@private.example","lines":[{{"sku":"KL1047GDEFS","title":"Kaspersky Premium \u00e9","vendor":"Kaspersky"}}]}}"#
            );
            let answer = Request::post("/api/orders", order).from(address).send(gateway.address);
            if address == US {
                gateway.outcome(answer.decision().unwrap().1);
            }
        }
    }
    let ledger = gateway.dir().join("ledger");
    let prove = |record: &serde_json::Value| {
        let id = record["id"].as_str().unwrap();
        let ended = run(interdict().args(["ledger", "prove"]).arg(&ledger).arg(id));
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        json!({ "id": id, "kind": record["kind"], "proof": ended.stdout })
    };
    let records: Vec<_> = export_all(&ledger).iter().map(prove).collect();
    assert!(records.len() >= 15, "{} records", records.len());
    let key = fs::read_to_string(ledger.join("ledger.pub")).unwrap();
    json!({ "key": key.trim_end(), "personal": personal, "records": records })
}

#[test]
fn the_page_proves_what_the_ledger_holds_and_nothing_that_was_tampered_with() {
    node("console_proof.mjs", &json!([proofs("clear"), proofs("sealed")]), 9);
}

#[test]
fn charts_and_map_show_the_figures_that_they_are_given() {
    node("console_figures.mjs", &json!([]), 4);
}

/// Runs so many tests of the console's scripts, with these cases.
fn node(tests: &str, cases: &serde_json::Value, passed: usize) {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("cases.json"), cases.to_string()).unwrap();
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    for script in fs::read_dir(here.join("src/admin/console/assets/js")).unwrap() {
        let script = script.unwrap();
        fs::copy(script.path(), dir.path().join(script.file_name())).unwrap();
    }
    fs::write(dir.path().join("package.json"), r#"{"type":"module"}"#).unwrap();
    let test = here.join("tests/integration").join(tests);
    fs::copy(test, dir.path().join("test.js")).unwrap();
    let output = Command::new("node").arg("--test").arg("test.js").current_dir(dir.path()).output();
    let output = output.unwrap_or_else(|e| panic!("node: {e}; run `sh tests/install.sh`"));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains(&format!("# pass {passed}\n")) && said.contains("# skipped 0"), "{said}");
}
