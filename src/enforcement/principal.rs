//! Who stands behind a request, and what that adds to its evidence (docs/adr/0005-identity.md).
//!
//! INVARIANT: what a token claims is counted beside what the request says, and replaces none of it. What a certificate says is
//! evidence only where the route reads it from there.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::identity::Certificate;
use crate::identity::Token;
use crate::model::AccountStanding;
use crate::model::Buyer;
use crate::model::CustomerLookup;
use crate::model::Vouching;
use crate::settings::BuyerField;
use crate::settings::CertificateName;
use crate::settings::Pointer;
use crate::settings::Route;
use crate::settings::Source;

use super::classify;
use super::outcome::Malformed;
use super::request::Request;
use super::snapshot::Snapshot;
use super::values;

/// A client whose token is genuine or whose certificate was verified, or both.
#[derive(Clone, Debug)]
pub struct Principal {
    /// The client's own certificate, verified and not expired.
    pub certificate: Option<Arc<Certificate>>,
    /// Where the token tells evidence of the buyer.
    pub claims: Arc<[(BuyerField, Pointer)]>,
    /// The token, checked.
    pub token: Option<Token>,
}

/// The name by which a certificate is recorded: the one that the route takes for the account, or the first.
pub(super) fn recorded_name<'a>(
    certificate: &'a Certificate,
    route: Option<&Route>,
) -> Option<(CertificateName, &'a str)> {
    let of_account = route.and_then(|route| {
        route.buyer.iter().find_map(|(field, source)| match source {
            Source::Certificate(kind) if *field == BuyerField::Account => Some(*kind),
            _ => None,
        })
    });
    let kinds = of_account.into_iter().chain(CertificateName::ALL);
    kinds.into_iter().find_map(|kind| Some((kind, certificate.names(kind).next()?)))
}

/// Adds what the request's token says of the buyer, and whether it vouches for the account.
pub(super) fn vouch(
    buyer: &mut Buyer,
    route: &Route,
    request: &Request<'_>,
    snapshot: &Snapshot,
) -> Result<(), Malformed> {
    let Some(principal) = request.principal else { return Ok(()) };
    let mut claimed = claimed(principal)?;
    if let Some(account) = trimmed(claimed.account.as_deref()) {
        claimed.customer = snapshot.customers.find(account);
        claimed.standing = match claimed.customer {
            Some(_) => AccountStanding::Known,
            None => AccountStanding::Unknown,
        };
    }
    let of_principal = |(field, source): &(BuyerField, Source)| {
        *field == BuyerField::Account && matches!(source, Source::Certificate(_) | Source::Claim(_))
    };
    let said = trimmed(buyer.account.as_deref());
    let same = said.is_some() && said == trimmed(claimed.account.as_deref());
    if said.is_some() && (same || route.buyer.iter().any(of_principal)) {
        buyer.vouching = Vouching::Vouched;
    }
    if claimed != Buyer::default() {
        claimed.vouching = Vouching::Vouched;
        buyer.claimed = Some(Box::new(claimed));
    }
    Ok(())
}

/// The evidence that `[identity] claims` finds in the token.
fn claimed(principal: &Principal) -> Result<Buyer, Malformed> {
    let mut buyer = Buyer::default();
    let Some(token) = &principal.token else { return Ok(buyer) };
    for (field, at) in &*principal.claims {
        let mut texts = SmallVec::new();
        let numbers = *field == BuyerField::Account;
        values::pointed(at, &token.payload, numbers, &mut texts)?;
        texts.retain(|text| !text.trim().is_empty());
        classify::put(*field, texts, &mut buyer)?;
    }
    Ok(buyer)
}

fn trimmed(account: Option<&str>) -> Option<&str> {
    account.map(str::trim).filter(|account| !account.is_empty())
}
