//! Everything that the control plane knows: the fold of its events.

use super::event::Change;
use super::event::Event;
use super::operators;
use super::policies;
use super::registry;
use super::reviews;

/// The state after all events so far.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// Accounts of operators, as far as the record knows of them.
    pub operators: operators::State,
    /// Policies and their life cycle.
    pub policies: policies::State,
    /// Changes of the registry that wait for a second person.
    pub registry: registry::State,
    /// The review queue and its clearances.
    pub reviews: reviews::State,
}

impl State {
    /// Applies an event. It was checked before it was recorded: there is nothing left that could refuse.
    pub(super) fn apply(&mut self, event: &Event) {
        match &event.change {
            Change::Operators(change) => self.operators.apply(change, event),
            Change::Policies(change) => self.policies.apply(change, event),
            Change::Registry(change) => self.registry.apply(change, event),
            Change::Reviews(change) => self.reviews.apply(change, event),
        }
    }
}
