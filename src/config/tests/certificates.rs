//! What client certificates may be used for, and where nobody could show one.

use super::*;
use crate::settings::CertificateName;
use crate::settings::ClientCertificate;
use crate::settings::IdentityUse;

const SHOP: &str = "upstream = [{ name = \"shop\", servers = [\"http://a\"] }]\n";
const PLAIN: &str = "\"127.0.0.1:1\"";
const TLS: &str = "{ address = \"127.0.0.1:2\", tls = { certificate = \"c\", key = \"k\" } }";
const ASKING: &str =
    "{ address = \"127.0.0.1:3\", tls = { certificate = \"c\", key = \"k\", client_ca = \"ca\" } }";

fn text(listeners: &[&str], keys: &str) -> String {
    format!(
        "gateway.listen = [{}]\n{SHOP}[[route]]\nname = \"r\"\npath = \"/a\"\naction = \"none\"\nupstream = \"shop\"\n{keys}",
        listeners.join(", ")
    )
}

#[test]
fn a_route_reads_a_certificates_name_without_tokens() {
    for kind in CertificateName::ALL {
        let keys = format!(
            "identity = \"required\"\nbuyer = {{ account = {{ certificate = \"{}\" }} }}",
            kind.as_str()
        );
        let config = read(&text(&[ASKING], &keys)).unwrap();
        assert_eq!(config.identity, None);
        assert_eq!(config.routes[0].identity, IdentityUse::Required);
        assert_eq!(config.routes[0].buyer, [(BuyerField::Account, Source::Certificate(kind))]);
    }
    let config = read(&text(&[ASKING], "")).unwrap();
    assert_eq!(config.routes[0].identity, IdentityUse::None, "nothing is looked at unasked");
    assert!(read(&text(&[PLAIN, ASKING], "identity = \"optional\"")).is_ok());
}

#[test]
fn where_no_certificate_can_come_none_may_be_asked_for() {
    const SOURCE: &str = "buyer = { account = { certificate = \"common_name\" } }";
    let no_source = "needs a listener with `tls.client_ca` and a route whose `identity` is `optional` or `required`";
    let no_identity = "needs an `[identity]` section that says whose tokens are believed, or `tls.client_ca` for client certificates";
    for (listeners, keys, told) in [
        (&[ASKING][..], SOURCE, no_source),
        (&[PLAIN, TLS], SOURCE, no_source),
        (&[PLAIN, TLS], "identity = \"optional\"", no_identity),
        (&[TLS], "identity = \"required\"", no_identity),
        (
            &[PLAIN, ASKING],
            "identity = \"required\"",
            "a listener without `client_ca` could never serve it: give every listener `tls.client_ca`, or write `[identity]`",
        ),
        (
            &[ASKING],
            "identity = \"required\"\nbuyer = { account = { certificate = \"cn\" } }",
            "unknown value `cn`, expected one of `common_name`, `dns`, `email`, `uri`",
        ),
    ] {
        let text = text(listeners, keys);
        let all = problems(&text);
        assert!(all.len() == 1 && all[0].ends_with(told), "{text}: {all:?}");
    }
}

#[test]
fn who_need_not_show_a_certificate_is_said_beside_the_authorities() {
    let tls = |more: &str| format!("gateway.tls = {{ certificate = \"c\", key = \"k\", {more} }}");
    let config = read(&tls("client_ca = \"ca\", client_certificate = \"optional\"")).unwrap();
    let read_tls = config.gateway.listeners[0].tls.as_ref().unwrap();
    assert_eq!(read_tls.client_certificate, ClientCertificate::Optional);
    let all = problems(&tls("client_certificate = \"optional\""));
    let told = "no client is asked for a certificate: write `client_ca = \"ca.pem\"` as well";
    assert!(all.len() == 1 && all[0].ends_with(told), "{all:?}");
}
