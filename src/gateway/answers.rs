//! Answers in place of the upstream's (DESIGN 8): one status, one problem type, one body by `Accept`.

use actix_web::HttpResponse;
use actix_web::HttpResponseBuilder;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::http::header::HeaderMap;
use askama::Template;
use bytes::Bytes;
use serde::Serialize;

use crate::enforcement::Malformed;
use crate::enforcement::Refusal;
use crate::enforcement::Refused;
use crate::enforcement::RefusedItem;
use crate::enforcement::Unauthenticated;
use crate::model::DecisionId;

use super::language::Language;
use super::page::RefusalPage;
use super::wording::Matter;

/// The header that every answer to a judged request carries.
pub(super) const DECISION: &str = "interdict-decision";
/// Seconds after which a 503 may be tried again.
const RETRY_AFTER: &str = "5";

/// The value of [`DECISION`].
pub(super) fn decision_field(named: &str, id: DecisionId) -> Bytes {
    // A UUID and the words around it.
    let mut text = String::with_capacity(named.len().saturating_add(41));
    text.push_str(named);
    text.push_str("; id=");
    id.push_to(&mut text);
    text.into()
}

/// RFC 9457, with the members of the contract and nothing more.
#[derive(Serialize)]
struct Problem<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<DecisionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    clause: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    items: Option<&'a [RefusedItem]>,
}

/// The answer to a refused request.
pub(super) fn refusal(
    refusal: &Refusal,
    accept: &HeaderMap,
    notice_url: Option<&str>,
) -> HttpResponse {
    let id = refusal.id();
    let mut problem = Problem::new(refusal.status());
    problem.decision = Some(id);
    let mut answer = builder(refusal.status());
    answer.insert_header((header::CACHE_CONTROL, "no-store"));
    let named = refusal.verdict().map_or("error", crate::model::Verdict::as_str);
    answer.insert_header((DECISION, decision_field(named, id)));
    let mut refused_by_law: Option<&Refused> = None;
    match refusal {
        Refusal::Held(refused) | Refusal::Prohibited(refused) => {
            // RFC 7725 4: the entity that implements the block; without a notice, this server itself.
            let link = format!("<{}>; rel=\"blocked-by\"", notice_url.unwrap_or("/"));
            answer.insert_header((header::LINK, link));
            problem.policy = Some(&refused.policy);
            problem.clause = Some(&refused.clause);
            problem.message = Some(&refused.message);
            problem.items = Some(&refused.items);
            refused_by_law = Some(refused);
        }
        Refusal::BadSignature { .. } => {
            // RFC 9110 15.5.2 wants a challenge, and the scheme is the platform's own.
            answer.insert_header((header::WWW_AUTHENTICATE, "X-Shopify-Hmac-Sha256"));
            problem.title = "A valid signature is needed";
        }
        Refusal::Malformed { reason, .. } => problem.detail = Some(public_detail(reason)),
        Refusal::MethodNotAllowed { allow, .. } => {
            answer.insert_header((header::ALLOW, allow.as_str()));
        }
        Refusal::UnsupportedEntrance { .. } => {
            // RFC 7725 is about law; this is about what can be read. Where to turn to is the same.
            let link = format!("<{}>; rel=\"blocked-by\"", notice_url.unwrap_or("/"));
            answer.insert_header((header::LINK, link));
            problem.r#type = "unsupported-entrance";
            problem.title = "This way to order is not supported here";
        }
        Refusal::Unauthenticated { reason, .. } => {
            answer.insert_header((header::WWW_AUTHENTICATE, challenge(*reason)));
        }
        Refusal::BodyNotSeen { .. }
        | Refusal::TooLarge { .. }
        | Refusal::TooSlow { .. }
        | Refusal::Unsupported { .. } => {}
        Refusal::NotLookedUp { .. } | Refusal::Unavailable { .. } => {
            answer.insert_header((header::RETRY_AFTER, RETRY_AFTER));
        }
    }
    if prefers_html(accept) {
        let language = Language::of(accept);
        return page(&mut answer, (matter(refusal), id), refused_by_law, notice_url, language);
    }
    json(&mut answer, &problem)
}

