//! The evidence log over HTTP, read only (DESIGN 8; C2SP tlog-tiles): `/log/checkpoint`, `/log/tile/...`.
//!
//! Hash tiles and checkpoints say nothing of what was recorded and are for anybody. Entry bundles hold the envelopes (verdicts, rules,
//! times) and are for bearers with the permission `audit`; to anybody else they are not there. A resource has one spelling, compared
//! with the target as it came: whatever else begins with `/log` is answered as any other target, and reaches no route for everything.

use std::io::Write;

use actix_web::HttpMessage;
use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::http::header::HeaderMap;
use actix_web::http::header::HeaderValue;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::Digest as _;
use sha2::Sha256;

use crate::enforcement::Unauthenticated;
use crate::identity::TokenFault;
use crate::ledger::LedgerError;
use crate::ledger::ServedLog;
use crate::merkle::TileKind;
use crate::merkle::TilePath;
use crate::settings::Permission;
use crate::telemetry::LogResource;

use super::answers;
use super::handler::Arrival;
use super::plane::Worker;

const TEXT: &str = "text/plain; charset=utf-8";
const BYTES: &str = "application/octet-stream";
const UNCHANGING: &str = "public, max-age=31536000, immutable";
/// What only an auditor may read is no shared cache's.
const UNCHANGING_PRIVATE: &str = "private, max-age=31536000, immutable";

/// What of the log is asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Asked {
    Checkpoint,
    Key,
    /// Below `tile/`, and no tile's one spelling.
    Nothing,
    Tile(TilePath),
    Witnessed,
}

/// What a target asks for of the log, spelled as it is and not otherwise.
pub(super) fn asked(raw: &str) -> Option<Asked> {
    match raw.strip_prefix("/log/")? {
        "checkpoint" => Some(Asked::Checkpoint),
        "checkpoint.witnessed" => Some(Asked::Witnessed),
        "ledger.pub" => Some(Asked::Key),
        path if path.starts_with("tile/") => Some(path.parse().map_or(Asked::Nothing, Asked::Tile)),
        _ => None,
    }
}

impl Asked {
    const fn resource(self) -> LogResource {
        match self {
            Self::Checkpoint => LogResource::Checkpoint,
            Self::Key => LogResource::Key,
            Self::Nothing => LogResource::Nothing,
            Self::Tile(path) => match path.kind() {
                TileKind::Entries => LogResource::Entries,
                TileKind::Hashes(_) => LogResource::Tile,
            },
            Self::Witnessed => LogResource::Witnessed,
        }
    }

    fn read(self, log: &ServedLog) -> Result<Option<Vec<u8>>, LedgerError> {
        let text = |text: Option<String>| text.map(String::into_bytes);
        match self {
            Self::Checkpoint => log.checkpoint().map(text),
            Self::Key => log.verifier().map(text),
            Self::Nothing => Ok(None),
            Self::Tile(path) => log.tile(path),
            Self::Witnessed => log.witnessed().map(text),
        }
    }
}

impl Worker {
    /// Answers who reads the log. Nothing of it is judged or recorded; it is counted.
    pub(super) async fn publish(&self, asked: Asked, arrival: &Arrival<'_>) -> HttpResponse {
        let answer = self.published(asked, arrival).await;
        let status = answer.status().as_u16();
        self.plane.gate.metrics().log_requested(asked.resource(), status);
        answer
    }

    async fn published(&self, asked: Asked, arrival: &Arrival<'_>) -> HttpResponse {
        if !matches!(*arrival.request.method(), Method::GET | Method::HEAD) {
            let mut answer = answers::fault(StatusCode::METHOD_NOT_ALLOWED, None);
            answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return answer;
        }
        if asked.resource() == LogResource::Entries
            && let Err(answer) = self.audits(arrival).await
        {
            return answer;
        }
        let log = self.plane.log.clone();
        // Files are read on a thread of their own, so that no other request of this worker waits for them.
        let read = tokio::task::spawn_blocking(move || asked.read(&log)).await;
        match read {
            Ok(Ok(Some(bytes))) => answered(asked, bytes, arrival.request.headers()),
            Ok(Ok(None)) => answers::fault(StatusCode::NOT_FOUND, None),
            Ok(Err(error)) => {
                let budget = &self.plane.log_lines;
                if let Some(line) = budget.ask(self.plane.gate.now().as_second()) {
                    tracing::error!(%error, left_out = line.left_out, "the log cannot be read");
                }
                answers::fault(StatusCode::SERVICE_UNAVAILABLE, None)
            }
            Err(_) => answers::fault(StatusCode::SERVICE_UNAVAILABLE, None),
        }
    }

