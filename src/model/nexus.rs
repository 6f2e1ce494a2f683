//! Whether a party is in the United States or a US person, as far as the evidence goes (DESIGN 5).

use serde::{Serialize, Serializer};

/// Where a party stands. The order is the order of strictness.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Nexus {
    /// Positive evidence of being foreign, and nothing against it.
    Foreign,
    /// Neither: no evidence, weak evidence, or evidence that disagrees.
    Unclear,
    /// In the United States or a US person.
    Us,
}

/// A piece of evidence that can decide a nexus.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
#[expect(missing_docs, reason = "each is the contract's field of that name")]
pub enum EvidenceField {
    Account,
    BillingCountry,
    Citizenship,
    ClaimBillingCountry,
    ClaimCitizenship,
    ClaimDeclaredCountry,
    ClaimEmail,
    ClaimOrganizationCountry,
    ClaimParentCountry,
    ClaimPermanentResidentOf,
    ClaimShippingCountry,
    ClaimUsPerson,
    DeclaredCountry,
    Email,
    Ip,
    OrganizationCountry,
    ParentCountry,
    PermanentResidentOf,
    RegistryBillingCountry,
    RegistryCitizenship,
    RegistryEmail,
    RegistryOrganizationCountry,
    RegistryParentCountry,
    RegistryPermanentResidentOf,
    RegistryUsPerson,
    SellerOrganizationCountry,
    ShippingCountry,
    UsPerson,
}

/// The evidence that decided a nexus.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Because(u32);

impl Nexus {
    /// Every nexus.
    pub const ALL: [Self; 3] = [Self::Foreign, Self::Unclear, Self::Us];

    /// The contract's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Foreign => "foreign",
            Self::Unclear => "unclear",
            Self::Us => "us",
        }
    }
}

impl EvidenceField {
    const ALL: [Self; 28] = [
        Self::Account,
        Self::BillingCountry,
        Self::Citizenship,
        Self::ClaimBillingCountry,
        Self::ClaimCitizenship,
        Self::ClaimDeclaredCountry,
        Self::ClaimEmail,
        Self::ClaimOrganizationCountry,
        Self::ClaimParentCountry,
        Self::ClaimPermanentResidentOf,
        Self::ClaimShippingCountry,
        Self::ClaimUsPerson,
        Self::DeclaredCountry,
        Self::Email,
        Self::Ip,
        Self::OrganizationCountry,
        Self::ParentCountry,
        Self::PermanentResidentOf,
        Self::RegistryBillingCountry,
        Self::RegistryCitizenship,
        Self::RegistryEmail,
        Self::RegistryOrganizationCountry,
        Self::RegistryParentCountry,
        Self::RegistryPermanentResidentOf,
        Self::RegistryUsPerson,
        Self::SellerOrganizationCountry,
        Self::ShippingCountry,
        Self::UsPerson,
    ];

    /// The same field, as a token claims it.
    #[must_use]
    pub const fn claimed(self) -> Self {
        match self {
            Self::BillingCountry => Self::ClaimBillingCountry,
            Self::Citizenship => Self::ClaimCitizenship,
            Self::DeclaredCountry => Self::ClaimDeclaredCountry,
            Self::Email => Self::ClaimEmail,
            Self::OrganizationCountry => Self::ClaimOrganizationCountry,
            Self::ParentCountry => Self::ClaimParentCountry,
            Self::PermanentResidentOf => Self::ClaimPermanentResidentOf,
            Self::ShippingCountry => Self::ClaimShippingCountry,
            Self::UsPerson => Self::ClaimUsPerson,
            other => other,
        }
    }

    /// The contract's name, `registry.` before what the customer registry says, `claim.` before what a token says.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::BillingCountry => "billing_country",
            Self::Citizenship => "citizenship",
            Self::ClaimBillingCountry => "claim.billing_country",
            Self::ClaimCitizenship => "claim.citizenship",
            Self::ClaimDeclaredCountry => "claim.declared_country",
            Self::ClaimEmail => "claim.email",
            Self::ClaimOrganizationCountry => "claim.organization_country",
            Self::ClaimParentCountry => "claim.parent_country",
            Self::ClaimPermanentResidentOf => "claim.permanent_resident_of",
            Self::ClaimShippingCountry => "claim.shipping_country",
            Self::ClaimUsPerson => "claim.us_person",
            Self::DeclaredCountry => "declared_country",
            Self::Email => "email",
            Self::Ip => "ip",
            Self::OrganizationCountry => "organization_country",
            Self::ParentCountry => "parent_country",
            Self::PermanentResidentOf => "permanent_resident_of",
            Self::RegistryBillingCountry => "registry.billing_country",
            Self::RegistryCitizenship => "registry.citizenship",
            Self::RegistryEmail => "registry.email",
            Self::RegistryOrganizationCountry => "registry.organization_country",
            Self::RegistryParentCountry => "registry.parent_country",
            Self::RegistryPermanentResidentOf => "registry.permanent_resident_of",
            Self::RegistryUsPerson => "registry.us_person",
            Self::SellerOrganizationCountry => "seller.organization_country",
            Self::ShippingCountry => "shipping_country",
            Self::UsPerson => "us_person",
        }
    }
}

impl Because {
    /// Nothing.
    pub const NONE: Self = Self(0);

    /// The set with `field` in it.
    #[must_use]
    pub const fn with(self, field: EvidenceField) -> Self {
        Self(self.0 | 1 << field as u32)
    }

    /// Everything of both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// True for nothing.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The fields, by name.
    pub fn iter(self) -> impl Iterator<Item = EvidenceField> {
        EvidenceField::ALL.into_iter().filter(move |field| self.0 & 1 << *field as u32 != 0)
    }
}

impl Serialize for Because {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(EvidenceField::as_str))
    }
}
