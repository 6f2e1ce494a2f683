//! One token, checked (RFC 7515 5.2, RFC 7519 7.2, RFC 8725).

use std::time::Duration;

use jiff::Timestamp;

use crate::model::Number;
use crate::model::StrictValue;
use crate::model::json_from_slice;
use crate::settings::Algorithm;
use crate::settings::Identity;
use crate::settings::JwksSource;

use super::encoding::decode;
use super::fault::TokenFault;
use super::key_set::LONGEST_NAME;
use super::keys::Keys;

/// Longer tokens are refused; heads are bounded as well.
const LONGEST_TOKEN: usize = 8_192;
/// 9999-12-31, in seconds: what is later is no time.
const LAST_SECOND: f64 = 253_402_300_799.0;

/// Whose tokens are believed.
#[derive(Debug)]
pub struct Verifier {
    algorithms: Vec<Algorithm>,
    audience: String,
    issuer: String,
    keys: Keys,
    leeway: Duration,
}

/// A token that is genuine, in time, and meant for us.
#[derive(Clone, Debug)]
pub struct Token {
    /// `iss`.
    pub issuer: String,
    /// Everything that it claims.
    pub payload: StrictValue,
    /// `sub`, where there is one.
    pub subject: Option<String>,
}

struct Parts<'a> {
    algorithm: &'a str,
    key: String,
    payload: &'a str,
    signature: &'a str,
    signed: &'a str,
}

impl Verifier {
    /// Without keys yet.
    pub fn new(settings: &Identity) -> Self {
        let pause = match settings.jwks {
            JwksSource::File(_) => None,
            JwksSource::Url(_) => Some(settings.refetch),
        };
        Self {
            algorithms: settings.algorithms.clone(),
            audience: settings.audience.clone(),
            issuer: settings.issuer.clone(),
            keys: Keys::new(pause),
            leeway: settings.leeway,
        }
    }

    /// The algorithms that are accepted.
    pub fn algorithms(&self) -> &[Algorithm] {
        &self.algorithms
    }

    /// The keys.
    pub const fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Checks a token at an instant. An unknown key is looked for at its source first, bounded in time and number.
    ///
    /// # Errors
    /// Why it is not believed.
    pub async fn verify(&self, token: &str, now: Timestamp) -> Result<Token, TokenFault> {
        match self.check(token, now) {
            Err(fault @ (TokenFault::UnknownKey | TokenFault::NoKeys)) => {
                let header = header(token)?;
                let name = header.member("kid").and_then(StrictValue::as_str).unwrap_or_default();
                if self.keys.look_for(name).await { self.check(token, now) } else { Err(fault) }
            }
            checked => checked,
        }
    }

    /// Checks a token under the keys in force.
    ///
    /// # Errors
    /// Why it is not believed.
    pub fn check(&self, token: &str, now: Timestamp) -> Result<Token, TokenFault> {
        let header = header(token)?;
        let parts = parts(token, &header)?;
        let named = |known: &&Algorithm| known.as_str() == parts.algorithm;
        let algorithm = *self.algorithms.iter().find(named).ok_or(TokenFault::Algorithm)?;
        let keys = self.keys.current().ok_or(TokenFault::NoKeys)?;
        let key = keys.find(&parts.key).ok_or(TokenFault::UnknownKey)?;
        if key.algorithm != algorithm {
            return Err(TokenFault::Algorithm);
        }
        let genuine = jsonwebtoken::crypto::verify(
            parts.signature,
            parts.signed.as_bytes(),
            &key.key,
            library(algorithm),
        );
        if !matches!(genuine, Ok(true)) {
            return Err(TokenFault::Signature);
        }
        let payload = object(parts.payload, "the payload is not one strict JSON object")?;
        self.claims(&payload, now)?;
        let subject = match payload.member("sub") {
            None => None,
            Some(StrictValue::String(subject)) => Some(subject.clone()),
            Some(_) => return Err(TokenFault::Form("`sub` is not a text")),
        };
        Ok(Token { issuer: self.issuer.clone(), payload, subject })
    }

