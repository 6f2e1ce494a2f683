//! The why of a record, a sentence each.

use serde_json::Map;
use serde_json::Value;

use crate::model::Verdict;

use super::At;
use super::words;

/// What a record says.
pub(super) fn of(kind: &str, view: &Map<String, Value>, verdict: Option<Verdict>) -> Vec<String> {
    match (verdict, kind) {
        (Some(verdict), _) => decided(view, verdict),
        (None, "outcome") => vec![outcome(view)],
        (None, "access" | "change") => by_somebody(view),
        (None, "refusal") => refused(view),
        (None, "received") => vec![
            "A verified webhook that sells nothing: it was recorded, and there was nothing to decide."
                .to_owned(),
        ],
        (None, "summary") => vec![
            "The first of many refusals of one client network in one minute. Those that follow are counted under this record.".to_owned(),
        ],
        (None, "summary_end") => {
            let refusals = At::of(view, "refusals").owned();
            vec![format!("{refusals} refusals were counted in that minute.")]
        }
        (None, _) => At::of(view, "reason").text().into_iter().collect(),
    }
}

fn decided(view: &Map<String, Value>, verdict: Verdict) -> Vec<String> {
    let decision = At::of(view, "decision");
    let what = words::action(At::of(view, "action").str().unwrap_or_default());
    let mut products: Vec<&str> = Vec::new();
    let found = decision.get("items").each().chain([decision.get("request")]);
    for product in found.filter_map(|found| found.get("product").str()) {
        if !products.contains(&product) {
            products.push(product);
        }
    }
    let of = match products.as_slice() {
        [] => " of what no policy covers".to_owned(),
        products => format!(" of {}", products.join(", ")),
    };
    let rule = decision.get("rule").str();
    let by = match (rule, decision.get("policy").str()) {
        (Some(rule), Some(policy)) => format!(" by the rule {rule} of the policy {policy}"),
        _ => String::new(),
    };
    let is_enquiry = At::of(view, "kind").str() == Some("enquiry");
    let was = match (is_enquiry, verdict) {
        (false, Verdict::Allow) => "was allowed",
        (false, Verdict::Block) => "was blocked",
        (false, Verdict::Review) => "was held for a person to judge",
        (true, Verdict::Allow) => "would be allowed",
        (true, Verdict::Block) => "would be blocked",
        (true, Verdict::Review) => "would be held",
    };
    let mut sentences = vec![format!("{what}{of} {was}{by}.")];
    if let Some(reason) = decision.get("reason").text() {
        sentences.push(sentence(&reason));
    }
    if is_enquiry {
        sentences.push(
            "This is an answer to a given instant, and no permit: nothing was served on it."
                .to_owned(),
        );
    }
    if At::of(view, "kind").str() == Some("mismatch") {
        sentences.push("The shop sold something else than was judged before.".to_owned());
    }
    let nexus = decision.get("nexus");
    if let Some(buyer) = nexus.get("buyer").str() {
        let fields: Vec<_> =
            nexus.get("because").each().filter_map(At::str).map(words::field).collect();
        let because = match fields.as_slice() {
            [] => String::new(),
            fields => format!(" That rests on: {}.", fields.join(", ")),
        };
        sentences.push(format!("The buyer counts as {}.{because}", words::nexus(buyer)));
    }
    if let Some(seller) = nexus.get("seller").str() {
        sentences.push(format!("The seller counts as {}.", words::nexus(seller)));
    }
    if let Some(basis) = decision.get("basis").str().map(words::basis) {
        sentences.push(format!("The rule rests on {basis}."));
    }
    for shadow in decision.get("shadow").each() {
        let would = match shadow.get("verdict").verdict() {
            Some(Verdict::Block) => "blocked",
            _ => "held",
        };
        let (policy, rule) = (shadow.get("policy").owned(), shadow.get("rule").owned());
        sentences.push(format!("In shadow, {policy}/{rule} would have {would} it."));
    }
    sentences
}

fn by_somebody(view: &Map<String, Value>) -> Vec<String> {
    let (who, action) = (At::of(view, "actor").get("id").owned(), At::of(view, "action").owned());
    let mut sentences = vec![format!("{who}: {}.", action.replace(['_', '.'], " "))];
    if At::of(view, "outcome").str() == Some("refused") {
        sentences.push("It was refused.".to_owned());
    }
    if let Some(reason) = At::of(view, "reason").text().filter(|reason| !reason.is_empty()) {
        sentences.push(format!("Reason given: {}", sentence(&reason)));
    }
    sentences
}

fn refused(view: &Map<String, Value>) -> Vec<String> {
    let status = At::of(view, "status").owned();
    let mut sentences =
        vec![format!("The request was answered with status {status} before anything was decided.")];
    sentences.extend(At::of(view, "reason").text().map(|reason| sentence(&reason)));
    sentences
}

/// What became of a request.
pub(super) fn outcome(outcome: &Map<String, Value>) -> String {
    let of = |name: &str| At::of(outcome, name);
    let bytes = of("bytes").owned();
    let status = of("status").owned();
    let end = match of("end").str() {
        Some("cancelled") => " The client went away before the end.",
        Some("failed") => " The transfer broke off.",
        _ => "",
    };
    let shown = match of("notice").str() {
        Some("page-en") => "the refusal page, in English,",
        Some("page-es") => "the refusal page, in Spanish,",
        Some("problem") => "a refusal for programs",
        Some("forward-auth") => "a check's answer for the proxy in front",
        Some("api") => "the decision API's answer",
        Some("cut") => "a transfer that a rule then cut",
        _ => "the upstream's answer",
    };
    format!("The client got {shown} with status {status}, {bytes} bytes.{end}")
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    let rest = chars.as_str();
    let stop = if rest.ends_with(['.', '?', '!']) { "" } else { "." };
    format!("{first}{rest}{stop}")
}
