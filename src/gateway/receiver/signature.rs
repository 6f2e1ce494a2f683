//! `X-Shopify-Hmac-Sha256`: HMAC-SHA256 (RFC 2104, FIPS 180-4) over the body's bytes as sent, base64 with padding (RFC 4648 4),
//! under a secret that shop and gateway share.
//!
//! Secrets are read from files when the gateway starts and are in no configuration, log or record. Compared in constant time.

use std::collections::HashMap;
use std::path::Path;
use std::path::PathBuf;

use actix_web::http::header::HeaderMap;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::settings::Route;

/// Where the signature stands.
const HEADER: &str = "x-shopify-hmac-sha256";
/// Bytes of an HMAC-SHA256.
const LENGTH: usize = 32;
/// The secret in use and the one before it, while they are exchanged.
const MAX_SECRETS: usize = 2;
/// Bytes below which a secret could be guessed from one signed body.
const MIN_SECRET: usize = 16;
/// Bytes above which a file is no file of secrets.
const MAX_FILE: u64 = 4_096;

/// The secrets of every route that receives.
#[derive(Debug, Default)]
pub struct Receivers {
    keys: HashMap<String, Vec<hmac::Key>>,
}

/// Why a route's secret cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("route.{route}.secret: `{}`: {reason}", file.display())]
pub struct SecretError {
    /// The file.
    pub file: PathBuf,
    /// What is wrong, and what to do.
    pub reason: String,
    /// The route.
    pub route: String,
}

/// A signature as it came.
pub(super) struct Signature([u8; LENGTH]);

impl Receivers {
    /// Reads the secrets of the routes that have one.
    ///
    /// # Errors
    /// When a file cannot be read or does not hold one or two secrets.
    pub fn load(routes: &[Route]) -> Result<Self, SecretError> {
        let mut keys = HashMap::new();
        for route in routes {
            let Some(file) = &route.secret else { continue };
            let secrets = secrets(file).map_err(|reason| SecretError {
                file: file.clone(),
                reason,
                route: route.name.clone(),
            })?;
            keys.insert(route.name.clone(), secrets);
        }
        Ok(Self { keys })
    }

    /// True if a secret of the route signed the body.
    pub(super) fn vouch(&self, route: &str, signature: &Signature, body: &[u8]) -> bool {
        let keys = self.keys.get(route).map_or(&[][..], Vec::as_slice);
        keys.iter().any(|key| hmac::verify(key, body, &signature.0).is_ok())
    }
}

impl Signature {
    /// The one signature of a request, if it is one.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(HEADER);
        let (Some(value), None) = (values.next(), values.next()) else { return None };
        Some(Self(STANDARD.decode(value.as_bytes()).ok()?.try_into().ok()?))
    }
}

fn secrets(file: &Path) -> Result<Vec<hmac::Key>, String> {
    let unreadable = |error: std::io::Error| format!("cannot be read: {error}");
    if std::fs::metadata(file).map_err(unreadable)?.len() > MAX_FILE {
        return Err("is too large: write the app's secret into it, and nothing else".to_owned());
    }
    let text = std::fs::read(file).map_err(unreadable)?;
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let secrets: Vec<&[u8]> = lines.filter(|line| !line.is_empty()).collect();
    if secrets.is_empty() {
        return Err("is empty: write the app's secret into it".to_owned());
    }
    if secrets.len() > MAX_SECRETS {
        return Err("holds more than two secrets: one a line, the old and the new".to_owned());
    }
    if secrets.iter().any(|secret| secret.len() < MIN_SECRET) {
        return Err(format!("a secret is shorter than {MIN_SECRET} bytes: whole ones, one a line"));
    }
    Ok(secrets.into_iter().map(|secret| hmac::Key::new(hmac::HMAC_SHA256, secret)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderName;
    use actix_web::http::header::HeaderValue;

    const SECRET: &str = "hush-hush-hush-hush";

    fn receivers(text: &str) -> Result<Receivers, SecretError> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("secret.txt");
        std::fs::write(&file, text).unwrap();
        Receivers::load(&[Route { secret: Some(file), ..Route::passing("shop", "/hooks", "main") }])
    }

    fn headers(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            let value = HeaderValue::from_str(value).unwrap();
            headers.append(HeaderName::from_static(HEADER), value);
        }
        headers
    }

    #[test]
    fn the_first_example_of_rfc_4231_is_verified_for_its_route_and_bytes_alone() {
        let receivers = receivers(&"\u{b}".repeat(20)).unwrap();
        // b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7
        let tag = "sDRMYdjbOFNcqK/OrwvxK4gdwgDJgz2nJuk3bC4yz/c=";
        let signature = Signature::of(&headers(&[tag])).unwrap();
        assert!(receivers.vouch("shop", &signature, b"Hi There"));
        assert!(!receivers.vouch("shop", &signature, b"Hi There "));
        assert!(!receivers.vouch("other", &signature, b"Hi There"));
    }

    #[test]
    fn a_signature_stands_once_padded_and_whole() {
        let (whole, short) = (STANDARD.encode([7; 32]), STANDARD.encode([7; 31]));
        let (whole, short) = (whole.as_str(), short.as_str());
        assert!(Signature::of(&headers(&[whole])).is_some());
        let bare = whole.trim_end_matches('=');
        for values in [&[][..], &[whole, whole], &[""], &["!"], &[short], &[bare]] {
            assert!(Signature::of(&headers(values)).is_none(), "{values:?}");
        }
    }

    #[test]
    fn files_of_secrets_are_read_whole_or_refused() {
        assert!(receivers(&format!("{SECRET}\r\n")).is_ok());
        assert!(receivers(&format!("{SECRET}\n\nanother-{SECRET}\n")).is_ok());
        for (text, says) in [
            (String::new(), "is empty"),
            (" \n\n".to_owned(), "is empty"),
            (format!("{SECRET}\n").repeat(3), "more than two"),
            (format!("{SECRET}\nshort\n"), "shorter than 16"),
            ("x".repeat(5_000), "too large"),
        ] {
            let told = receivers(&text).unwrap_err().to_string();
            assert!(told.contains(says) && told.starts_with("route.shop.secret: "), "{told}");
        }
        let gone = Receivers::load(&[Route {
            secret: Some("/nowhere/secret.txt".into()),
            ..Route::passing("shop", "/hooks", "main")
        }]);
        assert!(gone.unwrap_err().to_string().contains("cannot be read"));
    }
}
