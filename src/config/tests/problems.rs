//! Each problem is told with its key and line.

use super::*;

const SHOP: &str = "upstream = [{ name = \"shop\", servers = [\"http://a\"] }]\n";

/// One problem, in one line of text.
fn one(text: &str) -> String {
    let mut all = problems(text);
    assert_eq!(all.len(), 1, "{text}: {all:?}");
    all.remove(0)
}

/// One problem of a route, given its keys.
fn of_route(keys: &str) -> String {
    one(&format!("{SHOP}[[route]]\nname = \"r\"\nupstream = \"shop\"\n{keys}"))
}

#[test]
fn all_problems_are_told_at_once_in_the_order_of_the_file() {
    let text = r#"
[gateway]
listen = 8080
clint_address = "peer"

[geo]
max_age = "0s"

[[upstream]]
name = "shop"
servers = []

[[route]]
name = "orders"
path = "/orders"
action = "resale"
upstream = "shpo"

[ledgr]
"#;
    assert_eq!(
        problems(text),
        [
            "3:10: gateway.listen: `8080` is no address with a port: write `\"127.0.0.1:8080\"` or `\"[::1]:8080\"`",
            "4:1: gateway.clint_address: unknown key, did you mean `client_address`?",
            "7:11: geo.max_age: must be between 1s and 3650d",
            "11:11: upstream.shop.servers: must name at least one server, such as `\"http://127.0.0.1:9000\"`",
            "13:1: route.orders: judges `resale` but nothing says where the items are: write `items` or `preset`",
            "17:12: route.orders.upstream: unknown value `shpo`, did you mean `shop`?",
            "19:2: ledgr: unknown key, did you mean `ledger`?",
        ]
    );
}

#[test]
fn keys_of_policies_are_named_once_and_as_many_are_asked_for_as_there_are() {
    let told = |keys: &str| one(&format!("[policies]\n{keys}\n"));
    let two = "keys = [\"a.pub\", \"b.pub\"]\n";
    for (keys, problem) in [
        (
            "keys = []".to_owned(),
            "2:8: policies.keys: must name at least one file of a public key, such as `\"alice.pub\"`",
        ),
        (
            "threshold = 1".to_owned(),
            "2:13: policies.threshold: says how many of `keys` must have signed: write `keys` too",
        ),
        (format!("{two}threshold = 0"), "3:13: policies.threshold: must be between 1 and 2"),
        (format!("{two}threshold = 3"), "3:13: policies.threshold: must be between 1 and 2"),
        (
            "keys = [\"a.pub\", \"./b.pub\", \"a.pub\"]".to_owned(),
            "2:29: policies.keys[2]: is listed twice",
        ),
        (
            "keys = \"a.pub\"\nthreshold = 1".to_owned(),
            "2:8: policies.keys: expected a list, found a text: write `[\"a.pub\"]`",
        ),
        (
            "keys = [1, \"b.pub\"]\nthreshold = 2".to_owned(),
            "2:9: policies.keys[0]: expected a text, found an integer: write `\"1\"`",
        ),
    ] {
        assert_eq!(told(&keys), problem);
    }
}

#[test]
fn what_is_no_toml_is_told_with_its_line() {
    let told = problems("[gateway]\nlisten = \n");
    assert!(told[0].starts_with("2:10: not TOML: "), "{told:?}");
    let twice = problems("[log]\nlevel = \"info\"\nlevel = \"warn\"\n");
    assert!(twice[0].starts_with("3:1: not TOML: "), "{twice:?}");
}

#[test]
fn columns_count_characters() {
    let told = one("reseller = { names = [\"Käse\"], nam = 1 }");
    assert!(told.starts_with("1:32: reseller.nam: unknown key"), "{told}");
}

