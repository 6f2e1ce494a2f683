//! Client certificates: whom they vouch for, whom they do not, and what never comes of them.

use std::net::SocketAddr;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;

use rcgen::BasicConstraints;
use rcgen::CertificateParams;
use rcgen::CertifiedIssuer;
use rcgen::DistinguishedName;
use rcgen::DnType;
use rcgen::IsCa;
use rcgen::KeyPair;
use rcgen::SanType;
use rustls::ClientConfig;
use rustls::ClientConnection;
use rustls::RootCertStore;
use rustls::StreamOwned;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use serde_json::Value;
use serde_json::json;

use crate::support::Answer;
use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Recorder;
use crate::support::Request;
use crate::support::until;

/// What the order system behind answers.
const SERVED: u16 = 201;
/// The buyer's own connection: an address of its own, which no test trusts.
const BUYER: &str = "127.0.0.2";
/// The proxy in front, which is trusted.
const PROXY: &str = "127.0.0.1";

const CUSTOMERS: &str = "account,organization_country,billing_country,us_person\n\
                         A-DE,DE,DE,false\nA-US,US,US,true\nurn:account:A-DE,DE,DE,false\n\
                         de.partner.example,DE,DE,false\nbuyer@partner.example,DE,DE,false\n";

/// A key that no test signs with.
const JWKS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

/// Certificate and key.
#[derive(Clone)]
struct Shown(CertificateDer<'static>, Vec<u8>);

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "Test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn issue(&self, fill: impl FnOnce(&mut CertificateParams)) -> Shown {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = DistinguishedName::new();
        fill(&mut params);
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Shown(certificate.der().clone(), key.serialize_der())
    }

    fn common(&self, name: &str) -> Shown {
        self.issue(|params| params.distinguished_name.push(DnType::CommonName, name))
    }

    fn alternative(&self, names: &[SanType]) -> Shown {
        self.issue(|params| params.subject_alt_names = names.to_vec())
    }
}

fn route(name: &str, identity: &str, buyer: &str) -> String {
    format!(
        "[[route]]\nname = \"{name}\"\nmethods = [\"POST\"]\npath = \"/{name}\"\naction = \"resale\"\nidentity = \"{identity}\"\n\
         items = {{ at = \"/lines/*\", sku = \"/sku\" }}\nbuyer = {{ {buyer} }}\nupstream = \"main\"\n"
    )
}

fn routes() -> String {
    let account = |kind: &str| format!("account = {{ certificate = \"{kind}\" }}");
    [
        route("optional", "optional", &account("common_name")),
        route("required", "required", &account("common_name")),
        route("uri", "optional", &account("uri")),
        route("dns", "optional", &account("dns")),
        route("email", "optional", &account("email")),
        route("header", "optional", "account = { header = \"X-Account\" }"),
        route("country", "optional", "billing_country = { certificate = \"common_name\" }"),
        "[[route]]\nname = \"closed\"\npath = \"/closed\"\naction = \"none\"\nidentity = \"required\"\nupstream = \"main\"\n"
            .to_owned(),
        "[[route]]\nname = \"rest\"\npath = \"/{*any}\"\naction = \"none\"\nupstream = \"main\"\n"
            .to_owned(),
    ]
    .concat()
}

struct World {
    authority: Authority,
    gateway: Gateway,
    recorder: Recorder,
}

impl World {
    fn new() -> Self {
        Self::with("", "[customers]\nfile = \"customers.csv\"\n", &routes())
    }

    fn with(lines: &str, tables: &str, routes: &str) -> Self {
        let recorder = Recorder::start();
        let authority = Authority::new();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["shop.example".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &authority.0).unwrap().pem();
        let tls = "tls = { certificate = \"c.pem\", key = \"k.pem\", client_ca = \"ca.pem\", client_certificate = \"optional\" }";
        let gateway = GatewayBuilder::new(recorder.address)
            .gateway(&format!("{tls}\n{lines}"))
            .with(tables)
            .routes(routes)
            .file("c.pem", certificate)
            .file("k.pem", key.serialize_pem())
            .file("ca.pem", authority.0.pem())
            .file("customers.csv", CUSTOMERS)
            .file("jwks.json", JWKS)
            .file("networks.csv", "cidr,country,class\n203.0.113.0/24,DE,\n127.0.0.2/32,DE,\n")
            .start();
        Self { authority, gateway, recorder }
    }

