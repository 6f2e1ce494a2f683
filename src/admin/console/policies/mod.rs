//! `/policies`: what is in force, what waits for whom, what was; a revision with its rules in sentences; the editor.
//!
//! Whatever a page does, it does by the functions of `admin::policies`, as the API does. What may be done is asked of the same functions
//! that decide it when it is done, so that a page offers no button that is refused for a reason it could have known.

mod acts;
mod checking;
mod edit;
mod list;
mod show;
#[cfg(test)]
pub(super) mod tests;
mod words;

use actix_web::HttpResponse;

use crate::admin::access::APPROVERS;
use crate::admin::access::AUTHORS;
use crate::admin::access::POLICY_MAKERS;
use crate::admin::access::VIEWERS;
use crate::admin::mount::Mount;

pub(super) use words::countdown;
pub(super) use words::local_instant;

pub(super) fn routes(mount: &mut Mount<'_>) {
    mount
        .get("/policies", VIEWERS, list::page_of_all)
        .post("/policies", AUTHORS, acts::create)
        .post("/policies/suspend", AUTHORS, acts::suspend)
        .post("/policies/resume", AUTHORS, acts::resume)
        .post("/policies/upload", POLICY_MAKERS, acts::upload)
        .get("/policies/{version}", VIEWERS, show::page_of_one)
        .get("/policies/{version}/check", VIEWERS, checking::progress)
        .post("/policies/{version}/check", POLICY_MAKERS, checking::begin)
        .post("/policies/{version}/check/cancel", POLICY_MAKERS, checking::cancel)
        .post("/policies/{version}/approve", APPROVERS, acts::approve)
        .post("/policies/{version}/schedule", APPROVERS, acts::schedule)
        .post("/policies/{version}/unschedule", APPROVERS, acts::unschedule)
        .post("/policies/{version}/activate", APPROVERS, acts::activate)
        .post("/policies/{version}/withdraw", POLICY_MAKERS, acts::withdraw)
        .post("/policies/{version}/rollback", APPROVERS, acts::roll_back)
        .get("/policies/{version}/bundle", VIEWERS, acts::bundle)
        .post("/policies/{version}/sign", POLICY_MAKERS, acts::sign)
        .get("/policies/{version}/edit", AUTHORS, edit::editor)
        .post("/policies/{version}/describe", AUTHORS, edit::describe)
        .post("/policies/{version}/files", AUTHORS, edit::save)
        .post("/policies/{version}/files/remove", AUTHORS, edit::remove)
        .post("/policies/{version}/lint", AUTHORS, edit::lint)
        .post("/policies/{version}/rule", AUTHORS, edit::rule);
}

/// Done: the page is loaded again, with what is new.
fn again() -> HttpResponse {
    HttpResponse::NoContent().insert_header(("HX-Refresh", "true")).finish()
}