#[test]
fn a_wrong_type_says_what_to_write() {
    for (text, told) in [
        (
            "gateway.workers = \"4\"",
            "gateway.workers: expected an integer, found a text: write `4`",
        ),
        (
            "gateway.idle_timeout = 5",
            "gateway.idle_timeout: expected a duration, found an integer: write `\"5s\"`",
        ),
        ("geo.embedded = \"no\"", "geo.embedded: expected a boolean, found a text: write `false`"),
        (
            "geo.classes = \"a.csv\"",
            "geo.classes: expected a list, found a text: write `[\"a.csv\"]`",
        ),
        ("store.dir = 7", "store.dir: expected a text, found an integer: write `\"7\"`"),
        (
            "gateway.tls = \"a.pem\"",
            "gateway.tls: expected a table, found a text: write `tls = { ... }`",
        ),
        (
            "gateway.max_inspected_body = true",
            "gateway.max_inspected_body: expected a size, found a boolean: write `\"1MiB\"`",
        ),
        ("gateway = 1", "gateway: expected a table, found an integer: write `gateway = { ... }`"),
        ("[upstream]\nname = \"a\"", "upstream: expected a list of tables: write `[[upstream]]`"),
    ] {
        assert!(one(text).ends_with(told), "{text}: {}", one(text));
    }
}

#[test]
fn a_value_out_of_bounds_is_told() {
    for (text, told) in [
        (
            "gateway.client_address = \"x-forwarded\"",
            "unknown value `x-forwarded`, did you mean `x-forwarded-for`?",
        ),
        (
            "gateway.client_address = \"nearest\"",
            "unknown value `nearest`, expected one of `forwarded`, `peer`, `proxy-protocol`, `x-forwarded-for`",
        ),
        (
            "gateway.idle_timeout = \"5 weeks\"",
            "`5 weeks` is no duration: write a number and one of ms, s, m, h, d, such as `\"30s\"`",
        ),
        ("gateway.idle_timeout = \"0s\"", "must be between 1s and 1h"),
        (
            "gateway.api_clients = [\"10.0.0.1/8\"]",
            "gateway.api_clients[0]: `10.0.0.1/8` has bits beyond its prefix: write `\"10.0.0.0/8\"` or `\"10.0.0.1\"`",
        ),
        (
            "gateway.trusted_proxies = [\"::/0\"]",
            "`::/0` is everyone, and a stranger could claim any address: name the proxies",
        ),
        (
            "gateway.listen = [\"[::1]:80\", \"[::1]:80\"]",
            "gateway.listen[1]: `[::1]:80` is listed twice",
        ),
        ("gateway.listen = []", "must name at least one address, such as `\"127.0.0.1:8080\"`"),
        (
            "gateway.tls = { certificate = \"a\" }",
            "gateway.tls.key: missing: write `key = \"key.pem\"`",
        ),
        (
            "admin.trusted_proxies = [\"0.0.0.0/0\"]",
            "`0.0.0.0/0` is everyone, and a stranger could claim any address: name the proxies",
        ),
        (
            "admin.listen = \"127.0.0.1:8080\"",
            "admin.listen: `127.0.0.1:8080` is the gateway's own address: the two must differ",
        ),
        (
            "reseller.organization_country = \"Atlantis\"",
            "`Atlantis`: is no country: write its ISO 3166 code, such as `DE`",
        ),
        (
            "reseller.notice_url = \"shop/why\"",
            "`shop/why`: is no address: write an absolute URL such as `https://shop.example/why`",
        ),
        (
            "ledger.key = \"-----BEGIN PRIVATE KEY-----\"",
            "expected the path of a file, found its content: secrets stay in files",
        ),
        ("policies.dir = \"\"", "policies.dir: must not be empty"),
    ] {
        assert!(one(text).ends_with(told), "{text}: {}", one(text));
    }
}

