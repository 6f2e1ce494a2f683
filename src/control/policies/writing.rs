//! Rules as text: what a form says becomes lines of a policy file, for who does not write them by hand. Quotes and line ends in what
//! people type stay inside their string.

use jiff::Timestamp;
use jiff::civil;
use jiff::tz::TimeZone;
use toml_edit::Array;
use toml_edit::ArrayOfTables;
use toml_edit::DocumentMut;
use toml_edit::Item;
use toml_edit::Table;

use crate::model::Action;
use crate::model::Basis;
use crate::model::Mode;
use crate::model::Verdict;

use super::super::error::ControlError;

/// A rule to write.
#[derive(Clone, Debug)]
pub struct NewRule {
    /// What it is about.
    pub actions: Vec<Action>,
    /// What it rests on.
    pub basis: Basis,
    /// Whether the buyer counts.
    pub buyer: bool,
    /// Clause of the authority.
    pub clause: String,
    /// Its first instant, as its zone writes it: `2026-03-01T00:00:00-05:00`.
    pub effective: String,
    /// Its id.
    pub id: String,
    /// What a refused customer is told.
    pub message: String,
    /// Whether it counts.
    pub mode: Mode,
    /// What a reader of the policy is to know; may be empty.
    pub notes: String,
    /// Ids of product groups.
    pub products: Vec<String>,
    /// Whether the seller counts.
    pub seller: bool,
    /// For parties of whom too little is known.
    pub unclear: Verdict,
    /// For parties in the United States.
    pub us: Verdict,
}

/// An instant with the offset of a zone, from a day and an hour there.
///
/// # Errors
/// `Invalid` for what is no day and hour, or a zone that nobody knows, or an hour that the zone's clocks skip or have twice.
pub fn instant_in(zone: &str, local: &str) -> Result<String, ControlError> {
    let invalid = |text: String| ControlError::Invalid(format!("effective: {text}"));
    let local: civil::DateTime =
        local.parse().map_err(|_| invalid("write a day and an hour".to_owned()))?;
    let zone = TimeZone::get(zone).map_err(|error| invalid(error.to_string()))?;
    let at: Timestamp = zone
        .to_ambiguous_timestamp(local)
        .unambiguous()
        .map_err(|error| invalid(error.to_string()))?;
    let offset = zone.to_offset(at);
    let written = at.display_with_offset(offset).to_string();
    Ok(if offset.seconds() == 0 { at.to_string() } else { written })
}

/// The rule as a policy file writes it.
///
/// # Errors
/// `Invalid` for a rule without id, clause, message, action or product.
pub fn rule(new: &NewRule) -> Result<String, ControlError> {
    let invalid = |text: &str| Err(ControlError::Invalid(text.to_owned()));
    let id = new.id.trim();
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if id.is_empty() || !id.chars().all(plain) {
        return invalid("id: write small letters, digits and dashes");
    }
    for (name, text) in [("clause", &new.clause), ("message", &new.message)] {
        if text.trim().is_empty() || text.chars().any(char::is_control) {
            return Err(ControlError::Invalid(format!("{name}: write one line")));
        }
    }
    if new.actions.is_empty() {
        return invalid("actions: tick at least one");
    }
    if new.products.is_empty() {
        return invalid("products: tick at least one");
    }
    if !new.buyer && !new.seller {
        return invalid("nexus: tick the buyer, the seller or both");
    }
    let effective = new
        .effective
        .parse::<toml_edit::Datetime>()
        .map_err(|error| ControlError::Invalid(format!("effective: {error}")))?;
    let mut table = Table::new();
    let array = |texts: Vec<&str>| texts.into_iter().collect::<Array>();
    let parties = [(new.buyer, "buyer"), (new.seller, "seller")];
    let parties = parties.into_iter().filter(|(counts, _)| *counts).map(|(_, name)| name);
    let mut put = |key: &str, value: toml_edit::Value| {
        table.insert(key, Item::Value(value));
    };
    put("id", id.into());
    put("clause", new.clause.trim().into());
    put("basis", basis(new.basis).into());
    put("actions", array(new.actions.iter().map(|action| action.as_str()).collect()).into());
    put("products", array(new.products.iter().map(String::as_str).collect()).into());
    put("nexus", array(parties.collect()).into());
    put("effective", effective.into());
    put("us", new.us.as_str().into());
    put("unclear", new.unclear.as_str().into());
    put("message", new.message.trim().into());
    if !new.notes.trim().is_empty() {
        put("notes", new.notes.trim().into());
    }
    if new.mode != Mode::Enforce {
        put("mode", if new.mode == Mode::Shadow { "shadow" } else { "off" }.into());
    }
    let mut rules = ArrayOfTables::new();
    rules.push(table);
    let mut document = DocumentMut::new();
    document.insert("rule", Item::ArrayOfTables(rules));
    Ok(document.to_string())
}

