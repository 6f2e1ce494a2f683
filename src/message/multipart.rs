//! Forms in several parts (RFC 7578), read as strictly as PHP and others can all agree on.
//!
//! Only the fields' names and values are taken; files are left out, for no shop takes a value from one. Whatever two parsers
//! could read in two ways is an error: a preamble, a folded header, a name without quotes, a second disposition.

use super::form::Form;
use super::form::FormError;

/// Bytes of the longest header line of a part; PHP cuts one of 5,120.
const LONGEST_LINE: usize = 1_024;

/// A reader of multipart forms.
#[derive(Debug)]
pub struct Multipart;

/// Why a body is no multipart form with one reading.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum MultipartError {
    /// A field's name or value.
    #[error("{0}")]
    Form(#[from] FormError),
    /// The parts or their headers.
    #[error("the parts of the form cannot be read in one way only")]
    Parts,
}

impl Multipart {
    /// The boundary of a `multipart/form-data` media type; none for another type, or where it is not plain.
    pub fn boundary(content_type: &str) -> Option<String> {
        // Blanks are left where they stand: some keep them in the boundary, so that one with blanks is not plain.
        let mut parts = content_type.split(';');
        if !parts.next()?.trim().eq_ignore_ascii_case("multipart/form-data") {
            return None;
        }
        let mut found = None;
        for parameter in parts.filter(|parameter| !parameter.trim().is_empty()) {
            let (name, value) = parameter.trim_start().split_once('=')?;
            let value = match value.strip_prefix('"') {
                Some(quoted) => quoted.strip_suffix('"')?,
                None => value,
            };
            if !name.eq_ignore_ascii_case("boundary") || found.is_some() {
                return None;
            }
            // Without `,` and `=`, at which PHP ends a boundary or begins one.
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"'()+_-./:?".contains(&b);
            if value.is_empty() || value.len() > 70 || !value.bytes().all(plain) {
                return None;
            }
            found = Some(value.to_owned());
        }
        found
    }

    /// The fields of a body, in the order received.
    ///
    /// # Errors
    /// When the body has not exactly one reading.
    pub fn form(boundary: &str, body: &[u8]) -> Result<Form<'static>, MultipartError> {
        let opening = format!("--{boundary}");
        // PHP parts at a bare line feed, too: one without its carriage return is not read.
        let delimiter = format!("\n--{boundary}");
        if body.is_empty() {
            return Ok(Form::of_pairs(Vec::new())?);
        }
        let mut rest = body.strip_prefix(opening.as_bytes()).ok_or(MultipartError::Parts)?;
        let mut pairs = Vec::new();
        loop {
            if let Some(end) = rest.strip_prefix(b"--") {
                return match end {
                    b"" | b"\r\n" => Ok(Form::of_pairs(pairs)?),
                    _ => Err(MultipartError::Parts),
                };
            }
            let part = rest.strip_prefix(b"\r\n").ok_or(MultipartError::Parts)?;
            let end = memchr::memmem::find(part, delimiter.as_bytes());
            let (part, after) =
                end.and_then(|end| part.split_at_checked(end)).ok_or(MultipartError::Parts)?;
            rest = after.get(delimiter.len()..).ok_or(MultipartError::Parts)?;
            let part = part.strip_suffix(b"\r").ok_or(MultipartError::Parts)?;
            // A line that begins like the delimiter and goes on is another delimiter to some.
            let follows = rest.starts_with(b"--") || rest.starts_with(b"\r\n");
            let (head, value) = split_head(part).ok_or(MultipartError::Parts)?;
            match disposition(head).filter(|_| follows).ok_or(MultipartError::Parts)? {
                Field { is_file: true, .. } => {}
                Field { name, is_file: false } => {
                    // Read strictly where it is judged: a replacement character is no country.
                    pairs.push((name, String::from_utf8_lossy(value).into_owned()));
                }
            }
        }
    }
}

struct Field {
    is_file: bool,
    name: String,
}

fn split_head(part: &[u8]) -> Option<(&str, &[u8])> {
    let end = memchr::memmem::find(part, b"\r\n\r\n")?;
    let (head, value) = part.split_at_checked(end)?;
    Some((std::str::from_utf8(head).ok()?, value.get(4..)?))
}

