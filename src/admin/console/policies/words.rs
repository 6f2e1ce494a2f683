//! Words for what the life cycle holds in types.

use jiff::Timestamp;
use jiff::civil;
use jiff::tz::TimeZone;

use crate::admin::api::Problem;
use crate::control::policies::How;
use crate::control::policies::Revision;
use crate::control::policies::Stage;
use crate::model::Actor;
use crate::model::Role;
use crate::policy::diff::Change;
use crate::policy::diff::Difference;
use crate::policy::plain::day;

/// A difference as people read it.
#[derive(Clone, Debug)]
pub(in crate::admin::console) struct Meaning {
    /// `+`, `-` or `~`.
    pub sign: char,
    /// What, such as `The rule resale of us-commerce-kaspersky is new`.
    pub title: String,
    /// Field, old, new.
    pub fields: Vec<(String, String, String)>,
}

/// What a stage is called, and the class of its badge.
pub(super) const fn stage(stage: Stage) -> (&'static str, &'static str) {
    match stage {
        Stage::Active => ("In force", "good"),
        Stage::Approved => ("Approved", "info"),
        Stage::Checked => ("Checked", "info"),
        Stage::Draft => ("Draft", "plain"),
        Stage::Retired => ("Was in force", "plain"),
        Stage::Scheduled => ("Scheduled", "warn"),
        Stage::Withdrawn => ("Withdrawn", "plain"),
    }
}

/// How a revision came into force.
pub(super) const fn how(how: How) -> &'static str {
    match how {
        How::ByHand => "activated",
        How::FromFiles => "from the policy files",
        How::OnSchedule => "on schedule",
        How::RolledBack => "rolled back to",
    }
}

/// What was done, from the name of its record.
pub(super) fn deed(action: &str) -> &str {
    match action {
        "policy.activate" => "Came into force",
        "policy.adopt" => "The policy files say the same",
        "policy.approve" => "Approved",
        "policy.check" => "Checked",
        "policy.create" => "Draft begun",
        "policy.describe" => "Title or note changed",
        "policy.edit" => "Edited",
        "policy.import" => "Read from the policy files",
        "policy.rollback" => "Rolled back to",
        "policy.schedule" => "Scheduled",
        "policy.sign" => "Signed",
        "policy.unschedule" => "Taken off the schedule",
        "policy.upload" => "Bundle handed in",
        "policy.withdraw" => "Withdrawn",
        other => other,
    }
}

/// What a revision waits for, and whether it is this person's turn.
pub(super) fn waits(revision: &Revision, actor: &Actor) -> (String, bool) {
    let (author, approver) =
        (actor.roles.contains(Role::PolicyAuthor), actor.roles.contains(Role::PolicyApprover));
    let other = approver && !revision.is_by(actor);
    match revision.stage {
        Stage::Draft if author => ("Write it, then run its checks".to_owned(), true),
        Stage::Draft => ("Its author writes and checks it".to_owned(), false),
        Stage::Checked if other => ("Waits for your approval".to_owned(), true),
        Stage::Checked if approver => {
            ("Waits for another approver: you wrote on it".to_owned(), false)
        }
        Stage::Checked => ("Waits for an approver".to_owned(), false),
        Stage::Approved if other => ("Waits for you to schedule or activate it".to_owned(), true),
        Stage::Approved => ("Waits for an approver to schedule or activate it".to_owned(), false),
        Stage::Scheduled => ("Comes into force by itself".to_owned(), false),
        Stage::Active | Stage::Retired | Stage::Withdrawn => (String::new(), false),
    }
}