const fn basis(basis: Basis) -> &'static str {
    match basis {
        Basis::Judgement => "judgement",
        Basis::Policy => "policy",
        Basis::Text => "text",
    }
}

#[cfg(test)]
mod tests {
    use crate::policy::PolicyText;
    use crate::policy::load_read;
    use crate::policy::plain::rules;

    use super::*;

    const POLICY: &str = include_str!("../../../policies/us-commerce-kaspersky.toml");

    fn new() -> NewRule {
        NewRule {
            actions: vec![Action::Export, Action::Sale],
            basis: Basis::Judgement,
            buyer: true,
            clause: "FD-9".to_owned(),
            effective: instant_in("America/New_York", "2026-03-01T00:00").unwrap(),
            id: "exports".to_owned(),
            message: "Not to \"you\"\\ '''".to_owned(),
            mode: Mode::Shadow,
            notes: String::new(),
            products: vec!["kaspersky.covered".to_owned()],
            seller: true,
            unclear: Verdict::Review,
            us: Verdict::Block,
        }
    }

    #[test]
    fn a_rule_from_a_form_compiles_and_says_what_the_form_said() {
        let text = format!("{POLICY}\n{}", rule(&new()).unwrap());
        let set = load_read(&[PolicyText { name: "us.toml".to_owned(), text }]).unwrap();
        let read = rules(&set).into_iter().find(|rule| rule.rule == "exports").unwrap();
        assert_eq!(read.message, "Not to \"you\"\\ '''");
        assert_eq!(read.effective.to_string(), "2026-03-01T05:00:00Z");
        assert_eq!(read.mode, Mode::Shadow);
        assert!(read.sentence.starts_with("blocks exports and sales of"), "{}", read.sentence);
    }

    #[test]
    fn what_a_form_leaves_out_is_named() {
        for (part, broken) in [
            ("id", NewRule { id: "a b".to_owned(), ..new() }),
            ("clause", NewRule { clause: " ".to_owned(), ..new() }),
            ("message", NewRule { message: "a\nb".to_owned(), ..new() }),
            ("actions", NewRule { actions: Vec::new(), ..new() }),
            ("products", NewRule { products: Vec::new(), ..new() }),
            ("nexus", NewRule { buyer: false, seller: false, ..new() }),
        ] {
            let error = rule(&broken).unwrap_err().to_string();
            assert!(error.starts_with(part), "{error}");
        }
    }

    #[test]
    fn an_hour_that_the_clocks_of_a_zone_skip_is_not_guessed() {
        assert_eq!(instant_in("UTC", "2026-03-08T02:30").unwrap(), "2026-03-08T02:30:00Z");
        assert!(instant_in("America/New_York", "2026-03-08T02:30").is_err());
        assert!(instant_in("Nowhere/At_All", "2026-03-08T02:30").is_err());
        assert!(instant_in("UTC", "tomorrow").is_err());
    }
}
