//! Start, run, drain.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::Signal;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;
use tokio::sync::oneshot;

use crate::admin::Policies;
use crate::admin::PoliciesParts;
use crate::bundle::Trust;
use crate::config::Config;
use crate::control::Control;
use crate::control::ControlError;
use crate::control::ControlSettings;
use crate::enforcement::Gate;
use crate::enforcement::GateSettings;
use crate::enforcement::MonotoneClock;
use crate::enforcement::RouteTable;
use crate::enforcement::RouteTableError;
use crate::gateway::receiver::Receivers;
use crate::gateway::receiver::SecretError;
use crate::gateway::server::DataPlane;
use crate::gateway::server::Identity;
use crate::gateway::server::ServerError;
use crate::gateway::tls::Certificates;
use crate::gateway::tls::TlsError;
use crate::gateway::upstream::SetupError;
use crate::gateway::upstream::Upstream;
use crate::identity::Verifier;
use crate::ledger::Ledger;
use crate::ledger::LedgerError;
use crate::ledger::LedgerSettings;
use crate::ledger::Reserve;
use crate::ledger::Searcher;
use crate::ledger::ServedLog;
use crate::ledger::SigningSettings;
use crate::model::Clock;
use crate::model::Retention;
use crate::model::SystemClock;
use crate::operators::OperatorsError;
use crate::policy::PolicySet;
use crate::registry::Care;
use crate::registry::Table;
use crate::telemetry::Health;
use crate::telemetry::Metrics;
use crate::telemetry::MetricsError;
use crate::telemetry::Part;

use super::activity;
use super::activity::Charts;
use super::console;
use super::console::Parts;
use super::control::Begun;
use super::control::begin;
use super::control::keep_schedule;
use super::control::tell;
use super::identity;
use super::identity::IdentityError;
use super::load;
use super::load::LoadError;
use super::load::tell_damage;
use super::notify::Notifier;
use super::notify::NotifyError;
use super::policy_keys;
use super::policy_keys::PolicyKeysError;
use super::reload::Reloader;
use super::reload::Stamps;
use super::reload::seconds;
use super::search::SearchSocket;
use super::watch;
use super::witness::Witnesses;
use super::witness::WitnessesError;

/// What could not be recorded is tried again so often.
const AGAIN: Duration = Duration::from_secs(1);

