//! What is lawful to write in policy files and yet probably a mistake (DESIGN 6).
//!
//! Works on files that compile. Each finding points at the line it is about and says what to write instead.

use std::collections::HashMap;
use std::ops::Range;

use jiff::SignedDuration;
use jiff::Timestamp;
use miette::Severity as Grade;
use regex::Regex;
use serde::Deserialize;
use serde::Serialize;
use toml::Spanned;

use crate::model::Basis;
use crate::model::Mode;

use super::engine::rule::Rule;
use super::engine::set::PolicySet;
use super::language::compile::PolicyText;
use super::language::error::Fault;
use super::language::error::PolicyErrors;
use super::language::instant::instant;
use super::language::load::load_read;
use super::language::source;
use super::text::Folded;

/// An exemption that ends within this time deserves a look.
const SOON: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How grave a finding is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Probably not what was meant.
    Warning,
    /// Cannot be what was meant.
    Error,
}

/// One finding.
#[derive(Debug)]
pub struct CheckFinding {
    /// Where and what.
    pub fault: Fault,
    /// How grave it is.
    pub severity: Severity,
}

/// A catalogue row, as far as policies are checked against it.
#[derive(Clone, Debug, Default)]
pub struct CatalogueRow {
    /// Product name.
    pub name: String,
    /// Stock-keeping unit.
    pub sku: String,
    /// Vendor.
    pub vendor: String,
}

impl CheckFinding {
    /// The finding with the source lines it stands in.
    pub fn render(&self, colour: bool) -> String {
        let mut text = String::new();
        if !self.fault.render(colour, &mut text) {
            text = format!("{}\n", self.fault);
        }
        text
    }
}

/// Checks files that were read, as of `now`, against a catalogue where there is one.
///
/// # Errors
/// When a file does not compile.
pub fn check(
    texts: &[PolicyText],
    catalogue: Option<&[CatalogueRow]>,
    now: Timestamp,
) -> Result<Vec<CheckFinding>, PolicyErrors> {
    let set = load_read(texts)?;
    let mut findings = Vec::new();
    for text in texts {
        let Ok(file) = toml::from_str::<source::PolicyFile>(&text.text) else { continue };
        let mut checker = Checker { findings: &mut findings, text };
        checker.rules(&file, &set);
        checker.vendors(&file);
        checker.terms(&file);
        checker.exemptions(&file, now);
        if let Some(rows) = catalogue {
            checker.unused(&file, rows);
        }
    }
    Ok(findings)
}

struct Checker<'a> {
    findings: &'a mut Vec<CheckFinding>,
    text: &'a PolicyText,
}

