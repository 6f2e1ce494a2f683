//! Cases: transactions with the decision they must get, one JSON object a line, kept beside the policies.
//!
//! A case says `transaction` (or `raw`, `raw_base64`: the line itself) and `expect`; DESIGN 6 asks for them, `policy test`
//! runs them. They are the policy author's own proof: a case states the law's outcome, not the engine's.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::model::AddressEvidence;
use crate::model::AddressOrigin;
use crate::model::CountryReading;
use crate::model::CountryText;
use crate::model::Transaction;
use crate::model::TransactionError;
use crate::model::Verdict;
use crate::model::Vouching;
use crate::model::json_from_slice;

use super::engine::decide::decide;
use super::engine::set::PolicySet;
use super::engine::setting::Setting;

/// One case, read.
#[derive(Debug)]
pub struct Case {
    /// Its name.
    pub name: String,
    expect: Expect,
    line: Vec<u8>,
}

/// Why a line is no case.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// `raw_base64` is not base64.
    #[error("`raw_base64` is not base64: {0}")]
    Base64(#[from] base64::DecodeError),
    /// It expects nothing.
    #[error("`expect` must say `verdict` or `error`")]
    ExpectsNothing,
    /// Not of the form of a case.
    #[error("not a case: {0}")]
    Form(#[from] crate::model::JsonError),
    /// It does not say what to decide.
    #[error("write one of `transaction`, `raw` and `raw_base64`")]
    NotOneLine,
}

/// What came of a case.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum CaseOutcome {
    /// The answer was another one.
    Failed {
        /// What the case expects.
        expected: String,
        /// What was answered.
        got: String,
        /// Why it was answered so.
        reason: String,
    },
    /// The answer is the expected one.
    Passed,
}

/// Reads a file of cases: each line with its number, from 1. Empty lines are left out.
pub fn read_cases(text: &str) -> impl Iterator<Item = (usize, Result<Case, CaseError>)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(at, line)| (at.saturating_add(1), read_case(line)))
}

/// Decides a case as of `now` where it names no instant. `gather` adds what floors above know, such as where an address is.
pub fn run_case(
    case: &Case,
    set: &PolicySet,
    setting: &Setting<'_>,
    now: Timestamp,
    gather: &mut dyn FnMut(&mut Transaction),
) -> CaseOutcome {
    let got = match read_line(&case.line, set) {
        Ok(mut transaction) => {
            gather(&mut transaction);
            let at = transaction.at.unwrap_or(now);
            let decision = decide(&transaction, at, set, setting);
            let clause = decision.ruling.as_ref().map(|rule| rule.clause.to_string());
            Got::Decision { clause, reason: decision.reason(), verdict: decision.verdict }
        }
        Err(error) => Got::Error(error.to_string()),
    };
    if case.expect.agrees(&got) {
        return CaseOutcome::Passed;
    }
    let reason = match &got {
        Got::Decision { reason, .. } => reason.clone(),
        Got::Error(error) => error.clone(),
    };
    CaseOutcome::Failed { expected: case.expect.to_string(), got: got.to_string(), reason }
}

