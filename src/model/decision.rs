//! What the engine answers (DESIGN 4, Contract). A denial is a value, never an error.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};
use smallvec::SmallVec;
use uuid::Uuid;

use super::cleared::{Cleared, ClearedDocument};
use super::nexus::{Because, Nexus};

/// What to do. The order is the order of strictness: block, review, allow.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Serve it.
    #[default]
    Allow,
    /// Hold it: deliver nothing until a person clears it.
    Review,
    /// Refuse it.
    Block,
}

/// What a rule rests on, so that an auditor sees which refusals follow from the order's own text.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Legal judgement.
    Judgement,
    /// A choice of the operator.
    Policy,
    /// The order's text.
    Text,
}

/// What a rule does with its outcome.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It counts.
    #[default]
    Enforce,
    /// The rule is written down and switched off.
    Off,
    /// It is recorded beside the decision and changes nothing.
    Shadow,
}

/// What put an item into a product group.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is named after what matched")]
pub enum MatchedBy {
    Attribute,
    Catalog,
    Component,
    Host,
    Name,
    Nothing,
    Path,
    Sku,
    SuspectedComponent,
    Vendor,
}

/// The facts of a rule that a decision cites.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RuleFacts {
    /// What it rests on.
    pub basis: Basis,
    /// Citation of the authority.
    pub citation: Box<str>,
    /// Clause of the authority.
    pub clause: Box<str>,
    /// First instant, inclusive.
    pub effective: Timestamp,
    /// What a refused customer is told.
    pub message: Box<str>,
    /// Policy id.
    pub policy: Box<str>,
    /// Rule id.
    pub rule: Box<str>,
}

/// What a rule in shadow would have done.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ShadowOutcome {
    /// The rule.
    pub rule: Arc<RuleFacts>,
    /// Its outcome.
    pub verdict: Verdict,
}

/// What was found of one item or of the request.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Finding {
    /// On review: the doubt is about the item, not (only) about the parties, or more than one product group reviews it. What a
    /// person has found out about the parties does not answer that.
    pub doubtful: bool,
    /// What put it into `product`; absent where nothing matched.
    pub matched_by: Option<MatchedBy>,
    /// The product group; absent where nothing matched.
    pub product: Option<Arc<str>>,
    /// The rule that decided; absent on allow.
    pub ruling: Option<Arc<RuleFacts>>,
    /// On allow, the rule that came nearest, and why it did not apply.
    pub spared: Option<(Arc<RuleFacts>, Spared)>,
    /// Its own verdict.
    pub verdict: Verdict,
}

/// Why a rule on this product and action did not refuse.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Spared {
    /// A person has cleared it.
    Cleared,
    /// A condition on the item does not hold.
    Condition,
    /// The rule has ended.
    Ended,
    /// An authorisation covers it.
    Exempted,
    /// The parties are foreign.
    Foreign,
    /// The rule is not yet in force.
    NotYet,
    /// The rule is suspended.
    Suspended,
}

/// The engine's answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The instant it was judged at.
    pub at: Timestamp,
    /// The evidence that decided the nexus.
    pub because: Because,
    /// The buyer's nexus.
    pub buyer: Nexus,
    /// The clearances that lifted a review: empty but where a person has cleared what would have been held.
    pub cleared: Vec<Cleared>,
    /// When a rule that cuts running transfers will refuse this.
    pub cut_at: Option<Timestamp>,
    /// One per item, in order; the request alone where there are no items.
    pub findings: SmallVec<[Finding; 4]>,
    /// What was found of the request, where there are items too and it matched.
    pub request: Option<Finding>,
    /// The rule that decided; absent on allow.
    pub ruling: Option<Arc<RuleFacts>>,
    /// The seller's nexus, for actions that count it.
    pub seller: Option<Nexus>,
    /// Outcomes of rules in shadow.
    pub shadow: SmallVec<[ShadowOutcome; 1]>,
    /// The strictest verdict.
    pub verdict: Verdict,
}

/// A decision's name: a `UUIDv7` (RFC 9562 5.7).
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct DecisionId(Uuid);

impl Verdict {
    /// Every verdict.
    pub const ALL: [Self; 3] = [Self::Allow, Self::Review, Self::Block];

    /// The contract's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Block => "block",
            Self::Review => "review",
        }
    }
}

impl DecisionId {
    /// A new id at `at`.
    pub fn new(at: Timestamp) -> Self {
        let seconds = u64::try_from(at.as_second()).unwrap_or(0);
        let nanos = u32::try_from(at.subsec_nanosecond()).unwrap_or(0);
        Self(Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanos)))
    }

    /// The id of that text.
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::try_parse(text).ok().map(Self)
    }

    /// Adds the id's text, 36 bytes.
    pub fn push_to(self, text: &mut String) {
        text.push_str(self.0.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
    }
}

impl fmt::Display for DecisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl Decision {
    /// All findings: the items', then the request's.
    pub fn all_findings(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().chain(&self.request)
    }

    /// True if an item or the request belongs to a product group that some rule names.
    pub fn is_covered(&self) -> bool {
        self.all_findings().any(|finding| finding.ruling.is_some() || finding.spared.is_some())
    }

