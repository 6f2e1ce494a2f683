//! `interdict demo`: a sample shop and mirror, the gateway in front of both, and lines to paste.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;

use crate::config::Config;
use crate::config::ConfigErrors;
use crate::config::Strings;
use crate::model::Clock;
use crate::model::Role;
use crate::model::SystemClock;
use crate::operators::New;
use crate::operators::Operators;
use crate::operators::OperatorsError;
use crate::operators::Password;

use super::sample;
use super::serve;
use super::serve::Listening;
use super::serve::ServeError;

/// Why the demonstration did not start.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// Its own configuration was overridden with something unsound.
    #[error("{0}")]
    Config(#[from] ConfigErrors),
    /// A file of it cannot be written.
    #[error("cannot write `{}`: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Its accounts.
    #[error("{0}")]
    Operators(#[from] OperatorsError),
    /// The gateway.
    #[error("{0}")]
    Serve(#[from] ServeError),
}

/// Where the demonstration listens and keeps its files.
#[derive(Clone, Debug)]
pub struct DemoSettings {
    /// The admin listener.
    pub admin: SocketAddr,
    /// The gateway.
    pub listen: SocketAddr,
    /// Folder of its configuration and its ledger.
    pub state: PathBuf,
}

/// Documentation addresses (RFC 5737) stand for customers, so that the demonstration says nothing of real ones.
const NETWORKS: &str = "\
cidr,country,class
198.51.100.0/24,US,
203.0.113.0/24,DE,
192.0.2.0/24,NL,vpn
";

/// Runs until SIGTERM or SIGINT; writes the lines to paste to `out` once everything listens.
///
/// # Errors
/// When a file cannot be written or something cannot be bound.
pub async fn run(
    settings: &DemoSettings,
    env: &impl Strings,
    out: &mut dyn Write,
) -> Result<(), DemoError> {
    let (store, address) = sample::start().map_err(ServeError::from)?;
    drop(actix_web::rt::spawn(store));
    let file = settings.state.join("interdict.toml");
    fs::create_dir_all(&settings.state)
        .map_err(|source| DemoError::File { path: settings.state.clone(), source })?;
    write(&settings.state.join("networks.csv"), NETWORKS)?;
    write(&file, &configuration(settings, address))?;
    let config = Config::load(&file, env)?;
    let password = people(&config.store.dir)?;
    serve::run(config, |listening| {
        if writeln!(out, "{}", guide(listening, &file, &password))
            .and_then(|()| out.flush())
            .is_err()
        {
            tracing::debug!("nobody reads the guide");
        }
    })
    .await?;
    Ok(())
}

/// The people of the demonstration: enough to see that some steps take two.
const PEOPLE: [(&str, &str, &[Role]); 3] = [
    ("anna", "Anna Author", &[Role::PolicyAuthor, Role::Reviewer]),
    ("ben", "Ben Approver", &[Role::PolicyApprover, Role::Auditor]),
    ("olga", "Olga Operator", &[Role::Administrator]),
];

/// Gives each an account, all with one password that is new at every start; returns it.
fn people(store: &Path) -> Result<String, DemoError> {
    let operators = Operators::open(store)?;
    let password = Password::generate()?;
    let at = SystemClock.now();
    for (name, display, roles) in PEOPLE {
        let roles = roles.iter().copied().collect();
        let new = New { name, display: Some(display), roles, password: &password };
        match operators.add(&new, "command:demo", at) {
            Err(OperatorsError::Exists { .. }) => {
                operators.set_password(name, &password, "command:demo", at)?;
            }
            made => drop(made?),
        }
    }
    Ok(password.expose().to_owned())
}

fn write(path: &Path, text: &str) -> Result<(), DemoError> {
    fs::write(path, text).map_err(|source| DemoError::File { path: path.to_owned(), source })
}

fn configuration(settings: &DemoSettings, store: SocketAddr) -> String {
    format!(
        r#"# Written by `interdict demo`, anew at every start.
[gateway]
listen = "{listen}"
# So that a line with `X-Forwarded-For` can play any customer. Trust only your own proxies.
trusted_proxies = ["127.0.0.1/32"]
client_address = "x-forwarded-for"

[admin]
listen = "{admin}"

[reseller]
organization_country = "DE"
names = ["Sample shop"]
notice_url = "https://shop.example/why"

[geo]
networks = "networks.csv"

[ledger]
dir = "ledger"

[store]
dir = "store"

[[upstream]]
name = "shop"
servers = ["http://{store}"]

[[route]]
name = "orders"
methods = ["POST"]
path = "/api/orders"
action = "resale"
items = {{ at = "/lines/*", sku = "/sku", name = "/title", vendor = "/vendor", quantity = "/quantity" }}
buyer = {{ billing_country = "/billing/country", shipping_country = "/shipping/country", email = "/email" }}
upstream = "shop"

[[route]]
name = "updates"
path = "/mirror/{{*file}}"
action = "signature_update"
preset = "kaspersky-mirror"
upstream = "shop"

[[route]]
name = "rest"
path = "/{{*any}}"
action = "none"
upstream = "shop"
"#,
        listen = settings.listen,
        admin = settings.admin,
    )
}

fn guide(listening: &Listening, file: &Path, password: &str) -> String {
    let gateway = listening.gateway.first().map(ToString::to_string).unwrap_or_default();
    let admin = listening.admin;
    let ledger = listening.ledger.display();
    // The very program, which need not be on anybody's path.
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("interdict"));
    let program = program.display();
    let order = |country: &str, client: &str| {
        format!(
            "curl -i http://{gateway}/api/orders -H 'Content-Type: application/json' -H 'X-Forwarded-For: {client}' \\\n  \
             -d '{{\"billing\":{{\"country\":\"{country}\"}},\"lines\":[{{\"sku\":\"KL1047GDEFS\",\"title\":\"Kaspersky Premium\",\"vendor\":\"Kaspersky\"}}]}}'"
        )
    };
    format!(
        "Interdict stands in front of a sample shop and a sample update mirror.\n\
         Paste these into another terminal. The customers are 198.51.100.7 (US), 203.0.113.7 (Germany), 192.0.2.7 (VPN).\n\n\
         # block: a US order for a covered product, and a US download of a covered update\n\
         {us_order}\n\
         curl -i http://{gateway}/mirror/index/u1313g.xml -H 'X-Forwarded-For: 198.51.100.7'\n\n\
         # allow: the same from Germany\n\
         {de_order}\n\
         curl -i http://{gateway}/mirror/index/u1313g.xml -H 'X-Forwarded-For: 203.0.113.7'\n\n\
         # review: a German order from behind a VPN\n\
         {vpn_order}\n\n\
         # page: what a person sees, here in Spanish; a browser at that address shows it as well\n\
         curl -s http://{gateway}/mirror/index/u1313g.xml -H 'X-Forwarded-For: 198.51.100.7' \\\n  \
         -H 'Accept: text/html' -H 'Accept-Language: es'\n\n\
         # what would be decided, and why\n\
         curl -s http://{gateway}/v1/decide -H 'Content-Type: application/json' \\\n  \
         -d '{{\"action\":\"renewal\",\"items\":[{{\"name\":\"Kaspersky Plus\"}}],\"buyer\":{{\"billing_country\":\"PR\"}}}}'\n\n\
         # every decision is on disk\n\
         {program} ledger export {ledger}\n\n\
         Console: http://{admin}/    Metrics: http://{admin}/metrics\n\
         Sign in as anna (writes policies, reviews holds), ben (approves, audits) or olga (administers).\n\
         Password: {password}\n\
         Configuration: {file}\n\
         Stop with Ctrl-C.",
        us_order = order("US", "198.51.100.7"),
        de_order = order("DE", "203.0.113.7"),
        vpn_order = order("DE", "192.0.2.7"),
        file = file.display(),
    )
}
