//! Bars of the report, as inline SVG: nothing is fetched, nothing runs, colours come from the page's style.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt::Write;

use super::tally::Counts;

/// Bars of a chart over months; earlier ones are left out.
const MONTHS: usize = 36;
/// Bars of every other chart.
const BARS: usize = 12;

/// Blocked and held by month, oldest first.
pub(super) fn months(by_month: &BTreeMap<String, Counts>) -> String {
    const HEIGHT: u64 = 120;
    let shown = by_month.len().saturating_sub(MONTHS);
    let bars: Vec<_> = by_month.iter().skip(shown).collect();
    let most = bars.iter().map(|(_, counts)| counts.found()).max().unwrap_or(0).max(1);
    let step = 800_usize.checked_div(bars.len()).unwrap_or(20).clamp(20, 44);
    let bar = step.saturating_sub(6);
    // The last label is wider than its bar.
    let width = bars.len().saturating_mul(step).saturating_add(24).max(240);
    let mut svg = format!(
        "<svg viewBox=\"0 -16 {width} 160\" style=\"max-width:{width}px\" role=\"img\" aria-label=\"Blocked and held orders by month\">"
    );
    for (at, (month, counts)) in bars.iter().enumerate() {
        let x = at.saturating_mul(step).saturating_add(3);
        let block = scaled(counts.block, most, HEIGHT);
        let review = scaled(counts.review, most, HEIGHT);
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

/// Blocked and held by a name, most first.
pub(super) fn bars(by_name: &BTreeMap<String, Counts>, label: &str) -> String {
    const WIDTH: u64 = 300;
    let mut bars: Vec<_> = by_name.iter().filter(|(_, counts)| counts.found() > 0).collect();
    bars.sort_by_key(|(name, counts)| (std::cmp::Reverse(counts.found()), (*name).clone()));
    let most = bars.first().map_or(1, |(_, counts)| counts.found()).max(1);
    bars.truncate(BARS);
    let height = bars.len().saturating_mul(22).max(22);
    let mut svg = format!("<svg viewBox=\"0 0 520 {height}\" role=\"img\" aria-label=\"{label}\">");
    for (at, (name, counts)) in bars.iter().enumerate() {
        let y = at.saturating_mul(22).saturating_add(3);
        let text = y.saturating_add(12);
        let block = scaled(counts.block, most, WIDTH);
        let review = scaled(counts.review, most, WIDTH);
        let second = 140_u64.saturating_add(block);
        let end = second.saturating_add(review).saturating_add(6);
        let (name, found) = (escaped(name), counts.found());
        write!(
            svg,
            "<text class=\"e\" x=\"132\" y=\"{text}\">{name}</text>\
             <rect class=\"b\" x=\"140\" y=\"{y}\" width=\"{block}\" height=\"15\"/>\
             <rect class=\"r\" x=\"{second}\" y=\"{y}\" width=\"{review}\" height=\"15\"/>\
             <text x=\"{end}\" y=\"{text}\">{}</text>",
            number(found)
        )
        .ok();
    }
    svg.push_str("</svg>");
    svg
}

/// A number with its thousands apart.
pub(super) fn number(number: impl Borrow<u64>) -> String {
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

/// A length in proportion; what is there is seen.
fn scaled(count: u64, most: u64, length: u64) -> u64 {
    let exact = count.saturating_mul(length).checked_div(most).unwrap_or(0);
    if count > 0 { exact.max(2) } else { 0 }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
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
}
