//! Judged JSON: which media type is it, what do pointers find in it, is every judged key spelled as it is judged
//! (RFC 6901, RFC 8259; DESIGN 13 Bodies).
//!
//! The document itself is read by the model's strict reader: no duplicate keys, nothing trailing.

mod media_type;
pub mod pointer;

pub use media_type::is_json_utf8;
