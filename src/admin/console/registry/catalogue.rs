//! `/registry/catalogue`: products by SKU, searched, edited, exported, and changed many at once.

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::web;
use actix_web::web::Bytes;
use askama::Template;
use futures_util::stream;
use serde_json::json;

use crate::admin::access::CATALOGUE_EDITORS;
use crate::admin::access::Caller;
use crate::admin::access::VIEWERS;
use crate::admin::api::Problem;
use crate::admin::mount::Mount;
use crate::admin::server::AdminPlane;
use crate::control::registry::Desk;
use crate::control::registry::RowView;
use crate::control::registry::may_edit;
use crate::output::Line;
use crate::registry::Bulk;
use crate::registry::Cells;
use crate::registry::Filter;
use crate::registry::Table;

use super::super::Shell;
use super::super::fields::Fields;
use super::super::fields::go;
use super::super::fields::needed;
use super::super::fields::one;
use super::super::filters;
use super::super::page;
use super::Tabs;
use super::accessed;
use super::choices::Choice;
use super::choices::cell_of;
use super::choices::choices;
use super::choices::name_of;
use super::editable;
use super::encoded;
use super::fields::cells;
use super::many;
use super::rows::LIMIT;
use super::rows::Wanted;
use super::rows::cell;
use super::shell;
use super::shown;
use super::told;
use super::what_if::WhatIf;
use super::what_if::what_if;

const PATH: &str = "/registry/catalogue";
/// Rows that an export reads at once.
const EXPORTED: usize = 500;

pub(super) fn routes(mount: &mut Mount<'_>) {
    mount
        .get(PATH, VIEWERS, list)
        .get("/registry/export", VIEWERS, export)
        .get("/registry/add/product", CATALOGUE_EDITORS, blank)
        .post("/registry/add/product", CATALOGUE_EDITORS, add)
        .post("/registry/bulk", CATALOGUE_EDITORS, bulk)
        .get("/registry/catalogue/{id}", VIEWERS, show)
        .post("/registry/catalogue/{id}", CATALOGUE_EDITORS, save)
        .post("/registry/catalogue/{id}/remove", CATALOGUE_EDITORS, remove);
}

#[derive(Template)]
#[template(path = "registry/catalogue.html")]
pub(crate) struct List {
    pub(super) choices: Vec<Choice>,
    pub(super) edits: bool,
    pub(super) found: Rows,
    pub(super) rows_in_force: u64,
    pub(super) shell: Shell,
    /// The file that is the source.
    pub(super) source: Option<String>,
    pub(super) tabs: Tabs,
    pub(super) wanted: Wanted,
}

/// A page of rows.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    pub(super) next: String,
    /// The search ran out of time.
    pub(super) partial: bool,
    pub(super) rows: Vec<Product>,
}

/// A row of the table.
#[derive(Debug)]
pub(crate) struct Product {
    pub(super) group: String,
    pub(super) group_id: String,
    pub(super) href: String,
    pub(super) name: String,
    pub(super) sku: String,
    pub(super) vendor: String,
}

#[derive(Template)]
#[template(path = "registry/product.html")]
pub(crate) struct One {
    pub(super) cells: Cells,
    pub(super) choices: Vec<Choice>,
    pub(super) edits: bool,
    /// Of the row that is there; none for one that is to be.
    pub(super) etag: Option<String>,
    pub(super) href: String,
    pub(super) shell: Shell,
    pub(super) tabs: Tabs,
    pub(super) what_if: WhatIf,
}

impl One {
    fn text(&self, column: &str) -> &str {
        self.cells.get(column).map_or("", String::as_str)
    }

    fn group(&self) -> String {
        name_of(self.text("group"))
    }
}

async fn list(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    request: HttpRequest,
    wanted: web::Query<Wanted>,
) -> HttpResponse {
    let answer = listed(&plane, &caller, wanted.into_inner()).await;
    shown(&plane, &request, answer)
}

