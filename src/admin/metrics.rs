//! `GET /metrics`: in which of the two text formats a scraper gets it.
//!
//! **Standard.** RFC 9110, 12.5.1 (`Accept`, with weights); OpenMetrics 1.0.0 and Prometheus' text format 0.0.4 for the types. Whoever
//! accepts neither gets the older one, as it always did.

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::header;

use crate::telemetry::Metrics;

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The families in the format that the request prefers.
pub(super) fn answer(request: &HttpRequest, metrics: &Metrics) -> HttpResponse {
    let accepted = request.headers().get_all(header::ACCEPT);
    let accepted = accepted.filter_map(|value| value.to_str().ok());
    let mut answer = HttpResponse::Ok();
    answer.insert_header((header::VARY, "Accept"));
    match prefers_openmetrics(accepted) {
        true => answer.content_type(OPENMETRICS).body(metrics.render_openmetrics()),
        false => answer.content_type(TEXT).body(metrics.render()),
    }
}

/// True if OpenMetrics 1.0.0 is asked for by name, and the older format is not wanted more.
fn prefers_openmetrics<'a>(accepted: impl Iterator<Item = &'a str>) -> bool {
    let (mut openmetrics, mut text) = (None, None);
    for range in accepted.flat_map(|value| apart(value, b',')) {
        let mut parts = apart(range, b';').map(str::trim);
        let kind = parts.next().unwrap_or_default();
        let (mut weight, mut version) = (1_000, None);
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            let value = value.trim().trim_matches('"');
            match name.trim() {
                name if name.eq_ignore_ascii_case("q") => weight = thousandths(value),
                name if name.eq_ignore_ascii_case("version") => version = Some(value),
                _ => {}
            }
        }
        let is = |name: &str| kind.eq_ignore_ascii_case(name);
        let nearness =
            if is("application/openmetrics-text") && matches!(version, None | Some("1.0.0")) {
                openmetrics = openmetrics.max(Some(weight));
                continue;
            } else if is("text/plain") && matches!(version, None | Some("0.0.4")) {
                2
            } else if is("text/*") {
                1
            } else if is("*/*") {
                0
            } else {
                continue;
            };
        // The most specific range gives the weight.
        text = text.max(Some((nearness, weight)));
    }
    let text = text.map_or(0, |(_, weight)| weight);
    openmetrics.is_some_and(|weight| weight > 0 && weight >= text)
}

/// The parts of a list, but for separators within quotes.
fn apart(list: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    list.split(move |c| {
        is_quoted ^= c == '"';
        !is_quoted && c == char::from(separator)
    })
}

/// A weight (`0.125`) in thousandths; one that is none is the least.
fn thousandths(weight: &str) -> u16 {
    let weight = weight.parse::<f32>().unwrap_or(0.0).clamp(0.0, 1.0);
    (0..=1_000).rev().find(|n| f32::from(*n) / 1_000.0 <= weight).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_the_one_that_is_accepted_most() {
        for (accepted, openmetrics) in [
            ("", false),
            ("*/*", false),
            ("application/*", false),
            ("text/html", false),
            ("application/openmetrics-text", true),
            ("Application/OpenMetrics-Text; Version=\"1.0.0\"; charset=utf-8", true),
            ("application/openmetrics-text;version=0.0.1", false),
            ("application/openmetrics-text;q=0", false),
            ("application/openmetrics-text;q=0.5,text/plain;q=0.4", true),
            ("application/openmetrics-text;q=0.4, text/plain;q=0.5", false),
            ("application/openmetrics-text;q=0.4, text/plain;version=0.0.3;q=0.5", true),
            ("application/openmetrics-text;q=0.5,*/*;q=0.1", true),
            ("application/openmetrics-text;q=0.5,*/*", false),
            ("application/openmetrics-text;q=0.5,text/plain;q=0.1,*/*", true),
            ("application/openmetrics-text;q=0.5,text/*;q=0.501", false),
            ("text/plain;note=\"a,b;q=0\";q=0.2, application/openmetrics-text;q=0.1", false),
            ("application/openmetrics-text;q=high", false),
            // Prometheus 3.
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                 application/openmetrics-text;version=0.0.1;q=0.5,\
                 text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                true,
            ),
        ] {
            assert_eq!(prefers_openmetrics([accepted].into_iter()), openmetrics, "{accepted}");
        }
        assert!(!prefers_openmetrics(
            ["application/openmetrics-text;q=0.5", "text/plain"].into_iter()
        ));
    }
}
