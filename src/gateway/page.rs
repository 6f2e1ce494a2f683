//! The page a refused person sees: small, readable on a phone and by a screen reader, with nothing fetched from elsewhere.

use askama::Template;

use super::language::Words;

/// A refusal as a page. Says what, why and whom to ask; never what the gateway knows of the reader.
#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<!doctype html>
<html lang="{{ language }}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{{ title }}</title>
<style>
:root { color-scheme: light dark; --edge: #b42318; }
main.held { --edge: #b54708; }
* { box-sizing: border-box; }
body { font: 1.0625rem/1.6 system-ui, sans-serif; margin: 0; padding: clamp(1rem, 8vh, 6rem) 1rem; }
main { max-width: 36rem; margin: auto; padding: clamp(1.25rem, 5vw, 2.5rem); border: 1px solid #8884; border-top: .3rem solid var(--edge); border-radius: .6rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 1rem; text-wrap: balance; }
ul { padding-left: 1.25rem; }
.act { display: inline-block; padding: .6rem 1rem; border: 1px solid currentColor; border-radius: .4rem; }
.note { border-top: 1px solid #8884; margin: 1.5rem 0 0; padding-top: 1rem; font-size: .9rem; }
code, li { overflow-wrap: anywhere; }
@media print { main { border: 0; padding: 0; } }
</style>
</head>
<body>
<main{% if held %} class="held"{% endif %}>
<h1>{{ title }}</h1>
{% if held %}<p>{{ words.held }}</p>{% endif %}
{% if message.is_empty() %}<p>{{ words.cannot }}</p>
{% else %}{% if !held && !words.prohibited.is_empty() %}<p>{{ words.prohibited }}</p>{% endif %}
<p lang="en">{{ message }}</p>{% endif %}
{% if !clause.is_empty() %}<p>{{ words.basis }}: {{ clause }}, {{ words.policy }} {{ policy }}.</p>{% endif %}
{% if !lines.is_empty() %}<p>{{ words.lines }}:</p>
<ul>{% for line in lines %}<li>{{ line }}</li>{% endfor %}</ul>{% endif %}
{% if let Some(url) = notice_url %}<p><a class="act" href="{{ url }}">{{ words.notice }}</a></p>{% endif %}
<p class="note">{{ words.reference }}: <code>{{ reference }}</code></p>
</main>
</body>
</html>
"#
)]
pub(super) struct RefusalPage<'a> {
    pub(super) clause: &'a str,
    pub(super) held: bool,
    pub(super) language: &'static str,
    pub(super) lines: Vec<String>,
    pub(super) message: &'a str,
    pub(super) notice_url: Option<&'a str>,
    pub(super) policy: &'a str,
    pub(super) reference: String,
    pub(super) title: &'a str,
    pub(super) words: &'static Words,
}
