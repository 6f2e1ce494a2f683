//! The registry's pages, by what their own forms send: searched, edited, imported by two persons, and nothing of a stranger runs.

use std::time::Duration;
use std::time::Instant;

use interdict::model::Role;
use percent_encoding::NON_ALPHANUMERIC;
use percent_encoding::utf8_percent_encode;
use serde_json::Value;

use crate::support::Answer;
use crate::support::Console;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Nginx;
use crate::support::Request;
use crate::support::US;
use crate::support::gateway::export_all;

const HOSTILE: &str = "<img src=x onerror=alert(1)>\"'";
const ESCAPED: &str = "&#60;img src=x onerror=alert(1)&#62;&#34;&#39;";

fn builder(nginx: &Nginx) -> GatewayBuilder {
    GatewayBuilder::new(nginx.address)
        .with("[store]\ndir = \"store\"\n")
        .operator("author", &[Role::PolicyAuthor])
        .operator("approver", &[Role::PolicyApprover])
        .operator("both", &[Role::PolicyAuthor, Role::PolicyApprover])
        .operator("admin", &[Role::Administrator])
        .operator("viewer", &[Role::Viewer])
}

fn order(gateway: &Gateway, sku: &str) -> u16 {
    let body = format!(
        r#"{{"lines":[{{"sku":"{sku}","title":"Safe thing","vendor":"Shop","quantity":1}}],"billing":{{"country":"US"}}}}"#
    );
    Request::post("/api/orders", body).from(US).send(gateway.address).status
}

/// What a form sends.
fn submit(console: &Console, path: &str, fields: &[(&str, &str)]) -> Answer {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pairs = fields.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
    let body = pairs.collect::<Vec<_>>().join("&");
    let request = console.request("POST", path).header("HX-Request", "true");
    let request = request.header("Content-Type", "application/x-www-form-urlencoded");
    request.body(body).send(console.address)
}

/// Where a form leads.
fn led(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.header("hx-redirect").unwrap_or_else(|| panic!("{}", answer.text())).to_owned()
}

fn page(console: &Console, path: &str) -> String {
    let request = console.request("GET", path).header("Accept", "text/html");
    let answer = request.send(console.address);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.text()
}

