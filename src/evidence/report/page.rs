//! The page of the report.

use askama::Template;

use crate::output;

use super::super::outcomes::Deliveries;
use super::super::proof::ProofStatus;
use super::super::tally::Facts;
use super::super::tally::SHOWN;
use super::super::tally::Tally;
use super::super::tally::Used;
use super::ExposureRow;
use super::Figure;
use super::ReportAbout;

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"
{%- macro counted(figure) -%}
<table class="counts"><thead><tr><th>{{ figure.name }}</th><th class="n">Blocked</th><th class="n">Held</th><th class="n">Allowed</th><th class="n">All</th></tr></thead><tbody>
{% for (name, counts) in figure.counts %}<tr><td>{{ name }}</td><td class="n">{{ output::number(counts.block) }}</td><td class="n">{{ output::number(counts.review) }}</td><td class="n">{{ output::number(counts.allow) }}</td><td class="n">{{ output::number(counts.all()) }}</td></tr>
{% endfor %}</tbody></table>
{%- endmacro -%}
{%- macro pairs(head, rows) -%}
<table class="counts narrow"><thead><tr><th>{{ head }}</th><th class="n">Number</th></tr></thead><tbody>
{% for (name, count) in rows %}<tr><td>{{ name }}</td><td class="n">{{ output::number(*count) }}</td></tr>
{% endfor %}</tbody></table>
{%- endmacro -%}
{%- macro ruled(rules, head) -%}
<div class="scroll"><table class="broad"><thead><tr><th>Clause</th><th>Citation</th><th>Policy and rule</th><th>Basis</th><th class="n">{{ head }}</th></tr></thead><tbody>
{% for (rule, count) in rules %}<tr><td class="w">{{ rule.clause }}</td><td>{{ rule.citation }}</td><td>{{ rule.policy }}/{{ rule.rule }}</td><td>{{ rule.basis }}</td><td class="n">{{ output::number(*count) }}</td></tr>
{% endfor %}</tbody></table></div>
{%- endmacro -%}
{%- macro newest(list) -%}
<div class="scroll"><table class="list"><thead><tr><th>Time (UTC)</th><th>Clause and rule</th><th>What</th><th>Country</th><th>Record</th></tr></thead><tbody>
{% for shown in list.iter() %}<tr><td class="w">{{ super::short(shown.at) }}</td><td>{{ shown.rule }}</td><td>{{ shown.action }}{% if !shown.items.is_empty() %}: {{ shown.items }}{% endif %}{% if !shown.order.is_empty() %} (order {{ shown.order }}){% endif %}{% if let Some(by) = tally.released_by_whom(shown) %}; <b>released by {{ by }}</b>{% endif %}</td><td>{{ shown.country }}</td><td class="w"><code>{{ shown.id }}</code></td></tr>
{% endfor %}</tbody></table></div>
{%- endmacro -%}
{%- macro used(head, unit, rows) -%}
<div class="scroll"><table class="broad"><thead><tr><th>{{ head }}</th><th>First used</th><th>Last used</th><th class="n">{{ unit }}</th></tr></thead><tbody>
{% for (name, used) in rows %}<tr><td><code>{{ name }}</code></td><td class="w">{{ super::minute(used.first) }}</td><td class="w">{{ super::minute(used.last) }}</td><td class="n">{{ output::number(used.times) }}</td></tr>
{% endfor %}</tbody></table></div>
{%- endmacro -%}
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>Evidence report{% if let Some((origin, _)) = about.log %}: {{ origin }}{% endif %}</title>
<style>
{{ style|safe }}
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: 0 0 1.5rem; font-size: .95rem; } dt { opacity: .75; } dd { margin: 0; }
.proof { border: 1px solid var(--line); border-left: .4rem solid var(--line); border-radius: .35rem; padding: .6rem .9rem; margin: 1.5rem 0; }
.proof p { margin: 0; } .proof.good { border-left-color: var(--allow); } .proof.bad { border-left-color: var(--block); }
.alarm { color: var(--block); font-weight: 600; }
.narrow { max-width: 34rem; } .broad { min-width: 42rem; } .list { min-width: 56rem; } .list code { font-size: .75rem; white-space: nowrap; }
.counts .n { width: 1%; padding-left: .9rem; padding-right: 0; } .counts th:first-child { white-space: normal; } .counts td:first-child { min-width: 5.25rem; }
@media (max-width: 30rem) { body { padding: 0 .9rem; } .counts { font-size: .8rem; } .counts .n { padding-left: .45rem; } }
@media print { .broad, .list { min-width: 0; font-size: 8.5pt; } .list code { font-size: 7pt; } .proof, .charts section { break-inside: avoid; } }
</style>
</head>
<body>
<main>
<h1>Evidence report</h1>
<p class="sub">What the gateway decided, refused, held and delivered, by its own record.</p>
<dl>
<dt>Log</dt><dd>{% if let Some((origin, key)) = about.log %}{{ origin }}<br><span class="note">key <code>{{ key }}</code></span>{% else %}its name is not known here{% endif %}</dd>
<dt>Period</dt><dd>{{ period }}</dd>
{% if let Some((first, last)) = tally.span %}<dt>Records</dt><dd>{{ output::number(tally.records) }}, from {{ super::minute(first) }} to {{ super::minute(last) }}</dd>{% endif %}
<dt>Made</dt><dd><time>{{ super::minute(about.made) }}</time> by {{ about.by }}</dd>
</dl>
{% match proof %}
{% when ProofStatus::Verified { key, root, size, unpublished } %}
<div class="proof good"><p><b>Verified.</b> All {{ output::number(*size) }} records under the checkpoint signed by <code>{{ key }}</code> are those that it commits to; root <code>{{ root }}</code>.{% if *unpublished > 0 %} {{ output::number(*unpublished) }} later records are not yet covered by a checkpoint.{% endif %}</p></div>
{% when ProofStatus::Failed { reason } %}
<div class="proof bad"><p><b class="alarm">The verification failed: nothing below can be relied on.</b> {{ reason }}</p></div>
{% when ProofStatus::NotVerified %}
<div class="proof"><p><b>Not verified.</b> The records were counted as they lie there. Whoever relies on this report verifies the log with its public key first.</p></div>
{% endmatch %}
{% if tally.records == 0 %}
<p><b>There is no record in this period.</b> Nothing was decided, refused, held or delivered that this log knows of.</p>
{% else %}
<div class="tiles">
<div class="tile">decisions<b>{{ output::number(tally.decisions.all()) }}</b></div>
<div class="tile block">blocked<b>{{ output::number(tally.decisions.block) }}</b></div>
<div class="tile review">held for review<b>{{ output::number(tally.decisions.review) }}</b></div>
<div class="tile allow">allowed<b>{{ output::number(tally.decisions.allow) }}</b></div>
<div class="tile">all records<b>{{ output::number(tally.records) }}</b></div>
</div>
<p class="note"><b>How it is counted.</b> A decision is one record of the kind <code>decision</code>: one request that was judged, whatever it held. Carts, enquiries and requests that could not be judged are counted apart, further down: nothing was sold or served by them. Months are in UTC. A decision counts under the strictest evidence of the parties that mattered, under the country of billing, else of shipping, organisation, declaration or address, and under each product group that it held once, with the verdict on that group.</p>
{% if tally.decisions.all() == 0 %}<p><b>Nothing was decided in this period.</b></p>{% else %}
{% if tally.decisions.found() > 0 %}<p class="key">Colours: <i style="background:var(--block)"></i>blocked <i style="background:var(--review)"></i>held</p>{% endif %}
<h2>{{ months.title }}</h2>
{% if tally.decisions.found() > 0 %}<div class="wide chart">{{ months.svg|safe }}</div>{% endif %}
{% call counted(months) %}{% endcall %}
<div class="charts">
{% for figure in figures %}{% if !figure.counts.is_empty() %}<section><h2>{{ figure.title }}</h2>{% if tally.decisions.found() > 0 %}<div class="chart">{{ figure.svg|safe }}</div>{% endif %}{% call counted(figure) %}{% endcall %}</section>
{% endif %}{% endfor %}</div>
{% endif %}
<h2>Refused</h2>
{% if refused_by.is_empty() %}<p>Nothing was refused.</p>{% else %}
<p>{{ output::number(tally.decisions.block) }} decisions refused what was asked, by these rules. The basis says whether a refusal follows from the order's own text, from legal judgement, or from a choice of the operator.</p>
{% call ruled(refused_by, "Refused") %}{% endcall %}
<h3>The newest refusals{% if tally.decisions.block > shown %}, {{ shown }} of {{ output::number(tally.decisions.block) }}{% endif %}</h3>
{% call newest(tally.refused) %}{% endcall %}
{% endif %}
<h2>Held for review, and released</h2>
{% if held_by.is_empty() %}<p>Nothing was held.</p>{% else %}
<p>{{ output::number(tally.decisions.review) }} decisions held what was asked: the evidence did not tell, and nothing was delivered.</p>
{% call ruled(held_by, "Held") %}{% endcall %}
<h3>The newest holds{% if tally.decisions.review > shown %}, {{ shown }} of {{ output::number(tally.decisions.review) }}{% endif %}</h3>
{% call newest(tally.held) %}{% endcall %}
{% endif %}
{% if tally.released_by.is_empty() %}<p>None was released: there is no record of a release in this period.</p>{% else %}
<h3>Released by whom</h3>
{% call pairs("Released by", tally.released_by) %}{% endcall %}
<div class="scroll"><table class="list"><thead><tr><th>Time (UTC)</th><th>By</th><th>Reason</th><th>Record that was held</th></tr></thead><tbody>
{% for shown in tally.released.iter() %}<tr><td class="w">{{ super::short(shown.at) }}</td><td>{{ shown.by }}</td><td>{{ shown.reason }}</td><td class="w"><code>{{ shown.of }}</code></td></tr>
{% endfor %}</tbody></table></div>
{% endif %}
<h2>Allowed, though covered</h2>
{% if tally.allowed_covered.is_empty() %}<p>No decision allowed anything that a rule was looked at for.</p>{% else %}
<p>Decisions that allowed a product which the policies cover: the parties were foreign, the act is free, or no rule was in force.</p>
{% call pairs("Action", tally.allowed_covered) %}{% endcall %}
{% endif %}
<h2>Delivered</h2>
{% if tally.outcomes.all.answers == 0 %}<p>There is no record of an outcome in this period: what was delivered is not known from it.</p>{% else %}
<p>{{ output::number(tally.outcomes.all.answers) }} answers, {{ output::number(tally.outcomes.all.bytes) }} bytes.</p>
{% if to_us > 0 %}<p class="alarm">{{ output::number(to_us) }} {% if to_us == 1 %}delivery of a covered product{% else %}deliveries of covered products{% endif %} went out to parties with US evidence. Find them with <code>interdict ledger export DIR --nexus us --verdict allow</code>.</p>{% else %}<p><b>No delivery of a covered product went out to a party with US evidence.</b></p>{% endif %}
<div class="scroll"><table class="narrow"><thead><tr><th>Deliveries of covered products to</th><th class="n">Went out</th><th class="n">Bytes</th><th class="n">Left to a proxy</th><th class="n">Did not</th></tr></thead><tbody>
{% for (nexus, sent) in covered %}<tr><td>{{ nexus }}</td><td class="n">{{ output::number(sent.went_out.answers) }}</td><td class="n">{{ output::number(sent.went_out.bytes) }}</td><td class="n">{{ output::number(sent.left_to_a_proxy.answers) }}</td><td class="n">{{ output::number(sent.did_not.answers) }}</td></tr>
{% endfor %}</tbody></table></div>
<p class="note">Went out: an answer of status 2xx with content, to an update or cloud query. Left to a proxy: a check allowed it, and what was then served is not known here. {% if waiting > 0 %}Of {{ output::number(waiting) }} decisions on such deliveries there is no outcome in this period. {% endif %}</p>
<div class="charts"><section><h3>By status</h3>{% call pairs("Status", tally.outcomes.by_status) %}{% endcall %}</section>
<section><h3>How they ended</h3>{% call pairs("End", tally.outcomes.by_end) %}{% endcall %}</section>
{% if !tally.outcomes.by_notice.is_empty() %}<section><h3>Notices shown</h3>{% call pairs("Notice", tally.outcomes.by_notice) %}{% endcall %}</section>{% endif %}</div>
{% endif %}
<h2>All records, by kind</h2>
{% call pairs("Kind", tally.by_kind) %}{% endcall %}
{% if tally.carts.all() > 0 %}<p>Carts: {{ output::number(tally.carts.block) }} blocked, {{ output::number(tally.carts.review) }} put aside for the checkout to judge, {{ output::number(tally.carts.allow) }} allowed.</p>{% endif %}
{% if !tally.mismatched.is_empty() %}
<h3>The store sold something else than was judged</h3>
{% call newest(tally.mismatched) %}{% endcall %}
{% endif %}
{% if tally.summaries > 0 %}<p>{{ output::number(tally.summarised) }} refusals were over the limits of single client networks; {{ output::number(tally.summaries) }} summaries hold them. They are not among the decisions above, nor in the exposure below.</p>{% endif %}
{% if !tally.refusals.is_empty() %}
<h3>Requests that could not be judged, and were not served</h3>
{% call pairs("Status and reason", tally.refusals) %}{% endcall %}
{% endif %}
<h2>Exposure avoided</h2>
{% if exposure.is_empty() %}<p>Nothing was refused, so nothing is counted here.</p>{% else %}
<p>The statutory civil maximum for each violation of orders under IEEPA is the greater of a yearly figure and twice the value of the transaction (50 U.S.C. 1705). Below, every refused decision is taken as one transaction of its year.</p>
<div class="scroll"><table class="broad"><thead><tr><th>Year</th><th>Refused</th><th class="n">Number</th><th class="n">Figure for each</th><th class="n">Maximum in all</th><th>Values that were stated</th></tr></thead><tbody>
{% for row in exposure %}<tr><td class="w">{{ row.year }}</td><td>{{ row.dealing }}</td><td class="n">{{ output::number(row.exposure.refused) }}</td><td class="n">${{ row.figure.figure() }}</td><td class="n">${{ row.exposure.maximum }}</td><td>{% if row.exposure.dollars.0 > 0 %}USD {{ row.exposure.dollars.1 }} ({{ output::number(row.exposure.dollars.0) }}){% endif %}{% for (currency, (count, sum)) in row.exposure.others %}{% if row.exposure.dollars.0 > 0 || !loop.first %}, {% endif %}{{ currency }} {{ sum }} ({{ output::number(*count) }}){% endfor %}</td></tr>
{% endfor %}</tbody></table></div>
<ul class="note">
{% for remark in figures_used %}<li>{{ remark }}.</li>
{% endfor %}<li>Only values in US dollars are compared with the figure; those in other currencies are shown beside it. In brackets: how many stated one.</li>
<li>A machine asks for updates again and again, and each refused request is counted; whether each would be a violation of its own is a question of law. So updates are not added to orders.</li>
</ul>
<p><b>This is a maximum and not a forecast</b>: what an agency would find, charge or settle for depends on facts that no gateway knows. Nothing here is legal advice.</p>
{% endif %}
<h2>Policies in force</h2>
{% if policies.is_empty() %}<p>No record names a revision of the policies.</p>{% else %}{% call used("Revision", "Records", policies) %}{% endcall %}{% endif %}
<h2>Sources of countries</h2>
{% if geo.is_empty() %}<p>No address was looked up.</p>{% else %}{% call used("Source and its date", "Answers", geo) %}{% endcall %}{% endif %}
<h2>Gaps</h2>
{% if let Some(gap) = tally.gap %}<p>The longest time without a record is {{ super::length(gap.length()) }}: from {{ super::minute(gap.from) }} to {{ super::minute(gap.to) }}. That alone says nothing: no requests leave no records.</p>{% else %}<p>There is no time between records: there is one, or they are of one instant.</p>{% endif %}
{% endif %}
<footer>
<p>Counted by {{ about.by }} from the records themselves; docs/reports.md says how. Nothing here is legal advice. The record holds what passed the gateway: what was sold or served elsewhere is not in it.</p>
</footer>
</main>
</body>
</html>
"#
)]
struct Page<'a> {
    about: &'a ReportAbout,
    covered: Vec<(&'static str, Deliveries)>,
    exposure: Vec<ExposureRow<'a>>,
    figures: Vec<Figure<'a>>,
    figures_used: Vec<String>,
    geo: Vec<(&'a String, Used)>,
    held_by: Vec<(&'a Facts, u64)>,
    months: Figure<'a>,
    period: String,
    policies: Vec<(&'a String, Used)>,
    proof: &'a ProofStatus,
    refused_by: Vec<(&'a Facts, u64)>,
    shown: u64,
    style: &'static str,
    tally: &'a Tally,
    to_us: u64,
    waiting: u64,
}

/// The page.
pub(super) fn render(
    about: &ReportAbout,
    tally: &Tally,
    proof: &ProofStatus,
) -> Result<String, askama::Error> {
    let (by_rule, by_nexus) = (super::by_rule(tally), super::by_nexus(tally));
    Page {
        about,
        covered: super::covered(tally),
        exposure: ExposureRow::all(tally),
        figures_used: super::figures_used(tally),
        figures: vec![
            Figure::names(&tally.by_product, "By product group", "Product group"),
            Figure::names(&by_rule, "By rule", "Rule"),
            Figure::names(&tally.by_country, "By country", "Country"),
            Figure::names(&by_nexus, "By nexus", "Nexus"),
            Figure::names(&tally.by_action, "By action", "Action"),
        ],
        geo: super::in_order(&tally.geo),
        held_by: super::rules(tally, |counts| counts.review),
        months: Figure::months(&tally.by_month),
        period: super::period(&about.filter),
        policies: super::in_order(&tally.policies),
        proof,
        refused_by: super::rules(tally, |counts| counts.block),
        shown: SHOWN,
        style: output::STYLE,
        tally,
        to_us: super::to_us(tally),
        waiting: tally.outcomes.waiting().saturating_add(tally.outcomes.given_up),
    }
    .render()
}
