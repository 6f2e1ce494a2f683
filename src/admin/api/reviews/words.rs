//! What entries, reasons and clearances are in sentences, for people who decide about them.

use jiff::Timestamp;

use crate::clearance::Subject;
use crate::clearance::SubjectKind;
use crate::control::reviews::Grant;
use crate::control::reviews::Hold;
use crate::control::reviews::Key;
use crate::control::reviews::Outcome;
use crate::control::reviews::Permission;
use crate::control::reviews::ReasonCode;
use crate::control::reviews::Status;
use crate::control::reviews::Times;
use crate::model::Action;

/// Characters of a digest that tell it from another.
const DIGEST: usize = 12;

/// What is held, as a noun of many.
pub(in crate::admin) const fn action(action: Action) -> &'static str {
    match action {
        Action::Activation => "activations",
        Action::CloudService => "queries of the vendor's cloud",
        Action::CodebaseUpdate => "program updates",
        Action::Export => "exports",
        Action::GovernmentSupply => "supplies to a government",
        Action::Import => "imports",
        Action::Integration => "integrations",
        Action::LicenseStatus => "licence checks",
        Action::Licensing => "licences",
        Action::Payment => "payments",
        Action::Refund => "refunds",
        Action::Removal => "removals",
        Action::Renewal => "renewals",
        Action::Resale => "orders",
        Action::Sale => "sales",
        Action::SignatureUpdate => "updates",
        Action::Use => "uses",
    }
}

/// Of which product group.
pub(in crate::admin) fn product(product: Option<&str>) -> &str {
    product.unwrap_or("something that nothing identifies")
}

/// What kind of subject it is.
pub(in crate::admin) const fn kind(kind: Option<SubjectKind>) -> &'static str {
    match kind {
        Some(SubjectKind::Account) => "Account",
        Some(SubjectKind::LicenceKey) => "Licence key",
        Some(SubjectKind::Network) => "Network",
        Some(SubjectKind::Order) => "One order",
        None => "Nobody",
    }
}

/// Whom the key is for, as far as the ledger keeps it: a name, a network, or what tells it from others.
pub(in crate::admin) fn subject(key: &Key) -> String {
    let Some(text) = key.subject.as_deref() else {
        return "nothing names the buyer".to_owned();
    };
    named(text)
}

/// A subject's text, or its mask, without what a person cannot use.
pub(in crate::admin) fn named(text: &str) -> String {
    match Subject::parse(text) {
        Some(Subject::Account(account)) => account.into(),
        Some(Subject::Network(network)) => network.to_string(),
        Some(Subject::LicenceKey(digest) | Subject::Order(digest)) => {
            digest.to_string().chars().take(DIGEST).collect()
        }
        // The ledger masks it.
        None => format!("hidden by the ledger ({})", text.chars().take(DIGEST).collect::<String>()),
    }
}

/// `to network 192.0.2.0/24`, `of account A-17`.
fn whose(kind: Option<SubjectKind>, name: &str) -> String {
    match kind {
        Some(SubjectKind::Account) => format!("for account {name}"),
        Some(SubjectKind::LicenceKey) => format!("for licence key {name}…"),
        Some(SubjectKind::Network) => format!("to {name}"),
        Some(SubjectKind::Order) => format!("of one guest ({name}…)"),
        None => "of somebody whom nothing names".to_owned(),
    }
}

/// `Updates of kaspersky.covered to 192.0.2.0/24`.
pub(in crate::admin) fn title(key: &Key) -> String {
    let (what, of) = (capital(action(key.action)), product(key.product.as_deref()));
    format!("{what} of {of} {}", whose(key.kind, &subject(key)))
}

/// A network, or what stands for it where the ledger hides it.
pub(in crate::admin) fn from(network: &str) -> String {
    let known = network.parse::<ipnet::IpNet>();
    known.map_or_else(|_| "the network where it was held".to_owned(), |known| known.to_string())
}

/// Who asked for what.
pub(in crate::admin) fn asked(hold: &Hold) -> String {
    let Key { action: asked, kind, product: group, .. } = &hold.key;
    let name = subject(&hold.key);
    let who = match kind {
        Some(SubjectKind::Account) => format!("Account {name}"),
        Some(SubjectKind::LicenceKey) => format!("Whoever has licence key {name}…"),
        Some(SubjectKind::Network) => format!("Somebody in {name}, who named nobody,"),
        Some(SubjectKind::Order) => "A guest".to_owned(),
        None => "Somebody whom nothing names".to_owned(),
    };
    let whose = match hold.vouched {
        true => ", for whom somebody vouches,",
        false => "",
    };
    let (what, of) = (action(*asked), product(group.as_deref()));
    format!("{who}{whose} asked for {what} of {of}.")
}

/// `25 December 2026`.
pub(in crate::admin) fn day(at: Timestamp) -> String {
    at.strftime("%-d %B %Y").to_string()
}

