//! The closed sets that labels come from.

/// A part that reloads.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(missing_docs, reason = "each is named after what reloads")]
pub enum Part {
    AdminIdentity,
    Catalogue,
    Certificates,
    Customers,
    Geo,
    Identity,
    Policies,
}

/// A stage of a request that is timed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "each is named after its stage")]
pub enum Stage {
    Decision,
    Record,
}

/// What reading an order back came to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ReadBackOutcome {
    /// The store sold something else than was judged.
    Mismatch,
    /// What was judged.
    Same,
    /// The order could not be read.
    Unread,
}

impl ReadBackOutcome {
    pub(super) const ALL: [Self; 3] = [Self::Mismatch, Self::Same, Self::Unread];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Mismatch => "mismatch",
            Self::Same => "same",
            Self::Unread => "unread",
        }
    }
}

impl Part {
    /// Every part.
    pub const ALL: [Self; 7] = [
        Self::AdminIdentity,
        Self::Catalogue,
        Self::Certificates,
        Self::Customers,
        Self::Geo,
        Self::Identity,
        Self::Policies,
    ];

    /// The label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AdminIdentity => "admin_identity",
            Self::Catalogue => "catalogue",
            Self::Certificates => "certificates",
            Self::Customers => "customers",
            Self::Geo => "geo",
            Self::Identity => "identity",
            Self::Policies => "policies",
        }
    }
}
