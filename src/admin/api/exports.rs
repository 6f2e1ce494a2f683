//! `/admin/v1/exports` and `/admin/v1/reports`: records as a file, and the report that can be handed in.

use std::str::FromStr;

use actix_web::web;
use serde::Deserialize;
use serde::Serialize;
use utoipa::OpenApi;

use crate::admin::access::AUDITORS;
use crate::admin::access::Caller;
use crate::admin::evidence;
use crate::admin::evidence::Format;
use crate::admin::evidence::Wanted;
use crate::admin::mount::Mount;
use crate::admin::server::AdminPlane;
use crate::evidence::Filter;
use crate::evidence::Moment;
use crate::model::Nexus;
use crate::model::Verdict;

use super::problem::Answer;
use super::problem::Problem;

#[derive(OpenApi)]
#[openapi(paths(export, report))]
pub(super) struct Doc;

pub(super) fn routes(mount: &mut Mount<'_>) {
    mount.get("/admin/v1/exports", AUDITORS, export).get("/admin/v1/reports", AUDITORS, report);
}

/// Which records, and how. An empty value is none, so that a form may send all its fields.
#[derive(Clone, Debug, Default, Deserialize, Serialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
struct ExportQuery {
    /// The account in the evidence, exactly.
    #[serde(skip_serializing_if = "absent")]
    account: Option<String>,
    /// The country that it counts under, or `unknown`.
    #[serde(skip_serializing_if = "absent")]
    country: Option<String>,
    /// `jsonl`, `csv` or `parquet`.
    #[param(example = "csv")]
    format: Option<String>,
    /// Records from this day (UTC) or instant on.
    #[serde(skip_serializing_if = "absent")]
    #[param(example = "2026-11-01")]
    from: Option<String>,
    /// The record, and those that speak of it.
    #[serde(skip_serializing_if = "absent")]
    id: Option<String>,
    /// What it is of, such as `decision`.
    #[serde(skip_serializing_if = "absent")]
    kind: Option<String>,
    /// The strictest nexus of the parties: `us`, `unclear` or `foreign`.
    #[serde(skip_serializing_if = "absent")]
    nexus: Option<String>,
    /// A product group found, or a SKU asked for.
    #[serde(skip_serializing_if = "absent")]
    product: Option<String>,
    /// The rule that decided: `rule`, or `policy/rule`.
    #[serde(skip_serializing_if = "absent")]
    rule: Option<String>,
    /// Records before this day (UTC) or instant.
    #[serde(skip_serializing_if = "absent")]
    #[param(example = "2026-12-01")]
    to: Option<String>,
    /// `allow`, `review` or `block`.
    #[serde(skip_serializing_if = "absent")]
    verdict: Option<String>,
}

/// Which report.
#[derive(Clone, Debug, Default, Deserialize, Serialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
struct ReportQuery {
    /// `true`: as a file to keep; else as a page.
    #[serde(skip_serializing_if = "absent")]
    download: Option<String>,
    /// From this day (UTC) or instant on.
    #[serde(skip_serializing_if = "absent")]
    from: Option<String>,
    /// Before this day (UTC) or instant.
    #[serde(skip_serializing_if = "absent")]
    to: Option<String>,
    /// `true`: verify the whole ledger first, from its raw bytes, under the key in its folder.
    #[serde(skip_serializing_if = "absent")]
    verify: Option<String>,
}

/// Records as a file, in the order in which they were made; sent as it is read.
#[utoipa::path(
    get, path = "/admin/v1/exports", tag = "records", params(ExportQuery),
    responses(
        (status = 200, description = "The records", content(
            (String = "application/jsonl"), (String = "text/csv"), (String = "application/vnd.apache.parquet"),
        )),
        (status = 429, description = "Two exports or reports are being made already"),
    )
)]
async fn export(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    query: web::Query<ExportQuery>,
) -> Answer {
    let query = query.into_inner();
    let format = match query.format.as_deref().filter(|format| !format.is_empty()) {
        None => Format::Jsonl,
        Some(text) => {
            Format::parse(text).ok_or_else(|| wrong("format", "jsonl, csv or parquet"))?
        }
    };
    if format == Format::Parquet && cfg!(not(feature = "parquet")) {
        return Err(wrong("format", "this program was built without Parquet"));
    }
    let filter = Filter {
        account: given(&query.account).map(str::to_owned),
        country: read("country", &query.country)?,
        id: read("id", &query.id)?,
        kind: read("kind", &query.kind)?,
        nexus: one_of("nexus", &query.nexus, &Nexus::ALL, Nexus::as_str)?,
        product: given(&query.product).map(str::to_owned),
        rule: read("rule", &query.rule)?,
        verdict: one_of("verdict", &query.verdict, &Verdict::ALL, Verdict::as_str)?,
        ..period(&query.from, &query.to)?
    };
    let mut detail = serde_json::to_value(&query).map_err(|error| Problem::internal(&error))?;
    if let Some(members) = detail.as_object_mut() {
        members.insert("format".to_owned(), format.as_str().into());
    }
    evidence::export(&plane, &caller, format, filter, detail).await
}

/// The report of a period: what was decided, refused, held and delivered, and under which proof. One HTML page, ready to print.
#[utoipa::path(
    get, path = "/admin/v1/reports", tag = "records", params(ReportQuery),
    responses(
        (status = 200, description = "The report", body = String, content_type = "text/html"),
        (status = 429, description = "Two exports or reports are being made already"),
    )
)]
async fn report(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    query: web::Query<ReportQuery>,
) -> Answer {
    let query = query.into_inner();
    let wanted = Wanted {
        attached: truth("download", &query.download)?,
        detail: serde_json::to_value(&query).map_err(|error| Problem::internal(&error))?,
        filter: period(&query.from, &query.to)?,
        verify: truth("verify", &query.verify)?,
    };
    evidence::report(&plane, &caller, wanted).await
}

fn period(from: &Option<String>, to: &Option<String>) -> Answer<Filter> {
    let (from, to) = (read::<Moment>("from", from)?, read::<Moment>("to", to)?);
    if let (Some(from), Some(to)) = (from, to)
        && from >= to
    {
        return Err(wrong("to", "is the first instant left out, so it has to be after `from`"));
    }
    Ok(Filter { from, to, ..Filter::default() })
}

fn given(text: &Option<String>) -> Option<&str> {
    text.as_deref().map(str::trim).filter(|text| !text.is_empty())
}

fn absent(text: &Option<String>) -> bool {
    given(text).is_none()
}

fn read<T: FromStr>(name: &str, text: &Option<String>) -> Answer<Option<T>>
where
    T::Err: std::fmt::Display,
{
    let value = given(text).map(str::parse::<T>).transpose();
    value.map_err(|error| wrong(name, &error.to_string()))
}

fn one_of<T: Copy>(
    name: &str,
    text: &Option<String>,
    all: &[T],
    named: fn(T) -> &'static str,
) -> Answer<Option<T>> {
    let Some(text) = given(text) else { return Ok(None) };
    let found = all.iter().copied().find(|value| named(*value) == text);
    let names: Vec<_> = all.iter().copied().map(named).collect();
    found.map(Some).ok_or_else(|| wrong(name, &format!("write one of {}", names.join(", "))))
}

fn truth(name: &str, text: &Option<String>) -> Answer<bool> {
    match given(text) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(wrong(name, "write true or false")),
    }
}

fn wrong(name: &str, what: &str) -> Problem {
    Problem::invalid(format!("{name}: {what}")).at(name, what)
}
