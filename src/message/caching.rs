//! What shared caches may keep of an allowed delivery: nothing (DESIGN 8; RFC 9111 5.2.2, RFC 9213).

/// True for a header field named `name` (lower case) that speaks to shared caches alone; an answer for one client loses it.
pub fn is_for_shared_caches(name: &str) -> bool {
    matches!(
        name.as_bytes(),
        b"akamai-cache-control"
            | b"cdn-cache-control"
            | b"cloudflare-cdn-cache-control"
            | b"edge-control"
            | b"expires"
            | b"netlify-cdn-cache-control"
            | b"surrogate-control"
            | b"vercel-cdn-cache-control"
            // nginx obeys this one before any other.
            | b"x-accel-expires"
    )
}

/// What the values of `Cache-Control` become so that no cache hands an answer to another client: they lose `public`,
/// `s-maxage` and `proxy-revalidate` and gain `private`. Values that cannot be read become `private` alone.
///
/// Validators, `Vary`, `Range` and the client's own freshness (`max-age`, `no-store`, `immutable`, ..) stay.
pub fn private_cache_control<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> String {
    const PRIVATE: &str = "private";
    let mut kept = String::from(PRIVATE);
    for value in values {
        // A quote may hide a comma: `private="x, y"`. Who sends that gets the plain form.
        let text = std::str::from_utf8(value).unwrap_or("\"");
        if text.contains(|c: char| c == '"' || c.is_control()) {
            return PRIVATE.to_owned();
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
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn privatized(values: &[&str]) -> String {
        private_cache_control(values.iter().map(|value| value.as_bytes()))
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
        for stays in
            ["cache-control", "etag", "last-modified", "vary", "accept-ranges", "content-range"]
        {
            assert!(!is_for_shared_caches(stays));
        }
    }

    proptest! {
        #[test]
        fn no_value_keeps_a_shared_cache_interested(value in proptest::collection::vec(any::<u8>(), 0..40)) {
            let text = private_cache_control([&*value]).to_ascii_lowercase();
            let names: Vec<_> = text.split(',').map(|d| d.split('=').next().unwrap().trim()).collect();
            prop_assert!(names.contains(&"private") && !names.contains(&"public") && !names.contains(&"s-maxage"));
        }
    }
}
