//! Exports and reports: a real gateway makes real decisions, and what is written of them is read back.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;
use serde_json::json;

use crate::support::Ended;
use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::Recorder;
use crate::support::Request;
use crate::support::US;
use crate::support::gateway::export_all;
use crate::support::interdict;
use crate::support::run;
use crate::support::until;

/// A gateway that has refused, held and allowed orders and updates, and refused what it could not read.
struct Desk {
    gateway: Gateway,
    out: tempfile::TempDir,
    _recorder: Recorder,
}

impl Desk {
    fn open() -> Self {
        let recorder = Recorder::start();
        let gateway = Gateway::start(recorder.address);
        let order = |country: &str, name: &str, client: &str| {
            let body = json!({"lines": [{"sku": "KL1047GDEFS", "title": name, "quantity": 1}],
                "billing": {"country": country}});
            Request::post("/api/orders", body.to_string()).from(client).send(gateway.address).status
        };
        assert_eq!(order("US", "Kaspersky <script>alert(1)</script>", US), 451);
        assert_eq!(order("US", "=HYPERLINK(\"http://evil.example\")", US), 451);
        assert_eq!(order("Atlantis", "Kaspersky Plus", GERMAN), 403);
        assert_eq!(order("DE", "Kaspersky Premium", GERMAN) / 100, 2);
        let update = |client: &str| {
            Request::get("/mirror/index/u1313g.xml").from(client).send(gateway.address).status
        };
        assert_eq!(update(US), 451);
        assert_eq!(update(GERMAN) / 100, 2);
        let unread = Request::post("/api/orders", "{").from(GERMAN);
        let unread = unread.send(gateway.address);
        assert_eq!(unread.status, 400);
        // An outcome is written after its answer.
        let ledger = gateway.dir().join("ledger");
        until("every outcome", || {
            let all = export_all(&ledger);
            let outcomes = all.iter().filter(|record| record["kind"] == "outcome");
            (outcomes.count() == 7).then_some(())
        });
        Self { gateway, out: tempfile::tempdir().unwrap(), _recorder: recorder }
    }

    fn ledger(&self, command: &str, arguments: &[&str]) -> Ended {
        let dir = self.gateway.dir().join("ledger");
        let mut program = interdict();
        program.current_dir(self.out.path()).args(["ledger", command]).arg(dir);
        run(program.args(arguments))
    }

    /// The records that an export writes under these conditions.
    fn export(&self, arguments: &[&str]) -> Vec<Value> {
        let ended = self.ledger("export", arguments);
        assert_eq!(ended.code, Some(0), "{arguments:?}: {}", ended.stderr);
        ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.out.path().join(name)
    }
}

fn rows(csv: &[u8]) -> Vec<BTreeMap<String, String>> {
    csv::Reader::from_reader(csv).deserialize().map(Result::unwrap).collect()
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
    entries.map(|name| name.into_string().unwrap()).collect()
}

#[test]
fn each_filter_gives_the_records_that_a_plain_search_finds() {
    let desk = Desk::open();
    let all = desk.export(&[]);
    assert_eq!(all.iter().filter(|record| record["kind"] == "decision").count(), 6);
    let is = |record: &Value, pointer: &str, text: &str| {
        record.pointer(pointer).and_then(Value::as_str) == Some(text)
    };
    let id = all[2]["id"].as_str().unwrap().to_owned();
    let time = all[3]["time"].as_str().unwrap().to_owned();
    type Holds<'a> = Box<dyn Fn(&Value) -> bool + 'a>;
    let cases: Vec<(Vec<&str>, Holds<'_>)> = vec![
        (vec!["--verdict", "block"], Box::new(|r| is(r, "/decision/verdict", "block"))),
        (vec!["--verdict", "review"], Box::new(|r| is(r, "/decision/verdict", "review"))),
        (vec!["--kind", "refusal"], Box::new(|r| is(r, "/kind", "refusal"))),
        (vec!["--nexus", "us"], Box::new(|r| is(r, "/decision/nexus/buyer", "us"))),
        (vec!["--rule", "resale"], Box::new(|r| is(r, "/decision/rule", "resale"))),
        (
            vec!["--rule", "us-commerce-kaspersky/signature-updates"],
            Box::new(|r| is(r, "/decision/rule", "signature-updates")),
        ),
        (vec!["--rule", "another/resale"], Box::new(|_| false)),
        (vec!["--product", "KL1047GDEFS"], Box::new(|r| is(r, "/items/0/sku", "KL1047GDEFS"))),
        (
            vec!["--product", "kaspersky.covered"],
            Box::new(|r| {
                is(r, "/decision/items/0/product", "kaspersky.covered")
                    || is(r, "/decision/request/product", "kaspersky.covered")
            }),
        ),
        (vec!["--id", &id], Box::new(|r| is(r, "/id", &id) || is(r, "/of", &id))),
        (vec!["--from", &time], Box::new(|r| r["time"].as_str().unwrap() >= time.as_str())),
        (vec!["--to", &time], Box::new(|r| r["time"].as_str().unwrap() < time.as_str())),
        (vec!["--from", "2001-01-01", "--to", "2001-02-01"], Box::new(|_| false)),
        (
            vec!["--verdict", "block", "--rule", "resale", "--nexus", "us"],
            Box::new(|r| is(r, "/decision/verdict", "block") && is(r, "/decision/rule", "resale")),
        ),
        (
            vec!["--country", "us", "--kind", "decision"],
            Box::new(|r| is(r, "/decision/verdict", "block")),
        ),
    ];
    for (arguments, holds) in cases {
        let expected: Vec<_> = all.iter().filter(|record| holds(record)).cloned().collect();
        assert_eq!(desk.export(&arguments), expected, "{arguments:?}");
    }
    assert!(!desk.export(&["--verdict", "block"]).is_empty());
}

