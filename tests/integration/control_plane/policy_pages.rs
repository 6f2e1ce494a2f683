//! The life of a policy by the console's own forms, and what a page makes of what strangers write.

use interdict::model::Role;
use serde_json::Value;
use serde_json::json;

use crate::support::Answer;
use crate::support::Console;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Recorder;
use crate::support::gateway::export_all;
use crate::support::until;

const HOSTILE: &str = "\"><script>alert(1)</script><img src=x onerror=alert(1)>";
const POLICY: &str = "us-commerce-kaspersky.toml";

fn gateway() -> Gateway {
    let recorder = Recorder::start();
    GatewayBuilder::new(recorder.address)
        .operator("anna", &[Role::PolicyAuthor])
        .operator("ben", &[Role::PolicyApprover])
        .operator("vera", &[Role::Viewer])
        .start()
}

/// Sends a form as htmx does.
fn form(console: &Console, path: &str, fields: &[(&str, &str)]) -> Answer {
    let body: Vec<_> =
        fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    let request = console.request("POST", path).header("HX-Request", "true");
    let request = request.header("Content-Type", "application/x-www-form-urlencoded");
    request.body(body.join("&")).send(console.address)
}

fn encoded(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric();
    let byte = |b: u8| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") };
    text.bytes().map(byte).collect()
}

/// The page, which must be there.
fn page(console: &Console, path: &str) -> String {
    let answer = console.get(path);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.text()
}

/// A draft by anna; returns its address.
fn draft(anna: &Console, title: &str, note: &str) -> String {
    let begun = form(anna, "/policies", &[("title", title), ("note", note)]);
    assert_eq!(begun.status, 200, "{}", begun.text());
    begun.header("hx-redirect").unwrap().to_owned()
}

/// The value of a field of a page.
fn field(html: &str, name: &str) -> String {
    let value = html.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap();
    value.split('"').next().unwrap().to_owned()
}

/// The text of the editor, as a browser reads it.
fn text(html: &str) -> String {
    let area = html.split("<textarea class=\"editor\"").nth(1).unwrap();
    let area = area.split_once(">\n").unwrap().1.split("</textarea>").next().unwrap();
    let entities =
        [("&#34;", "\""), ("&#39;", "'"), ("&#60;", "<"), ("&#62;", ">"), ("&#38;", "&")];
    entities.iter().fold(area.to_owned(), |text, (entity, is)| text.replace(entity, is))
}

/// Runs the checks by the page's form, and waits for the page to be loaded again.
fn checked(console: &Console, address: &str) {
    let begun = form(console, &format!("{address}/check"), &[("days", "7"), ("records", "1000")]);
    assert_eq!(begun.status, 200, "{}", begun.text());
    until("the checks are over", || {
        let answer = console.get(&format!("{address}/check"));
        (answer.header("hx-refresh") == Some("true")).then_some(())
    });
}

