//! `[[route]]`: which requests mean what, and where their evidence stands.

use std::path::PathBuf;

use crate::model::Action;

use super::identity::CertificateName;
use super::pointer::Pointer;
use super::reading::Gives;
use super::reading::Reading;

/// One `[[route]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// What a request does; none: passed on, counted, not judged.
    pub action: Option<Action>,
    /// Evidence of the buyer, each field at most once.
    pub buyer: Vec<(BuyerField, Source)>,
    /// Whose address the client address is.
    pub client: ClientRole,
    /// What is made of a token.
    pub identity: IdentityUse,
    /// Where the items are; none: the preset or the request itself says.
    pub items: Option<ItemMapping>,
    /// Methods in upper case; empty: every method.
    pub methods: Vec<String>,
    /// The route's name, also a label of metrics.
    pub name: String,
    /// A matchit pattern, `/{name}` and `/{*rest}`.
    pub path: String,
    /// A platform whose requests the gateway knows.
    pub preset: Option<Preset>,
    /// What is asked of the upstream before a request is judged, and after.
    pub reading: Reading,
    /// What must be known for the buyer to be better than unclear.
    pub require: Vec<Requirement>,
    /// File of the secrets that sign its webhooks; only where it receives them.
    pub secret: Option<PathBuf>,
    /// The seller's organisation country; none: the `[reseller]`.
    pub seller_organization_country: Option<Source>,
    /// Name of the upstream; none: the route only answers checks of another proxy, or receives webhooks.
    pub upstream: Option<String>,
    /// Where the order says what it comes to, for the record alone; none: nobody knows.
    pub value: Option<OrderTotal>,
}

/// Where an order says what it comes to. Pointers are tried in the request's own document, then in the looked-up one. No
/// decision rests on it, and none is refused for it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OrderTotal {
    /// The amount.
    pub amount: Source,
    /// Its currency.
    pub currency: Option<Source>,
    /// How many digits of the amount stand behind the point, where it is in minor units.
    pub minor_unit: Option<Pointer>,
}

/// Where items are in a request.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemMapping {
    /// The items within the body; none: one item, and pointers start at the document.
    pub at: Option<Pointer>,
    /// Free attributes, by name.
    pub attributes: Vec<(String, Source)>,
    /// Known components.
    pub components: Option<Source>,
    /// Product name.
    pub name: Option<Source>,
    /// How many.
    pub quantity: Option<Source>,
    /// Stock-keeping unit.
    pub sku: Option<Source>,
    /// Components that may be in it.
    pub suspected_components: Option<Source>,
    /// Vendor text.
    pub vendor: Option<Source>,
}

/// Where a value stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Source {
    /// A name in the client's certificate.
    Certificate(CertificateName),
    /// A claim of the token.
    Claim(Pointer),
    /// A cookie.
    Cookie(String),
    /// What a preset knows without reading.
    Fixed(&'static str),
    /// A field of an urlencoded body.
    Form(String),
    /// A header, in lower case.
    Header(String),
    /// A parameter of the route's own pattern.
    Path(String),
    /// A JSON pointer into the body; inside `items` relative to the item.
    Pointer(Pointer),
    /// A parameter of the query.
    Query(String),
}

/// A field of the buyer; the names are the contract's.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(missing_docs, reason = "each is the contract's field of that name")]
pub enum BuyerField {
    Account,
    BillingCountry,
    BillingRegion,
    Citizenship,
    DeclaredCountry,
    Email,
    Ip,
    IpClass,
    IpCountry,
    OrganizationCountry,
    ParentCountry,
    PermanentResidentOf,
    ShippingCountry,
    ShippingRegion,
    UsPerson,
}

/// Whose address the client address is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ClientRole {
    /// The buyer's: evidence.
    #[default]
    Buyer,
    /// The preset has entrances of both kinds, and each says for itself.
    ByEntrance,
    /// Another server's: recorded, no evidence.
    Server,
}

/// What a route reads of a request's body. Configuration refuses routes that read it in two ways.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BodyUse {
    /// Nothing; but the route reads the query, whose names a form must not repeat.
    BesideQuery,
    /// A JSON document.
    Document,
    /// A form.
    Form,
    /// Nothing.
    Unread,
}

/// What is made of a token or a client certificate.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum IdentityUse {
    /// `Authorization` passes untouched.
    #[default]
    None,
    /// Judged without one, but a bad one is 401.
    Optional,
    /// None or a bad one is 401.
    Required,
}

/// A platform whose requests the gateway knows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Preset {
    /// The vendor's update servers and their mirrors.
    KasperskyMirror,
    /// The vendor's partner API.
    KasperskyPartner,
    /// Magento REST and GraphQL.
    Magento,
    /// Shopify webhooks.
    Shopify,
    /// `WooCommerce` REST, Store API and classic checkout.
    WooCommerce,
}

/// What must be known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Requirement {
    /// An account the registry knows.
    Account,
}

impl Route {
    /// A route that passes on what comes by it, unjudged.
    pub fn passing(name: &str, path: &str, upstream: &str) -> Self {
        Self {
            action: None,
            buyer: Vec::new(),
            client: ClientRole::Buyer,
            identity: IdentityUse::None,
            items: None,
            methods: Vec::new(),
            name: name.to_owned(),
            path: path.to_owned(),
            preset: None,
            reading: Reading::default(),
            require: Vec::new(),
            secret: None,
            seller_organization_country: None,
            upstream: Some(upstream.to_owned()),
            value: None,
        }
    }

    /// True if its items are in a document of the upstream's.
    pub fn looks_up_items(&self) -> bool {
        self.reading.lookups.iter().any(|lookup| lookup.gives == Gives::Items)
    }

