//! `[identity]`: tokens that vouch for a client.

use std::path::PathBuf;
use std::time::Duration;

use super::pointer::Pointer;
use super::route::BuyerField;

/// `[identity]`: whose tokens are believed, and what is read from them.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    /// Signature algorithms that are accepted: at least one, all with public keys.
    pub algorithms: Vec<Algorithm>,
    /// The `aud` that a token must carry.
    pub audience: String,
    /// Authorities (PEM) of the keys' URL; none: the system's.
    pub ca: Option<PathBuf>,
    /// Pointers into the token, by the evidence they give.
    pub claims: Vec<(BuyerField, Pointer)>,
    /// The `iss` that a token must carry.
    pub issuer: String,
    /// Where the keys are.
    pub jwks: JwksSource,
    /// Allowed difference of clocks.
    pub leeway: Duration,
    /// What a `sub` may do on the decision API.
    pub permissions: Vec<(String, Vec<Permission>)>,
    /// The shortest pause between two fetches of keys that unknown key names cause.
    pub refetch: Duration,
    /// How often keys are fetched from a URL.
    pub refresh: Duration,
}

impl Identity {
    /// Difference of clocks that is common between machines that keep time.
    pub const LEEWAY: Duration = Duration::from_secs(30);
    /// The shortest pause between two fetches that strangers cause.
    pub const REFETCH: Duration = Duration::from_secs(30);
    /// How often keys are fetched.
    pub const REFRESH: Duration = Duration::from_secs(600);
}

/// Where the keys are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum JwksSource {
    /// A JWK Set (RFC 7517) on disk.
    File(PathBuf),
    /// An `https` URL of one.
    Url(String),
}

/// JSON Web Algorithms (RFC 7518, 8037) with a public key; a shared secret cannot tell who signed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "each is the registered name")]
pub enum Algorithm {
    EdDsa,
    Es256,
    Es384,
    Ps256,
    Ps384,
    Ps512,
    Rs256,
    Rs384,
    Rs512,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 9] = [
        Self::EdDsa,
        Self::Es256,
        Self::Es384,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
    ];

    /// The registered name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
        }
    }
}

/// A kind of name in a client certificate: of the subject, or of its alternative names (RFC 5280 4.2.1.6).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "each is the name of that kind")]
pub enum CertificateName {
    CommonName,
    Dns,
    Email,
    Uri,
}

impl CertificateName {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::CommonName, Self::Dns, Self::Email, Self::Uri];

    /// The contract's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CommonName => "common_name",
            Self::Dns => "dns",
            Self::Email => "email",
            Self::Uri => "uri",
        }
    }
}

/// What a caller of the decision API may do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Permission {
    /// Give `at`.
    AsOf,
    /// Read records on the admin listener, and entries of the log.
    Audit,
    /// Call `/v1` from outside `api_clients`.
    Decide,
    /// Give `ip_country` and `ip_class`.
    Evidence,
}

impl Permission {
    /// Every permission.
    pub const ALL: [Self; 4] = [Self::AsOf, Self::Audit, Self::Decide, Self::Evidence];

    /// The contract's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AsOf => "as_of",
            Self::Audit => "audit",
            Self::Decide => "decide",
            Self::Evidence => "evidence",
        }
    }
}
