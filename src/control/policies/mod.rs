//! Policies and their life cycle.

use serde::Deserialize;
use serde::Serialize;

use super::event::Event;

/// A step of a policy's life.
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
}

impl State {
    pub(super) fn apply(&mut self, change: &Change, _event: &Event) {
        match *change {}
    }
}
