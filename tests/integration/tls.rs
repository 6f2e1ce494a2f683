//! TLS in front and behind: certificates that are replaced, clients that must show theirs, upstreams that are verified.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use rcgen::BasicConstraints;
use rcgen::CertificateParams;
use rcgen::CertifiedIssuer;
use rcgen::DnType;
use rcgen::IsCa;
use rcgen::KeyPair;

use crate::support::Ended;
use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Nginx;
use crate::support::Request;
use crate::support::nginx::free_address;
use crate::support::run;
use crate::support::until;

/// An authority of our own.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        // An authority and what it issues must not share a name: OpenSSL would take the one for the other.
        params.distinguished_name.push(DnType::CommonName, "Test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    /// Certificate and key for a name.
    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }
}

/// `https://shop.example/static/logo.txt` by curl, with whatever other arguments.
fn curl(gateway: SocketAddr, arguments: &[&str]) -> Ended {
    let port = gateway.port();
    run(Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "10"])
        .args(["--resolve", &format!("shop.example:{port}:127.0.0.1")])
        .args(arguments)
        .arg(format!("https://shop.example:{port}/static/logo.txt")))
}

fn path(dir: &Path, name: &str) -> String {
    dir.join(name).to_str().unwrap().to_owned()
}

fn https(nginx: &Nginx, authority: &Authority, client_ca: &str) -> Gateway {
    let (certificate, key) = authority.issue("shop.example");
    GatewayBuilder::new(nginx.address)
        .gateway(&format!("tls = {{ certificate = \"c.pem\", key = \"k.pem\"{client_ca} }}"))
        .file("c.pem", certificate)
        .file("k.pem", key)
        .file("ca.pem", authority.pem())
        .start()
}

#[test]
fn a_replaced_certificate_is_shown_to_the_next_connection_and_a_bad_one_is_not() {
    let nginx = Nginx::mirror_and_shop();
    let (old, new) = (Authority::new(), Authority::new());
    let gateway = https(&nginx, &old, "");
    let dir = gateway.dir();
    fs::write(dir.join("new-ca.pem"), new.pem()).unwrap();
    let (old_ca, new_ca) = (path(dir, "ca.pem"), path(dir, "new-ca.pem"));
    let seen_by = |ca: &str| curl(gateway.address, &["--cacert", ca]);
    let first = seen_by(&old_ca);
    assert_eq!((first.code, first.stdout.as_str()), (Some(0), "logo\n"), "{}", first.stderr);
    assert_ne!(seen_by(&new_ca).code, Some(0));

    // A certificate without its key is not taken.
    let (certificate, key) = new.issue("shop.example");
    fs::write(dir.join("c.pem"), &certificate).unwrap();
    let degraded = "interdict_reload_degraded{part=\"certificates\"}";
    until("degraded", || (gateway.metric(degraded) > 0.0).then_some(()));
    assert_eq!(seen_by(&old_ca).code, Some(0));
    let readiness = Request::get("/readyz").send(gateway.admin);
    assert_eq!((readiness.status, &readiness.json()["status"]), (200, &"degraded".into()));

    fs::write(dir.join("k.pem"), &key).unwrap();
    until("the new certificate", || (seen_by(&new_ca).code == Some(0)).then_some(()));
    assert_ne!(seen_by(&old_ca).code, Some(0));
    until("recovery", || (gateway.metric(degraded) <= 0.0).then_some(()));

    // And by a hangup, both files at once.
    let (certificate, key) = old.issue("shop.example");
    fs::write(dir.join("c.pem"), certificate).unwrap();
    fs::write(dir.join("k.pem"), key).unwrap();
    gateway.signal("HUP");
    until("the old authority", || (seen_by(&old_ca).code == Some(0)).then_some(()));
}

#[test]
fn without_a_certificate_of_the_named_authority_a_client_is_refused() {
    let nginx = Nginx::mirror_and_shop();
    let authority = Authority::new();
    let gateway = https(&nginx, &authority, ", client_ca = \"ca.pem\"");
    let dir = gateway.dir();
    let stranger = Authority::new();
    for (name, issuer) in [("known", &authority), ("stranger", &stranger)] {
        let (certificate, key) = issuer.issue("client.example");
        fs::write(dir.join(format!("{name}.pem")), certificate).unwrap();
        fs::write(dir.join(format!("{name}.key")), key).unwrap();
    }
    let ca = path(dir, "ca.pem");
    let asked = |name: Option<&str>| {
        let mut arguments = vec!["--cacert".to_owned(), ca.clone()];
        if let Some(name) = name {
            arguments.extend(["--cert".to_owned(), path(dir, &format!("{name}.pem"))]);
            arguments.extend(["--key".to_owned(), path(dir, &format!("{name}.key"))]);
        }
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        curl(gateway.address, &arguments)
    };
    assert_eq!(asked(Some("known")).stdout, "logo\n");
    assert_ne!(asked(None).code, Some(0));
    assert_ne!(asked(Some("stranger")).code, Some(0));
    assert_eq!(nginx.access_log().lines().count(), 1);
}

#[test]
fn an_upstream_is_verified_by_its_authority_and_by_its_name() {
    let authority = Authority::new();
    let (certificate, key) = authority.issue("origin.example");
    let tls = free_address();
    let server = format!(
        "listen {tls} ssl; ssl_certificate $root/c.pem; ssl_certificate_key $root/k.pem; root $root/www;"
    );
    let nginx = Nginx::start(
        &server,
        &[
            ("c.pem", &certificate),
            ("k.pem", &key),
            ("www/static/logo.txt", "logo\n"),
            ("www/mirror/index/u1313g.xml", "<Update/>\n"),
        ],
    );
    let stranger = Authority::new().pem();
    for (name, ca, status) in [
        ("origin.example", &authority.pem(), 200),
        ("other.example", &authority.pem(), 502),
        ("origin.example", &stranger, 502),
    ] {
        let lines = format!(
            "servers = [\"https://{tls}\"]\ntls = {{ ca = \"ca.pem\", server_name = \"{name}\" }}\n"
        );
        let gateway =
            GatewayBuilder::new(nginx.address).upstream(&lines).file("ca.pem", ca).start();
        for target in ["/static/logo.txt", "/mirror/index/u1313g.xml"] {
            let answer = Request::get(target).from(GERMAN).send(gateway.address);
            assert_eq!(answer.status, status, "{name}, {target}: {}", gateway.log());
        }
    }
}
