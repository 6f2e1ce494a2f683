//! The page that says what went wrong, and what to do.

use askama::Template;

use super::Shell;
use super::filters;

/// An error as a page. With a person it has the navigation around it.
#[derive(Clone, Debug, Template)]
#[template(path = "error.html")]
pub struct ErrorPage {
    /// What happened and what can be done, in a sentence or two.
    pub detail: String,
    /// For the log; shown so that it can be told to an administrator.
    pub reference: Option<String>,
    /// The frame.
    pub shell: Shell,
    /// HTTP's.
    pub status: u16,
}
