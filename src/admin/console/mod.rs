//! The console: pages for compliance and operations, in a browser, on the admin listener.
//!
//! **What it is for.** Each page is a plain struct with a template beside it; whoever has the data makes the struct, and [`page`] makes an
//! answer of it. [`Shell`] is what all pages have in common: title, navigation, who is signed in. Scripts, styles, icons and the map
//! are compiled in, and are served by [`assets`].
//!
//! **What it must never do.** Decide who may see what (that is `admin/access`), load anything from elsewhere, or put a script, a style or
//! a handler into a page: the Content-Security-Policy of every page forbids all three, and a test looks for them. What strangers wrote
//! (product names, notes, addresses) is escaped in templates, and in scripts only ever set as text.
//!
//! **Standards.** WCAG 2.2 AA; CSP level 3.

pub mod assets;
mod decisions;
mod doors;
pub mod error;
mod fields;
#[expect(
    missing_docs,
    clippy::missing_errors_doc,
    reason = "what `askama::filter_fn` makes has no docs, and the filters here do not fail"
)]
pub mod filters;
mod ledger;
mod operators;
pub mod overview;
mod page;
mod pages;
mod policies;
mod registry;
mod reports;
mod reviews;
pub mod shell;
pub mod sign_in;
mod stream;
#[cfg(test)]
mod tests;
mod timeline;

use super::mount::Mount;
use super::mount::Who;

pub(super) use doors::failed;
pub(super) use doors::refused;
pub use page::page;
pub use shell::Health;
pub use shell::Nav;
pub use shell::Person;
pub use shell::Shell;
pub(super) use stream::Hub;

/// Every page.
pub(super) fn routes(mount: &mut Mount<'_>) {
    mount.get("/assets/{version}/{name}", Who::Anyone, assets::answer);
    doors::routes(mount);
    operators::routes(mount);
    decisions::routes(mount);
    ledger::routes(mount);
    overview::routes(mount);
    reviews::routes(mount);
    reports::routes(mount);
    stream::routes(mount);
    registry::routes(mount);
    policies::routes(mount);
    timeline::routes(mount);
}
