//! Queries and forms: `application/x-www-form-urlencoded` pairs, and names as PHP folds them (DESIGN 13 Bodies).
//!
//! Many shops run on PHP, which gives several spellings of a name to one variable; the last one wins there, another one
//! elsewhere. A mapped name that stands twice under PHP's folding therefore has two readings and is refused.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::HashSet;

use super::percent;
use super::percent::Plus;

/// PHP's own `max_input_vars`: what PHP would drop unseen is refused here.
const MAX_PAIRS: usize = 1_000;

/// The pairs of one query or form, decoded once, in the order received.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Form<'a> {
    pairs: Vec<Pair<'a>>,
}

/// Why a query or form has no single reading.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum FormError {
    /// Two names that are one after PHP's folding; the folded name.
    #[error("`{0}` is given twice")]
    Duplicate(String),
    /// A name or value that is not UTF-8 after decoding.
    #[error("invalid UTF-8 in a form")]
    Encoding,
    /// A NUL in a name, where PHP ends it.
    #[error("a NUL in a name of a form")]
    Nul,
    /// More pairs than PHP reads.
    #[error("more than {MAX_PAIRS} pairs in a form")]
    TooMany,
}

/// A name as PHP reads it: the variable, and the keys below it.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct PhpName {
    base: String,
    keys: Vec<PhpKey>,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum PhpKey {
    /// `[]`: the next free index.
    Append,
    Index(String),
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Pair<'a> {
    folded: PhpName,
    name: Cow<'a, str>,
    value: Cow<'a, str>,
}

impl<'a> Form<'a> {
    /// Reads pairs parted by `&`; `+` is a blank, `%XX` a byte, any other `%` itself, as PHP and the WHATWG URL standard say.
    ///
    /// # Errors
    /// When a pair cannot be read or there are too many. Duplicates are left to [`Self::unique`] and [`Self::check_unique`].
    pub fn parse(text: &'a str) -> Result<Self, FormError> {
        let mut pairs = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            if pairs.len() >= MAX_PAIRS {
                return Err(FormError::TooMany);
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            if name.contains('\0') {
                return Err(FormError::Nul);
            }
            pairs.push(Pair { folded: PhpName::fold(&name), name, value });
        }
        Ok(Self { pairs })
    }

    /// As [`Self::parse`], with what is no UTF-8 replaced: for who looks for names alone and judges nothing by it.
    ///
    /// # Errors
    /// When a name has a NUL or there are too many.
    pub fn parse_lossy(body: &[u8]) -> Result<Form<'static>, FormError> {
        let lossy = |text: &[u8]| {
            let blanks: Vec<u8> = text.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
            percent_encoding::percent_decode(&blanks).decode_utf8_lossy().into_owned()
        };
        let pairs = body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| {
            let mut parts = pair.splitn(2, |byte| *byte == b'=');
            let (name, value) =
                (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            (lossy(name), lossy(value))
        });
        Self::of_pairs(pairs.collect())
    }

    /// Pairs that were read otherwise.
    ///
    /// # Errors
    /// When a name has a NUL or there are too many.
    pub(super) fn of_pairs(read: Vec<(String, String)>) -> Result<Form<'static>, FormError> {
        if read.len() > MAX_PAIRS {
            return Err(FormError::TooMany);
        }
        let mut pairs = Vec::with_capacity(read.len());
        for (name, value) in read {
            if name.contains('\0') {
                return Err(FormError::Nul);
            }
            let folded = PhpName::fold(&name);
            pairs.push(Pair { folded, name: Cow::Owned(name), value: Cow::Owned(value) });
        }
        Ok(Form { pairs })
    }

    /// The pairs, decoded, in the order received.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|pair| (&*pair.name, &*pair.value))
    }

    /// The value of the variable `name`, which must stand alone: no second spelling of it, no array of that name.
    ///
    /// `name` may have keys (`billing[country]`); then it is that member alone which must not stand twice, and the variable
    /// must not stand without keys.
    ///
    /// # Errors
    /// [`FormError::Duplicate`] where it does not.
    pub fn unique(&self, name: &str) -> Result<Option<&str>, FormError> {
        let wanted = PhpName::fold(name);
        let mut found = None;
        for pair in &self.pairs {
            if pair.folded.clashes_with(&wanted) {
                if found.is_some() || pair.folded != wanted {
                    return Err(FormError::Duplicate(wanted.to_string()));
                }
                found = Some(&*pair.value);
            }
        }
        Ok(found)
    }

    /// True if the variable `name` is given at all, as itself or as an array: for a mapped name that must stand in one of
    /// query, form and body only.
    pub fn mentions(&self, name: &str) -> bool {
        let wanted = PhpName::fold(name);
        self.pairs.iter().any(|pair| pair.folded.clashes_with(&wanted))
    }

    /// Refuses any two names that are one after PHP's folding. `a[]` twice is a list of two, not a duplicate; `a[]` beside
    /// `a[0]` is one, and so is `a` beside `a[x]`.
    ///
    /// # Errors
    /// [`FormError::Duplicate`] with the folded name.
    pub fn check_unique(&self) -> Result<(), FormError> {
        let mut seen: HashSet<&PhpName> = HashSet::new();
        // Of each prefix of keys: is it a value, a list by `[]`, a list by index.
        let mut uses: HashMap<(&str, &[PhpKey]), Uses> = HashMap::new();
        for name in self.pairs.iter().map(|pair| &pair.folded) {
            let is_list = name.keys.last() == Some(&PhpKey::Append);
            let mut is_clash = !seen.insert(name) && !is_list;
            for depth in 0..=name.keys.len() {
                let (above, below) = name.keys.split_at_checked(depth).unwrap_or((&name.keys, &[]));
                let uses = uses.entry((&name.base, above)).or_default();
                match below.first() {
                    None => uses.value = true,
                    Some(PhpKey::Append) => uses.append = true,
                    Some(PhpKey::Index(key)) if is_number(key) => uses.number = true,
                    Some(PhpKey::Index(_)) => uses.key = true,
                }
                // `a[]` twice ends in the same key path, but is two values.
                is_clash |= uses.is_clash();
            }
            if is_clash {
                return Err(FormError::Duplicate(name.to_string()));
            }
        }
        Ok(())
    }
}

