//! By whom a decision that would have been held is allowed (docs/adr/0007-clearances.md).

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde::Serializer;
use serde::ser::SerializeStruct;

use super::decision::RuleFacts;

/// One clearance that a decision rests on, as the decision tells of it: no person but those who cleared.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cleared {
    /// Who released it, then who recommended that.
    pub by: Arc<[Box<str>]>,
    /// The clearance's name.
    pub id: Arc<str>,
    /// The rule whose review it lifts.
    pub rule: Arc<RuleFacts>,
    /// When it ends, exclusive.
    pub until: Timestamp,
}

/// All clearances of a decision in one member: the first, and under `also` those of its other lines.
pub(super) struct ClearedDocument<'a>(pub(super) &'a [Cleared]);

#[derive(Serialize)]
struct One<'a> {
    by: &'a [Box<str>],
    id: &'a str,
    lifted: Lifted<'a>,
    until: Timestamp,
}

#[derive(Serialize)]
struct Lifted<'a> {
    clause: &'a str,
    policy: &'a str,
    rule: &'a str,
}

impl<'a> From<&'a Cleared> for One<'a> {
    fn from(cleared: &'a Cleared) -> Self {
        let RuleFacts { clause, policy, rule, .. } = &*cleared.rule;
        Self {
            by: &cleared.by,
            id: &cleared.id,
            lifted: Lifted { clause, policy, rule },
            until: cleared.until,
        }
    }
}

impl Serialize for ClearedDocument<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some((first, also)) = self.0.split_first() else { return serializer.serialize_none() };
        let One { by, id, lifted, until } = One::from(first);
        let mut s = serializer.serialize_struct("Clearance", 5)?;
        if !also.is_empty() {
            let also: Vec<One<'_>> = also.iter().map(One::from).collect();
            s.serialize_field("also", &also)?;
        }
        s.serialize_field("by", by)?;
        s.serialize_field("id", id)?;
        s.serialize_field("lifted", &lifted)?;
        s.serialize_field("until", &until)?;
        s.end()
    }
}
