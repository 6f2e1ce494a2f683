//! The admin API and the console, by the real program.

mod attacks;
mod csrf;
mod documented;
mod etags;
mod exports;
mod idempotency;
mod ledger_page;
mod policy_pages;
mod records;
mod registry;
mod registry_pages;
mod review_pages;
mod reviews;
mod roles;
mod sessions;
mod strangers_tools;
mod stream;
mod tokens;
