//! What a set says about time: when each rule begins, ends and is suspended, and what else happened when. Never part of a decision.

use jiff::Timestamp;
use serde::Serialize;

use crate::model::Action;
use crate::model::Basis;
use crate::model::Mode;
use crate::model::Verdict;

use super::engine::set::PolicySet;

/// Something that happened or will happen, such as a vendor's own date. It explains; nothing is decided by it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Milestone {
    /// When.
    pub at: Timestamp,
    /// The policy that tells of it.
    pub policy: String,
    /// Where that is written.
    pub source: String,
    /// What.
    pub title: String,
}

/// A rule, and when it holds.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct RuleDates {
    /// What it is about.
    pub actions: Vec<Action>,
    /// What it rests on.
    pub basis: Basis,
    /// Citation of the authority.
    pub citation: String,
    /// Clause of the authority.
    pub clause: String,
    /// First instant, inclusive.
    pub effective: Timestamp,
    /// What a refused customer is told.
    pub message: String,
    /// Whether it counts.
    pub mode: Mode,
    /// Policy id.
    pub policy: String,
    /// Rule id.
    pub rule: String,
    /// Its stay, if it has one.
    pub suspended: Option<SuspendedDates>,
    /// What it does to parties of whom too little is known.
    pub unclear: Verdict,
    /// First instant at which it has ended.
    pub until: Option<Timestamp>,
    /// What it does to parties in the United States.
    pub us: Verdict,
}

/// A rule's stay.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct SuspendedDates {
    /// Who ordered it.
    pub by: String,
    /// From which instant on.
    pub from: Timestamp,
    /// Why.
    pub reason: String,
    /// To which instant, exclusive.
    pub until: Option<Timestamp>,
}

impl PolicySet {
    /// What its policies tell of beside their rules, in order of time.
    pub fn milestones(&self) -> &[Milestone] {
        &self.milestones
    }

    /// Each rule and when it holds, in order of the files.
    pub fn dates(&self) -> Vec<RuleDates> {
        let rules = self.rules.iter().map(|rule| RuleDates {
            actions: rule.actions.clone(),
            basis: rule.facts.basis,
            citation: rule.facts.citation.to_string(),
            clause: rule.facts.clause.to_string(),
            effective: rule.facts.effective,
            message: rule.facts.message.to_string(),
            mode: rule.mode,
            policy: rule.facts.policy.to_string(),
            rule: rule.facts.rule.to_string(),
            suspended: rule.suspended.as_ref().map(|stay| SuspendedDates {
                by: stay.by.to_string(),
                from: stay.from,
                reason: stay.reason.to_string(),
                until: stay.until,
            }),
            unclear: rule.unclear,
            until: rule.until,
            us: rule.us,
        });
        rules.collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::policy::load_texts;

    fn told(milestones: &str) -> Result<Vec<String>, String> {
        let shipped = include_str!("../../policies/us-commerce-kaspersky.toml");
        let (rules, _) = shipped.split_once("[[milestone]]").unwrap();
        let set = load_texts(&[("p.toml", &format!("{rules}\n{milestones}"))]);
        let set = set.map_err(|errors| errors.to_string())?;
        Ok(set.milestones().iter().map(|m| format!("{} {}", m.at, m.title)).collect())
    }

    #[test]
    fn milestones_are_told_in_order_of_time() {
        let later = "[[milestone]]\nat = 2025-01-01T00:00:00Z\ntitle = \"b\"\nsource = \"s\"\n";
        let first = later.replace("2025", "2024").replace("\"b\"", "\"a\"");
        let wanted = ["2024-01-01T00:00:00Z a", "2025-01-01T00:00:00Z b"];
        assert_eq!(told(&format!("{later}{first}")).unwrap(), wanted);
    }

    #[test]
    fn a_milestone_says_exactly_when_what_and_where_it_is_written() {
        let sound = "[[milestone]]\nat = 2025-01-01T00:00:00Z\ntitle = \"b\"\nsource = \"s\"\n";
        for (from, to, why) in [
            ("00:00:00Z", "00:00:00", "zone"),
            ("\"b\"", "\" \"", "no title"),
            ("\"s\"", "\"\"", "no source"),
            ("source = \"s\"\n", "", "source"),
            ("title", "titel", "titel"),
        ] {
            let error = told(&sound.replace(from, to)).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn each_rule_tells_its_dates_and_its_stay() {
        let shipped = include_str!("../../policies/us-commerce-kaspersky.toml");
        let stay = "suspended = { from = 2026-01-01T00:00:00Z, by = \"court\", reason = \"r\" }\n";
        let text = shipped.replacen("[[rule]]\n", &format!("[[rule]]\n{stay}"), 1);
        let set = load_texts(&[("p.toml", &text)]).unwrap();
        let dates = set.dates();
        assert_eq!(dates.len(), set.rule_count());
        assert_eq!(dates[0].suspended.as_ref().unwrap().by, "court");
        assert!(dates.iter().skip(1).all(|rule| rule.suspended.is_none()));
        let stop = dates.iter().find(|rule| rule.rule == "vendor-update-stop").unwrap();
        assert_eq!(stop.until.unwrap().to_string(), "2024-09-29T04:00:00Z");
    }
}
