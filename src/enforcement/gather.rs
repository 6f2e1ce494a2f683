//! Evidence from registry and geo tables, put beside what was said (DESIGN 3, step 5).

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;

use crate::geo::parse_address;
use crate::message::canonicalize;
use crate::message::lenient_readings;
use crate::model::AccountStanding;
use crate::model::AddressClasses;
use crate::model::AddressEvidence;
use crate::model::AddressOrigin;
use crate::model::Buyer;
use crate::model::CountryReading;
use crate::model::CountryText;
use crate::model::CustomerLookup;
use crate::model::Transaction;
use crate::model::TransactionError;
use crate::settings::ClientRole;
use crate::settings::Requirement;
use crate::settings::Route;

use super::snapshot::Snapshot;

/// Adds what the client address says, where the route takes it for the buyer's.
pub(super) fn client(
    buyer: &mut Buyer,
    route: &Route,
    client: Option<IpAddr>,
    snapshot: &Snapshot,
    at: Timestamp,
) {
    match route.client {
        ClientRole::Server => {}
        ClientRole::Buyer | ClientRole::ByEntrance => buyer.addresses.push(match client {
            Some(address) => snapshot.geo.locate(address, AddressOrigin::Client, at),
            None => unlocated(AddressOrigin::Client),
        }),
    }
}

/// Adds what the transaction's own address and account say.
pub(super) fn said(buyer: &mut Buyer, snapshot: &Snapshot, at: Timestamp) {
    address(buyer, snapshot, at);
    let account = buyer.account.as_deref().map(str::trim).filter(|account| !account.is_empty());
    if let Some(account) = account {
        buyer.customer = snapshot.customers.find(account);
        buyer.standing = match buyer.customer {
            Some(_) => AccountStanding::Known,
            None => AccountStanding::Unknown,
        };
    }
}

/// Holds the buyer at unclear where the route requires an account that is known.
pub(super) fn requirements(buyer: &mut Buyer, route: &Route) {
    // Every account that is given must be known, and there must be one.
    let claimed = buyer.claimed.as_ref().map_or(AccountStanding::NotAsked, |c| c.standing);
    let standings = [buyer.standing, claimed];
    let known = standings.contains(&AccountStanding::Known)
        && !standings.contains(&AccountStanding::Unknown);
    if route.require.contains(&Requirement::Account) && !known {
        buyer.standing = AccountStanding::Missing;
    }
}

/// Every reading of the request's path, for callers who hand in a path in any spelling.
///
/// # Errors
/// When the path is so contrived that not all of its readings can be looked at: nobody could say what it does not name.
pub fn gather_paths(transaction: &mut Transaction) -> Result<(), TransactionError> {
    let Some(request) = &mut transaction.request else { return Ok(()) };
    let Some(path) = &request.path else { return Ok(()) };
    let slashed = if path.starts_with('/') { path.clone() } else { format!("/{path}") };
    let readings = lenient_readings(slashed.as_bytes());
    request.readings = readings.iter().map(Box::from).collect();
    match canonicalize(slashed.as_bytes()) {
        Ok(target) => request.readings.push(target.folded().into()),
        Err(_) if !readings.is_complete() => return Err(TransactionError::AmbiguousPath),
        Err(_) => {}
    }
    Ok(())
}

/// The transaction's own `ip`, `ip_country` and `ip_class`. What is given replaces the look-up of that part; an address
/// that is empty or unreadable is missing, and so are `0.0.0.0` and `::`, which shops write for nothing.
fn address(buyer: &mut Buyer, snapshot: &Snapshot, at: Timestamp) {
    let ip = buyer.ip.as_deref().and_then(parse_address).filter(|ip| !ip.is_unspecified());
    let given = buyer.ip_country.as_ref().map(CountryText::reading);
    let given = given.filter(|reading| *reading != CountryReading::Missing);
    let classes: Option<AddressClasses> =
        buyer.ip_class.as_ref().map(|classes| classes.iter().copied().collect());
    if ip.is_none() && given.is_none() && classes.is_none_or(AddressClasses::is_empty) {
        return;
    }
    let mut evidence = match ip {
        Some(ip) => snapshot.geo.locate(ip, AddressOrigin::Transaction, at),
        None => unlocated(AddressOrigin::Transaction),
    };
    if let Some(given) = given {
        evidence.country = given;
        evidence.answers.clear();
        if let CountryReading::Read(country) = given {
            let source = Arc::from("given");
            evidence.answers.push(crate::model::GeoAnswer { country: Some(country), source });
        }
    }
    if let Some(classes) = classes {
        evidence.classes = classes;
    }
    buyer.addresses.push(evidence);
}

fn unlocated(origin: AddressOrigin) -> AddressEvidence {
    AddressEvidence {
        address: None,
        answers: smallvec::SmallVec::new(),
        classes: AddressClasses::NONE,
        country: CountryReading::Missing,
        origin,
    }
}
