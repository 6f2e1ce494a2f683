//! `/sign-in`.

use askama::Template;

use super::Shell;
use super::filters;

/// The page on which a person signs in: posts `name`, `password`, `next` and `csrf` to `/sign-in`.
#[derive(Clone, Debug, Template)]
#[template(path = "sign_in.html")]
pub struct SignIn {
    /// Why the last try failed, in words that tell no more than they must.
    pub error: Option<String>,
    /// True as long as no account exists: then the page says how the first one is made.
    pub first_run: bool,
    /// The name that was typed.
    pub name: String,
    /// Where to go afterwards: a path of this console.
    pub next: String,
    /// Without a person.
    pub shell: Shell,
}
