//! The admin API and the console, by the real program.

mod registry;
mod roles;
