//! Stays: a court suspends a rule, and lifts that again. Both are drafts like any other, with the files already written; comments and
//! everything else in them stay as they are.

use jiff::Timestamp;
use toml_edit::DocumentMut;
use toml_edit::InlineTable;
use toml_edit::Item;
use toml_edit::Table;
use toml_edit::Value;

use crate::policy::load_read;

use super::super::error::ControlError;
use super::Files;

/// Which rules.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Which {
    /// The policy's id.
    pub policy: String,
    /// The rule's id; none: every rule of the policy.
    pub rule: Option<String>,
}

/// A stay.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stay {
    /// Who ordered it, such as a court with the number of the case.
    pub by: String,
    /// From which instant on.
    pub from: Timestamp,
    /// Why.
    pub reason: String,
    /// To which instant, exclusive; none: until further notice.
    pub until: Option<Timestamp>,
}

/// The files with the stay on those rules. A stay that was there gives way.
///
/// # Errors
/// `Invalid` for a stay without `by` or `reason`, or one that ends before it begins; `NotFound` for a policy or rule that is not there.
pub fn suspend(files: &Files, which: &Which, stay: &Stay) -> Result<Files, ControlError> {
    for (name, text) in [("by", &stay.by), ("reason", &stay.reason)] {
        if text.trim().is_empty() || text.chars().any(char::is_control) {
            return Err(ControlError::Invalid(format!("{name}: write one line")));
        }
    }
    if stay.until.is_some_and(|until| until <= stay.from) {
        return Err(ControlError::Invalid("until: must be later than `from`".into()));
    }
    on_rules(files, which, |rule| {
        let mut table = InlineTable::new();
        table.insert("from", instant(stay.from)?);
        if let Some(until) = stay.until {
            table.insert("until", instant(until)?);
        }
        table.insert("by", stay.by.trim().into());
        table.insert("reason", stay.reason.trim().into());
        rule.insert("suspended", Item::Value(Value::InlineTable(table)));
        Ok(true)
    })
}

/// The files with the stay taken off those rules; or, with `until`, ended at that instant, so that the files go on telling of it.
///
/// # Errors
/// `NotFound` for a policy or rule that is not there; `Conflict` where no rule is suspended, or the stay begins later than `until`.
pub fn resume(
    files: &Files,
    which: &Which,
    until: Option<Timestamp>,
) -> Result<Files, ControlError> {
    let resumed = on_rules(files, which, |rule| {
        let Some(stay) = rule.get_mut("suspended") else { return Ok(false) };
        let Some(until) = until else {
            rule.remove("suspended");
            return Ok(true);
        };
        let Some(stay) = stay.as_table_like_mut() else { return Ok(false) };
        stay.insert("until", Item::Value(instant(until)?));
        Ok(true)
    })?;
    // A stay that would end before it begins is a fault of the file.
    load_read(&resumed.policies())
        .map_err(|error| ControlError::Conflict(format!("the stay cannot end so: {error}")))?;
    Ok(resumed)
}

fn on_rules(
    files: &Files,
    which: &Which,
    mut change: impl FnMut(&mut Table) -> Result<bool, ControlError>,
) -> Result<Files, ControlError> {
    for policy in files.policies() {
        let read = policy.text.parse::<DocumentMut>();
        let mut document =
            read.map_err(|error| ControlError::Conflict(format!("{}: {error}", policy.name)))?;
        let id = document.get("policy").and_then(|policy| policy.get("id"));
        if id.and_then(Item::as_str) != Some(&which.policy) {
            continue;
        }
        let named = |rule: &Table| {
            which.rule.as_deref().is_none_or(|id| rule.get("id").and_then(Item::as_str) == Some(id))
        };
        let rules = document.get_mut("rule").and_then(Item::as_array_of_tables_mut);
        let (mut found, mut changed) = (false, false);
        for rule in rules.into_iter().flat_map(|rules| rules.iter_mut()).filter(|r| named(r)) {
            found = true;
            changed |= change(rule)?;
        }
        return match (found, changed) {
            (false, _) => Err(not_found(which)),
            (true, false) => {
                let name = which.rule.as_deref().unwrap_or("any rule");
                Err(ControlError::Conflict(format!(
                    "{name} of policy `{}` is not suspended",
                    which.policy
                )))
            }
            (true, true) => files.with_text(&policy.name, document.to_string().into()),
        };
    }
    Err(not_found(which))
}

