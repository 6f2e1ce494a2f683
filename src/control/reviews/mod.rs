//! The review queue and its clearances.

use serde::Deserialize;
use serde::Serialize;

use super::event::Event;

/// A step in the review of a hold.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "verb", rename_all = "snake_case", deny_unknown_fields)]
pub enum Change {}

/// What the record knows.
#[derive(Clone, Debug, Default)]
pub struct State {}

impl Change {
    pub(super) fn action(&self) -> &'static str {
        match *self {}
    }

    /// Whom it is about, where it holds what is of a person.
    pub(super) fn subject(&self) -> Option<String> {
        match *self {}
    }
}

impl State {
    pub(super) fn apply(&mut self, change: &Change, _event: &Event) {
        match *change {}
    }
}