async fn listed(
    plane: &AdminPlane,
    caller: &Caller,
    wanted: Wanted,
) -> Result<HttpResponse, Problem> {
    let source = plane.desk.source(Table::Catalogue).map(|path| path.display().to_string());
    let found = match source {
        Some(_) => Rows::default(),
        None => search(plane, &wanted).await?,
    };
    let group = Some(cell_of(&wanted.group)).filter(|_| !wanted.group.is_empty());
    let list = List {
        choices: choices(plane, group),
        edits: source.is_none() && may_edit(&caller.actor, Table::Catalogue),
        found,
        rows_in_force: many(plane.desk.rows(Table::Catalogue)),
        shell: shell(plane, caller, "Catalogue"),
        source,
        tabs: Tabs::of(plane, caller, "Catalogue"),
        wanted,
    };
    Ok(page(StatusCode::OK, &list))
}

async fn search(plane: &AdminPlane, wanted: &Wanted) -> Result<Rows, Problem> {
    let cursor = Some(wanted.cursor.clone()).filter(|cursor| !cursor.is_empty());
    let found = plane.desk.search(Table::Catalogue, wanted.filter()?, cursor, LIMIT).await?;
    let (rows, found) = found;
    let product = |row: &RowView| Product {
        group: name_of(cell(row, "group")),
        group_id: cell(row, "group").to_owned(),
        href: format!("{PATH}/{}", encoded(&row.id)),
        name: cell(row, "name").to_owned(),
        sku: cell(row, "sku").to_owned(),
        vendor: cell(row, "vendor").to_owned(),
    };
    Ok(Rows {
        next: found.next.map(|next| wanted.at(PATH, &next)).unwrap_or_default(),
        partial: found.partial,
        rows: rows.iter().map(product).collect(),
    })
}

