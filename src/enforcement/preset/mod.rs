//! Presets: the platforms whose ways to place or change an order are known, all of them (DESIGN 12 and 13; docs/presets.md).
//!
//! An entrance is recognised by method, target and form, whatever route the request matches, and is read as a route of its
//! own would be: each is a [`Route`] whose mapping the platform's module writes down. What places an order and cannot be read
//! is refused.
//!
//! What it must never do: ask the upstream (the gateway does), or take a spelling for harmless that the platform takes for an
//! entrance. Where the platform is lenient, this is more so.

mod asked;
mod magento;
mod partner;
pub(super) mod shopify;
mod template;
mod woocommerce;

use smallvec::SmallVec;

use crate::settings::Preset;
use crate::settings::Route;

pub use asked::Wants;

pub(crate) use asked::Asked;

use template::Template;

/// What a preset says of a request.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Recognised {
    /// Nothing that places or changes an order.
    Elsewhere,
    /// An entrance.
    Entrance(Hit),
    /// Places or changes an order in a way that cannot be read.
    Unreadable,
}

/// An entrance, and what its target and form say beside.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Hit {
    /// Before what the platform's API names: `/shop/wp-json`, `/?rest_route=`.
    pub base: String,
    /// Ids in target or form, in the order of `{0}` and `{1}`.
    pub parameters: SmallVec<[String; 2]>,
    /// Which entrance.
    entrance: usize,
}

/// A preset at an upstream.
#[derive(Debug)]
pub(super) struct Placed {
    /// The route that asks for it.
    pub(super) at: usize,
    entrances: Vec<Route>,
    /// How a request on the preset's own path is read that is no known entrance.
    own: Option<Route>,
    platform: Platform,
    pub(super) upstream: Option<String>,
}

/// What a request means to the presets of its upstream.
#[derive(Debug)]
pub(super) enum Meaning<'a> {
    Elsewhere,
    Entrance(&'a Route, Hit),
    /// Places or changes an order in a way that cannot be read; the preset's route.
    Unreadable(usize),
}

/// A platform whose entrances are recognised.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Platform {
    KasperskyPartner,
    Magento,
    WooCommerce,
}

impl Placed {
    /// The preset that a route asks for, if it is one with entrances.
    pub(super) fn new(at: usize, route: &Route) -> Option<Self> {
        let platform = Platform::of(route.preset?)?;
        let entrances: Vec<_> = platform.templates().iter().map(|t| t.route(route)).collect();
        let own = entrances.get(platform.own_shape()).cloned().map(|plain| match &route.items {
            Some(items) => {
                Route { items: Some(items.clone()), reading: route.reading.clone(), ..plain }
            }
            None => plain,
        });
        Some(Self { at, entrances, own, platform, upstream: route.upstream.clone() })
    }

    /// What a request means to this preset.
    pub(super) fn meaning(&self, asked: &Asked<'_>) -> Meaning<'_> {
        match self.platform.recognise(asked) {
            Recognised::Elsewhere => Meaning::Elsewhere,
            Recognised::Unreadable => Meaning::Unreadable(self.at),
            Recognised::Entrance(hit) => match self.entrances.get(hit.entrance) {
                Some(route) => Meaning::Entrance(route, hit),
                None => Meaning::Unreadable(self.at),
            },
        }
    }

    /// How a request on the preset's own route is read that is no known entrance.
    pub(super) const fn own(&self) -> Option<&Route> {
        self.own.as_ref()
    }

    /// What must be read of a body before a request is recognised.
    pub(super) fn wants(&self, asked: &Asked<'_>) -> Wants {
        match self.platform {
            Platform::KasperskyPartner => Wants::Nothing,
            Platform::Magento => magento::wants(asked),
            Platform::WooCommerce => woocommerce::wants(asked),
        }
    }
}

impl Platform {
    const fn of(preset: Preset) -> Option<Self> {
        match preset {
            Preset::KasperskyPartner => Some(Self::KasperskyPartner),
            Preset::Magento => Some(Self::Magento),
            Preset::WooCommerce => Some(Self::WooCommerce),
            Preset::KasperskyMirror | Preset::Shopify => None,
        }
    }

    const fn templates(self) -> &'static [Template] {
        match self {
            Self::KasperskyPartner => partner::TEMPLATES,
            Self::Magento => magento::TEMPLATES,
            Self::WooCommerce => woocommerce::TEMPLATES,
        }
    }

    const fn own_shape(self) -> usize {
        match self {
            Self::KasperskyPartner => partner::CREATE,
            Self::Magento => magento::ADMIN_ORDER,
            Self::WooCommerce => woocommerce::REST_ORDER,
        }
    }

    fn recognise(self, asked: &Asked<'_>) -> Recognised {
        match self {
            Self::KasperskyPartner => partner::recognise(asked),
            Self::Magento => magento::recognise(asked),
            Self::WooCommerce => woocommerce::recognise(asked),
        }
    }
}

impl Hit {
    fn at(entrance: usize) -> Recognised {
        Recognised::Entrance(Self { entrance, ..Self::default() })
    }

    fn under(entrance: usize, base: impl Into<String>) -> Recognised {
        Self::with(entrance, base, [])
    }

    fn with<const N: usize>(
        entrance: usize,
        base: impl Into<String>,
        parameters: [String; N],
    ) -> Recognised {
        let parameters = parameters.into_iter().collect();
        Recognised::Entrance(Self { base: base.into(), entrance, parameters })
    }
}

#[cfg(test)]
mod tests;
