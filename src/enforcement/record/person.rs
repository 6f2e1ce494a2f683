//! Whom a personal part is about, so that a lawful erasure finds all of it.

use std::fmt::Write as _;
use std::net::IpAddr;

use sha2::Digest;
use sha2::Sha256;

use crate::enforcement::secrets::account_without_secrets;
use crate::model::Buyer;

/// Adds the subject: the account, else the e-mail address, else the network of `client`.
pub(super) fn subject(out: &mut String, buyer: Option<&Buyer>, client: Option<IpAddr>) {
    let account = buyer.and_then(|buyer| filled(buyer.account.as_deref()));
    let claimed = buyer.and_then(|buyer| buyer.claimed.as_deref());
    let account =
        account.or_else(|| claimed.and_then(|claimed| filled(claimed.account.as_deref())));
    if let Some(account) = account {
        out.push_str("account:");
        if *account_without_secrets(account) == *account {
            out.push_str(account);
        } else {
            // A code or key: its hash names the subject, and the code stands nowhere.
            out.push_str("sha256:");
            for byte in Sha256::digest(account.as_bytes()) {
                write(out, format_args!("{byte:02x}"));
            }
        }
        return;
    }
    if let Some(email) = buyer.and_then(|buyer| filled(buyer.email.as_deref())) {
        out.push_str("email:");
        out.extend(email.chars().flat_map(char::to_lowercase));
        return;
    }
    let given = || buyer.and_then(|buyer| buyer.addresses.iter().find_map(|found| found.address));
    match client.or_else(given) {
        Some(IpAddr::V4(address)) => {
            let [a, b, c, _] = address.octets();
            write(out, format_args!("network:{a}.{b}.{c}.0/24"));
        }
        Some(IpAddr::V6(address)) => {
            let [a, b, c, ..] = address.segments();
            let network = std::net::Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0);
            write(out, format_args!("network:{network}/48"));
        }
        None => {}
    }
}

fn filled(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

fn write(out: &mut String, text: std::fmt::Arguments<'_>) {
    // A text grows without fail.
    out.write_fmt(text).ok();
}
