//! Policies of the control plane in the running gateway: what is in force at start, what the files say, and what falls due.
//!
//! Whichever was changed last holds: the control plane, or the files (docs/adr/0008).

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::admin::Policies;
use crate::admin::policies::signed;
use crate::bundle::Trust;
use crate::config::Config;
use crate::control::Change;
use crate::control::Control;
use crate::control::ControlError;
use crate::control::policies::Files;
use crate::control::policies::Revision;
use crate::control::policies::State;
use crate::control::policies::steps;
use crate::control::policies::steps::OnDisk;
use crate::model::Actor;
use crate::policy::PolicySet;
use crate::policy::load_read;
use crate::registry::Care;
use crate::telemetry::Health;
use crate::telemetry::Metrics;
use crate::telemetry::Part;

use super::load;
use super::load::Loaded;
use super::reload::seconds;
use super::serve::ServeError;

/// The longest wait before the schedule is looked at: the machine's clock may be set meanwhile.
const LOOK: Duration = Duration::from_secs(30);
/// What is due and cannot come into force is tried again so often.
const AGAIN: Duration = Duration::from_secs(60);

/// Policy files as they were read.
pub(super) struct OnDiskNow {
    /// The files, for the record.
    pub(super) files: Files,
    /// Their policies.
    pub(super) policies: PolicySet,
}

/// What is in force at start.
pub(super) struct Begun {
    /// All of it.
    pub(super) loaded: Loaded,
    /// Why the files' policies are not in the record yet, if so: it is to be tried again.
    pub(super) unrecorded: Option<String>,
}

/// Puts in force at start what is to be: what fell due meanwhile, then what the files say if they were changed, else what was in force.
/// Nothing is recorded before all of it can be loaded. Where the ledger takes nothing, what was in force stays; at the very first start
/// that is what the files say, and nothing that is judged is served before the ledger heals.
pub(super) async fn begin(
    config: &Config,
    control: &Control,
    trust: Option<&Trust>,
    read: OnDiskNow,
    now: Timestamp,
) -> Result<Begun, ServeError> {
    let turn = control.turn().await;
    loop {
        let due = {
            let state = turn.state();
            let scheduled = state.policies.scheduled();
            let first = scheduled.first().filter(|(at, _)| *at <= now);
            first.map(|(at, revision)| (*at, (*revision).clone()))
        };
        let Some((at, revision)) = due else { break };
        let comes = fell_due(config, trust, &turn.state().policies, &revision, now);
        match comes {
            Ok(change) => {
                let reason = format!("scheduled for {at}");
                turn.make(&Actor::system(), &reason, Change::Policies(change)).await?;
            }
            Err(error) => {
                tracing::error!(
                    version = revision.version,
                    %error,
                    "what fell due while the gateway was down cannot come into force"
                );
                break;
            }
        }
    }
    let said = steps::on_disk(&turn.state().policies, &read.files, title(config));
    let policies = match &said {
        OnDisk::Adopt(_) | OnDisk::Import(_) => read.policies,
        OnDisk::Known => in_force(&turn.state().policies, read.policies)?,
    };
    let loaded = load::load_under(config, now, Care::Mend, policies)?;
    let Err(error) = record(&turn, said).await else {
        return Ok(Begun { loaded, unrecorded: None });
    };
    tracing::error!(%error, "the policy files cannot be recorded, and are not taken yet");
    let unrecorded = Some(error.to_string());
    let before = turn.state().policies.active().map(|active| active.files.policies());
    let Some(before) = before else { return Ok(Begun { loaded, unrecorded }) };
    let policies = load_read(&before).map_err(load::LoadError::Policies)?;
    let loaded = load::load_under(config, now, Care::Mend, policies)?;
    Ok(Begun { loaded, unrecorded })
}

/// Records what the files say, where that is new. Until this returns nothing of it is in force.
pub(super) async fn record(
    turn: &crate::control::Turn<'_>,
    said: OnDisk,
) -> Result<(), ControlError> {
    let (OnDisk::Adopt(change) | OnDisk::Import(change)) = said else { return Ok(()) };
    let before = turn.state().policies.active().map(|active| (active.version, active.origin));
    let version = change.version();
    let imports = matches!(change, crate::control::policies::Change::Imported { .. });
    let made = turn.make(&Actor::system(), "from files", Change::Policies(change)).await;
    match (made, before) {
        // Recorded it holds, even where it could not be kept beside.
        (Err(error), _) if turn.state().policies.active().is_none_or(|a| a.version != version) => {
            Err(error)
        }
        (_, Some((before, origin)))
            if imports && origin != crate::control::policies::Origin::Files =>
        {
            tracing::warn!(
                before,
                version,
                "the policy files were changed, and take the place of what was activated here"
            );
            Ok(())
        }
        _ => Ok(()),
    }
}

/// What the console shows of files' revisions.
pub(super) const fn title(config: &Config) -> &'static str {
    match config.policies.dir {
        Some(_) => "Policy files",
        None => "Policies that ship with the program",
    }
}

/// The policies in force according to the record, compiled.
fn in_force(state: &State, read: PolicySet) -> Result<PolicySet, ControlError> {
    let Some(active) = state.active() else { return Ok(read) };
    if *active.revision == **read.revision() {
        return Ok(read);
    }
    load_read(&active.files.policies()).map_err(|errors| {
        let version = active.version;
        ControlError::Conflict(format!(
            "revision {version} of the policies is in force and does not compile with this program: {errors}; change the policy files, and they take its place"
        ))
    })
}

fn fell_due(
    config: &Config,
    trust: Option<&Trust>,
    state: &State,
    revision: &Revision,
    now: Timestamp,
) -> Result<crate::control::policies::Change, ServeError> {
    let signed = signed(trust, revision);
    let change = steps::fall_due(state, &Actor::system(), revision.version, now, signed)?;
    let policies = load_read(&revision.files.policies()).map_err(load::LoadError::Policies)?;
    load::catalogue(config, &policies, Care::Look).map_err(load::LoadError::Registry)?;
    Ok(change)
}

/// Tells which policies are in force.
pub(super) fn tell(metrics: &Metrics, state: &State, loaded: Timestamp) {
    let Some(active) = state.active() else { return };
    metrics.policies_in_force(&active.revision, seconds(loaded));
    metrics.policy_version(active.version, seconds(active.edited));
}

/// Puts in force whatever falls due, for ever.
pub(super) async fn keep_schedule(policies: Policies, health: Arc<Health>) {
    let mut changes = policies.control().changes();
    let mut failed = false;
    loop {
        let mut wait = LOOK;
        match policies.fall_due().await {
            Ok(_) if failed => {
                health.recovered(Part::Policies);
                failed = false;
            }
            Ok(_) => {}
            Err(error) => {
                tracing::error!(%error, "what is scheduled cannot come into force");
                health.degraded(Part::Policies, error.to_string());
                failed = true;
                wait = AGAIN;
            }
        }
        if let (Some((at, _)), false) = (policies.next_due(), failed) {
            let left = at.duration_since(policies.gate().now());
            wait = wait.min(Duration::try_from(left).unwrap_or_default());
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            changed = changes.changed() => if changed.is_err() { return },
        }
    }
}

/// A file's own name.
pub(super) fn own_name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}
