//! The admin API and the console, by the real program.

mod csrf;
mod documented;
mod etags;
mod idempotency;
mod registry;
mod roles;
mod sessions;
mod strangers_tools;
mod tokens;
