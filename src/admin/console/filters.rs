//! What templates write in one way: icons, badges, numbers, instants. A page that uses them says `use super::filters;`.

use askama::Result;
use askama::Values;
use askama::filters::Safe;
use jiff::Timestamp;

use crate::model::Verdict;
use crate::policy::plain;

use super::assets;

const SECONDS_OF_MINUTE: u64 = 60;
const SECONDS_OF_HOUR: u64 = 3_600;
const SECONDS_OF_DAY: u64 = 86_400;

/// `{{ "app.css"|asset }}`: the address of an asset.
#[askama::filter_fn]
pub fn asset(name: &str, _: &dyn Values) -> Result<String> {
    Ok(assets::url(name))
}

/// `{{ "allow"|icon }}`: a symbol of `assets/icons.svg`, of no meaning to a screen reader.
#[askama::filter_fn]
pub fn icon(name: &str, _: &dyn Values) -> Result<Safe<String>> {
    Ok(Safe(drawn(name)))
}

/// `{{ verdict|badge }}`: a verdict as icon and word.
#[askama::filter_fn]
pub fn badge(verdict: &Verdict, _: &dyn Values) -> Result<Safe<String>> {
    let (class, word) = match verdict {
        Verdict::Allow => ("allow", "Allowed"),
        Verdict::Block => ("block", "Blocked"),
        Verdict::Review => ("review", "Held"),
    };
    Ok(Safe(format!("<span class=\"badge {class}\">{}{word}</span>", drawn(class))))
}

/// `{{ 12480|number }}`: 12,480.
#[askama::filter_fn]
pub fn number(value: &u64, _: &dyn Values) -> Result<String> {
    Ok(grouped(*value))
}

/// `{{ at|instant }}`: a `<time>` to the second, in UTC.
#[askama::filter_fn]
pub fn instant(at: &Timestamp, _: &dyn Values) -> Result<Safe<String>> {
    let shown = at.strftime("%Y-%m-%d %H:%M:%S").to_string();
    Ok(Safe(format!("<time datetime=\"{at}\" class=\"nowrap\">{shown} UTC</time>")))
}

/// `{{ at|day }}`: a day as people say it, with the hour.
#[askama::filter_fn]
pub fn day(at: &Timestamp, _: &dyn Values) -> Result<String> {
    Ok(plain::day(*at))
}

/// `{{ seconds|age }}`: the two largest units, such as `3 h 20 min`.
#[askama::filter_fn]
pub fn age(seconds: &u64, _: &dyn Values) -> Result<String> {
    Ok(aged(*seconds))
}

fn drawn(name: &str) -> String {
    // Names are the program's own; whatever else came here would not leave its attribute.
    let name: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    format!(
        "<svg class=\"icon\" aria-hidden=\"true\"><use href=\"{}#{name}\"></use></svg>",
        assets::url("icons.svg")
    )
}

fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut grouped = String::with_capacity(digits.len().saturating_mul(2));
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && digits.len().saturating_sub(at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

fn aged(seconds: u64) -> String {
    const UNITS: [(u64, &str); 4] =
        [(SECONDS_OF_DAY, "d"), (SECONDS_OF_HOUR, "h"), (SECONDS_OF_MINUTE, "min"), (1, "s")];
    let mut rest = seconds;
    let mut parts = Vec::new();
    for (length, unit) in UNITS {
        let (count, left) =
            (rest.checked_div(length).unwrap_or(0), rest.checked_rem(length).unwrap_or(0));
        rest = left;
        if count > 0 {
            parts.push(format!("{count} {unit}"));
        } else if !parts.is_empty() {
            break;
        }
        if parts.len() == 2 {
            break;
        }
    }
    if parts.is_empty() { "0 s".to_owned() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_three() {
        let written = [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (12_480, "12,480"),
            (1_234_567, "1,234,567"),
        ];
        for (value, text) in written {
            assert_eq!(grouped(value), text);
        }
    }

    #[test]
    fn an_age_has_its_two_largest_units() {
        let written = [
            (0, "0 s"),
            (59, "59 s"),
            (61, "1 min 1 s"),
            (12_000, "3 h 20 min"),
            (86_401, "1 d"),
            (90_061, "1 d 1 h"),
        ];
        for (seconds, text) in written {
            assert_eq!(aged(seconds), text);
        }
    }

    #[test]
    fn an_icon_cannot_break_out_of_its_attribute() {
        assert!(!drawn("x\"><script>").contains("script>"));
    }
}
