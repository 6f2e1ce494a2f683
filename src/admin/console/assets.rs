//! Scripts, styles, icons and the map, compiled in: `/assets/<version>/<name>` (`assets/README.md` says where they are from).
//!
//! The version is a hash of all of them, so that a browser may keep them for ever, and modules can name one another by relative paths.
//! Another version's address is not found: a page never gets half of an upgrade.

use std::io::Write as _;
use std::sync::LazyLock;

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web;
use actix_web::web::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::Digest as _;
use sha2::Sha256;

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// Hexadecimal digits of the hash in an address.
const VERSION_DIGITS: usize = 16;

/// Name, type, content.
const ASSETS: &[(&str, &str, &[u8])] = &[
    ("app.css", CSS, APP_CSS.as_bytes()),
    ("app.js", JS, include_bytes!("assets/js/app.js")),
    ("charts.js", JS, include_bytes!("assets/js/charts.js")),
    ("dialogs.js", JS, include_bytes!("assets/js/dialogs.js")),
    ("dom.js", JS, include_bytes!("assets/js/dom.js")),
    ("editor.js", JS, include_bytes!("assets/js/editor.js")),
    ("frame.js", JS, include_bytes!("assets/js/frame.js")),
    ("htmx.min.js", JS, include_bytes!("assets/vendor/htmx.min.js")),
    ("icons.svg", SVG, include_bytes!("assets/icons.svg")),
    ("law.js", JS, include_bytes!("assets/js/law.js")),
    ("map.js", JS, include_bytes!("assets/js/map.js")),
    ("proof.js", JS, include_bytes!("assets/js/proof.js")),
    ("reviews.js", JS, include_bytes!("assets/js/reviews.js")),
    ("stream.js", JS, include_bytes!("assets/js/stream.js")),
    ("theme.js", JS, include_bytes!("assets/js/theme.js")),
    ("uPlot.min.css", CSS, include_bytes!("assets/vendor/uPlot.min.css")),
    ("uPlot.min.js", JS, include_bytes!("assets/vendor/uPlot.min.js")),
    ("upload.js", JS, include_bytes!("assets/js/upload.js")),
    ("verify.js", JS, include_bytes!("assets/js/verify.js")),
    ("world.svg", SVG, include_bytes!("assets/world.svg")),
];

const APP_CSS: &str = concat!(
    include_str!("assets/css/1-tokens.css"),
    include_str!("assets/css/2-layout.css"),
    include_str!("assets/css/3-components.css"),
    include_str!("assets/css/4-data.css"),
    include_str!("assets/css/4-registry.css"),
    include_str!("assets/css/6-policies.css"),
    include_str!("assets/css/5-print.css"),
);

/// An asset as it is sent.
struct Sent {
    body: Bytes,
    gzip: Bytes,
    kind: &'static str,
    name: &'static str,
}

static SENT: LazyLock<Vec<Sent>> = LazyLock::new(|| {
    let sent = ASSETS.iter().map(|(name, kind, body)| Sent {
        body: Bytes::from_static(body),
        gzip: gzip(body),
        kind,
        name,
    });
    sent.collect()
});

static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut sha = Sha256::new();
    for (name, _, body) in ASSETS {
        // Lengths keep the end of one apart from the beginning of the next.
        sha.update(format!("{name} {}\n", body.len()));
        sha.update(body);
    }
    let hash = sha.finalize();
    hash.iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<String>()
        .chars()
        .take(VERSION_DIGITS)
        .collect()
});

/// The address of an asset.
pub fn url(name: &str) -> String {
    format!("/assets/{}/{name}", *VERSION)
}

/// The names of all assets.
pub fn names() -> impl Iterator<Item = &'static str> {
    ASSETS.iter().map(|(name, _, _)| *name)
}

/// An asset. Nobody has to be signed in for it: it says nothing of anybody.
pub(super) async fn answer(
    request: HttpRequest,
    path: web::Path<(String, String)>,
) -> HttpResponse {
    let (version, name) = path.into_inner();
    let found = SENT.iter().find(|asset| asset.name == name && version == *VERSION);
    let Some(asset) = found else {
        return HttpResponse::NotFound()
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .content_type("text/plain; charset=utf-8")
            .body("no such asset: reload the page\n");
    };
    let compressed = takes_gzip(&request) && asset.gzip.len() < asset.body.len();
    // Two representations, two strong validators (RFC 9110, 8.8.3.3).
    let etag = format!("\"{}{}\"", *VERSION, if compressed { "-gzip" } else { "" });
    let known = request.headers().get_all(header::IF_NONE_MATCH).any(|value| {
        value.to_str().is_ok_and(|value| {
            let mut tags = value.split(',').map(|tag| tag.trim().trim_start_matches("W/"));
            tags.any(|tag| tag == etag || tag == "*")
        })
    });
    let mut answer = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    answer
        .insert_header((header::CACHE_CONTROL, "public, max-age=31536000, immutable"))
        .insert_header((header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"))
        .insert_header(("cross-origin-resource-policy", "same-origin"))
        .insert_header((header::ETAG, etag))
        .insert_header((header::VARY, "accept-encoding"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"));
    if known {
        return answer.finish();
    }
    answer.content_type(asset.kind);
    if compressed {
        answer.insert_header((header::CONTENT_ENCODING, "gzip"));
        return answer.body(asset.gzip.clone());
    }
    answer.body(asset.body.clone())
}

/// Whether `gzip` is accepted by name (RFC 9110, 12.5.3); what accepts anything gets the plain text.
fn takes_gzip(request: &HttpRequest) -> bool {
    request.headers().get_all(header::ACCEPT_ENCODING).any(|value| {
        value.to_str().is_ok_and(|value| {
            value.split(',').any(|coding| {
                let mut parts = coding.split(';').map(str::trim);
                let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
                let refused = parts.any(|weight| {
                    weight
                        .strip_prefix("q=")
                        .is_some_and(|weight| weight.parse::<f32>().is_ok_and(|q| q <= 0.0))
                });
                named && !refused
            })
        })
    })
}

/// Compressed once, at the first request. What cannot be is sent as it is, which an empty text stands for.
fn gzip(body: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let written = encoder.write_all(body).and_then(|()| encoder.finish());
    written.map_or_else(|_| Bytes::copy_from_slice(body), Bytes::from)
}
