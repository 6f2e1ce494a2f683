//! A policy file as written. Unknown keys are errors.

use serde::Deserialize;
use toml::Spanned;
use toml::value::Datetime;

use crate::model::Basis;
use crate::model::Mode;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(crate) struct PolicyFile {
    pub(crate) policy: Spanned<Header>,
    #[serde(default)]
    pub(crate) country_list: Vec<CountryList>,
    #[serde(default)]
    pub(crate) vendor: Vec<Vendor>,
    #[serde(default)]
    pub(crate) product: Vec<Product>,
    #[serde(default)]
    pub(crate) rule: Vec<Rule>,
    #[serde(default)]
    pub(crate) exemption: Vec<Exemption>,
    #[serde(default)]
    pub(crate) milestone: Vec<Milestone>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    pub(crate) id: Spanned<String>,
    pub(crate) title: String,
    pub(crate) authority: String,
    pub(crate) citation: Option<Spanned<String>>,
    pub(crate) version: String,
    #[serde(default)]
    pub(crate) notes: String,
}

/// A dated list of countries.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CountryList {
    pub(crate) id: Spanned<String>,
    pub(crate) countries: Vec<Spanned<String>>,
    pub(crate) from: Option<Spanned<Datetime>>,
    pub(crate) until: Option<Spanned<Datetime>>,
    #[serde(default)]
    pub(crate) source: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Vendor {
    pub(crate) id: Spanned<String>,
    /// The name and those of affiliates and successors, as words; `*` at an end lets the word go on.
    pub(crate) names: Vec<Spanned<String>>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Covered,
    Exempt,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Otherwise {
    Covered,
    Review,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Product {
    pub(crate) id: Spanned<String>,
    pub(crate) kind: Kind,
    /// Names count only where one of these vendors is named too.
    #[serde(default)]
    pub(crate) vendors: Vec<Spanned<String>>,
    /// Whatever else these vendors make belongs here.
    #[serde(default)]
    pub(crate) catch_all: bool,
    #[serde(default)]
    pub(crate) names: Vec<Spanned<String>>,
    /// Regular expressions over the folded SKU, matched from its start.
    #[serde(default)]
    pub(crate) skus: Vec<Spanned<String>>,
    #[serde(default)]
    pub(crate) hosts: Vec<Spanned<String>>,
    /// Regular expressions over whole path segments after any prefix.
    #[serde(default)]
    pub(crate) paths: Vec<Spanned<String>>,
    /// Item attributes of which any one value puts the item here.
    #[serde(default)]
    pub(crate) attributes: std::collections::BTreeMap<String, Vec<String>>,
    /// An exempt product is exempt only where these hold.
    #[serde(default)]
    pub(crate) when: Vec<Spanned<Condition>>,
    #[serde(default)]
    pub(crate) otherwise: Option<Otherwise>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Condition {
    pub(crate) attribute: String,
    pub(crate) equals: Option<Scalar>,
    pub(crate) one_of: Option<Vec<String>>,
    pub(crate) in_list: Option<Spanned<String>>,
    pub(crate) at_least: Option<f64>,
    pub(crate) below: Option<f64>,
    pub(crate) absent: Option<bool>,
    pub(crate) missing: Option<Missing>,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(untagged)]
pub(crate) enum Scalar {
    Bool(bool),
    Number(f64),
    Text(String),
}

/// What a condition is worth where the attribute is missing or of another type.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Missing {
    Fails,
    Holds,
    #[default]
    Review,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Party {
    Buyer,
    Seller,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Allow,
    Block,
    Review,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum InFlight {
    Cut,
    #[default]
    Finish,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    pub(crate) id: Spanned<String>,
    pub(crate) clause: Spanned<String>,
    pub(crate) citation: Option<String>,
    pub(crate) basis: Basis,
    pub(crate) actions: Spanned<Vec<Spanned<String>>>,
    pub(crate) products: Spanned<Vec<Spanned<String>>>,
    pub(crate) nexus: Spanned<Vec<Party>>,
    pub(crate) effective: Spanned<Datetime>,
    pub(crate) until: Option<Spanned<Datetime>>,
    pub(crate) us: Outcome,
    pub(crate) unclear: Outcome,
    pub(crate) message: String,
    #[serde(default)]
    pub(crate) mode: Mode,
    #[serde(default)]
    pub(crate) when: Vec<Spanned<Condition>>,
    pub(crate) suspended: Option<Suspension>,
    #[serde(default)]
    pub(crate) in_flight: InFlight,
    #[serde(default)]
    pub(crate) notes: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Suspension {
    pub(crate) from: Spanned<Datetime>,
    pub(crate) until: Option<Spanned<Datetime>>,
    pub(crate) by: String,
    pub(crate) reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exemption {
    pub(crate) id: Spanned<String>,
    /// The licence or authorisation it rests on.
    pub(crate) authorisation: Spanned<String>,
    pub(crate) reason: String,
    #[serde(default)]
    pub(crate) rules: Vec<Spanned<String>>,
    #[serde(default)]
    pub(crate) products: Vec<Spanned<String>>,
    /// Accounts that a token, a certificate or the decision API vouches for.
    #[serde(default)]
    pub(crate) accounts: Vec<String>,
    pub(crate) from: Option<Spanned<Datetime>>,
    pub(crate) expires: Spanned<Datetime>,
}

/// Something that happened or will happen. It explains; nothing is decided by it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Milestone {
    pub(crate) at: Spanned<Datetime>,
    /// Where that is written.
    pub(crate) source: Spanned<String>,
    pub(crate) title: Spanned<String>,
}