/// What a release would do.
pub(in crate::admin) fn effect(hold: &Hold, until: Timestamp) -> String {
    let Key { kind, product: group, .. } = &hold.key;
    let until = day(until);
    let (what, of) = (action(hold.key.action), product(group.as_deref()));
    match kind {
        None => {
            "Nobody can be released: nothing tells this from what anybody else may ask.".to_owned()
        }
        Some(SubjectKind::Order) => format!(
            "This one order of {of} will pass once, if the customer sends it again by {until} and the evidence stays the same."
        ),
        Some(kind) => {
            let to = whose(Some(*kind), &subject(&hold.key));
            let said = matches!(kind, SubjectKind::Account | SubjectKind::LicenceKey);
            let from = match hold.network.as_deref() {
                Some(network) if said && !hold.vouched => {
                    format!(", from {} alone,", from(network))
                }
                _ => String::new(),
            };
            format!(
                "{} of {of} {to}{from} will pass until {until}, as long as the evidence stays the same.",
                capital(what)
            )
        }
    }
}

/// What a clearance lets pass.
pub(in crate::admin) fn granted(grant: &Grant) -> String {
    let (what, of) = (capital(action(grant.action)), product(grant.product.as_deref()));
    let kind = Subject::parse(&grant.subject).map(|subject| subject.kind());
    let whose = match kind {
        Some(kind) => whose(Some(kind), &named(&grant.subject)),
        None => format!("for {}", named(&grant.subject)),
    };
    let once = match grant.uses {
        Times::Once => ", once",
        Times::Unlimited => "",
    };
    format!("{what} of {of} {whose}{once}")
}

/// A reason in words.
pub(in crate::admin) const fn code(code: ReasonCode) -> &'static str {
    match code {
        ReasonCode::AuthorisedByLicence => "An authorisation of the authority covers it",
        ReasonCode::ForeignAddressVerified => "An address outside the United States was verified",
        ReasonCode::IdentityVerified => "Who the customer is was verified",
        ReasonCode::InsufficientEvidence => "It could not be found out",
        ReasonCode::ItemNotCovered => "The item is not what it seemed to be",
        ReasonCode::Other => "Another reason, as the note says",
        ReasonCode::UsPerson => "A US person, or in the United States",
        ReasonCode::VpnOfForeignCustomer => "A customer outside the United States behind a VPN",
    }
}

/// An outcome as a verb.
pub(in crate::admin) const fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Refuse => "refuse",
        Outcome::Release => "release",
    }
}

/// A step of the record, as a verb in the past.
pub(in crate::admin) fn step(action: &str) -> &'static str {
    match action {
        "review.recommend" => "recommended",
        "review.refuse" => "refused",
        "review.release" => "released",
        "review.return" => "returned it for more",
        "review.revoke" => "revoked the clearance",
        _ => "changed it",
    }
}

/// How an entry stands: class, symbol and word of its badge.
pub(in crate::admin) const fn status(status: Status) -> (&'static str, &'static str, &'static str) {
    match status {
        Status::Open => ("review", "review", "Open"),
        Status::Recommended => ("info", "operators", "Waits for a second person"),
        Status::Refused => ("block", "block", "Refused"),
        Status::Released => ("allow", "allow", "Released"),
    }
}

/// How a clearance stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::admin) enum Force {
    /// Its time is over.
    Ended,
    /// It lets pass.
    #[serde(rename = "in_force")]
    Holding,
    /// Somebody took it back.
    Revoked,
    /// Its single use was taken.
    Used,
}

impl Force {
    /// Every way.
    pub(in crate::admin) const ALL: [Self; 4] =
        [Self::Holding, Self::Used, Self::Ended, Self::Revoked];

    /// Of a clearance at an instant.
    pub(in crate::admin) fn of(permission: &Permission, now: Timestamp) -> Self {
        if permission.revoked.is_some() {
            Self::Revoked
        } else if permission.live.is_used() {
            Self::Used
        } else if permission.is_in_force(now) {
            Self::Holding
        } else {
            Self::Ended
        }
    }

    /// As it is written.
    pub(in crate::admin) const fn as_str(self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::Holding => "in_force",
            Self::Revoked => "revoked",
            Self::Used => "used",
        }
    }

    /// Class, symbol and word of its badge.
    pub(in crate::admin) const fn badge(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Ended => ("plain", "clock", "Lapsed"),
            Self::Holding => ("allow", "allow", "In force"),
            Self::Revoked => ("block", "block", "Revoked"),
            Self::Used => ("info", "allow", "Used"),
        }
    }
}

/// Somebody as the record names them, without what says that the account is ours.
pub(in crate::admin) fn person(id: &str) -> &str {
    id.strip_prefix("local:").unwrap_or(id)
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}", chars.as_str())
}
