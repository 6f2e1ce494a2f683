//! What forms of these pages have done: each by the function that the API calls for it.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web;

use crate::admin::access::Caller;
use crate::admin::api::Problem;
use crate::admin::console::fields::Fields;
use crate::admin::console::fields::go;
use crate::admin::console::fields::needed;
use crate::admin::console::fields::one;
use crate::admin::server::AdminPlane;
use crate::control::Event;
use crate::control::policies::suspend::Stay;
use crate::control::policies::suspend::Which;

use super::again;
use super::words::local_instant;

type Answer = Result<HttpResponse, Problem>;

pub(super) async fn create(plane: web::Data<AdminPlane>, caller: Caller, form: Fields) -> Answer {
    let title = needed(&form, "title")?;
    let base = match one(&form, "base") {
        "" => None,
        text => Some(text.parse().map_err(|_| Problem::invalid("base: give a version"))?),
    };
    let event = plane.policies.create(&caller.actor, title, one(&form, "note"), base).await?;
    made(&event)
}

pub(super) async fn suspend(plane: web::Data<AdminPlane>, caller: Caller, form: Fields) -> Answer {
    let which = which(needed(&form, "which")?);
    let (by, reason) = (needed(&form, "by")?, needed(&form, "reason")?);
    let from = local_instant("from", needed(&form, "from")?)?;
    let from = from.ok_or_else(|| Problem::invalid("from: write a day and an hour"))?;
    let until = local_instant("until", one(&form, "until"))?;
    let stay = Stay { by: by.to_owned(), from, reason: reason.to_owned(), until };
    let event = plane.policies.suspend(&caller.actor, &which, &stay, reason).await?;
    made(&event)
}

pub(super) async fn resume(plane: web::Data<AdminPlane>, caller: Caller, form: Fields) -> Answer {
    let which = which(needed(&form, "which")?);
    let reason = needed(&form, "reason")?;
    let until = local_instant("until", one(&form, "until"))?;
    let event = plane.policies.resume(&caller.actor, &which, until, reason).await?;
    made(&event)
}

pub(super) async fn approve(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    version: web::Path<u64>,
    form: Fields,
) -> Answer {
    let changed = needed(&form, "changed")?.replace(',', "");
    let changed = changed
        .parse()
        .map_err(|_| Problem::invalid("changed: type the number of outcomes that change"))?;
    plane.policies.approve(&caller.actor, *version, changed, needed(&form, "reason")?).await?;
    Ok(again())
}

pub(super) async fn schedule(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    version: web::Path<u64>,
    form: Fields,
) -> Answer {
    let at = local_instant("at", needed(&form, "at")?)?;
    let at = at.ok_or_else(|| Problem::invalid("at: write a day and an hour"))?;
    plane.policies.schedule(&caller.actor, *version, at, needed(&form, "reason")?).await?;
    Ok(again())
}

pub(super) async fn unschedule(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    version: web::Path<u64>,
    form: Fields,
) -> Answer {
    plane.policies.unschedule(&caller.actor, *version, needed(&form, "reason")?).await?;
    Ok(again())
}

pub(super) async fn activate(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    version: web::Path<u64>,
    form: Fields,
) -> Answer {
    plane.policies.activate(&caller.actor, *version, needed(&form, "reason")?).await?;
    Ok(again())
}

pub(super) async fn withdraw(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    version: web::Path<u64>,
    form: Fields,
) -> Answer {
    plane.policies.withdraw(&caller.actor, *version, needed(&form, "reason")?).await?;
    Ok(again())
}

pub(super) async fn roll_back(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    version: web::Path<u64>,
    form: Fields,
) -> Answer {
    plane.policies.roll_back(&caller.actor, *version, needed(&form, "reason")?).await?;
    Ok(again())
}

pub(super) async fn upload(plane: web::Data<AdminPlane>, caller: Caller, form: Fields) -> Answer {
    let bundle = needed(&form, "bundle")?.as_bytes();
    let event = plane.policies.upload(&caller.actor, bundle, needed(&form, "reason")?).await?;
    made(&event)
}

pub(super) async fn sign(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    version: web::Path<u64>,
    form: Fields,
) -> Answer {
    let given = needed(&form, "signatures")?;
    plane.policies.sign(&caller.actor, *version, given, one(&form, "reason")).await?;
    Ok(again())
}

/// The bundle of a revision, to sign it elsewhere.
pub(super) async fn bundle(plane: web::Data<AdminPlane>, version: web::Path<u64>) -> Answer {
    let json = plane.policies.bundle(*version)?.to_json();
    let name = format!("attachment; filename=\"policies-{version}.json\"");
    Ok(HttpResponse::Ok()
        .content_type("application/json")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::CONTENT_DISPOSITION, name))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(json))
}

fn made(event: &Event) -> Answer {
    match &event.change {
        crate::control::Change::Policies(change) => {
            Ok(go(&format!("/policies/{}", change.version())))
        }
        _ => Err(Problem::internal(&"a change of another area")),
    }
}

/// `policy`, or `policy/rule`.
fn which(text: &str) -> Which {
    match text.split_once('/') {
        Some((policy, rule)) => Which { policy: policy.to_owned(), rule: Some(rule.to_owned()) },
        None => Which { policy: text.to_owned(), rule: None },
    }
}
