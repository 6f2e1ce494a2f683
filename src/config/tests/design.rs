//! The example of DESIGN 12 (Contract), every key of it.

use std::time::Duration;

use super::*;
use crate::settings::ClientCertificate;
use crate::settings::ClientRole;
use crate::settings::IdentityUse;
use crate::settings::JwksSource;
use crate::settings::Permission;
use crate::settings::Requirement;
use crate::settings::Tls;

const DESIGN: &str = r#"
[gateway]
listen = "127.0.0.1:8080"
trusted_proxies = ["127.0.0.1/32"]       # only these peers' forwarding header is believed; default: none
client_address  = "x-forwarded-for"      # or "forwarded", "proxy-protocol", "peer" (default)
max_inspected_body = "1MiB"
api_clients = ["127.0.0.1/32", "::1/128"]
# tls = { certificate = "fullchain.pem", key = "key.pem", client_ca = "ca.pem" }   # listen may be a list, each with its own tls

[admin]
listen = "127.0.0.1:9090"

[reseller]
organization_country = "DE"              # the seller's own nexus
names = ["Example Shop"]                 # vendor texts that mean the shop itself
notice_url = "https://shop.example/why"  # target of the blocked-by Link; where a refused customer can object

[policies]
dir = "policies"

[catalog]
file = "catalog.csv"                     # sku,name,vendor,group

[customers]
file = "customers.csv"                   # account,organization_country,billing_country,us_person,license_key,...

[geo]
databases = ["country.mmdb"]             # any MMDB schema; default: the embedded registry table
networks  = "networks.csv"               # cidr,country,class: the operator's own knowledge, wins over the rest
classes   = ["anonymisers.csv"]          # cidr,class files or anonymiser MMDBs
max_age   = "35d"                        # older: its addresses are missing, and an alarm

[identity]
jwks = "jwks.json"                       # file or https URL
issuer = "https://shop.example"
audience = "interdict"
algorithms = ["EdDSA"]
leeway_seconds = 30
claims = { account = "/sub", citizenship = "/nationality" }     # JSON pointers into the token -> evidence
permissions = { "erp-backend" = ["decide", "as_of", "evidence"] }   # by sub: who may call /v1 from afar, give at, give ip_country and ip_class

[store]
dir = "data/store"

[ledger]
dir = "data/ledger"
key = "ledger-key.pem"                   # created at first start if absent

[[upstream]]
name = "shop"
servers = ["http://127.0.0.1:9000"]

[[route]]
name = "orders"
methods = ["POST"]
path = "/wp-json/wc/v3/orders"
action = "resale"
preset = "woocommerce"                   # also: shopify, magento, kaspersky-mirror, kaspersky-partner
upstream = "shop"

[[route]]
name = "buy"
methods = ["POST"]
path = "/api/orders"
action = "resale"
items = { at = "/lines/*", sku = "/sku", name = "/title", vendor = "/vendor" }   # JSON pointers; * walks arrays
buyer = { billing_country = "/billing/country", shipping_country = "/shipping/country", email = "/email" }
upstream = "shop"

[[route]]
name = "erp"
path = "/erp/orders"
action = "resale"
client = "server"                        # whose address the peer is: "buyer" (default) or "server"
identity = "required"                    # "none", "optional", "required"; default optional where [identity] is set, else none
require = ["account"]                    # without a known one the buyer is at best unclear
preset = "kaspersky-partner"
upstream = "shop"

[[route]]
name = "updates"
path = "/mirror/{*file}"
action = "signature_update"
preset = "kaspersky-mirror"              # items from path and host signatures
buyer = { account = { header = "X-License-Key" } }
upstream = "shop"

[[route]]
name = "rest"
path = "/{*any}"
action = "none"                          # passed on, counted, not judged
upstream = "shop"
"#;

#[test]
fn without_a_threshold_all_keys_must_have_signed() {
    let trust = |more: &str| {
        let text = format!("[policies]\nkeys = [\"a.pub\", \"/keys/b.pub\", \"c.pub\"]\n{more}");
        read(&text).unwrap_or_else(|errors| panic!("{errors}")).policies.trust.unwrap()
    };
    let keys = ["/etc/interdict/a.pub", "/keys/b.pub", "/etc/interdict/c.pub"].map(PathBuf::from);
    assert_eq!(trust(""), PolicyTrust { keys: keys.to_vec(), threshold: 3 });
    assert_eq!(trust("threshold = 2\n").threshold, 2);
    assert_eq!(read("[policies]\ndir = \"p\"\n").unwrap().policies.trust, None);
}

