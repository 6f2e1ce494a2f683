//! Pages as they are written: nothing inline, nothing from elsewhere, nothing unescaped; assets as they are served.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;
use std::io::Read as _;

use actix_web::App;
use actix_web::body::to_bytes;
use actix_web::dev::Service as _;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::test::TestRequest;
use actix_web::test::init_service;
use actix_web::web::Bytes;
use flate2::read::GzDecoder;

use crate::model::Country;
use crate::model::Role;
use crate::model::Roles;

use super::*;

const HOSTILE: &str = "\"><script>alert(1)</script><img src=x onerror='a' style=b>'{{ 7*7 }}";

fn shell(text: &str) -> Shell {
    let person = Person { name: text.to_owned(), roles: Roles::ALL };
    Shell {
        csrf: text.to_owned(),
        current: Some(Nav::Overview),
        health: Health::Degraded,
        person: Some(person),
        reviews: Some(7),
        title: text.to_owned(),
    }
}

fn overview(text: &str) -> overview::Overview {
    let own = || text.to_owned();
    overview::Overview {
        bundle: Some(3),
        counts: overview::Counts { allow: 12_480, block: 1, review: 2 },
        degraded: vec![(own(), own())],
        geo: vec![
            overview::GeoSource {
                built: Some("2026-11-25T00:00:00Z".parse().unwrap()),
                name: own(),
                stale: false,
            },
            overview::GeoSource { built: None, name: own(), stale: true },
        ],
        ledger: overview::LedgerHealth { failed: Some(own()), ..overview::LedgerHealth::default() },
        policies: vec![overview::PolicyInForce {
            authority: own(),
            id: own(),
            suspended: true,
            title: own(),
            version: own(),
        }],
        rate: 3,
        reviews: overview::Queue { oldest: Some(12_000), open: 7, overdue: true },
        revision: own(),
        servers: vec![overview::Server { address: own(), healthy: false, upstream: own() }],
        shell: shell(text),
    }
}

fn body(answer: HttpAnswer) -> String {
    let body = block_on(to_bytes(answer.into_body()));
    String::from_utf8(body.unwrap_or_else(|_| panic!("a body")).to_vec()).unwrap()
}

type HttpAnswer = actix_web::HttpResponse;

fn block_on<F: Future>(future: F) -> F::Output {
    actix_web::rt::System::new().block_on(future)
}

/// Every page with this text wherever data can be, by name.
fn pages(text: &str) -> Vec<(&'static str, String)> {
    let own = || text.to_owned();
    let sign_in = |first_run| sign_in::SignIn {
        error: Some(own()),
        first_run,
        name: own(),
        next: own(),
        shell: Shell { person: None, ..shell(text) },
    };
    let error =
        error::ErrorPage { detail: own(), reference: Some(own()), shell: shell(text), status: 404 };
    let quiet = overview::Overview {
        degraded: vec![],
        geo: vec![],
        ledger: overview::LedgerHealth {
            checkpoint: Some(("2026-11-25T00:00:00Z".parse().unwrap(), 5)),
            ..overview::LedgerHealth::default()
        },
        policies: vec![],
        servers: vec![],
        ..overview(text)
    };
    let frame = || shell(text);
    let law = policies::tests::pages(text, &frame);
    let law = law.into_iter().chain(timeline::tests::pages(text, &frame));
    let law = law.map(|(name, answer)| (name, body(answer)));
    let registry = registry::samples::pages(text, &shell(text)).into_iter();
    let mut all = reviews(text);
    all.extend(registry.map(|(name, answer)| (name, body(answer))));
    all.extend(law);
    all.extend([
        ("overview", body(page(StatusCode::OK, &overview(text)))),
        ("overview of nothing", body(page(StatusCode::OK, &quiet))),
        ("sign-in", body(page(StatusCode::OK, &sign_in(false)))),
        ("first sign-in", body(page(StatusCode::OK, &sign_in(true)))),
        ("error", body(page(StatusCode::NOT_FOUND, &error))),
    ]);
    all
}

