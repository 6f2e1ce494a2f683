//! What shared caches may keep of an allowed delivery: nothing (DESIGN 8; RFC 9111 5.2.2, RFC 9213).

use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::header::CACHE_CONTROL;
use http::header::EXPIRES;

/// Rewrites the headers of an answer so that no cache hands it to another client: `Cache-Control` loses `public`,
/// `s-maxage` and `proxy-revalidate` and gains `private`; the fields that address shared caches alone go, as does `Expires`.
/// A `Cache-Control` that cannot be read becomes `private` alone.
///
/// Validators, `Vary`, `Range` and the client's own freshness (`max-age`, `no-store`, `immutable`, ..) stay.
pub fn privatize(headers: &mut HeaderMap) {
    let rewritten = private_directives(headers);
    headers.insert(CACHE_CONTROL, rewritten);
    headers.remove(EXPIRES);
    for name in SHARED_CACHE_FIELDS {
        headers.remove(name);
    }
}

const SHARED_CACHE_FIELDS: [HeaderName; 8] = [
    HeaderName::from_static("akamai-cache-control"),
    HeaderName::from_static("cdn-cache-control"),
    HeaderName::from_static("cloudflare-cdn-cache-control"),
    HeaderName::from_static("edge-control"),
    HeaderName::from_static("netlify-cdn-cache-control"),
    HeaderName::from_static("surrogate-control"),
    HeaderName::from_static("vercel-cdn-cache-control"),
    // nginx obeys this one before any other.
    HeaderName::from_static("x-accel-expires"),
];

fn private_directives(headers: &HeaderMap) -> HeaderValue {
    const PRIVATE: HeaderValue = HeaderValue::from_static("private");
    let mut kept = String::from("private");
    for value in headers.get_all(CACHE_CONTROL) {
        // A quote may hide a comma: `private="x, y"`. Who sends that gets the plain form.
        let Ok(text) = value.to_str() else { return PRIVATE };
        if text.contains('"') {
            return PRIVATE;
        }
        for directive in text.split(',').map(str::trim) {
            let name = directive.split('=').next().unwrap_or_default().trim();
            let is_shared = ["public", "s-maxage", "proxy-revalidate", "private"]
                .iter()
                .any(|shared| name.eq_ignore_ascii_case(shared));
            if !is_shared && !name.is_empty() {
                kept.push_str(", ");
                kept.push_str(directive);
            }
        }
    }
    HeaderValue::from_str(&kept).unwrap_or(PRIVATE)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn privatized(values: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(CACHE_CONTROL, value.parse().unwrap());
        }
        privatize(&mut headers);
        assert_eq!(headers.get_all(CACHE_CONTROL).iter().count(), 1);
        headers[CACHE_CONTROL].to_str().unwrap().to_owned()
    }

    #[test]
    fn rfc9111_5_2_2_shared_directives_give_way_to_private() {
        for (values, expected) in [
            (&[][..], "private"),
            (&["public, max-age=60, S-MaxAge=600"], "private, max-age=60"),
            (&["Public", "immutable,max-age=1"], "private, immutable, max-age=1"),
            (&["no-store"], "private, no-store"),
            (&["private"], "private"),
            (&["private=\"set-cookie, x\", max-age=1"], "private"),
            (&["proxy-revalidate, must-revalidate"], "private, must-revalidate"),
            (&[" , public ,"], "private"),
        ] {
            assert_eq!(privatized(values), expected, "{values:?}");
        }
    }

    #[test]
    fn only_what_addresses_shared_caches_goes() {
        let names = ["cdn-cache-control", "surrogate-control", "expires", "x-accel-expires"];
        let stays = ["etag", "last-modified", "vary", "accept-ranges", "content-range"];
        let mut headers = HeaderMap::new();
        for name in names.into_iter().chain(stays) {
            headers.insert(name, HeaderValue::from_static("x"));
        }
        privatize(&mut headers);
        assert!(names.iter().all(|name| !headers.contains_key(*name)));
        assert!(stays.iter().all(|name| headers.contains_key(*name)));
    }

    proptest! {
        #[test]
        fn no_value_keeps_a_shared_cache_interested(value in proptest::collection::vec(any::<u8>(), 0..40)) {
            let mut headers = HeaderMap::new();
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                headers.insert(CACHE_CONTROL, value);
            }
            privatize(&mut headers);
            let text = headers[CACHE_CONTROL].to_str().unwrap().to_ascii_lowercase();
            let names: Vec<_> = text.split(',').map(|d| d.split('=').next().unwrap().trim()).collect();
            prop_assert!(names.contains(&"private") && !names.contains(&"public") && !names.contains(&"s-maxage"));
        }
    }
}