#[test]
fn values_that_cannot_be_read_are_told_and_end_with_64() {
    let desk = Desk::open();
    for (arguments, told) in [
        (["--from", "yesterday"], "write a day such as 2026-11-30"),
        (["--to", "2026-11-30T00:00:00"], "write a day such as 2026-11-30"),
        (["--id", "17"], "not the id of a record"),
        (["--rule", "a/b/c"], "policy and rule"),
        (["--verdict", "deny"], "write allow, block or review"),
        (["--country", "Atlantis"], "no country is called so"),
        (["--kind", "decisions"], "the kinds are cart, decision"),
        (["--nexus", "US"], "write us, unclear or foreign"),
        (["--format", "xml"], "jsonl"),
        (["--format", "parquet"], "--out FILE"),
    ] {
        let ended = desk.ledger("export", &arguments);
        assert_eq!(ended.code, Some(64), "{arguments:?}");
        assert!(ended.stderr.contains(told), "{arguments:?}: {}", ended.stderr);
        assert_eq!(ended.stdout, "");
    }
    let ended =
        desk.ledger("report", &["--out", "r.html", "--from", "2026-02-01", "--to", "2026-01-01"]);
    assert_eq!(ended.code, Some(64), "{}", ended.stderr);
    assert!(ended.stderr.contains("--from must be before --to"));
    assert!(names(desk.out.path()).is_empty(), "nothing is left behind");
}

