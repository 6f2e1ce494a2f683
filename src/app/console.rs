//! Composition of the control plane's listener.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;

use crate::admin;
use crate::admin::Access;
use crate::admin::AdminParts;
use crate::admin::AdminPlane;
use crate::admin::Policies;
use crate::admin::Tokens;
use crate::admin::Trusted;
use crate::config::Config;
use crate::control::Control;
use crate::control::registry::Desk;
use crate::enforcement::Gate;
use crate::gateway::tls::Certificates;
use crate::gateway::upstream::Upstream;
use crate::identity::Verifier;
use crate::ledger::Searcher;
use crate::model::Role;
use crate::model::Roles;
use crate::operators::Operators;
use crate::settings::Identity;
use crate::settings::Permission;
use crate::settings::RolesOfTokens;
use crate::telemetry::Health;
use crate::telemetry::Metrics;
use crate::telemetry::Part;

use super::identity;
use super::identity::Fetcher;
use super::identity::keys;
use super::known_networks;
use super::serve::ServeError;

/// How often the accounts' file is looked at for changes that commands made.
const LOOK: Duration = Duration::from_secs(2);

/// What it is made of.
pub(super) struct Parts<'a> {
    pub(super) config: &'a Config,
    pub(super) control: Control,
    pub(super) desk: Desk,
    pub(super) gate: &'a Arc<Gate>,
    pub(super) health: &'a Arc<Health>,
    pub(super) metrics: &'a Arc<Metrics>,
    pub(super) policies: Policies,
    pub(super) searcher: Searcher,
    pub(super) upstreams: &'a [(String, Upstream)],
    /// Of `[identity]`.
    pub(super) verifier: Option<Arc<Verifier>>,
}

/// What runs, and what of it is reloaded.
pub(super) struct Started {
    pub(super) address: SocketAddr,
    pub(super) certificates: Option<Arc<Certificates>>,
    pub(super) server: Server,
    /// Of `[admin.identity]`.
    pub(super) verifier: Option<Arc<Verifier>>,
}

/// Binds the listener and starts it.
pub(super) fn start(parts: Parts<'_>) -> Result<Started, ServeError> {
    let settings = &parts.config.admin;
    let operators = Operators::open(&parts.config.store.dir)?;
    drop(actix_web::rt::spawn(notice(parts.control.clone(), operators.clone())));
    let verifier = own(&parts)?;
    let tokens = Tokens(trusted(&parts, verifier.as_ref()));
    let certificates =
        settings.tls.clone().map(|files| Certificates::load(files).map(Arc::new)).transpose()?;
    let tls = certificates.as_ref().map(Certificates::server_config).transpose()?;
    let watched = parts.upstreams.to_vec();
    let access = Access::new(settings, operators, tokens);
    let (throttle, asked) = (access.throttle.clone(), parts.searcher.clone());
    drop(actix_web::rt::spawn(known_networks::remember(throttle, asked, parts.gate.now())));
    let plane = AdminPlane::new(AdminParts {
        access,
        control: parts.control,
        desk: parts.desk,
        gate: Arc::clone(parts.gate),
        health: Arc::clone(parts.health),
        policies: parts.policies,
        networks: parts.config.geo.networks.clone(),
        searcher: parts.searcher,
        servers: Arc::new(move || {
            let reports = watched.iter().flat_map(|(name, upstream)| {
                upstream.report().into_iter().map(move |report| {
                    let healthy = report.up && !report.ejected;
                    (name.clone(), report.server.to_string(), healthy)
                })
            });
            reports.collect()
        }),
    });
    let address = settings.listen;
    let started = admin::start(address, tls, plane);
    let (server, address) = started.map_err(|source| ServeError::Admin { address, source })?;
    Ok(Started { address, certificates, server, verifier })
}

