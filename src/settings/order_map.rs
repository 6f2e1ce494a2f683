//! Which column of a file of past orders is what: the setting of `interdict screen`.

use jiff::tz::TimeZone;

use crate::model::Action;

/// A map whose columns have been found in the header of a file.
#[derive(Clone, Debug)]
pub struct OrderMap {
    /// What every row does, where no column says it.
    pub action: Option<Action>,
    /// Attributes of the item and the column of each.
    pub attributes: Vec<(String, usize)>,
    /// The mapped fields, in the order of [`OrderField::ALL`], and the column of each, from 0.
    pub columns: Vec<(OrderField, usize)>,
    /// What separates columns.
    pub delimiter: u8,
    /// The column whose equal value makes adjacent rows one order.
    pub order: Option<usize>,
    /// How times are read.
    pub time: OrderTime,
    /// How many columns the header has.
    pub width: usize,
}

/// How the times of a file are read.
#[derive(Clone, Debug, Default)]
pub struct OrderTime {
    /// A pattern of `strptime`; without one, RFC 3339 and its usual relatives.
    pub format: Option<String>,
    /// The zone of times that name none.
    pub zone: Option<TimeZone>,
}

/// What a column of past orders can be. The names are those of the transaction (DESIGN 4).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[expect(missing_docs, reason = "each is the contract's field of that name")]
pub enum OrderField {
    At,
    Action,
    Sku,
    Name,
    Vendor,
    Quantity,
    Components,
    SuspectedComponents,
    Account,
    BillingCountry,
    BillingRegion,
    ShippingCountry,
    ShippingRegion,
    Ip,
    IpCountry,
    IpClass,
    Email,
    OrganizationCountry,
    ParentCountry,
    DeclaredCountry,
    Citizenship,
    PermanentResidentOf,
    UsPerson,
    SellerOrganizationCountry,
    Host,
    Path,
}

impl OrderField {
    /// Every field, in the order in which findings list them.
    pub const ALL: [Self; 26] = [
        Self::At,
        Self::Action,
        Self::Sku,
        Self::Name,
        Self::Vendor,
        Self::Quantity,
        Self::Components,
        Self::SuspectedComponents,
        Self::Account,
        Self::BillingCountry,
        Self::BillingRegion,
        Self::ShippingCountry,
        Self::ShippingRegion,
        Self::Ip,
        Self::IpCountry,
        Self::IpClass,
        Self::Email,
        Self::OrganizationCountry,
        Self::ParentCountry,
        Self::DeclaredCountry,
        Self::Citizenship,
        Self::PermanentResidentOf,
        Self::UsPerson,
        Self::SellerOrganizationCountry,
        Self::Host,
        Self::Path,
    ];

    /// The key of `[columns]`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::At => "at",
            Self::Action => "action",
            Self::Sku => "sku",
            Self::Name => "name",
            Self::Vendor => "vendor",
            Self::Quantity => "quantity",
            Self::Components => "components",
            Self::SuspectedComponents => "suspected_components",
            Self::Account => "account",
            Self::BillingCountry => "billing_country",
            Self::BillingRegion => "billing_region",
            Self::ShippingCountry => "shipping_country",
            Self::ShippingRegion => "shipping_region",
            Self::Ip => "ip",
            Self::IpCountry => "ip_country",
            Self::IpClass => "ip_class",
            Self::Email => "email",
            Self::OrganizationCountry => "organization_country",
            Self::ParentCountry => "parent_country",
            Self::DeclaredCountry => "declared_country",
            Self::Citizenship => "citizenship",
            Self::PermanentResidentOf => "permanent_resident_of",
            Self::UsPerson => "us_person",
            Self::SellerOrganizationCountry => "seller_organization_country",
            Self::Host => "host",
            Self::Path => "path",
        }
    }

    /// True for what belongs to one line of an order, not to the order.
    pub const fn is_of_line(self) -> bool {
        matches!(
            self,
            Self::Sku
                | Self::Name
                | Self::Vendor
                | Self::Quantity
                | Self::Components
                | Self::SuspectedComponents
        )
    }
}
