//! The account of a decision: what matched, where the parties stand and why, and what became of every rule.
//!
//! It asks the engine's own functions, so that it cannot tell another story than the decision. It names evidence fields,
//! never their values.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use crate::model::Basis;
use crate::model::Because;
use crate::model::EvidenceField;
use crate::model::Item;
use crate::model::MatchedBy;
use crate::model::Mode;
use crate::model::Nexus;
use crate::model::Spared;
use crate::model::Transaction;
use crate::model::Verdict;

use super::engine::decide::Judge;
use super::engine::decide::decide;
use super::engine::nexus::weigh;
use super::engine::products::Certainty;
use super::engine::products::Match;
use super::engine::products::is_unidentified;
use super::engine::products::of_item;
use super::engine::products::of_request;
use super::engine::rule::Rule;
use super::engine::set::PolicySet;
use super::engine::setting::Setting;
use super::text::Folded;

/// The account of one decision.
#[derive(Debug, Serialize)]
pub struct Explanation {
    action: &'static str,
    at: Timestamp,
    buyer: Standing,
    citation: Option<String>,
    clause: Option<String>,
    items: Vec<Subject>,
    reason: String,
    request: Option<Subject>,
    seller: Option<Nexus>,
    verdict: Verdict,
}

#[derive(Debug, Serialize)]
struct Standing {
    /// What decided it.
    because: Because,
    /// Decisive for `us`, each alone.
    decisive: Because,
    /// Foreign addresses, which are not enough by themselves.
    foreign: Because,
    /// What keeps foreign evidence from being enough.
    hindering: Because,
    network_address: &'static str,
    nexus: Nexus,
}

/// An item, or the request.
#[derive(Debug, Serialize)]
struct Subject {
    name: String,
    products: Vec<Place>,
    sku: String,
    vendor: String,
    verdict: Verdict,
}

/// A product group that the subject is in.
#[derive(Debug, Serialize)]
struct Place {
    certainty: &'static str,
    matched_by: MatchedBy,
    product: String,
    rules: Vec<Applied>,
}

/// What became of one rule.
#[derive(Debug, Serialize)]
struct Applied {
    clause: String,
    mode: Mode,
    policy: String,
    rule: String,
    spared: Option<Spared>,
    verdict: Verdict,
    why: String,
}

/// Explains what [`decide`] answers.
pub fn explain(
    transaction: &Transaction,
    at: Timestamp,
    set: &PolicySet,
    setting: &Setting<'_>,
) -> Explanation {
    let decision = decide(transaction, at, set, setting);
    let (judge, because) = Judge::new(transaction, at, set, setting);
    let narrator = Narrator { at, judge: &judge, set, transaction };
    let tally = weigh(&transaction.buyer);
    let network_address = match (tally.us_ip, tally.foreign_ip, tally.doubtful_ip) {
        (true, _, _) => "clean, in the United States",
        (false, _, true) => "without a country, or of a class that voids or weakens it",
        (false, true, false) => "clean and foreign",
        (false, false, false) if tally.decisive.iter().any(|f| f == EvidenceField::Ip) => {
            "of the United States armed forces"
        }
        (false, false, false) => "none",
    };
    let findings = transaction.items.iter().zip(&decision.findings);
    let items = findings.map(|(item, finding)| {
        let matches = of_item(set, setting, item, at);
        narrator.subject(Some(item), &matches.0, finding.verdict)
    });
    let items = items.collect();
    let request = transaction.request.as_ref().map(|request| {
        let finding = match &decision.request {
            Some(finding) => Some(finding),
            None if transaction.items.is_empty() => decision.findings.first(),
            None => None,
        };
        let verdict = finding.map_or(Verdict::Allow, |finding| finding.verdict);
        narrator.subject(None, &of_request(set, request).0, verdict)
    });
    Explanation {
        action: transaction.action.as_str(),
        at,
        buyer: Standing {
            because,
            decisive: tally.decisive,
            foreign: tally.foreign_address,
            hindering: tally.hindering,
            network_address,
            nexus: decision.buyer,
        },
        citation: decision.ruling.as_ref().map(|rule| rule.citation.to_string()),
        clause: decision.ruling.as_ref().map(|rule| rule.clause.to_string()),
        items,
        reason: decision.reason(),
        request,
        seller: decision.seller,
        verdict: decision.verdict,
    }
}

/// A rule in words, by `rule` or `policy/rule`; one text for each rule of that name.
pub fn describe_rules(set: &PolicySet, name: &str) -> Vec<String> {
    let (policy, rule) = match name.split_once('/') {
        Some((policy, rule)) => (Some(policy), rule),
        None => (None, name),
    };
    let named = set.rules.iter().filter(|r| {
        *r.facts.rule == *rule && policy.is_none_or(|policy| *r.facts.policy == *policy)
    });
    named.map(|rule| in_words(set, rule)).collect()
}

