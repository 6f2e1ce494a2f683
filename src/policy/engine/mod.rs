//! The engine: what compilation leaves (`set`, `index`, `shapes`, `rule`, `condition`), how an item is matched (`products`), where
//! a party stands (`nexus`), and the decision (`decide`).

pub(super) mod condition;
pub(super) mod decide;
pub(super) mod index;
pub(super) mod nexus;
pub(super) mod products;
pub(super) mod rule;
pub(super) mod set;
pub(super) mod setting;
pub(super) mod shapes;