/// What a refusal shows, as its outcome names it.
pub(super) fn notice(answer: &HttpResponse) -> &'static str {
    let language = answer.headers().get(header::CONTENT_LANGUAGE);
    match language.map(header::HeaderValue::as_bytes) {
        None => "problem",
        Some(b"es") => "page-es",
        Some(_) => "page-en",
    }
}

/// An answer that no decision preceded; `id` only on judged routes.
pub(super) fn fault(status: StatusCode, id: Option<DecisionId>) -> HttpResponse {
    let mut problem = Problem::new(status.as_u16());
    problem.decision = id;
    let mut answer = HttpResponseBuilder::new(status);
    answer.insert_header((header::CACHE_CONTROL, "no-store"));
    if let Some(id) = id {
        answer.insert_header((DECISION, decision_field("error", id)));
    }
    if status == StatusCode::SERVICE_UNAVAILABLE {
        answer.insert_header((header::RETRY_AFTER, RETRY_AFTER));
    }
    json(&mut answer, &problem)
}

/// 401 where nothing is judged, so that there is no decision to name.
pub(super) fn unauthenticated(reason: Unauthenticated) -> HttpResponse {
    let mut answer = builder(401);
    answer.insert_header((header::CACHE_CONTROL, "no-store"));
    answer.insert_header((header::WWW_AUTHENTICATE, challenge(reason)));
    json(&mut answer, &Problem::new(401))
}

/// RFC 6750 3: who sent no token is told no error.
const fn challenge(reason: Unauthenticated) -> &'static str {
    match reason {
        Unauthenticated::Absent => "Bearer",
        Unauthenticated::Token(_) => "Bearer error=\"invalid_token\"",
    }
}

/// A problem of the decision API, whose callers may know what was wrong with what they sent.
pub(super) fn api_problem(status: StatusCode, detail: String) -> HttpResponse {
    let mut problem = Problem::new(status.as_u16());
    problem.detail = Some(detail);
    let mut answer = HttpResponseBuilder::new(status);
    answer.insert_header((header::CACHE_CONTROL, "no-store"));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        answer.insert_header((header::RETRY_AFTER, RETRY_AFTER));
    }
    json(&mut answer, &problem)
}

impl Problem<'_> {
    const fn new(status: u16) -> Self {
        let (r#type, title) = match status {
            400 => ("malformed", "The request cannot be read in one way only"),
            401 => ("unauthenticated", "A valid token is needed"),
            403 => ("review", "Held for review"),
            404 => ("not-found", "Nothing here"),
            405 => ("method-not-allowed", "The method is not allowed here"),
            408 => ("too-slow", "The request came too slowly"),
            413 => ("too-large", "The body is too large to be judged"),
            415 => ("unsupported-media-type", "The body is of a kind that is not read here"),
            426 => ("upgrade-required", "Only version 13 of the WebSocket protocol is spoken here"),
            451 => ("prohibited", "Unavailable for legal reasons"),
            502 => ("bad-gateway", "The server behind this gateway failed"),
            504 => ("gateway-timeout", "The server behind this gateway is too slow"),
            _ => ("unavailable", "The request could not be decided now"),
        };
        Self {
            r#type,
            title,
            status,
            detail: None,
            decision: None,
            policy: None,
            clause: None,
            message: None,
            items: None,
        }
    }
}

fn builder(status: u16) -> HttpResponseBuilder {
    HttpResponseBuilder::new(
        StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE),
    )
}

fn json(answer: &mut HttpResponseBuilder, problem: &Problem<'_>) -> HttpResponse {
    answer.insert_header((header::CONTENT_TYPE, "application/problem+json"));
    answer.body(serde_json::to_vec(problem).unwrap_or_default())
}