    /// Why, for the operator: it names evidence fields and rules, never their values.
    pub fn reason(&self) -> String {
        let nexus = |f: &mut String| {
            f.push_str("the buyer is ");
            f.push_str(self.buyer.as_str());
            if let Some(seller) = self.seller {
                f.push_str(", the seller is ");
                f.push_str(seller.as_str());
            }
            for (i, field) in self.because.iter().enumerate() {
                f.push_str(if i == 0 { " because of " } else { ", " });
                f.push_str(field.as_str());
            }
        };
        let mut text = String::new();
        if let Some(rule) = &self.ruling {
            text.push_str(&rule.message);
            text.push_str(" (");
            text.push_str(&rule.clause);
            text.push_str(", ");
            text.push_str(&rule.citation);
            text.push_str("): ");
            nexus(&mut text);
        } else if let Some((rule, spared)) = self.all_findings().find_map(|f| f.spared.as_ref()) {
            text.push_str(&rule.clause);
            text.push_str(match spared {
                Spared::Cleared => " would hold it, and a person has cleared it: ",
                Spared::Condition => " does not apply to an item like this: ",
                Spared::Ended => " has ended: ",
                Spared::Exempted => " is lifted by an authorisation: ",
                Spared::Foreign => " does not apply: ",
                Spared::NotYet => " is not yet in force: ",
                Spared::Suspended => " is suspended: ",
            });
            nexus(&mut text);
        } else if self.all_findings().any(|finding| finding.product.is_some()) {
            text.push_str("no rule prohibits this action with this product");
        } else {
            text.push_str("nothing here belongs to a product that a policy covers");
        }
        text
    }

    /// The contract's JSON, with members in alphabetical order.
    pub fn document<'a>(&'a self, id: DecisionId, bundle: &'a str) -> DecisionDocument<'a> {
        DecisionDocument { bundle, decision: self, hypothetical: false, id }
    }
}

/// A decision as the contract writes it.
#[derive(Clone, Copy, Debug)]
pub struct DecisionDocument<'a> {
    bundle: &'a str,
    decision: &'a Decision,
    hypothetical: bool,
    id: DecisionId,
}

impl DecisionDocument<'_> {
    /// Marks an answer to a given instant.
    #[must_use]
    pub fn hypothetical(mut self) -> Self {
        self.hypothetical = true;
        self
    }
}

#[derive(Serialize)]
struct FindingDocument<'a> {
    matched_by: Option<MatchedBy>,
    product: Option<&'a str>,
    verdict: Verdict,
}

#[derive(Serialize)]
struct NexusDocument {
    because: Because,
    buyer: Nexus,
    seller: Option<Nexus>,
}

#[derive(Serialize)]
struct ShadowDocument<'a> {
    clause: &'a str,
    policy: &'a str,
    rule: &'a str,
    verdict: Verdict,
}

impl<'a> From<&'a Finding> for FindingDocument<'a> {
    fn from(finding: &'a Finding) -> Self {
        Self {
            matched_by: finding.matched_by,
            product: finding.product.as_deref(),
            verdict: finding.verdict,
        }
    }
}

impl Serialize for DecisionDocument<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let decision = self.decision;
        let rule = decision.ruling.as_deref();
        let mut s = serializer.serialize_struct("Decision", 16)?;
        s.serialize_field("at", &decision.at)?;
        s.serialize_field("basis", &rule.map(|r| r.basis))?;
        s.serialize_field("bundle", self.bundle)?;
        s.serialize_field("citation", &rule.map(|r| &r.citation))?;
        s.serialize_field("clause", &rule.map(|r| &r.clause))?;
        if !decision.cleared.is_empty() {
            s.serialize_field("clearance", &ClearedDocument(&decision.cleared))?;
        }
        if self.hypothetical {
            s.serialize_field("hypothetical", &true)?;
        }
        s.serialize_field("id", &self.id)?;
        let items: SmallVec<[FindingDocument<'_>; 4]> =
            decision.findings.iter().map(FindingDocument::from).collect();
        s.serialize_field("items", items.as_slice())?;
        s.serialize_field(
            "nexus",
            &NexusDocument {
                because: decision.because,
                buyer: decision.buyer,
                seller: decision.seller,
            },
        )?;
        s.serialize_field("policy", &rule.map(|r| &r.policy))?;
        s.serialize_field("reason", &decision.reason())?;
        if let Some(request) = &decision.request {
            s.serialize_field("request", &FindingDocument::from(request))?;
        }
        s.serialize_field("rule", &rule.map(|r| &r.rule))?;
        if !decision.shadow.is_empty() {
            let shadow: SmallVec<[ShadowDocument<'_>; 2]> = decision
                .shadow
                .iter()
                .map(|outcome| ShadowDocument {
                    clause: &outcome.rule.clause,
                    policy: &outcome.rule.policy,
                    rule: &outcome.rule.rule,
                    verdict: outcome.verdict,
                })
                .collect();
            s.serialize_field("shadow", shadow.as_slice())?;
        }
        s.serialize_field("verdict", &decision.verdict)?;
        s.end()
    }
}