#[test]
fn a_csv_file_holds_a_row_for_each_record_and_no_formula() {
    let desk = Desk::open();
    let all = desk.export(&[]);
    let ended = desk.ledger("export", &["--format", "csv", "--out", "all.csv"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
    assert!(ended.stderr.contains(&format!("{} records", all.len())), "{}", ended.stderr);
    assert_eq!(names(desk.out.path()), ["all.csv"]);
    let rows = rows(&fs::read(desk.path("all.csv")).unwrap());
    assert_eq!(rows.len(), all.len());
    for (row, record) in rows.iter().zip(&all) {
        for (column, pointer) in [
            ("id", "/id"),
            ("kind", "/kind"),
            ("time", "/time"),
            ("action", "/action"),
            ("verdict", "/decision/verdict"),
            ("rule", "/decision/rule"),
            ("buyer_nexus", "/decision/nexus/buyer"),
            ("bundle", "/decision/bundle"),
            ("path", "/request/path"),
        ] {
            let expected = record.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            assert_eq!(row[column], expected, "{column}");
        }
        assert_eq!(row["seq"], record["seq"].to_string());
        assert!(row.values().all(|cell| !cell.starts_with(['=', '+', '-', '@'])), "{row:?}");
    }
    assert!(rows.iter().any(|row| row["names"].starts_with("'=HYPERLINK")));
    // The same on standard output.
    let streamed = desk.ledger("export", &["--format", "csv", "--verdict", "block"]);
    let streamed = self::rows(streamed.stdout.as_bytes());
    assert_eq!(streamed.len(), 3);
    assert!(streamed.iter().all(|row| row["verdict"] == "block" && row["country"] == "US"));
}

#[test]
fn a_file_that_is_there_is_not_written_over_without_force() {
    let desk = Desk::open();
    fs::write(desk.path("kept.csv"), "mine").unwrap();
    for (command, arguments) in [
        ("export", &["--format", "csv", "--out", "kept.csv"][..]),
        ("report", &["--out", "kept.csv"][..]),
    ] {
        let ended = desk.ledger(command, arguments);
        assert_eq!(ended.code, Some(64), "{}", ended.stderr);
        assert!(ended.stderr.contains("--force"), "{}", ended.stderr);
    }
    assert_eq!(fs::read(desk.path("kept.csv")).unwrap(), b"mine");
    let ended = desk.ledger("export", &["--format", "csv", "--out", "kept.csv", "--force"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(!rows(&fs::read(desk.path("kept.csv")).unwrap()).is_empty());
    assert_eq!(names(desk.out.path()), ["kept.csv"]);
}

#[cfg(feature = "parquet")]
#[test]
fn a_parquet_file_holds_the_rows_of_the_csv_file() {
    use parquet::file::reader::FileReader;
    use parquet::file::reader::SerializedFileReader;
    use parquet::record::Field;

    let desk = Desk::open();
    let filter = ["--kind", "decision"];
    let parquet = desk
        .ledger("export", &[&["--format", "parquet", "--out", "d.parquet"], &filter[..]].concat());
    assert_eq!(parquet.code, Some(0), "{}", parquet.stderr);
    let csv = desk.ledger("export", &[&["--format", "csv"], &filter[..]].concat());
    let csv = rows(csv.stdout.as_bytes());
    let file = fs::File::open(desk.path("d.parquet")).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let read: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
    assert_eq!(read.len(), 6);
    for (row, csv) in read.iter().zip(&csv) {
        for (name, field) in row.get_column_iter() {
            let text = match field {
                Field::Null => String::new(),
                Field::Long(whole) => whole.to_string(),
                Field::Str(text) => text.clone(),
                Field::TimestampMicros(micros) => {
                    format!("{:.6}", jiff::Timestamp::from_microsecond(*micros).unwrap())
                }
                other => panic!("{name}: {other:?}"),
            };
            let cell = &csv[name];
            assert_eq!(&text, cell.strip_prefix('\'').unwrap_or(cell), "{name}");
        }
    }
}

#[test]
fn a_report_tells_what_was_decided_and_holds_no_strangers_markup() {
    let desk = Desk::open();
    let ended = desk.ledger("report", &["--out", "report.html"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("6 decisions, 3 blocked, 1 held, 2 allowed"), "{}", ended.stderr);
    assert_eq!(names(desk.out.path()), ["report.html"]);
    let html = fs::read_to_string(desk.path("report.html")).unwrap();
    for tile in [
        "decisions<b>6</b>",
        "blocked<b>3</b>",
        "held for review<b>1</b>",
        "allowed<b>2</b>",
        "FD-3a",
        "FD-2a",
        "89 FR 52434",
        "None was released",
        "networks.csv",
        "sha256:",
        "maximum and not a forecast",
        "7 answers",
        "<b>No delivery of a covered product went out to a party with US evidence.</b>",
        "<td>foreign</td><td class=\"n\">1</td>",
    ] {
        assert!(html.contains(tile), "{tile}");
    }
    for bad in ["<script", "http://", "https://", "src=", "href="] {
        let told =
            html.match_indices(bad).filter(|(at, _)| !html[..*at].ends_with("HYPERLINK(&#34;"));
        assert_eq!(told.count(), 0, "{bad}");
    }
    assert!(html.contains("Kaspersky &#60;script&#62;"));
}

#[test]
fn an_empty_period_and_a_folder_without_a_ledger_are_told_apart() {
    let desk = Desk::open();
    let period = ["--from", "2001-01-01", "--to", "2001-02-01"];
    let ended = desk.ledger("report", &[&["--out", "empty.html"], &period[..]].concat());
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let html = fs::read_to_string(desk.path("empty.html")).unwrap();
    assert!(html.contains("There is no record in this period."));
    let nowhere = tempfile::tempdir().unwrap();
    for command in ["export", "report"] {
        let mut program = interdict();
        program.current_dir(desk.out.path()).args(["ledger", command]).arg(nowhere.path());
        let ended = run(program.args(["--out", "nothing"]));
        assert_eq!(ended.code, Some(65), "{}", ended.stderr);
        assert!(ended.stderr.contains("holds no ledger"), "{}", ended.stderr);
    }
    assert_eq!(names(desk.out.path()), ["empty.html"]);
}

#[test]
fn a_report_says_whether_the_log_is_what_its_key_signed() {
    let desk = Desk::open();
    let ledger = desk.gateway.dir().join("ledger");
    // The checkpoint follows within a second.
    until("a checkpoint of everything", || {
        let text = fs::read_to_string(ledger.join("checkpoint")).ok()?;
        (text.lines().nth(1) == Some("15")).then_some(())
    });
    let key = ledger.join("ledger.pub").display().to_string();
    let ended = desk.ledger("report", &["--out", "sound.html", "--key", &key]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let html = fs::read_to_string(desk.path("sound.html")).unwrap();
    assert!(html.contains("<b>Verified.</b> All 15 records"), "{html}");
    let not = desk.ledger("report", &["--out", "not.html"]);
    assert_eq!(not.code, Some(0), "{}", not.stderr);
    let html = fs::read_to_string(desk.path("not.html")).unwrap();
    assert!(html.contains("<b>Not verified.</b>") && !html.contains("<b>Verified.</b>"));
    // Another log's key.
    let other = Desk::open();
    let key = other.gateway.dir().join("ledger/ledger.pub").display().to_string();
    let ended = desk.ledger("report", &["--out", "wrong.html", "--key", &key]);
    assert_eq!(ended.code, Some(65), "{}", ended.stderr);
    let html = fs::read_to_string(desk.path("wrong.html")).unwrap();
    assert!(html.contains("nothing below can be relied on"));
    let ended = desk.ledger("report", &["--out", "none.html", "--key", "nonsense+key"]);
    assert_eq!(ended.code, Some(64), "{}", ended.stderr);
}