#[test]
fn a_rule_goes_from_a_form_to_every_request_by_two_people() {
    let gateway = gateway();
    let (anna, ben) = (gateway.console("anna"), gateway.console("ben"));
    let address = draft(&anna, "Hold what government buys", "As counsel asks");
    let version = address.rsplit('/').next().unwrap();

    // The guided form writes a rule, which anna puts at the end of the text.
    let written = form(
        &anna,
        &format!("{address}/rule"),
        &[
            ("id", "government-held"),
            ("clause", "FD-9"),
            ("basis", "policy"),
            ("action", "government_supply"),
            ("product", "kaspersky.covered"),
            ("buyer", "yes"),
            ("effective", "2024-09-29T00:00"),
            ("zone", "America/New_York"),
            ("us", "review"),
            ("unclear", "allow"),
            ("message", "Supplies to government are held."),
            ("mode", "enforce"),
            ("notes", "Asked for by counsel"),
        ],
    );
    assert_eq!(written.status, 200, "{}", written.text());
    assert!(written.text().contains("effective = 2024-09-29T00:00:00-04:00"), "{}", written.text());
    let editor = page(&anna, &format!("{address}/edit?file={POLICY}"));
    let edit = field(&editor, "edit");
    let rule = written.text();
    let rule = rule.split("tabindex=\"0\">").nth(1).unwrap().split("</pre>").next().unwrap();
    let rule = rule.replace("&#34;", "\"");
    let new = format!("{}\n{rule}\n", text(&editor));

    // As she writes, faults are told with line and column.
    let broken = format!("{new}\n[[rule]]\nid = 7\n");
    let lint = form(&anna, &format!("{address}/lint"), &[("file", POLICY), ("text", &broken)]);
    let line = broken.lines().count();
    assert!(
        lint.text().contains(&format!("data-line=\"{line}\" data-column=\"6\"")),
        "{}",
        lint.text()
    );
    let lint = form(&anna, &format!("{address}/lint"), &[("file", POLICY), ("text", &new)]);
    assert!(lint.text().contains("Compiles"), "{}", lint.text());
    assert!(
        lint.text()
            .contains("holds for review supplies to government of covered Kaspersky products")
    );

    let save = |edit: &str, text: &str| {
        form(
            &anna,
            &format!("{address}/files"),
            &[("edit", edit), ("file", POLICY), ("text", text)],
        )
    };
    let saved = save(&edit, &new);
    assert_eq!(saved.status, 204, "{}", saved.text());
    assert!(saved.header("hx-trigger").unwrap().contains("\"saved\":{\"edit\":2}"));
    // Somebody who still has the old text overwrites nothing, and is told of the edit that is there.
    let late = save(&edit, "x");
    assert_eq!(late.status, 412, "{}", late.text());
    assert!(late.header("hx-trigger").unwrap().contains("\"conflict\":{\"edit\":2}"));

    checked(&anna, &address);
    let seen = page(&ben, &address);
    assert!(seen.contains("All ") && seen.contains(" cases pass"), "{seen}");
    assert!(seen.contains("The rule government-held of us-commerce-kaspersky is new"), "{seen}");
    assert!(seen.contains("holds for review supplies to government of covered Kaspersky products"));
    assert!(page(&ben, "/policies").contains("Waits for your approval"));
    // The author is offered no approval, and gets none.
    assert!(!page(&anna, &address).contains(&format!("hx-post=\"{address}/approve\"")));
    let own = form(&anna, &format!("{address}/approve"), &[("changed", "0"), ("reason", "mine")]);
    assert_eq!(own.status, 403);

    let approve = |changed: &str| {
        form(
            &ben,
            &format!("{address}/approve"),
            &[("changed", changed), ("reason", "As counsel asks")],
        )
    };
    assert_eq!(approve("7").status, 409, "nobody agrees to what they did not see");
    assert_eq!(approve("0").status, 204);
    let active = form(&ben, &format!("{address}/activate"), &[("reason", "Agreed")]);
    assert_eq!(active.status, 204, "{}", active.text());

    let list = page(&anna, "/policies");
    assert!(
        list.contains(&format!("In force: <a href=\"{address}\">version {version}</a>")),
        "{list}"
    );
    let asked = ask(&anna, &[("action", "government_supply"), ("billing_country", "US")]);
    assert!(asked.contains("Held for review") && asked.contains("Clause FD-9"), "{asked}");

    // Back in one step, from the page of what was in force before.
    let before = form(&ben, "/policies/1/rollback", &[("reason", "Holds too much")]);
    assert_eq!(before.status, 204, "{}", before.text());
    let asked = ask(&anna, &[("action", "government_supply"), ("billing_country", "US")]);
    assert!(asked.contains("Allowed"), "{asked}");
    assert!(page(&anna, "/policies").contains("Holds too much"));
}

fn ask(console: &Console, fields: &[(&str, &str)]) -> String {
    let product = [("name", "Kaspersky Premium"), ("vendor", "Kaspersky")];
    let answer = form(console, "/timeline/ask", &[fields, &product].concat());
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.text()
}

#[test]
fn a_stay_is_drafted_from_the_list_and_tells_itself_in_words() {
    let gateway = gateway();
    let anna = gateway.console("anna");
    let stay = form(
        &anna,
        "/policies/suspend",
        &[
            ("which", "us-commerce-kaspersky/signature-updates"),
            ("by", "D.C. Cir., No. 24-1"),
            ("from", "2026-03-01T00:00"),
            ("until", ""),
            ("reason", "Stayed pending review"),
        ],
    );
    assert_eq!(stay.status, 200, "{}", stay.text());
    let shown = page(&anna, stay.header("hx-redirect").unwrap());
    assert!(shown.contains("until further notice, by D.C. Cir., No. 24-1: Stayed pending review"));
    let wrong = form(&anna, "/policies/suspend", &[("which", "x"), ("by", "y"), ("from", "soon")]);
    assert_eq!(wrong.status, 400, "{}", wrong.text());
}