/// The one `Content-Disposition` of a part.
fn disposition(head: &str) -> Option<Field> {
    let mut found = None;
    for line in head.split("\r\n") {
        let (name, value) = line.split_once(':')?;
        let token = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        let is_long = line.len() > LONGEST_LINE;
        if is_long
            || line.contains(['\n', '\r', '\0'])
            || name.is_empty()
            || !name.bytes().all(token)
        {
            return None;
        }
        let identity = ["7bit", "8bit", "binary"];
        let is_plain = identity.iter().any(|coding| value.trim().eq_ignore_ascii_case(coding));
        if name.eq_ignore_ascii_case("content-transfer-encoding") && !is_plain {
            return None;
        }
        if name.eq_ignore_ascii_case("content-disposition") && found.replace(value.trim()).is_some()
        {
            return None;
        }
    }
    let mut field = Field { is_file: false, name: String::new() };
    let mut rest = found?.strip_prefix("form-data")?;
    while !rest.is_empty() {
        let parameter = rest.trim_start().strip_prefix(';')?.trim_start();
        let (name, quoted) = parameter.split_once("=\"")?;
        let (value, after) = quoted.split_once('"')?;
        // A backslash escapes a quote to some; elsewhere in a file's name it is lawful.
        if value.ends_with('\\') || (name == "name" && value.contains('\\')) {
            return None;
        }
        match name {
            "name" if field.name.is_empty() && !value.is_empty() => {
                value.clone_into(&mut field.name)
            }
            "filename" if !field.is_file => field.is_file = true,
            _ => return None,
        }
        rest = after;
    }
    (!field.name.is_empty()).then_some(field)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn form(body: &str) -> Result<Vec<(String, String)>, MultipartError> {
        let form = Multipart::form("x", body.as_bytes())?;
        Ok(form.pairs().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    #[test]
    fn fields_are_read_and_files_left_out() {
        let body = "--x\r\nContent-Disposition: form-data; name=\"add-to-cart\"\r\n\r\n93\r\n\
            --x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\nadd-to-cart\r\n\
            --x\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\na\r\nb\r\n--x--\r\n";
        let expected = [("add-to-cart".into(), "93".into()), ("n".into(), "a\r\nb".into())];
        assert_eq!(form(body).unwrap(), expected);
    }

    #[test]
    fn what_two_parsers_could_read_in_two_ways_is_no_form() {
        let part = |head: &str| format!("--x\r\n{head}\r\n\r\n93\r\n--x--\r\n");
        for body in [
            format!("preamble\r\n{}", part("Content-Disposition: form-data; name=\"a\"")),
            part("Content-Disposition: form-data; name=a"),
            part("Content-Disposition: form-data; name=\"a\"; name=\"b\""),
            part("Content-Disposition: form-data; name=\"a\\\"b\""),
            part("Content-Disposition: form-data; name*=utf-8''a"),
            part("Content-Disposition: form-data;\r\n name=\"a\""),
            part(
                "Content-Disposition: form-data; name=\"a\"\r\nContent-Disposition: form-data; name=\"b\"",
            ),
            part("Content-Disposition: form-data; name=\"a\"\r\nContent-Transfer-Encoding: base64"),
            part("Content-Type: text/plain"),
            part(&format!("X-A: {}\r\nContent-Disposition: form-data; name=\"a\"", "a".repeat(5_120))),
            "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\n--x\r\nContent-Disposition: form-data; name=\"c\"\r\n\r\nd\r\n--x--\r\n".to_owned(),
            "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n93".to_owned(),
            "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--xy\r\n2\r\n--x--"
                .to_owned(),
            "--x\nContent-Disposition: form-data; name=\"a\"\n\n93\n--x--\n".to_owned(),
            format!("{}trailer", part("Content-Disposition: form-data; name=\"a\"")),
        ] {
            assert_eq!(form(&body), Err(MultipartError::Parts), "{body}");
        }
    }

    #[test]
    fn a_boundary_is_plain_and_stands_once() {
        for (kind, expected) in [
            ("multipart/form-data; boundary=abc", Some("abc")),
            ("Multipart/Form-Data; boundary=\"----WebKit1\"", Some("----WebKit1")),
            ("multipart/form-data; boundary=a; boundary=b", None),
            ("multipart/form-data; boundary=a; charset=utf-7", None),
            ("multipart/form-data; boundary=", None),
            ("multipart/form-data; boundary=AB,CD", None),
            ("multipart/form-data; BOUNDARY=boundary=x", None),
            ("multipart/form-data; boundary=x ;", None),
            ("multipart/form-data;boundary=x;", Some("x")),
            ("multipart/form-data", None),
            ("multipart/mixed; boundary=a", None),
            ("application/x-www-form-urlencoded; boundary=a", None),
        ] {
            assert_eq!(Multipart::boundary(kind).as_deref(), expected, "{kind}");
        }
    }

    proptest! {
        #[test]
        fn no_body_stops_it(body in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _outcome = Multipart::form("x", &body);
            let _outcome = Multipart::form("x", &[b"--x\r\n".as_slice(), &body].concat());
        }
    }
}
