//! The report: what was screened by what, how much was found, and the findings worth a person's time. It prints well, has a
//! dark style, fetches nothing and runs nothing.

use askama::Template;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::output;

use super::run::Screening;
use super::tally::Example;
use super::tally::SHOWN;
use super::tally::Tally;

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>Past orders: {{ source }}</title>
<style>
{{ style|safe }}</style>
</head>
<body>
<main>
<h1>Past orders, screened</h1>
<p class="sub">{{ source }} · <time>{{ date }}</time></p>
<div class="tiles">
<div class="tile">orders decided<b>{{ output::number(tally.orders.all()) }}</b></div>
<div class="tile block">blocked<b>{{ output::number(tally.orders.block) }}</b></div>
<div class="tile review">held for review<b>{{ output::number(tally.orders.review) }}</b></div>
<div class="tile allow">allowed<b>{{ output::number(tally.orders.allow) }}</b></div>
<div class="tile">rows not read<b>{{ output::number(tally.bad) }}</b></div>
</div>
<p>{{ output::number(tally.rows) }} rows were read. Each order was decided at its own date by the policies below.
{% if tally.orders.found() == 0 %}Nothing is blocked or held.{% else %}<b>Blocked</b> means that a rule prohibits it; <b>held</b> means that the evidence does not tell, and that a person has to look.{% endif %}
{% if tally.bad > 0 %}<b>{{ output::number(tally.bad) }} rows could not be read and were not decided</b>; <code>{{ bad_file }}</code> lists them by line.{% endif %}</p>
{% if tally.orders.found() > 0 %}
<p class="key">Colours: <i style="background:var(--block)"></i>blocked <i style="background:var(--review)"></i>held</p>
<div class="chart"><h2>By month</h2>{{ months|safe }}</div>
<div class="charts">
<div class="chart"><h2>By country</h2>{{ countries|safe }}</div>
<div class="chart"><h2>By product</h2>{{ products|safe }}</div>
</div>
<h2>By rule</h2>
<table><thead><tr><th>Clause</th><th>Citation</th><th>Policy and rule</th><th class="n">Blocked</th><th class="n">Held</th></tr></thead><tbody>
{% for (rule, counts) in tally.by_rule.values() %}<tr><td class="w">{{ rule.clause }}</td><td>{{ rule.citation }}</td><td>{{ rule.policy }}: {{ rule.rule }}</td><td class="n">{{ output::number(counts.block) }}</td><td class="n">{{ output::number(counts.review) }}</td></tr>{% endfor %}
</tbody></table>
{% endif %}
{% for (title, class, shown, all) in lists %}{% if !shown.is_empty() %}
<h2>{{ title }}</h2>
<table class="{{ class }}"><thead><tr><th>Clause</th><th>Date (UTC)</th><th>Order</th><th>Product</th><th>Country</th><th>Because of</th><th class="n">Line</th></tr></thead><tbody>
{% for example in shown %}<tr><td class="w">{{ example.clause }}</td><td class="w">{{ example.day() }}</td><td>{{ example.order }}</td><td>{{ example.product }}</td><td>{{ example.country }}</td><td>{{ example.because }}</td><td class="n">{{ example.line }}</td></tr>{% endfor %}
</tbody></table>
{% if shown.len() >= *cap %}<p class="note">The newest {{ cap }} are shown, of {{ output::number(*all) }} orders. All of them: <code>{{ findings_file }}</code>.</p>{% endif %}
{% endif %}{% endfor %}
{% if !tally.bad_rows.is_empty() %}
<h2>Rows that could not be read</h2>
<table><thead><tr><th class="n">Line</th><th>Problem</th></tr></thead><tbody>
{% for (line, problem) in tally.bad_rows %}<tr><td class="n">{{ line }}</td><td>{{ problem }}</td></tr>{% endfor %}
</tbody></table>
{% if tally.bad > tally.bad_rows.len() as u64 %}<p class="note">The first {{ tally.bad_rows.len() }} are shown. All of them: <code>{{ bad_file }}</code>.</p>{% endif %}
{% endif %}
<h2>Policies</h2>
<table><tbody>{% for policy in policies %}<tr><td>{{ policy.title }}<br><code>{{ policy.id }} {{ policy.version }}</code></td><td>{{ policy.authority }}</td></tr>{% endfor %}</tbody></table>
<footer>
<p>Policy revision <code>{{ revision }}</code>. Months are in UTC. An order is counted under its billing country, else that of shipping, organisation, declaration or address.</p>
<p>Nothing here is legal advice. A finding is a reason to look at an order, and the absence of one is no clearance of it.</p>
</footer>
</main>
</body>
</html>
"#
)]
struct Report<'a> {
    bad_file: String,
    cap: &'a usize,
    countries: String,
    date: String,
    findings_file: String,
    lists: [(&'static str, &'static str, Vec<&'a Example>, u64); 2],
    months: String,
    policies: &'a [crate::policy::PolicyInfo],
    products: String,
    revision: &'a str,
    source: String,
    style: &'static str,
    tally: &'a Tally,
}

/// The page.
pub(super) fn render(
    screening: &Screening<'_>,
    started: Timestamp,
    tally: &Tally,
) -> Result<String, askama::Error> {
    let name = |path: &std::path::Path| {
        path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    };
    let shown = |block: bool| -> Vec<&Example> {
        tally.examples.iter().filter(|example| example.block == block).collect()
    };
    Report {
        bad_file: name(&screening.output.bad_rows()),
        cap: &SHOWN,
        countries: output::bars(&tally.by_country, "Blocked and held orders by country"),
        date: TimeZone::UTC.to_datetime(started).strftime("%-d %B %Y, %H:%M UTC").to_string(),
        findings_file: name(&screening.output.findings()),
        lists: [
            ("Blocked, newest first", "block", shown(true), tally.orders.block),
            ("Held for review, newest first", "review", shown(false), tally.orders.review),
        ],
        months: output::months(&tally.by_month, "Blocked and held orders by month"),
        policies: screening.snapshot.policies.policies(),
        products: output::bars(&tally.by_product, "Blocked and held lines by product"),
        revision: screening.snapshot.policies.revision(),
        source: name(screening.source),
        style: output::STYLE,
        tally,
    }
    .render()
}

impl Example {
    fn day(&self) -> String {
        TimeZone::UTC.to_datetime(self.at).strftime("%Y-%m-%d %H:%M").to_string()
    }
}
