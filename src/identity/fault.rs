//! Why a token is not believed. The texts hold nothing that the token says.

/// What is wrong with a token. Each is 401, but for [`TokenFault::NoKeys`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TokenFault {
    /// Not an algorithm of the configuration, or not the key's.
    #[error("the token's algorithm is not its key's, or not an accepted one")]
    Algorithm,
    /// `aud` is not ours.
    #[error("the token is for another audience")]
    Audience,
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// `exp` is missing, or one of the times is no number of seconds.
    #[error("the token's times are missing or unreadable")]
    Times,
    /// The form is wrong: parts, encoding, JSON, a header that is not understood.
    #[error("the token is malformed: {0}")]
    Form(&'static str),
    /// `nbf` or `iat` lies in the future.
    #[error("the token is not valid yet")]
    Future,
    /// `iss` is not ours.
    #[error("the token is from another issuer")]
    Issuer,
    /// The set has no key of that name.
    #[error("the token names a key that is not known")]
    UnknownKey,
    /// No keys could be had yet: nobody can say what the token is worth.
    #[error("no keys are known yet")]
    NoKeys,
    /// More than one credential.
    #[error("several credentials are given")]
    Several,
    /// The signature is not the key's.
    #[error("the token's signature is wrong")]
    Signature,
}

impl TokenFault {
    /// A label of metrics: a closed set.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Algorithm => "algorithm",
            Self::Audience => "audience",
            Self::Expired => "expired",
            Self::Form(_) | Self::Several => "malformed",
            Self::Future => "future",
            Self::Issuer => "issuer",
            Self::NoKeys => "no_keys",
            Self::Signature => "signature",
            Self::Times => "times",
            Self::UnknownKey => "unknown_key",
        }
    }
}
