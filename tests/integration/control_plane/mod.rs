//! The admin API and the console, by the real program.

mod policy_pages;
mod roles;
