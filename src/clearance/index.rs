//! The clearances in force, found by subject.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use ipnet::IpNet;
use jiff::Timestamp;

use crate::model::Action;
use crate::model::DecisionId;

use super::digest::Digest;
use super::subject::Subject;

/// What a person released.
#[derive(Debug)]
pub struct Clearance {
    /// The action.
    pub action: Action,
    /// Who released it, then who recommended that.
    pub by: Arc<[Box<str>]>,
    /// What the hold rested on.
    pub evidence: Digest,
    /// From when it holds, inclusive.
    pub from: Timestamp,
    /// The hold that it answers.
    pub hold: DecisionId,
    /// Its name.
    pub id: Arc<str>,
    /// Networks from which an account that nobody vouches for is cleared, as texts or masked ones; empty where somebody vouched.
    pub networks: Vec<Box<str>>,
    /// The product group; none for an item that nothing identifies.
    pub product: Option<Box<str>>,
    /// For whom: a [`Subject`]'s text, or its mask.
    pub subject: Box<str>,
    /// When it ends, exclusive.
    pub until: Timestamp,
    /// How often.
    pub uses: Uses,
}

/// How often a clearance may be used.
#[derive(Debug)]
pub enum Uses {
    /// Once. True once it was: all snapshots share it.
    Once(AtomicBool),
    /// Until it ends.
    Unlimited,
}

/// What is asked of a held finding.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The action.
    pub action: Action,
    /// Now.
    pub at: Timestamp,
    /// What the hold rests on.
    pub evidence: Digest,
    /// The client's network, as the gateway sees it.
    pub network: Option<IpNet>,
    /// The product group.
    pub product: Option<&'a str>,
    /// For whom.
    pub subject: &'a Subject,
    /// Whether somebody vouches for the subject.
    pub vouched: bool,
}

/// Masks a text as the ledger does where it keeps no names.
#[derive(Clone)]
pub struct Mask(Arc<dyn Fn(&str) -> String + Send + Sync>);

/// All clearances in force. Empty by default.
#[derive(Clone, Debug, Default)]
pub struct Clearances {
    by_subject: HashMap<Box<str>, Vec<Arc<Clearance>>>,
    mask: Option<Mask>,
}

impl Clearance {
    /// True if it may be used now, as far as time and uses go.
    pub fn is_usable(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.until && !self.is_used()
    }

    /// True if its single use was taken.
    pub fn is_used(&self) -> bool {
        match &self.uses {
            Uses::Once(used) => used.load(Ordering::Acquire),
            Uses::Unlimited => false,
        }
    }

    /// Takes a use; false if the single one was taken before, by whatever thread.
    pub fn take(&self) -> bool {
        match &self.uses {
            Uses::Once(used) => {
                used.compare_exchange(false, true, Ordering::AcqRel, Ordering::Acquire).is_ok()
            }
            Uses::Unlimited => true,
        }
    }

    /// Notes that it was used, as the record says.
    pub fn note_used(&self) {
        self.take();
    }

    fn answers(&self, asked: &Asked<'_>, network: Option<&str>) -> bool {
        let held_here = || {
            let known = |network: &str| self.networks.iter().any(|known| **known == *network);
            network.is_some_and(known)
        };
        self.action == asked.action
            && self.product.as_deref() == asked.product
            && self.evidence == asked.evidence
            && self.is_usable(asked.at)
            && (asked.vouched || !asked.subject.is_claimed() || held_here())
    }
}

impl Clearances {
    /// The clearances in force. With a mask, what is asked is also looked for under its mask: ledgers that keep no names hold that.
    pub fn new(clearances: impl IntoIterator<Item = Arc<Clearance>>, mask: Option<Mask>) -> Self {
        let mut by_subject: HashMap<Box<str>, Vec<Arc<Clearance>>> = HashMap::new();
        for clearance in clearances {
            by_subject.entry(clearance.subject.clone()).or_default().push(clearance);
        }
        Self { by_subject, mask }
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.by_subject.is_empty()
    }

    /// How many may be used at `at`.
    pub fn active(&self, at: Timestamp) -> usize {
        self.by_subject.values().flatten().filter(|clearance| clearance.is_usable(at)).count()
    }

    /// The clearance that answers, if there is one. No use of it is taken.
    pub fn find(&self, asked: &Asked<'_>) -> Option<Arc<Clearance>> {
        if self.is_empty() {
            return None;
        }
        let subject = asked.subject.to_string();
        let network = asked.network.map(|network| network.to_string());
        self.named(&subject, asked, network.as_deref()).or_else(|| {
            let mask = self.mask.as_ref()?;
            let network = network.as_deref().map(|network| mask.of(network));
            self.named(&mask.of(&subject), asked, network.as_deref())
        })
    }

    fn named(
        &self,
        subject: &str,
        asked: &Asked<'_>,
        network: Option<&str>,
    ) -> Option<Arc<Clearance>> {
        let known = self.by_subject.get(subject)?;
        known.iter().find(|clearance| clearance.answers(asked, network)).map(Arc::clone)
    }
}

impl Mask {
    /// A mask.
    pub fn new(mask: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        Self(Arc::new(mask))
    }

    /// The mask of a text.
    pub fn of(&self, text: &str) -> String {
        (self.0)(text)
    }
}

impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mask")
    }
}