fn not_found(which: &Which) -> ControlError {
    ControlError::NotFound(match &which.rule {
        Some(rule) => format!("rule `{rule}` in a policy `{}`", which.policy),
        None => format!("policy `{}` with a rule", which.policy),
    })
}

fn instant(at: Timestamp) -> Result<Value, ControlError> {
    let text = at.to_string();
    let read = text.parse::<toml_edit::Datetime>();
    read.map(Value::from).map_err(|error| ControlError::Invalid(format!("{text}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = include_str!("../../../policies/us-commerce-kaspersky.toml");

    fn files() -> Files {
        Files::new([("us.toml".to_owned(), POLICY.into())]).unwrap()
    }

    fn which(rule: Option<&str>) -> Which {
        Which { policy: "us-commerce-kaspersky".to_owned(), rule: rule.map(str::to_owned) }
    }

    fn stay() -> Stay {
        Stay {
            by: "D.C. Cir., No. 24-1".to_owned(),
            from: "2026-03-01T00:00:00Z".parse().unwrap(),
            reason: "stayed \"pending\" review".to_owned(),
            until: None,
        }
    }

    #[test]
    fn a_stay_is_written_beside_all_that_stands_there_and_comes_off_without_a_trace() {
        let suspended = suspend(&files(), &which(Some("resale")), &stay()).unwrap();
        let text = suspended.get("us.toml").unwrap();
        let added: Vec<_> = text.lines().filter(|line| !POLICY.contains(line)).collect();
        assert_eq!(
            added,
            [
                r#"suspended = { from = 2026-03-01T00:00:00Z, by = "D.C. Cir., No. 24-1", reason = 'stayed "pending" review' }"#
            ]
        );
        assert_eq!(text.lines().count(), POLICY.lines().count() + 1);
        load_read(&suspended.policies()).unwrap();
        let resumed = resume(&suspended, &which(Some("resale")), None).unwrap();
        assert_eq!(resumed.get("us.toml").unwrap(), POLICY);
    }

    #[test]
    fn all_rules_of_a_policy_can_be_stayed_at_once() {
        let suspended = suspend(&files(), &which(None), &stay()).unwrap();
        let text = suspended.get("us.toml").unwrap();
        assert_eq!(text.matches("suspended = ").count(), POLICY.matches("[[rule]]").count());
        load_read(&suspended.policies()).unwrap();
    }

    #[test]
    fn a_stay_that_ends_stays_to_be_read() {
        let suspended = suspend(&files(), &which(Some("resale")), &stay()).unwrap();
        let until = Some("2026-04-01T00:00:00Z".parse().unwrap());
        let ended = resume(&suspended, &which(Some("resale")), until).unwrap();
        assert!(ended.get("us.toml").unwrap().contains("until = 2026-04-01T00:00:00Z"));
        let early = Some("2026-02-01T00:00:00Z".parse().unwrap());
        let refused = resume(&suspended, &which(Some("resale")), early);
        assert!(matches!(refused, Err(ControlError::Conflict(_))), "{refused:?}");
    }

    #[test]
    fn what_is_not_there_is_neither_stayed_nor_resumed() {
        let unknown = suspend(&files(), &which(Some("resail")), &stay());
        assert!(matches!(unknown, Err(ControlError::NotFound(_))), "{unknown:?}");
        let nothing = resume(&files(), &which(Some("resale")), None);
        assert!(matches!(nothing, Err(ControlError::Conflict(_))), "{nothing:?}");
        let nobody = suspend(&files(), &which(None), &Stay { by: " ".to_owned(), ..stay() });
        assert!(matches!(nobody, Err(ControlError::Invalid(_))), "{nobody:?}");
        let until = Some("2026-03-01T00:00:00Z".parse().unwrap());
        let empty = suspend(&files(), &which(None), &Stay { until, ..stay() });
        assert!(matches!(empty, Err(ControlError::Invalid(_))), "{empty:?}");
    }
}
