//! The keys of `[identity]` and `[admin.identity]`: read from a file, or fetched from a URL, the last good kept.

use std::hash::BuildHasher;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::Method;
use actix_web::http::StatusCode;
use bytes::Bytes;

use crate::gateway::upstream::Outgoing;
use crate::gateway::upstream::OutgoingBody;
use crate::gateway::upstream::SetupError;
use crate::gateway::upstream::Upstream;
use crate::gateway::upstream::UpstreamClient;
use crate::identity::KeySet;
use crate::identity::KeySetError;
use crate::identity::Verifier;
use crate::settings;
use crate::settings::Identity;
use crate::settings::JwksSource;
use crate::settings::Server;
use crate::settings::ServerError;
use crate::telemetry::Health;
use crate::telemetry::Metrics;
use crate::telemetry::Part;

/// Bytes of a set; what is longer is no set.
const LONGEST: usize = 262_144;
/// The longest wait for a set.
const WAIT: Duration = Duration::from_secs(10);
/// After a failure the next try comes so much earlier.
const SOONER: u32 = 10;

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The file cannot be read.
    #[error("jwks `{}`: {source}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The set cannot be used.
    #[error("jwks `{place}`: {source}")]
    Set {
        /// File or URL.
        place: String,
        /// Why.
        #[source]
        source: KeySetError,
    },
    /// The URL names no server.
    #[error("jwks `{url}`: {source}")]
    Url {
        /// The URL.
        url: String,
        /// Why.
        #[source]
        source: ServerError,
    },
    /// The authorities cannot be used.
    #[error("jwks: {0}")]
    Upstream(#[from] SetupError),
}

/// Reads the keys of a file; none where they come from a URL.
pub(super) fn read(identity: &Identity) -> Result<Option<KeySet>, IdentityError> {
    let JwksSource::File(file) = &identity.jwks else { return Ok(None) };
    let bytes =
        std::fs::read(file).map_err(|source| IdentityError::File { file: file.clone(), source })?;
    let place = file.display().to_string();
    KeySet::parse(&bytes, &identity.algorithms)
        .map(Some)
        .map_err(|source| IdentityError::Set { place, source })
}

/// Where a URL's keys are fetched; none where they come from a file.
pub(super) fn source(identity: &Identity) -> Result<Option<(Upstream, Bytes)>, IdentityError> {
    let JwksSource::Url(url) = &identity.jwks else { return Ok(None) };
    let after = url.find("://").map_or(0, |at| at.saturating_add(3));
    let end = url.get(after..).and_then(|rest| rest.find(['/', '?', '#']));
    let (server, path) =
        end.and_then(|end| url.split_at_checked(after.saturating_add(end))).unwrap_or((url, "/"));
    let path = path.split('#').next().unwrap_or("/");
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let server =
        Server::parse(server).map_err(|source| IdentityError::Url { url: url.clone(), source })?;
    let mut upstream = settings::Upstream::new("identity", server);
    upstream.tls.ca.clone_from(&identity.ca);
    Ok(Some((Upstream::new(&upstream)?, path.into())))
}

/// Gives a verifier the keys of a file, and says who fetches those of a URL. `part` is that of `[identity]` or `[admin.identity]`.
pub(super) fn keys(
    settings: &Identity,
    part: Part,
    verifier: &Arc<Verifier>,
    health: &Arc<Health>,
    metrics: &Arc<Metrics>,
) -> Result<Option<Fetcher>, IdentityError> {
    if let Some(set) = read(settings)? {
        verifier.keys().replace(set);
    }
    Ok(source(settings)?.map(|(upstream, path)| Fetcher {
        health: Arc::clone(health),
        metrics: Arc::clone(metrics),
        part,
        path,
        refresh: settings.refresh,
        upstream,
        verifier: Arc::clone(verifier),
    }))
}

/// What the task that fetches keys is made of.
pub(super) struct Fetcher {
    pub(super) health: Arc<Health>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) part: Part,
    pub(super) path: Bytes,
    pub(super) refresh: Duration,
    pub(super) upstream: Upstream,
    pub(super) verifier: Arc<Verifier>,
}

impl Fetcher {
    /// Fetches keys at intervals and when they are asked for, for ever.
    pub(super) async fn run(self) {
        let client = self.upstream.client();
        loop {
            let fetched = self.fetch(&client).await;
            self.metrics.keys_fetched(fetched.is_ok());
            let wait = match fetched {
                Ok(keys) => {
                    self.health.recovered(self.part);
                    tracing::debug!(keys, part = self.part.as_str(), "keys were fetched");
                    self.refresh
                }
                Err(reason) => {
                    tracing::error!(
                        reason,
                        part = self.part.as_str(),
                        "keys could not be fetched; the last good stay in force"
                    );
                    self.health.degraded(self.part, reason);
                    self.refresh.checked_div(SOONER).unwrap_or(self.refresh)
                }
            };
            self.verifier.keys().concluded();
            tokio::select! {
                () = tokio::time::sleep(jittered(wait)) => {}
                () = self.verifier.keys().asked() => {}
            }
            client.sweep();
        }
    }

    async fn fetch(&self, client: &UpstreamClient) -> Result<usize, String> {
        let mut headers = http::HeaderMap::new();
        headers.insert(http::header::ACCEPT, http::HeaderValue::from_static("application/json"));
        let outgoing = Outgoing {
            body: OutgoingBody::Empty,
            headers,
            method: Method::GET,
            path_and_query: self.path.clone(),
        };
        let fetched =
            client.fetch(outgoing, LONGEST, WAIT).await.map_err(|error| error.to_string())?;
        if fetched.status != StatusCode::OK {
            return Err(format!("the answer's status is {}", fetched.status.as_u16()));
        }
        let set = KeySet::parse(&fetched.body, self.verifier.algorithms())
            .map_err(|error| error.to_string())?;
        let keys = set.len();
        self.verifier.keys().replace(set);
        // The gauge is of [identity]: of those who buy.
        if self.part == Part::Identity {
            self.metrics.keys_in_force(keys, super::reload::seconds(jiff::Timestamp::now()));
        }
        Ok(keys)
    }
}

/// Up to a tenth less, so that a fleet does not ask all at once.
fn jittered(wait: Duration) -> Duration {
    let random = std::hash::RandomState::new().hash_one(0_u8) % 1_000;
    let less = wait.as_millis().saturating_mul(u128::from(random)) / 10_000;
    wait.saturating_sub(Duration::from_millis(u64::try_from(less).unwrap_or(0)))
}
