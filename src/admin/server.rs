//! The admin listener.

use std::net::SocketAddr;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;

use actix_web::App;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::HttpServer;
use actix_web::dev::Server;
use actix_web::error::UrlencodedError;
use actix_web::http::StatusCode;
use actix_web::web;
use rustls::ServerConfig;

use crate::control::Control;
use crate::control::registry::Desk;
use crate::enforcement::Gate;
use crate::ledger::Searcher;
use crate::telemetry::Health;

use super::access::Access;
use super::api;
use super::api::Problem;
use super::api::UnderWay;
use super::console;
use super::console::Hub;
use super::evidence;
use super::mount::Entry;
use super::mount::Mount;
use super::mount::declared;
use super::policies::Policies;
use super::probes;

/// A server of an upstream: upstream, server, healthy.
pub(super) type ServerHealth = (String, String, bool);

/// Bodies that are read whole: policies are the longest. What is streamed has limits of its own.
const LONGEST_BODY: usize = 16 << 20;
/// Consoles hold one connection each, for their stream.
const CONNECTIONS: usize = 1_024;

/// What the control plane looks at.
#[derive(Clone)]
pub struct AdminPlane {
    /// Who may.
    pub access: Arc<Access>,
    /// The control plane's state.
    pub control: Control,
    /// The registry.
    pub desk: Desk,
    /// The gate.
    pub gate: Arc<Gate>,
    /// Degraded parts.
    pub health: Arc<Health>,
    /// Policies and their life cycle.
    pub policies: Policies,
    /// The networks file (`[geo] networks`), into which a released network may go.
    pub networks: Option<PathBuf>,
    /// The search in the records.
    pub searcher: Searcher,
    /// How each server of each upstream stands now.
    pub servers: Arc<dyn Fn() -> Vec<ServerHealth> + Send + Sync>,
    /// Exports, reports and the verification of the ledger that are under way.
    pub(super) evidence: evidence::Desk,
    /// The live stream of all open consoles.
    pub(super) hub: Arc<Hub>,
    /// Creates that are being carried out.
    pub(super) under_way: UnderWay,
}

/// What an [`AdminPlane`] is made of.
pub struct AdminParts {
    /// Who may.
    pub access: Access,
    /// The control plane's state.
    pub control: Control,
    /// The registry.
    pub desk: Desk,
    /// The gate.
    pub gate: Arc<Gate>,
    /// Degraded parts.
    pub health: Arc<Health>,
    /// Policies and their life cycle.
    pub policies: Policies,
    /// The networks file (`[geo] networks`), into which a released network may go.
    pub networks: Option<PathBuf>,
    /// The search in the records.
    pub searcher: Searcher,
    /// How each server of each upstream stands now.
    pub servers: Arc<dyn Fn() -> Vec<ServerHealth> + Send + Sync>,
}

impl std::fmt::Debug for AdminParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AdminParts").field("health", &self.health).finish_non_exhaustive()
    }
}

impl AdminPlane {
    /// Of its parts.
    pub fn new(parts: AdminParts) -> Self {
        let AdminParts {
            access,
            control,
            desk,
            gate,
            health,
            networks,
            policies,
            searcher,
            servers,
        } = parts;
        let (access, under_way) = (Arc::new(access), UnderWay::default());
        let (evidence, hub) = (evidence::Desk::default(), Arc::default());
        Self {
            access,
            control,
            desk,
            evidence,
            gate,
            health,
            hub,
            policies,
            networks,
            searcher,
            servers,
            under_way,
        }
    }
}

impl std::fmt::Debug for AdminPlane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AdminPlane").field("health", &self.health).finish_non_exhaustive()
    }
}

/// Every route, and who may use it.
pub fn table() -> Vec<Entry> {
    let mut mount = Mount::dry();
    routes(&mut mount);
    mount.into_table()
}

fn routes(mount: &mut Mount<'_>) {
    probes::routes(mount);
    api::routes(mount);
    console::routes(mount);
}

/// Binds the admin listener and starts it; returns the address bound.
///
/// # Errors
/// When the address cannot be bound.
pub fn start(
    address: SocketAddr,
    tls: Option<ServerConfig>,
    plane: AdminPlane,
) -> std::io::Result<(Server, SocketAddr)> {
    let socket = TcpListener::bind(address)?;
    let bound = socket.local_addr()?;
    let server = HttpServer::new(move || {
        let refuse = |detail: String| actix_web::Error::from(Problem::invalid(detail));
        App::new()
            .app_data(web::Data::new(plane.clone()))
            .app_data(web::PayloadConfig::new(LONGEST_BODY))
            .app_data(web::FormConfig::default().limit(LONGEST_BODY).error_handler(
                move |error, _| match error {
                    // The guard tells of what is wrong with the body itself.
                    UrlencodedError::Payload(_) | UrlencodedError::Overflow { .. } => error.into(),
                    error => refuse(format!("the form: {error}")),
                },
            ))
            .app_data(web::QueryConfig::default().error_handler(move |error, _| {
                refuse(format!(
                    "the query: {}",
                    error.to_string().trim_start_matches("Query deserialize error: ")
                ))
            }))
            .app_data(web::PathConfig::default().error_handler(move |error, _| {
                actix_web::Error::from(Problem::not_found(format!("such thing: {error}")))
            }))
            .configure(|config| routes(&mut Mount::on(config)))
            .default_service(web::to(nothing))
    })
    .workers(1)
    .max_connections(CONNECTIONS)
    .shutdown_timeout(1)
    .disable_signals();
    let server = match tls {
        Some(tls) => server.listen_rustls_0_23(socket, tls)?,
        None => server.listen(socket)?,
    };
    Ok((server.run(), bound))
}

/// No route declared it: a page for a browser, a problem for a program. A method that a route does not take is 405.
async fn nothing(plane: web::Data<AdminPlane>, request: HttpRequest) -> HttpResponse {
    let known = request.match_pattern().map(|pattern| declared(&pattern));
    let methods: Vec<_> = table()
        .into_iter()
        .filter(|entry| known.as_deref() == Some(entry.path))
        .map(|entry| entry.method.to_string())
        .collect();
    let problem = match methods.is_empty() {
        true => Problem::not_found("such address"),
        false => Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this address takes other methods"),
    };
    console::failed(&plane, &request, &problem, &methods.join(", "))
}
