//! The path rules against what nginx resolves, and against a naive list of what careless servers do.

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::Config;
use proptest::test_runner::TestRunner;

use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::Nginx;
use crate::support::Request;
use crate::support::US;

/// Paths of the two files, spelled in ways that servers are known to read differently.
fn path() -> impl Strategy<Value = String> {
    let before = prop::sample::select(vec![
        "",
        "",
        "",
        "/",
        "/.",
        "/x/..",
        "/%2e",
        "/x/%2e%2e",
        "/..",
        "/;x",
        "/static/..;",
        "/x%2f..",
        "/x\\..",
        "/static",
        "/%2e%2e",
    ]);
    let between = prop::sample::select(vec![
        "/", "/", "/", "/", "//", "/./", "/x/../", "%2f", "%252f", "\\", "%5c", ";x/", "%c0%af",
        "/%2e/", " /", "%20/", "./", "?/", "#/",
    ]);
    let after = prop::sample::select(vec![
        "", "", "", "", "/", "?x=/", "#x", ";x", "%00", "%00.txt", "%20", ".", "%3f", "%23", "%",
        "%2e", "+", ".dif", "/..", "/x/..",
    ]);
    let names = prop_oneof![
        3 => Just(("index", "u1313g.xml")),
        1 => Just(("%69ndex", "u1313g.xml")),
        1 => Just(("%2569ndex", "u1313g.xml")),
        1 => Just(("%u0069ndex", "u1313g.xml")),
        1 => Just(("INDEX", "U1313g.xml")),
        2 => Just(("static", "logo.txt")),
    ];
    (before, names, between, after).prop_map(|(before, (folder, file), between, after)| {
        format!("{before}/{folder}{between}{file}{after}")
    })
}

/// The file that a server might take a path for, by each mistake alone and in the usual sequences, written without help
/// of the product.
fn naive_readings(target: &str) -> Vec<String> {
    let mut texts = vec![target.split(['?', '#']).next().unwrap().to_owned()];
    for _ in 0..3 {
        for text in texts.clone() {
            texts
                .push(percent_encoding::percent_decode_str(&text).decode_utf8_lossy().into_owned());
            texts.push(text.replace('\\', "/"));
            texts.push(text.replace("%c0%af", "/"));
            texts.push(text.replace("%u0069", "i"));
            texts.push(text.replace('\u{ff0e}', "."));
            texts.push(
                text.split('/').map(|s| s.split(';').next().unwrap()).collect::<Vec<_>>().join("/"),
            );
            texts.extend(text.split(['\0', '?', '#']).next().map(str::to_owned));
        }
        texts.sort();
        texts.dedup();
    }
    let resolve = |text: &String| {
        let mut stack: Vec<&str> = Vec::new();
        for segment in text.split('/') {
            match segment {
                "" | "." => {}
                ".." => drop(stack.pop()),
                name => stack.push(name.trim_end_matches([' ', '.'])),
            }
        }
        stack.join("/").to_lowercase()
    };
    texts.iter().map(resolve).collect()
}

#[test]
fn whatever_nginx_or_a_careless_server_reads_as_an_update_no_us_client_gets() {
    const SECRET: &str = "<Update UpdateDate";
    let nginx = Nginx::start(
        "root $root/www; merge_slashes on;",
        &[
            ("www/index/u1313g.xml", "<Update UpdateDate=\"29092024 0400\"/>\n"),
            ("www/static/logo.txt", "logo\n"),
        ],
    );
    let gateway = Gateway::start(nginx.address);
    let counts = [const { Cell::new(0) }; 3];
    let [served, refused, read] = &counts;
    let count = |cell: &Cell<u32>| cell.set(cell.get() + 1);
    let mut runner =
        TestRunner::new(Config { cases: 600, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&path(), |target| {
        let direct = Request::get(&target).send(nginx.address);
        let us = Request::get(&target).from(US).send(gateway.address);
        prop_assert!(!us.text().contains(SECRET), "{}", target);
        if direct.text().contains(SECRET) {
            count(read);
            prop_assert!([400, 451].contains(&us.status), "{}: {}", target, us.status);
        }
        let is_update = |reading: &String| format!("/{reading}").ends_with("/index/u1313g.xml");
        if naive_readings(&target).iter().any(is_update) {
            count(refused);
            prop_assert!([400, 451].contains(&us.status), "{}: {}", target, us.status);
        }
        // What passes is what nginx would have answered itself.
        if us.status == 200 {
            count(served);
            prop_assert_eq!(us.text(), direct.text(), "{}", target);
        }
        // A German gets what nginx gives, or a refusal for ambiguity: never another file.
        let german = Request::get(&target).from(GERMAN).send(gateway.address);
        if german.status == 200 {
            prop_assert_eq!(german.text(), direct.text(), "{}", target);
        }
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    assert!(served.get() > 4 && refused.get() > 100 && read.get() > 9, "{counts:?}");
}