impl PhpName {
    /// Folds `name` as PHP does: leading blanks go; blanks and dots before the first `[` become `_`; what stands between
    /// brackets is a key; what follows the last bracket is lost; a `[` that nothing closes becomes `_`. Case stays.
    pub fn fold(name: &str) -> Self {
        let name = name.trim_start_matches(' ');
        let (base, rest) = split_before(name, '[');
        let mut folded = Self { base: base.replace([' ', '.'], "_"), keys: Vec::new() };
        let mut rest = rest;
        while let Some(open) = rest.strip_prefix('[') {
            let Some((key, after)) = open.split_once(']') else {
                if folded.keys.is_empty() {
                    // PHP has changed its mind on what follows; folding all of it catches either.
                    folded.base.push('_');
                    folded.base.push_str(&open.replace([' ', '.', '['], "_"));
                }
                break;
            };
            let is_append = key.is_empty() || matches!(key, " " | "\t" | "\r" | "\n");
            let key = if is_append { PhpKey::Append } else { PhpKey::Index(key.to_owned()) };
            folded.keys.push(key);
            rest = after;
        }
        folded
    }

    /// The variable's name, without keys.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// True if one is the other, or contains it.
    fn clashes_with(&self, other: &Self) -> bool {
        self.base == other.base
            && self.keys.iter().zip(&other.keys).all(|(a, b)| match (a, b) {
                (PhpKey::Index(a), PhpKey::Index(b)) => a == b,
                (PhpKey::Append, PhpKey::Append) => true,
                (PhpKey::Append, PhpKey::Index(key)) | (PhpKey::Index(key), PhpKey::Append) => {
                    is_number(key)
                }
            })
    }
}

impl std::fmt::Display for PhpName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.base)?;
        self.keys.iter().try_for_each(|key| match key {
            PhpKey::Append => f.write_str("[]"),
            PhpKey::Index(key) => write!(f, "[{key}]"),
        })
    }
}

/// How the names below one prefix are used.
#[derive(Default)]
struct Uses {
    append: bool,
    key: bool,
    number: bool,
    value: bool,
}

impl Uses {
    const fn is_clash(&self) -> bool {
        (self.value && (self.append || self.key || self.number)) || (self.append && self.number)
    }
}

