//! Exports and reports by the API: the same as by the command, recorded before the first byte, streamed, and few at a time.

use std::fs;
use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;

use interdict::ledger::Entry;
use interdict::ledger::Head;
use interdict::ledger::Ledger;
use interdict::ledger::LedgerSettings;
use interdict::ledger::SigningSettings;
use interdict::model::DecisionId;
use interdict::model::Role;
use interdict::model::Verdict;
use serde_json::json;

use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Recorder;
use crate::support::Request;
use crate::support::US;
use crate::support::gateway::export_all;
use crate::support::interdict;
use crate::support::run;
use crate::support::until;

/// Records of the long ledger.
const RECORDS: usize = 20_000;

fn builder() -> GatewayBuilder {
    GatewayBuilder::new(Recorder::start().address)
        .operator("ada", &[Role::Auditor])
        .operator("vera", &[Role::Viewer])
}

fn traffic(gateway: &Gateway) {
    for from in [US, GERMAN, US] {
        let country = if from == US { "US" } else { "DE" };
        let order = json!({"billing": {"country": country}, "lines": [{"sku": "KL1047GDEFS", "title": "Kaspersky"}]});
        Request::post("/api/orders", order.to_string()).from(from).send(gateway.address);
    }
}

#[test]
fn an_export_is_the_command_s_and_a_record_before_it() {
    let gateway = builder().start();
    traffic(&gateway);
    let auditor = gateway.console("ada");
    let ledger = gateway.dir().join("ledger");
    for (format, kind) in [("jsonl", "application/jsonl"), ("csv", "text/csv")] {
        let answer = auditor.get(&format!(
            "/admin/v1/exports?format={format}&kind=decision&verdict=block&account="
        ));
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(answer.complete && answer.header("content-type").unwrap().starts_with(kind));
        assert!(answer.header("content-disposition").unwrap().starts_with("attachment"));
        let command = run(interdict().args(["ledger", "export"]).arg(&ledger).args([
            "--format",
            format,
            "--kind",
            "decision",
            "--verdict",
            "block",
        ]));
        assert_eq!(answer.text(), command.stdout);
        assert!(answer.text().lines().count() >= 2, "{}", answer.text());
    }
    let table = auditor.get("/admin/v1/exports?format=parquet&kind=decision");
    assert_eq!(table.status, 200);
    assert!(table.body.starts_with(b"PAR1") && table.body.ends_with(b"PAR1"));
    let exports: Vec<_> = export_all(&gateway.dir().join("ledger"))
        .into_iter()
        .filter(|record| record["action"] == "export")
        .collect();
    assert_eq!(exports.len(), 3);
    assert_eq!(exports[0]["actor"]["id"], "local:ada");
    assert_eq!(
        exports[0]["detail"],
        json!({"format": "jsonl", "kind": "decision", "verdict": "block"})
    );
    // The first of all records is the one that lets the export of everything begin: it is in it.
    let everything = auditor.get("/admin/v1/exports");
    let last =
        everything.text().lines().filter(|line| line.contains("\"action\":\"export\"")).count();
    assert_eq!(last, 4, "its own record was on the disk before its first byte");
}

#[test]
fn what_cannot_be_read_is_told_and_exports_nothing() {
    let gateway = builder().start();
    let auditor = gateway.console("ada");
    for query in [
        "format=xml",
        "country=Atlantis",
        "from=yesterday",
        "id=7",
        "kind=things",
        "nexus=near",
        "rule=a/b/c",
        "verdict=maybe",
        "from=2026-11-02&to=2026-11-01",
        "color=red",
    ] {
        let answer = auditor.get(&format!("/admin/v1/exports?{query}"));
        assert_eq!(answer.status, 400, "{query}: {}", answer.text());
    }
    assert_eq!(auditor.get("/admin/v1/reports?from=yesterday").status, 400);
    assert!(
        export_all(&gateway.dir().join("ledger")).iter().all(|record| record["action"] != "export")
    );
    assert_eq!(gateway.console("vera").get("/admin/v1/exports").status, 403);
}

