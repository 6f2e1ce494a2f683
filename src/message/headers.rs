//! Which header fields a gateway passes on (RFC 9110 7.6.1, DESIGN 13 Routes).
//!
//! Predicates over lower-case names, by length and bytes, without allocation. Field values are looked at only for
//! `Connection`.
//!
//! A `Connection` field may name further fields for removal. RFC 9110 7.6.1 forbids naming one that is meant for all
//! recipients, and clients that do so want the upstream to see another request than the one that was judged. So a name
//! that frames, addresses, authenticates or was judged is kept in spite of being named: see [`is_protected`].

/// What becomes of one request header field on its way upstream.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum RequestHeader {
    /// A claim about the client's address or the original request; the gateway sets its own.
    AddressClaim,
    /// For one connection only.
    HopByHop,
    /// Would make the upstream serve another target or method than the one that was judged.
    Override,
    /// Passed on.
    Pass,
    /// A name that a CGI upstream reads as another, protected one (`X_Forwarded_For`).
    Twin,
}

/// What becomes of a request header field named `name` (lower case).
pub fn request_header(name: &str) -> RequestHeader {
    if is_hop_by_hop(name) {
        RequestHeader::HopByHop
    } else if is_override(name) {
        RequestHeader::Override
    } else if is_address_claim(name) {
        RequestHeader::AddressClaim
    } else if is_twin(name) {
        RequestHeader::Twin
    } else {
        RequestHeader::Pass
    }
}

/// True if a response header field named `name` (lower case) is passed on: neither for one connection only, nor the
/// gateway's own to say. Fields that the upstream's `Connection` names go too ([`ConnectionOptions`]).
pub fn passes_downstream(name: &str) -> bool {
    !is_hop_by_hop(name) && !matches!(name, "interdict-decision" | "interdict-status")
}

/// True for fields that belong to one connection. `Upgrade` is among them: a gateway that tunnels a WebSocket writes its
/// own. So are the proxy credentials (RFC 9110 11.7), which are for the gateway alone.
pub fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name.as_bytes(),
        b"connection"
            | b"http2-settings"
            | b"keep-alive"
            | b"proxy-authenticate"
            | b"proxy-authentication-info"
            | b"proxy-authorization"
            | b"proxy-connection"
            | b"te"
            | b"trailer"
            | b"transfer-encoding"
            | b"upgrade"
    )
}

/// True for fields by which some upstreams take another path, host or method than the request's.
pub fn is_override(name: &str) -> bool {
    matches!(
        name.as_bytes(),
        b"x-envoy-original-path"
            | b"x-forwarded-method"
            | b"x-forwarded-path"
            | b"x-forwarded-prefix"
            | b"x-forwarded-uri"
            | b"x-forwarded-url"
            | b"x-host"
            | b"x-http-method"
            | b"x-http-method-override"
            | b"x-method-override"
            | b"x-original-host"
            | b"x-original-method"
            | b"x-original-uri"
            | b"x-original-url"
            | b"x-override-url"
            | b"x-rewrite-uri"
            | b"x-rewrite-url"
            | b"interdict-decision"
    )
}

/// True for fields that claim a client's address, scheme, host or port: those the gateway sets itself, and those by which
/// content networks and older proxies say the same.
pub fn is_address_claim(name: &str) -> bool {
    matches!(
        name.as_bytes(),
        b"cf-connecting-ip"
            | b"cf-connecting-ipv6"
            | b"client-ip"
            | b"fastly-client-ip"
            | b"forwarded"
            | b"forwarded-for"
            | b"forwarded-for-ip"
            | b"front-end-https"
            | b"true-client-ip"
            | b"x-appengine-user-ip"
            | b"x-azure-clientip"
            | b"x-azure-socketip"
            | b"x-client-ip"
            | b"x-cluster-client-ip"
            | b"x-envoy-external-address"
            | b"x-forwarded"
            | b"x-forwarded-by"
            | b"x-forwarded-for"
            | b"x-forwarded-host"
            | b"x-forwarded-port"
            | b"x-forwarded-proto"
            | b"x-forwarded-scheme"
            | b"x-forwarded-server"
            | b"x-forwarded-ssl"
            | b"x-original-forwarded-for"
            | b"x-originating-ip"
            | b"x-real-ip"
            | b"x-remote-addr"
            | b"x-remote-ip"
            | b"x-scheme"
            | b"x-url-scheme"
    )
}

/// True for a name that a `Connection` field cannot remove: what frames, addresses, authenticates or describes the
/// message, what the gateway sets, and what carts are found by. Names that a configuration maps to evidence are the
/// caller's to add.
pub fn is_protected(name: &str) -> bool {
    is_address_claim(name)
        || matches!(
            name.as_bytes(),
            b"accept"
                | b"accept-encoding"
                | b"authorization"
                | b"cache-control"
                | b"cart-token"
                | b"content-encoding"
                | b"content-length"
                | b"content-location"
                | b"content-range"
                | b"content-type"
                | b"cookie"
                | b"date"
                | b"etag"
                | b"expect"
                | b"expires"
                | b"host"
                | b"if-match"
                | b"if-modified-since"
                | b"if-none-match"
                | b"if-range"
                | b"if-unmodified-since"
                | b"last-modified"
                | b"link"
                | b"location"
                | b"nonce"
                | b"origin"
                | b"range"
                | b"referer"
                | b"server"
                | b"set-cookie"
                | b"traceparent"
                | b"user-agent"
                | b"vary"
                | b"via"
                | b"www-authenticate"
                | b"x-shopify-hmac-sha256"
                | b"x-wc-store-api-nonce"
        )
}