/// Puts into the record what commands change of the accounts, for ever.
async fn notice(control: Control, operators: Operators) {
    loop {
        if let Err(error) = control.notice_operators(&operators).await {
            tracing::error!(%error, "changes of operators cannot be recorded now");
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// What checks the tokens of `[admin.identity]`, with its keys or somebody who fetches them.
fn own(parts: &Parts<'_>) -> Result<Option<Arc<Verifier>>, ServeError> {
    let Some((settings, _)) = &parts.config.admin.identity else { return Ok(None) };
    let verifier = Arc::new(Verifier::new(settings));
    let part = Part::AdminIdentity;
    let fetcher = keys(settings, part, &verifier, parts.health, parts.metrics);
    if let Some(fetcher) = fetcher.map_err(ServeError::AdminIdentity)? {
        drop(actix_web::rt::spawn(Fetcher::run(fetcher)));
    }
    Ok(Some(verifier))
}

/// Whose tokens are believed: those of `[admin.identity]`, and of `[identity]` those who may audit.
fn trusted(parts: &Parts<'_>, own: Option<&Arc<Verifier>>) -> Vec<Trusted> {
    let mut all = Vec::new();
    if let (Some((_, roles)), Some(verifier)) = (&parts.config.admin.identity, own) {
        all.push(Trusted { roles: roles.clone(), verifier: Arc::clone(verifier) });
    }
    if let (Some(settings), Some(verifier)) = (&parts.config.identity, &parts.verifier) {
        let auditors =
            settings.permissions.iter().filter(|(_, may)| may.contains(&Permission::Audit));
        let subjects = auditors.map(|(sub, _)| (sub.clone(), Roles::NONE.with(Role::Auditor)));
        let roles = RolesOfTokens { subjects: subjects.collect(), ..RolesOfTokens::default() };
        all.push(Trusted { roles, verifier: Arc::clone(verifier) });
    }
    all
}

/// Looks at the files of `[admin]` as `serve` does: what is in them, and what is open to others.
pub(super) fn check(config: &Config) -> Result<(Vec<String>, Vec<String>), ServeError> {
    let admin = &config.admin;
    let (mut facts, mut warnings) = (Vec::new(), Vec::new());
    if let Some(files) = admin.tls.clone() {
        Arc::new(Certificates::load(files)?).server_config()?;
        facts.push(format!("admin: TLS on {}", admin.listen));
    }
    if let Some((settings, _)) = &admin.identity {
        facts.push(match identity::read(settings).map_err(ServeError::AdminIdentity)? {
            Some(set) => format!("admin.identity: {} usable keys", set.len()),
            None => "admin.identity: keys by URL, fetched by `serve`, not here".to_owned(),
        });
        identity::source(settings).map_err(ServeError::AdminIdentity)?;
        let same = |other: &Identity| {
            (&other.issuer, &other.audience) == (&settings.issuer, &settings.audience)
        };
        if config.identity.as_ref().is_some_and(same) {
            warnings.push("[identity] and [admin.identity] have one issuer and one audience: a token for the shop opens the control plane as well, as far as its roles go; give operators an audience of their own".to_owned());
        }
    }
    if !admin.listen.ip().to_canonical().is_loopback() && admin.tls.is_none() {
        let listen = admin.listen;
        warnings.push(match &admin.public_url {
            None => format!(
                "[admin] listen is {listen}, in clear: who listens on the way reads tokens, sessions and records, and passwords are taken from this machine alone; set [admin] tls, or a proxy with TLS and public_url"
            ),
            Some(url) if url.starts_with("http://") => format!(
                "[admin] public_url is plain http and listen is {listen}: who listens on the way reads passwords; write https"
            ),
            Some(_) => format!(
                "[admin] listen is {listen}, in clear behind a proxy: let nobody but the proxy reach it"
            ),
        });
    }
    if !admin.trusted_proxies.is_empty() && admin.public_url.is_none() {
        warnings.push("[admin] trusted_proxies without public_url: passwords that a proxy brings from other machines are refused; say under which address browsers reach the console".to_owned());
    }
    Ok((facts, warnings))
}