    fn connect(
        &self,
        from: &str,
        shown: Option<&Shown>,
    ) -> StreamOwned<ClientConnection, TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.0.der().clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match shown {
            None => config.with_no_client_auth(),
            Some(Shown(certificate, key)) => {
                let key = PrivateKeyDer::try_from(key.clone()).unwrap();
                config.with_client_auth_cert(vec![certificate.clone()], key).unwrap()
            }
        };
        let name = "shop.example".try_into().unwrap();
        let session = ClientConnection::new(Arc::new(config), name).unwrap();
        let socket =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::new(from.parse().unwrap(), 0).into()).unwrap();
        socket.connect(&self.gateway.address.into()).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        StreamOwned::new(session, socket.into())
    }

    fn send(&self, from: &str, shown: Option<&Shown>, request: &Request) -> Answer {
        over(&mut self.connect(from, shown), request)
    }

    /// An order of a buyer of whom the request itself says nothing.
    fn order(&self, route: &str, shown: Option<&Shown>) -> Answer {
        self.send(BUYER, shown, &bare(route))
    }

    fn record(&self, answer: &Answer) -> Value {
        self.gateway.record(answer.decision().unwrap().1)
    }
}

fn over(stream: &mut StreamOwned<ClientConnection, TcpStream>, request: &Request) -> Answer {
    use std::io::Write;
    // What the gateway does not take is told by what it answers.
    stream.write_all(&request.bytes()).ok();
    Answer::read(stream, false)
}

fn bare(route: &str) -> Request {
    Request::post(&format!("/{route}"), json!({"lines":[{"sku":"KL1047GDEFS"}]}).to_string())
}

#[test]
fn a_german_accounts_certificate_vouches_and_an_american_ones_blocks() {
    let world = World::new();
    let german = world.authority.common("A-DE");
    let unvouched = world.order("optional", None);
    assert_eq!(unvouched.status, 403, "nobody vouches: {}", unvouched.text());
    let record = world.record(&unvouched);
    assert!(record["evidence"].get("principal").is_none(), "{record}");
    for route in ["optional", "required"] {
        let vouched = world.order(route, Some(&german));
        assert_eq!(vouched.status, SERVED, "{route}: {}", vouched.text());
        let record = world.record(&vouched);
        let evidence = &record["evidence"];
        assert_eq!(evidence["principal"], json!({"certificate":{"common_name":"A-DE"}}));
        assert_eq!(
            (&evidence["vouching"], &evidence["account"], &evidence["account_standing"]),
            (&"vouched".into(), &"A-DE".into(), &"known".into())
        );
        assert_eq!(world.order(route, Some(&world.authority.common("A-US"))).status, 451);
        let stranger = world.order(route, Some(&world.authority.common("A-XX")));
        assert_eq!(stranger.status, 403, "an account that nobody knows improves nothing");
    }
    // Fields but the account are evidence like the request's own.
    let american = world.order("country", Some(&world.authority.common("US")));
    assert_eq!(american.status, 451, "{}", american.text());
}

#[test]
fn every_kind_of_name_can_be_the_account_and_its_own_kind_alone() {
    let world = World::new();
    let names = [
        SanType::URI("urn:account:A-DE".try_into().unwrap()),
        SanType::DnsName("de.partner.example".try_into().unwrap()),
        SanType::Rfc822Name("buyer@partner.example".try_into().unwrap()),
    ];
    let shown = world.authority.alternative(&names);
    for (route, recorded) in [
        ("uri", json!({"uri":"urn:account:A-DE"})),
        ("dns", json!({"dns":"de.partner.example"})),
        ("email", json!({"email_domain":"partner.example"})),
    ] {
        let answer = world.order(route, Some(&shown));
        assert_eq!(answer.status, SERVED, "{route}: {}", answer.text());
        assert_eq!(world.record(&answer)["evidence"]["principal"]["certificate"], recorded);
        let other = world.order(route, Some(&world.authority.common("A-DE")));
        assert_eq!(other.status, 403, "{route}: its common name is not asked");
    }
    let two = [names[1].clone(), SanType::DnsName("us.partner.example".try_into().unwrap())];
    let two = world.order("dns", Some(&world.authority.alternative(&two)));
    assert_eq!(two.status, 400, "one of two names is nobody's: {}", two.text());
}

#[test]
fn required_takes_a_certificate_and_refuses_a_connection_without_one() {
    let world = World::new();
    let german = world.authority.common("A-DE");
    let absent = world.order("required", None);
    assert_eq!(absent.status, 401);
    assert_eq!(world.record(&absent)["status"], 401);
    assert_eq!(world.order("closed", None).status, 401);
    assert!(world.recorder.seen().is_empty());
    assert_eq!(world.order("closed", Some(&german)).status, SERVED);
    assert_eq!(world.order("rest", None).status, SERVED);
}

#[test]
fn an_odd_name_is_no_name() {
    let world = World::new();
    for odd in ["A-DE\0", "A-DE\0.example", "A-DE ", "A-DE\n", "A\u{200b}-DE", "\u{202e}A-DE", ""] {
        let shown = world.authority.common(odd);
        assert_eq!(world.order("required", Some(&shown)).status, 401, "{odd:?}");
        let answer = world.order("optional", Some(&shown));
        assert_eq!(answer.status, 403, "{odd:?}");
        assert!(world.record(&answer)["evidence"].get("principal").is_none(), "{odd:?}");
    }
}