struct Narrator<'a> {
    at: Timestamp,
    judge: &'a Judge<'a>,
    set: &'a PolicySet,
    transaction: &'a Transaction,
}

impl Narrator<'_> {
    fn subject(&self, item: Option<&Item>, matches: &[Match], verdict: Verdict) -> Subject {
        let text = |text: Option<&String>, fold: fn(&str) -> Folded| {
            text.map_or_else(String::new, |text| fold(text).as_str().to_owned())
        };
        let mut products: Vec<Place> =
            matches.iter().map(|found| self.place(item, found)).collect();
        if item.is_some_and(is_unidentified) {
            let rules = self.set.rules_by_action.get(self.transaction.action.index());
            let rules = rules.into_iter().flatten();
            let rules = rules.map(|r| self.applied(*r, Certainty::Suspected, None, item));
            products.push(Place {
                certainty: "suspected",
                matched_by: MatchedBy::Nothing,
                product: "(nothing says what it is)".to_owned(),
                rules: rules.flatten().collect(),
            });
        }
        Subject {
            name: text(item.and_then(|i| i.name.as_ref()), Folded::name),
            products,
            sku: text(item.and_then(|i| i.sku.as_ref()), Folded::sku),
            vendor: text(item.and_then(|i| i.vendor.as_ref()), Folded::name),
            verdict,
        }
    }

    fn place(&self, item: Option<&Item>, found: &Match) -> Place {
        let product = self.set.product(found.product);
        let rules = self
            .judge
            .rules_on(found)
            .iter()
            .filter_map(|r| self.applied(*r, found.certainty, Some(found.product), item));
        Place {
            certainty: match found.certainty {
                Certainty::Certain => "certain",
                Certainty::Exempt => "exempt",
                Certainty::Suspected => "suspected",
            },
            matched_by: found.by,
            product: product.map_or_else(String::new, |p| p.id.to_string()),
            rules: rules.collect(),
        }
    }

    fn applied(
        &self,
        rule: u32,
        certainty: Certainty,
        product: Option<u32>,
        item: Option<&Item>,
    ) -> Option<Applied> {
        let rule = self.set.rule(rule)?;
        let (verdict, spared) = self.judge.apply(rule, certainty, product, item);
        Some(Applied {
            clause: rule.facts.clause.to_string(),
            mode: rule.mode,
            policy: rule.facts.policy.to_string(),
            rule: rule.facts.rule.to_string(),
            spared,
            verdict,
            why: self.why(rule, verdict, spared, product),
        })
    }

    fn why(
        &self,
        rule: &Rule,
        verdict: Verdict,
        spared: Option<Spared>,
        product: Option<u32>,
    ) -> String {
        match spared {
            None if verdict == Verdict::Review && rule.us == Verdict::Block => {
                "held: a party, the item or a condition is not certain".to_owned()
            }
            None => "applies".to_owned(),
            Some(Spared::Cleared) => "a person has cleared it".to_owned(),
            Some(Spared::Condition) => "a condition on the item does not hold".to_owned(),
            Some(Spared::Ended) => match rule.until {
                Some(until) => format!("ended at {until}"),
                None => "ended".to_owned(),
            },
            Some(Spared::Exempted) => self.exempted(rule, product),
            Some(Spared::Foreign) => "it allows parties that stand so".to_owned(),
            Some(Spared::NotYet) => format!("in force from {}", rule.facts.effective),
            Some(Spared::Suspended) => rule.suspended.as_ref().map_or_else(String::new, |s| {
                let until = s.until.map_or_else(String::new, |until| format!(" until {until}"));
                format!("suspended from {}{until} by {}: {}", s.from, s.by, s.reason)
            }),
        }
    }

    fn exempted(&self, rule: &Rule, product: Option<u32>) -> String {
        let exemptions = rule.exemptions.iter().filter_map(|e| self.set.exemption(*e));
        let covers = product.and_then(|product| {
            exemptions.into_iter().find(|e| e.covers(product, &self.transaction.buyer, self.at))
        });
        covers.map_or_else(String::new, |e| {
            format!("exempted by {} until {} ({}): {}", e.authorisation, e.expires, e.id, e.reason)
        })
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}: {}", self.action, self.at, self.verdict.as_str())?;
        if let (Some(clause), Some(citation)) = (&self.clause, &self.citation) {
            write!(f, " under {clause}, {citation}")?;
        }
        writeln!(f, "\n  {}", self.reason)?;
        writeln!(f, "  buyer: {}", self.buyer.nexus.as_str())?;
        for (label, fields) in [
            ("decided by", self.buyer.because),
            ("United States, decisive", self.buyer.decisive),
            ("foreign address", self.buyer.foreign),
            ("against foreign", self.buyer.hindering),
        ] {
            if !fields.is_empty() {
                let names: Vec<_> = fields.iter().map(EvidenceField::as_str).collect();
                writeln!(f, "    {label}: {}", names.join(", "))?;
            }
        }
        writeln!(f, "    network address: {}", self.buyer.network_address)?;
        match self.seller {
            Some(seller) => writeln!(f, "  seller: {}", seller.as_str())?,
            None => writeln!(f, "  seller: does not count for this action")?,
        }
        for (n, item) in self.items.iter().enumerate() {
            writeln!(f, "  item {}: {}", n.saturating_add(1), item.verdict.as_str())?;
            item.fmt(f)?;
        }
        if let Some(request) = &self.request {
            writeln!(f, "  request: {}", request.verdict.as_str())?;
            request.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (label, text) in [("name", &self.name), ("vendor", &self.vendor), ("sku", &self.sku)] {
            if !text.is_empty() {
                writeln!(f, "    {label} read as `{text}`")?;
            }
        }
        if self.products.is_empty() {
            writeln!(f, "    belongs to no product that a policy covers")?;
        }
        for place in &self.products {
            let by = name_of(place.matched_by);
            writeln!(f, "    {} by {by}, {}", place.product, place.certainty)?;
            if place.rules.is_empty() {
                writeln!(f, "      no rule for this action")?;
            }
            for rule in &place.rules {
                let mode = match rule.mode {
                    Mode::Enforce | Mode::Off => "",
                    Mode::Shadow => " (shadow)",
                };
                writeln!(
                    f,
                    "      {}/{} {}{mode}: {}, {}",
                    rule.policy,
                    rule.rule,
                    rule.clause,
                    rule.verdict.as_str(),
                    rule.why
                )?;
            }
        }
        Ok(())
    }
}

