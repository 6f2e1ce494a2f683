//! `/admin/v1/operators`: local accounts of the people who use the control plane.

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::web;
use serde::Deserialize;
use serde::Serialize;
use utoipa::OpenApi;
use utoipa::ToSchema;

use crate::admin::access::ADMINISTRATORS;
use crate::admin::access::Caller;
use crate::admin::mount::Mount;
use crate::admin::server::AdminPlane;
use crate::control::ControlError;
use crate::model::Role;
use crate::model::Roles;
use crate::operators::Account;
use crate::operators::LastAdministrator;
use crate::operators::New;
use crate::operators::Operators;
use crate::operators::OperatorsError;
use crate::operators::Password;
use crate::operators::Standing;

use super::body::json_body;
use super::etag::etag;
use super::etag::if_match;
use super::etag::overtaken;
use super::idempotent::Created;
use super::idempotent::idempotent;
use super::paging::Page;
use super::paging::Paging;
use super::problem::Answer;
use super::problem::Problem;

#[derive(OpenApi)]
#[openapi(paths(list, create, show, change, set_password, remove))]
pub(super) struct Doc;

pub(super) fn routes(mount: &mut Mount<'_>) {
    mount
        .get("/admin/v1/operators", ADMINISTRATORS, list)
        .post("/admin/v1/operators", ADMINISTRATORS, create)
        .get("/admin/v1/operators/{name}", ADMINISTRATORS, show)
        .put("/admin/v1/operators/{name}", ADMINISTRATORS, change)
        .put("/admin/v1/operators/{name}/password", ADMINISTRATORS, set_password)
        .delete("/admin/v1/operators/{name}", ADMINISTRATORS, remove);
}

/// An account.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in crate::admin) struct Operator {
    /// When it was last changed (RFC 3339).
    pub(in crate::admin) changed: String,
    /// By whom.
    pub(in crate::admin) changed_by: String,
    /// When it was made (RFC 3339).
    pub(in crate::admin) created: String,
    /// By whom.
    pub(in crate::admin) created_by: String,
    /// Whether nobody may sign in to it.
    pub(in crate::admin) disabled: bool,
    /// What the person is called.
    pub(in crate::admin) display: Option<String>,
    /// Its name.
    #[schema(example = "anna")]
    pub(in crate::admin) name: String,
    /// What the person may do.
    #[schema(value_type = Vec<String>)]
    pub(in crate::admin) roles: Vec<Role>,
    /// How many sessions it has now.
    pub(in crate::admin) sessions: usize,
}

/// An account to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewOperator {
    /// What the person is called.
    #[serde(default)]
    display: Option<String>,
    /// 1 to 64 of `a-z0-9._-`, the first a letter.
    #[schema(example = "anna", max_length = 64)]
    name: String,
    /// 12 to 256 characters.
    #[schema(format = Password)]
    password: String,
    /// Why, for the record.
    #[serde(default)]
    reason: String,
    /// At least one.
    #[schema(value_type = Vec<String>, example = json!(["viewer"]))]
    roles: Vec<Role>,
}

/// What an account is to be like.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OperatorChange {
    /// Whether nobody may sign in to it.
    #[serde(default)]
    disabled: bool,
    /// Why, for the record.
    #[serde(default)]
    reason: String,
    /// At least one.
    #[schema(value_type = Vec<String>, example = json!(["viewer"]))]
    roles: Vec<Role>,
}

/// Another password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PasswordChange {
    /// 12 to 256 characters.
    #[schema(format = Password)]
    password: String,
    /// Why, for the record.
    #[serde(default)]
    reason: String,
}

/// List the operators, by name.
#[utoipa::path(
    get, path = "/admin/v1/operators", tag = "operators", params(Paging),
    responses(
        (status = 200, description = "A page of operators", body = Page<Operator>),
    )
)]
async fn list(
    plane: web::Data<AdminPlane>,
    paging: web::Query<Paging>,
) -> Answer<web::Json<Page<Operator>>> {
    let (limit, after) = (paging.limit()?, paging.after()?);
    let accounts = plane.access.operators.list().map_err(ControlError::from)?;
    let behind =
        |account: &Account| after.as_deref().is_none_or(|after| account.name.as_str() > after);
    let items = accounts.into_iter().filter(behind).take(limit.saturating_add(1));
    let items = items.map(|account| operator(&plane, account)).collect();
    Ok(web::Json(Page::of(items, limit, |operator: &Operator| operator.name.clone())))
}

/// Make an operator.
#[utoipa::path(
    post, path = "/admin/v1/operators", tag = "operators", request_body = NewOperator,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat of this request harmless")),
    responses(
        (status = 201, description = "Made", body = Operator),
        (status = 409, description = "The name is taken"),
    )
)]
async fn create(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    request: HttpRequest,
    body: web::Bytes,
) -> Answer {
    let new: NewOperator = json_body(&request, &body)?;
    let work = async {
        let NewOperator { display, name, password, reason, roles } = new;
        let (by, at) = (caller.actor.id.clone(), plane.gate.now());
        let made = plane.control.change_operators(
            &plane.access.operators,
            &caller.actor,
            &reason,
            move |operators| {
                let (display, password) = (display.as_deref(), Password::new(password));
                let roles = roles.into_iter().collect();
                let new = New { name: &name, display, roles, password: &password };
                operators.add(&new, &by, at)
            },
        );
        let account = made.await?;
        let location = Some(format!("/admin/v1/operators/{}", account.name));
        Ok(Created { location, status: StatusCode::CREATED, value: operator(&plane, account) })
    };
    idempotent(&plane, &caller, &request, &body, work).await
}

