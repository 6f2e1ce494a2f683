//! Requests that a page of another site causes: none of them changes anything.

use interdict::admin::Who;
use interdict::admin::table;
use interdict::model::Role;
use serde_json::json;

use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::PASSWORD;
use crate::support::Recorder;
use crate::support::Request;
use crate::support::gateway::export_all;

fn gateway() -> Gateway {
    GatewayBuilder::new(Recorder::start().address)
        .operator("olga", &Role::ALL)
        .operator("oscar", &Role::ALL)
        .operator("viktor", &[Role::Viewer])
        .start()
}

/// What was changed or looked at, as the ledger tells.
fn records(gateway: &Gateway) -> usize {
    let records = export_all(&gateway.dir().join("ledger"));
    records.iter().filter(|record| record["actor"]["via"] == "session").count()
}

#[test]
fn no_unsafe_method_goes_on_without_the_sessions_own_token() {
    let gateway = gateway();
    let (olga, oscar) = (gateway.console("olga"), gateway.console("oscar"));
    let before = records(&gateway);
    let others = [
        None,
        Some(String::new()),
        Some("x".to_owned()),
        Some(oscar.csrf),
        Some(format!("{}x", olga.csrf)),
        Some(olga.csrf[..olga.csrf.len() - 1].to_owned()),
        Some(olga.cookie.split_once('=').unwrap().1.to_owned()),
    ];
    let mut routes = 0;
    for entry in table() {
        if !matches!(entry.who, Who::With(_)) || entry.method == "GET" {
            continue;
        }
        routes += 1;
        let path = entry.path.replace("{name}", "viktor").replace("{version}", "7");
        let path = path.replace(['{', '}'], "");
        for (way, content) in [
            ("application/json", "{}"),
            ("text/plain", "{}"),
            ("application/x-www-form-urlencoded", "name=x"),
        ] {
            for token in &others {
                let request = Request::new(entry.method.as_str(), &path)
                    .header("Cookie", &olga.cookie)
                    .header("Content-Type", way);
                let request =
                    token.iter().fold(request, |r, token| r.header("X-CSRF-Token", token));
                let body = format!(
                    "{content}{}",
                    if way.ends_with("urlencoded") {
                        format!("&csrf={}", olga.csrf)
                    } else {
                        String::new()
                    }
                );
                let answer = request.body(body).send(gateway.admin);
                assert_eq!(answer.status, 403, "{} {path} {token:?}", entry.method);
            }
        }
        let twice = Request::new(entry.method.as_str(), &path)
            .header("Cookie", &olga.cookie)
            .header("X-CSRF-Token", &olga.csrf)
            .header("X-CSRF-Token", &olga.csrf);
        assert_eq!(twice.send(gateway.admin).status, 403, "{path} with two tokens");
        // The address is no place for it.
        let query = format!("{path}?csrf={0}&X-CSRF-Token={0}", olga.csrf);
        let in_query = Request::new(entry.method.as_str(), &query).header("Cookie", &olga.cookie);
        assert_eq!(in_query.send(gateway.admin).status, 403, "{path} in the query");
    }
    assert!(routes >= 5, "{routes} routes");
    assert_eq!(records(&gateway), before, "nothing was changed");
    assert_eq!(olga.get("/admin/v1/session").status, 200, "nobody was signed out");
    assert_eq!(olga.get("/admin/v1/operators/viktor").status, 200);
}

#[test]
fn a_form_of_another_site_signs_nobody_in() {
    let gateway = gateway();
    let own = format!("http://{}", gateway.admin);
    let post = |path: &str, headers: &[(&str, &str)]| {
        let request = match path {
            "/sign-in" => Request::new("POST", path)
                .header("Content-Type", "application/x-www-form-urlencoded")
                .body(format!("name=olga&password={}", PASSWORD.replace(' ', "+"))),
            _ => Request::post(path, json!({"name":"olga","password":PASSWORD}).to_string()),
        };
        let request = headers.iter().fold(request, |r, (name, value)| r.header(name, value));
        request.send(gateway.admin)
    };
    let before = records(&gateway);
    let port = format!("http://127.0.0.1:{}", gateway.admin.port() ^ 1);
    for path in ["/sign-in", "/admin/v1/session"] {
        for headers in [
            &[("Origin", "https://evil.example")][..],
            &[("Origin", "null")],
            &[("Origin", "")],
            &[("Origin", port.as_str())],
            &[("Origin", "file://")],
            &[("Sec-Fetch-Site", "cross-site")],
            &[("Sec-Fetch-Site", "same-site")],
            &[("Sec-Fetch-Site", "")],
            &[("Sec-Fetch-Site", "cross-site"), ("Origin", own.as_str())],
            &[("Sec-Fetch-Site", "cross-site"), ("Origin", "null")],
        ] {
            let answer = post(path, headers);
            assert_eq!(answer.status, 403, "{path} {headers:?}: {}", answer.text());
            assert!(answer.header("set-cookie").is_none(), "{path} {headers:?}");
        }
    }
    assert_eq!(records(&gateway), before);
    for path in ["/sign-in", "/admin/v1/session"] {
        for headers in [
            &[][..],
            &[("Origin", own.as_str())],
            &[("Sec-Fetch-Site", "same-origin"), ("Origin", own.as_str())],
            // What a browser says whose pages send no referrer (Fetch, "append a request Origin header").
            &[("Sec-Fetch-Site", "same-origin"), ("Origin", "null")],
            &[("Sec-Fetch-Site", "none")],
        ] {
            let answer = post(path, headers);
            assert!(matches!(answer.status, 201 | 303), "{path} {headers:?}: {}", answer.text());
        }
    }
}

/// Where the console is plain HTTP under a name, browsers send no `Sec-Fetch-Site`: `Origin` alone decides, and it is `null` where the
/// page's referrer policy is `no-referrer` (Fetch 3.2, "append a request `Origin` header").
#[test]
fn pages_let_browsers_name_the_origin_of_their_own_forms() {
    let gateway = gateway();
    let page = Request::get("/sign-in").send(gateway.admin);
    assert_eq!(page.header("referrer-policy"), Some("same-origin"));
    assert!(page.text().contains(r#"<meta name="referrer" content="same-origin">"#));
    assert!(!page.text().contains("no-referrer"));
}

#[test]
fn the_frame_signs_out_with_the_sessions_token_in_the_header() {
    let gateway = gateway();
    let viktor = gateway.console("viktor");
    let page = viktor.get("/").text();
    assert!(page.contains(r#"hx-post="/sign-out""#), "{page}");
    assert!(page.contains(&format!("X-CSRF-Token\":\"{}\"", viktor.csrf)), "{page}");
    let out = viktor.request("POST", "/sign-out").header("HX-Request", "true").send(gateway.admin);
    assert_eq!((out.status, out.header("hx-redirect")), (200, Some("/sign-in")));
    assert_eq!(viktor.get("/admin/v1/session").status, 401);
}
