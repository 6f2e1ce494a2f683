//! The records as a transparency log (RFC 6962, C2SP tlog-tiles): what is on disk is **integrated** into a Merkle tree, and the tree
//! is **published** by a signed checkpoint.
//!
//! **What it must never do.** Integrate a record that is not synced; publish a tree that is not; sign two trees that contradict one
//! another: a tree continues the last checkpoint's or nothing is signed.
//!
//! **INVARIANT** The tree is made from the segments' bytes as they lie there, and holds nothing that could not be made again from them.

mod key;
mod levels;
mod places;
mod publisher;
mod served;

pub use key::SigningSettings;
pub use served::ServedLog;

pub(super) use key::LogKey;
pub(super) use levels::StoredLevels;
pub(super) use places::{Place, Places, STEP};
pub(super) use publisher::{Published, Publisher};

/// The folder of the levels.
const TREE: &str = "tree";
/// The last checkpoint.
const CHECKPOINT: &str = "checkpoint";
/// The folder of each day's last checkpoint.
const CHECKPOINTS: &str = "checkpoints";
/// The folder of what can be made again and proves nothing.
pub(super) const INDEX: &str = "index";