fn is_number(key: &str) -> bool {
    let digits = key.strip_prefix('-').unwrap_or(key);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn split_before(text: &str, mark: char) -> (&str, &str) {
    text.find(mark).and_then(|at| text.split_at_checked(at)).unwrap_or((text, ""))
}

fn decode(text: &str) -> Result<Cow<'_, str>, FormError> {
    percent::decode(text.as_bytes(), Plus::Blank).map_err(|_| FormError::Encoding)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unique(text: &str, name: &str) -> Result<Option<String>, FormError> {
        Form::parse(text)?.unique(name).map(|value| value.map(str::to_owned))
    }

    #[test]
    fn pairs_are_decoded_once() {
        let form = Form::parse("a=1&b=%2541+x&&c&d==&%c3%bc=100%&e=a;f=b").unwrap();
        let pairs: Vec<_> = form.pairs().collect();
        assert_eq!(
            pairs,
            [("a", "1"), ("b", "%41 x"), ("c", ""), ("d", "="), ("ü", "100%"), ("e", "a;f=b")]
        );
        assert_eq!(Form::parse("a=%ff"), Err(FormError::Encoding));
        assert_eq!(Form::parse("a%00b=1"), Err(FormError::Nul));
        assert_eq!(Form::parse(&"a&".repeat(1001)), Err(FormError::TooMany));
    }

    #[test]
    fn names_fold_as_in_php() {
        for (name, folded) in [
            ("a", "a"),
            ("  a b.c", "a_b_c"),
            ("A.b", "A_b"),
            ("a[b.c]", "a[b.c]"),
            ("a.x[b][]", "a_x[b][]"),
            ("a[b]c", "a[b]"),
            ("a[b][c", "a[b]"),
            ("a[b", "a_b"),
            ("a[b.c", "a_b_c"),
            ("a[ ]", "a[]"),
            ("a[ 0]", "a[ 0]"),
            ("a]b", "a]b"),
        ] {
            assert_eq!(PhpName::fold(name).to_string(), folded, "{name}");
        }
    }

    #[test]
    fn a_mapped_name_stands_alone_or_is_refused() {
        assert_eq!(unique("x=1&billing_country=US", "billing_country"), Ok(Some("US".to_owned())));
        assert_eq!(unique("x=1", "billing_country"), Ok(None));
        assert_eq!(unique("Billing_Country=US", "billing_country"), Ok(None));
        assert_eq!(unique("billing.country=US", "billing_country"), Ok(Some("US".to_owned())));
        for text in [
            "billing_country=DE&billing_country=US",
            "billing_country=DE&billing.country=US",
            "billing_country=DE&+billing%20country=US",
            "billing_country=DE&billing[country=US",
            "billing_country[]=DE",
            "billing_country=DE&billing_country[x]=US",
        ] {
            let error = FormError::Duplicate("billing_country".to_owned());
            assert_eq!(unique(text, "billing_country"), Err(error), "{text}");
        }
        assert_eq!(unique("b[c]=DE&b[d]=x", "b[c]"), Ok(Some("DE".to_owned())));
        assert!(unique("[]=DE&=x", "").is_err());
        assert!(unique("b[c]=DE&b=x", "b[c]").is_err());
        assert!(unique("b[0]=DE&b[]=x", "b[0]").is_err());
    }

    #[test]
    fn duplicates_are_those_that_php_makes() {
        for text in ["a=1&b=2", "a[]=1&a[]=2", "a[0]=1&a[1]=2", "a[x][]=1&a[x][]=2", "a=1&A=2", ""]
        {
            assert_eq!(Form::parse(text).unwrap().check_unique(), Ok(()), "{text}");
        }
        for text in [
            "a=1&a=2",
            "a.b=1&a_b=2",
            "a[]=1&a[0]=2",
            "a[0]=1&a[]=2",
            "a=1&a[x]=2",
            "a[x]=1&a=2",
            "a[x]=1&a[x]=2",
        ] {
            assert!(Form::parse(text).unwrap().check_unique().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_stops_it(text in "([ab&=+.\\[\\]%0]|%5[bB]|\\PC){0,24}") {
            if let Ok(form) = Form::parse(&text) {
                let names: Vec<String> = form.pairs().map(|(name, _)| name.to_owned()).collect();
                for name in &names {
                    prop_assert!(form.mentions(name));
                    // What stands twice by the general rule is never read as a single value.
                    if let (Err(FormError::Duplicate(twice)), Ok(Some(_))) = (form.check_unique(), form.unique(name)) {
                        prop_assert_ne!(PhpName::fold(name).to_string(), twice);
                    }
                }
            }
        }

        #[test]
        fn folding_is_idempotent(name in "[ab .\\[\\]]{0,10}") {
            let once = PhpName::fold(&name);
            prop_assert_eq!(PhpName::fold(&once.to_string()), once);
        }
    }
}