/// The page of an import once nothing is under way: until then it asks again by itself.
fn settled(console: &Console, path: &str) -> String {
    let start = Instant::now();
    loop {
        let html = page(console, path);
        if !html.contains("hx-trigger=\"every") {
            return html;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "it does not end: {html}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// As the script of the page sends a file.
fn upload(console: &Console, csv: &str) -> String {
    let html = page(console, "/registry/imports");
    let to = html.split("data-upload=\"").nth(1).unwrap().split('"').next().unwrap();
    let request = console.request("POST", &format!("{to}?table=catalogue"));
    let answer = request.header("Content-Type", "text/csv").body(csv).send(console.address);
    assert_eq!(answer.status, 202, "{}", answer.text());
    let view: Value = serde_json::from_slice(&answer.body).unwrap();
    format!("/registry/imports/{}", view["id"].as_str().unwrap())
}

/// The fields of a form on a page, as they are filled in: what is ticked is ticked.
fn fields<'a>(html: &'a str, action: &str) -> Vec<(&'a str, &'a str)> {
    let form = html.split(&format!("hx-post=\"{action}\"")).nth(1);
    let form = form.unwrap_or_else(|| panic!("no form to {action}: {html}"));
    let form = form.split("</form>").next().unwrap();
    let inputs = form.split("<input ").skip(1).map(|input| input.split('>').next().unwrap());
    let value = |input: &'a str, name: &str| {
        let rest = input.split(&format!("{name}=\"")).nth(1);
        rest.map_or("", |rest| rest.split('"').next().unwrap())
    };
    inputs.map(|input| (value(input, "name"), value(input, "value"))).collect()
}

fn change_of(gateway: &Gateway, action: &str) -> Value {
    let records = export_all(&gateway.dir().join("ledger")).into_iter();
    let mut found = records.filter(|record| record["action"] == action);
    found.next_back().unwrap_or_else(|| panic!("no {action}"))
}

#[test]
fn a_list_is_uploaded_proposed_and_approved_by_another_and_changes_the_next_verdict() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = builder(&nginx).start();
    let (author, both) = (gateway.console("author"), gateway.console("both"));
    assert_ne!(order(&gateway, "sx-1"), 451);

    let bad = upload(&author, "sku,name,group\nsx-1,Thing,kaspersky.covered\nsx-2,Other,no.such\n");
    let html = settled(&author, &bad);
    assert!(html.contains("1 row is bad") && html.contains("Unknown group `no.such`"), "{html}");
    assert!(html.contains(">3</th>") && html.contains("<code>group</code>"), "{html}");
    let errors = html.split("href=\"").find(|href| href.contains("/errors\"")).unwrap();
    let errors = author.get(errors.split('"').next().unwrap()).text();
    assert!(errors.contains("3,group,"), "{errors}");
    assert!(!html.contains(&format!("hx-post=\"{bad}/propose\"")), "{html}");
    let refused = submit(&author, &format!("{bad}/propose"), &[("reason", "anyway")]);
    assert_eq!(refused.status, 409, "{}", refused.text());
    assert!(refused.header("hx-trigger").unwrap().contains("are bad"), "htmx swaps what is 409");
    assert_eq!(led(&submit(&author, &format!("{bad}/withdraw"), &[])), "/registry/imports");

    let good = upload(&both, "sku,name,group\nsx-1,Thing,kaspersky.covered\nsx-2,Other,none\n");
    let html = settled(&both, &good);
    assert!(html.contains("Added") && html.contains(">2</span>"), "{html}");
    assert!(html.contains("Kaspersky: covered"), "{html}");
    let silent = submit(&both, &format!("{good}/propose"), &[("reason", " ")]);
    assert_eq!(silent.status, 400, "{}", silent.text());
    led(&submit(&both, &format!("{good}/propose"), &[("reason", "new list")]));
    assert_ne!(order(&gateway, "sx-1"), 451, "nothing is in force yet");

    let html = page(&both, &good);
    assert!(html.contains("Somebody else approves") && !html.contains("/approve\""), "{html}");
    let approver = gateway.console("approver");
    assert!(
        page(&approver, "/registry/catalogue")
            .contains("1<span class=\"visually-hidden\"> waiting")
    );
    let html = page(&approver, &good);
    let (approve, mut ticked) =
        (format!("{good}/approve"), fields(&html, &format!("{good}/approve")));
    assert!(ticked.contains(&("added", "2")) && ticked.contains(&("rows", "2")), "{ticked:?}");
    let own = submit(&both, &approve, &ticked);
    assert_eq!(own.status, 403, "{}", own.text());
    assert!(own.text().contains("a second person approves"), "{}", own.text());
    let unread = submit(&approver, &approve, &[("added", "2")]);
    assert_eq!(unread.status, 400, "{}", unread.text());
    ticked.retain(|(name, _)| *name != "removed");
    ticked.push(("removed", "1"));
    assert_eq!(submit(&approver, &approve, &ticked).status, 409, "other numbers");
    ticked.retain(|(name, _)| *name != "removed");
    ticked.push(("removed", "0"));
    led(&submit(&approver, &approve, &ticked));
    assert!(settled(&approver, &good).contains("It is in force"));
    assert_eq!(order(&gateway, "SX1"), 451);
    let html = page(&approver, "/registry/imports");
    assert!(html.contains("In force") && html.contains("approved by approver"), "{html}");
    assert_eq!(change_of(&gateway, "registry.propose")["reason"], "new list");

    // What a search finds is changed the same way.
    let found = [("q", "sx-1"), ("in", "sku"), ("match", "equals"), ("group", "")];
    let bulk = submit(&both, "/registry/bulk", &[&found[..], &[("to", "none")]].concat());
    let bulk = led(&bulk);
    let html = settled(&both, &bulk);
    assert!(html.contains("<del>Kaspersky: covered</del>"), "{html}");
    assert!(html.contains("<ins>None: looked at, not covered</ins>"), "{html}");
    led(&submit(&both, &format!("{bulk}/propose"), &[("reason", "wrong")]));
    let html = page(&approver, &bulk);
    let approve = format!("{bulk}/approve");
    led(&submit(&approver, &approve, &fields(&html, &approve)));
    settled(&approver, &bulk);
    assert_ne!(order(&gateway, "SX1"), 451);
}

