//! Where texts, SKUs, hosts and paths are looked up: one automaton for all terms of all policies, hash tables for the rest.

use std::collections::HashMap;
use std::sync::Arc;

use aho_corasick::AhoCorasick;
use regex::Regex;
use regex::RegexSet;
use smallvec::SmallVec;

use crate::policy::text::Folded;

use super::shapes::SkuShapes;

/// What a term points at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Target {
    /// A name of a product.
    Term(u32),
    /// A name of a vendor.
    Vendor(u32),
}

/// A term: a run of whole words, open where it was written with `*`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TermRef {
    pub(crate) open_end: bool,
    pub(crate) open_start: bool,
    pub(crate) target: Target,
}

/// The patterns of one product, of which a whole run of path segments must match one.
#[derive(Clone, Debug)]
pub(crate) struct PathPattern {
    pub(crate) product: u32,
    pub(crate) regex: Regex,
}

/// Products by a text that must be equal.
#[derive(Clone, Debug, Default)]
pub(crate) struct ByText(HashMap<Box<str>, SmallVec<[u32; 1]>>);

impl ByText {
    pub(crate) fn add(&mut self, text: &str, product: u32) {
        self.0.entry(text.into()).or_default().push(product);
    }

    /// The products of `text`.
    pub(crate) fn of(&self, text: &str) -> &[u32] {
        self.0.get(text).map_or(&[], SmallVec::as_slice)
    }
}

/// The look-ups.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    pub(crate) attributes: HashMap<Box<str>, ByText>,
    pub(crate) by_id: HashMap<Arc<str>, u32>,
    pub(crate) hosts: ByText,
    pub(crate) host_suffixes: ByText,
    pub(crate) paths: PathSignature,
    pub(crate) skus: SkuShapes,
    pub(crate) term_refs: Vec<SmallVec<[TermRef; 1]>>,
    pub(crate) terms: AhoCorasick,
}

/// The paths that are update signatures, asked of every request.
#[derive(Clone, Debug)]
pub struct PathSignature {
    pub(crate) any: RegexSet,
    pub(crate) patterns: Vec<PathPattern>,
}

impl Index {
    /// Calls `found` for every term in a folded text.
    pub(crate) fn terms_in(&self, text: &Folded, mut found: impl FnMut(Target)) {
        let text = text.as_str();
        if text.is_empty() {
            return;
        }
        let bytes = text.as_bytes();
        let is_edge =
            |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_none_or(|b| *b == b' ');
        for hit in self.terms.find_overlapping_iter(text) {
            let starts = is_edge(hit.start().checked_sub(1));
            let ends = is_edge(Some(hit.end()));
            for term in self.term_refs.get(hit.pattern().as_usize()).into_iter().flatten() {
                if (starts || term.open_start) && (ends || term.open_end) {
                    found(term.target);
                }
            }
        }
    }

    /// Calls `found` with the product of every SKU shape that `sku` has.
    pub(crate) fn sku_shapes(&self, sku: &Folded, found: impl FnMut(u32)) {
        self.skus.each(sku.as_str(), found);
    }

    /// Calls `found` with the product of every host pattern that `host` matches; a port and a trailing dot do not count.
    pub(crate) fn host_products(&self, host: &str, mut found: impl FnMut(u32)) {
        let host = without_port(host.trim()).trim_end_matches('.');
        let mut lower: SmallVec<[u8; 128]> = SmallVec::from_slice(host.as_bytes());
        lower.make_ascii_lowercase();
        let host = std::str::from_utf8(&lower).unwrap_or_default();
        for product in self.hosts.of(host) {
            found(*product);
        }
        let mut rest = host;
        loop {
            for product in self.host_suffixes.of(rest) {
                found(*product);
            }
            match rest.split_once('.') {
                Some((_, parent)) => rest = parent,
                None => break,
            }
        }
    }
}

impl PathSignature {
    /// True if a folded path (leading slash, lower case, dot segments resolved) bears an update signature. A slash after a
    /// file's name changes nothing: many upstreams drop it and serve the file.
    pub fn is_in(&self, folded_path: &str) -> bool {
        self.any.is_match(folded_path.trim_end_matches('/'))
    }

    /// Calls `found` with the product of every signature in the path.
    pub(crate) fn products(&self, folded_path: &str, mut found: impl FnMut(u32)) {
        let folded_path = folded_path.trim_end_matches('/');
        if self.patterns.len() > 1 && !self.any.is_match(folded_path) {
            return;
        }
        for pattern in self.patterns.iter().filter(|p| p.regex.is_match(folded_path)) {
            found(pattern.product);
        }
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.ends_with(':') => {
            name
        }
        _ => host,
    }
}