/// Why the gateway did not start, or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The admin listener cannot be bound.
    #[error("cannot listen on {address} for [admin]: {source}")]
    Admin {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The control plane's store.
    #[error("{0}")]
    Control(#[from] ControlError),
    /// Accounts of operators.
    #[error("{0}")]
    Operators(#[from] OperatorsError),
    /// The keys of tokens.
    #[error("{0}")]
    Identity(#[from] IdentityError),
    /// The ledger cannot be opened or closed.
    #[error("{0}")]
    Ledger(#[from] LedgerError),
    /// Policies, catalogue, customers or geo sources.
    #[error("{0}")]
    Load(#[from] LoadError),
    /// A metric family is unsound.
    #[error("metrics: {0}")]
    Metrics(#[from] MetricsError),
    /// A secret that signs webhooks.
    #[error("{0}")]
    Receivers(#[from] SecretError),
    /// `[notify]`: its key, its position, or its receiver.
    #[error("{0}")]
    Notify(#[from] NotifyError),
    /// `[policies] keys`.
    #[error("{0}")]
    PolicyKeys(#[from] PolicyKeysError),
    /// The routes cannot stand side by side.
    #[error("{0}")]
    Routes(#[from] RouteTableError),
    /// The data plane's listeners.
    #[error("{0}")]
    Server(#[from] ServerError),
    /// Signals cannot be received, or a listener failed.
    #[error("{0}")]
    System(#[from] std::io::Error),
    /// Certificates.
    #[error("{0}")]
    Tls(#[from] TlsError),
    /// An upstream's settings.
    #[error("{0}")]
    Upstream(#[from] SetupError),
    /// `[[ledger.witness]]`.
    #[error("{0}")]
    Witnesses(#[from] WitnessesError),
}

/// The addresses that are bound, once they are.
#[derive(Clone, Debug)]
pub struct Listening {
    /// The admin listener.
    pub admin: SocketAddr,
    /// The gateway's listeners.
    pub gateway: Vec<SocketAddr>,
    /// Where the record is.
    pub ledger: PathBuf,
}

/// Runs the gateway until SIGTERM or SIGINT; `ready` is told the addresses.
///
/// # Errors
/// When something cannot be loaded, opened or bound, or the ledger cannot be closed.
pub async fn run(config: Config, ready: impl FnOnce(&Listening)) -> Result<(), ServeError> {
    let config = Arc::new(config);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    // Before anything that takes time: a signal that nobody listens to yet would end the process.
    let mut signals = Signals::new()?;
    // What changes while it is first read is read again.
    let stamps = Stamps::take(&config);
    let read = load::policy_files(&config)?;
    let trust = policy_keys::trust(&config.policies)?;
    let signing =
        SigningSettings { key: config.ledger.key.clone(), origin: config.ledger.origin.clone() };
    let (ledger, recovery) = Ledger::open(LedgerSettings {
        signing: Some(signing),
        personal: config.ledger.personal,
        seal_after: config.ledger.seal_after,
        segment_bytes: config.ledger.segment_bytes,
        ..LedgerSettings::new(&config.ledger.dir)
    })?;
    for torn in &recovery.torn {
        tracing::warn!(
            segment = torn.segment,
            offset = torn.offset,
            bytes = torn.bytes,
            "a torn record was cut off the ledger"
        );
    }
    if recovery.tree_rebuilt {
        tracing::warn!("the tree's files were damaged and have been made again from the records");
    }
    tracing::info!(dir = %config.ledger.dir.display(), records = recovery.records, "ledger open");
    let control = Control::open(
        ControlSettings {
            clock: Arc::clone(&clock),
            ledger_dir: config.ledger.dir.clone(),
            retention: Retention::years(config.ledger.retention_years),
            store_dir: config.store.dir.clone(),
        },
        ledger.clone(),
    )?;
    let begun = begin(&config, &control, trust.as_ref(), read, clock.now()).await?;
    let metrics = Arc::new(Metrics::new()?);
    let activity = Arc::clone(metrics.activity());
    let charts = Charts::open(&activity, &config.store.dir);
    let notifier = Notifier::start(&config, &ledger, &metrics)?;
    let witnesses = Witnesses::start(&config, &metrics)?;
    let health = Arc::new(Health::default());
    let Begun { loaded, unrecorded } = begun;
    if let Some(reason) = &unrecorded {
        health.degraded(Part::Policies, reason.clone());
    }
    let snapshot = loaded.snapshot;
    for (table, state) in &loaded.stored {
        if tell_damage(*table, state) {
            metrics.registry_rebuilt(table.as_str());
        }
    }
    metrics.registry_rows(snapshot.catalogue.len(), snapshot.customers.rows());
    tell(&metrics, &control.state().policies, snapshot.loaded);
    if snapshot.policies.rule_count() == 0 {
        tracing::warn!("the policies have no rule: everything is allowed");
    }
    let certificates = config
        .gateway
        .listeners
        .iter()
        .map(|listener| listener.tls.clone().map(Certificates::load).transpose())
        .map(|loaded| loaded.map(|certificates| certificates.map(Arc::new)))
        .collect::<Result<Vec<_>, TlsError>>()?;
    let upstreams = config
        .upstreams
        .iter()
        .map(|settings| Ok((settings.name.clone(), Upstream::new(settings)?)))
        .collect::<Result<Vec<_>, SetupError>>()?;
    let receivers = Receivers::load(&config.routes)?;
    let verifier = config.identity.as_ref().map(|settings| Arc::new(Verifier::new(settings)));
    let mut fetched = None;
    if let (Some(settings), Some(verifier)) = (&config.identity, &verifier) {
        fetched = identity::keys(settings, verifier, &health, &metrics)?;
        if let Some(set) = verifier.keys().current() {
            metrics.keys_in_force(set.len(), seconds(clock.now()));
        }
    }
    let reserve = Arc::new(Reserve::new(&config.ledger.dir, config.ledger.reserve));
    watch::tell(&reserve, reserve.look());
    let gate = Arc::new(Gate::new(GateSettings {
        clock: MonotoneClock::new(clock, recovery.last_instant),
        deliveries: config.ledger.deliveries,
        ledger: ledger.clone(),
        metrics: Arc::clone(&metrics),
        refusals_per_minute: config.ledger.refusals_per_minute,
        reserve: Arc::clone(&reserve),
        retention_years: config.ledger.retention_years,
        routes: RouteTable::new(config.routes.clone())?,
        snapshot,
    }));
    for (_, upstream) in &upstreams {
        let upstream = upstream.clone();
        drop(actix_web::rt::spawn(async move { upstream.watch().await }));
    }
    if let Some(fetcher) = fetched {
        drop(actix_web::rt::spawn(fetcher.run()));
    }
    // It opens in the background: nobody waits for it.
    let searcher = Searcher::start(&ledger)?;
    let policies = policies(&config, &control, &gate, trust);
    let scheduling = actix_web::rt::spawn(keep_schedule(policies.clone(), Arc::clone(&health)));
    let (admin, admin_address) = console::start(Parts {
        config: &config,
        control: control.clone(),
        gate: &gate,
        health: &health,
        metrics: &metrics,
        policies,
        searcher: searcher.clone(),
        upstreams: &upstreams,
        verifier: verifier.clone(),
    })?;
    let searching = SearchSocket::open(&config.ledger.dir, &searcher);
    let plane = DataPlane {
        certificates: certificates.clone(),
        gate: Arc::clone(&gate),
        identity: config.identity.as_ref().zip(verifier.clone()).map(|(settings, verifier)| {
            Identity {
                claims: settings.claims.clone().into(),
                permissions: settings.permissions.clone(),
                verifier,
            }
        }),
        log: ServedLog::of(&config.ledger.dir),
        notice_url: config.reseller.notice_url.clone(),
        receivers,
        settings: config.gateway.clone(),
        upstreams,
    };
    let (server, gateway) = plane.start()?;
    let listening = Listening { admin: admin_address, gateway, ledger: config.ledger.dir.clone() };
    for address in &listening.gateway {
        tracing::info!(%address, "gateway listening");
    }
    tracing::info!(address = %listening.admin, "admin listening");
    ready(&listening);

    let certificates = certificates.into_iter().flatten().collect();
    let reloader = Reloader {
        again: unrecorded.is_some(),
        certificates,
        config: Arc::clone(&config),
        control,
        gate: Arc::clone(&gate),
        health,
        stamps,
        verifier,
    };
    let interval = config.gateway.reload_interval;
    let reloading = actix_web::rt::spawn(reload(reloader, signals.hangup, interval));
    let watching = actix_web::rt::spawn(watch::watch_room(reserve));
    let (no_more, stopped) = oneshot::channel();
    let ending = actix_web::rt::spawn(watch::watch_floods(Arc::clone(&gate), stopped));
    let (no_more_charts, charts_stopped) = oneshot::channel();
    let charting = actix_web::rt::spawn(activity::keep(activity, charts, charts_stopped));
    let (handle, admin_handle) = (server.handle(), admin.handle());
    let running = actix_web::rt::spawn(server);
    let administering = actix_web::rt::spawn(admin);
    tokio::select! {
        _ = signals.terminate.recv() => {}
        _ = signals.interrupt.recv() => {}
    }
    tracing::info!("draining");
    handle.stop(true).await;
    admin_handle.stop(false).await;
    reloading.abort();
    scheduling.abort();
    watching.abort();
    for result in [running.await, administering.await].into_iter().flatten() {
        result?;
    }
    drop(no_more);
    drop(no_more_charts);
    ending.await.ok();
    charting.await.ok();
    drop(gate);
    if let Some(socket) = searching {
        socket.close();
    }
    searcher.stop();
    if let Some(notifier) = notifier {
        // What was decided last is told as well, if the receiver takes it now.
        ledger.settled().await.ok();
        notifier.stop();
    }
    if let Some(witnesses) = witnesses {
        witnesses.stop();
    }
    ledger.close()?;
    tracing::info!("stopped");
    Ok(())
}

fn policies(
    config: &Arc<Config>,
    control: &Control,
    gate: &Arc<Gate>,
    trust: Option<Trust>,
) -> Policies {
    let (settings, told) = (Arc::clone(config), Arc::clone(gate));
    let catalogues = move |policies: &PolicySet| {
        let read = load::catalogue(&settings, policies, Care::Mend);
        let read = read.map_err(|error| error.to_string())?;
        if read.state.as_ref().is_some_and(|state| tell_damage(Table::Catalogue, state)) {
            told.metrics().registry_rebuilt(Table::Catalogue.as_str());
        }
        Ok(read.index)
    };
    Policies::new(PoliciesParts {
        catalogues: Box::new(catalogues),
        control: control.clone(),
        gate: Arc::clone(gate),
        ledger_dir: config.ledger.dir.clone(),
        trust,
    })
}

/// Reloads on SIGHUP, and whatever has changed at each interval.
async fn reload(mut reloader: Reloader, mut hangups: Signal, interval: Option<Duration>) {
    loop {
        let again = reloader.again.then_some(AGAIN);
        let tick = async {
            match again.or(interval) {
                Some(interval) => tokio::time::sleep(interval).await,
                None => std::future::pending().await,
            }
        };
        let everything = tokio::select! {
            hangup = hangups.recv() => match hangup {
                Some(()) => true,
                None => return,
            },
            () = tick => false,
        };
        // Files are read on a thread of their own, so that no request waits for them.
        let work = tokio::task::spawn_blocking(move || {
            if everything {
                reloader.all()
            } else {
                reloader.changed()
            }
            reloader
        });
        match work.await {
            Ok(back) => reloader = back,
            Err(error) => {
                tracing::error!(%error, "reloading has ended");
                return;
            }
        }
    }
}

/// The signals that the gateway listens to.
struct Signals {
    hangup: Signal,
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }
}