#[test]
fn every_key_of_the_contract_is_accepted_and_means_what_it_says() {
    let config = read(DESIGN).unwrap_or_else(|errors| panic!("{errors}"));
    let gateway = &config.gateway;
    assert_eq!(gateway.listeners[0].address.to_string(), "127.0.0.1:8080");
    assert_eq!(gateway.trusted_proxies, ["127.0.0.1/32".parse().unwrap()]);
    assert_eq!(gateway.client_address, ClientAddress::XForwardedFor);
    assert_eq!(gateway.max_inspected_body, 1_048_576);
    assert_eq!(gateway.api_clients, Gateway::loopback());
    assert_eq!(config.admin.listen.port(), 9_090);
    assert_eq!(config.reseller.organization_country.unwrap().as_str(), "DE");
    assert_eq!(config.reseller.names, ["Example Shop"]);
    assert_eq!(config.reseller.notice_url.as_deref(), Some("https://shop.example/why"));
    let at = |name: &str| PathBuf::from("/etc/interdict").join(name);
    assert_eq!(config.policies.dir, Some(at("policies")));
    assert_eq!(config.catalog.file, Some(at("catalog.csv")));
    assert_eq!(config.customers.file, Some(at("customers.csv")));
    assert_eq!(config.geo.databases, [at("country.mmdb")]);
    assert_eq!(config.geo.networks, Some(at("networks.csv")));
    assert_eq!(config.geo.classes, [at("anonymisers.csv")]);
    assert_eq!(config.geo.max_age, Some(Duration::from_secs(35 * 86_400)));
    assert!(!config.geo.embedded, "a database replaces the embedded table");
    assert_eq!(config.store.dir, at("data/store"));
    assert_eq!(config.ledger.dir, at("data/ledger"));
    assert_eq!(config.ledger.key, at("ledger-key.pem"));
    let identity = config.identity.as_ref().unwrap();
    assert_eq!(identity.jwks, JwksSource::File(at("jwks.json")));
    assert_eq!(identity.leeway, Duration::from_secs(30));
    assert_eq!(identity.claims.len(), 2);
    assert_eq!(
        identity.permissions,
        [(
            "erp-backend".to_owned(),
            vec![Permission::Decide, Permission::AsOf, Permission::Evidence]
        )]
    );
    assert_eq!(config.upstreams[0].servers[0].to_string(), "http://127.0.0.1:9000");

    let [orders, buy, erp, updates, rest] = config.routes.as_slice() else {
        panic!("five routes");
    };
    assert_eq!(orders.preset, Some(Preset::WooCommerce));
    assert_eq!(orders.client, ClientRole::ByEntrance);
    assert_eq!(orders.methods, ["POST"]);
    assert_eq!(buy.action, Some(Action::Resale));
    assert_eq!(buy.identity, IdentityUse::Optional, "the default where [identity] is set");
    assert_eq!(buy.buyer.len(), 3);
    assert!(buy.items.as_ref().unwrap().at.as_ref().unwrap().walks());
    assert_eq!(erp.client, ClientRole::Server);
    assert_eq!(erp.identity, IdentityUse::Required);
    assert_eq!(erp.require, [Requirement::Account]);
    assert_eq!(updates.buyer, [(BuyerField::Account, Source::Header("x-license-key".to_owned()))]);
    assert_eq!(rest.action, None);
    assert_eq!(rest.upstream.as_deref(), Some("shop"));
}

/// A second opinion on the reader: nothing is asked but that the line is named.
#[test]
fn each_mistyped_key_of_the_contract_is_told_with_its_line() {
    let lines: Vec<&str> = DESIGN.lines().collect();
    let mut tried = 0;
    for (index, line) in lines.iter().enumerate() {
        let Some(at) = line.find([' ', ']']).filter(|at| *at > 0 && !line.starts_with('#')) else {
            continue;
        };
        let (key, rest) = line.split_at(at);
        let mistyped = format!("{key}zq{rest}");
        let mut changed = lines.clone();
        changed[index] = &mistyped;
        let errors = read(&changed.join("\n")).expect_err(&mistyped);
        let told = errors.problems().iter().any(|problem| {
            matches!(problem.place, Place::Line { line, .. } if line == index + 1)
                && problem.message.starts_with("unknown key")
        });
        assert!(told, "{mistyped}: {errors}");
        tried += 1;
    }
    let written = lines.iter().filter(|line| !line.is_empty() && !line.starts_with('#')).count();
    assert_eq!(tried, written);
}

proptest::proptest! {
    #[test]
    fn no_damage_to_a_file_makes_the_reader_panic(from in 0_usize..4_000, length in 0_usize..40) {
        let damaged: String = DESIGN
            .chars()
            .enumerate()
            .filter(|(at, _)| !(from..from.saturating_add(length)).contains(at))
            .map(|(_, letter)| letter)
            .collect();
        if let Err(errors) = read(&damaged) {
            proptest::prop_assert!(!errors.problems().is_empty());
            proptest::prop_assert!(!errors.snippets(false).is_empty());
        }
    }
}

#[test]
fn the_deployed_example_parses_and_needs_nothing_that_is_missing() {
    let text = include_str!("../../../deploy/interdict.toml");
    let config = read(text).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(config.routes.len(), 3);
}

