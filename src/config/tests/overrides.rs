//! The environment.

use super::*;

fn with(pairs: &[(&str, &str)], text: &str) -> Result<Config, ConfigErrors> {
    let mut env = home();
    env.extend(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    read_with(text, &env)
}

const SHOP: &str = "[[upstream]]\nname = \"shop-1\"\nservers = [\"http://a\"]\n";

#[test]
fn the_environment_wins_over_the_file() {
    let config = with(
        &[
            ("INTERDICT__GATEWAY__LISTEN", "[::1]:81"),
            ("INTERDICT__GATEWAY__TRUSTED_PROXIES", "[\"10.0.0.0/8\"]"),
            ("INTERDICT__GATEWAY__MAX_INSPECTED_BODY", "2MiB"),
            ("INTERDICT__LEDGER__DIR", "here"),
            ("INTERDICT__RESELLER__ORGANIZATION_COUNTRY", "276"),
            ("INTERDICT__UPSTREAM__SHOP_1__SERVERS", "[\"http://b\"]"),
            ("INTERDICT_OTHER", "not ours"),
        ],
        &format!("[gateway]\nlisten = \"127.0.0.1:80\"\n{SHOP}"),
    )
    .unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(config.gateway.listeners[0].address.to_string(), "[::1]:81");
    assert_eq!(config.gateway.trusted_proxies.len(), 1);
    assert_eq!(config.gateway.max_inspected_body, 2_097_152);
    assert_eq!(config.ledger.dir, PathBuf::from("/etc/interdict/here"));
    assert_eq!(config.reseller.organization_country.unwrap().as_str(), "DE");
    assert_eq!(config.upstreams[0].servers[0].host, "b");
}

#[test]
fn a_variable_that_leads_nowhere_is_a_problem_under_its_own_name() {
    let errors = with(
        &[
            ("INTERDICT__GATEWAY__LISTN", "127.0.0.1:80"),
            ("INTERDICT__GATWAY__LISTEN", "127.0.0.1:80"),
            ("INTERDICT__GATEWAY__", "x"),
            ("INTERDICT__UPSTREAM__OTHER__HOST", "x"),
            ("INTERDICT__LOG__LEVEL__DEEP", "x"),
        ],
        &format!("log.level = \"info\"\n{SHOP}"),
    )
    .unwrap_err()
    .to_string();
    let mut lines: Vec<&str> = errors.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "INTERDICT__GATEWAY__: gateway.: a part of the name is empty: write `INTERDICT__SECTION__KEY`",
            "INTERDICT__GATEWAY__LISTN: gateway.listn: unknown key, did you mean `listen`?",
            "INTERDICT__GATWAY__LISTEN: gatway: unknown key, did you mean `gateway`?",
            "INTERDICT__LOG__LEVEL__DEEP: log.level.deep: `deep` leads into a text, which has no keys",
            "INTERDICT__UPSTREAM__OTHER__HOST: upstream.other.host: no element is named `other`",
        ]
    );
}

#[test]
fn a_wrong_value_of_a_variable_is_told_with_its_name() {
    let errors = with(&[("INTERDICT__GATEWAY__WORKERS", "many")], "").unwrap_err();
    assert_eq!(
        errors.to_string(),
        "INTERDICT__GATEWAY__WORKERS: gateway.workers: expected an integer, found a text: write `1`"
    );
    assert!(errors.snippets(false).contains("INTERDICT__GATEWAY__WORKERS"));
}

#[test]
fn a_text_key_takes_the_variable_as_it_is() {
    let config = with(
        &[("INTERDICT__UPSTREAM__SHOP_1__HOST", "1234"), ("INTERDICT__LOG__LEVEL", "debug")],
        SHOP,
    )
    .unwrap();
    assert_eq!(config.upstreams[0].host.as_deref(), Some("1234"));
}
