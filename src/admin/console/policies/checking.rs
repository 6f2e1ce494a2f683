//! The checks of a revision: how far they are while they run, and what came of them.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web;
use askama::Template;

use crate::admin::access::Caller;
use crate::admin::api::Problem;
use crate::admin::console::fields::Fields;
use crate::admin::console::fields::one;
use crate::admin::console::filters;
use crate::admin::console::page;
use crate::admin::policies::CheckProgress;
use crate::admin::policies::Phase;
use crate::admin::policies::Scope;
use crate::admin::server::AdminPlane;
use crate::control::policies::CheckReport;
use crate::control::policies::Finding;
use crate::control::policies::Revision;
use crate::control::policies::steps;
use crate::policy::check::Severity;

use super::again;

/// The part of the page that is about checks. While they run it comes anew by itself.
#[derive(Clone, Debug, Template)]
#[template(path = "policies/checking.html")]
pub(in crate::admin::console) struct Checking {
    /// Whether the person may run them now.
    pub may: bool,
    /// How far they are, or how they ended.
    pub progress: Option<CheckProgress>,
    /// What came of them.
    pub report: Option<Arc<CheckReport>>,
    /// The revision.
    pub version: u64,
}

impl Checking {
    pub(super) fn of(plane: &AdminPlane, caller: &Caller, revision: &Revision) -> Self {
        let version = revision.version;
        let progress = plane.policies.check_progress();
        let progress = progress.filter(|progress| progress.version == version);
        let state = plane.control.state();
        let may = steps::may_check(&state.policies, &caller.actor, version).is_ok();
        Self { may, progress, report: revision.report.clone(), version }
    }

    fn running(&self) -> Option<&CheckProgress> {
        self.progress.as_ref().filter(|progress| progress.runs())
    }

    /// What ended without a report.
    fn ended(&self) -> Option<String> {
        let progress = self.progress.as_ref()?;
        match progress.phase {
            Phase::Cancelled => Some("The last run was cancelled.".to_owned()),
            Phase::Failed => {
                let why = progress.problem.as_deref().unwrap_or("the log says why");
                Some(format!("The last run could not be ended: {why}"))
            }
            Phase::Cases | Phase::Done | Phase::Policies | Phase::Replay => None,
        }
    }
}

const fn phase(phase: &Phase) -> &'static str {
    match phase {
        Phase::Cancelled => "Cancelled",
        Phase::Cases => "Running the cases",
        Phase::Done => "Done",
        Phase::Failed => "Failed",
        Phase::Policies => "Reading the policies",
        Phase::Replay => "Deciding recent decisions again",
    }
}

/// `allow -> block` as people read it.
fn goes(transition: &str) -> String {
    let words = transition.split(" -> ").map(|verdict| match verdict {
        "allow" => "allowed",
        "block" => "blocked",
        "review" => "held",
        other => other,
    });
    words.collect::<Vec<_>>().join(" → ")
}

/// Symbol, class and word of a finding.
const fn grade(finding: &Finding) -> (&'static str, &'static str, &'static str) {
    match finding.severity {
        Severity::Error => ("block", "fail", "Error"),
        Severity::Note => ("info", "wait", "Note"),
        Severity::Warning => ("warn", "skip", "Warning"),
    }
}

pub(super) async fn begin(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    version: web::Path<u64>,
    form: Fields,
) -> Result<HttpResponse, Problem> {
    let records = given(one(&form, "records"), "records")?;
    let days = given(one(&form, "days"), "days")?;
    plane.policies.begin_check(&caller.actor, *version, Scope::of(records, days)?)?;
    let revision = plane.policies.revision(*version)?;
    Ok(page(StatusCode::OK, &Checking::of(&plane, &caller, &revision)))
}

pub(super) async fn progress(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    version: web::Path<u64>,
) -> Result<HttpResponse, Problem> {
    let revision = plane.policies.revision(*version)?;
    let checking = Checking::of(&plane, &caller, &revision);
    match checking.running() {
        Some(_) => Ok(page(StatusCode::OK, &checking)),
        // Steps and actions are others now, too.
        None => Ok(again()),
    }
}

pub(super) async fn cancel(
    plane: web::Data<AdminPlane>,
    version: web::Path<u64>,
) -> Result<HttpResponse, Problem> {
    match plane.policies.cancel_check(*version) {
        true => Ok(again()),
        false => Err(Problem::not_found(format!("check of revision {version} that runs"))),
    }
}

fn given<T: std::str::FromStr>(text: &str, name: &str) -> Result<Option<T>, Problem> {
    match text {
        "" => Ok(None),
        text => {
            text.parse().map(Some).map_err(|_| Problem::invalid(format!("{name}: write a number")))
        }
    }
}