impl Checker<'_> {
    fn report(
        &mut self,
        severity: Severity,
        span: Range<usize>,
        message: String,
        help: impl Into<String>,
    ) {
        let grade = match severity {
            Severity::Error => Grade::Error,
            Severity::Note => Grade::Advice,
            Severity::Warning => Grade::Warning,
        };
        let fault = Fault::new(&self.text.name, &self.text.text, span, message, help);
        self.findings.push(CheckFinding { fault: fault.with_severity(grade), severity });
    }

    fn rules(&mut self, file: &source::PolicyFile, set: &PolicySet) {
        let policy = file.policy.get_ref().id.get_ref();
        let compiled: Vec<&Rule> =
            set.rules.iter().filter(|rule| *rule.facts.policy == **policy).collect();
        for (written, rule) in file.rule.iter().zip(&compiled) {
            let (id, span) = (written.id.get_ref(), written.id.span());
            match rule.mode {
                Mode::Off => {
                    let message = format!("rule `{id}` is switched off");
                    self.report(
                        Severity::Note,
                        span.clone(),
                        message,
                        "nothing to do, if so meant",
                    );
                }
                Mode::Shadow => {
                    let message = format!("rule `{id}` is in shadow: recorded, never enforced");
                    self.report(
                        Severity::Note,
                        span.clone(),
                        message,
                        "nothing to do, if so meant",
                    );
                }
                Mode::Enforce => {}
            }
            if rule.us.max(rule.unclear) == crate::model::Verdict::Allow {
                let message = format!("rule `{id}` can never apply: it allows in every case");
                let help = "let `us` block or review, or remove the rule";
                self.report(Severity::Error, span.clone(), message, help);
            } else if rule.unclear > rule.us {
                let message = format!("rule `{id}` is harder on the unclear than on the US");
                let help = "`unclear` should not be stricter than `us`";
                self.report(Severity::Warning, span.clone(), message, help);
            }
            if rule.facts.basis != Basis::Text && written.notes.trim().is_empty() {
                let message = format!("rule `{id}` rests on no text and says not on what");
                self.report(Severity::Warning, span.clone(), message, "say why in `notes`");
            }
            if let Some(s) = &rule.suspended {
                let until = s.until.map_or_else(|| "further notice".to_owned(), |u| u.to_string());
                let message = format!(
                    "rule `{id}` is suspended from {} until {until} by {}: {}",
                    s.from, s.by, s.reason
                );
                self.report(Severity::Note, span.clone(), message, "nothing to do, if so meant");
            }
            self.against_others(id, &span, rule, &compiled);
        }
    }

    fn against_others(&mut self, id: &str, span: &Range<usize>, rule: &Rule, all: &[&Rule]) {
        for other in all.iter().filter(|other| other.order != rule.order) {
            if never_speaks_beside(rule, other) {
                let message = format!(
                    "rule `{id}` can never apply: `{}` is always stricter",
                    other.facts.rule
                );
                let help = "remove it, or narrow the other rule";
                self.report(Severity::Error, span.clone(), message, help);
                return;
            }
            let first = rule.order < other.order;
            if first && contradicts(rule, other) {
                let message = format!(
                    "rules `{id}` and `{}` overlap with different outcomes; the stricter one decides",
                    other.facts.rule
                );
                let help = "end one with `until` where the other takes effect, or give both the same outcome";
                self.report(Severity::Warning, span.clone(), message, help);
            }
        }
    }

    fn vendors(&mut self, file: &source::PolicyFile) {
        for vendor in &file.vendor {
            let id = vendor.id.get_ref();
            let named = |product: &&source::Product| {
                product.catch_all && product.vendors.iter().any(|v| v.get_ref() == id)
            };
            if !file.product.iter().any(|product| named(&product)) {
                let message =
                    format!("what vendor `{id}` makes is allowed wherever no product names it");
                let help = "give one covered product of this vendor `catch_all = true`";
                self.report(Severity::Warning, vendor.id.span(), message, help);
            }
        }
    }

    fn terms(&mut self, file: &source::PolicyFile) {
        let mut seen: HashMap<String, &source::Product> = HashMap::new();
        for product in &file.product {
            for name in &product.names {
                let key = spelling(name.get_ref());
                let Some(other) = seen.insert(key, product) else { continue };
                let (here, there) = (product.id.get_ref(), other.id.get_ref());
                let (severity, message) = if here == there {
                    (Severity::Warning, format!("`{}` stands twice in `{here}`", name.get_ref()))
                } else if product.kind == other.kind {
                    let message = format!("`{}` names both `{there}` and `{here}`", name.get_ref());
                    (Severity::Note, message)
                } else {
                    let message = format!(
                        "`{}` is covered and exempt, by `{there}` and `{here}`: it is covered",
                        name.get_ref()
                    );
                    (Severity::Error, message)
                };
                self.report(severity, name.span(), message, "remove one of the two");
            }
        }
        for vendor in &file.vendor {
            let mut seen = Vec::new();
            for name in &vendor.names {
                let key = spelling(name.get_ref());
                if seen.contains(&key) {
                    let message =
                        format!("`{}` stands twice in `{}`", name.get_ref(), vendor.id.get_ref());
                    let help = "remove one of the two";
                    self.report(Severity::Warning, name.span(), message, help);
                }
                seen.push(key);
            }
        }
    }

    fn exemptions(&mut self, file: &source::PolicyFile, now: Timestamp) {
        for exemption in &file.exemption {
            let Ok(expires) = instant(exemption.expires.get_ref()) else { continue };
            let id = exemption.id.get_ref();
            let left = expires.duration_since(now);
            let message = if left <= SignedDuration::ZERO {
                format!("exemption `{id}` expired at {expires}")
            } else if left < SOON {
                format!("exemption `{id}` expires at {expires}, in less than 30 days")
            } else {
                continue;
            };
            let help = "renew the authorisation, or remove the exemption";
            self.report(Severity::Warning, exemption.expires.span(), message, help);
        }
    }

    fn unused(&mut self, file: &source::PolicyFile, rows: &[CatalogueRow]) {
        let names: Vec<_> = rows.iter().map(|row| Folded::name(&row.name)).collect();
        let vendors: Vec<_> = rows.iter().map(|row| Folded::name(&row.vendor)).collect();
        let skus: Vec<_> = rows.iter().map(|row| Folded::sku(&row.sku)).collect();
        let named =
            |term: &str, texts: &[Folded]| texts.iter().any(|text| is_in(term, text.as_str()));
        for vendor in &file.vendor {
            let unused = |term: &str| !named(term, &names) && !named(term, &vendors);
            self.unused_terms(&vendor.id, &vendor.names, unused);
        }
        for product in &file.product {
            self.unused_terms(&product.id, &product.names, |term| !named(term, &names));
            self.unused_terms(&product.id, &product.skus, |pattern| {
                let regex = Regex::new(&format!("^(?:{pattern})"));
                regex.is_ok_and(|regex| !skus.iter().any(|sku| regex.is_match(sku.as_str())))
            });
        }
    }

    fn unused_terms(
        &mut self,
        id: &Spanned<String>,
        terms: &[Spanned<String>],
        unused: impl Fn(&str) -> bool,
    ) {
        let idle: Vec<_> = terms.iter().filter(|term| unused(term.get_ref())).collect();
        let Some(first) = idle.first() else { return };
        let listed = idle.iter().map(|t| format!("`{}`", t.get_ref())).collect::<Vec<_>>();
        let message = format!(
            "{} of {} terms of `{}` match nothing in the catalogue: {}",
            idle.len(),
            terms.len(),
            id.get_ref(),
            listed.join(", ")
        );
        let help = "check their spelling; a term for what is not sold yet is no mistake";
        self.report(Severity::Note, first.span(), message, help);
    }
}