/// Gathers what a transaction itself states of its address, without any look-up: `ip_country` and `ip_class` count, an `ip`
/// alone has no country. The account counts as vouched for, as for any caller of the decision API.
pub fn gather_stated(transaction: &mut Transaction) {
    let buyer = &mut transaction.buyer;
    buyer.vouching = Vouching::Vouched;
    let country = buyer.ip_country.as_ref().map(CountryText::reading);
    let classes = buyer.ip_class.iter().flatten().copied().collect();
    let ip = buyer.ip.as_deref().map(str::trim).filter(|ip| !ip.is_empty());
    if country.is_none() && buyer.ip_class.is_none() && ip.is_none() {
        return;
    }
    buyer.addresses.push(AddressEvidence {
        address: ip.and_then(|ip| ip.parse().ok()),
        answers: smallvec::SmallVec::new(),
        classes,
        country: country.unwrap_or(CountryReading::Missing),
        origin: AddressOrigin::Transaction,
    });
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    case: String,
    expect: Expect,
    raw: Option<String>,
    raw_base64: Option<String>,
    transaction: Option<Box<RawValue>>,
    // What follows is for people.
    #[serde(rename = "certainty")]
    _certainty: Option<String>,
    #[serde(rename = "row")]
    _row: Option<u32>,
    #[serde(rename = "why")]
    _why: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Expect {
    /// Absent: any clause will do.
    #[serde(deserialize_with = "clauses")]
    clause: Option<Vec<Option<String>>>,
    error: bool,
    verdict: Option<Verdict>,
}

enum Got {
    Decision { clause: Option<String>, reason: String, verdict: Verdict },
    Error(String),
}

fn read_case(line: &str) -> Result<Case, CaseError> {
    let document: Document = json_from_slice(line.as_bytes())?;
    let line = match (document.transaction, document.raw, document.raw_base64) {
        (Some(transaction), None, None) => transaction.get().as_bytes().to_vec(),
        (None, Some(raw), None) => raw.into_bytes(),
        (None, None, Some(raw)) => STANDARD.decode(raw)?,
        _ => return Err(CaseError::NotOneLine),
    };
    if document.expect.verdict.is_none() && !document.expect.error {
        return Err(CaseError::ExpectsNothing);
    }
    Ok(Case { name: document.case, expect: document.expect, line })
}

fn read_line(line: &[u8], set: &PolicySet) -> Result<Transaction, TransactionError> {
    let transaction = Transaction::from_json(line)?;
    if set.judges(transaction.action) && !transaction.has_subject() {
        return Err(TransactionError::NothingToJudge(transaction.action));
    }
    Ok(transaction)
}

/// A clause, null, or a list of which any one is right.
fn clauses<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<Option<String>>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Clauses {
        Any(Vec<Option<String>>),
        One(Option<String>),
    }
    Ok(Some(match Clauses::deserialize(deserializer)? {
        Clauses::Any(clauses) => clauses,
        Clauses::One(clause) => vec![clause],
    }))
}

impl Expect {
    fn agrees(&self, got: &Got) -> bool {
        match got {
            Got::Error(_) => self.error,
            Got::Decision { clause, verdict, .. } => {
                self.verdict == Some(*verdict)
                    && self.clause.as_ref().is_none_or(|any| any.contains(clause))
            }
        }
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(verdict) = self.verdict else { return f.write_str("an error") };
        f.write_str(verdict.as_str())?;
        for (at, clause) in self.clause.iter().flatten().enumerate() {
            f.write_str(if at == 0 { " " } else { " or " })?;
            f.write_str(clause.as_deref().unwrap_or("without clause"))?;
        }
        Ok(())
    }
}

impl fmt::Display for Got {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(_) => f.write_str("an error"),
            Self::Decision { clause, verdict, .. } => {
                write!(f, "{} {}", verdict.as_str(), clause.as_deref().unwrap_or("without clause"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(line: &str) -> String {
        match read_cases(line).next() {
            Some((_, Err(error))) => error.to_string(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn a_line_that_is_no_case_says_why() {
        let expects = r#"{"case":"a","raw":"x","expect":{}}"#;
        assert_eq!(errors(expects), "`expect` must say `verdict` or `error`");
        let two = r#"{"case":"a","raw":"x","raw_base64":"","expect":{"error":true}}"#;
        assert_eq!(errors(two), "write one of `transaction`, `raw` and `raw_base64`");
        assert!(errors(r#"{"case":"a","raw":"x","expected":{"error":true}}"#).contains("expected"));
        assert!(
            errors(r#"{"case":"a","raw_base64":"?","expect":{"error":true}}"#).contains("base64")
        );
    }

    #[test]
    fn lines_count_from_one_and_empty_ones_are_left_out() {
        let text = "\u{feff}{\"case\":\"a\",\"raw\":\"x\",\"expect\":{\"error\":true}}\r\n\n?\n";
        let lines: Vec<_> = read_cases(text).map(|(line, case)| (line, case.is_ok())).collect();
        assert_eq!(lines, [(1, true), (3, false)]);
    }
}
