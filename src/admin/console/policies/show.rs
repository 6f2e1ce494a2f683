//! `/policies/{version}`: where a revision stands, what it says, what it changes, and what may be done now.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web;
use askama::Template;
use jiff::Timestamp;

use crate::admin::access::Caller;
use crate::admin::api::Problem;
use crate::admin::console::Nav;
use crate::admin::console::Shell;
use crate::admin::console::filters;
use crate::admin::console::page;
use crate::admin::server::AdminPlane;
use crate::control::ControlError;
use crate::control::policies::Change;
use crate::control::policies::Origin;
use crate::control::policies::Revision;
use crate::control::policies::Stage;
use crate::control::policies::State;
use crate::control::policies::diff::FileDiff;
use crate::control::policies::diff::FileStatus;
use crate::control::policies::diff::Line;
use crate::control::policies::steps;
use crate::control::policies::steps::Signed;
use crate::model::Actor;
use crate::model::Role;
use crate::policy::load_read;

use super::checking::Checking;
use super::list::Policy;
use super::words;
use super::words::Meaning;
use super::words::countdown;

/// Stands for the reason that a person would give: only asked whether the step is possible.
const SOME_REASON: &str = "?";

/// The page.
#[derive(Template)]
#[template(path = "policies/show.html")]
pub(in crate::admin::console) struct Show {
    pub checking: Checking,
    pub countdown: String,
    pub diff: Option<Differs>,
    pub may: May,
    /// Why the policies do not compile, if they do not.
    pub broken: Option<String>,
    pub policies: Vec<Policy>,
    pub revision: Revision,
    pub shell: Shell,
    pub signed: Option<Signatures>,
    pub stage: (&'static str, &'static str),
    pub waits: String,
}

/// What differs from another revision.
pub(in crate::admin::console) struct Differs {
    pub files: Vec<FileDiff>,
    pub from: u64,
    pub meaning: Vec<Meaning>,
}

/// What the keys say.
pub(in crate::admin::console) struct Signatures {
    pub missing: Option<String>,
    pub signers: Vec<String>,
}

/// A step: open to this person now, closed to them with a reason, or none of theirs.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(in crate::admin::console) enum Turn {
    #[default]
    None,
    Open,
    Shut(String),
}

/// What the person may do now.
#[derive(Clone, Debug, Default)]
pub(in crate::admin::console) struct May {
    pub activate: Turn,
    pub approve: Turn,
    pub copy: bool,
    pub edit: bool,
    pub roll_back: Turn,
    pub schedule: Turn,
    pub sign: bool,
    pub unschedule: Turn,
    pub withdraw: Turn,
}

impl Turn {
    fn of(stage: bool, asked: Result<Change, ControlError>) -> Self {
        match (stage, asked) {
            (false, _) => Self::None,
            (true, Ok(_)) => Self::Open,
            (true, Err(error)) => Self::Shut(error.to_string()),
        }
    }

    fn is_open(&self) -> bool {
        *self == Self::Open
    }

    fn why(&self) -> Option<&str> {
        match self {
            Self::Shut(why) => Some(why),
            Self::None | Self::Open => None,
        }
    }
}

impl May {
    fn of(
        state: &State,
        actor: &Actor,
        revision: &Revision,
        now: Timestamp,
        signed: &Signed,
    ) -> Self {
        let (version, stage) = (revision.version, revision.stage);
        let approver = actor.roles.contains(Role::PolicyApprover);
        let author = actor.roles.contains(Role::PolicyAuthor);
        let changed = revision.report.as_ref().map_or(0, |report| report.replay.changed);
        let passed = revision.report.as_ref().is_some_and(|report| report.passed());
        let ready = approver && matches!(stage, Stage::Approved | Stage::Scheduled);
        // The soonest instant that nobody else has: whether it follows what is in force then is asked again.
        let soon = now.checked_add(jiff::SignedDuration::from_mins(1)).unwrap_or(now);
        let open =
            matches!(stage, Stage::Approved | Stage::Checked | Stage::Draft | Stage::Scheduled);
        let why = SOME_REASON;
        let to_activate = steps::activate(state, actor, version, signed.clone(), why);
        let to_schedule = steps::schedule(state, actor, version, soon, now, signed.clone(), why);
        Self {
            activate: Turn::of(ready, to_activate),
            approve: Turn::of(
                approver && stage == Stage::Checked && passed,
                steps::approve(state, actor, version, changed, why),
            ),
            copy: author,
            edit: author
                && revision.origin == Origin::Draft
                && matches!(stage, Stage::Approved | Stage::Checked | Stage::Draft),
            roll_back: Turn::of(
                approver && stage == Stage::Retired,
                steps::roll_back(state, actor, version, why),
            ),
            schedule: Turn::of(ready, to_schedule),
            sign: (author || approver)
                && matches!(stage, Stage::Approved | Stage::Checked | Stage::Scheduled),
            unschedule: Turn::of(
                approver && stage == Stage::Scheduled,
                steps::unschedule(state, actor, version, why),
            ),
            withdraw: Turn::of(
                (author || approver) && open,
                steps::withdraw(state, actor, version, why),
            ),
        }
    }

