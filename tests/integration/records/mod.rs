//! What a record holds, and what became of each request, read back by `ledger export` beside the running gateway.

mod evidence;
mod outcomes;
mod refused_disk;
