//! The forms of a request target (RFC 9112 3.2).

/// A request target by its form.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TargetForm<'a> {
    /// `http://host/path?query`. The authority must equal `Host` (RFC 9112 3.2.2 would let it win; we refuse a difference).
    Absolute {
        /// Host and port as received.
        authority: &'a str,
        /// Path and query as received; `/` where there is neither.
        target: &'a str,
    },
    /// `*`, for OPTIONS.
    Asterisk,
    /// `/path?query`
    Origin(&'a str),
}

/// Why a target has no form we serve.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TargetFormError {
    /// `host:port`, the form of CONNECT, or nothing that RFC 9112 knows.
    #[error("a target that is neither in origin form nor in absolute form")]
    Unknown,
    /// User information in the authority (RFC 9110 4.2.4).
    #[error("user information in the target")]
    UserInformation,
}

impl<'a> TargetForm<'a> {
    /// Tells the form of `raw`.
    ///
    /// # Errors
    /// For authority form, another scheme than http(s), user information, and anything else.
    pub fn parse(raw: &'a str) -> Result<Self, TargetFormError> {
        if raw.starts_with('/') {
            return Ok(Self::Origin(raw));
        }
        if raw == "*" {
            return Ok(Self::Asterisk);
        }
        let (scheme, rest) = raw.split_once("://").ok_or(TargetFormError::Unknown)?;
        if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
            return Err(TargetFormError::Unknown);
        }
        // A query without a path, or a fragment, would need a rewritten target: nobody sends it, so it is refused.
        let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at_checked(end).ok_or(TargetFormError::Unknown)?;
        if authority.contains('@') {
            return Err(TargetFormError::UserInformation);
        }
        match target {
            "" => Ok(Self::Absolute { authority, target: "/" }),
            _ if target.starts_with('/') => Ok(Self::Absolute { authority, target }),
            _ => Err(TargetFormError::Unknown),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc9112_3_2_forms_are_told_apart() {
        let absolute = |authority, target| Ok(TargetForm::Absolute { authority, target });
        for (raw, form) in [
            ("/a?b", Ok(TargetForm::Origin("/a?b"))),
            ("//h/a", Ok(TargetForm::Origin("//h/a"))),
            ("*", Ok(TargetForm::Asterisk)),
            ("http://h:80/a?b://c", absolute("h:80", "/a?b://c")),
            ("HTTPS://[::1]", absolute("[::1]", "/")),
            ("http://u@h/", Err(TargetFormError::UserInformation)),
            ("http://h?a", Err(TargetFormError::Unknown)),
            ("http://h\\a", Err(TargetFormError::Unknown)),
            ("ftp://h/", Err(TargetFormError::Unknown)),
            ("h:443", Err(TargetFormError::Unknown)),
            ("", Err(TargetFormError::Unknown)),
        ] {
            assert_eq!(TargetForm::parse(raw), form, "{raw}");
        }
    }
}
