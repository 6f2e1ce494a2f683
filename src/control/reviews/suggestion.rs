//! What may have happened, in plain words. A suggestion resolves nothing.

use serde::Serialize;

use super::change::Outcome;
use super::change::ReasonCode;
use super::hold::Hold;

/// What a reviewer might look at first.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Suggestion {
    /// The reason that it would be, if that is found true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<ReasonCode>,
    /// What it then should come to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// What seems to be the case, and how to find out.
    pub text: &'static str,
}

/// What the evidence of an entry suggests: the first rule that fits.
pub fn suggestion(hold: &Hold) -> Suggestion {
    let pattern = hold.pattern();
    let facts = || pattern.split(' ').filter_map(|fact| fact.split_once('='));
    let any = |names: &[&str], kind: &str| {
        facts().any(|(name, kinds)| {
            let name = name.rsplit_once('.').map_or(name, |(_, name)| name);
            names.contains(&name) && kinds.split('+').any(|found| found == kind)
        })
    };
    let addresses =
        ["billing_country", "shipping_country", "organization_country", "declared_country"];
    let foreign_address = any(&addresses, "foreign");
    let hides = ["vpn", "tor", "proxy", "anonymous"].iter().any(|class| any(&["ip"], class));
    let weak = ["hosting", "satellite"].iter().any(|class| any(&["ip"], class));
    let unreadable = facts().any(|(_, kinds)| kinds.split('+').any(|kind| kind == "unreadable"));
    let release =
        |code, text| Suggestion { code: Some(code), outcome: Some(Outcome::Release), text };
    if hold.key.subject.is_none() {
        return Suggestion {
            code: None,
            outcome: None,
            text: "Nothing names the buyer or tells this order from another, so nobody can be cleared. Have the shop send an account, an e-mail or the buyer's address.",
        };
    }
    if hold.key.product.is_none() {
        return Suggestion {
            code: Some(ReasonCode::ItemNotCovered),
            outcome: None,
            text: "Nothing says what the item is. Enter its SKU in the catalogue; then ask the customer to try again.",
        };
    }
    if any(&["parent_country", "declared_country"], "us") {
        return Suggestion {
            code: Some(ReasonCode::UsPerson),
            outcome: Some(Outcome::Refuse),
            text: "A parent company or a declaration points to the United States. Ask who the contract is with and where it is used; without proof refuse.",
        };
    }
    if any(&["ip"], "us") && foreign_address {
        return Suggestion {
            code: Some(ReasonCode::InsufficientEvidence),
            outcome: Some(Outcome::Refuse),
            text: "Addresses are foreign and the connection is in the United States: a traveller, or somebody who lives there. Ask for proof of residence; without it refuse.",
        };
    }
    if unreadable {
        return release(
            ReasonCode::ForeignAddressVerified,
            "A country or an e-mail address could not be read. Find out what was meant and have it corrected; the retried request then passes by itself.",
        );
    }
    if hides && foreign_address {
        return release(
            ReasonCode::VpnOfForeignCustomer,
            "Likely a foreign customer behind a VPN or proxy. Verify by having him try again without it, or by an invoice or a payment from the address that he gives.",
        );
    }
    if hides {
        return release(
            ReasonCode::VpnOfForeignCustomer,
            "The connection hides where it comes from, and nothing else says where the customer is. Ask for an address, or for a try without the VPN.",
        );
    }
    if weak {
        return release(
            ReasonCode::IdentityVerified,
            "The address is of a data centre or a satellite provider. Find out whose server it is; if it is a customer's outside the United States, enter its network.",
        );
    }
    Suggestion {
        code: Some(ReasonCode::InsufficientEvidence),
        outcome: None,
        text: "Too little is known. Ask the customer for a billing address and let him try again; without an answer refuse.",
    }
}
