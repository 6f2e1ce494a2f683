//! The page a refused person sees: small, readable on a phone and by a screen reader, with nothing fetched from elsewhere.

use askama::Template;

/// A refusal as a page. Says what, why and whom to ask; never what the gateway knows of the reader.
#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<style>
:root { color-scheme: light dark; }
body { font: 1.05rem/1.6 system-ui, sans-serif; max-width: 38rem; margin: 10vh auto; padding: 0 1.25rem; }
h1 { font-size: 1.5rem; line-height: 1.25; }
.note { opacity: .75; font-size: .9rem; }
code { overflow-wrap: anywhere; }
</style>
</head>
<body>
<main>
<h1>{{ title }}</h1>
{% if held %}<p>Nothing has been refused yet: this is on hold until a person has looked at it.</p>{% endif %}
<p>{{ message }}</p>
{% if !clause.is_empty() %}<p>Legal basis: {{ clause }}, policy {{ policy }}.</p>{% endif %}
{% if !lines.is_empty() %}<p>Lines of the order that are concerned:</p>
<ul>{% for line in lines %}<li>{{ line }}</li>{% endfor %}</ul>{% endif %}
{% if let Some(url) = notice_url %}<p><a href="{{ url }}">More about this, and how to object</a></p>{% endif %}
<p class="note">Reference: <code>{{ reference }}</code></p>
</main>
</body>
</html>
"#
)]
pub(super) struct RefusalPage<'a> {
    pub(super) clause: &'a str,
    pub(super) held: bool,
    pub(super) lines: Vec<String>,
    pub(super) message: &'a str,
    pub(super) notice_url: Option<&'a str>,
    pub(super) policy: &'a str,
    pub(super) reference: String,
    pub(super) title: &'a str,
}
