//! Vendors and product groups, and everything they are known by.

use std::sync::Arc;

use regex::Regex;
use regex::RegexBuilder;
use regex_syntax::hir::literal::Extractor;
use smallvec::SmallVec;
use toml::Spanned;

use crate::policy::engine::index::Target;
use crate::policy::engine::index::TermRef;
use crate::policy::engine::set::Product;
use crate::policy::engine::set::Vendor;
use crate::policy::language::source;
use crate::policy::text::Folded;

use super::Compiler;
use super::Scope;
use super::is_id;
use super::list;
use super::narrow;

impl Compiler {
    pub(super) fn vendor(&mut self, scope: &mut Scope<'_>, vendor: &source::Vendor) {
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

    pub(super) fn term(&mut self, scope: &Scope<'_>, term: &Spanned<String>, target: Target) {
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

    pub(super) fn product(&mut self, scope: &Scope<'_>, product: &source::Product) {
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

    pub(super) fn catch_all(
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

    pub(super) fn bad_regex(
        &mut self,
        scope: &Scope<'_>,
        pattern: &Spanned<String>,
        error: &regex::Error,
    ) {
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

    pub(super) fn sku(&mut self, scope: &Scope<'_>, sku: &Spanned<String>, product: u32) {
        let pattern = format!("^(?:{})", sku.get_ref());
        let regex = match RegexBuilder::new(&pattern).build() {
            Ok(regex) => regex,
            Err(error) => return self.bad_regex(scope, sku, &error),
        };
        self.skus.add(&literal_start(sku.get_ref()), regex, product);
    }

    pub(super) fn host(&mut self, scope: &Scope<'_>, host: &Spanned<String>, product: u32) {
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
}

/// A path pattern over whole segments after any prefix.
fn anchored(pattern: &str) -> String {
    format!("(?:^|/)(?:{pattern})$")
}

/// The literal bytes that every match of a SKU pattern begins with; empty where there are none.
fn literal_start(pattern: &str) -> Vec<u8> {
    let Ok(hir) = regex_syntax::parse(pattern) else { return Vec::new() };
    let literals = Extractor::new().extract(&hir);
    literals.longest_common_prefix().map(<[u8]>::to_vec).unwrap_or_default()
}