/// How long until then, or since, in the two largest units.
pub(in crate::admin::console) fn countdown(at: Timestamp, now: Timestamp) -> String {
    let seconds = at.duration_since(now).as_secs();
    let units = [(86_400_u64, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let mut rest = seconds.unsigned_abs();
    let mut parts = Vec::new();
    for (length, unit) in units {
        let count = rest.checked_div(length).unwrap_or(0);
        rest = rest.checked_rem(length).unwrap_or(0);
        if count > 0 {
            parts.push(format!("{count} {unit}{}", if count == 1 { "" } else { "s" }));
        } else if !parts.is_empty() {
            break;
        }
        if parts.len() == 2 {
            break;
        }
    }
    match (parts.is_empty(), seconds < 0) {
        (true, _) => "now".to_owned(),
        (false, true) => format!("{} ago", parts.join(" and ")),
        (false, false) => format!("in {}", parts.join(" and ")),
    }
}

/// The instant of a field of day and hour, which is UTC; none where it is empty.
///
/// # Errors
/// 400 for what is no day and hour.
pub(in crate::admin::console) fn local_instant(
    name: &'static str,
    text: &str,
) -> Result<Option<Timestamp>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = || {
        Problem::invalid(format!("{name}: write a day and an hour, such as 2026-03-01T00:00"))
            .at(name, "write a day and an hour")
    };
    let local: civil::DateTime = text.trim_end_matches('Z').parse().map_err(|_| wrong())?;
    let at = TimeZone::UTC.to_timestamp(local).map_err(|_| wrong())?;
    Ok(Some(at))
}

/// A difference as people read it.
pub(super) fn meaning(difference: &Difference) -> Meaning {
    let Difference { change, kind, name } = difference;
    let (policy, own) = name.split_once('/').unwrap_or(("", name));
    let what = kind.replace('_', " ");
    let subject = match policy.is_empty() {
        true => format!("The {what} {own}"),
        false => format!("The {what} {own} of {policy}"),
    };
    match change {
        Change::Added => {
            Meaning { sign: '+', title: format!("{subject} is new"), fields: Vec::new() }
        }
        Change::Removed => {
            Meaning { sign: '-', title: format!("{subject} is gone"), fields: Vec::new() }
        }
        Change::Changed(fields) => {
            let fields = fields.iter().map(|field| {
                let told = |value: &Option<String>| told(value.as_deref().unwrap_or_default());
                (label(&field.field).to_owned(), told(&field.old), told(&field.new))
            });
            let fields = fields.collect();
            Meaning { sign: '~', title: format!("{subject} changes"), fields }
        }
    }
}

/// Instants as days, verdicts as what they do.
fn told(value: &str) -> String {
    match value {
        "" => "nothing".to_owned(),
        "allow" => "is allowed".to_owned(),
        "block" => "is blocked".to_owned(),
        "review" => "is held for review".to_owned(),
        other => other.parse().map_or_else(|_| other.replace('_', " "), day),
    }
}

fn label(field: &str) -> &str {
    match field {
        "actions" => "What it is about",
        "authority" => "Authority",
        "basis" => "Rests on",
        "citation" => "Citation",
        "clause" => "Clause",
        "effective" => "In force from",
        "message" => "What a customer is told",
        "mode" => "Mode",
        "names" => "Names",
        "nexus" => "Whose place counts",
        "notes" => "Notes",
        "products" => "Products",
        "skus" => "SKUs",
        "suspended" => "Suspended",
        "title" => "Title",
        "unclear" => "Where that is unclear",
        "until" => "In force until",
        "us" => "For the United States and US persons",
        "version" => "Version",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_countdown_has_its_two_largest_units() {
        let now = at("2026-03-01T00:00:00Z");
        for (then, words) in [
            ("2026-03-04T04:00:00Z", "in 3 days and 4 hours"),
            ("2026-03-01T00:01:01Z", "in 1 minute and 1 second"),
            ("2026-02-28T00:00:00Z", "1 day ago"),
            ("2026-03-01T00:00:00Z", "now"),
        ] {
            assert_eq!(countdown(at(then), now), words);
        }
    }

    #[test]
    fn a_field_of_day_and_hour_is_utc() {
        let read = |text| local_instant("at", text).unwrap();
        assert_eq!(read("2026-03-01T10:30"), Some(at("2026-03-01T10:30:00Z")));
        assert_eq!(read("2026-03-01T10:30:05"), Some(at("2026-03-01T10:30:05Z")));
        assert_eq!(read(""), None);
        assert!(local_instant("at", "soon").is_err());
    }
}
