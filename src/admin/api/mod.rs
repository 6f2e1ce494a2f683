//! The admin API, `/admin/v1`: JSON in and out, problems by RFC 9457, described by `OpenAPI` 3.1 at `/admin/openapi.json`.
//!
//! A module for each area. Each declares its routes with who may use them ([`Mount`]), and describes them for the document; a test
//! holds that both are the same. Lists come in pages with a cursor; edits need `If-Match`; creates may bring an `Idempotency-Key`.

mod activity;
mod body;
mod etag;
mod exports;
mod idempotent;
mod ledger;
mod openapi;
mod operators;
mod paging;
mod policies;
mod problem;
mod records;
mod registry;
pub(in crate::admin) mod reviews;
mod session;

use super::mount::Mount;

pub(super) use idempotent::UnderWay;
pub(super) use ledger::begin_verification;
pub(super) use ledger::place;
pub(super) use paging::Paging;
pub(super) use paging::cursor;
pub(super) use problem::Answer;
pub(super) use problem::Problem;

/// Every route of the API.
pub(super) fn routes(mount: &mut Mount<'_>) {
    activity::routes(mount);
    exports::routes(mount);
    ledger::routes(mount);
    openapi::routes(mount);
    operators::routes(mount);
    policies::routes(mount);
    records::routes(mount);
    reviews::routes(mount);
    registry::routes(mount);
    session::routes(mount);
}
