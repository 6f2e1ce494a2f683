//! `/registry/customers`: they are persons, so nobody is shown before somebody is looked for, and every look is a record.

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web;
use askama::Template;
use serde_json::json;

use crate::admin::access::ADMINISTRATORS;
use crate::admin::access::CUSTOMER_READERS;
use crate::admin::access::Caller;
use crate::admin::api::Problem;
use crate::admin::mount::Mount;
use crate::admin::server::AdminPlane;
use crate::control::registry::RowView;
use crate::control::registry::may_edit;
use crate::registry::Cells;
use crate::registry::MASKED;
use crate::registry::Table;
use crate::registry::is_credential;

use super::super::Shell;
use super::super::fields::Fields;
use super::super::fields::go;
use super::super::fields::needed;
use super::super::fields::one;
use super::super::filters;
use super::super::page;
use super::Tabs;
use super::accessed;
use super::catalogue::changed;
use super::editable;
use super::encoded;
use super::fields::cells;
use super::fields::hint;
use super::fields::label;
use super::many;
use super::rows::LIMIT;
use super::rows::Wanted;
use super::rows::cell;
use super::shell;
use super::shown;
use super::told;

const PATH: &str = "/registry/customers";

pub(super) fn routes(mount: &mut Mount<'_>) {
    mount
        .get(PATH, CUSTOMER_READERS, list)
        // What is looked for may be a licence key or an address: neither belongs into an address line.
        .post("/registry/customers/search", CUSTOMER_READERS, search)
        .get("/registry/add/customer", ADMINISTRATORS, blank)
        .post("/registry/add/customer", ADMINISTRATORS, add)
        .get("/registry/customers/{id}", CUSTOMER_READERS, show)
        .post("/registry/customers/{id}", ADMINISTRATORS, save)
        .post("/registry/customers/{id}/remove", ADMINISTRATORS, remove);
}

#[derive(Template)]
#[template(path = "registry/customers.html")]
pub(crate) struct List {
    pub(super) edits: bool,
    pub(super) rows_in_force: u64,
    pub(super) shell: Shell,
    /// The file that is the source.
    pub(super) source: Option<String>,
    pub(super) tabs: Tabs,
    pub(super) wanted: Wanted,
}

/// What was found, in its place on the page.
#[derive(Template)]
#[template(path = "registry/customers_found.html")]
pub(crate) struct Found {
    pub(super) next: Option<String>,
    pub(super) partial: bool,
    pub(super) people: Vec<Customer>,
    pub(super) wanted: Wanted,
}

/// A row of the table.
#[derive(Debug)]
pub(crate) struct Customer {
    pub(super) account: String,
    pub(super) billing: String,
    pub(super) email: String,
    pub(super) href: String,
    pub(super) key: String,
    pub(super) organization: String,
    pub(super) us_person: String,
}

#[derive(Template)]
#[template(path = "registry/customer.html")]
pub(crate) struct One {
    pub(super) cells: Cells,
    pub(super) edits: bool,
    /// Of the row that is there; none for one that is to be.
    pub(super) etag: Option<String>,
    pub(super) href: String,
    pub(super) name: String,
    pub(super) shell: Shell,
    pub(super) tabs: Tabs,
}

impl One {
    fn text(&self, column: &str) -> &str {
        self.cells.get(column).map_or("", String::as_str)
    }

    /// The columns that are plain texts.
    fn plain(&self) -> impl Iterator<Item = &'static str> {
        let special = ["account", "license_key", "us_person"];
        Table::Customers.columns().iter().copied().filter(move |column| !special.contains(column))
    }

    fn is_us(&self, value: &str) -> bool {
        self.text("us_person").eq_ignore_ascii_case(value)
    }
}

async fn list(plane: web::Data<AdminPlane>, caller: Caller) -> HttpResponse {
    let source = plane.desk.source(Table::Customers).map(|path| path.display().to_string());
    let list = List {
        edits: source.is_none() && may_edit(&caller.actor, Table::Customers),
        rows_in_force: many(plane.desk.rows(Table::Customers)),
        shell: shell(&plane, &caller, "Customers"),
        source,
        tabs: Tabs::of(&plane, &caller, "Customers"),
        wanted: Wanted::default(),
    };
    page(StatusCode::OK, &list)
}

async fn search(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    wanted: web::Form<Wanted>,
) -> HttpResponse {
    told(found(&plane, &caller, wanted.into_inner()).await)
}

