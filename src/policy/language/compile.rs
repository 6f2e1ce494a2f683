//! From files as written to what the engine runs. Every fault of a file is reported, not only the first.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use aho_corasick::AhoCorasick;
use jiff::Timestamp;
use regex::Regex;
use regex::RegexBuilder;
use regex::RegexSetBuilder;
use regex_syntax::hir::literal::Extractor;
use smallvec::SmallVec;
use toml::Spanned;
use toml::value::Datetime;

use crate::model::Action;
use crate::model::Country;
use crate::model::Mode;
use crate::model::RuleFacts;
use crate::model::Verdict;

use crate::policy::engine::condition::Check;
use crate::policy::engine::condition::Condition;
use crate::policy::engine::condition::CountryList;
use crate::policy::engine::condition::Truth;
use crate::policy::engine::index::ByText;
use crate::policy::engine::index::Index;
use crate::policy::engine::index::PathPattern;
use crate::policy::engine::index::PathSignature;
use crate::policy::engine::index::Target;
use crate::policy::engine::index::TermRef;
use crate::policy::engine::rule::Exemption;
use crate::policy::engine::rule::InFlight;
use crate::policy::engine::rule::PolicyInfo;
use crate::policy::engine::rule::Rule;
use crate::policy::engine::rule::Suspension;
use crate::policy::engine::set::PolicySet;
use crate::policy::engine::set::Product;
use crate::policy::engine::set::Vendor;
use crate::policy::text::Folded;

use super::error::Fault;
use super::error::PolicyError;
use super::error::PolicyErrors;
use super::instant::instant;
use super::source;

/// A policy file as read: its name and its text.
#[derive(Clone, Debug)]
pub struct PolicyText {
    /// Path, as it was given.
    pub name: String,
    /// The whole text.
    pub text: String,
}

/// Compiles files that were read, in their order.
///
/// # Errors
/// Every fault of every file.
pub(super) fn compile(texts: &[PolicyText], revision: Arc<str>) -> Result<PolicySet, PolicyErrors> {
    let mut compiler = Compiler::default();
    for text in texts {
        match toml::from_str::<source::PolicyFile>(&text.text) {
            Ok(file) => compiler.file(text, &file),
            Err(error) => {
                let span = error.span().unwrap_or(0..0);
                compiler.fault(
                    text,
                    span,
                    error.message(),
                    "see docs/policy-language.md for the keys and their types",
                );
            }
        }
    }
    compiler.finish(revision)
}

#[derive(Default)]
struct Compiler {
    errors: Vec<PolicyError>,
    attributes: HashMap<Box<str>, ByText>,
    by_id: HashMap<Arc<str>, u32>,
    exemptions: Vec<Exemption>,
    hosts: ByText,
    host_suffixes: ByText,
    paths: Vec<(String, u32)>,
    policies: Vec<PolicyInfo>,
    products: Vec<Product>,
    rules: Vec<Rule>,
    skus: HashMap<[u8; 2], Vec<(Regex, u32)>>,
    skus_open: Vec<(Regex, u32)>,
    terms: Vec<String>,
    term_at: HashMap<String, usize>,
    term_refs: Vec<SmallVec<[TermRef; 1]>>,
    vendors: Vec<Vendor>,
}

/// Names within one file.
struct Scope<'a> {
    citation: &'a str,
    lists: HashMap<String, CountryList>,
    policy: u16,
    text: &'a PolicyText,
    vendors: HashMap<String, u32>,
}

