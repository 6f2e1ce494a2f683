//! Rows of catalogue and customers. Reading customers is a record itself.

use std::collections::BTreeMap;

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::web;
use serde::Deserialize;
use serde::Serialize;
use serde_json::json;
use utoipa::OpenApi;
use utoipa::ToSchema;

use crate::admin::access::ADMINISTRATORS;
use crate::admin::access::CATALOGUE_EDITORS;
use crate::admin::access::CUSTOMER_READERS;
use crate::admin::access::Caller;
use crate::admin::access::VIEWERS;
use crate::admin::api::body::json_body;
use crate::admin::api::etag::if_match;
use crate::admin::api::idempotent::Created;
use crate::admin::api::idempotent::idempotent;
use crate::admin::api::paging::cursor;
use crate::admin::api::problem::Answer;
use crate::admin::api::problem::Problem;
use crate::admin::mount::Mount;
use crate::admin::server::AdminPlane;
use crate::control::Access;
use crate::control::AccessOutcome;
use crate::control::registry::RowView;
use crate::registry::Filter;
use crate::registry::How;
use crate::registry::Table;
use crate::registry::Term;

const CATALOGUE: &str = "/admin/v1/registry/catalogue";
const CUSTOMERS: &str = "/admin/v1/registry/customers";

#[derive(OpenApi)]
#[openapi(paths(
    catalogue,
    add_product,
    product,
    change_product,
    remove_product,
    groups,
    customers,
    add_customer,
    customer,
    change_customer,
    remove_customer,
))]
pub(super) struct Doc;

pub(super) fn routes(mount: &mut Mount<'_>) {
    mount
        .get("/admin/v1/registry/groups", VIEWERS, groups)
        .get("/admin/v1/registry/catalogue", VIEWERS, catalogue)
        .post("/admin/v1/registry/catalogue", CATALOGUE_EDITORS, add_product)
        .get("/admin/v1/registry/catalogue/{id}", VIEWERS, product)
        .put("/admin/v1/registry/catalogue/{id}", CATALOGUE_EDITORS, change_product)
        .delete("/admin/v1/registry/catalogue/{id}", CATALOGUE_EDITORS, remove_product)
        .get("/admin/v1/registry/customers", CUSTOMER_READERS, customers)
        .post("/admin/v1/registry/customers", ADMINISTRATORS, add_customer)
        .get("/admin/v1/registry/customers/{id}", CUSTOMER_READERS, customer)
        .put("/admin/v1/registry/customers/{id}", ADMINISTRATORS, change_customer)
        .delete("/admin/v1/registry/customers/{id}", ADMINISTRATORS, remove_customer);
}

/// A row.
#[derive(Serialize, ToSchema)]
pub(super) struct RowBody {
    /// Its texts by column; blank ones are not in it, licence keys are masked.
    cells: BTreeMap<String, String>,
    /// For `If-Match`.
    etag: String,
    /// Its name in the table.
    id: String,
}

/// A page of rows.
#[derive(Serialize, ToSchema)]
pub(super) struct Rows {
    /// The rows.
    items: Vec<RowBody>,
    /// The next page's cursor; null at the end.
    next: Option<String>,
    /// True if the search stopped after 0.1 s before the page was full: go on with `next`.
    partial: bool,
    /// Number of rows in force.
    total: usize,
}

/// A row to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RowChange {
    /// Its texts by column, as in an import.
    #[schema(example = json!({"sku": "KL1171", "name": "Antivirus", "vendor": "Kaspersky", "group": "kaspersky.covered"}))]
    cells: BTreeMap<String, String>,
    /// Why, for the record.
    #[serde(default)]
    reason: String,
}

