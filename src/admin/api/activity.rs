//! `/admin/v1/activity`: what charts and the map show. Counts only, nothing of a person.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web;
use jiff::SignedDuration;
use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;
use utoipa::OpenApi;
use utoipa::ToSchema;

use crate::admin::access::VIEWERS;
use crate::admin::mount::Mount;
use crate::admin::server::AdminPlane;
use crate::model::Verdict;
use crate::telemetry::Axis;
use crate::telemetry::Filter;
use crate::telemetry::Window;

use super::problem::Answer;
use super::problem::Problem;

/// What is shown unless `from` says otherwise.
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// The longest time.
const LONGEST: SignedDuration = SignedDuration::from_hours(24 * 400);
/// Seconds of a step unless `step` says otherwise.
const STEP: u32 = 900;
/// Longest step: a week.
const LONGEST_STEP: u32 = 7 * 86_400;

#[derive(OpenApi)]
#[openapi(paths(series, countries), components(schemas(Charted, ChartLine, Mapped, CountryCounts)))]
pub(super) struct Doc;

pub(super) fn routes(mount: &mut Mount<'_>) {
    mount.get("/admin/v1/activity", VIEWERS, series).get(
        "/admin/v1/activity/countries",
        VIEWERS,
        countries,
    );
}

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
struct SeriesQuery {
    /// What a line is of: `verdict`, `product`, `rule`, `country` or `action`.
    #[param(example = "verdict")]
    by: Option<String>,
    /// From this instant on (RFC 3339): a day ago unless given.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Seconds of a step, whole minutes; longer ones are taken where that would be too many.
    #[param(minimum = 60, maximum = 604_800)]
    step: Option<u32>,
    /// Before this instant (RFC 3339): now unless given.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// Of this verdict only.
    verdict: Option<String>,
}

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
struct TimeQuery {
    /// From this instant on (RFC 3339): a day ago unless given.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Before this instant (RFC 3339): now unless given.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
}

/// Decisions over time.
#[derive(Debug, Serialize, ToSchema)]
struct Charted {
    /// A line for each value that occurs.
    series: Vec<ChartLine>,
    /// Seconds of a step.
    step: i64,
    /// When each step begins, in seconds since 1970.
    times: Vec<i64>,
}

/// Decisions of one value.
#[derive(Debug, Serialize, ToSchema)]
struct ChartLine {
    /// The value.
    name: String,
    /// Decisions in each step.
    values: Vec<u64>,
}

/// Decisions by country.
#[derive(Debug, Serialize, ToSchema)]
struct Mapped {
    /// Countries that occur, those with the most first.
    countries: Vec<CountryCounts>,
}

/// A country's decisions.
#[derive(Debug, Serialize, ToSchema)]
struct CountryCounts {
    /// Allowed.
    allow: u64,
    /// Blocked.
    block: u64,
    /// ISO 3166-1 alpha-2, or `unknown`.
    code: String,
    /// Held.
    review: u64,
}

/// Decisions over time, a line for each value of what is asked for.
#[utoipa::path(
    get, path = "/admin/v1/activity", tag = "activity", params(SeriesQuery),
    responses(
        (status = 200, description = "Counts", body = Charted),
    )
)]
async fn series(plane: web::Data<AdminPlane>, query: web::Query<SeriesQuery>) -> Answer {
    let by = match query.by.as_deref() {
        None | Some("verdict") => Axis::Verdict,
        Some("action") => Axis::Action,
        Some("country") => Axis::Country,
        Some("product") => Axis::Product,
        Some("rule") => Axis::Rule,
        Some(_) => return Err(wrong("by", "verdict, product, rule, country or action")),
    };
    let verdict = query.verdict.as_deref().map(|text| {
        let found = Verdict::ALL.into_iter().find(|verdict| verdict.as_str() == text);
        found.ok_or_else(|| wrong("verdict", "allow, review or block"))
    });
    let step = query.step.unwrap_or(STEP);
    if !(60..=LONGEST_STEP).contains(&step) || !step.is_multiple_of(60) {
        return Err(wrong("step", "whole minutes, from 60 seconds to a week"));
    }
    let (window, verdict) = (window(&plane, query.from, query.to)?, verdict.transpose()?);
    let filter = Filter { verdict, ..Filter::default() };
    let found = counted(&plane, move |activity| activity.series(window, step / 60, by, &filter));
    let found = found.await?;
    let times = (0..found.points).map(|point| {
        let point = i64::try_from(point).unwrap_or(i64::MAX);
        found.from.saturating_add(point.saturating_mul(found.step))
    });
    let times = times.collect();
    let none = if by == Axis::Country { "unknown" } else { "none" };
    let name = |name: String| if name.is_empty() { none.to_owned() } else { name };
    let lines = found.lines.into_iter();
    let series =
        lines.map(|line| ChartLine { name: name(line.name), values: line.counts }).collect();
    Ok(shown(&Charted { series, step: found.step, times }))
}

/// Decisions by country and verdict.
#[utoipa::path(
    get, path = "/admin/v1/activity/countries", tag = "activity", params(TimeQuery),
    responses(
        (status = 200, description = "Counts", body = Mapped),
    )
)]
async fn countries(plane: web::Data<AdminPlane>, query: web::Query<TimeQuery>) -> Answer {
    let window = window(&plane, query.from, query.to)?;
    let found =
        counted(&plane, move |activity| activity.totals(window, Axis::Country, &Filter::default()));
    let rows = found.await?.rows.into_iter();
    let countries = rows.map(|row| CountryCounts {
        allow: row.allow,
        block: row.block,
        code: if row.name.is_empty() { "unknown".to_owned() } else { row.name },
        review: row.review,
    });
    Ok(shown(&Mapped { countries: countries.collect() }))
}

/// Counting reads a lot: it has a thread of its own.
async fn counted<T: Send + 'static>(
    plane: &web::Data<AdminPlane>,
    work: impl FnOnce(&crate::telemetry::Activity) -> T + Send + 'static,
) -> Answer<T> {
    let gate = plane.gate.clone();
    let done = web::block(move || work(gate.metrics().activity())).await;
    done.map_err(|_| Problem::unavailable("the counts were not read"))
}

fn window(plane: &AdminPlane, from: Option<Timestamp>, to: Option<Timestamp>) -> Answer<Window> {
    let to = to.unwrap_or_else(|| plane.gate.now());
    let ago = |time| to.checked_sub(time).unwrap_or(Timestamp::UNIX_EPOCH);
    let from = from.unwrap_or_else(|| ago(DAY));
    if from >= to {
        return Err(wrong("to", "has to be after `from`"));
    }
    if from < ago(LONGEST) {
        return Err(wrong("from", "at most 400 days before `to`"));
    }
    Ok(Window { from, to })
}

fn wrong(name: &str, what: &str) -> Problem {
    Problem::invalid(format!("{name}: {what}")).at(name, what)
}

fn shown(value: &impl Serialize) -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(value)
}