const fn name_of(by: MatchedBy) -> &'static str {
    match by {
        MatchedBy::Attribute => "attribute",
        MatchedBy::Catalog => "catalogue",
        MatchedBy::Component => "component",
        MatchedBy::Host => "host",
        MatchedBy::Name => "name",
        MatchedBy::Nothing => "nothing",
        MatchedBy::Path => "path",
        MatchedBy::Sku => "SKU",
        MatchedBy::SuspectedComponent => "suspected component",
        MatchedBy::Vendor => "vendor",
    }
}

fn in_words(set: &PolicySet, rule: &Rule) -> String {
    let facts = &rule.facts;
    let products = rule.products.iter().filter_map(|p| set.product(*p)).map(|p| p.id.to_string());
    let products = products.collect::<Vec<_>>().join(", ");
    let actions = rule.actions.iter().map(|a| a.as_str()).collect::<Vec<_>>().join(", ");
    let parties = match (rule.buyer, rule.seller) {
        (true, true) => "the buyer or the seller",
        (true, false) => "the buyer",
        (false, _) => "the seller",
    };
    let until = rule.until.map_or_else(String::new, |until| format!(" until {until}"));
    let basis = match facts.basis {
        Basis::Judgement => "a legal judgement",
        Basis::Policy => "a choice of the operator",
        Basis::Text => "the text of the authority",
    };
    let mut text = format!(
        "{}/{}: {} ({})\n  from {}{until}\n  actions: {actions}\n  products: {products}\n  \
         {} if {parties} is in the United States or a US person, {} if that is unclear, else allow\n  \
         rests on {basis}\n  \"{}\"\n",
        facts.policy,
        facts.rule,
        facts.clause,
        facts.citation,
        facts.effective,
        rule.us.as_str(),
        rule.unclear.as_str(),
        facts.message
    );
    match rule.mode {
        Mode::Enforce => {}
        Mode::Off => text.push_str("  switched off\n"),
        Mode::Shadow => text.push_str("  in shadow: recorded, never enforced\n"),
    }
    if !rule.when.is_empty() {
        let attributes: Vec<_> = rule.when.iter().map(|c| &*c.attribute).collect();
        text.push_str(&format!("  only where conditions on {} hold\n", attributes.join(", ")));
    }
    if let Some(s) = &rule.suspended {
        let until = s.until.map_or_else(String::new, |until| format!(" until {until}"));
        text.push_str(&format!("  suspended from {}{until} by {}: {}\n", s.from, s.by, s.reason));
    }
    for e in rule.exemptions.iter().filter_map(|e| set.exemption(*e)) {
        text.push_str(&format!(
            "  exempted by {} until {}: {}\n",
            e.authorisation, e.expires, e.reason
        ));
    }
    text
}