#[test]
fn a_row_is_judged_before_it_is_saved_and_who_was_too_slow_is_told() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = builder(&nginx).start();
    let author = gateway.console("author");
    let row =
        [("sku", "a/b 1"), ("name", "Safe"), ("vendor", "Shop"), ("group", "kaspersky.covered")];
    let judged = submit(&gateway.console("viewer"), "/registry/what-if", &row);
    assert!(
        judged.text().contains("badge block") && judged.text().contains("badge allow"),
        "{}",
        judged.text()
    );
    let no_group = submit(&author, "/registry/what-if", &[("sku", "x"), ("group", "no.such")]);
    assert!(no_group.text().contains("Unknown group"), "{}", no_group.text());
    assert_ne!(order(&gateway, "a/b 1"), 451, "to ask changes nothing");

    let address = led(&submit(&author, "/registry/add/product", &row));
    assert_eq!(order(&gateway, "A/B1"), 451);
    let first = page(&author, &address);
    let seen = fields(&first, &address);
    let none = |fields: &[(&'static str, &str)]| -> Vec<(String, String)> {
        let own = fields.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        own.chain([("group".to_owned(), "none".to_owned())]).collect()
    };
    let etag = seen.iter().find(|(name, _)| *name == "etag").unwrap().1;
    let save = none(&[("etag", etag), ("sku", "a/b 1"), ("name", "Safe"), ("reason", "looked")]);
    let save: Vec<_> = save.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert_eq!(led(&submit(&author, &address, &save)), address);
    assert_ne!(order(&gateway, "a/b 1"), 451);
    let stale = submit(&author, &address, &save);
    assert_eq!(stale.status, 412, "{}", stale.text());
    assert!(stale.header("hx-trigger").unwrap().contains("Somebody has edited the row"));
    let stale = submit(&author, &format!("{address}/remove"), &[("etag", etag)]);
    assert_eq!(stale.status, 412);
    assert_eq!(change_of(&gateway, "registry.edit_row")["reason"], "looked");

    let viewer = gateway.console("viewer");
    let html = page(&viewer, "/registry/catalogue?q=safe&in=name&match=equals&group=none");
    assert!(html.contains("a/b 1") && !html.contains("Change all of these"), "{html}");
    assert!(page(&author, "/registry/catalogue?q=safe").contains("Change all of these"));
    assert!(page(&viewer, "/registry/catalogue?q=unsafe").contains("Nothing found"));
    assert!(!page(&viewer, &address).contains("hx-post=\"/registry/catalogue"), "read only");
    let csv = viewer.get("/registry/export?q=safe");
    assert_eq!(csv.text(), "sku,name,vendor,group\na/b 1,Safe,,none\n");
    assert_eq!(change_of(&gateway, "export_catalogue")["actor"]["id"], "local:viewer");
    assert_eq!(viewer.get("/registry/customers").status, 403);
    assert_eq!(viewer.get("/registry/imports").status, 403);
}

