//! The tables of an explanation.

use serde_json::Map;
use serde_json::Value;

use super::At;
use super::Citation;
use super::ItemLine;
use super::Pair;
use super::Party;
use super::RuleTold;
use super::Said;
use super::words;

/// Fields that name a country, or several.
const COUNTRIES: [&str; 8] = [
    "billing_country",
    "citizenship",
    "declared_country",
    "ip_country",
    "organization_country",
    "parent_country",
    "permanent_resident_of",
    "shipping_country",
];
/// Fields that refine one, or say something else.
const OTHERS: [&str; 5] = ["billing_region", "ip", "ip_class", "shipping_region", "us_person"];

pub(super) fn citation(decision: At<'_>) -> Option<Citation> {
    let citation = decision.get("citation").text()?;
    Some(Citation {
        basis: decision.get("basis").str().map(words::basis).unwrap_or_default().to_owned(),
        clause: decision.get("clause").owned(),
        link: words::link(&citation),
        citation,
        policy: decision.get("policy").owned(),
        rule: decision.get("rule").owned(),
    })
}

/// By whose release it passes: its members as they are, and those of what it lifted.
pub(super) fn clearance(decision: At<'_>) -> Option<Vec<Pair>> {
    let members = decision.get("clearance").0?.as_object()?;
    let mut pairs = Vec::new();
    for (name, value) in members {
        put(&mut pairs, name, At(Some(value)));
    }
    Some(pairs)
}

fn put(pairs: &mut Vec<Pair>, name: &str, value: At<'_>) {
    if let Some(text) = value.text() {
        pairs.push(Pair { name: name.replace(['_', '.'], " "), value: text });
    } else if let Some(members) = value.0.and_then(Value::as_object) {
        for (inner, value) in members {
            put(pairs, &format!("{name} {inner}"), At(Some(value)));
        }
    }
}

pub(super) fn parties(decision: At<'_>, seller: At<'_>) -> Vec<Party> {
    let nexus = decision.get("nexus");
    let fields = || nexus.get("because").each().filter_map(At::str);
    let of_seller = |field: &&str| field.starts_with("seller.");
    let mut parties = Vec::new();
    if let Some(buyer) = nexus.get("buyer").str() {
        parties.push(Party {
            because: fields().filter(|field| !of_seller(field)).map(words::field).collect(),
            nexus: buyer.to_owned(),
            stands: words::nexus(buyer).to_owned(),
            who: "Buyer".to_owned(),
        });
    }
    if let Some(stands) = nexus.get("seller").str() {
        let mut because: Vec<_> = fields().filter(of_seller).map(words::field).collect();
        if seller.get("from").str() == Some("reseller") {
            because.push("the reseller of this gateway, as configured".to_owned());
        }
        parties.push(Party {
            because,
            nexus: stands.to_owned(),
            stands: words::nexus(stands).to_owned(),
            who: "Seller".to_owned(),
        });
    }
    parties
}

pub(super) fn evidence(evidence: At<'_>, because: &[&str]) -> Vec<Said> {
    let mut rows = Vec::new();
    if let Some(account) = evidence.get("account").text() {
        let standing = match evidence.get("account_standing").str() {
            Some("known") => "known to the customer registry",
            Some("unknown") => "not in the customer registry",
            _ => "the route does not ask the registry",
        };
        let weighed = match evidence.get("vouching").str() {
            Some("unvouched") => {
                "Nobody vouches for it: it can worsen the outcome, never improve it"
            }
            _ => "A token or certificate vouches for it",
        };
        rows.push(row("account", account, standing.to_owned(), weighed, because));
    } else if evidence.get("account_standing").str() == Some("missing") {
        let weighed = "The route requires an account, and there was none";
        rows.push(row("account", "nothing".to_owned(), String::new(), weighed, because));
    }
    said_by("", evidence, because, &mut rows);
    for address in evidence.get("addresses").each() {
        rows.push(address_row(address, because));
    }
    said_by("registry.", evidence.get("registry"), because, &mut rows);
    said_by("claim.", evidence.get("claimed"), because, &mut rows);
    // What decided comes first; else in the order of the list.
    rows.sort_by_key(|row| !row.decisive);
    rows
}

/// What one source says of the buyer.
fn said_by(prefix: &str, of: At<'_>, because: &[&str], rows: &mut Vec<Said>) {
    let read = of.get("read");
    for name in COUNTRIES {
        let Some(said) = of.get(name).text() else { continue };
        let codes = match read.get(name).0 {
            Some(Value::Array(_)) => read.get(name).each().map(At::str).collect(),
            _ => vec![read.get(name).str()],
        };
        let shown: Vec<_> = codes
            .iter()
            .map(|code| code.map_or_else(|| "no country".to_owned(), words::read))
            .collect();
        let weighed = match codes.as_slice() {
            codes if codes.iter().flatten().any(|code| words::is_us(code)) => {
                "Points to the United States"
            }
            codes if codes.iter().all(Option::is_none) => "Names no country: counts as not said",
            _ => "Foreign; not enough by itself",
        };
        rows.push(row(&format!("{prefix}{name}"), said, shown.join(", "), weighed, because));
    }
    if let Some(domain) = of.get("email_domain").text() {
        let (read, weighed) = match read.get("email").str() {
            Some("us_government") => {
                ("an address of the United States' government", "Points to the United States")
            }
            Some("unreadable") => ("no address of mail", "Counts as not said"),
            _ => ("an ordinary address", "Says nothing of a country"),
        };
        rows.push(row(&format!("{prefix}email"), domain, read.to_owned(), weighed, because));
    }
    for name in OTHERS {
        let Some(said) = of.get(name).text() else { continue };
        let weighed = match (name, said.as_str()) {
            ("us_person", "yes") => "Points to the United States",
            ("billing_region" | "shipping_region", _) => "Refines the country beside it",
            _ => "Beside the rest",
        };
        rows.push(row(&format!("{prefix}{name}"), said, String::new(), weighed, because));
    }
}