async fn found(
    plane: &AdminPlane,
    caller: &Caller,
    wanted: Wanted,
) -> Result<HttpResponse, Problem> {
    let text = wanted.q.trim();
    if text.is_empty() && wanted.all.is_empty() {
        return Err(Problem::invalid("Search for: fill it in, or choose to show everyone"));
    }
    let column = if wanted.column.is_empty() { "any" } else { &wanted.column };
    // A licence key stands in no record.
    let is_key = column == "license_key" || is_credential(text);
    let detail = json!({ column: if is_key { MASKED } else { text } });
    accessed(plane, caller, "search_customers", detail).await?;
    let cursor = Some(wanted.cursor.clone()).filter(|cursor| !cursor.is_empty());
    let (rows, found) =
        plane.desk.search(Table::Customers, wanted.filter()?, cursor, LIMIT).await?;
    let customer = |row: &RowView| Customer {
        account: cell(row, "account").to_owned(),
        billing: [cell(row, "billing_country"), cell(row, "billing_region")]
            .join(" ")
            .trim()
            .to_owned(),
        email: cell(row, "email").to_owned(),
        href: format!("{PATH}/{}", encoded(&row.id)),
        key: cell(row, "license_key").to_owned(),
        organization: cell(row, "organization_country").to_owned(),
        us_person: cell(row, "us_person").to_owned(),
    };
    let people = rows.iter().map(customer).collect();
    let template = Found { next: found.next, partial: found.partial, people, wanted };
    Ok(page(StatusCode::OK, &template))
}

async fn blank(plane: web::Data<AdminPlane>, caller: Caller, request: HttpRequest) -> HttpResponse {
    let answer = editable(&plane, Table::Customers).map(|()| {
        let one = One {
            cells: Cells::new(),
            edits: true,
            etag: None,
            href: "/registry/add/customer".to_owned(),
            name: "Add a customer".to_owned(),
            shell: shell(&plane, &caller, "Add a customer"),
            tabs: Tabs::of(&plane, &caller, "Customers"),
        };
        page(StatusCode::OK, &one)
    });
    shown(&plane, &request, answer)
}

async fn show(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    request: HttpRequest,
    id: web::Path<String>,
) -> HttpResponse {
    let answer = looked_at(&plane, &caller, id.into_inner()).await;
    shown(&plane, &request, answer)
}

async fn looked_at(
    plane: &AdminPlane,
    caller: &Caller,
    id: String,
) -> Result<HttpResponse, Problem> {
    let account = if is_credential(&id) { MASKED } else { &id };
    accessed(plane, caller, "customer", json!({ "account": account })).await?;
    let row = plane.desk.row(Table::Customers, id).await?;
    let account = cell(&row, "account");
    let name = if account.is_empty() { row.id.clone() } else { account.to_owned() };
    let one = One {
        edits: may_edit(&caller.actor, Table::Customers),
        href: format!("{PATH}/{}", encoded(&row.id)),
        shell: shell(plane, caller, &format!("Customer {name}")),
        tabs: Tabs::of(plane, caller, "Customers"),
        name,
        etag: Some(row.etag),
        cells: row.cells,
    };
    Ok(page(StatusCode::OK, &one))
}

async fn add(plane: web::Data<AdminPlane>, caller: Caller, form: Fields) -> HttpResponse {
    let done = async {
        needed(&form, "account")?;
        let (new, reason) = (Some(cells(&form, Table::Customers)), one(&form, "reason"));
        let row = plane.desk.set_row(&caller.actor, reason, Table::Customers, None, new, None);
        Ok(row.await?)
    };
    told(done.await.map(|row| match row {
        Some(row) => go(&format!("{PATH}/{}", encoded(&row.id))),
        None => go(PATH),
    }))
}

async fn save(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    id: web::Path<String>,
    form: Fields,
) -> HttpResponse {
    let id = id.into_inner();
    let to = format!("{PATH}/{}", encoded(&id));
    let new = Some(cells(&form, Table::Customers));
    told(changed(&plane, &caller, &form, Table::Customers, id, new).await.map(|()| go(&to)))
}

async fn remove(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    id: web::Path<String>,
    form: Fields,
) -> HttpResponse {
    let id = id.into_inner();
    told(changed(&plane, &caller, &form, Table::Customers, id, None).await.map(|()| go(PATH)))
}
