//! One canonical reading of a request target, and every reading a careless upstream might make (DESIGN 13, Target).
//!
//! [`canonicalize`] accepts a path only if it has one reading under RFC 3986 and RFC 9112 3.2; what it accepts is matched
//! on [`CanonicalTarget::folded`] and forwarded as [`CanonicalTarget::forward_path`], so the upstream cannot see another
//! path than the one that was judged. What it refuses must be answered with 400 on a judged route; on an unjudged one
//! [`lenient_readings`] lists what the target could mean to somebody, and the target may pass only if none of it matters.
//!
//! INVARIANT: decoding `forward_path` once and resolving it, as nginx does, gives `path`.

mod canonical;
mod fold;
mod form;
mod method_override;
mod readings;
mod shape;

pub use canonical::{CanonicalTarget, TargetError, canonicalize};
pub use form::{TargetForm, TargetFormError};
pub use method_override::without_method_override;
pub use readings::{LenientReadings, lenient_readings};

pub(in crate::message) use fold::{fold_char, hex_pair};