/// Which rows: those that every parameter finds. Case does not count.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// `contains` (unless said otherwise), `begins` or `equals`.
    #[serde(default, rename = "match")]
    #[param(value_type = Option<String>, rename = "match")]
    how: How,
    /// A text in any column.
    q: Option<String>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Most rows wanted: 1 to 500, 100 unless given.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 500)]
    limit: Option<String>,
    /// The columns of the table, each a text to look for.
    #[serde(flatten)]
    #[param(ignore)]
    columns: BTreeMap<String, String>,
}

impl Wanted {
    fn filter(&self) -> Filter {
        let any = self.q.iter().map(|text| (None, text));
        let columns = self.columns.iter().map(|(column, text)| (Some(column.clone()), text));
        let terms = any.chain(columns);
        let term =
            |(column, text): (_, &String)| Term { column, how: self.how, text: text.clone() };
        Filter { terms: terms.map(term).collect() }
    }
}

/// The groups that a row of the catalogue may name.
#[utoipa::path(
    get, path = "/admin/v1/registry/groups", tag = "registry",
    responses((status = 200, description = "The product ids of the policies in force", body = Vec<String>))
)]
async fn groups(plane: web::Data<AdminPlane>) -> HttpResponse {
    HttpResponse::Ok().json(plane.desk.groups())
}

/// Search the catalogue.
#[utoipa::path(
    get, path = "/admin/v1/registry/catalogue", tag = "registry",
    params(
        Wanted,
        ("sku" = Option<String>, Query, description = "The SKU, in any spelling"),
        ("name" = Option<String>, Query, description = "The name"),
        ("vendor" = Option<String>, Query, description = "The vendor"),
        ("group" = Option<String>, Query, description = "The group"),
    ),
    responses(
        (status = 200, description = "A page of rows", body = Rows),
        (status = 409, description = "The table was replaced since that page: begin again"),
    )
)]
async fn catalogue(plane: web::Data<AdminPlane>, wanted: web::Query<Wanted>) -> Answer {
    list(&plane, Table::Catalogue, &wanted).await
}

/// Search the customers. The search is a record.
#[utoipa::path(
    get, path = "/admin/v1/registry/customers", tag = "registry",
    params(
        Wanted,
        ("account" = Option<String>, Query, description = "The account"),
        ("license_key" = Option<String>, Query, description = "The whole licence key, in any spelling"),
        ("billing_country" = Option<String>, Query, description = "The billing country; likewise every other column"),
    ),
    responses(
        (status = 200, description = "A page of rows", body = Rows),
        (status = 409, description = "The table was replaced since that page: begin again"),
    )
)]
async fn customers(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    wanted: web::Query<Wanted>,
) -> Answer {
    let mut terms = serde_json::Map::new();
    for (column, text) in wanted
        .q
        .iter()
        .map(|text| ("q", text))
        .chain(wanted.columns.iter().map(|(column, text)| (column.as_str(), text)))
    {
        // A licence key stands in no record.
        let is_key = column == "license_key" || crate::registry::is_credential(text);
        let text = if is_key { crate::registry::MASKED } else { text };
        terms.insert(column.to_owned(), text.into());
    }
    accessed(&plane, &caller, "search_customers", terms.into()).await?;
    list(&plane, Table::Customers, &wanted).await
}

/// Add a row to the catalogue; it holds at once.
#[utoipa::path(
    post, path = "/admin/v1/registry/catalogue", tag = "registry", request_body = RowChange,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat of this request harmless")),
    responses(
        (status = 201, description = "Added", body = RowBody),
        (status = 400, description = "The row is bad"),
        (status = 404, description = "It is gone"),
        (status = 409, description = "There is such a row, or the table cannot be edited now"),
    )
)]
async fn add_product(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    request: HttpRequest,
    body: web::Bytes,
) -> Answer {
    add(&plane, &caller, &request, &body, Table::Catalogue).await
}