#[test]
fn any_second_of_the_timeline_can_be_asked_about_and_only_that_is_recorded() {
    let gateway = gateway();
    let vera = gateway.console("vera");
    let law = page(&vera, "/timeline");
    assert!(law.contains("FD-2a begins: signature updates") && law.contains("Now"), "{law}");
    let at = |at: &str| {
        ask(&vera, &[("action", "signature_update"), ("billing_country", "US"), ("at", at)])
    };
    let before = at("2024-09-29T03:59:59");
    assert!(before.contains("Allowed"), "{before}");
    // It changes at the next second, and the strip has both.
    assert!(before.contains("from <strong>29 September 2024 (midnight in Washington, 04:00 UTC)"));
    assert!(before.contains("<li class=\"block\">"), "{before}");
    let after = at("2024-09-29T04:00:00");
    assert!(after.contains("Clause FD-2a") && after.contains("89 FR 52434"), "{after}");
    assert!(after.contains("on no later date of the timeline is the answer another one"));
    // Whoever sees no customers looks none up.
    let denied = form(
        &vera,
        "/timeline/ask",
        &[("action", "sale"), ("name", "Kaspersky Premium"), ("account", "C-1")],
    );
    assert_eq!(denied.status, 403, "{}", denied.text());
    let nothing = form(&vera, "/timeline/ask", &[("action", "sale"), ("billing_country", "US")]);
    assert_eq!(nothing.status, 400, "{}", nothing.text());

    let ledger = gateway.dir().join("ledger");
    let records = export_all(&ledger);
    let kind = |record: &Value, kind: &str| record["kind"] == kind;
    let asked = records.iter().filter(|r| kind(r, "access") && r["action"] == "explain");
    assert_eq!(asked.count(), 2, "each question once, however often it was answered");
    assert!(!records.iter().any(|record| kind(record, "decision")), "nothing was decided");
}

#[test]
fn what_is_written_into_titles_notes_and_policies_stays_text_on_every_page() {
    let gateway = gateway();
    let (anna, ben) = (gateway.console("anna"), gateway.console("ben"));
    let address = draft(&anna, HOSTILE, &format!("{HOSTILE}\n{HOSTILE}"));
    let editor = page(&anna, &format!("{address}/edit?file={POLICY}"));
    let quoted = HOSTILE.replace('"', "\\\"");
    let text = text(&editor)
        .replace("title     = \"Prohibition on", &format!("title     = \"{quoted} Prohibition on"))
        .replacen("message   = \"", &format!("message   = \"{quoted}</textarea>"), 1);
    let saved = form(
        &anna,
        &format!("{address}/files"),
        &[("edit", &field(&editor, "edit")), ("file", POLICY), ("text", &text)],
    );
    assert_eq!(saved.status, 204, "{}", saved.text());
    checked(&anna, &address);
    let approved =
        form(&ben, &format!("{address}/approve"), &[("changed", "0"), ("reason", HOSTILE)]);
    assert_eq!(approved.status, 204, "{}", approved.text());
    let lint = form(&anna, &format!("{address}/lint"), &[("file", POLICY), ("text", HOSTILE)]);
    let editor = page(&anna, &format!("{address}/edit?file={POLICY}"));
    let active = form(&ben, &format!("{address}/activate"), &[("reason", HOSTILE)]);
    assert_eq!(active.status, 204, "{}", active.text());
    let pages = [
        page(&ben, "/policies"),
        page(&ben, &address),
        page(&ben, "/timeline"),
        editor,
        lint.text(),
        ask(&ben, &[("action", "sale"), ("billing_country", "US"), ("sku", HOSTILE)]),
    ];
    for html in pages {
        assert!(!html.contains("<script>alert"), "{html}");
        assert!(!html.contains("<img src=x"), "{html}");
        assert!(!html.contains("</textarea>\"") && !html.contains("</textarea>New"), "{html}");
    }
    assert!(page(&ben, &address).contains("&#60;script&#62;alert"));
    let body = json!({ "name": "x" });
    assert_eq!(ben.post("/policies", &body).status, 403);
}
