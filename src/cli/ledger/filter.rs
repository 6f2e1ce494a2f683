//! The conditions that `export` and `report` take.

use std::io::Write;

use clap::Args;

use crate::evidence::CountryWanted;
use crate::evidence::Filter;
use crate::evidence::Id;
use crate::evidence::Kind;
use crate::evidence::Moment;
use crate::evidence::RuleWanted;
use crate::model::Nexus;
use crate::model::Verdict;

use super::Exit;
use super::complain;

/// A period.
#[derive(Args, Debug)]
pub(super) struct PeriodArgs {
    /// Records from this day (UTC) or instant on.
    #[arg(long, value_name = "WHEN")]
    from: Option<Moment>,
    /// Records before this day (UTC) or instant.
    #[arg(long, value_name = "WHEN")]
    to: Option<Moment>,
}

/// Conditions on a record; all that are given must hold.
#[derive(Args, Debug)]
pub(super) struct FilterArgs {
    #[command(flatten)]
    period: PeriodArgs,
    /// The record of this id, and those that speak of it.
    #[arg(long, value_name = "ID")]
    id: Option<Id>,
    /// Records of this account.
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
    /// Records with this product group or SKU.
    #[arg(long, value_name = "PRODUCT")]
    product: Option<String>,
    /// Records that this rule decided: RULE or POLICY/RULE.
    #[arg(long, value_name = "RULE")]
    rule: Option<RuleWanted>,
    /// Records of this verdict: allow, block or review.
    #[arg(long, value_name = "VERDICT", value_parser = verdict)]
    verdict: Option<Verdict>,
    /// Records that count under this country; `unknown` for those without one.
    #[arg(long, value_name = "COUNTRY")]
    country: Option<CountryWanted>,
    /// Records of this kind, such as decision or refusal.
    #[arg(long, value_name = "KIND")]
    kind: Option<Kind>,
    /// Records whose strictest party is us, unclear or foreign.
    #[arg(long, value_name = "NEXUS", value_parser = nexus)]
    nexus: Option<Nexus>,
}

impl PeriodArgs {
    /// The period as a filter.
    pub(super) fn filter(&self, err: &mut dyn Write) -> Result<Filter, Exit> {
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from >= to
        {
            complain(err, &"--from must be before --to, which is the first instant left out");
            return Err(Exit::Usage);
        }
        Ok(Filter { from: self.from, to: self.to, ..Filter::default() })
    }
}

impl FilterArgs {
    /// All conditions.
    pub(super) fn filter(&self, err: &mut dyn Write) -> Result<Filter, Exit> {
        Ok(Filter {
            account: self.account.clone(),
            country: self.country,
            id: self.id,
            kind: self.kind,
            nexus: self.nexus,
            product: self.product.clone(),
            rule: self.rule.clone(),
            verdict: self.verdict,
            ..self.period.filter(err)?
        })
    }
}

fn nexus(text: &str) -> Result<Nexus, &'static str> {
    let nexus = Nexus::ALL.into_iter().find(|nexus| nexus.as_str() == text);
    nexus.ok_or("write us, unclear or foreign")
}

fn verdict(text: &str) -> Result<Verdict, &'static str> {
    let verdict = Verdict::ALL.into_iter().find(|verdict| verdict.as_str() == text);
    verdict.ok_or("write allow, block or review")
}