/// Add a customer; it holds at once. A licence key comes with an import only.
#[utoipa::path(
    post, path = "/admin/v1/registry/customers", tag = "registry", request_body = RowChange,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat of this request harmless")),
    responses(
        (status = 201, description = "Added", body = RowBody),
        (status = 400, description = "The row is bad"),
        (status = 404, description = "It is gone"),
        (status = 409, description = "There is such a row, or the table cannot be edited now"),
    )
)]
async fn add_customer(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    request: HttpRequest,
    body: web::Bytes,
) -> Answer {
    add(&plane, &caller, &request, &body, Table::Customers).await
}

/// One row of the catalogue.
#[utoipa::path(
    get, path = "/admin/v1/registry/catalogue/{id}", tag = "registry",
    params(("id" = String, Path, description = "The SKU as it is compared: without blanks and dashes, upper case")),
    responses(
        (status = 200, description = "The row", body = RowBody, headers(("ETag" = String, description = "For `If-Match`"))),
    )
)]
async fn product(plane: web::Data<AdminPlane>, id: web::Path<String>) -> Answer {
    let row = plane.desk.row(Table::Catalogue, id.into_inner()).await?;
    Ok(shown(row))
}

/// One customer. Looking is a record.
#[utoipa::path(
    get, path = "/admin/v1/registry/customers/{id}", tag = "registry",
    params(("id" = String, Path, description = "The account, or the row's `id`")),
    responses(
        (status = 200, description = "The row", body = RowBody, headers(("ETag" = String, description = "For `If-Match`"))),
    )
)]
async fn customer(plane: web::Data<AdminPlane>, caller: Caller, id: web::Path<String>) -> Answer {
    let id = id.into_inner();
    let masked = crate::registry::is_credential(&id);
    let account = if masked { crate::registry::MASKED } else { &id };
    accessed(&plane, &caller, "customer", json!({ "account": account })).await?;
    Ok(shown(plane.desk.row(Table::Customers, id).await?))
}

/// Replace a row of the catalogue; it holds at once.
#[utoipa::path(
    put, path = "/admin/v1/registry/catalogue/{id}", tag = "registry", request_body = RowChange,
    params(
        ("id" = String, Path, description = "The row's `id`"),
        ("If-Match" = String, Header, description = "The `ETag` of what was read"),
    ),
    responses(
        (status = 200, description = "Replaced", body = RowBody),
        (status = 400, description = "The row is bad"),
        (status = 409, description = "The table cannot be edited now"),
    )
)]
async fn change_product(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    request: HttpRequest,
    id: web::Path<String>,
    body: web::Bytes,
) -> Answer {
    let change: RowChange = json_body(&request, &body)?;
    change_row(&plane, &caller, &request, Table::Catalogue, id.into_inner(), change).await
}

/// Replace a customer's row; it holds at once. The licence key stays what it is.
#[utoipa::path(
    put, path = "/admin/v1/registry/customers/{id}", tag = "registry", request_body = RowChange,
    params(
        ("id" = String, Path, description = "The row's `id`"),
        ("If-Match" = String, Header, description = "The `ETag` of what was read"),
    ),
    responses(
        (status = 200, description = "Replaced", body = RowBody),
        (status = 400, description = "The row is bad"),
        (status = 409, description = "The table cannot be edited now"),
    )
)]
async fn change_customer(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    request: HttpRequest,
    id: web::Path<String>,
    body: web::Bytes,
) -> Answer {
    let change: RowChange = json_body(&request, &body)?;
    change_row(&plane, &caller, &request, Table::Customers, id.into_inner(), change).await
}

/// Take a row out of the catalogue; it is gone at once.
#[utoipa::path(
    delete, path = "/admin/v1/registry/catalogue/{id}", tag = "registry",
    params(
        ("id" = String, Path, description = "The row's `id`"),
        ("If-Match" = String, Header, description = "The `ETag` of what was read"),
    ),
    responses(
        (status = 204, description = "Gone"),
        (status = 409, description = "The table cannot be edited now"),
    )
)]
async fn remove_product(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    request: HttpRequest,
    id: web::Path<String>,
) -> Answer {
    remove_row(&plane, &caller, &request, Table::Catalogue, id.into_inner()).await
}

