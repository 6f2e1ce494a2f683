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
use crate::enforcement::Gate;
use crate::gateway::tls::Certificates;
use crate::gateway::upstream::Upstream;
use crate::identity::Verifier;
use crate::ledger::Searcher;
use crate::model::Role;
use crate::model::Roles;
use crate::operators::Operators;
use crate::settings::Permission;
use crate::settings::RolesOfTokens;
use crate::telemetry::Health;
use crate::telemetry::Metrics;

use super::identity::Fetcher;
use super::identity::keys;
use super::serve::ServeError;

/// How often the accounts' file is looked at for changes that commands made.
const LOOK: Duration = Duration::from_secs(2);

/// What it is made of.
pub(super) struct Parts<'a> {
    pub(super) config: &'a Config,
    pub(super) control: Control,
    pub(super) gate: &'a Arc<Gate>,
    pub(super) health: &'a Arc<Health>,
    pub(super) metrics: &'a Arc<Metrics>,
    pub(super) policies: Policies,
    pub(super) searcher: Searcher,
    pub(super) upstreams: &'a [(String, Upstream)],
    /// Of `[identity]`.
    pub(super) verifier: Option<Arc<Verifier>>,
}

/// Binds the listener and starts it.
pub(super) fn start(parts: Parts<'_>) -> Result<(Server, SocketAddr), ServeError> {
    let settings = &parts.config.admin;
    let operators = Operators::open(&parts.config.store.dir)?;
    drop(actix_web::rt::spawn(notice(parts.control.clone(), operators.clone())));
    let tokens = Tokens(trusted(&parts)?);
    let tls =
        settings.tls.clone().map(|files| Certificates::load(files).map(Arc::new)).transpose()?;
    let tls = tls.map(|certificates| certificates.server_config()).transpose()?;
    let watched = parts.upstreams.to_vec();
    let plane = AdminPlane::new(AdminParts {
        access: Access::new(settings, operators, tokens),
        control: parts.control,
        gate: Arc::clone(parts.gate),
        health: Arc::clone(parts.health),
        policies: parts.policies,
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
    admin::start(address, tls, plane).map_err(|source| ServeError::Admin { address, source })
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

/// Whose tokens are believed: those of `[admin.identity]`, and of `[identity]` those who may audit.
fn trusted(parts: &Parts<'_>) -> Result<Vec<Trusted>, ServeError> {
    let mut all = Vec::new();
    if let Some((settings, roles)) = &parts.config.admin.identity {
        let verifier = Arc::new(Verifier::new(settings));
        if let Some(fetcher) = keys(settings, &verifier, parts.health, parts.metrics)? {
            drop(actix_web::rt::spawn(Fetcher::run(fetcher)));
        }
        all.push(Trusted { roles: roles.clone(), verifier });
    }
    if let (Some(settings), Some(verifier)) = (&parts.config.identity, &parts.verifier) {
        let auditors =
            settings.permissions.iter().filter(|(_, may)| may.contains(&Permission::Audit));
        let subjects = auditors.map(|(sub, _)| (sub.clone(), Roles::NONE.with(Role::Auditor)));
        let roles = RolesOfTokens { subjects: subjects.collect(), ..RolesOfTokens::default() };
        all.push(Trusted { roles, verifier: Arc::clone(verifier) });
    }
    Ok(all)
}
