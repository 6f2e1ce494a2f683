//! The media types that a judged body may have (RFC 9110 8.3.1, RFC 6839 3.1).

/// True for `application/json` and `application/*+json` whose charset is absent or UTF-8. Anything else is 415.
pub fn is_json_utf8(content_type: &str) -> bool {
    // The whole of nearly all requests, without a parse.
    content_type == "application/json" || is_utf8(content_type, is_json)
}

/// True for `application/x-www-form-urlencoded` whose charset is absent or UTF-8. Anything else is 415.
pub fn is_form_utf8(content_type: &str) -> bool {
    is_utf8(content_type, |subtype| subtype.eq_ignore_ascii_case("x-www-form-urlencoded"))
}

fn is_utf8(content_type: &str, fits: impl Fn(&str) -> bool) -> bool {
    let mut parts = content_type.split(';').map(trim);
    let Some((kind, subtype)) = parts.next().and_then(|essence| essence.split_once('/')) else {
        return false;
    };
    if !kind.eq_ignore_ascii_case("application") || !fits(subtype) {
        return false;
    }
    let mut charsets = 0_u8;
    for parameter in parts.filter(|parameter| !parameter.is_empty()) {
        // A quote that holds a semicolon breaks apart here and is refused: no parameter of these types needs one.
        let Some((name, value)) = parameter.split_once('=') else { return false };
        let value = match value.strip_prefix('"') {
            Some(quoted) => quoted.strip_suffix('"').unwrap_or_default(),
            None => value,
        };
        if !is_token(name) || value.is_empty() || value.contains(['"', '\\']) {
            return false;
        }
        if name.eq_ignore_ascii_case("charset") {
            charsets = charsets.saturating_add(1);
            if charsets > 1 || !value.eq_ignore_ascii_case("utf-8") {
                return false;
            }
        }
    }
    true
}

fn is_json(subtype: &str) -> bool {
    let name = match subtype.rsplit_once('+') {
        Some((prefix, suffix)) if is_token(prefix) => suffix,
        Some(_) => return false,
        None => subtype,
    };
    name.eq_ignore_ascii_case("json")
}

fn is_token(text: &str) -> bool {
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'+' | b'!');
    !text.is_empty() && text.bytes().all(plain)
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn json_in_utf8_and_nothing_else() {
        for lawful in [
            "application/json",
            "Application/JSON; Charset=UTF-8",
            "application/json;charset=\"utf-8\" ; v=1",
            "application/json;",
            "application/vnd.shop.order+json",
            "application/ld+json; profile=\"x\"",
        ] {
            assert!(is_json_utf8(lawful), "{lawful}");
        }
        for other in [
            "",
            "json",
            "text/json",
            "text/plain",
            "application/jsonp",
            "application/+json",
            "application/json, text/plain",
            "application/x-www-form-urlencoded",
            "application/json; charset=utf-16",
            "application/json; charset=latin1",
            "application/json; charset=utf-8; charset=utf-7",
            "application/json; charset",
            "application/json; charset=\"utf-8",
            "application/json; x=\"a;charset=utf-7\"",
            "application/json; charset =utf-7",
        ] {
            assert!(!is_json_utf8(other), "{other}");
        }
    }

    #[test]
    fn forms_in_utf8_and_nothing_else() {
        for lawful in [
            "application/x-www-form-urlencoded",
            "Application/X-WWW-Form-Urlencoded; charset=UTF-8",
        ] {
            assert!(is_form_utf8(lawful), "{lawful}");
        }
        for other in [
            "",
            "multipart/form-data; boundary=x",
            "text/plain",
            "application/json",
            "application/x-www-form-urlencoded; charset=iso-8859-1",
            "application/x-www-form-urlencoded, application/json",
        ] {
            assert!(!is_form_utf8(other), "{other}");
        }
    }

    proptest! {
        #[test]
        fn no_text_stops_it(text in "(application/json)?[;=\" ]?\\PC{0,20}") {
            let _outcome = is_json_utf8(&text);
            let _outcome = is_form_utf8(&text);
        }
    }
}
