//! Names of the contract, as people read them.

use crate::model::Country;
use crate::model::Verdict;

/// What a record is, in a word or two.
pub(super) fn title(kind: &str, verdict: Option<Verdict>) -> &'static str {
    match (kind, verdict) {
        ("enquiry", Some(Verdict::Allow)) => "Would be allowed",
        ("enquiry", Some(Verdict::Block)) => "Would be blocked",
        ("enquiry", Some(Verdict::Review)) => "Would be held",
        (_, Some(Verdict::Allow)) => "Allowed",
        (_, Some(Verdict::Block)) => "Blocked",
        (_, Some(Verdict::Review)) => "Held for review",
        ("access", None) => "Access",
        ("change", None) => "Change",
        ("erasure", None) => "Erasure",
        ("hold", None) => "Legal hold",
        ("outcome", None) => "Outcome of a request",
        ("received", None) => "Received",
        ("refusal", None) => "Refused unread",
        ("summary" | "summary_end", None) => "Refusals, summed up",
        (_, None) => "Record",
    }
}

/// What somebody wanted to do.
pub(super) fn action(action: &str) -> String {
    let known = match action {
        "activation" => "The first use of a licence",
        "cloud_service" => "A query to the vendor's cloud",
        "codebase_update" => "An update of the program",
        "export" => "An export",
        "government_supply" => "A supply to a government",
        "import" => "An import",
        "integration" => "An integration into another product",
        "license_status" => "A question for the state of a licence",
        "licensing" => "A licence for resale or integration",
        "payment" => "A payment",
        "refund" => "A refund",
        "removal" => "A removal of the software",
        "renewal" => "A renewal",
        "resale" => "A sale by a reseller",
        "sale" => "A sale by the vendor",
        "signature_update" => "An update of anti-virus databases",
        "use" => "A use of what is there",
        other => return format!("The action {}", other.replace('_', " ")),
    };
    known.to_owned()
}

/// A field of evidence.
pub(super) fn field(name: &str) -> String {
    let (prefix, plain) = match name.split_once('.') {
        Some(("registry", plain)) => ("in the customer registry: ", plain),
        Some(("claim", plain)) => ("claimed by the token: ", plain),
        Some(("seller", plain)) => ("the seller's ", plain),
        _ => ("", name),
    };
    let plain = match plain {
        "account" => "account",
        "billing_country" => "billing country",
        "billing_region" => "billing region",
        "citizenship" => "citizenship",
        "declared_country" => "declared country",
        "email" | "email_domain" => "e-mail domain",
        "ip" => "network address",
        "ip_class" => "class of the network address",
        "ip_country" => "country of the network address",
        "organization_country" => "country of the organisation",
        "parent_country" => "country of the parent organisation",
        "permanent_resident_of" => "permanent residence",
        "shipping_country" => "shipping country",
        "shipping_region" => "shipping region",
        "us_person" => "US person",
        other => return format!("{prefix}{}", other.replace('_', " ")),
    };
    format!("{prefix}{plain}")
}

/// Where a party stands.
pub(super) fn nexus(nexus: &str) -> &'static str {
    match nexus {
        "us" => "in the United States, or a US person",
        "foreign" => "outside the United States",
        _ => "unclear: the evidence is not enough for either",
    }
}

/// What put something into a product group.
pub(super) fn matched(by: &str) -> String {
    let known = match by {
        "attribute" => "an attribute",
        "catalog" => "the catalogue's row for its SKU",
        "component" => "a component in it",
        "host" => "the host asked for",
        "name" => "its name",
        "nothing" => "nothing says what it is",
        "path" => "the path asked for",
        "sku" => "the form of its SKU",
        "suspected_component" => "a component that may be in it",
        "vendor" => "its vendor",
        other => return other.replace('_', " "),
    };
    known.to_owned()
}

/// What became of a rule.
pub(super) fn rule(outcome: &str, verdict: Option<Verdict>) -> String {
    let known = match (outcome, verdict) {
        ("applied", Some(Verdict::Block)) => "It applies, and prohibits this.",
        ("applied", Some(Verdict::Review)) => {
            "It applies as far as is known: a party, the item or a condition is not certain, so a person has to judge."
        }
        ("applied", _) => "It applies.",
        ("cleared", _) => "It would hold this, and a person has released it.",
        ("condition", _) => "A condition on the item does not hold.",
        ("ended", _) => "It had ended.",
        ("exempted", _) => "An authorisation covers the product or the account.",
        ("foreign", _) => "It does not reach parties that stand so.",
        ("not_yet", _) => "It was not yet in force.",
        ("shadow", Some(Verdict::Block)) => {
            "In shadow: it would have blocked this, and changes nothing."
        }
        ("shadow", _) => "In shadow: it would have held this, and changes nothing.",
        ("suspended", _) => "It was suspended.",
        (other, _) => return other.replace('_', " "),
    };
    known.to_owned()
}

/// What a rule rests on.
pub(super) fn basis(basis: &str) -> &'static str {
    match basis {
        "text" => "the authority's own text",
        "judgement" => "a legal reading of the authority's text",
        "policy" => "a choice of the operator",
        _ => "",
    }
}

/// A country's code with what it means for a nexus.
pub(super) fn read(code: &str) -> String {
    match Country::parse(code) {
        Some(country) if country.is_united_states() && code != "US" => {
            format!("{code}, a territory of the United States")
        }
        Some(country) if country.is_united_states() => "US, the United States".to_owned(),
        _ => code.to_owned(),
    }
}

/// True for the United States and their territories.
pub(super) fn is_us(code: &str) -> bool {
    Country::parse(code).is_some_and(Country::is_united_states)
}

/// Where an authority's text can be read, as far as its citation says: the Federal Register by volume and page.
pub(super) fn link(citation: &str) -> Option<String> {
    let mut words = citation.split_whitespace();
    let (volume, register, page) = (words.next()?, words.next()?, words.next()?);
    let number = |text: &str| text.len() <= 6 && text.bytes().all(|byte| byte.is_ascii_digit());
    let page = page.trim_end_matches([',', ';', '.']);
    (register == "FR" && number(volume) && number(page))
        .then(|| format!("https://www.federalregister.gov/citation/{volume}-FR-{page}"))
}
