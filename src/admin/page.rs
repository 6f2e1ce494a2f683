//! The status page: what is in force and how it goes, on one screen.

use askama::Template;

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="5">
<title>Interdict: {{ state }}</title>
<style>
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 20%, transparent); }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin: 0 0 1rem; } h2 { font-size: 1rem; margin: 2rem 0 .5rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem; }
.tile { border: 1px solid var(--line); border-radius: .5rem; padding: .75rem 1rem; }
.tile b { display: block; font-size: 1.6rem; font-variant-numeric: tabular-nums; line-height: 1.2; }
.allow b { color: #1a7f37; } .review b { color: #9a6700; } .block b { color: #cf222e; }
@media (prefers-color-scheme: dark) { .allow b { color: #3fb950; } .review b { color: #d29922; } .block b { color: #ff7b72; } }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; padding: .35rem .5rem .35rem 0; border-top: 1px solid var(--line); vertical-align: top; }
code { overflow-wrap: anywhere; font-size: .85em; } .bad { color: #cf222e; font-weight: 600; }
</style>
</head>
<body>
<main>
<h1>Interdict is {{ state }}</h1>
{% for (part, reason) in degraded %}<p class="bad">{{ part }}: {{ reason }}</p>{% endfor %}
<div class="tiles">
<div class="tile allow">allowed<b>{{ allowed }}</b></div>
<div class="tile block">blocked<b>{{ blocked }}</b></div>
<div class="tile review">held<b>{{ held }}</b></div>
<div class="tile">in flight<b>{{ in_flight }}</b></div>
<div class="tile">records<b>{{ records }}</b></div>
</div>
<h2>Policies in force</h2>
<table>{% for policy in policies %}<tr><td>{{ policy.title }}<br><code>{{ policy.id }} {{ policy.version }}</code></td><td>{{ policy.authority }}</td></tr>{% endfor %}</table>
<p><code>{{ revision }}</code></p>
<h2>Upstream servers</h2>
<table>{% for server in servers %}<tr><td>{{ server.0 }}</td><td><code>{{ server.1 }}</code></td><td{% if !server.2 %} class="bad"{% endif %}>{% if server.2 %}healthy{% else %}down{% endif %}</td></tr>{% endfor %}</table>
<h2>Geo sources</h2>
<table>{% for source in sources %}<tr><td>{{ source.0 }}</td><td{% if source.2 %} class="bad"{% endif %}>{{ source.1 }}{% if source.2 %}, too old{% endif %}</td></tr>{% endfor %}</table>
<p><a href="/metrics">metrics</a> · <a href="/readyz">readiness</a></p>
</main>
</body>
</html>
"#
)]
pub(super) struct StatusPage {
    pub(super) allowed: u64,
    pub(super) blocked: u64,
    pub(super) degraded: Vec<(&'static str, String)>,
    pub(super) held: u64,
    pub(super) in_flight: i64,
    pub(super) policies: Vec<crate::policy::PolicyInfo>,
    pub(super) records: u64,
    pub(super) revision: String,
    pub(super) servers: Vec<(String, String, bool)>,
    pub(super) sources: Vec<(String, String, bool)>,
    pub(super) state: &'static str,
}