fn page(
    answer: &mut HttpResponseBuilder,
    (matter, id): (Matter, DecisionId),
    refused: Option<&Refused>,
    notice_url: Option<&str>,
    language: Language,
) -> HttpResponse {
    let words = language.words();
    let line = |item: &RefusedItem| {
        let number = item.index.saturating_add(1);
        item.sku.as_ref().map_or_else(
            || format!("{} {number}", words.line),
            |sku| format!("{} {number}: {sku}", words.line),
        )
    };
    let page = RefusalPage {
        clause: refused.map_or("", |r| &r.clause),
        is_prohibited: matter == Matter::Prohibited,
        language: language.tag(),
        lines: refused.map(|r| r.items.iter().map(line).collect()).unwrap_or_default(),
        message: refused.map_or("", |r| &r.message),
        notice_url: notice_url.filter(|_| matter.is_decided()),
        policy: refused.map_or("", |r| &r.policy),
        reference: id.to_string(),
        told: (words.tell)(matter),
        words,
    };
    answer.insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"));
    answer.insert_header((header::CONTENT_LANGUAGE, language.tag()));
    answer.insert_header((
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'unsafe-inline'",
    ));
    answer.insert_header((header::VARY, "Accept, Accept-Language"));
    answer.body(page.render().unwrap_or_default())
}

/// What a person is told that a refusal is about.
const fn matter(refusal: &Refusal) -> Matter {
    match refusal {
        Refusal::BodyNotSeen { .. } | Refusal::Held(_) => Matter::Held,
        Refusal::BadSignature { .. } | Refusal::Malformed { .. } | Refusal::Unsupported { .. } => {
            Matter::Unreadable
        }
        Refusal::MethodNotAllowed { .. } => Matter::Elsewhere,
        Refusal::NotLookedUp { .. } | Refusal::Unavailable { .. } => Matter::Unavailable,
        Refusal::Prohibited(_) => Matter::Prohibited,
        Refusal::TooLarge { .. } => Matter::TooLarge,
        Refusal::TooSlow { .. } => Matter::TooSlow,
        Refusal::Unauthenticated { .. } => Matter::SignIn,
        Refusal::UnsupportedEntrance { .. } => Matter::Entrance,
    }
}

/// The category of a fault, without a value that was sent.
fn public_detail(reason: &Malformed) -> String {
    match reason {
        Malformed::Json(_) => "the body is not one strict JSON document".to_owned(),
        Malformed::Body
        | Malformed::Coding
        | Malformed::Field(_)
        | Malformed::Framing
        | Malformed::Host
        | Malformed::LookedUp(_)
        | Malformed::Target(_) => reason.to_string(),
    }
}

/// True for browsers: `text/html` is named, and no JSON is named with at least its weight (RFC 9110 12.5.1).
fn prefers_html(headers: &HeaderMap) -> bool {
    let (mut html, mut json) = (0_u16, 0_u16);
    for value in headers.get_all(header::ACCEPT) {
        for range in value.to_str().unwrap_or_default().split(',') {
            let mut parts = range.split(';').map(str::trim);
            let media = parts.next().unwrap_or_default().to_ascii_lowercase();
            let weight = parts.find_map(|p| p.strip_prefix("q=")).map_or(1_000, thousandths);
            match media.as_str() {
                "text/html" | "application/xhtml+xml" => html = html.max(weight),
                "application/json" | "application/problem+json" => json = json.max(weight),
                _ => {}
            }
        }
    }
    html > json
}

/// A weight (RFC 9110 12.4.2) in thousandths.
pub(super) fn thousandths(text: &str) -> u16 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if whole.trim() == "1" {
        return 1_000;
    }
    let padded: String = fraction.chars().chain("000".chars()).take(3).collect();
    padded.parse().unwrap_or(0)
}
