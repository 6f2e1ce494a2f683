//! `/admin/v1/registry`: catalogue and customers, imports and changes of many rows, unknown SKUs.

mod imports;
mod rows;
mod unknown;

use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;

use crate::admin::mount::Mount;

/// Every route.
pub(super) fn routes(mount: &mut Mount<'_>) {
    rows::routes(mount);
    imports::routes(mount);
    unknown::routes(mount);
}

/// Their description.
pub(super) fn document() -> Document {
    let mut document = rows::Doc::openapi();
    document.merge(imports::Doc::openapi());
    document.merge(unknown::Doc::openapi());
    document
}
