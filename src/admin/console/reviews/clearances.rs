//! `/clearances`: what was released, and whether it still passes.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web;
use askama::Template;
use jiff::Timestamp;
use serde::Deserialize;

use crate::admin::access::APPROVERS;
use crate::admin::access::Caller;
use crate::admin::access::QUEUE;
use crate::admin::api::Problem;
use crate::admin::api::reviews::clearances::find;
use crate::admin::api::reviews::clearances::revoked;
use crate::admin::api::reviews::words;
use crate::admin::api::reviews::words::Force;
use crate::admin::console::Nav;
use crate::admin::console::Shell;
use crate::admin::console::fields::Fields;
use crate::admin::console::fields::go;
use crate::admin::console::fields::one;
use crate::admin::console::filters;
use crate::admin::console::page;
use crate::admin::mount::Mount;
use crate::admin::server::AdminPlane;
use crate::control::reviews::Permission;
use crate::model::Role;

use super::force;

/// Clearances that are shown of a kind, the newest first.
const MOST: usize = 200;

pub(super) fn routes(mount: &mut Mount<'_>) {
    mount.get("/clearances", QUEUE, list).get("/clearances/{id}", QUEUE, show).post(
        "/clearances/{id}/revocation",
        APPROVERS,
        revoke,
    );
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Asked {
    state: String,
}

/// Clearances that stand in one way.
#[derive(Clone, Debug, Template)]
#[template(path = "clearances.html")]
pub(in crate::admin::console) struct Clearances {
    /// How many stand in each way.
    pub(in crate::admin::console) counts: [u64; 4],
    /// Which are shown.
    pub(in crate::admin::console) current: Force,
    /// They, the newest first.
    pub(in crate::admin::console) rows: Vec<Row>,
    /// The frame.
    pub(in crate::admin::console) shell: Shell,
}

/// One clearance.
#[derive(Clone, Debug, Template)]
#[template(path = "clearance.html")]
pub(in crate::admin::console) struct Clearance {
    /// Whether whoever looks may take it back.
    pub(in crate::admin::console) may_revoke: bool,
    /// From where alone, of an account that nobody vouches for.
    pub(in crate::admin::console) networks: Vec<String>,
    /// It.
    pub(in crate::admin::console) row: Row,
    /// The frame.
    pub(in crate::admin::console) shell: Shell,
    /// What it rests on.
    pub(in crate::admin::console) evidence: String,
}

/// A clearance in a table.
#[derive(Clone, Debug)]
pub(in crate::admin::console) struct Row {
    /// Who recommended it, or empty.
    pub(in crate::admin::console) advised: String,
    /// Who released it.
    pub(in crate::admin::console) by: String,
    /// The entry.
    pub(in crate::admin::console) entry: String,
    /// How it stands.
    pub(in crate::admin::console) force: Force,
    /// From when.
    pub(in crate::admin::console) from: Timestamp,
    /// The hold that it answers.
    pub(in crate::admin::console) hold: String,
    /// Its name.
    pub(in crate::admin::console) id: String,
    /// When and by whom it was taken back.
    pub(in crate::admin::console) revoked: Option<(Timestamp, String)>,
    /// What it lets pass.
    pub(in crate::admin::console) title: String,
    /// Until when.
    pub(in crate::admin::console) until: Timestamp,
}

impl Clearances {
    /// The ways with how many stand in each.
    pub(in crate::admin::console) fn tabs(&self) -> Vec<(Force, u64)> {
        Force::ALL.into_iter().zip(self.counts).collect()
    }
}

fn row(permission: &Permission, now: Timestamp) -> Row {
    let Permission { entry, grant, revoked, .. } = permission;
    let by = |index: usize| grant.by.get(index).map_or("", |by| words::person(by)).to_owned();
    Row {
        advised: by(1),
        by: by(0),
        entry: entry.clone(),
        force: Force::of(permission, now),
        from: grant.from,
        hold: grant.hold.to_string(),
        id: grant.id.clone(),
        revoked: revoked.as_ref().map(|(at, by)| (*at, words::person(by).to_owned())),
        title: words::granted(grant),
        until: grant.until,
    }
}

async fn list(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    asked: web::Query<Asked>,
) -> HttpResponse {
    let known = Force::ALL.into_iter().find(|force| force.as_str() == asked.state);
    let current = known.unwrap_or(Force::Holding);
    let now = plane.gate.now();
    let (counts, rows) = {
        let state = plane.control.state();
        let all = &state.reviews.clearances;
        let is = |force: Force| move |known: &&Permission| Force::of(known, now) == force;
        let counts = Force::ALL
            .map(|force| u64::try_from(all.values().filter(is(force)).count()).unwrap_or(u64::MAX));
        let newest = all.values().rev().filter(is(current)).take(MOST);
        (counts, newest.map(|known| row(known, now)).collect())
    };
    let shell = plane.shell(&caller, "Clearances", Some(Nav::Reviews));
    page(StatusCode::OK, &Clearances { counts, current, rows, shell })
}

async fn show(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let permission = find(&plane, &id)?;
    let row = row(&permission, plane.gate.now());
    let clearance = Clearance {
        evidence: permission.grant.evidence.to_string(),
        may_revoke: row.force == Force::Holding && caller.has(Role::PolicyApprover),
        networks: permission.grant.networks.iter().map(|text| words::from(text)).collect(),
        shell: plane.shell(&caller, "Clearance", Some(Nav::Reviews)),
        row,
    };
    Ok(page(StatusCode::OK, &clearance))
}

async fn revoke(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    id: web::Path<String>,
    form: Fields,
) -> Result<HttpResponse, Problem> {
    find(&plane, &id)?;
    revoked(&plane, &caller, &id, one(&form, "reason")).await?;
    Ok(go(&format!("/clearances/{id}")))
}