/// One operator.
#[utoipa::path(
    get, path = "/admin/v1/operators/{name}", tag = "operators",
    params(("name" = String, Path, description = "Its name")),
    responses(
        (status = 200, description = "The operator", body = Operator, headers(("ETag" = String, description = "For `If-Match`"))),
    )
)]
async fn show(plane: web::Data<AdminPlane>, name: web::Path<String>) -> Answer {
    let account = find(&plane, &name)?;
    Ok(shown(&plane, account))
}

/// Change what an operator may do, or whether they may sign in. Their sessions end.
#[utoipa::path(
    put, path = "/admin/v1/operators/{name}", tag = "operators", request_body = OperatorChange,
    params(
        ("name" = String, Path, description = "Its name"),
        ("If-Match" = String, Header, description = "The `ETag` of what was read"),
    ),
    responses(
        (status = 200, description = "Changed", body = Operator),
        (status = 409, description = "Nobody would administer any more"),
    )
)]
async fn change(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    request: HttpRequest,
    name: web::Path<String>,
    body: web::Bytes,
) -> Answer {
    let OperatorChange { disabled, reason, roles } = json_body(&request, &body)?;
    let read = etag(&find(&plane, &name)?);
    if_match(&request, &read)?;
    let (by, at, name) = (caller.actor.id.clone(), plane.gate.now(), name.into_inner());
    let standing = if disabled { Standing::Disabled } else { Standing::Enabled };
    let changed = plane.control.change_operators(
        &plane.access.operators,
        &caller.actor,
        &reason,
        move |operators| {
            if !is_as_read(operators, &name, &read)? {
                return Ok(None);
            }
            let roles: Roles = roles.into_iter().collect();
            if roles == Roles::NONE {
                return Err(OperatorsError::NoRoles);
            }
            let last = LastAdministrator::Keep;
            // Whatever can be refused comes first, so that nothing is half done.
            match standing {
                Standing::Disabled => {
                    operators.set_standing(&name, standing, last, &by, at)?;
                    operators.set_roles(&name, roles, last, &by, at).map(Some)
                }
                Standing::Enabled => {
                    operators.set_roles(&name, roles, last, &by, at)?;
                    operators.set_standing(&name, standing, last, &by, at).map(Some)
                }
            }
        },
    );
    let account = changed.await?.ok_or_else(overtaken)?;
    Ok(shown(&plane, account))
}

/// Give an operator another password. Their sessions end.
#[utoipa::path(
    put, path = "/admin/v1/operators/{name}/password", tag = "operators", request_body = PasswordChange,
    params(("name" = String, Path, description = "Its name")),
    responses(
        (status = 204, description = "Changed"),
        (status = 400, description = "The password breaks a rule"),
    )
)]
async fn set_password(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    request: HttpRequest,
    name: web::Path<String>,
    body: web::Bytes,
) -> Answer {
    let PasswordChange { password, reason } = json_body(&request, &body)?;
    find(&plane, &name)?;
    let (by, at, name) = (caller.actor.id.clone(), plane.gate.now(), name.into_inner());
    let work = move |operators: &Operators| {
        operators.set_password(&name, &Password::new(password), &by, at)
    };
    let operators = &plane.access.operators;
    plane.control.change_operators(operators, &caller.actor, &reason, work).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Remove an operator. Their sessions end.
#[utoipa::path(
    delete, path = "/admin/v1/operators/{name}", tag = "operators",
    params(
        ("name" = String, Path, description = "Its name"),
        ("If-Match" = String, Header, description = "The `ETag` of what was read"),
    ),
    responses(
        (status = 204, description = "Removed"),
        (status = 409, description = "Nobody would administer any more"),
    )
)]
async fn remove(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    request: HttpRequest,
    name: web::Path<String>,
) -> Answer {
    let read = etag(&find(&plane, &name)?);
    if_match(&request, &read)?;
    let (by, at, name) = (caller.actor.id.clone(), plane.gate.now(), name.into_inner());
    let work = move |operators: &Operators| {
        if !is_as_read(operators, &name, &read)? {
            return Ok(None);
        }
        operators.remove(&name, LastAdministrator::Keep, &by, at).map(Some)
    };
    let operators = &plane.access.operators;
    let removed = plane.control.change_operators(operators, &caller.actor, "", work).await?;
    removed.ok_or_else(overtaken)?;
    Ok(HttpResponse::NoContent().finish())
}

fn find(plane: &AdminPlane, name: &str) -> Answer<Account> {
    let found = plane.access.operators.find(name).map_err(ControlError::from)?;
    found.ok_or_else(|| Problem::not_found(format!("operator `{name}`")))
}

/// Whether an account still is what was read: looked at once more when nobody else changes anything.
fn is_as_read(operators: &Operators, name: &str, read: &str) -> Result<bool, OperatorsError> {
    Ok(operators.find(name)?.is_some_and(|account| etag(&account) == read))
}

fn shown(plane: &AdminPlane, account: Account) -> HttpResponse {
    let tag = etag(&account);
    HttpResponse::Ok()
        .insert_header((header::ETAG, tag))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(operator(plane, account))
}

/// An account as it is shown.
pub(in crate::admin) fn operator(plane: &AdminPlane, account: Account) -> Operator {
    let sessions = plane.access.sessions.of_account(&account.name, plane.gate.now());
    Operator {
        changed: account.changed.to_string(),
        changed_by: account.changed_by,
        created: account.created.to_string(),
        created_by: account.created_by,
        disabled: account.standing == Standing::Disabled,
        display: account.display,
        name: account.name.to_string(),
        roles: account.roles.iter().collect(),
        sessions,
    }
}
