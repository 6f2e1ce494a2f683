//! `/reports`: the report that can be handed in, and records as a file.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web;
use askama::Template;
use jiff::ToSpan as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::admin::access::AUDITORS;
use crate::admin::access::Caller;
use crate::admin::mount::Mount;
use crate::admin::server::AdminPlane;
use crate::evidence::Kind;

use super::Nav;
use super::Shell;
use super::filters;
use super::page;

/// Months of a quarter.
const QUARTER: i8 = 3;

pub(super) fn routes(mount: &mut Mount<'_>) {
    mount.get("/reports", AUDITORS, show);
}

#[derive(Template)]
#[template(path = "reports.html")]
struct ReportsPage {
    parquet: bool,
    periods: Vec<Period>,
    shell: Shell,
}

/// A period that is often asked for.
struct Period {
    from: Date,
    name: &'static str,
    to: Date,
}

async fn show(plane: web::Data<AdminPlane>, caller: Caller) -> HttpResponse {
    let today = TimeZone::UTC.to_datetime(plane.gate.now()).date();
    let shell = plane.shell(&caller, "Reports", Some(Nav::Reports));
    let parquet = cfg!(feature = "parquet");
    page(StatusCode::OK, &ReportsPage { parquet, periods: periods(today), shell })
}

/// The periods around a day; each ends before its second date.
fn periods(today: Date) -> Vec<Period> {
    let month = today.first_of_month();
    let into_quarter = today.month().saturating_sub(1).checked_rem(QUARTER).unwrap_or(0);
    let quarter = month.saturating_sub(i64::from(into_quarter).months());
    let year = today.first_of_year();
    let three = i64::from(QUARTER).months();
    let period = |name, from, to| Period { from, name, to };
    vec![
        period("This month", month, month.saturating_add(1.month())),
        period("Last month", month.saturating_sub(1.month()), month),
        period("This quarter", quarter, quarter.saturating_add(three)),
        period("Last quarter", quarter.saturating_sub(three), quarter),
        period("This year", year, year.saturating_add(1.year())),
        period("Last year", year.saturating_sub(1.year()), year),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_touch_and_do_not_overlap() {
        let shown = |today: &str| -> Vec<String> {
            let today: Date = today.parse().unwrap();
            periods(today).iter().map(|p| format!("{} {} {}", p.name, p.from, p.to)).collect()
        };
        assert_eq!(
            shown("2026-11-25"),
            [
                "This month 2026-11-01 2026-12-01",
                "Last month 2026-10-01 2026-11-01",
                "This quarter 2026-10-01 2027-01-01",
                "Last quarter 2026-07-01 2026-10-01",
                "This year 2026-01-01 2027-01-01",
                "Last year 2025-01-01 2026-01-01",
            ]
        );
        assert_eq!(shown("2026-01-31")[1], "Last month 2025-12-01 2026-01-01");
        assert_eq!(shown("2026-01-31")[3], "Last quarter 2025-10-01 2026-01-01");
    }
}