/// Take a customer out of the registry; the row is gone at once.
#[utoipa::path(
    delete, path = "/admin/v1/registry/customers/{id}", tag = "registry",
    params(
        ("id" = String, Path, description = "The row's `id`"),
        ("If-Match" = String, Header, description = "The `ETag` of what was read"),
    ),
    responses(
        (status = 204, description = "Gone"),
        (status = 409, description = "The table cannot be edited now"),
    )
)]
async fn remove_customer(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    request: HttpRequest,
    id: web::Path<String>,
) -> Answer {
    remove_row(&plane, &caller, &request, Table::Customers, id.into_inner()).await
}

async fn list(plane: &AdminPlane, table: Table, wanted: &Wanted) -> Answer {
    let Ok(limit @ 1..=500) = wanted.limit.as_deref().map_or(Ok(100_u16), str::parse) else {
        return Err(Problem::invalid("limit: from 1 to 500").at("limit", "from 1 to 500"));
    };
    let from = crate::admin::api::paging::Paging { cursor: wanted.cursor.clone(), limit: None };
    let search = plane.desk.search(table, wanted.filter(), from.after()?, limit.into());
    let (rows, found) = search.await?;
    let rows = Rows {
        items: rows.into_iter().map(body).collect(),
        next: found.next.map(|next| cursor(&next)),
        partial: found.partial,
        total: plane.desk.rows(table),
    };
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(rows))
}

async fn add(
    plane: &AdminPlane,
    caller: &Caller,
    request: &HttpRequest,
    bytes: &[u8],
    table: Table,
) -> Answer {
    let RowChange { cells, reason } = json_body(request, bytes)?;
    let work = async {
        let made = plane.desk.set_row(&caller.actor, &reason, table, None, Some(cells), None);
        let row = made.await?.ok_or_else(|| Problem::not_found("such row"))?;
        let base = if table == Table::Catalogue { CATALOGUE } else { CUSTOMERS };
        let id = percent_encoding::utf8_percent_encode(&row.id, percent_encoding::NON_ALPHANUMERIC);
        let location = Some(format!("{base}/{id}"));
        Ok(Created { location, status: StatusCode::CREATED, value: body(row) })
    };
    idempotent(plane, caller, request, bytes, work).await
}

async fn change_row(
    plane: &AdminPlane,
    caller: &Caller,
    request: &HttpRequest,
    table: Table,
    id: String,
    change: RowChange,
) -> Answer {
    let now = plane.desk.row(table, id.clone()).await?;
    if_match(request, &quoted(&now))?;
    let RowChange { cells, reason } = change;
    let (actor, seen) = (&caller.actor, Some(now.etag));
    let row = plane.desk.set_row(actor, &reason, table, Some(id), Some(cells), seen).await?;
    row.map(shown).ok_or_else(|| Problem::not_found("such row"))
}

async fn remove_row(
    plane: &AdminPlane,
    caller: &Caller,
    request: &HttpRequest,
    table: Table,
    id: String,
) -> Answer {
    let now = plane.desk.row(table, id.clone()).await?;
    if_match(request, &quoted(&now))?;
    plane.desk.set_row(&caller.actor, "", table, Some(id), None, Some(now.etag)).await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn accessed(
    plane: &AdminPlane,
    caller: &Caller,
    action: &str,
    detail: serde_json::Value,
) -> Answer<()> {
    let (actor, outcome) = (&caller.actor, AccessOutcome::Ok);
    plane.control.accessed(Access { action, actor, detail, outcome }).await?;
    Ok(())
}

fn shown(row: RowView) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::ETAG, quoted(&row)))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(body(row))
}

fn quoted(row: &RowView) -> String {
    format!("\"{}\"", row.etag)
}

fn body(row: RowView) -> RowBody {
    let RowView { cells, etag, id } = row;
    RowBody { cells, etag, id }
}