fn address_row(address: At<'_>, because: &[&str]) -> Said {
    let said = address.get("address").text().unwrap_or_else(|| "not kept".to_owned());
    let from = match address.get("origin").str() {
        Some("transaction") => " (told by the transaction)",
        _ => "",
    };
    let country = address.get("country").str();
    let classes = address.get("classes").text();
    let mut read = country.map_or_else(|| "no country known".to_owned(), words::read);
    let sources: Vec<_> =
        address.get("answers").each().filter_map(|answer| answer.get("source").str()).collect();
    if let Some(classes) = &classes {
        read.push_str(&format!("; {classes}"));
    }
    if !sources.is_empty() {
        read.push_str(&format!(" (by {})", sources.join(", ")));
    }
    let weighed = match (country, classes) {
        (Some(code), _) if words::is_us(code) => "Points to the United States",
        (None, _) => "Without a country: missing, not foreign",
        (_, Some(_)) => "Of a class that weakens it",
        (Some(_), None) => "Foreign, and clean",
    };
    row("ip", format!("{said}{from}"), read, weighed, because)
}

fn row(field: &str, said: String, read: String, weighed: &str, because: &[&str]) -> Said {
    let decisive = because.contains(&field);
    let what = words::field(field);
    let mut chars = what.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    Said {
        decisive,
        field: field.to_owned(),
        read,
        said,
        weighed: weighed.to_owned(),
        what: format!("{first}{}", chars.as_str()),
    }
}

pub(super) fn lines(items: At<'_>, decision: At<'_>) -> Vec<ItemLine> {
    let found: Vec<_> = decision.get("items").each().collect();
    let line = |item: At<'_>, found: At<'_>| ItemLine {
        matched_by: found.get("matched_by").str().map(words::matched),
        name: item.get("name").text(),
        product: found.get("product").text(),
        quantity: item.get("quantity").text(),
        sku: item.get("sku").text(),
        vendor: item.get("vendor").text(),
        verdict: found.get("verdict").verdict(),
    };
    let none = At(None);
    let mut lines: Vec<_> = items
        .each()
        .enumerate()
        .map(|(at, item)| line(item, found.get(at).copied().unwrap_or(none)))
        .collect();
    let asked = decision.get("request");
    // Of a delivery there is no line: host and path say what it is.
    let rest = found.iter().skip(lines.len()).copied().chain(asked.0.map(|_| asked));
    lines.extend(rest.map(|found| {
        let name = Some("What the address asked for".to_owned());
        ItemLine { name, ..line(none, found) }
    }));
    lines
}

pub(super) fn rules(rules: At<'_>, decision: At<'_>) -> Vec<RuleTold> {
    let (policy, rule) = (decision.get("policy").str(), decision.get("rule").str());
    let told = |one: At<'_>| {
        let verdict = one.get("verdict").verdict();
        let outcome = one.get("outcome").owned();
        let decided = rule.is_some()
            && (one.get("policy").str(), one.get("rule").str()) == (policy, rule)
            && outcome == "applied";
        RuleTold {
            clause: one.get("clause").owned(),
            decided,
            policy: one.get("policy").owned(),
            rule: one.get("rule").owned(),
            verdict,
            words: words::rule(&outcome, verdict),
            outcome,
        }
    };
    rules.each().map(told).collect()
}

pub(super) fn request(view: &Map<String, Value>) -> Vec<Pair> {
    let (request, subject, value) =
        (At::of(view, "request"), At::of(view, "subject"), At::of(view, "value"));
    let known = [
        ("Route", At::of(view, "route")),
        ("Method", request.get("method")),
        ("Host", request.get("host")),
        ("Path", request.get("path")),
        ("Client", request.get("client")),
        ("Connection from", request.get("peer")),
        ("SHA-256 of the body", request.get("body").get("sha256")),
        ("Order", subject.get("order")),
        ("Order's name", subject.get("name")),
        ("Shop", subject.get("shop")),
        ("Amount", value.get("amount")),
        ("Currency", value.get("currency")),
    ];
    let mut pairs: Vec<_> = known
        .into_iter()
        .filter_map(|(name, value)| Some(Pair { name: name.to_owned(), value: value.text()? }))
        .collect();
    let more = [
        ("Policies in force", At::of(view, "decision").get("bundle")),
        ("Kept at least until", At::of(view, "retain_until")),
    ];
    pairs
        .extend(more.into_iter().filter_map(|(name, value)| {
            Some(Pair { name: name.to_owned(), value: value.text()? })
        }));
    pairs
}