fn narrow(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

impl Compiler {
    fn fault(
        &mut self,
        text: &PolicyText,
        span: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let fault = Fault::new(&text.name, &text.text, span, message, help);
        self.errors.push(PolicyError::Fault(Box::new(fault)));
    }

    fn file(&mut self, text: &PolicyText, file: &source::PolicyFile) {
        let header = file.policy.get_ref();
        let id = header.id.get_ref();
        if let Some(other) = self.policies.iter().find(|p| p.id == *id) {
            let message = format!("policy `{id}` is defined twice, first in {}", other.file);
            self.fault(text, header.id.span(), message, "give each policy its own id");
        }
        if !is_id(id) {
            self.bad_id(text, &header.id);
        }
        let policy = u16::try_from(self.policies.len()).unwrap_or(u16::MAX);
        self.policies.push(PolicyInfo {
            authority: header.authority.clone(),
            file: text.name.clone(),
            id: id.clone(),
            notes: header.notes.clone(),
            title: header.title.clone(),
            version: header.version.clone(),
        });
        let citation = header.citation.as_ref().map_or("", |c| c.get_ref().trim());
        let mut scope =
            Scope { citation, lists: HashMap::new(), policy, text, vendors: HashMap::new() };
        for list in &file.country_list {
            self.country_list(&mut scope, list);
        }
        for vendor in &file.vendor {
            self.vendor(&mut scope, vendor);
        }
        for product in &file.product {
            self.product(&scope, product);
        }
        let first_rule = self.rules.len();
        for rule in &file.rule {
            self.rule(&scope, id, rule);
        }
        for exemption in &file.exemption {
            self.exemption(&scope, first_rule, exemption);
        }
    }

    fn bad_id(&mut self, text: &PolicyText, id: &Spanned<String>) {
        let message = format!("`{}` is not an id", id.get_ref());
        self.fault(
            text,
            id.span(),
            message,
            "use lower-case letters, digits, `.`, `-` and `_`, as in `kaspersky.covered`",
        );
    }

    fn instant(&mut self, scope: &Scope<'_>, value: &Spanned<Datetime>) -> Option<Timestamp> {
        match instant(value.get_ref()) {
            Ok(instant) => Some(instant),
            Err(help) => {
                self.fault(scope.text, value.span(), "an instant needs its zone", help);
                None
            }
        }
    }

    fn optional_instant(
        &mut self,
        scope: &Scope<'_>,
        value: Option<&Spanned<Datetime>>,
    ) -> Option<Timestamp> {
        value.and_then(|value| self.instant(scope, value))
    }

    fn country_list(&mut self, scope: &mut Scope<'_>, list: &source::CountryList) {
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

    fn vendor(&mut self, scope: &mut Scope<'_>, vendor: &source::Vendor) {
        let at = narrow(self.vendors.len());
        let id = vendor.id.get_ref();
        self.vendors.push(Vendor { catch_all: None, policy: scope.policy });
        if scope.vendors.insert(id.clone(), at).is_some() {
            let message = format!("vendor `{id}` is defined twice");
            self.fault(scope.text, vendor.id.span(), message, "give each vendor its own id");
        }
        for name in &vendor.names {
            self.term(scope, name, Target::Vendor(at));
        }
    }

    fn term(&mut self, scope: &Scope<'_>, term: &Spanned<String>, target: Target) {
        let text = term.get_ref().trim();
        let folded = Folded::name(text.trim_matches('*'));
        if folded.as_str().chars().count() < 2 {
            let message = format!("`{text}` would match almost anything");
            self.fault(
                scope.text,
                term.span(),
                message,
                "write a word or phrase of two letters or more",
            );
            return;
        }
        let key = folded.as_str().to_owned();
        let at = *self.term_at.entry(key.clone()).or_insert_with(|| {
            self.terms.push(key);
            self.term_refs.push(SmallVec::new());
            self.terms.len().saturating_sub(1)
        });
        let reference =
            TermRef { open_end: text.ends_with('*'), open_start: text.starts_with('*'), target };
        if let Some(refs) = self.term_refs.get_mut(at) {
            refs.push(reference);
        }
    }

    fn product(&mut self, scope: &Scope<'_>, product: &source::Product) {
        let at = narrow(self.products.len());
        let id = product.id.get_ref();
        if !is_id(id) || id == "none" {
            self.bad_id(scope.text, &product.id);
        }
        let shared: Arc<str> = id.as_str().into();
        if self.by_id.insert(Arc::clone(&shared), at).is_some() {
            let message = format!("product `{id}` is defined twice");
            self.fault(
                scope.text,
                product.id.span(),
                message,
                "product ids are shared by all policies: give each its own",
            );
        }
        let exempt = product.kind == source::Kind::Exempt;
        let mut vendors = Vec::new();
        for vendor in &product.vendors {
            match scope.vendors.get(vendor.get_ref()) {
                Some(found) => {
                    vendors.push(*found);
                    self.catch_all(scope, product, *found, at, vendor);
                }
                None => {
                    let known = list(scope.vendors.keys().map(String::as_str));
                    let message = format!("unknown vendor `{}`", vendor.get_ref());
                    self.fault(
                        scope.text,
                        vendor.span(),
                        message,
                        format!("vendors here: {known}"),
                    );
                }
            }
        }
        if product.catch_all && (exempt || vendors.is_empty()) {
            self.fault(
                scope.text,
                product.id.span(),
                "`catch_all` needs a covered product with `vendors`",
                "remove `catch_all`, or name the vendors",
            );
        }
        if !product.when.is_empty() && !exempt {
            self.fault(
                scope.text,
                product.id.span(),
                "`when` here is for exempt products",
                "put conditions on covered products into the rules",
            );
        }
        for name in &product.names {
            self.term(scope, name, Target::Term(at));
        }
        for sku in &product.skus {
            self.sku(scope, sku, at);
        }
        for host in &product.hosts {
            self.host(scope, host, at);
        }
        for path in &product.paths {
            match Regex::new(&anchored(path.get_ref())) {
                Ok(_) => self.paths.push((anchored(path.get_ref()), at)),
                Err(error) => self.bad_regex(scope, path, &error),
            }
        }
        for (name, values) in &product.attributes {
            let by_value = self.attributes.entry(name.as_str().into()).or_default();
            for value in values {
                by_value.add(Folded::name(value).as_str(), at);
            }
        }
        let when = product.when.iter().filter_map(|c| self.condition(scope, c)).collect();
        self.products.push(Product {
            exempt,
            id: shared,
            otherwise_review: product.otherwise == Some(source::Otherwise::Review),
            policy: scope.policy,
            vendors,
            when,
        });
    }

    fn catch_all(
        &mut self,
        scope: &Scope<'_>,
        product: &source::Product,
        vendor: u32,
        at: u32,
        named: &Spanned<String>,
    ) {
        if !product.catch_all {
            return;
        }
        let Some(vendor) = usize::try_from(vendor).ok().and_then(|v| self.vendors.get_mut(v))
        else {
            return;
        };
        if vendor.catch_all.replace(at).is_some() {
            let message = format!("vendor `{}` has two `catch_all` products", named.get_ref());
            self.fault(
                scope.text,
                named.span(),
                message,
                "whatever else a vendor makes belongs to one product",
            );
        }
    }

    fn bad_regex(&mut self, scope: &Scope<'_>, pattern: &Spanned<String>, error: &regex::Error) {
        let detail = error.to_string();
        let message =
            format!("not a regular expression: {}", detail.lines().last().unwrap_or_default());
        self.fault(
            scope.text,
            pattern.span(),
            message,
            "write it in single quotes, as in 'KL[0-9]{4}'",
        );
    }

    fn sku(&mut self, scope: &Scope<'_>, sku: &Spanned<String>, product: u32) {
        let pattern = format!("^(?:{})", sku.get_ref());
        let regex = match RegexBuilder::new(&pattern).build() {
            Ok(regex) => regex,
            Err(error) => return self.bad_regex(scope, sku, &error),
        };
        match literal_start(sku.get_ref()) {
            Some(start) => self.skus.entry(start).or_default().push((regex, product)),
            None => self.skus_open.push((regex, product)),
        }
    }

    fn host(&mut self, scope: &Scope<'_>, host: &Spanned<String>, product: u32) {
        let text = host.get_ref().trim().to_lowercase();
        let (suffix, name) = match text.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, text.as_str()),
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
        if name.is_empty() || !name.chars().all(plain) {
            let message = format!("`{text}` is not a host");
            self.fault(
                scope.text,
                host.span(),
                message,
                "write `host.example`, or `*.host.example` for it and all below",
            );
            return;
        }
        let map = if suffix { &mut self.host_suffixes } else { &mut self.hosts };
        map.add(name, product);
    }

    fn condition(
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

    fn rule(&mut self, scope: &Scope<'_>, policy: &str, rule: &source::Rule) {
        let id = rule.id.get_ref();
        if !is_id(id) {
            self.bad_id(scope.text, &rule.id);
        }
        if self
            .rules
            .iter()
            .rev()
            .take_while(|r| *r.facts.policy == *policy)
            .any(|r| *r.facts.rule == **id)
        {
            let message = format!("rule `{id}` is defined twice");
            self.fault(scope.text, rule.id.span(), message, "give each rule its own id");
        }
        let actions = self.actions(scope, rule);
        let products = self.products_of(scope, &rule.products);
        let nexus = rule.nexus.get_ref();
        if nexus.is_empty() {
            self.fault(
                scope.text,
                rule.nexus.span(),
                "a rule says whose nexus counts",
                "write [\"buyer\"], [\"seller\"] or both",
            );
        }
        let citation = rule.citation.as_deref().unwrap_or(scope.citation).trim();
        if citation.is_empty() {
            self.fault(
                scope.text,
                rule.id.span(),
                "this rule cites nothing",
                "give `citation` here or in [policy], as in \"89 FR 52434\"",
            );
        }
        if rule.message.trim().is_empty() {
            self.fault(
                scope.text,
                rule.id.span(),
                "this rule has no message",
                "say what a refused customer is to be told",
            );
        }
        let effective = self.instant(scope, &rule.effective);
        let until = self.optional_instant(scope, rule.until.as_ref());
        if let (Some(effective), Some(until), Some(span)) = (effective, until, &rule.until)
            && until <= effective
        {
            self.fault(
                scope.text,
                span.span(),
                "this rule ends before it starts",
                "`until` must be later than `effective`",
            );
        }
        let suspended = rule.suspended.as_ref().and_then(|s| self.suspension(scope, s));
        let when = rule.when.iter().filter_map(|c| self.condition(scope, c)).collect();
        let facts = RuleFacts {
            basis: rule.basis,
            citation: citation.into(),
            clause: rule.clause.get_ref().as_str().into(),
            effective: effective.unwrap_or(Timestamp::MIN),
            message: rule.message.as_str().into(),
            policy: policy.into(),
            rule: id.as_str().into(),
        };
        self.rules.push(Rule {
            actions,
            buyer: nexus.contains(&source::Party::Buyer),
            exemptions: SmallVec::new(),
            facts: Arc::new(facts),
            in_flight: match rule.in_flight {
                source::InFlight::Cut => InFlight::Cut,
                source::InFlight::Finish => InFlight::Finish,
            },
            mode: rule.mode,
            order: narrow(self.rules.len()),
            products,
            seller: nexus.contains(&source::Party::Seller),
            suspended,
            unclear: verdict(rule.unclear),
            until,
            us: verdict(rule.us),
            when,
        });
    }

    fn actions(&mut self, scope: &Scope<'_>, rule: &source::Rule) -> Vec<Action> {
        let mut actions = Vec::new();
        for action in rule.actions.get_ref() {
            match action.get_ref().parse() {
                Ok(known) => actions.push(known),
                Err(_) => {
                    let message = format!("unknown action `{}`", action.get_ref());
                    let known = list(Action::ALL.into_iter().map(Action::as_str));
                    self.fault(scope.text, action.span(), message, format!("actions: {known}"));
                }
            }
        }
        if rule.actions.get_ref().is_empty() {
            self.fault(
                scope.text,
                rule.actions.span(),
                "this rule can never apply",
                "name at least one action",
            );
        }
        actions
    }

    fn products_of(
        &mut self,
        scope: &Scope<'_>,
        products: &Spanned<Vec<Spanned<String>>>,
    ) -> Vec<u32> {
        let mut found = Vec::new();
        for product in products.get_ref() {
            let at = self.by_id.get(product.get_ref().as_str()).copied();
            let here = at
                .and_then(|at| self.products.get(usize::try_from(at).ok()?))
                .filter(|p| p.policy == scope.policy);
            let (message, help) = match (at, here) {
                (Some(at), Some(p)) if !p.exempt => {
                    found.push(at);
                    continue;
                }
                (_, Some(_)) => (
                    format!("`{}` is exempt", product.get_ref()),
                    "rules name covered products; exempt ones are left alone".to_owned(),
                ),
                (_, None) => {
                    let known =
                        self.products.iter().filter(|p| p.policy == scope.policy && !p.exempt);
                    let known = list(known.map(|p| &*p.id));
                    (
                        format!("unknown product `{}`", product.get_ref()),
                        format!("covered products here: {known}"),
                    )
                }
            };
            self.fault(scope.text, product.span(), message, help);
        }
        if products.get_ref().is_empty() {
            self.fault(
                scope.text,
                products.span(),
                "this rule can never apply",
                "name at least one product",
            );
        }
        found
    }

    fn suspension(&mut self, scope: &Scope<'_>, s: &source::Suspension) -> Option<Suspension> {
        let from = self.instant(scope, &s.from)?;
        let until = self.optional_instant(scope, s.until.as_ref());
        if let (Some(until), Some(span)) = (until, &s.until)
            && until <= from
        {
            self.fault(
                scope.text,
                span.span(),
                "this suspension ends before it starts",
                "`until` must be later than `from`",
            );
        }
        Some(Suspension { by: s.by.as_str().into(), from, reason: s.reason.as_str().into(), until })
    }

    fn exemption(&mut self, scope: &Scope<'_>, first_rule: usize, e: &source::Exemption) {
        let id = e.id.get_ref();
        if e.authorisation.get_ref().trim().is_empty() {
            self.fault(
                scope.text,
                e.authorisation.span(),
                "an exemption rests on an authorisation",
                "write the licence or ruling it rests on",
            );
        }
        if e.rules.is_empty() && e.products.is_empty() && e.accounts.is_empty() {
            self.fault(
                scope.text,
                e.id.span(),
                "this exemption has no scope",
                "name `rules`, `products` or `accounts`",
            );
        }
        let Some(expires) = self.instant(scope, &e.expires) else { return };
        let from = self.optional_instant(scope, e.from.as_ref());
        let products = Spanned::new(e.id.span(), e.products.clone());
        let products =
            if e.products.is_empty() { Vec::new() } else { self.products_of(scope, &products) };
        let at = narrow(self.exemptions.len());
        for name in &e.rules {
            let known = self.rules.get(first_rule..).unwrap_or_default();
            if !known.iter().any(|rule| *rule.facts.rule == **name.get_ref()) {
                let known = list(known.iter().map(|rule| &*rule.facts.rule));
                let message = format!("unknown rule `{}`", name.get_ref());
                self.fault(scope.text, name.span(), message, format!("rules here: {known}"));
            }
        }
        for rule in self.rules.iter_mut().skip(first_rule) {
            if e.rules.is_empty() || e.rules.iter().any(|name| **name.get_ref() == *rule.facts.rule)
            {
                rule.exemptions.push(at);
            }
        }
        self.exemptions.push(Exemption {
            accounts: e.accounts.iter().map(|a| a.as_str().into()).collect(),
            authorisation: e.authorisation.get_ref().as_str().into(),
            expires,
            from,
            id: id.as_str().into(),
            products,
            reason: e.reason.as_str().into(),
        });
    }

    fn finish(mut self, revision: Arc<str>) -> Result<PolicySet, PolicyErrors> {
        let terms = AhoCorasick::new(&self.terms);
        let patterns = self.paths.iter().map(|(pattern, _)| pattern);
        let any = RegexSetBuilder::new(patterns).build();
        let (terms, any) = match (terms, any) {
            (Ok(terms), Ok(any)) if self.errors.is_empty() => (terms, any),
            (terms, any) => {
                let whole = PolicyText { name: "all policies".to_owned(), text: String::new() };
                let failures =
                    [terms.err().map(|e| e.to_string()), any.err().map(|e| e.to_string())];
                for failure in failures.into_iter().flatten() {
                    self.fault(&whole, 0..0, failure, "use fewer or shorter patterns");
                }
                return Err(PolicyErrors::new(self.errors));
            }
        };
        let mut rules_by_action = vec![Vec::new(); Action::ALL.len()];
        let cells = self.products.len().saturating_mul(Action::ALL.len());
        let mut rules_by_product = vec![Vec::new(); cells];
        let mut seller_counts = [false; Action::ALL.len()];
        for rule in self.rules.iter().filter(|rule| rule.mode != Mode::Off) {
            for action in &rule.actions {
                if let Some(cell) = rules_by_action.get_mut(action.index()) {
                    cell.push(rule.order);
                }
                if let Some(counts) = seller_counts.get_mut(action.index()) {
                    *counts |= rule.seller;
                }
                for product in &rule.products {
                    let base = usize::try_from(*product).unwrap_or(usize::MAX);
                    let at = base.saturating_mul(Action::ALL.len()).saturating_add(action.index());
                    if let Some(cell) = rules_by_product.get_mut(at) {
                        cell.push(rule.order);
                    }
                }
            }
        }
        let patterns = self.paths.iter().filter_map(|(pattern, product)| {
            Regex::new(pattern).ok().map(|regex| PathPattern { product: *product, regex })
        });
        let paths = PathSignature { any, patterns: patterns.collect() };
        Ok(PolicySet {
            exemptions: self.exemptions,
            index: Index {
                attributes: self.attributes,
                by_id: self.by_id,
                hosts: self.hosts,
                host_suffixes: self.host_suffixes,
                paths,
                skus: self.skus,
                skus_open: self.skus_open,
                term_refs: self.term_refs,
                terms,
            },
            policies: self.policies,
            products: self.products,
            revision,
            rules: self.rules,
            rules_by_action,
            rules_by_product,
            seller_counts,
            vendors: self.vendors,
        })
    }
}

const fn verdict(outcome: source::Outcome) -> Verdict {
    match outcome {
        source::Outcome::Allow => Verdict::Allow,
        source::Outcome::Block => Verdict::Block,
        source::Outcome::Review => Verdict::Review,
    }
}

/// A path pattern over whole segments after any prefix.
fn anchored(pattern: &str) -> String {
    format!("(?:^|/)(?:{pattern})$")
}

/// The first two literal bytes that every match of a SKU pattern begins with.
fn literal_start(pattern: &str) -> Option<[u8; 2]> {
    let hir = regex_syntax::parse(pattern).ok()?;
    let mut starts = Extractor::new()
        .extract(&hir)
        .literals()?
        .iter()
        .map(|literal| literal.as_bytes().first_chunk::<2>().copied())
        .collect::<Option<Vec<_>>>()?;
    let first = starts.pop()?;
    starts.iter().all(|start| *start == first).then_some(first)
}

fn is_id(text: &str) -> bool {
    let allowed =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | '_');
    !text.is_empty() && text.len() <= 100 && text.chars().all(allowed)
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
