//! Judged JSON: what do pointers find in it, is every judged key spelled as it is judged (RFC 6901, RFC 8259; DESIGN 13
//! Bodies).
//!
//! The document itself is read by the model's strict reader: no duplicate keys, nothing trailing.

pub mod pointer;