#[test]
fn a_certificate_of_another_authority_or_time_ends_the_handshake() {
    let world = World::new();
    let stranger = Authority::new().common("A-DE");
    let past = world.authority.issue(|params| {
        params.distinguished_name.push(DnType::CommonName, "A-DE");
        params.not_before = (now() - Duration::from_secs(7_200)).into();
        params.not_after = (now() - Duration::from_secs(3_600)).into();
    });
    for shown in [&stranger, &past] {
        for route in ["optional", "rest"] {
            assert_eq!(world.order(route, Some(shown)).status, 0);
        }
    }
    assert!(world.recorder.seen().is_empty());
}

#[test]
fn a_certificate_that_ends_while_its_connection_lasts_vouches_no_more() {
    let world = World::new();
    let shown = world.authority.issue(|params| {
        params.distinguished_name.push(DnType::CommonName, "A-DE");
        params.not_after = (now() + Duration::from_secs(3)).into();
    });
    let mut connection = world.connect(BUYER, Some(&shown));
    assert_eq!(over(&mut connection, &bare("required")).status, SERVED);
    until("its end", || (over(&mut connection, &bare("required")).status == 401).then_some(()));
    assert_eq!(over(&mut connection, &bare("optional")).status, 403);
}

#[test]
fn what_a_header_claims_beside_a_certificate_never_improves() {
    let world = World::new();
    let (german, american) = (world.authority.common("A-DE"), world.authority.common("A-US"));
    let claims = |route: &str, account: &str| bare(route).header("X-Account", account);
    let of = |shown: &Shown, request: &Request| world.send(BUYER, Some(shown), request).status;
    assert_eq!(of(&american, &claims("optional", "A-DE")), 451, "the certificate's account counts");
    assert_eq!(of(&world.authority.common("A-XX"), &claims("optional", "A-DE")), 403);
    assert_eq!(of(&german, &claims("header", "A-US")), 451, "a header can worsen");
    // A route that takes its account from a header is vouched for by nobody, whatever the certificate says.
    assert_eq!(of(&german, &claims("header", "A-DE")), 403);
    for name in ["X-Client-Cert", "X-SSL-Client-S-DN", "X-Forwarded-Client-Cert", "Client-Cert"] {
        let request = bare("required").header(name, "CN=A-DE");
        assert_eq!(world.send(BUYER, None, &request).status, 401, "{name}");
    }
}

#[test]
fn a_proxys_certificate_is_nobodys_identity() {
    let world = World::with(
        "api_clients = [\"127.0.0.0/8\"]",
        "[customers]\nfile = \"customers.csv\"\n",
        &routes(),
    );
    let shown = world.authority.common("A-DE");
    for (route, status) in [("optional", 403), ("required", 401), ("closed", 401)] {
        let answer = world.send(PROXY, Some(&shown), &bare(route).from(GERMAN));
        assert_eq!(answer.status, status, "{route}: {}", answer.text());
    }
    // Another proxy that asks by a connection of its own, trusted or not.
    for (from, route, status) in
        [(PROXY, "closed", 401), (BUYER, "closed", 401), (BUYER, "rest", 200)]
    {
        let asked = Request::get("/check/caddy")
            .header("X-Forwarded-Method", "GET")
            .header("X-Forwarded-Uri", &format!("/{route}"));
        assert_eq!(world.send(from, Some(&shown), &asked).status, status, "{from}, {route}");
    }
    let asked =
        Request::post("/check/traefik", json!({"lines":[{"sku":"KL1047GDEFS"}]}).to_string())
            .header("X-Forwarded-Method", "POST")
            .header("X-Forwarded-Uri", "/required");
    assert_eq!(world.send(BUYER, Some(&shown), &asked).status, 401);
    assert_eq!(
        world.order("required", Some(&shown)).status,
        SERVED,
        "the same, shown by its owner"
    );
}

#[test]
fn a_bad_token_is_refused_whatever_certificate_stands_beside_it() {
    let tables = "[customers]\nfile = \"customers.csv\"\n[identity]\njwks = \"jwks.json\"\nissuer = \"i\"\naudience = \"a\"\nalgorithms = [\"EdDSA\"]\n";
    let world = World::with("", tables, &routes());
    let german = world.authority.common("A-DE");
    for route in ["optional", "required", "closed"] {
        let request = bare(route).header("Authorization", "Bearer rubbish");
        assert_eq!(world.send(BUYER, Some(&german), &request).status, 401, "{route}");
        assert_eq!(world.order(route, Some(&german)).status, SERVED, "{route}");
    }
}

fn now() -> SystemTime {
    let seconds = u64::try_from(jiff::Timestamp::now().as_second()).unwrap();
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}