#[test]
fn an_upstream_is_checked_against_itself_and_the_others() {
    for (text, told) in [
        (
            "servers = [\"a:80\"]",
            "upstream.u.servers[0]: `a:80`: a server begins with `http://` or `https://`",
        ),
        (
            "servers = [\"http://a\", \"http://a:80/\"]",
            "upstream.u.servers[1]: `http://a` is listed twice",
        ),
        (
            "servers = [\"http://a\"]\ntls = { ca = \"x\" }",
            "upstream.u.tls: no server of this upstream begins with `https://`",
        ),
        (
            "servers = [\"https://a\"]\ntls = { certificate = \"x\" }",
            "upstream.u.tls.key: missing: a certificate needs its key",
        ),
        (
            "servers = [\"http://a\"]\nhealth = { path = \"up\" }",
            "upstream.u.health.path: `up`: is no path: write one that begins with `/`",
        ),
        (
            "servers = [\"http://a\"]\nhost = \"a/b\"",
            "upstream.u.host: `a/b`: is no host: write `\"shop.internal\"` or `\"shop.internal:8080\"`",
        ),
        (
            "servers = [\"http://a\"]\n[[upstream]]\nname = \"u\"\nservers = [\"http://b\"]",
            "upstream.u.name: `u` is already the name of another",
        ),
    ] {
        let text = format!("[[upstream]]\nname = \"u\"\n{text}\n");
        assert!(one(&text).ends_with(told), "{text}: {}", one(&text));
    }
}

#[test]
fn a_route_is_checked_against_itself() {
    for (keys, told) in [
        (
            "path = \"/a\"",
            "route.r.action: missing: write `action = \"resale\"` or `action = \"none\"`",
        ),
        (
            "action = \"resell\"\npath = \"/a\"",
            "route.r.action: unknown value `resell`, did you mean `resale`?",
        ),
        ("action = \"none\"", "route.r.path: missing: write `path = \"/api/orders\"`"),
        (
            "action = \"none\"\npath = \"/{*a}/b\"",
            "route.r.path: `/{*a}/b`: `{*rest}` must be the last segment, and the whole of it",
        ),
        (
            "action = \"none\"\npath = \"/a\"\nmethods = [\"post\"]",
            "route.r.methods[0]: `post`: methods are written in capitals: write `\"POST\"`",
        ),
        (
            "action = \"none\"\npath = \"/a\"\nmethods = []",
            "route.r.methods: must name at least one method, such as `[\"POST\"]`; left out it means all",
        ),
        (
            "action = \"none\"\npath = \"/a\"\nitems = { sku = \"/a\" }",
            "route.r.items: is never looked at, for `action` is `none`: write an action or leave it out",
        ),
        (
            "action = \"none\"\npath = \"/a\"\npreset = \"kaspersky-mirror\"",
            "route.r.preset: is never looked at, for `action` is `none`: write an action or leave it out",
        ),
        (
            "action = \"sale\"\npath = \"/a\"\nitems = { at = \"/lines/*\" }",
            "route.r.items: says nothing of an item: write at least `sku`, `name` or `vendor`",
        ),
        (
            "action = \"sale\"\npath = \"/a\"\nitems = { sku = \"sku\" }",
            "route.r.items.sku: `sku`: a JSON pointer begins with `/`, such as `\"/billing/country\"`",
        ),
        (
            "action = \"sale\"\npath = \"/a\"\nitems = { sku = \"/*/sku\" }",
            "route.r.items.sku: `/*/sku`: `*` would give several values where one is wanted",
        ),
        (
            "action = \"sale\"\npath = \"/a/{id}\"\nitems = { sku = { path = \"sku\" } }",
            "route.r.items.sku.path: the route's path has no `{sku}`",
        ),
        (
            "action = \"sale\"\npath = \"/a\"\nitems = { sku = { header = \"X Y\" } }",
            "route.r.items.sku.header: `X Y`: is no header name",
        ),
        (
            "action = \"none\"\npath = \"/a\"\nbuyer = { emial = \"/e\" }",
            "route.r.buyer.emial: unknown key, did you mean `email`?",
        ),
        (
            "action = \"none\"\npath = \"/a\"\nbuyer = { email = \"\" }",
            "route.r.buyer.email: must not be empty: the whole document is no value",
        ),
        (
            "action = \"none\"\npath = \"/a\"\nbuyer = { ip_country = { header = \"CF-IPCountry\" } }",
            "only a route with `client = \"server\"` may read it",
        ),
        (
            "action = \"none\"\npath = \"/a\"\nbuyer = { email = { claim = \"/e\" } }",
            "needs an `[identity]` section and a route whose `identity` is not `none`",
        ),
        (
            "action = \"none\"\npath = \"/a\"\nidentity = \"optional\"",
            "route.r.identity: needs an `[identity]` section that says whose tokens are believed, or `tls.client_ca` for client certificates",
        ),
        (
            "action = \"none\"\npath = \"/a\"\nrequire = [\"account\"]",
            "route.r.require: no account can be known here: write `buyer = { account = ... }`",
        ),
    ] {
        assert!(of_route(keys).ends_with(told), "{keys}: {}", of_route(keys));
    }
}

