//! Bars of a report, as inline SVG: nothing is fetched, nothing runs, colours come from the page's style.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt::Write;

use super::counts::Counts;

/// Bars of a chart over months; earlier ones are left out.
const MONTHS: usize = 36;
/// Bars of every other chart.
const BARS: usize = 12;
/// Characters of a bar's name that fit above it.
const NAME: usize = 48;

/// Blocked and held by month, oldest first; months without an entry between the first and the last stand as gaps.
pub fn months(by_month: &BTreeMap<String, Counts>, label: &str) -> String {
    const HEIGHT: u64 = 120;
    let all = with_gaps(by_month);
    let shown = all.len().saturating_sub(MONTHS);
    let bars: Vec<_> = all.iter().skip(shown).collect();
    let most = bars.iter().map(|(_, counts)| counts.found()).max().unwrap_or(0).max(1);
    let step = 800_usize.checked_div(bars.len()).unwrap_or(20).clamp(20, 44);
    let bar = step.saturating_sub(6);
    // The last label is wider than its bar.
    let width = bars.len().saturating_mul(step).saturating_add(24).max(240);
    let mut svg = format!(
        "<svg viewBox=\"0 -16 {width} 160\" style=\"max-width:{width}px;min-width:{}px\" role=\"img\" aria-label=\"{}\">",
        width.min(560),
        escaped(label)
    );
    for (at, (month, counts)) in bars.iter().enumerate() {
        let x = at.saturating_mul(step).saturating_add(3);
        let block = scaled(counts.block, most, HEIGHT);
        let review = scaled(counts.review, most, HEIGHT);
        let month = escaped(month);
        let title = format!("{month}: {} blocked, {} held", counts.block, counts.review);
        let top = HEIGHT.saturating_sub(block);
        let second = top.saturating_sub(review);
        write!(
            svg,
            "<g><title>{title}</title><rect class=\"b\" x=\"{x}\" y=\"{top}\" width=\"{bar}\" height=\"{block}\"/>\
             <rect class=\"r\" x=\"{x}\" y=\"{second}\" width=\"{bar}\" height=\"{review}\"/></g>"
        )
        .ok();
        if at.checked_rem(3) == Some(0) {
            write!(svg, "<text x=\"{x}\" y=\"138\">{month}</text>").ok();
        }
    }
    write!(
        svg,
        "<text x=\"3\" y=\"-4\">highest month: {}</text><path d=\"M0 {HEIGHT}.5H{width}\"/></svg>",
        number(most)
    )
    .ok();
    svg
}

/// Blocked and held by a name, most first; the name stands above its bar, so that it is readable on a phone.
pub fn bars(by_name: &BTreeMap<String, Counts>, label: &str) -> String {
    const WIDTH: u64 = 300;
    let mut bars: Vec<_> = by_name.iter().filter(|(_, counts)| counts.found() > 0).collect();
    bars.sort_by_key(|(name, counts)| (std::cmp::Reverse(counts.found()), (*name).clone()));
    let most = bars.first().map_or(1, |(_, counts)| counts.found()).max(1);
    bars.truncate(BARS);
    let height = bars.len().saturating_mul(34).max(22);
    let mut svg = format!(
        "<svg viewBox=\"0 0 360 {height}\" style=\"max-width:480px\" role=\"img\" aria-label=\"{}\">",
        escaped(label)
    );
    for (at, (name, counts)) in bars.iter().enumerate() {
        let y = at.saturating_mul(34);
        let (text, bar) = (y.saturating_add(12), y.saturating_add(16));
        let block = scaled(counts.block, most, WIDTH);
        let review = scaled(counts.review, most, WIDTH);
        let end = block.saturating_add(review).saturating_add(6);
        let value = bar.saturating_add(10);
        write!(
            svg,
            "<text x=\"0\" y=\"{text}\">{}</text>\
             <rect class=\"b\" x=\"0\" y=\"{bar}\" width=\"{block}\" height=\"12\"/>\
             <rect class=\"r\" x=\"{block}\" y=\"{bar}\" width=\"{review}\" height=\"12\"/>\
             <text x=\"{end}\" y=\"{value}\">{}</text>",
            escaped(&shortened(name)),
            number(counts.found())
        )
        .ok();
    }
    svg.push_str("</svg>");
    svg
}

/// A number with its thousands apart.
pub fn number(number: impl Borrow<u64>) -> String {
    let digits = number.borrow().to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && digits.len().saturating_sub(at).checked_rem(3) == Some(0) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The months in order, `2026-11`, with those between that have none; a key that is no month stays as it is.
fn with_gaps(by_month: &BTreeMap<String, Counts>) -> Vec<(String, Counts)> {
    let mut all: Vec<(String, Counts)> = Vec::new();
    for (month, counts) in by_month {
        // Bounded, whatever the clock once said: more than is shown is not filled.
        for _ in 0..MONTHS {
            let next = all.last().and_then(|(last, _)| following(last));
            match next {
                Some(next) if next < *month => all.push((next, Counts::default())),
                _ => break,
            }
        }
        all.push((month.clone(), *counts));
    }
    all
}

fn following(month: &str) -> Option<String> {
    let (year, month) = month.split_once('-')?;
    let (year, month): (u16, u8) = (year.parse().ok()?, month.parse().ok()?);
    Some(match month {
        12 => format!("{:04}-01", year.saturating_add(1)),
        month => format!("{year:04}-{:02}", month.saturating_add(1)),
    })
}

/// A length in proportion; what is there is seen.
fn scaled(count: u64, most: u64, length: u64) -> u64 {
    let exact = count.saturating_mul(length).checked_div(most).unwrap_or(0);
    if count > 0 { exact.max(2) } else { 0 }
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= NAME {
        return name.to_owned();
    }
    name.chars().take(NAME.saturating_sub(1)).chain(['…']).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable_and_small_bars_are_seen() {
        assert_eq!(number(1_234_567_u64), "1,234,567");
        assert_eq!(number(999_u64), "999");
        assert_eq!(
            (scaled(1, 1_000_000, 300), scaled(0, 10, 300), scaled(10, 10, 300)),
            (2, 0, 300)
        );
    }

    #[test]
    fn names_cannot_leave_their_place_in_the_picture() {
        let one = Counts { block: 1, ..Counts::default() };
        let hostile = BTreeMap::from([("</text><script>&\"".to_owned(), one)]);
        for svg in [bars(&hostile, "\"><script>"), months(&hostile, "\"><script>")] {
            assert!(!svg.contains("<script") && !svg.contains("&\""), "{svg}");
            assert!(svg.contains("&lt;/text&gt;&lt;script&gt;&amp;&quot;"), "{svg}");
        }
    }

    #[test]
    fn a_month_without_records_is_a_gap_and_not_left_out() {
        let one = Counts { block: 1, ..Counts::default() };
        let sparse = BTreeMap::from([("2025-11".to_owned(), one), ("2026-02".to_owned(), one)]);
        let names: Vec<_> = with_gaps(&sparse).into_iter().map(|(month, _)| month).collect();
        assert_eq!(names, ["2025-11", "2025-12", "2026-01", "2026-02"]);
        let absurd = BTreeMap::from([("0001-01".to_owned(), one), ("9999-12".to_owned(), one)]);
        assert!(with_gaps(&absurd).len() < 50);
    }
}
