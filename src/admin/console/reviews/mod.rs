//! `/reviews` and `/clearances`: holds, what two people make of them, and what they released (docs/reviews.md).
//!
//! **What it must never do.** Show evidence before it is on record who looked; say by colour alone what is unclear; offer a step to
//! somebody who may not take it.

pub(super) mod clearances;
pub(super) mod entry;
pub(super) mod list;
#[cfg(test)]
pub(super) mod samples;

use crate::admin::api::reviews::evidence::Weight;
use crate::admin::api::reviews::words::Force;
use crate::admin::mount::Mount;
use crate::control::reviews::Status;

/// A badge: class, symbol, word.
pub(super) type Badge = (&'static str, &'static str, &'static str);

pub(super) fn routes(mount: &mut Mount<'_>) {
    list::routes(mount);
    entry::routes(mount);
    clearances::routes(mount);
}

const fn status(status: &Status) -> Badge {
    crate::admin::api::reviews::words::status(*status)
}

const fn weight(weight: &Weight) -> Badge {
    weight.badge()
}

const fn force(force: &Force) -> Badge {
    force.badge()
}