#[test]
fn a_long_catalogue_is_paged_and_exported_whole() {
    const ROWS: usize = 1_201;
    let nginx = Nginx::mirror_and_shop();
    let gateway = builder(&nginx).operator("second", &[Role::PolicyApprover]).start();
    let (author, second) = (gateway.console("author"), gateway.console("second"));
    let rows: String = (0..ROWS).map(|n| format!("s-{n:04},=cmd,none\n")).collect();
    let import = upload(&author, &format!("sku,name,group\n{rows}"));
    let html = settled(&author, &import);
    assert!(html.contains("1,201") && html.contains("runs as a formula"), "{html}");
    assert_eq!(html.matches("not there").count(), 100);
    led(&submit(&author, &format!("{import}/propose"), &[("reason", "all")]));
    let html = page(&second, &import);
    let approve = format!("{import}/approve");
    led(&submit(&second, &approve, &fields(&html, &approve)));
    settled(&second, &import);
    let (mut at, mut seen) = ("/registry/catalogue".to_owned(), 0);
    loop {
        let html = page(&author, &at);
        seen += html.matches("<th scope=\"row\"").count();
        let Some(next) = html.split("rel=\"next\" href=\"").nth(1) else { break };
        next.split('"').next().unwrap().replace("&#38;", "&").clone_into(&mut at);
    }
    assert_eq!(seen, ROWS);
    let csv = author.get("/registry/export").text();
    assert_eq!(csv.lines().count(), ROWS + 1);
    assert!(csv.contains("s-1200,'=cmd,,none"), "nothing that a spreadsheet would run");
}

#[test]
fn customers_are_shown_once_somebody_is_looked_for_and_every_look_is_a_record() {
    const KEY: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";
    let nginx = Nginx::mirror_and_shop();
    let gateway = builder(&nginx).operator("auditor", &[Role::Auditor]).start();
    let (admin, auditor) = (gateway.console("admin"), gateway.console("auditor"));
    let person = [("account", "A-17"), ("billing_country", "US"), ("email", "x@example.com")];
    let address = led(&submit(&admin, "/registry/add/customer", &person));
    assert!(!page(&auditor, "/registry/customers").contains("A-17"), "not before it is looked for");
    let nothing = submit(&auditor, "/registry/customers/search", &[("q", "")]);
    assert_eq!(nothing.status, 400, "{}", nothing.text());
    let found = submit(&auditor, "/registry/customers/search", &[("q", "a-17")]);
    assert!(
        found.text().contains("A-17") && found.text().contains("x@example.com"),
        "{}",
        found.text()
    );
    let search = change_of(&gateway, "search_customers");
    assert_eq!(search["actor"]["id"], "local:auditor");
    submit(
        &auditor,
        "/registry/customers/search",
        &[("q", KEY), ("in", "license_key"), ("match", "equals")],
    );
    let html = page(&auditor, &address);
    assert!(html.contains("x@example.com") && !html.contains("hx-post=\"/registry/"), "{html}");
    assert_eq!(change_of(&gateway, "customer")["actor"]["id"], "local:auditor");
    let html = page(&admin, &address);
    let mut fields = fields(&html, &address);
    for (name, value) in &mut fields {
        if *name == "billing_country" {
            *value = "DE";
        }
    }
    led(&submit(&admin, &address, &fields));
    assert!(page(&admin, &address).contains("value=\"DE\""));
    for other in ["author", "viewer"] {
        assert_eq!(gateway.console(other).get(&address).status, 403, "{other}");
    }
    let all = format!("{:?}", export_all(&gateway.dir().join("ledger")));
    assert!(!all.contains(KEY) && !gateway.log().contains(KEY));
}

#[test]
fn unknown_skus_are_classified_one_at_once_and_several_by_two_persons() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = builder(&nginx).start();
    let author = gateway.console("author");
    for sku in ["u-1", "u-2", "u-3"] {
        assert_ne!(order(&gateway, sku), 451, "{sku}");
    }
    let html = page(&author, "/registry/unknown");
    assert!(html.contains("3<span class=\"visually-hidden\"> to classify"), "{html}");
    assert!(
        html.contains("u-2") && html.contains("Safe thing") && html.contains("badge allow"),
        "{html}"
    );
    let one = [("sku", "u-1"), ("group", "kaspersky.covered")];
    assert_eq!(led(&submit(&author, "/registry/unknown", &one)), "/registry/unknown");
    assert_eq!(order(&gateway, "u-1"), 451);
    let none = submit(&author, "/registry/unknown", &[("group", "none")]);
    assert_eq!(none.status, 400, "{}", none.text());
    let several = [("sku", "u-2"), ("sku", "u-3"), ("group", "kaspersky.covered")];
    let import = led(&submit(&author, "/registry/unknown", &several));
    assert!(settled(&author, &import).contains("2 classified SKUs"));
    assert_ne!(order(&gateway, "u-2"), 451, "not before a second person");
    let viewer = page(&gateway.console("viewer"), "/registry/unknown");
    assert!(viewer.contains("u-2") && !viewer.contains("hx-post=\"/registry"), "{viewer}");
}

