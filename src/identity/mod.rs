//! What vouches for a client: tokens, JWT (RFC 7519) under the keys of a JWK Set (RFC 7517) with RFC 8725 kept, and the names
//! of client certificates (RFC 5280) that TLS has verified.
//!
//! It says whether a token is genuine and what it claims; what follows from that is decided elsewhere.
//!
//! INVARIANTS
//! * The key is chosen by `kid` among the operator's own keys, the algorithm by the key. What a token's header says of keys
//!   (`jwk`, `jku`, `x5u`, `x5c`) is never read, let alone fetched.
//! * A token has one reading: strict base64url, strict JSON, no member twice, three parts, bounded length.
//! * Keys that cannot be read never replace keys that could.

mod certificate;
mod encoding;
mod fault;
mod key_set;
mod keys;
mod verifier;

pub use certificate::Certificate;
pub use fault::TokenFault;
pub use key_set::{KeySet, KeySetError};
pub use keys::Keys;
pub use verifier::{Token, Verifier};