/// The pages of the review queue.
fn reviews(text: &str) -> Vec<(&'static str, String)> {
    use crate::control::reviews::Status;

    use super::reviews::entry::Next;
    use super::reviews::list::Tab;
    use super::reviews::samples;

    let review = |next, status| {
        body(page(StatusCode::OK, &samples::review(text, next, status, shell(text))))
    };
    let queue = |tab| body(page(StatusCode::OK, &samples::queue(text, tab, shell(text))));
    let clearance = |may| body(page(StatusCode::OK, &samples::clearance(text, may, shell(text))));
    vec![
        ("clearance", clearance(true)),
        ("clearance that is over", clearance(false)),
        ("clearances", body(page(StatusCode::OK, &samples::clearances(text, shell(text))))),
        ("queue", queue(Tab::Open)),
        ("queue that is done", queue(Tab::Done)),
        ("review to decide", review(Next::Decide, Status::Recommended)),
        ("review to recommend", review(Next::Recommend, Status::Open)),
        ("review to wait for", review(Next::WaitForReviewer, Status::Open)),
        ("review of one's own", review(Next::Own, Status::Recommended)),
        ("review that is decided", review(Next::Decided, Status::Released)),
    ]
}

/// An opening tag: its name, its attributes with their values.
type Tag = (String, Vec<(String, String)>);

/// The opening tags of a page, as a browser would find them.
fn tags(html: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        if !rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
            continue;
        }
        let name_ends = rest.find(|c: char| c.is_whitespace() || c == '>').unwrap();
        let name = rest[..name_ends].to_lowercase();
        rest = &rest[name_ends..];
        let mut attributes = Vec::new();
        loop {
            rest = rest.trim_start();
            if let Some(after) = rest.strip_prefix('>') {
                rest = after;
                break;
            }
            let ends = rest.find(|c: char| c.is_whitespace() || "=>".contains(c)).unwrap();
            let attribute = rest[..ends].to_lowercase();
            rest = &rest[ends..];
            let mut value = String::new();
            if let Some(after) = rest.strip_prefix('=') {
                let quote = after.chars().next().unwrap();
                assert!("\"'".contains(quote), "`{attribute}` of `{name}` is not quoted");
                let ends = after[1..].find(quote).unwrap();
                after[1..=ends].clone_into(&mut value);
                rest = &after[ends + 2..];
            }
            attributes.push((attribute, value));
        }
        tags.push((name, attributes));
    }
    tags
}

#[test]
fn no_page_has_a_script_a_style_or_a_handler_of_its_own() {
    for (page, html) in pages("plain") {
        for (tag, attributes) in tags(&html) {
            assert_ne!(tag, "style", "{page}");
            if tag == "script" {
                assert!(attributes.iter().any(|(name, _)| name == "src"), "{page}: inline script");
            }
            for (name, value) in attributes {
                let own = name == "style" || name.starts_with("on") || name.starts_with("hx-on");
                assert!(!own, "{page}: <{tag} {name}>");
                assert!(!value.trim_start().starts_with("javascript:"), "{page}: {value}");
                let link = ["action", "href", "src", "hx-get", "hx-post"].contains(&name.as_str());
                let ours = value.starts_with('/') || value.starts_with('#') || value == "data:,";
                assert!(!link || ours, "{page}: {value} is elsewhere");
            }
        }
    }
}

#[test]
fn the_test_of_pages_sees_what_it_looks_for() {
    let found = tags("<p onclick='x'>a &lt;b></p><input disabled value=\"<i>\">");
    let names: Vec<_> = found.iter().map(|(tag, _)| tag.as_str()).collect();
    assert_eq!(names, ["p", "input"]);
    assert_eq!(found[0].1, [("onclick".to_owned(), "x".to_owned())]);
    assert_eq!(found[1].1[1], ("value".to_owned(), "<i>".to_owned()));
}

#[test]
fn what_strangers_wrote_stays_text() {
    for ((page, plain), (_, hostile)) in pages("plain").into_iter().zip(pages(HOSTILE)) {
        assert!(!hostile.contains("<script>alert"), "{page}");
        assert!(hostile.contains("&#60;script&#62;alert"), "{page}: the text is not there");
        let shape = |html: &str| -> Vec<(String, Vec<String>)> {
            let tags = tags(html).into_iter();
            tags.map(|(tag, all)| (tag, all.into_iter().map(|(name, _)| name).collect())).collect()
        };
        assert_eq!(shape(&hostile), shape(&plain), "{page}");
    }
}

