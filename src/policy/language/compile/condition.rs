//! Conditions and the country lists they name.

use toml::Spanned;

use crate::model::Country;
use crate::policy::engine::condition::Check;
use crate::policy::engine::condition::Condition;
use crate::policy::engine::condition::CountryList;
use crate::policy::engine::condition::Truth;
use crate::policy::language::source;
use crate::policy::text::Folded;

use super::Compiler;
use super::Scope;
use super::list;

impl Compiler {
    pub(super) fn country_list(&mut self, scope: &mut Scope<'_>, list: &source::CountryList) {
        let mut countries = Vec::new();
        for country in &list.countries {
            match Country::parse(country.get_ref()) {
                Some(country) => countries.push(country),
                None => {
                    let message = format!("`{}` names no country", country.get_ref());
                    self.fault(
                        scope.text,
                        country.span(),
                        message,
                        "write an ISO 3166-1 code, as in \"RU\"",
                    );
                }
            }
        }
        if list.source.trim().is_empty() {
            let help = "write where the list is from, as in `source = \"15 CFR 791.4\"`";
            self.fault(scope.text, list.id.span(), "this country list cites nothing", help);
        }
        let from = self.optional_instant(scope, list.from.as_ref());
        let until = self.optional_instant(scope, list.until.as_ref());
        let compiled = CountryList { countries: countries.into(), from, until };
        if scope.lists.insert(list.id.get_ref().clone(), compiled).is_some() {
            let message = format!("country list `{}` is defined twice", list.id.get_ref());
            self.fault(scope.text, list.id.span(), message, "give each list its own id");
        }
    }

    pub(super) fn condition(
        &mut self,
        scope: &Scope<'_>,
        condition: &Spanned<source::Condition>,
    ) -> Option<Condition> {
        let c = condition.get_ref();
        let mut checks = Vec::new();
        match &c.equals {
            Some(source::Scalar::Bool(value)) => checks.push(Check::IsBool(*value)),
            Some(source::Scalar::Number(value)) => checks.push(Check::IsNumber(*value)),
            Some(source::Scalar::Text(text)) => checks.push(Check::OneOf(vec![Folded::name(text)])),
            None => {}
        }
        if let Some(texts) = &c.one_of {
            checks.push(Check::OneOf(texts.iter().map(|t| Folded::name(t)).collect()));
        }
        checks.extend(c.at_least.map(Check::AtLeast));
        checks.extend(c.below.map(Check::Below));
        checks.extend(c.absent.map(Check::Absent));
        if let Some(name) = &c.in_list {
            match scope.lists.get(name.get_ref()) {
                Some(list) => checks.push(Check::InList(list.clone())),
                None => {
                    let known = list(scope.lists.keys().map(String::as_str));
                    let message = format!("unknown country list `{}`", name.get_ref());
                    self.fault(
                        scope.text,
                        name.span(),
                        message,
                        format!("country lists here: {known}"),
                    );
                    return None;
                }
            }
        }
        let missing = match c.missing.unwrap_or_default() {
            source::Missing::Fails => Truth::Fails,
            source::Missing::Holds => Truth::Holds,
            source::Missing::Review => Truth::Review,
        };
        let attribute = c.attribute.as_str().into();
        let only = checks.pop().filter(|_| checks.is_empty());
        if only.is_none() {
            self.fault(
                scope.text,
                condition.span(),
                "a condition asks one thing",
                "write one of `equals`, `one_of`, `in_list`, `at_least`, `below`, `absent`; use several conditions for several",
            );
        }
        only.map(|check| Condition { attribute, check, missing })
    }
}
