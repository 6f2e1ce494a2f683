//! How one entrance is written down: where its values stand, as constants, and the route that is made of them.

use crate::settings::BuyerField;
use crate::settings::ClientRole;
use crate::settings::Gives;
use crate::settings::ItemMapping;
use crate::settings::Lookup;
use crate::settings::OrderNames;
use crate::settings::OrderTotal;
use crate::settings::Pointer;
use crate::settings::ReadBack;
use crate::settings::Reading;
use crate::settings::Route;
use crate::settings::Source;
use crate::settings::Stage;

/// One entrance.
#[derive(Debug)]
pub(super) struct Template {
    pub(super) buyer: &'static [(BuyerField, At)],
    /// Whether the document's `id` must be the one that the target names.
    pub(super) checks_id: bool,
    pub(super) client: ClientRole,
    /// States, in `/status`, that end an order without a sale.
    pub(super) ends: &'static [&'static str],
    /// Whether names of members count without case and underscores.
    pub(super) folds_names: bool,
    pub(super) items: Lines,
    pub(super) lookups: &'static [Asks],
    pub(super) orders: &'static [&'static str],
    /// Whether lines in the request's own document count beside looked-up ones.
    pub(super) own_lines: bool,
    pub(super) read_back: Option<Reads>,
    pub(super) stage: Stage,
    /// Where the order says what it comes to.
    pub(super) value: Total,
}

/// Where an order says what it comes to: pointers, empty where there is none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Total {
    pub(super) amount: &'static str,
    pub(super) currency: &'static str,
    /// Where it says how many digits of the amount stand behind the point.
    pub(super) minor_unit: &'static str,
}

/// Where a value stands.
#[derive(Clone, Copy, Debug)]
pub(super) enum At {
    /// A pointer into the JSON document.
    Body(&'static str),
    /// A field of the form.
    Form(&'static str),
}

/// Where the lines stand, and what of them: pointers, from the line; empty where there is none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lines {
    pub(super) at: &'static str,
    pub(super) name: &'static str,
    pub(super) quantity: &'static str,
    pub(super) sku: &'static str,
    /// Whose goods all lines are.
    pub(super) vendor: &'static str,
}

/// A question to the upstream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asks {
    pub(super) gives: Gives,
    pub(super) parameter: &'static str,
    pub(super) stored: &'static [(BuyerField, &'static str)],
    pub(super) target: &'static str,
}

/// How an order is read back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reads {
    /// Pointers to id and key; one pointer to a URL where the second is empty.
    pub(super) names: (&'static str, &'static str),
    pub(super) target: &'static str,
}

impl Template {
    /// What most entrances have in common.
    pub(super) const BLANK: Self = Self {
        buyer: &[],
        checks_id: false,
        client: ClientRole::Buyer,
        ends: &[],
        folds_names: false,
        items: Lines { at: "", name: "", quantity: "", sku: "", vendor: "" },
        lookups: &[],
        orders: &[],
        own_lines: false,
        read_back: None,
        stage: Stage::Order,
        value: Total { amount: "", currency: "", minor_unit: "" },
    };

    /// The entrance as a route. What the operator's own route says of the buyer counts in place of the template's; its `items`
    /// are those of its own path alone.
    pub(super) fn route(&self, own: &Route) -> Route {
        let own_buyer = own.buyer.iter().filter(|(_, source)| self.can_read(source));
        let mut buyer: Vec<_> = own_buyer.cloned().collect();
        for (field, at) in self.buyer {
            if !buyer.iter().any(|(known, _)| known == field) {
                buyer.push((*field, at.source()));
            }
        }
        Route {
            buyer,
            client: match own.client {
                ClientRole::ByEntrance => self.client,
                chosen @ (ClientRole::Buyer | ClientRole::Server) => chosen,
            },
            items: Some(self.items.mapping()),
            methods: Vec::new(),
            reading: Reading {
                checks_id: self.checks_id,
                ends: self.ends.iter().map(|state| (*state).to_owned()).collect(),
                folds_names: self.folds_names,
                lookups: self.lookups.iter().map(Asks::lookup).collect(),
                orders: self.orders.iter().map(|at| pointer(at)).collect(),
                own_lines: self.own_lines,
                read_back: self.read_back.as_ref().map(Reads::read_back),
                sessions: own.reading.sessions.clone(),
                stage: self.stage,
            },
            value: own.value.clone().or_else(|| self.value.total()),
            ..own.clone()
        }
    }
}

impl Template {
    /// True if a source stands in a request of this entrance: a form has no pointers, a document no fields.
    fn can_read(&self, source: &Source) -> bool {
        let is_form = self.buyer.iter().any(|(_, at)| matches!(at, At::Form(_)));
        let is_document = self.buyer.iter().any(|(_, at)| matches!(at, At::Body(_)));
        match source {
            Source::Form(_) => is_form,
            Source::Pointer(_) => is_document,
            _ => true,
        }
    }
}

impl At {
    fn source(self) -> Source {
        match self {
            Self::Body(at) => Source::Pointer(pointer(at)),
            Self::Form(name) => Source::Form(name.to_owned()),
        }
    }
}

impl Lines {
    fn mapping(self) -> ItemMapping {
        let source =
            |text: &'static str| (!text.is_empty()).then(|| Source::Pointer(pointer(text)));
        ItemMapping {
            at: (!self.at.is_empty()).then(|| pointer(self.at)),
            attributes: Vec::new(),
            components: None,
            name: source(self.name),
            quantity: source(self.quantity),
            sku: source(self.sku),
            suspected_components: None,
            vendor: (!self.vendor.is_empty()).then_some(Source::Fixed(self.vendor)),
        }
    }
}

impl Total {
    fn total(self) -> Option<OrderTotal> {
        let at = |text: &'static str| (!text.is_empty()).then(|| pointer(text));
        Some(OrderTotal {
            amount: Source::Pointer(at(self.amount)?),
            currency: at(self.currency).map(Source::Pointer),
            minor_unit: at(self.minor_unit),
        })
    }
}

impl Asks {
    fn lookup(&self) -> Lookup {
        Lookup {
            gives: self.gives,
            parameter: (!self.parameter.is_empty()).then(|| pointer(self.parameter)),
            stored: self.stored.iter().map(|(field, at)| (*field, pointer(at))).collect(),
            target: self.target.to_owned(),
        }
    }
}

impl Reads {
    fn read_back(&self) -> ReadBack {
        let (id, key) = self.names;
        ReadBack {
            names: match key {
                "" => OrderNames::Url(pointer(id)),
                key => OrderNames::Members(pointer(id), pointer(key)),
            },
            target: self.target.to_owned(),
        }
    }
}

#[expect(clippy::expect_used, reason = "of constants, each of which a test reads")]
fn pointer(text: &'static str) -> Pointer {
    Pointer::parse(text).expect("a pointer")
}
