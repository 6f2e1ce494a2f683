//! The last step: everything that was read, indexed for the engine.

use std::sync::Arc;

use aho_corasick::AhoCorasick;
use regex::Regex;
use regex::RegexSetBuilder;

use crate::model::Action;
use crate::model::Mode;
use crate::policy::engine::index::Index;
use crate::policy::engine::index::PathPattern;
use crate::policy::engine::index::PathSignature;
use crate::policy::engine::set::PolicySet;
use crate::policy::language::error::PolicyErrors;

use super::Compiler;
use super::PolicyText;

impl Compiler {
    pub(super) fn finish(mut self, revision: Arc<str>) -> Result<PolicySet, PolicyErrors> {
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
