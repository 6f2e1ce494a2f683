//! One summary: the record that tells of the first refusal beyond a limit, and what is counted under its id until its minute is over.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use ipnet::IpNet;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use crate::ledger::Receipt;
use crate::model::Decision;
use crate::model::DecisionId;
use crate::model::Verdict;

use super::outcome::Refusal;
use super::record::RecordParts;
use crate::model::Retention;

/// Kinds of refusals that are told apart in one summary; the rest is one number.
const ROWS: usize = 16;

/// A summary. It is open from the first refusal that it counts until its end.
#[derive(Debug)]
pub(super) struct Summary {
    durable: AtomicBool,
    /// Seconds since 1970 / 60.
    minute: i64,
    /// None: of all networks that are not told apart.
    network: Option<IpNet>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    is_over: bool,
    opened: Option<(DecisionId, Arc<Receipt>)>,
    tally: Tally,
}

/// What is told of a refusal in a summary.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub(super) struct What<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bundle: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) policy: Option<&'a str>,
    pub(super) route: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rule: Option<&'a str>,
    pub(super) status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) verdict: Option<Verdict>,
}

/// What was counted, by what it was.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    others: u64,
    rows: Vec<Row>,
}

#[derive(Clone, Debug, Serialize)]
struct Row {
    count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<Box<str>>,
    route: Box<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<Box<str>>,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<Verdict>,
}

/// A refusal that was counted.
#[derive(Debug)]
pub(super) struct Counted {
    pub(super) id: DecisionId,
    pub(super) receipt: Arc<Receipt>,
    pub(super) summary: Arc<Summary>,
}

/// A summary at its end.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    pub(super) id: DecisionId,
    pub(super) tally: Tally,
}

#[derive(Serialize)]
struct SummaryDocument<'a> {
    first: What<'a>,
    from: Timestamp,
    minute: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<&'static str>,
    retain_until: Date,
}

#[derive(Serialize)]
struct EndDocument<'a> {
    counts: &'a [Row],
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<Timestamp>,
    minute: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<&'static str>,
    of: DecisionId,
    #[serde(skip_serializing_if = "is_zero")]
    others: u64,
    refusals: u64,
    retain_until: Date,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
}

impl<'a> What<'a> {
    /// What a decision refuses.
    pub(super) fn of_decision(decision: &'a Decision, bundle: &'a str, route: &'a str) -> Self {
        let rule = decision.ruling.as_deref();
        let status = if decision.verdict == Verdict::Block { 451 } else { 403 };
        Self {
            bundle: Some(bundle),
            policy: rule.map(|rule| &*rule.policy),
            route,
            rule: rule.map(|rule| &*rule.rule),
            status,
            verdict: Some(decision.verdict),
        }
    }

    /// A refusal that no decision preceded.
    pub(super) const fn of_refusal(refusal: &Refusal, route: &'a str) -> Self {
        let (status, verdict) = (refusal.status(), refusal.verdict());
        Self { bundle: None, policy: None, route, rule: None, status, verdict }
    }
}

impl Summary {
    /// Of a network, or of all that are not told apart, in a minute (since 1970).
    pub(super) fn new(network: Option<IpNet>, minute: i64) -> Self {
        let (durable, state) = (AtomicBool::new(false), Mutex::default());
        Self { durable, minute, network, state }
    }

    /// Counts a refusal. The first of all opens the summary: `open` writes its record under a new id. None if it is over.
    pub(super) fn count<E>(
        self: &Arc<Self>,
        at: Timestamp,
        what: &What<'_>,
        open: impl FnOnce() -> Result<(DecisionId, Receipt), E>,
    ) -> Option<Result<Counted, E>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.is_over {
            return None;
        }
        let (id, receipt) = match &state.opened {
            Some((id, receipt)) => (*id, Arc::clone(receipt)),
            None => match open() {
                Ok((id, receipt)) => {
                    let receipt = Arc::new(receipt);
                    state.opened = Some((id, Arc::clone(&receipt)));
                    (id, receipt)
                }
                Err(error) => return Some(Err(error)),
            },
        };
        state.tally.count(at, what);
        Some(Ok(Counted { id, receipt, summary: Arc::clone(self) }))
    }

    /// Counts no more. None if it was never opened.
    pub(super) fn end(&self) -> Option<Ended> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.is_over = true;
        let (id, _) = state.opened.as_ref()?;
        Some(Ended { id: *id, tally: state.tally.clone() })
    }

    /// True once the record is known to be on the disk.
    pub(super) fn is_durable(&self) -> bool {
        self.durable.load(Ordering::Acquire)
    }

    /// Notes that the record is on the disk.
    pub(super) fn note_durable(&self) {
        self.durable.store(true, Ordering::Release);
    }

    /// Writes the record that opens it.
    pub(super) fn write_opening(
        &self,
        parts: &mut RecordParts,
        first: &What<'_>,
        from: Timestamp,
        retention: Retention,
    ) -> Result<(), serde_json::Error> {
        let (minute, network) = (self.began(), self.others());
        let (first, retain_until) = (*first, retention.end(from));
        parts.document(&SummaryDocument { first, from, minute, network, retain_until })?;
        self.network.map_or(Ok(()), |network| parts.network(network))
    }

    /// Writes the record that ends it.
    pub(super) fn write_end(
        &self,
        parts: &mut RecordParts,
        Ended { id, tally }: &Ended,
        retention: Retention,
    ) -> Result<(), serde_json::Error> {
        parts.document(&EndDocument {
            counts: &tally.rows,
            from: tally.first,
            minute: self.began(),
            network: self.others(),
            of: *id,
            others: tally.others,
            refusals: tally.refusals(),
            retain_until: retention.end(tally.last.unwrap_or_else(|| self.began())),
            until: tally.last,
        })?;
        self.network.map_or(Ok(()), |network| parts.network(network))
    }

    fn began(&self) -> Timestamp {
        Timestamp::from_second(self.minute.saturating_mul(60)).unwrap_or_default()
    }

    /// What stands in the document: a network is personal, for it may be one client's address.
    const fn others(&self) -> Option<&'static str> {
        match self.network {
            Some(_) => None,
            None => Some("other networks"),
        }
    }
}