    fn claims(&self, payload: &StrictValue, now: Timestamp) -> Result<(), TokenFault> {
        if payload.member("iss").and_then(StrictValue::as_str) != Some(&self.issuer) {
            return Err(TokenFault::Issuer);
        }
        let ours = |audience: &StrictValue| audience.as_str() == Some(&self.audience);
        let meant = match payload.member("aud") {
            Some(StrictValue::Array(all)) => {
                all.iter().all(|one| one.as_str().is_some()) && all.iter().any(ours)
            }
            Some(one) => ours(one),
            None => false,
        };
        if !meant {
            return Err(TokenFault::Audience);
        }
        let now = now.duration_since(Timestamp::UNIX_EPOCH).as_secs_f64();
        let leeway = self.leeway.as_secs_f64();
        let end = seconds(payload.member("exp").ok_or(TokenFault::Times)?)?;
        if now >= end + leeway {
            return Err(TokenFault::Expired);
        }
        for name in ["nbf", "iat"] {
            if let Some(value) = payload.member(name)
                && seconds(value)? > now + leeway
            {
                return Err(TokenFault::Future);
            }
        }
        Ok(())
    }
}

/// The header, if the token is short enough to look at.
fn header(token: &str) -> Result<StrictValue, TokenFault> {
    if token.len() > LONGEST_TOKEN {
        return Err(TokenFault::Form("it is too long"));
    }
    let header = token.split('.').next().unwrap_or_default();
    object(header, "the header is not one strict JSON object")
}

/// The parts of a token whose header says nothing that is not understood.
fn parts<'a>(token: &'a str, header: &'a StrictValue) -> Result<Parts<'a>, TokenFault> {
    let form = |why| Err(TokenFault::Form(why));
    let (signed, signature) =
        token.rsplit_once('.').ok_or(TokenFault::Form("it has not three parts"))?;
    let mut parts = signed.split('.');
    let (Some(_), Some(payload), None) = (parts.next(), parts.next(), parts.next()) else {
        return form("it has not three parts");
    };
    if signature.is_empty() || decode(signature).is_none() {
        return form("the signature is missing or not base64url");
    }
    // RFC 7515 4.1.11: no extension is understood here. `b64` (RFC 7797), `enc` and `zip` would change what is read.
    if ["crit", "b64", "enc", "zip", "cty"].iter().any(|name| header.member(name).is_some()) {
        return form("the header asks for what is not understood");
    }
    match header.member("typ") {
        None => {}
        Some(StrictValue::String(kind)) => {
            let kind = kind.to_ascii_lowercase();
            let kind = kind.strip_prefix("application/").unwrap_or(&kind);
            if !matches!(kind, "jwt" | "at+jwt") {
                return form("`typ` is not that of a token");
            }
        }
        Some(_) => return form("`typ` is not a text"),
    }
    let text = |name| header.member(name).and_then(StrictValue::as_str);
    let algorithm = text("alg").ok_or(TokenFault::Form("`alg` is missing or not a text"))?;
    let key = text("kid").ok_or(TokenFault::Form("`kid` is missing or not a text"))?;
    if key.len() > LONGEST_NAME {
        return form("`kid` is too long");
    }
    Ok(Parts { algorithm, key: key.to_owned(), payload, signature, signed })
}

fn object(part: &str, why: &'static str) -> Result<StrictValue, TokenFault> {
    let bytes = decode(part).ok_or(TokenFault::Form("a part is not base64url"))?;
    match json_from_slice(&bytes) {
        Ok(object @ StrictValue::Object(_)) => Ok(object),
        _ => Err(TokenFault::Form(why)),
    }
}

/// `NumericDate` (RFC 7519 2).
fn seconds(value: &StrictValue) -> Result<f64, TokenFault> {
    let seconds = match value {
        #[expect(clippy::as_conversions, reason = "a time far below 2^53, or refused below")]
        StrictValue::Number(Number::Positive(whole)) => *whole as f64,
        StrictValue::Number(Number::Float(seconds)) => *seconds,
        _ => return Err(TokenFault::Times),
    };
    if (0.0..=LAST_SECOND).contains(&seconds) { Ok(seconds) } else { Err(TokenFault::Times) }
}

const fn library(algorithm: Algorithm) -> jsonwebtoken::Algorithm {
    use jsonwebtoken::Algorithm as Library;
    match algorithm {
        Algorithm::EdDsa => Library::EdDSA,
        Algorithm::Es256 => Library::ES256,
        Algorithm::Es384 => Library::ES384,
        Algorithm::Ps256 => Library::PS256,
        Algorithm::Ps384 => Library::PS384,
        Algorithm::Ps512 => Library::PS512,
        Algorithm::Rs256 => Library::RS256,
        Algorithm::Rs384 => Library::RS384,
        Algorithm::Rs512 => Library::RS512,
    }
}