/// The form of a row to be; what the query says of it is filled in.
async fn blank(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    request: HttpRequest,
    given: web::Query<Cells>,
) -> HttpResponse {
    let answer = editable(&plane, Table::Catalogue).map(|()| {
        let columns = Table::Catalogue.columns();
        let mut cells = given.into_inner();
        cells.retain(|column, _| columns.contains(&column.as_str()));
        let one = One {
            choices: choices(&plane, cells.get("group").map(String::as_str)),
            edits: true,
            etag: None,
            href: "/registry/add/product".to_owned(),
            shell: shell(&plane, &caller, "Add a product"),
            tabs: Tabs::of(&plane, &caller, "Catalogue"),
            what_if: what_if(&plane, &cells),
            cells,
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
    let found = plane.desk.row(Table::Catalogue, id.into_inner()).await;
    let answer = found.map_err(Problem::from).map(|row| {
        let group = Some(row.cells.get("group").map_or("", String::as_str));
        let one = One {
            choices: choices(&plane, group),
            edits: may_edit(&caller.actor, Table::Catalogue),
            href: format!("{PATH}/{}", encoded(&row.id)),
            shell: shell(&plane, &caller, cell(&row, "sku")),
            tabs: Tabs::of(&plane, &caller, "Catalogue"),
            what_if: what_if(&plane, &row.cells),
            etag: Some(row.etag),
            cells: row.cells,
        };
        page(StatusCode::OK, &one)
    });
    shown(&plane, &request, answer)
}

async fn add(plane: web::Data<AdminPlane>, caller: Caller, form: Fields) -> HttpResponse {
    let (new, reason) = (cells(&form, Table::Catalogue), one(&form, "reason"));
    let done = async {
        needed(&form, "group")?;
        let row =
            plane.desk.set_row(&caller.actor, reason, Table::Catalogue, None, Some(new), None);
        row.await.map_err(Problem::from)
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
    let new = Some(cells(&form, Table::Catalogue));
    told(changed(&plane, &caller, &form, Table::Catalogue, id, new).await.map(|()| go(&to)))
}

async fn remove(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    id: web::Path<String>,
    form: Fields,
) -> HttpResponse {
    let id = id.into_inner();
    told(changed(&plane, &caller, &form, Table::Catalogue, id, None).await.map(|()| go(PATH)))
}

/// Replaces a row, or takes it out, if it is the one that the person saw.
pub(super) async fn changed(
    plane: &AdminPlane,
    caller: &Caller,
    form: &Fields,
    table: Table,
    id: String,
    new: Option<Cells>,
) -> Result<(), Problem> {
    let now = plane.desk.row(table, id.clone()).await?;
    if now.etag != one(form, "etag") {
        let detail = "somebody has edited the row since you opened this page: load it again to see what it is now";
        return Err(Problem::new(StatusCode::PRECONDITION_FAILED, detail));
    }
    let (reason, seen) = (one(form, "reason"), Some(now.etag));
    plane.desk.set_row(&caller.actor, reason, table, Some(id), new, seen).await?;
    Ok(())
}

/// A change of every row that a search finds: it is previewed as an import, and changes nothing yet.
async fn bulk(plane: web::Data<AdminPlane>, caller: Caller, form: Fields) -> HttpResponse {
    let wanted = Wanted {
        column: one(&form, "in").to_owned(),
        group: one(&form, "group").to_owned(),
        how: one(&form, "match").to_owned(),
        q: one(&form, "q").to_owned(),
        ..Wanted::default()
    };
    let done = async {
        let filter = wanted.filter()?;
        let to = needed(&form, "to")?;
        let bulk = match to {
            "remove" => Bulk { filter, remove: true, ..Bulk::default() },
            group => {
                let set = [("group".to_owned(), cell_of(group).to_owned())].into();
                Bulk { filter, set, ..Bulk::default() }
            }
        };
        Ok(plane.desk.bulk(&caller.actor, Table::Catalogue, bulk).await?)
    };
    told(done.await.map(|import| go(&format!("/registry/imports/{}", import.id))))
}

/// The rows that a search finds, as CSV that an import takes.
async fn export(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    request: HttpRequest,
    wanted: web::Query<Wanted>,
) -> HttpResponse {
    let answer = exported(&plane, &caller, &wanted).await;
    shown(&plane, &request, answer)
}

async fn exported(
    plane: &AdminPlane,
    caller: &Caller,
    wanted: &Wanted,
) -> Result<HttpResponse, Problem> {
    let (filter, desk) = (wanted.filter()?, plane.desk.clone());
    editable(plane, Table::Catalogue)?;
    let detail = json!({ "q": wanted.q, "group": wanted.group, "table": "catalogue" });
    accessed(plane, caller, "export_catalogue", detail).await?;
    let (cursor, next) = portion(&desk, filter.clone(), None).await?;
    let mut first = Table::Catalogue.columns().join(",").into_bytes();
    first.push(b'\n');
    first.extend(next);
    let rest = stream::unfold(cursor, move |cursor| {
        let (desk, filter) = (desk.clone(), filter.clone());
        async move {
            let cursor = cursor?;
            Some(match portion(&desk, filter, Some(cursor)).await {
                Ok((cursor, bytes)) => (Ok(Bytes::from(bytes)), cursor),
                // The head is sent: what is cut off must not look whole.
                Err(error) => (Err(actix_web::Error::from(error)), None),
            })
        }
    });
    let begins = stream::once(async move { Ok::<_, actix_web::Error>(Bytes::from(first)) });
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::CONTENT_DISPOSITION, "attachment; filename=\"catalogue.csv\""))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .content_type("text/csv; charset=utf-8")
        .streaming(stream::StreamExt::chain(begins, rest)))
}

/// Some rows as CSV, and where it goes on.
async fn portion(
    desk: &Desk,
    filter: Filter,
    cursor: Option<String>,
) -> Result<(Option<String>, Vec<u8>), Problem> {
    let (rows, found) = desk.search(Table::Catalogue, filter, cursor, EXPORTED).await?;
    let mut out = Vec::new();
    for row in rows {
        let mut line = Line::new(&mut out);
        for column in Table::Catalogue.columns() {
            line.cell(cell(&row, column).as_bytes());
        }
        line.end();
    }
    Ok((found.next, out))
}
