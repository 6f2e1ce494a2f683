//! `/operators`: who may use the control plane.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web;
use askama::Template;

use crate::admin::access::ADMINISTRATORS;
use crate::admin::access::Caller;
use crate::admin::api::Problem;
use crate::admin::mount::Mount;
use crate::admin::server::AdminPlane;
use crate::control::ControlError;
use crate::model::Role;
use crate::model::Roles;
use crate::operators::Account;
use crate::operators::LastAdministrator;
use crate::operators::New;
use crate::operators::Password;
use crate::operators::Standing;

use super::Nav;
use super::Shell;
use super::fields::Fields;
use super::fields::all;
use super::fields::go;
use super::fields::needed;
use super::fields::one;
use super::fields::said;
use super::fields::ticked;
use super::filters;
use super::page;

pub(super) fn routes(mount: &mut Mount<'_>) {
    mount
        .get("/operators", ADMINISTRATORS, list)
        .post("/operators", ADMINISTRATORS, add)
        .get("/operators/{name}", ADMINISTRATORS, show)
        .post("/operators/{name}", ADMINISTRATORS, change)
        .post("/operators/{name}/password", ADMINISTRATORS, set_password)
        .post("/operators/{name}/sign-out", ADMINISTRATORS, sign_out)
        .post("/operators/{name}/remove", ADMINISTRATORS, remove);
}

#[derive(Template)]
#[template(path = "operators.html")]
struct List {
    accounts: Vec<Row>,
    shell: Shell,
}

#[derive(Template)]
#[template(path = "operator.html")]
struct One {
    account: Account,
    /// It is the account of whoever looks.
    own: bool,
    sessions: usize,
    shell: Shell,
}

struct Row {
    account: Account,
    sessions: usize,
}

/// What each role is for, beside its name.
const fn purpose(role: &Role) -> &'static str {
    match role {
        Role::Administrator => {
            "Manages operators and the registry. Does not approve policies nor release holds."
        }
        Role::Auditor => "Reads and searches records, exports, verifies, hands in reports.",
        Role::PolicyApprover => {
            "Approves policies, and releases or refuses holds, that others prepared."
        }
        Role::PolicyAuthor => "Writes drafts of policies, runs their checks, edits the catalogue.",
        Role::Reviewer => "Works the review queue: recommends what becomes of a hold.",
        Role::Viewer => "Sees what is in force and how it goes. Nothing of a person.",
    }
}

/// Whether the box of a role is ticked.
const fn has(account: &Account, role: &Role) -> bool {
    account.roles.contains(*role)
}

async fn list(plane: web::Data<AdminPlane>, caller: Caller) -> Result<HttpResponse, Problem> {
    let accounts = plane.access.operators.list().map_err(ControlError::from)?;
    let now = plane.gate.now();
    let row = |account: Account| {
        let sessions = plane.access.sessions.of_account(&account.name, now);
        Row { account, sessions }
    };
    let accounts = accounts.into_iter().map(row).collect();
    let shell = plane.shell(&caller, "Operators", Some(Nav::Operators));
    Ok(page(StatusCode::OK, &List { accounts, shell }))
}

async fn show(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    name: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let account = find(&plane, &name)?;
    let sessions = plane.access.sessions.of_account(&account.name, plane.gate.now());
    let own = account.actor().id == caller.actor.id;
    let shell = plane.shell(&caller, account.name.as_str(), Some(Nav::Operators));
    Ok(page(StatusCode::OK, &One { account, own, sessions, shell }))
}

async fn add(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    form: Fields,
) -> Result<HttpResponse, Problem> {
    let name = needed(&form, "name")?.to_owned();
    let display = Some(one(&form, "display").to_owned()).filter(|display| !display.is_empty());
    let password = Password::new(needed(&form, "password")?.to_owned());
    let (roles, reason) = (roles(&form)?, one(&form, "reason"));
    let (by, at) = (caller.actor.id.clone(), plane.gate.now());
    let work = move |operators: &crate::operators::Operators| {
        let display = display.as_deref();
        operators.add(&New { name: &name, display, roles, password: &password }, &by, at)
    };
    let operators = &plane.access.operators;
    let account = plane.control.change_operators(operators, &caller.actor, reason, work).await?;
    Ok(go(&format!("/operators/{}", account.name)))
}

async fn change(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    name: web::Path<String>,
    form: Fields,
) -> Result<HttpResponse, Problem> {
    let account = find(&plane, &name)?;
    if one(&form, "generation") != account.generation.to_string() {
        let detail = "the account was changed since you opened this page: load it again";
        return Err(Problem::new(StatusCode::PRECONDITION_FAILED, detail));
    }
    let (roles, reason) = (roles(&form)?, one(&form, "reason"));
    let standing = match ticked(&form, "disabled") {
        true => Standing::Disabled,
        false => Standing::Enabled,
    };
    let (by, at, name) = (caller.actor.id.clone(), plane.gate.now(), name.into_inner());
    let of_account = name.clone();
    let work = move |operators: &crate::operators::Operators| {
        operators.set_roles(&name, roles, LastAdministrator::Keep, &by, at)?;
        operators.set_standing(&name, standing, LastAdministrator::Keep, &by, at)
    };
    let operators = &plane.access.operators;
    plane.control.change_operators(operators, &caller.actor, reason, work).await?;
    Ok(go(&format!("/operators/{of_account}")))
}

async fn set_password(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    name: web::Path<String>,
    form: Fields,
) -> Result<HttpResponse, Problem> {
    find(&plane, &name)?;
    let password = Password::new(needed(&form, "password")?.to_owned());
    let reason = one(&form, "reason");
    let (by, at, name) = (caller.actor.id.clone(), plane.gate.now(), name.into_inner());
    let work = move |operators: &crate::operators::Operators| {
        operators.set_password(&name, &password, &by, at)
    };
    let operators = &plane.access.operators;
    plane.control.change_operators(operators, &caller.actor, reason, work).await?;
    Ok(said("The password is set. Sessions of the account have ended."))
}

async fn sign_out(
    plane: web::Data<AdminPlane>,
    name: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let account = find(&plane, &name)?;
    let ended = plane.access.sessions.sign_out_everywhere(&account.name);
    Ok(said(&format!("{ended} sessions have ended.")))
}

async fn remove(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    name: web::Path<String>,
    form: Fields,
) -> Result<HttpResponse, Problem> {
    find(&plane, &name)?;
    let reason = one(&form, "reason");
    let (by, at, name) = (caller.actor.id.clone(), plane.gate.now(), name.into_inner());
    let work = move |operators: &crate::operators::Operators| {
        operators.remove(&name, LastAdministrator::Keep, &by, at)
    };
    let operators = &plane.access.operators;
    plane.control.change_operators(operators, &caller.actor, reason, work).await?;
    Ok(go("/operators"))
}

fn roles(form: &Fields) -> Result<Roles, Problem> {
    let mut roles = Roles::NONE;
    for text in all(form, "role") {
        let role = Role::parse(text)
            .ok_or_else(|| Problem::invalid(format!("role: there is no role `{text}`")))?;
        roles = roles.with(role);
    }
    match roles.is_empty() {
        true => Err(Problem::invalid("role: tick at least one").at("role", "tick at least one")),
        false => Ok(roles),
    }
}

fn find(plane: &AdminPlane, name: &str) -> Result<Account, Problem> {
    let found = plane.access.operators.find(name).map_err(ControlError::from)?;
    found.ok_or_else(|| Problem::not_found(format!("operator `{name}`")))
}