/// A term as it is compared, with its open ends.
fn spelling(term: &str) -> String {
    let term = term.trim();
    let open = |is: bool| if is { "*" } else { "" };
    let folded = Folded::name(term.trim_matches('*'));
    format!("{}{}{}", open(term.starts_with('*')), folded.as_str(), open(term.ends_with('*')))
}

/// True if the term stands in a folded text, as whole words but for its open ends.
fn is_in(term: &str, text: &str) -> bool {
    let term = term.trim();
    let folded = Folded::name(term.trim_matches('*'));
    let padded = format!(" {text} ");
    let before = if term.starts_with('*') { "" } else { " " };
    let after = if term.ends_with('*') { "" } else { " " };
    padded.contains(&format!("{before}{}{after}", folded.as_str()))
}

/// True if wherever `rule` applies `other` applies too and speaks instead.
fn never_speaks_beside(rule: &Rule, other: &Rule) -> bool {
    let always = other.mode == Mode::Enforce
        && rule.mode == Mode::Enforce
        && other.suspended.is_none()
        && other.when.is_empty()
        && other.exemptions.iter().all(|exemption| rule.exemptions.contains(exemption))
        && other.facts.effective <= rule.facts.effective
        && other.until.is_none_or(|end| rule.until.is_some_and(|until| until <= end));
    let wider = rule.actions.iter().all(|action| other.actions.contains(action))
        && rule.products.iter().all(|product| other.products.contains(product))
        && (!rule.buyer || other.buyer)
        && (!rule.seller || other.seller);
    let tie = other.facts.effective == rule.facts.effective && other.order < rule.order;
    let speaks = |mine, theirs| {
        mine == crate::model::Verdict::Allow || mine < theirs || (mine == theirs && tie)
    };
    always && wider && speaks(rule.us, other.us) && speaks(rule.unclear, other.unclear)
}

