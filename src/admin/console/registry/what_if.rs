//! What would be decided of a row, before it is saved.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web;
use askama::Template;
use serde_json::json;
use smallvec::SmallVec;

use crate::admin::access::VIEWERS;
use crate::admin::api::Problem;
use crate::admin::mount::Mount;
use crate::admin::server::AdminPlane;
use crate::model::AddressClasses;
use crate::model::AddressEvidence;
use crate::model::AddressOrigin;
use crate::model::CountryReading;
use crate::model::CountryText;
use crate::model::Decision;
use crate::model::MatchedBy;
use crate::model::Transaction;
use crate::model::Verdict;
use crate::policy::Setting;
use crate::policy::decide;
use crate::registry::Cells;
use crate::registry::Table;

use super::super::fields::Fields;
use super::super::filters;
use super::super::page;
use super::choices::name_of;
use super::fields::cells;
use super::sentence;

pub(super) fn routes(mount: &mut Mount<'_>) {
    mount.post("/registry/what-if", VIEWERS, ask);
}

/// What would be decided now, for some buyers.
#[derive(Clone, Debug, Template)]
#[template(path = "registry/what_if.html")]
pub(crate) struct WhatIf {
    pub(super) answers: Vec<Answer>,
    /// Why nothing can be said.
    pub(super) fault: Option<String>,
}

/// For one buyer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(super) buyer: &'static str,
    /// The rule's words, where one decided.
    pub(super) message: Option<String>,
    /// Policy, rule and clause, where one decided.
    pub(super) rule: Option<String>,
    pub(super) verdict: Verdict,
    /// What the product was taken for, and by what.
    pub(super) why: String,
}

async fn ask(plane: web::Data<AdminPlane>, form: Fields) -> Result<HttpResponse, Problem> {
    Ok(page(StatusCode::OK, &what_if(&plane, &cells(&form, Table::Catalogue))))
}

/// Decides a sale of the row's product, with the row in place of what the catalogue has. Nothing is recorded: nothing happens.
pub(super) fn what_if(plane: &AdminPlane, row: &Cells) -> WhatIf {
    decided(plane, row).unwrap_or_else(|fault| WhatIf { answers: Vec::new(), fault: Some(fault) })
}

fn decided(plane: &AdminPlane, row: &Cells) -> Result<WhatIf, String> {
    let row = Table::Catalogue.tidy(row).map_err(|fault| sentence(&fault.message))?;
    let Some(sku) = row.get("sku") else {
        return Err("Give a SKU to see what would be decided.".to_owned());
    };
    let (snapshot, at) = (plane.gate.pin(), plane.gate.now());
    let is_group = |group: &str| snapshot.policies.has_product(group);
    let catalogue = snapshot.catalogue.edited(sku, Some(&row), is_group);
    let catalogue = catalogue.map_err(|fault| sentence(&fault.message))?;
    let setting = Setting { catalogue: &catalogue, ..snapshot.setting() };
    let buyers = [("the United States", "US"), ("Germany", "DE")];
    let answers = buyers.into_iter().map(|(buyer, country)| {
        let decision = decide(&sale(&row, country)?, at, &snapshot.policies, &setting);
        Ok(answer(buyer, &decision))
    });
    let answers = answers.collect::<Result<_, String>>()?;
    Ok(WhatIf { answers, fault: None })
}

/// An order of the product as the shop names it, all of it from one country.
fn sale(row: &Cells, country: &str) -> Result<Transaction, String> {
    let mut item = row.clone();
    item.remove("group");
    let buyer = json!({
        "billing_country": country,
        "declared_country": country,
        "ip_country": country,
        "shipping_country": country,
    });
    let text = json!({ "action": "resale", "buyer": buyer, "items": [item] }).to_string();
    let mut sale =
        Transaction::from_json(text.as_bytes()).map_err(|error| sentence(&error.to_string()))?;
    let country = sale.buyer.ip_country.as_ref().map(CountryText::reading);
    // A clean address of the network, as the sources would tell of it.
    sale.buyer.addresses.push(AddressEvidence {
        address: None,
        answers: SmallVec::new(),
        classes: AddressClasses::NONE,
        country: country.unwrap_or(CountryReading::Missing),
        origin: AddressOrigin::Transaction,
    });
    Ok(sale)
}

fn answer(buyer: &'static str, decision: &Decision) -> Answer {
    let finding = decision.findings.first();
    let product = finding.and_then(|finding| finding.product.as_deref());
    let by = finding.and_then(|finding| finding.matched_by).map_or("", by);
    let why = match product {
        Some(product) => format!("Taken for “{}”, by {by}.", name_of(product)),
        None => {
            format!("No policy covers it{}.", if by.is_empty() { "" } else { ": its row says so" })
        }
    };
    let rule = decision.ruling.as_ref();
    Answer {
        buyer,
        message: rule.map(|rule| rule.message.to_string()),
        rule: rule.map(|rule| format!("{} · {} · {}", rule.policy, rule.rule, rule.clause)),
        verdict: decision.verdict,
        why,
    }
}

/// What the product was known by.
const fn by(matched: MatchedBy) -> &'static str {
    match matched {
        MatchedBy::Attribute => "an attribute",
        MatchedBy::Catalog => "its row in the catalogue",
        MatchedBy::Component | MatchedBy::SuspectedComponent => "a component",
        MatchedBy::Host | MatchedBy::Path => "its address",
        MatchedBy::Name => "its name",
        MatchedBy::Nothing => "nothing that it says",
        MatchedBy::Sku => "its SKU",
        MatchedBy::Vendor => "its vendor",
    }
}