#[test]
fn what_the_example_calls_a_default_is_the_default() {
    let text = include_str!("../../../deploy/interdict.toml");
    let shown = read(text).unwrap();
    let bare = read("").unwrap();
    let gateway = Gateway {
        client_address: ClientAddress::Peer,
        trusted_proxies: Vec::new(),
        ..shown.gateway.clone()
    };
    assert_eq!(gateway, bare.gateway);
    assert_eq!(shown.admin, bare.admin);
    assert_eq!(shown.log, bare.log);
    assert_eq!(shown.ledger.segment_bytes, bare.ledger.segment_bytes);
    assert_eq!(bare.ledger.refusals_per_minute, 120);
    assert_eq!(bare.ledger.reserve, 256 << 20);
    assert_eq!(shown.ledger.deliveries, bare.ledger.deliveries);
    let (mut upstream, plain) =
        (shown.upstreams[0].clone(), Upstream::new("shop", shown.upstreams[0].servers[0].clone()));
    upstream.health = None;
    assert_eq!(upstream, plain);
}

#[test]
fn without_a_file_state_is_under_the_xdg_directory() {
    let config = Config::without_file(&home()).unwrap();
    assert_eq!(config.ledger.dir, PathBuf::from("/home/op/.local/state/interdict/ledger"));
    assert_eq!(config.ledger.key, PathBuf::from("/home/op/.local/state/interdict/ledger-key.pem"));
    assert_eq!(config.store.dir, PathBuf::from("/home/op/.local/state/interdict/store"));
    assert!(config.geo.embedded);
    let env = BTreeMap::from([("XDG_STATE_HOME".to_owned(), "/var/lib".to_owned())]);
    let config = Config::without_file(&env).unwrap();
    assert_eq!(config.store.dir, PathBuf::from("/var/lib/interdict/store"));
    let nowhere = Config::without_file(&BTreeMap::new()).unwrap_err();
    assert_eq!(nowhere.problems().len(), 1);
}

#[test]
fn one_upstream_needs_no_file() {
    let server = Server::parse("http://127.0.0.1:9000").unwrap();
    let listen = "127.0.0.1:0".parse().unwrap();
    let config = Config::default_for(Some(server), Some(listen), Path::new("/state"));
    assert_eq!(config.gateway.listeners, [Listener { address: listen, tls: None }]);
    let presets: Vec<_> = config.routes.iter().map(|route| route.preset).collect();
    let all = [Preset::WooCommerce, Preset::Magento, Preset::KasperskyPartner].map(Some);
    assert_eq!(presets, [all.as_slice(), &[None]].concat());
    assert_eq!(config.routes[3].action, None);
    assert!(config.routes.iter().all(|route| route.upstream.as_deref() == Some("upstream")));
    assert_eq!(config.ledger.key, PathBuf::from("/state/ledger-key.pem"));
}

#[test]
fn each_listener_has_its_own_certificate_or_the_common_one() {
    let config = read(
        r#"
[gateway]
listen = ["127.0.0.1:1", { address = "127.0.0.1:2", tls = { certificate = "b.pem", key = "/b.key" } }]
tls = { certificate = "a.pem", key = "a.key", client_ca = "ca.pem" }
"#,
    )
    .unwrap();
    let at = |name: &str| PathBuf::from("/etc/interdict").join(name);
    let [first, second] = config.gateway.listeners.as_slice() else { panic!("two listeners") };
    assert_eq!(
        first.tls,
        Some(Tls {
            certificate: at("a.pem"),
            client_ca: Some(at("ca.pem")),
            client_certificate: ClientCertificate::Required,
            key: at("a.key")
        })
    );
    assert_eq!(
        second.tls,
        Some(Tls {
            certificate: at("b.pem"),
            client_ca: None,
            client_certificate: ClientCertificate::Required,
            key: PathBuf::from("/b.key")
        })
    );
    let single = read("[gateway]\nlisten = { address = \"[::1]:0\" }").unwrap();
    assert_eq!(single.gateway.listeners.len(), 1);
}

#[test]
fn the_words_of_ledger_and_log_are_read() {
    let config = read("ledger.deliveries = \"synced\"\nlog.format = \"json\"\n").unwrap();
    assert_eq!(config.ledger.deliveries, Deliveries::Synced);
    assert_eq!(config.log.format, LogFormat::Json);
    let config =
        read("ledger = { personal = \"sealed\", retention = \"15y\", seal_after = \"30d\" }")
            .unwrap();
    assert_eq!(config.ledger.personal, PersonalParts::Sealed);
    assert_eq!(config.ledger.retention_years, 15);
    assert_eq!(config.ledger.seal_after, Some(Duration::from_hours(720)));
    assert_eq!(read("ledger.seal_after = \"never\"").unwrap().ledger.seal_after, None);
    let defaults = read("").unwrap().ledger;
    assert_eq!((defaults.personal, defaults.retention_years), (PersonalParts::Clear, 10));
    assert_eq!(defaults.seal_after, Some(Duration::from_hours(168)));
}