#[test]
fn what_strangers_wrote_is_text_on_every_page() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = builder(&nginx).start();
    let (author, admin) = (gateway.console("author"), gateway.console("admin"));
    let item =
        serde_json::json!({ "sku": HOSTILE, "title": HOSTILE, "vendor": HOSTILE, "quantity": 1 });
    let body = serde_json::json!({ "lines": [item], "billing": { "country": "DE" } }).to_string();
    Request::post("/api/orders", body).from(US).send(gateway.address);
    let row = [("sku", "h-1"), ("name", HOSTILE), ("vendor", HOSTILE), ("group", "none")];
    let product = led(&submit(&author, "/registry/add/product", &row));
    let person = [("account", HOSTILE), ("email", HOSTILE), ("billing_region", HOSTILE)];
    let customer = submit(&admin, "/registry/add/customer", &person);
    let quoted = HOSTILE.replace('"', "\"\"");
    let import = upload(
        &author,
        &format!(
            "sku,name,vendor,group\nh-1,\"{quoted}\",\"{quoted}\",\"{quoted}\"\nh-2,\"{quoted}\",,\n"
        ),
    );
    settled(&author, &import);
    let good = upload(&author, &format!("sku,name\nh-1,\"{quoted}\"\nh-2,\"{quoted}\"\n"));
    settled(&author, &good);
    led(&submit(&author, &format!("{good}/propose"), &[("reason", HOSTILE)]));
    let bulk = [("q", HOSTILE), ("in", "name"), ("match", "contains"), ("to", "kaspersky.covered")];
    let bulk = led(&submit(&author, "/registry/bulk", &bulk));
    let search = utf8_percent_encode(HOSTILE, NON_ALPHANUMERIC).to_string();
    let mut pages = vec![
        page(&author, "/registry/catalogue"),
        page(&author, &format!("/registry/catalogue?q={search}")),
        page(&author, &product),
        page(&author, "/registry/unknown"),
        page(&author, &format!("/registry/unknown?q={search}")),
        settled(&author, &import),
        settled(&author, &good),
        settled(&author, &bulk),
        page(&author, "/registry/imports"),
    ];
    if customer.status == 200 {
        pages.push(submit(&admin, "/registry/customers/search", &[("q", "img")]).text());
        pages.push(page(&admin, &led(&customer)));
    }
    for html in &pages {
        assert!(!html.contains("<img"), "{html}");
        assert!(html.contains(ESCAPED), "it is not there at all: {html}");
    }
}

#[test]
fn a_file_of_the_configuration_is_named_and_nothing_is_edited() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = builder(&nginx)
        .file("catalog.csv", "sku\nx-1\n")
        .with("[catalog]\nfile = \"catalog.csv\"\n")
        .start();
    let author = gateway.console("author");
    let html = page(&author, "/registry/catalogue");
    assert!(html.contains("catalog.csv") && !html.contains("Add a product"), "{html}");
    let html = page(&author, "/registry/imports");
    assert!(html.contains("catalog.csv") && !html.contains("data-upload="), "{html}");
    let answer = submit(&author, "/registry/add/product", &[("sku", "y-1"), ("group", "none")]);
    assert_eq!(answer.status, 409, "{}", answer.text());
    assert!(answer.header("hx-trigger").unwrap().contains("catalog.csv"));
    let blank = author.request("GET", "/registry/add/product").header("Accept", "text/html");
    let blank = blank.send(gateway.admin);
    assert_eq!(blank.status, 409);
    assert!(
        blank.text().contains("<h1") && blank.text().contains("catalog.csv"),
        "{}",
        blank.text()
    );
}
