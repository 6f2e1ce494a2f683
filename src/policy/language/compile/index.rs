//! The last step: everything that was read, indexed for the engine.

use std::cmp::Reverse;
use std::collections::BTreeMap;
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
        let (terms, paths) = match (self.term_index(), self.signatures()) {
            (Ok(terms), Ok(paths)) if self.errors.is_empty() => (terms, paths),
            (terms, paths) => {
                let whole = PolicyText { name: "all policies".to_owned(), text: String::new() };
                for failure in [terms.err(), paths.err()].into_iter().flatten() {
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
        for cell in &mut rules_by_action {
            cell.sort_by_key(|rule| {
                let rule = usize::try_from(*rule).ok().and_then(|at| self.rules.get(at));
                rule.map(|r| (r.mode != Mode::Shadow, Reverse(r.facts.effective), r.order))
            });
        }
        self.milestones.sort_by_key(|milestone| milestone.at);
        Ok(PolicySet {
            exemptions: self.exemptions,
            index: Index {
                attributes: self.attributes,
                by_id: self.by_id,
                hosts: self.hosts,
                host_suffixes: self.host_suffixes,
                paths,
                skus: self.skus,
                term_refs: self.term_refs,
                terms,
            },
            milestones: self.milestones,
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

    fn term_index(&self) -> Result<AhoCorasick, String> {
        AhoCorasick::new(&self.terms).map_err(|error| error.to_string())
    }

    fn signatures(&self) -> Result<PathSignature, String> {
        let any = RegexSetBuilder::new(self.paths.iter().map(|(pattern, _)| pattern)).build();
        let any = any.map_err(|error| error.to_string())?;
        let mut by_product: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
        for (pattern, product) in &self.paths {
            by_product.entry(*product).or_default().push(pattern);
        }
        let patterns = by_product.into_iter().map(|(product, patterns)| {
            let regex = Regex::new(&patterns.join("|")).map_err(|error| error.to_string())?;
            Ok(PathPattern { product, regex })
        });
        Ok(PathSignature { any, patterns: patterns.collect::<Result<_, String>>()? })
    }
}
