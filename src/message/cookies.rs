//! Cookies, read so that no server reads another value of the same name (RFC 6265 5.4, DESIGN 13 Bodies).

use std::borrow::Cow;

use super::form::PhpName;
use super::percent;
use super::percent::Plus;

/// Why a cookie has no single reading.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CookieError {
    /// The name stands twice; some servers take the first, others the last.
    #[error("the cookie is given twice")]
    Duplicate,
    /// Its bytes are not UTF-8, before or after decoding.
    #[error("the cookie is not UTF-8")]
    Encoding,
    /// Quotes, which some servers take off and others keep.
    #[error("the cookie is quoted")]
    Quoted,
}

/// The value of the cookie `name` in the values of all `Cookie` fields, percent-decoded once; `None` where it is not given.
///
/// Names that are one after PHP's folding are the same cookie.
///
/// # Errors
/// When the cookie stands twice, or two servers could read two values of it.
pub fn cookie<'a>(
    fields: impl IntoIterator<Item = &'a [u8]>,
    name: &str,
) -> Result<Option<Cow<'a, str>>, CookieError> {
    let wanted = PhpName::fold(name);
    let mut found = None;
    let pairs = fields.into_iter().flat_map(|field| field.split(|byte| *byte == b';'));
    for pair in pairs {
        let pair = pair.trim_ascii();
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let (named, value) = (halves.next().unwrap_or_default(), halves.next().unwrap_or_default());
        // A name that is no text is no name of ours.
        let Ok(named) = decoded(named.trim_ascii_end()) else { continue };
        if PhpName::fold(&named).base() != wanted.base() {
            continue;
        }
        let is_ours = PhpName::fold(&named) == wanted;
        let value = decoded(value.trim_ascii_start())?;
        if value.contains('"') {
            return Err(CookieError::Quoted);
        }
        if !is_ours || found.replace(value).is_some() {
            return Err(CookieError::Duplicate);
        }
    }
    Ok(found)
}

fn decoded(text: &[u8]) -> Result<Cow<'_, str>, CookieError> {
    percent::decode(text, Plus::Itself).map_err(|_| CookieError::Encoding)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(field: &str, name: &str) -> Result<Option<String>, CookieError> {
        cookie([field.as_bytes()], name).map(|value| value.map(Cow::into_owned))
    }

    #[test]
    fn a_cookie_has_one_value_or_none_or_is_refused() {
        for (field, value) in [
            ("country=US", Ok(Some("US"))),
            ("a=1; country=US ;b=2", Ok(Some("US"))),
            ("  country = US", Ok(Some("US"))),
            ("c%6funtry=%55S", Ok(Some("US"))),
            ("country", Ok(Some(""))),
            ("countryx=US; xcountry=US; Country=DE", Ok(None)),
            ("", Ok(None)),
            ("country=DE; country=US", Err(CookieError::Duplicate)),
            ("country=DE; country[0]=US", Err(CookieError::Duplicate)),
            ("country=DE;\tcountry=US", Err(CookieError::Duplicate)),
            ("country=\"US\"", Err(CookieError::Quoted)),
            ("country=%ff", Err(CookieError::Encoding)),
        ] {
            let expected = value.map(|value| value.map(str::to_owned));
            assert_eq!(read(field, "country"), expected, "{field}");
        }
        let two = cookie([&b"country=DE"[..], b"country=US"], "country");
        assert_eq!(two, Err(CookieError::Duplicate));
        assert_eq!(read("bill.to=US", "bill_to"), Ok(Some("US".to_owned())));
    }

    proptest! {
        #[test]
        fn no_bytes_stop_it(field in proptest::collection::vec(any::<u8>(), 0..60)) {
            drop(cookie([&*field], "a"));
        }
    }
}