/// True if both count at once for the same action, product and party, without conditions, and differ.
fn contradicts(a: &Rule, b: &Rule) -> bool {
    let meets = a.actions.iter().any(|action| b.actions.contains(action))
        && a.products.iter().any(|product| b.products.contains(product))
        && ((a.buyer && b.buyer) || (a.seller && b.seller));
    let starts = a.facts.effective.max(b.facts.effective);
    let at_once = [a.until, b.until].iter().flatten().all(|until| *until > starts);
    let counts = |rule: &Rule| rule.mode == Mode::Enforce && rule.when.is_empty();
    meets && at_once && counts(a) && counts(b) && (a.us, a.unclear) != (b.us, b.unclear)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "[policy]\nid = \"p\"\ntitle = \"t\"\nauthority = \"a\"\ncitation = \"c\"\nversion = \"1\"\n\
        [[vendor]]\nid = \"acme\"\nnames = [\"acme\"]\n";
    const PRODUCT: &str = "[[product]]\nid = \"p.x\"\nkind = \"covered\"\nvendors = [\"acme\"]\ncatch_all = true\nnames = [\"box\"]\n";

    fn rule(id: &str, more: &str) -> String {
        format!(
            "[[rule]]\nid = \"{id}\"\nclause = \"c\"\nbasis = \"text\"\nactions = [\"sale\"]\nproducts = [\"p.x\"]\n\
             nexus = [\"buyer\"]\nmessage = \"m\"\n{more}\n"
        )
    }

    const PLAIN: &str = "effective = 2024-01-01T00:00:00Z\nus = \"block\"\nunclear = \"review\"";

    fn findings(text: &str, rows: Option<&[CatalogueRow]>) -> Vec<(Severity, usize, String)> {
        let text = PolicyText { name: "p.toml".to_owned(), text: text.to_owned() };
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let findings = check(&[text], rows, now).unwrap();
        let plain = |f: &CheckFinding| (f.severity, f.fault.line(), f.fault.message().to_owned());
        findings.iter().map(plain).collect()
    }

    fn one(text: &str) -> (Severity, String) {
        let found = findings(text, None);
        assert_eq!(found.len(), 1, "{found:?}");
        (found[0].0, found[0].2.clone())
    }

    #[test]
    fn a_plain_policy_has_no_findings() {
        assert_eq!(findings(&(HEADER.to_owned() + PRODUCT + &rule("r", PLAIN)), None), []);
    }

    #[test]
    fn rules_that_can_never_apply_are_errors() {
        let base = HEADER.to_owned() + PRODUCT;
        let allows = "effective = 2024-01-01T00:00:00Z\nus = \"allow\"\nunclear = \"allow\"";
        let (severity, message) = one(&(base.clone() + &rule("r", allows)));
        assert_eq!(severity, Severity::Error);
        assert_eq!(message, "rule `r` can never apply: it allows in every case");
        let later = "effective = 2025-01-01T00:00:00Z\nus = \"review\"\nunclear = \"allow\"";
        let both = base.clone() + &rule("a", PLAIN) + &rule("b", later);
        let found = findings(&both, None);
        assert!(found.iter().any(|f| f.2 == "rule `b` can never apply: `a` is always stricter"));
        // The later of two equal rules speaks, so neither is idle.
        let renewed = "effective = 2025-01-01T00:00:00Z\nus = \"block\"\nunclear = \"review\"";
        assert_eq!(findings(&(base + &rule("a", PLAIN) + &rule("b", renewed)), None), []);
    }

    #[test]
    fn overlaps_with_different_outcomes_are_warned_of() {
        let base = HEADER.to_owned() + PRODUCT;
        let other = "effective = 2023-01-01T00:00:00Z\nus = \"review\"\nunclear = \"review\"";
        let overlap = base.clone() + &rule("a", other) + &rule("b", PLAIN);
        let (severity, message) = one(&overlap);
        assert_eq!(severity, Severity::Warning);
        assert!(message.starts_with("rules `a` and `b` overlap"), "{message}");
        let ended = format!("{other}\nuntil = 2024-01-01T00:00:00Z");
        assert_eq!(findings(&(base + &rule("a", &ended) + &rule("b", PLAIN)), None), []);
    }

    #[test]
    fn what_a_file_leaves_open_is_warned_of() {
        let base = HEADER.to_owned() + PRODUCT;
        let no_rest = base.replace("catch_all = true\n", "") + &rule("r", PLAIN);
        assert_eq!(one(&no_rest).0, Severity::Warning);
        let judged = rule("r", PLAIN).replace("\"text\"", "\"judgement\"");
        assert!(one(&(base.clone() + &judged)).1.contains("says not on what"));
        let off = rule("r", &format!("{PLAIN}\nmode = \"off\""));
        assert_eq!(one(&(base.clone() + &off)).0, Severity::Note);
        let stay =
            "suspended = { from = 2024-02-01T00:00:00Z, by = \"a court\", reason = \"stay\" }";
        let stayed = one(&(base + &rule("r", &format!("{PLAIN}\n{stay}"))));
        assert_eq!(stayed.0, Severity::Note);
        assert!(stayed.1.ends_with("until further notice by a court: stay"), "{}", stayed.1);
    }

    #[test]
    fn exemptions_that_ended_or_end_soon_are_warned_of() {
        let exemption = |expires: &str| {
            format!(
                "{HEADER}{PRODUCT}{}[[exemption]]\nid = \"e\"\nauthorisation = \"L1\"\nreason = \"r\"\n\
                 rules = [\"r\"]\nexpires = {expires}\n",
                rule("r", PLAIN)
            )
        };
        assert!(one(&exemption("2025-12-31T00:00:00Z")).1.contains("expired"));
        assert!(one(&exemption("2026-01-30T00:00:00Z")).1.contains("less than 30 days"));
        assert_eq!(findings(&exemption("2026-02-01T00:00:00Z"), None), []);
    }

    #[test]
    fn terms_that_stand_twice_are_found_however_they_are_spelt() {
        let rules = rule("r", PLAIN);
        let twice = PRODUCT.replace("[\"box\"]", "[\"big box\", \"Big-Box\"]");
        assert_eq!(one(&(HEADER.to_owned() + &twice + &rules)).0, Severity::Warning);
        let exempt = "[[product]]\nid = \"p.y\"\nkind = \"exempt\"\nvendors = [\"acme\"]\nnames = [\"BOX\"]\n";
        let found = findings(&(HEADER.to_owned() + PRODUCT + exempt + &rules), None);
        assert_eq!((found.len(), found[0].0, found[0].1), (1, Severity::Error, 20));
    }

    #[test]
    fn terms_that_match_nothing_in_the_catalogue_are_noted() {
        let text = HEADER.to_owned() + PRODUCT + &rule("r", PLAIN);
        let row = |name: &str| CatalogueRow { name: name.to_owned(), ..CatalogueRow::default() };
        assert_eq!(findings(&text, Some(&[row("ACME box")])), []);
        let found = findings(&text, Some(&[row("Acme boxer")]));
        assert_eq!(found.len(), 1);
        assert!(found[0].2.ends_with("match nothing in the catalogue: `box`"), "{found:?}");
    }
}
