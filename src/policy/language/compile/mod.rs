//! From files as written to what the engine runs. Every fault of a file is reported, not only the first.

mod condition;
mod index;
mod product;
mod rule;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;
use smallvec::SmallVec;
use toml::Spanned;
use toml::value::Datetime;

use crate::policy::dates::Milestone;
use crate::policy::engine::condition::CountryList;
use crate::policy::engine::index::ByText;
use crate::policy::engine::index::TermRef;
use crate::policy::engine::rule::Exemption;
use crate::policy::engine::rule::PolicyInfo;
use crate::policy::engine::rule::Rule;
use crate::policy::engine::set::PolicySet;
use crate::policy::engine::set::Product;
use crate::policy::engine::set::Vendor;
use crate::policy::engine::shapes::SkuShapes;
use crate::policy::language::error::Fault;
use crate::policy::language::error::PolicyError;
use crate::policy::language::error::PolicyErrors;
use crate::policy::language::instant::instant;
use crate::policy::language::source;

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
    milestones: Vec<Milestone>,
    paths: Vec<(String, u32)>,
    policies: Vec<PolicyInfo>,
    products: Vec<Product>,
    rules: Vec<Rule>,
    skus: SkuShapes,
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
        for milestone in &file.milestone {
            self.milestone(&scope, id, milestone);
        }
    }

    fn milestone(&mut self, scope: &Scope<'_>, policy: &str, milestone: &source::Milestone) {
        for (name, text) in [("title", &milestone.title), ("source", &milestone.source)] {
            if text.get_ref().trim().is_empty() {
                let message = format!("this milestone has no {name}");
                let help = "say what happens in `title`, and where that is written in `source`";
                self.fault(scope.text, text.span(), message, help);
            }
        }
        let Some(at) = self.instant(scope, &milestone.at) else { return };
        self.milestones.push(Milestone {
            at,
            policy: policy.to_owned(),
            source: milestone.source.get_ref().trim().to_owned(),
            title: milestone.title.get_ref().trim().to_owned(),
        });
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