#[test]
fn a_source_has_exactly_one_kind() {
    for source in ["{}", "{ header = \"A\", query = \"b\" }"] {
        let told =
            of_route(&format!("action = \"none\"\npath = \"/a\"\nbuyer = {{ email = {source} }}"));
        assert!(told.contains("buyer.email: expected exactly one of `header`"), "{told}");
    }
}

#[test]
fn two_routes_never_claim_the_same_request() {
    let told = one(&format!(
        "{SHOP}
[[route]]
name = \"a\"
path = \"/o/{{id}}\"
action = \"signature_update\"
upstream = \"shop\"
[[route]]
name = \"b\"
path = \"/O/{{nr}}/\"
action = \"none\"
upstream = \"shop\"
"
    ));
    assert_eq!(told, "10:8: route.b.path: `/O/{nr}/`: route `a` has the same path and method");
}

#[test]
fn an_upstream_may_be_left_out_only_where_there_is_none() {
    let route = "[[route]]\nname = \"r\"\npath = \"/a\"\naction = \"none\"\n";
    assert_eq!(problems(route), [""; 0]);
    let told = one(&format!("{SHOP}{route}"));
    assert_eq!(told, "2:1: route.r.upstream: missing: write `upstream = \"shop\"`");
}

#[test]
fn identity_and_notify_are_checked_in_full() {
    let told = problems(
        "[identity]
jwks = \"http://a/jwks.json\"
issuer = \"i\"
algorithms = [\"HS256\", \"EdDSA\"]
claims = { acount = \"/sub\" }
permissions = { erp = [\"decid\"] }
[notify]
url = \"fulfilment\"
",
    );
    assert_eq!(
        told,
        [
            "1:1: identity.audience: missing: write `audience = \"interdict\"`",
            "2:8: identity.jwks: keys over plain http can be replaced on the way: write `https://` or a file",
            "4:15: identity.algorithms[0]: `HS256` shares its secret with whoever checks it: use one with a public key, such as `\"EdDSA\"`",
            "5:21: identity.claims.acount: unknown value `acount`, did you mean `account`?",
            "6:24: identity.permissions.erp[0]: unknown value `decid`, did you mean `decide`?",
            "7:1: notify.key: missing: write `key = \"notify-key.txt\"`",
            "8:7: notify.url: `fulfilment`: is no address: write an absolute URL such as `https://shop.example/why`",
        ]
    );
}

#[test]
fn a_snippet_shows_the_line_and_has_colours_only_when_asked() {
    let errors = read("[gateway]\nlisten = \"here\"\n").unwrap_err();
    let plain = errors.snippets(false);
    assert!(plain.contains("listen = \"here\"") && plain.contains("i.toml:2:10"), "{plain}");
    assert!(!plain.contains('\u{1b}'));
    assert!(errors.snippets(true).contains('\u{1b}'));
}

#[test]
fn a_file_that_cannot_be_read_is_a_problem_of_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("none.toml");
    let errors = Config::load(&path, &home()).unwrap_err().to_string();
    assert!(errors.contains("none.toml: cannot be read: "), "{errors}");
    let latin = dir.path().join("latin.toml");
    std::fs::write(&latin, b"# \xe4").unwrap();
    assert!(
        Config::load(&latin, &home()).unwrap_err().to_string().ends_with("is not UTF-8 at byte 2")
    );
}

#[test]
fn paths_are_relative_to_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("i.toml");
    std::fs::write(&path, "\u{feff}[store]\r\ndir = \"s\"\r\n").unwrap();
    let config = Config::load(&path, &home()).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(config.store.dir, dir.path().join("s"));
}

#[test]
fn a_receiver_has_a_secret_and_nothing_that_it_would_ignore() {
    let receiver = |keys: &str| {
        let route = "[[route]]\nname = \"r\"\npath = \"/hooks\"\npreset = \"shopify\"\n";
        one(&format!("{SHOP}{route}{keys}"))
    };
    let resale = "action = \"resale\"\n";
    let secret = "secret = \"s.txt\"\n";
    for (keys, told) in [
        (resale.to_owned(), "route.r.secret: missing: write `secret = \"shopify-secret.txt\"`"),
        (format!("{resale}secret = \"\"\n"), "route.r.secret: must not be empty"),
        (
            format!("{resale}{secret}upstream = \"shop\"\n"),
            "route.r.upstream: has no place where `preset = \"shopify\"` receives webhooks: leave it out",
        ),
        (
            format!("{resale}{secret}buyer = {{ email = \"/email\" }}\n"),
            "route.r.buyer: has no place where `preset = \"shopify\"` receives webhooks: leave it out",
        ),
        (
            format!("{resale}{secret}client = \"buyer\"\n"),
            "route.r.client: webhooks come from the platform's own servers: leave it out",
        ),
        (
            format!("action = \"signature_update\"\n{secret}"),
            "route.r.action: a webhook tells of orders, `signature_update` is a delivery: write `\"resale\"`",
        ),
    ] {
        assert!(receiver(&keys).ends_with(told), "{keys}: {}", receiver(&keys));
    }
    assert!(
        of_route("path = \"/a\"\naction = \"none\"\nsecret = \"s.txt\"\n").ends_with(
            "route.r.secret: signs webhooks, which only `preset = \"shopify\"` receives"
        )
    );
}

#[test]
fn a_reserve_is_none_or_enough_to_act_on() {
    let told = one("[ledger]\nreserve = \"1MiB\"\n");
    assert_eq!(told, "2:11: ledger.reserve: must be at least 16777216 bytes, or 0 for none");
    for sound in ["\"0\"", "0", "\"16MiB\""] {
        assert_eq!(problems(&format!("[ledger]\nreserve = {sound}\n")), [""; 0]);
    }
    let told = one("[ledger]\nrefusals_per_minute = 0\n");
    assert_eq!(told, "2:23: ledger.refusals_per_minute: must be between 1 and 1000000");
}

#[test]
fn a_value_says_where_its_amount_is_and_is_read_from_the_routes_one_body() {
    const ITEMS: &str = "path = \"/o\"\naction = \"resale\"\n";
    let pointers = format!("{ITEMS}items = {{ at = \"/l/*\", sku = \"/sku\" }}\n");
    assert_eq!(
        of_route(&format!("{pointers}value = {{ currency = \"/currency\" }}")),
        "8:9: route.r.value.amount: missing: write `amount = \"/total\"`"
    );
    assert!(
        of_route(&format!("{pointers}value = {{ amount = \"/*/sum\" }}"))
            .contains("several values")
    );
    assert!(
        of_route(&format!("{pointers}value = {{ amount = {{ form = \"sum\" }} }}"))
            .contains("one or the other")
    );
    assert!(
        of_route(&format!("{pointers}value = {{ amount = \"/sum\", currrency = \"/c\" }}"))
            .contains("did you mean `currency`?")
    );
    let passing = "path = \"/o\"\naction = \"none\"\nvalue = { amount = \"/sum\" }";
    assert!(of_route(passing).contains("never looked at"));
}

#[test]
fn retention_and_sealing_are_of_sensible_length() {
    for years in ["0y", "10", "1001y", "y", "+1y", "10d"] {
        let problem = one(&format!("{SHOP}ledger.retention = \"{years}\""));
        assert!(problem.contains("is no number of years"), "{problem}");
    }
    let problem = one(&format!("{SHOP}ledger.seal_after = \"30m\""));
    assert!(problem.contains("ledger.seal_after"), "{problem}");
    let problem = one(&format!("{SHOP}ledger.personal = \"hashed\""));
    assert!(problem.contains("masked"), "{problem}");
}