    /// True if requests of this route are judged.
    pub const fn is_judged(&self) -> bool {
        self.action.is_some()
    }

    /// True if it receives webhooks: they are verified, decided and recorded, and never forwarded.
    pub fn receives(&self) -> bool {
        self.preset == Some(Preset::Shopify)
    }

    /// What the route reads of a request's body.
    pub fn body_use(&self) -> BodyUse {
        let mut queried = false;
        for source in self.body_sources() {
            match source {
                Source::Pointer(_) => return BodyUse::Document,
                Source::Form(_) => return BodyUse::Form,
                Source::Query(_) => queried = true,
                Source::Certificate(_)
                | Source::Claim(_)
                | Source::Cookie(_)
                | Source::Fixed(_)
                | Source::Header(_)
                | Source::Path(_) => {}
            }
        }
        let list = self.items.as_ref().is_some_and(|items| items.at.is_some());
        let asks = self.reading.lookups.iter().any(|lookup| lookup.parameter.is_some());
        match ((list && !self.looks_up_items()) || asks, queried) {
            (true, _) => BodyUse::Document,
            (false, true) => BodyUse::BesideQuery,
            (false, false) => BodyUse::Unread,
        }
    }

    /// Every source that is read from the request itself: of looked-up items the others alone.
    pub fn body_sources(&self) -> impl Iterator<Item = &Source> {
        let looked_up = self.looks_up_items();
        let items = self.items.iter().flat_map(ItemMapping::sources);
        let items = items.filter(move |s| !looked_up || !matches!(s, Source::Pointer(_)));
        self.buyer
            .iter()
            .map(|(_, source)| source)
            .chain(self.seller_organization_country.iter())
            .chain(items)
    }

    /// Whether the path names a person: account, address of mail or network address are read from it.
    pub fn path_is_personal(&self) -> bool {
        self.buyer.iter().any(|(field, source)| {
            let names = matches!(field, BuyerField::Account | BuyerField::Email | BuyerField::Ip);
            names && matches!(source, Source::Path(_))
        })
    }

    /// Every source the route names.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        self.buyer
            .iter()
            .map(|(_, source)| source)
            .chain(self.seller_organization_country.iter())
            .chain(self.items.iter().flat_map(ItemMapping::sources))
    }
}

impl ItemMapping {
    /// Every source of an item's fields.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        [
            &self.components,
            &self.name,
            &self.quantity,
            &self.sku,
            &self.suspected_components,
            &self.vendor,
        ]
        .into_iter()
        .flatten()
        .chain(self.attributes.iter().map(|(_, source)| source))
    }
}

impl OrderTotal {
    /// Every source of it.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        std::iter::once(&self.amount).chain(&self.currency)
    }
}

impl BuyerField {
    /// Every field, in the order of their names.
    pub const ALL: [Self; 15] = [
        Self::Account,
        Self::BillingCountry,
        Self::BillingRegion,
        Self::Citizenship,
        Self::DeclaredCountry,
        Self::Email,
        Self::Ip,
        Self::IpClass,
        Self::IpCountry,
        Self::OrganizationCountry,
        Self::ParentCountry,
        Self::PermanentResidentOf,
        Self::ShippingCountry,
        Self::ShippingRegion,
        Self::UsPerson,
    ];

    /// The contract's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::BillingCountry => "billing_country",
            Self::BillingRegion => "billing_region",
            Self::Citizenship => "citizenship",
            Self::DeclaredCountry => "declared_country",
            Self::Email => "email",
            Self::Ip => "ip",
            Self::IpClass => "ip_class",
            Self::IpCountry => "ip_country",
            Self::OrganizationCountry => "organization_country",
            Self::ParentCountry => "parent_country",
            Self::PermanentResidentOf => "permanent_resident_of",
            Self::ShippingCountry => "shipping_country",
            Self::ShippingRegion => "shipping_region",
            Self::UsPerson => "us_person",
        }
    }

    /// True for fields that hold a list.
    pub const fn is_list(self) -> bool {
        matches!(self, Self::Citizenship | Self::IpClass | Self::PermanentResidentOf)
    }
}

impl ClientRole {
    /// What an operator may write.
    pub const ALL: [Self; 2] = [Self::Buyer, Self::Server];

    /// The contract's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Buyer => "buyer",
            Self::ByEntrance => "by entrance",
            Self::Server => "server",
        }
    }
}

impl IdentityUse {
    /// Every use.
    pub const ALL: [Self; 3] = [Self::None, Self::Optional, Self::Required];

    /// The contract's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Optional => "optional",
            Self::Required => "required",
        }
    }
}

impl Preset {
    /// Every preset, in the order of their names.
    pub const ALL: [Self; 5] = [
        Self::KasperskyMirror,
        Self::KasperskyPartner,
        Self::Magento,
        Self::Shopify,
        Self::WooCommerce,
    ];

    /// The contract's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::KasperskyMirror => "kaspersky-mirror",
            Self::KasperskyPartner => "kaspersky-partner",
            Self::Magento => "magento",
            Self::Shopify => "shopify",
            Self::WooCommerce => "woocommerce",
        }
    }

    /// Whose address the client address is where the route does not say (DESIGN 12).
    pub const fn client(self) -> ClientRole {
        match self {
            Self::KasperskyMirror => ClientRole::Buyer,
            Self::KasperskyPartner | Self::Shopify => ClientRole::Server,
            Self::Magento | Self::WooCommerce => ClientRole::ByEntrance,
        }
    }
}

impl Requirement {
    /// Every requirement.
    pub const ALL: [Self; 1] = [Self::Account];

    /// The contract's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
        }
    }
}