    /// Whether the request is an auditor's. Who is far away and none is told of nothing, as on `/v1`.
    async fn audits(&self, arrival: &Arrival<'_>) -> Result<(), HttpResponse> {
        let near = self.is_api_client(arrival.client.address);
        match self.bearer(arrival).await {
            Ok(principal) if self.may(principal.as_ref(), Permission::Audit) => Ok(()),
            Err(TokenFault::NoKeys) if near => {
                Err(answers::fault(StatusCode::SERVICE_UNAVAILABLE, None))
            }
            Err(fault) if near => Err(answers::unauthenticated(Unauthenticated::Token(fault))),
            Ok(_) | Err(_) => Err(answers::fault(StatusCode::NOT_FOUND, None)),
        }
    }
}

fn answered(asked: Asked, bytes: Vec<u8>, headers: &HeaderMap) -> HttpResponse {
    let mut answer = HttpResponse::Ok();
    match asked.resource() {
        LogResource::Checkpoint | LogResource::Key | LogResource::Witnessed => {
            let tag = tag(&bytes);
            if matches(headers, &tag) {
                answer.status(StatusCode::NOT_MODIFIED);
            }
            answer
                .insert_header((header::CACHE_CONTROL, "no-cache"))
                .insert_header((header::ETAG, tag));
            answer.content_type(TEXT);
        }
        LogResource::Entries => {
            answer.content_type(BYTES);
            answer.insert_header((header::CACHE_CONTROL, UNCHANGING_PRIVATE));
            answer.insert_header((header::VARY, "accept-encoding, authorization"));
            if takes_gzip(headers)
                && let Some(packed) = gzip(&bytes)
            {
                answer.insert_header((header::CONTENT_ENCODING, "gzip"));
                return answer.body(packed);
            }
        }
        LogResource::Nothing | LogResource::Tile => {
            answer.content_type(BYTES);
            answer.insert_header((header::CACHE_CONTROL, UNCHANGING));
        }
    }
    let mut answer = answer.body(bytes);
    if answer.status() == StatusCode::NOT_MODIFIED {
        answer.headers_mut().remove(header::CONTENT_TYPE);
        return answer.set_body(actix_web::body::BoxBody::new(()));
    }
    answer
}

fn tag(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    let digits: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{digits}\"")
}

/// `If-None-Match` (RFC 9110 13.1.2), compared weakly.
fn matches(headers: &HeaderMap, tag: &str) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).filter_map(|value| value.to_str().ok());
    let mut listed = values.flat_map(|value| value.split(',')).map(str::trim);
    listed.any(|listed| listed == "*" || listed.trim_start_matches("W/") == tag)
}

/// Whether `Accept-Encoding` (RFC 9110 12.5.3) has `gzip`, by its name.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).filter_map(|value| value.to_str().ok());
    let mut listed = values.flat_map(|value| value.split(','));
    listed.any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let weight = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
        let refused = weight.is_some_and(|q| q.parse::<f32>().is_ok_and(|q| q <= 0.0));
        gzip && !refused
    })
}

fn gzip(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_has_one_spelling() {
        assert_eq!(asked("/log/checkpoint"), Some(Asked::Checkpoint));
        assert_eq!(asked("/log/checkpoint.witnessed"), Some(Asked::Witnessed));
        assert_eq!(asked("/log/ledger.pub"), Some(Asked::Key));
        let tile = "tile/0/x001/234.p/17".parse().unwrap();
        assert_eq!(asked("/log/tile/0/x001/234.p/17"), Some(Asked::Tile(tile)));
        for nothing in [
            "/log/tile/0/1",
            "/log/tile/00/001",
            "/log/tile/0/x000/001",
            "/log/tile/0/001.p/0",
            "/log/tile/0/001.p/256",
            "/log/tile/0/001?x=1",
            "/log/tile/0/001/",
            "/log/tile/../checkpoint",
            "/log/tile/0/%30%30%31",
            "/log/tile//0/001",
            "/log/tile/64/000",
            "/log/tile/entries",
        ] {
            assert_eq!(asked(nothing), Some(Asked::Nothing), "{nothing}");
        }
        for other in ["/log", "/log/", "//log/checkpoint", "/LOG/checkpoint", "/log/checkpoint/"] {
            assert_eq!(asked(other), None, "{other}");
        }
    }

    #[test]
    fn gzip_is_for_those_who_take_it() {
        let takes = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
            takes_gzip(&headers)
        };
        for yes in ["gzip", "br, GZip;q=0.5", "gzip;q=1"] {
            assert!(takes(yes), "{yes}");
        }
        for no in ["", "identity", "gzip;q=0", "gzip; q=0.0", "x-gzip", "br"] {
            assert!(!takes(no), "{no}");
        }
    }
}