    /// True if there is nothing for this person to do.
    fn nothing(&self) -> bool {
        [
            &self.activate,
            &self.approve,
            &self.roll_back,
            &self.schedule,
            &self.unschedule,
            &self.withdraw,
        ]
        .iter()
        .all(|turn| **turn == Turn::None)
    }

    /// Why the next step is not this person's, once.
    fn why_not(&self) -> Option<&str> {
        self.approve.why().or(self.activate.why()).or(self.roll_back.why())
    }
}

impl Show {
    /// The steps of a life: name, class, and whether it stands there now.
    fn steps(&self) -> Vec<(&'static str, &'static str, bool)> {
        let at = match self.revision.stage {
            Stage::Draft | Stage::Withdrawn => 0,
            Stage::Checked => 1,
            Stage::Approved => 2,
            Stage::Scheduled => 3,
            Stage::Active | Stage::Retired => 4,
        };
        let names = ["Draft", "Checked", "Approved", "Scheduled", "In force"];
        let steps = names.into_iter().enumerate().map(|(place, name)| {
            let class = match self.revision.stage {
                Stage::Withdrawn => "off",
                Stage::Active if place <= at => "done",
                _ if place < at || self.revision.stage == Stage::Retired => "done",
                _ => "",
            };
            let here =
                place == at && !matches!(self.revision.stage, Stage::Withdrawn | Stage::Retired);
            (name, class, here)
        });
        steps.collect()
    }

    fn is_active(&self) -> bool {
        self.revision.stage == Stage::Active
    }
}

const fn status(status: &FileStatus) -> &'static str {
    match status {
        FileStatus::Added => "new",
        FileStatus::Changed => "changed",
        FileStatus::Removed => "gone",
    }
}

const fn class_of(line: &Line) -> &'static str {
    match line.sign {
        '+' => "add",
        '-' => "del",
        _ => "same",
    }
}

/// Where a run of lines begins in the new file, or in the old one.
fn begins(lines: &[Line]) -> String {
    let line = lines.iter().find_map(|line| line.new.or(line.old)).unwrap_or(1);
    format!("Line {line}")
}

fn deed(action: &str) -> &str {
    words::deed(action)
}

const fn mark(sign: &char) -> (&'static str, &'static str) {
    match sign {
        '+' => ("add", "pass"),
        '-' => ("close", "fail"),
        _ => ("edit", "skip"),
    }
}

pub(super) async fn page_of_one(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    version: web::Path<u64>,
) -> Result<HttpResponse, Problem> {
    let revision = plane.policies.revision(*version)?;
    let now = plane.gate.now();
    let signed = plane.policies.signatures(&revision);
    let (may, base) = {
        let state = plane.control.state();
        let active = state.policies.active().map(|active| active.version);
        let base = match revision.stage {
            Stage::Active | Stage::Retired => revision.base,
            _ => active.or(revision.base),
        };
        (May::of(&state.policies, &caller.actor, &revision, now, &signed), base)
    };
    let texts = revision.files.policies();
    let compiled = web::block(move || load_read(&texts)).await;
    let compiled = compiled.map_err(|error| Problem::internal(&error))?;
    let (policies, broken) = match &compiled {
        Ok(set) => (Policy::all(set), None),
        Err(errors) => (Vec::new(), Some(errors.to_string())),
    };
    let diff = match base.filter(|base| base != &revision.version) {
        Some(from) => {
            let diff = plane.policies.diff(from, revision.version)?;
            let meaning = diff.meaning.iter().map(words::meaning).collect();
            Some(Differs { files: diff.files, from, meaning })
        }
        None => None,
    };
    let signed = match signed {
        Signed::NotAsked => None,
        Signed::No(why) => Some(Signatures { missing: Some(why), signers: Vec::new() }),
        Signed::Yes(signers) => Some(Signatures { missing: None, signers }),
    };
    let title = format!("Version {version}");
    let show = Show {
        checking: Checking::of(&plane, &caller, &revision),
        countdown: revision.scheduled.map_or_else(String::new, |at| countdown(at, now)),
        diff,
        may,
        broken,
        policies,
        shell: plane.shell(&caller, &title, Some(Nav::Policies)),
        signed,
        stage: words::stage(revision.stage),
        waits: words::waits(&revision, &caller.actor).0,
        revision,
    };
    Ok(page(StatusCode::OK, &show))
}