#[test]
fn a_report_is_a_page_of_its_own_that_runs_nothing() {
    let gateway = builder().start();
    traffic(&gateway);
    let auditor = gateway.console("ada");
    let answer = auditor.get("/admin/v1/reports?from=2020-01-01&to=2100-01-01&verify=true");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("sandbox"), "{policy}");
    assert!(!policy.contains("script-src"), "{policy}");
    assert!(answer.header("content-disposition").unwrap().starts_with("inline"));
    let page = answer.text();
    assert!(page.starts_with("<!doctype html>") && page.contains("89 FR 52434"), "{page}");
    assert!(page.to_lowercase().contains("verified"), "the ledger was verified first");
    let attached = auditor.get("/admin/v1/reports?download=true");
    assert!(attached.header("content-disposition").unwrap().starts_with("attachment"));
    let reports: Vec<_> = export_all(&gateway.dir().join("ledger"))
        .into_iter()
        .filter(|record| record["action"] == "report")
        .collect();
    assert_eq!(reports.len(), 2);
    assert_eq!(reports[0]["detail"]["from"], "2020-01-01");
}

/// A ledger of records that are long enough to be seen in memory: some 60 MB.
fn long_ledger(dir: &Path) {
    let signing = SigningSettings { key: dir.join("key.pem"), origin: None };
    let settings = LedgerSettings { signing: Some(signing), ..LedgerSettings::new(dir) };
    let (ledger, _) = Ledger::open(settings).unwrap();
    let note = "x".repeat(3_000);
    let document = json!({ "action": "resale", "decision": { "verdict": "allow" }, "note": note });
    let document = document.to_string();
    let now = jiff::Timestamp::now();
    let mut last = None;
    for _ in 0..RECORDS {
        let entry = Entry {
            document: Some(document.as_bytes()),
            head: Head::Decision { bundle: "sha256:00", rule: None, verdict: Verdict::Allow },
            id: DecisionId::new(now),
            kind: "decision",
            personal: None,
            subject: None,
        };
        last = Some(ledger.append(now, &entry).unwrap());
    }
    assert!(last.is_some());
    ledger.close().unwrap();
}

/// The most memory that the process ever had, in KiB.
fn peak(gateway: &Gateway) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", gateway.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_long_export_streams_and_a_third_at_a_time_waits_its_turn() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("ledger");
    long_ledger(&ledger);
    let gateway = builder().ledger(&ledger).start();
    let auditor = gateway.console("ada");
    until("the index", || {
        (auditor.json("/admin/v1/ledger")["index_state"] == "ready").then_some(())
    });
    let request = auditor.request("GET", "/admin/v1/exports?format=jsonl&kind=decision").bytes();
    let begin = || {
        let mut stream = TcpStream::connect(gateway.admin).unwrap();
        stream.write_all(&request).unwrap();
        let mut head = [0; 12];
        stream.read_exact(&mut head).unwrap();
        (stream, String::from_utf8(head.to_vec()).unwrap())
    };
    // Two that nobody reads to the end hold their places, and no more memory than a few chunks.
    let before = peak(&gateway);
    let (first, said) = begin();
    assert_eq!(said, "HTTP/1.1 200");
    let (second, said) = begin();
    assert_eq!(said, "HTTP/1.1 200");
    let third = auditor.get("/admin/v1/exports?format=jsonl&kind=decision");
    assert_eq!(third.status, 429, "{}", third.text());
    assert!(third.header("retry-after").is_some());
    assert_eq!(auditor.get("/admin/v1/reports").status, 429, "a report takes a place as well");
    drop((first, second));
    let whole = until("a place", || {
        let answer = auditor.get("/admin/v1/exports?format=jsonl&kind=decision");
        (answer.status == 200).then_some(answer)
    });
    assert!(whole.complete);
    assert_eq!(whole.text().lines().count(), RECORDS);
    assert!(whole.body.len() > 60_000_000, "{} bytes", whole.body.len());
    let grown = peak(&gateway).saturating_sub(before);
    assert!(grown < 24 << 10, "three exports of 60 MB took {grown} KiB more");
}