/// True for a name that is not protected, hop-by-hop or an override, but that CGI turns into the same variable as one
/// that is: CGI (RFC 3875 4.1.18) and its heirs write every character but letters and digits as `_`.
pub fn is_twin(name: &str) -> bool {
    let is_odd = |byte: u8| !byte.is_ascii_alphanumeric() && byte != b'-';
    if !name.bytes().any(is_odd) {
        return false;
    }
    // No protected name is longer; what does not fit is nobody's twin.
    let mut buffer = [0_u8; 48];
    let Some(dashed) = buffer.get_mut(..name.len()) else {
        return false;
    };
    for (slot, byte) in dashed.iter_mut().zip(name.bytes()) {
        *slot = if is_odd(byte) { b'-' } else { byte };
    }
    std::str::from_utf8(dashed)
        .is_ok_and(|name| is_protected(name) || is_hop_by_hop(name) || is_override(name))
}

/// True if CGI gives two names (lower case) the same variable: for the names a configuration maps to evidence.
pub fn is_twin_of(name: &str, judged: &str) -> bool {
    let plain = |byte: u8| if byte.is_ascii_alphanumeric() { byte } else { b'_' };
    name != judged
        && name.len() == judged.len()
        && name.bytes().map(plain).eq(judged.bytes().map(plain))
}

/// The options of the `Connection` fields of one message (RFC 9110 7.6.1). Borrows the field values.
#[derive(Clone, Debug, Default)]
pub struct ConnectionOptions<'a> {
    values: smallvec::SmallVec<[&'a [u8]; 2]>,
}

impl<'a> ConnectionOptions<'a> {
    /// Takes the values of all `Connection` fields.
    pub fn new(values: impl IntoIterator<Item = &'a [u8]>) -> Self {
        Self { values: values.into_iter().collect() }
    }

    /// True if the option `name` (lower case) is given.
    pub fn contains(&self, name: &str) -> bool {
        self.options().any(|option| option.eq_ignore_ascii_case(name.as_bytes()))
    }

    /// True if a field named `name` (lower case) is to be removed because it is named here and not protected.
    pub fn removes(&self, name: &str) -> bool {
        !self.values.is_empty() && self.contains(name) && !is_protected(name)
    }

    fn options(&self) -> impl Iterator<Item = &'a [u8]> {
        self.values
            .iter()
            .flat_map(|value| value.split(|byte| *byte == b','))
            .map(<[u8]>::trim_ascii)
            .filter(|option| !option.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_its_fate() {
        use RequestHeader as R;
        for (name, fate) in [
            ("accept", R::Pass),
            ("authorization", R::Pass),
            ("x-license-key", R::Pass),
            ("x_license_key", R::Pass),
            ("host", R::Pass),
            ("te", R::HopByHop),
            ("proxy-authorization", R::HopByHop),
            ("x-original-url", R::Override),
            ("x-rewrite-url", R::Override),
            ("x-original-uri", R::Override),
            ("x-forwarded-path", R::Override),
            ("x-forwarded-prefix", R::Override),
            ("x-http-method-override", R::Override),
            ("x-method-override", R::Override),
            ("x-http-method", R::Override),
            ("x-forwarded-for", R::AddressClaim),
            ("forwarded", R::AddressClaim),
            ("x-real-ip", R::AddressClaim),
            ("x_forwarded_for", R::Twin),
            ("x.forwarded-for", R::Twin),
            ("content_length", R::Twin),
            ("transfer_encoding", R::Twin),
            ("x_original_url", R::Twin),
            ("cart_token", R::Twin),
        ] {
            assert_eq!(request_header(name), fate, "{name}");
        }
        assert!(!is_twin(&"_".repeat(5000)));
        assert!(is_twin_of("x_license-key", "x-license-key"));
        assert!(!is_twin_of("x-license-key", "x-license-key"));
        assert!(!is_twin_of("x-license-keys", "x-license-key"));
    }

    #[test]
    fn an_upstream_cannot_speak_for_the_gateway() {
        assert!(!passes_downstream("interdict-decision"));
        assert!(!passes_downstream("transfer-encoding"));
        assert!(passes_downstream("etag"));
    }

    #[test]
    fn rfc9110_7_6_1_named_fields_are_removed_but_not_those_that_matter() {
        let values: [&[u8]; 2] = [b"close, X-Hop ,Host", b",Authorization,X-Forwarded-For,\xff"];
        let options = ConnectionOptions::new(values);
        assert!(options.contains("close"));
        assert!(!options.contains("keep-alive"));
        assert!(options.removes("x-hop"));
        for name in ["host", "authorization", "x-forwarded-for", "content-length", "accept"] {
            assert!(!options.removes(name), "{name}");
        }
        assert!(!ConnectionOptions::default().removes("x-hop"));
    }

    #[test]
    fn no_judgement_of_a_name_allocates() {
        let values: [&[u8]; 1] = [b"close, x-hop"];
        let allocations = allocation_counter::measure(|| {
            let options = ConnectionOptions::new(values);
            for name in ["x_forwarded_for", "accept", "x-hop", "x-original-url"] {
                assert!(
                    !(options.removes(name) && request_header(name) == RequestHeader::Override)
                );
            }
        });
        assert_eq!(allocations.count_total, 0);
    }
}
