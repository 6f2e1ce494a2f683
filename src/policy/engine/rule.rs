//! Rules, exemptions and policies as the engine holds them.

use std::sync::Arc;

use jiff::Timestamp;
use smallvec::SmallVec;

use crate::model::Buyer;
use crate::model::Mode;
use crate::model::Nexus;
use crate::model::RuleFacts;
use crate::model::Spared;
use crate::model::Verdict;
use crate::model::Vouching;

use super::condition::Condition;

/// What an operator sees of a policy.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PolicyInfo {
    /// Who issued the authority it encodes.
    pub authority: String,
    /// The file it was read from.
    pub file: String,
    /// Its id.
    pub id: String,
    /// What its author wants a reader to know.
    pub notes: String,
    /// Title for people.
    pub title: String,
    /// Its own version.
    pub version: String,
}

/// What happens to transfers that are running when a rule takes effect.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum InFlight {
    /// They are cut.
    Cut,
    /// They may finish.
    #[default]
    Finish,
}

#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) actions: Vec<crate::model::Action>,
    pub(crate) buyer: bool,
    pub(crate) exemptions: SmallVec<[u32; 1]>,
    pub(crate) facts: Arc<RuleFacts>,
    pub(crate) in_flight: InFlight,
    pub(crate) mode: Mode,
    pub(crate) order: u32,
    pub(crate) products: Vec<u32>,
    pub(crate) seller: bool,
    pub(crate) suspended: Option<Suspension>,
    pub(crate) unclear: Verdict,
    pub(crate) until: Option<Timestamp>,
    pub(crate) us: Verdict,
    pub(crate) when: Vec<Condition>,
}

#[derive(Clone, Debug)]
pub(crate) struct Suspension {
    pub(crate) by: Box<str>,
    pub(crate) from: Timestamp,
    pub(crate) reason: Box<str>,
    pub(crate) until: Option<Timestamp>,
}

#[derive(Clone, Debug)]
pub(crate) struct Exemption {
    pub(crate) accounts: Vec<Box<str>>,
    pub(crate) authorisation: Box<str>,
    pub(crate) expires: Timestamp,
    pub(crate) from: Option<Timestamp>,
    pub(crate) id: Box<str>,
    pub(crate) products: Vec<u32>,
    pub(crate) reason: Box<str>,
}

impl Rule {
    /// Why the rule is not in force at `at`, if it is not.
    pub(crate) fn out_of_force(&self, at: Timestamp) -> Option<Spared> {
        if at < self.facts.effective {
            Some(Spared::NotYet)
        } else if self.until.is_some_and(|until| until <= at) {
            Some(Spared::Ended)
        } else if self.suspended.as_ref().is_some_and(|s| s.holds(at)) {
            Some(Spared::Suspended)
        } else {
            None
        }
    }

    /// What the rule does to parties that stand so.
    pub(crate) fn outcome(&self, buyer: Nexus, seller: Nexus) -> Verdict {
        let buyer = if self.buyer { buyer } else { Nexus::Foreign };
        let seller = if self.seller { seller } else { Nexus::Foreign };
        match buyer.max(seller) {
            Nexus::Foreign => Verdict::Allow,
            Nexus::Unclear => self.unclear,
            Nexus::Us => self.us,
        }
    }
}

impl Suspension {
    fn holds(&self, at: Timestamp) -> bool {
        self.from <= at && self.until.is_none_or(|until| at < until)
    }
}

impl Exemption {
    /// True if it covers this buyer and product at `at`. An account that nobody vouches for is no scope to stand in.
    pub(crate) fn covers(&self, product: u32, buyer: &Buyer, at: Timestamp) -> bool {
        let account = || {
            buyer.vouching == Vouching::Vouched
                && buyer
                    .account
                    .as_deref()
                    .is_some_and(|account| self.accounts.iter().any(|a| **a == *account))
        };
        at < self.expires
            && self.from.is_none_or(|from| from <= at)
            && (self.products.is_empty() || self.products.contains(&product))
            && (self.accounts.is_empty() || account())
    }
}
