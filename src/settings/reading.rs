//! How an entrance of a platform is read, beyond where its values stand: whose documents are asked for, and what its answer tells.

use super::pointer::Pointer;
use super::route::BuyerField;

/// What is read of a request beside itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// Whether the document's `id` must be the one that the target names: it would win over the target's.
    pub checks_id: bool,
    /// States, in `/status`, by which a request that names no line ends an order: no sale, a refund.
    pub ends: Vec<String>,
    /// Whether names of members count without case and underscores, as the platform reads them.
    pub folds_names: bool,
    /// Questions to the upstream that are asked before the request is judged.
    pub lookups: Vec<Lookup>,
    /// Where orders stand in the document, each judged for itself; empty: the document is one.
    pub orders: Vec<Pointer>,
    /// Whether lines in the request's own document count beside looked-up ones.
    pub own_lines: bool,
    /// How the order is read back once the upstream has taken it.
    pub read_back: Option<ReadBack>,
    /// Cookies that name a cart's session beside those that are known of platforms.
    pub sessions: Vec<String>,
    /// Whether an order is placed here or only prepared.
    pub stage: Stage,
}

/// A question to the upstream, asked with the client's own credentials.
#[derive(Clone, Debug, PartialEq)]
pub struct Lookup {
    /// What its answer tells.
    pub gives: Gives,
    /// A pointer into the request's document, whose one value fills `{body}`.
    pub parameter: Option<Pointer>,
    /// Evidence in the answer, which counts where the request itself says nothing.
    pub stored: Vec<(BuyerField, Pointer)>,
    /// Path and query; `{base}`, `{0}` and `{1}` are what the entrance was recognised by, `{body}` is the parameter.
    pub target: String,
}

/// What a looked-up document tells.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Gives {
    /// Evidence alone; an upstream that does not know the document says nothing.
    Evidence,
    /// The items. Without them nothing is judged.
    Items,
}

/// Whether an order is placed or only prepared.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Stage {
    /// An item is put in a cart. What is prohibited is refused here already; what is unclear is judged at the checkout.
    Cart,
    /// An order is placed or changed.
    #[default]
    Order,
}

/// How a placed order is read back: the upstream's answer names it, and the upstream tells its lines.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadBack {
    /// Where the answer names the order.
    pub names: OrderNames,
    /// Path and query of the order; `{base}`, `{id}` and `{key}` are filled in.
    pub target: String,
}

/// Where an answer names the order that was placed.
#[derive(Clone, Debug, PartialEq)]
pub enum OrderNames {
    /// In members of a JSON document: the id and the key.
    Members(Pointer, Pointer),
    /// In a URL within a JSON document, as `.../ID/?key=KEY`.
    Url(Pointer),
}
