//! Path patterns: whether one can ever match, and whether two of them claim the same requests.

/// The parameters of a pattern.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parameters(path: &str) -> Result<Vec<String>, String> {
    if !path.starts_with('/') {
        return Err("a path begins with `/`".to_owned());
    }
    if path.contains(['?', '#']) {
        return Err("a path has no query and no fragment".to_owned());
    }
    if path.contains('%') {
        return Err("paths are matched after decoding: write the letter itself".to_owned());
    }
    if path.contains("//") || path.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Err("paths are matched after `//`, `.` and `..` are resolved: it can never match"
            .to_owned());
    }
    matchit::Router::new().insert(path, ()).map_err(|error| refusal(&error))?;
    Ok(names(path))
}

/// Everything that was claimed so far.
#[derive(Debug, Default)]
pub(super) struct Claims {
    router: matchit::Router<()>,
    taken: Vec<Claim>,
}

#[derive(Debug)]
struct Claim {
    folded: String,
    judged: bool,
    methods: Vec<String>,
    route: String,
    shape: String,
}

impl Claims {
    /// Claims `path` for `methods` (none: all) on behalf of `route`.
    ///
    /// # Errors
    /// Says which route has it already.
    pub(super) fn claim(
        &mut self,
        path: &str,
        methods: &[String],
        judged: bool,
        route: &str,
    ) -> Result<(), String> {
        let shape = shape(path);
        // A judging route also matches under case folding and with a trailing slash (DESIGN 13).
        let folded = shape.to_lowercase().trim_end_matches('/').to_owned();
        let rival = self.taken.iter().find(|other| {
            let same_path =
                other.shape == shape || ((other.judged || judged) && other.folded == folded);
            let same_method = other.methods.is_empty()
                || methods.is_empty()
                || other.methods.iter().any(|method| methods.contains(method));
            same_path && same_method
        });
        if let Some(rival) = rival {
            return Err(format!("route `{}` has the same path and method", rival.route));
        }
        if !self.taken.iter().any(|other| other.shape == shape) {
            self.router.insert(path, ()).map_err(|error| refusal(&error))?;
        }
        self.taken.push(Claim {
            folded,
            judged,
            methods: methods.to_vec(),
            route: route.to_owned(),
            shape,
        });
        Ok(())
    }
}

fn refusal(error: &matchit::InsertError) -> String {
    match error {
        matchit::InsertError::Conflict { with } => {
            format!("cannot be told from the path `{with}` of another route")
        }
        matchit::InsertError::InvalidCatchAll => {
            "`{*rest}` must be the last segment, and the whole of it".to_owned()
        }
        matchit::InsertError::InvalidParamSegment => {
            "one segment holds at most one `{parameter}`".to_owned()
        }
        _ => "a parameter is written `{name}`, the rest of a path `{*rest}`".to_owned(),
    }
}

/// The pattern with every parameter's name left out.
fn shape(path: &str) -> String {
    let mut shape = String::with_capacity(path.len());
    for part in parts(path) {
        match part {
            Part::Parameter(name) if name.starts_with('*') => shape.push_str("{*}"),
            Part::Parameter(_) => shape.push_str("{}"),
            Part::Text(text) => shape.push_str(text),
        }
    }
    shape
}

fn names(path: &str) -> Vec<String> {
    parts(path)
        .into_iter()
        .filter_map(|part| match part {
            Part::Parameter(name) => Some(name.strip_prefix('*').unwrap_or(name).to_owned()),
            Part::Text(_) => None,
        })
        .collect()
}

enum Part<'a> {
    Parameter(&'a str),
    Text(&'a str),
}

/// Text and parameters in turn; `{{` and `}}` are text.
fn parts(path: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = path;
    while let Some(at) = rest.find('{') {
        let (text, from) = rest.split_at(at);
        parts.push(Part::Text(text));
        if let Some(after) = from.strip_prefix("{{") {
            parts.push(Part::Text("{{"));
            rest = after;
        } else if let Some((name, after)) =
            from.strip_prefix('{').and_then(|inner| inner.split_once('}'))
        {
            parts.push(Part::Parameter(name));
            rest = after;
        } else {
            parts.push(Part::Text(from));
            rest = "";
        }
    }
    parts.push(Part::Text(rest));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_names_its_parameters() {
        assert_eq!(parameters("/a/{id}/{*file}").unwrap(), ["id", "file"]);
        assert_eq!(parameters("/a/{{x}}").unwrap(), [""; 0]);
    }

    #[test]
    fn a_pattern_that_can_never_match_is_refused() {
        for path in ["a", "/a?b", "/a%20b", "//a", "/a/../b", "/{", "/{*a}/b", "/{a}{b}", "/{}"] {
            assert!(parameters(path).is_err(), "{path}");
        }
    }

    #[test]
    fn two_judged_routes_may_not_differ_in_case_or_slash_only() {
        let mut claims = Claims::default();
        let post = ["POST".to_owned()];
        claims.claim("/orders/{id}", &post, true, "a").unwrap();
        assert!(claims.claim("/Orders/{nr}/", &post, true, "b").is_err());
        assert!(claims.claim("/orders/{nr}", &["GET".to_owned()], false, "c").is_ok());
        assert!(claims.claim("/orders/{nr}", &[], false, "d").is_err());
        assert!(claims.claim("/{*any}", &[], false, "e").is_ok());
    }

    #[test]
    fn unjudged_routes_keep_their_case() {
        let mut claims = Claims::default();
        claims.claim("/a", &[], false, "a").unwrap();
        claims.claim("/A", &[], false, "b").unwrap();
    }
}