#[test]
fn every_page_is_kept_by_nobody_and_takes_nothing_from_elsewhere() {
    let answer = page(StatusCode::OK, &overview("plain"));
    for (name, value) in [
        ("cache-control", "no-store"),
        (
            "content-security-policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
        ("content-type", "text/html; charset=utf-8"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("referrer-policy", "same-origin"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(answer.headers().get(name).and_then(|v| v.to_str().ok()), Some(value), "{name}");
    }
    assert!(answer.headers().contains_key("permissions-policy"));
}

#[test]
fn every_asset_that_is_named_exists() {
    let known: BTreeSet<_> = assets::names().collect();
    let prefix = assets::url("");
    let symbols = include_str!("assets/icons.svg");
    let mut icons = BTreeSet::new();
    for (page, html) in pages("plain") {
        let mut found = 0;
        for (at, _) in html.match_indices("/assets/") {
            let address = html[at..].split('"').next().unwrap();
            let name = address.strip_prefix(&prefix).unwrap_or_else(|| panic!("{page}: {address}"));
            let (name, icon) = name.split_once('#').unwrap_or((name, ""));
            assert!(known.contains(name), "{page}: {name}");
            icons.extend((!icon.is_empty()).then(|| icon.to_owned()));
            found += 1;
        }
        // A part of a page has none of its own.
        assert!(found > 3 || !html.starts_with("<!doctype"), "{page} names no assets");
    }
    for name in assets::names().filter(|name| name.ends_with(".js") && !name.contains(".min.")) {
        let (_, script) = asset(name, &[]);
        let script = String::from_utf8(script.to_vec()).unwrap();
        let quoted = |after: &str| -> Vec<String> {
            let parts = script.split(after).skip(1);
            parts.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
        };
        for import in quoted("from \"./") {
            assert!(known.contains(import.as_str()), "{name} imports {import}");
        }
        for other in quoted("asset(\"") {
            assert!(known.contains(other.as_str()), "{name} asks for {other}");
        }
        icons.extend(quoted("icon(\""));
        icons.extend(quoted("icon: \""));
    }
    assert!(icons.len() > 15, "{icons:?}");
    for icon in icons {
        assert!(symbols.contains(&format!("<symbol id=\"{icon}\"")), "no symbol `{icon}`");
    }
}

#[test]
fn no_script_makes_markup_or_code_out_of_text() {
    for name in assets::names().filter(|name| name.ends_with(".js") && !name.contains(".min.")) {
        let (_, script) = asset(name, &[]);
        let script = String::from_utf8(script.to_vec()).unwrap();
        for word in [
            "innerHTML",
            "outerHTML",
            "insertAdjacent",
            "document.write",
            "eval(",
            "Function(",
            "cssText",
            "srcdoc",
        ] {
            assert!(!script.contains(word), "{name} has `{word}`");
        }
    }
}

#[test]
fn only_who_may_open_records_is_led_to_them() {
    let links = |roles: &[Role]| {
        let person = Some(Person { name: String::new(), roles: Roles::of(roles) });
        let shell = Shell { person, ..shell("plain") };
        body(page(StatusCode::OK, &overview::Overview { shell, ..overview("plain") }))
            .contains("data-links")
    };
    assert!(links(&[Role::Viewer, Role::Auditor]));
    assert!(!links(&[Role::Viewer, Role::Administrator]));
}

/// An asset as it is answered to a request with these headers.
fn answered(
    path: &str,
    headers: &[(header::HeaderName, &str)],
) -> (StatusCode, header::HeaderMap, Bytes) {
    block_on(async {
        let app = init_service(
            App::new().route("/assets/{version}/{name}", actix_web::web::get().to(assets::answer)),
        )
        .await;
        let request = TestRequest::get().uri(path);
        let request = headers
            .iter()
            .fold(request, |request, (name, value)| request.insert_header((name.clone(), *value)));
        let answer = app.call(request.to_request()).await.unwrap();
        let (status, headers) = (
            answer.status(),
            answer.headers().iter().map(|(n, v)| (n.clone(), v.clone())).collect(),
        );
        (status, headers, to_bytes(answer.into_body()).await.unwrap_or_else(|_| panic!("a body")))
    })
}

fn asset(name: &str, headers: &[(header::HeaderName, &str)]) -> (header::HeaderMap, Bytes) {
    let (status, headers, body) = answered(&assets::url(name), headers);
    assert_eq!(status, StatusCode::OK, "{name}");
    (headers, body)
}

#[test]
fn assets_are_kept_for_ever_under_the_hash_of_their_content() {
    for name in assets::names() {
        let (headers, plain) = asset(name, &[]);
        let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(text("cache-control").as_deref(), Some("public, max-age=31536000, immutable"));
        assert_eq!(text("x-content-type-options").as_deref(), Some("nosniff"));
        assert_eq!(text("vary").as_deref(), Some("accept-encoding"));
        assert_eq!(text("content-encoding"), None);
        let kind = match name.rsplit_once('.').unwrap().1 {
            "css" => "text/css; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            _ => "image/svg+xml",
        };
        assert_eq!(text("content-type").as_deref(), Some(kind), "{name}");

        let etag = text("etag").unwrap();
        let (status, _, nothing) = answered(&assets::url(name), &[(header::IF_NONE_MATCH, &etag)]);
        assert_eq!((status, nothing.len()), (StatusCode::NOT_MODIFIED, 0));

        let (headers, packed) = asset(name, &[(header::ACCEPT_ENCODING, "br, gzip;q=0.8")]);
        if headers.contains_key("content-encoding") {
            assert!(packed.len() < plain.len());
            assert_ne!(headers.get("etag").unwrap().to_str().unwrap(), etag);
            let mut unpacked = Vec::new();
            GzDecoder::new(&packed[..]).read_to_end(&mut unpacked).unwrap();
            assert!(unpacked == plain, "{name}");
        } else {
            assert!(plain.len() < 200, "{name} is sent as it is");
        }
        let (headers, _) = asset(name, &[(header::ACCEPT_ENCODING, "gzip;q=0, identity")]);
        assert!(!headers.contains_key("content-encoding"));
    }
}

#[test]
fn assets_of_another_version_and_names_that_are_none_are_not_found() {
    let other =
        assets::url("app.css").replace(&assets::url("")["/assets/".len()..], "0000000000000000/");
    for path in
        [other, assets::url("README.md"), assets::url("..%2fapp.css"), "/assets/app.css".to_owned()]
    {
        let (status, headers, _) = answered(&path, &[]);
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert!(headers.get("cache-control").is_none_or(|value| value == "no-store"), "{path}");
    }
}

#[test]
fn the_map_has_a_shape_for_every_country_and_a_mark_for_every_territory() {
    let map = include_str!("assets/world.svg");
    let letters = || b'A'..=b'Z';
    let codes = letters().flat_map(|a| letters().map(move |b| [a, b]));
    let countries: Vec<_> = codes.filter_map(Country::from_alpha2).collect();
    assert!(countries.len() > 240);
    for country in countries.iter().filter(|country| !["AQ", "BV"].contains(&country.as_str())) {
        assert_eq!(map.matches(&format!(" id=\"{country}\"")).count(), 1, "{country}");
        let territory = map.contains(&format!("<circle id=\"{country}\" class=\"territory\""));
        assert_eq!(territory, country.is_united_states() && *country != Country::US, "{country}");
    }
    assert!(map.len() < 150_000 && !map.contains("style"));
}

#[test]
fn nobody_is_shown_a_way_that_is_not_theirs() {
    let entries = |roles: &[Role]| -> Vec<Nav> {
        let person = Some(Person { name: String::new(), roles: Roles::of(roles) });
        let groups = Shell { person, ..shell("plain") }.groups();
        groups.into_iter().flat_map(|group| group.entries).collect()
    };
    let everybody = [Nav::Overview, Nav::Policies, Nav::Timeline, Nav::Registry, Nav::Ledger];
    assert_eq!(entries(&[Role::Viewer]), everybody);
    for (role, more) in [
        (Role::Administrator, &[Nav::Operators][..]),
        (Role::Auditor, &[Nav::Decisions, Nav::Reports]),
        (Role::PolicyApprover, &[Nav::Reviews]),
        (Role::PolicyAuthor, &[]),
        (Role::Reviewer, &[Nav::Reviews]),
    ] {
        let found = entries(&[role]);
        assert_eq!(found.len(), everybody.len() + more.len(), "{role}");
        assert!(more.iter().all(|nav| found.contains(nav)), "{role}");
    }
    assert!(Shell { person: None, ..shell("plain") }.groups().is_empty());
}