impl Tally {
    /// All that were counted.
    pub(super) fn refusals(&self) -> u64 {
        let rows = self.rows.iter().map(|row| row.count);
        rows.fold(self.others, u64::saturating_add)
    }

    fn count(&mut self, at: Timestamp, what: &What<'_>) {
        self.first = Some(self.first.map_or(at, |first| first.min(at)));
        self.last = Some(self.last.map_or(at, |last| last.max(at)));
        if let Some(row) = self.rows.iter_mut().find(|row| row.is_of(what)) {
            row.count = row.count.saturating_add(1);
        } else if self.rows.len() < ROWS {
            self.rows.push(Row {
                count: 1,
                policy: what.policy.map(Box::from),
                route: what.route.into(),
                rule: what.rule.map(Box::from),
                status: what.status,
                verdict: what.verdict,
            });
        } else {
            self.others = self.others.saturating_add(1);
        }
    }
}

impl Row {
    fn is_of(&self, what: &What<'_>) -> bool {
        self.status == what.status
            && self.verdict == what.verdict
            && *self.route == *what.route
            && self.policy.as_deref() == what.policy
            && self.rule.as_deref() == what.rule
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn what(route: &str, status: u16) -> What<'_> {
        let verdict = (status == 451).then_some(Verdict::Block);
        What { bundle: None, policy: None, route, rule: None, status, verdict }
    }

    #[test]
    fn counts_are_told_by_what_was_refused_with_first_and_last_instant() {
        let mut tally = Tally::default();
        for (second, status) in [(65, 451), (62, 400), (70, 451), (66, 451)] {
            tally.count(at(second), &what("updates", status));
        }
        let mut parts = RecordParts::default();
        let network = Some("192.0.2.0/24".parse().unwrap());
        let id = DecisionId::parse("0197a1b2-1111-7111-8111-000000000000").unwrap();
        let ended = Ended { id, tally };
        Summary::new(network, 1).write_end(&mut parts, &ended, Retention::years(10)).unwrap();
        assert_eq!(
            String::from_utf8(parts.document).unwrap(),
            r#"{"counts":[{"count":3,"route":"updates","status":451,"verdict":"block"},{"count":1,"route":"updates","status":400}],"from":"1970-01-01T00:01:02Z","minute":"1970-01-01T00:01:00Z","of":"0197a1b2-1111-7111-8111-000000000000","refusals":4,"retain_until":"1980-01-01","until":"1970-01-01T00:01:10Z"}"#
        );
        assert_eq!(parts.personal, br#"{"network":"192.0.2.0/24"}"#);
        assert_eq!(parts.subject, "network:192.0.2.0/24");
    }

    #[test]
    fn kinds_beyond_those_told_apart_are_one_number_and_none_is_lost() {
        let mut tally = Tally::default();
        let routes: Vec<_> = (0..40).map(|n| format!("r{n}")).collect();
        for route in routes.iter().chain(&routes) {
            tally.count(at(1), &what(route, 451));
        }
        assert_eq!((tally.rows.len(), tally.others, tally.refusals()), (ROWS, 48, 80));
    }

    #[test]
    fn a_summary_that_is_over_counts_no_more_and_one_never_opened_has_no_end() {
        let summary = Arc::new(Summary::new(None, 1));
        assert!(summary.end().is_none());
        let counted = summary.count(at(60), &what("r", 451), || -> Result<_, ()> {
            panic!("it must not be opened")
        });
        assert!(counted.is_none());
    }

    #[test]
    fn what_could_not_be_opened_is_tried_again_by_the_next_and_not_counted() {
        let summary = Arc::new(Summary::new(None, 1));
        for _ in 0..2 {
            let counted = summary.count(at(60), &what("r", 451), || Err("disk"));
            assert_eq!(counted.unwrap().unwrap_err(), "disk");
        }
        assert!(summary.end().is_none());
    }
}
