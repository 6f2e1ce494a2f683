//! The page a refused person sees: small, readable on a phone and by a screen reader, with nothing fetched from elsewhere.
//!
//! Without scripts, images and fonts of its own, as the answer's Content-Security-Policy says. Colours keep the contrast
//! of WCAG 2.2 (1.4.3) in light and dark, what can be pressed is 44 px high or more (2.5.5), and what is in another
//! language says so (3.1.2).

use askama::Template;

use super::wording::Told;
use super::wording::Words;

/// A refusal as a page. Says what, why and whom to ask; never what the gateway knows of the reader.
#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<!doctype html>
<html lang="{{ language }}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<meta name="format-detection" content="telephone=no">
<title>{{ told.heading }}</title>
<style>
:root { color-scheme: light dark; --ground: #f4f5f7; --sheet: #fff; --ink: #1c2026; --soft: #4a525e; --edge: #d3d7de; --mark: #9a4a00; --act: #174ea6; --on-act: #fff; }
.prohibited { --mark: #b42318; }
@media (prefers-color-scheme: dark) {
:root { --ground: #14171b; --sheet: #1f242a; --ink: #eceff3; --soft: #b4bcc8; --edge: #3d454f; --mark: #f0a04b; --act: #9dc1ff; --on-act: #0d1b33; }
.prohibited { --mark: #ff8a7d; }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { font: 1.0625rem/1.55 system-ui, sans-serif; margin: 0; padding: clamp(.75rem, 6vh, 5rem) .75rem; color: var(--ink); background: var(--ground); overflow-wrap: anywhere; }
main { max-width: 36rem; margin: auto; padding: clamp(1.25rem, 5vw, 2.5rem); background: var(--sheet); border: 1px solid var(--edge); border-top: .3rem solid var(--mark); border-radius: .6rem; }
h1 { font-size: clamp(1.4rem, 6vw, 1.75rem); line-height: 1.2; margin: 0 0 .75rem; text-wrap: balance; }
h2 { font-size: 1rem; line-height: 1.35; margin: 1.5rem 0 .25rem; }
p { margin: 0 0 .75rem; }
blockquote { margin: 0; padding: .1rem 0 .1rem .85rem; border-left: .2rem solid var(--mark); }
blockquote p, ul { margin: 0; }
ul { padding-left: 1.25rem; }
.soft { font-size: .9rem; color: var(--soft); margin: .4rem 0 0; }
.act { display: flex; align-items: center; justify-content: center; min-height: 3rem; margin: 1.1rem 0 0; padding: .6rem 1.1rem; border-radius: .5rem; color: var(--on-act); background: var(--act); font-weight: 600; line-height: 1.3; text-align: center; text-wrap: balance; text-decoration: none; }
.act:hover { text-decoration: underline; }
.act:focus-visible { outline: .2rem solid var(--ink); outline-offset: .2rem; }
footer { margin: 1.5rem 0 0; padding: 1rem 0 0; border-top: 1px solid var(--edge); }
footer h2 { margin: 0 0 .25rem; }
code { display: block; font: clamp(.75rem, 3.6vw, 1rem)/1.5 ui-monospace, monospace; -webkit-user-select: all; user-select: all; }
@media (min-width: 30rem) { .act { display: inline-flex; } }
@media print {
:root { color-scheme: light; --ground: #fff; --sheet: #fff; --ink: #000; --soft: #000; --edge: #888; --mark: #000; }
body, main { padding: 0; border: 0; }
h2 { break-after: avoid; }
blockquote, li { break-inside: avoid; }
.act { display: block; margin: .5rem 0 0; padding: 0; min-height: 0; text-align: left; color: #000; background: none; }
.act::after { content: ": " attr(href); font-weight: 400; }
}
</style>
</head>
<body>
<main{% if is_prohibited %} class="prohibited"{% endif %}>
<h1>{{ told.heading }}</h1>
<p>{{ told.happened }}</p>
{% if !message.is_empty() %}<h2>{% if is_prohibited %}{{ words.rule }}{% else %}{{ words.checked_against }}{% endif %}</h2>
<blockquote><p lang="en">{{ message }}</p></blockquote>
{% if !clause.is_empty() %}<p class="soft">{{ words.basis }}: {{ clause }}, {{ words.policy }} {{ policy }}</p>
{% endif %}{% endif %}{% if !lines.is_empty() %}<h2>{{ words.lines }}</h2>
<ul>{% for line in lines %}<li>{{ line }}</li>{% endfor %}</ul>
{% endif %}<h2>{{ words.next }}</h2>
<p>{% if is_prohibited && !lines.is_empty() %}{{ words.without }} {% endif %}{{ told.next }}</p>
{% if let Some(url) = notice_url %}<a class="act" href="{{ url }}">{{ words.notice }}</a>
{% endif %}<footer>
<h2>{{ words.reference }}</h2>
<code translate="no">{{ reference }}</code>
</footer>
</main>
</body>
</html>
"#
)]
pub(super) struct RefusalPage<'a> {
    pub(super) clause: &'a str,
    pub(super) is_prohibited: bool,
    pub(super) language: &'static str,
    pub(super) lines: Vec<String>,
    pub(super) message: &'a str,
    pub(super) notice_url: Option<&'a str>,
    pub(super) policy: &'a str,
    pub(super) reference: String,
    pub(super) told: Told,
    pub(super) words: &'static Words,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::wording;
    use crate::gateway::wording::Matter;

    /// WCAG 2.2, relative luminance of `#rgb` or `#rrggbb`.
    fn luminance(colour: &str) -> f64 {
        let digits: Vec<f64> =
            colour.chars().filter_map(|c| c.to_digit(16)).map(f64::from).collect();
        let channels: Vec<f64> = if digits.len() == 3 {
            digits.iter().map(|digit| digit / 15.0).collect()
        } else {
            digits.chunks(2).map(|pair| pair[0].mul_add(16.0, pair[1]) / 255.0).collect()
        };
        let linear: Vec<f64> = channels
            .iter()
            .map(|c| if *c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) })
            .collect();
        linear[0].mul_add(0.2126, linear[1].mul_add(0.7152, linear[2] * 0.0722))
    }

    fn contrast(one: &str, other: &str) -> f64 {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn wcag_1_4_3_text_stands_out_in_light_and_dark_and_in_print() {
        assert!((contrast("#000", "#ffffff") - 21.0).abs() < 0.01);
        let page = RefusalPage {
            clause: "",
            is_prohibited: true,
            language: "en",
            lines: Vec::new(),
            message: "",
            notice_url: None,
            policy: "",
            reference: String::new(),
            told: (wording::ENGLISH.tell)(Matter::Prohibited),
            words: &wording::ENGLISH,
        };
        let page = page.render().unwrap();
        let palettes: Vec<_> = page.lines().filter(|line| line.starts_with(":root")).collect();
        assert_eq!(palettes.len(), 3, "light, dark, print");
        let mut act = Vec::new();
        for palette in palettes {
            let colour = |name: &str| {
                let rest = palette.split(&format!("--{name}: ")).nth(1)?;
                rest.split(';').next().map(str::to_owned)
            };
            let [sheet, ink, soft, mark] =
                ["sheet", "ink", "soft", "mark"].map(|name| colour(name).unwrap());
            for text in [&ink, &soft, &mark] {
                assert!(contrast(text, &sheet) >= 4.5, "{text} on {sheet}");
            }
            act.extend(colour("on-act").zip(colour("act")));
        }
        assert_eq!(act.len(), 2);
        for (text, ground) in act {
            assert!(contrast(&text, &ground) >= 4.5, "{text} on {ground}");
        }
    }
}
