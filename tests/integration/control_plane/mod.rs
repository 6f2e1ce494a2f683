//! The admin API and the console, by the real program.

mod registry;
mod registry_pages;
mod roles;
