//! The admin API and the console, by the real program.

mod review_pages;
mod reviews;
mod roles;
