//! The admin API and the console, by the real program.

mod exports;
mod ledger_page;
mod records;
mod registry;
mod review_pages;
mod reviews;
mod roles;
mod stream;
