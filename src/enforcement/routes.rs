//! Which route a request belongs to (DESIGN 12 and 13: Routes).
//!
//! Patterns are matched on the folded path, so that another spelling of a judged path is still that path. The most specific
//! pattern that matches decides; a judged path never falls through to another route.

use std::collections::HashMap;
use std::collections::HashSet;

use matchit::Router;
use smallvec::SmallVec;

use crate::message::CanonicalTarget;
use crate::message::Form;
use crate::model::StrictValue;
use crate::settings::Preset;
use crate::settings::Route;

use super::preset;
use super::preset::Asked;
use super::preset::Hit;
use super::preset::Placed;
use super::preset::Wants;

/// The routes, indexed.
#[derive(Debug)]
pub struct RouteTable {
    groups: Vec<Vec<usize>>,
    presets: Vec<Placed>,
    router: Router<usize>,
    routes: Vec<Route>,
    single: Vec<Router<usize>>,
}

/// Two patterns that cannot stand side by side.
#[derive(Clone, Debug, thiserror::Error)]
#[error("route `{route}`: path `{path}`: {reason}")]
pub struct RouteTableError {
    /// The pattern.
    pub path: String,
    /// What is wrong with it.
    pub reason: String,
    /// The route's name.
    pub route: String,
}

/// What was found for a method and path.
#[derive(Debug)]
pub enum Found<'a> {
    /// A judged path that does not list the method; those it lists.
    MethodNotAllowed(&'a Route, String),
    /// No route.
    Nothing,
    /// A route.
    Route(&'a Route),
}

/// A request as far as it is read before it has a meaning.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// The body's JSON document, where it was read.
    pub document: Option<&'a StrictValue>,
    /// The folded path.
    pub folded: &'a str,
    /// The body's form, where it was read.
    pub form: Option<&'a Form<'a>>,
    /// The method, upper case.
    pub method: &'a str,
    /// The path, decoded once.
    pub path: &'a str,
    /// The query as received.
    pub query: Option<&'a str>,
}

/// What a request on a route means, where presets have been asked.
#[derive(Debug)]
pub enum Meaning<'a> {
    /// An entrance of a platform, read as this route says.
    Entrance(&'a Route, Hit),
    /// Nothing that is judged, though the route's preset judges.
    Passed,
    /// What the route itself says.
    Route,
    /// Places or changes an order in a way that cannot be read; the route of the preset.
    Unreadable(&'a Route),
}

impl RouteTable {
    /// What must be read of a body before [`RouteTable::meaning`] can tell.
    pub fn wants(&self, route: &Route, asking: &Asking<'_>) -> Wants {
        let asked = asking.asked();
        let wants = self.presets_at(route).map(|placed| placed.wants(&asked));
        wants.fold(Wants::Nothing, |all, one| match (all, one) {
            (Wants::Document, _) | (_, Wants::Document) => Wants::Document,
            (Wants::Form, _) | (_, Wants::Form) => Wants::Form,
            (Wants::Nothing, Wants::Nothing) => Wants::Nothing,
        })
    }

    /// What a request means that has come by `route`: entrances of a platform count on whatever route they come to its
    /// upstream.
    pub fn meaning<'a>(&'a self, route: &'a Route, asking: &Asking<'_>) -> Meaning<'a> {
        let asked = asking.asked();
        for placed in self.presets_at(route) {
            match placed.meaning(&asked) {
                preset::Meaning::Elsewhere => {}
                preset::Meaning::Entrance(entrance, hit) => {
                    return Meaning::Entrance(entrance, hit);
                }
                preset::Meaning::Unreadable(at) => {
                    return Meaning::Unreadable(self.routes.get(at).unwrap_or(route));
                }
            }
        }
        let own =
            |placed: &&Placed| self.routes.get(placed.at).is_some_and(|r| std::ptr::eq(r, route));
        match self.presets.iter().find(own) {
            None => Meaning::Route,
            // What is only read, and what comes by a route for everything, is no order.
            Some(_) if route.path.contains("{*") || is_safe(asking.method) => Meaning::Passed,
            Some(placed) => match placed.own() {
                Some(entrance) => Meaning::Entrance(entrance, Hit::default()),
                None => Meaning::Unreadable(route),
            },
        }
    }

    /// True if the body must be read to know what a request means, whatever its path is read as.
    pub fn may_be_told_by_body(
        &self,
        route: &Route,
        method: &str,
        path: &str,
        query: Option<&str>,
    ) -> bool {
        let asking = Asking { document: None, folded: path, form: None, method, path, query };
        self.wants(route, &asking) != Wants::Nothing
    }

    /// True if a reading of a target is an entrance on that route's upstream.
    pub fn is_entrance(
        &self,
        route: &Route,
        method: &str,
        path: &str,
        query: Option<&str>,
    ) -> bool {
        let asking = Asking { document: None, folded: path, form: None, method, path, query };
        let asked = asking.asked();
        self.presets_at(route)
            .any(|placed| !matches!(placed.meaning(&asked), preset::Meaning::Elsewhere))
    }

    /// The upstreams that keep carts in sessions: those whose orders are looked up there.
    pub fn carted(&self) -> HashSet<String> {
        let looks_up = |route: &&Route| {
            route.looks_up_items()
                || matches!(route.preset, Some(Preset::Magento | Preset::WooCommerce))
        };
        self.routes.iter().filter(looks_up).filter_map(|route| route.upstream.clone()).collect()
    }

    /// Cookies that routes say name a cart's session, in lower case.
    pub fn session_cookies(&self) -> Vec<String> {
        let named = self.routes.iter().flat_map(|route| &route.reading.sessions);
        named.map(|name| name.to_ascii_lowercase()).collect()
    }

    /// The presets of the route's upstream, its own first.
    fn presets_at(&self, route: &Route) -> impl Iterator<Item = &Placed> {
        let own =
            |placed: &&Placed| self.routes.get(placed.at).is_some_and(|r| std::ptr::eq(r, route));
        let others = self.presets.iter().filter(move |p| !own(p) && p.upstream == route.upstream);
        self.presets.iter().filter(own).chain(others)
    }

    /// Indexes the routes.
    ///
    /// # Errors
    /// When a pattern is unsound or two patterns cannot be told apart.
    pub fn new(routes: Vec<Route>) -> Result<Self, RouteTableError> {
        let mut table = Self {
            groups: Vec::new(),
            presets: Vec::new(),
            router: Router::new(),
            routes: Vec::new(),
            single: Vec::new(),
        };
        let mut by_pattern: HashMap<String, usize> = HashMap::new();
        for (at, route) in routes.iter().enumerate() {
            let fault = |reason: String| RouteTableError {
                path: route.path.clone(),
                reason,
                route: route.name.clone(),
            };
            let pattern = folded_pattern(&route.path);
            if let Some(group) = by_pattern.get(&pattern).and_then(|g| table.groups.get_mut(*g)) {
                group.push(at);
                continue;
            }
            let group = table.groups.len();
            let mut single = Router::new();
            for spelling in spellings(&pattern) {
                // A catch-all's bare folder may be a route of its own; that one is more specific.
                let optional = spelling != pattern;
                match table.router.insert(spelling.clone(), group) {
                    Ok(()) => {}
                    Err(_) if optional => continue,
                    Err(error) => return Err(fault(error.to_string())),
                }
                single.insert(spelling, group).map_err(|error| fault(error.to_string()))?;
            }
            by_pattern.insert(pattern, group);
            table.groups.push(vec![at]);
            table.single.push(single);
        }
        table.presets =
            routes.iter().enumerate().filter_map(|(at, r)| Placed::new(at, r)).collect();
        table.routes = routes;
        Ok(table)
    }

    /// The routes, in the order of the configuration.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// The route of a method and folded path.
    pub fn find(&self, method: &str, folded_path: &str) -> Found<'_> {
        let path = without_trailing_slash(folded_path);
        let Ok(hit) = self.router.at(path) else { return Found::Nothing };
        let group = *hit.value;
        if let Some(route) = self.listing(group, method) {
            return Found::Route(route);
        }
        if let Some(route) = self.members(group).find(|route| route.is_judged()) {
            let judged = self.members(group).filter(|route| route.is_judged());
            let methods: SmallVec<[&str; 4]> =
                judged.flat_map(|route| route.methods.iter().map(String::as_str)).collect();
            return Found::MethodNotAllowed(route, methods.join(", "));
        }
        // An unjudged path that does not list the method: the next specific pattern that does.
        let mut others: SmallVec<[(usize, &Route); 4]> = SmallVec::new();
        for (other, router) in self.single.iter().enumerate() {
            if other != group
                && router.at(path).is_ok()
                && let Some(route) = self.listing(other, method)
            {
                others.push((specificity(&route.path), route));
            }
        }
        let best = others.into_iter().max_by_key(|(specificity, _)| *specificity);
        best.map_or(Found::Nothing, |(_, route)| Found::Route(route))
    }

    /// True if the path is a judged route's, whatever the method.
    pub fn is_judged_path(&self, folded_path: &str) -> bool {
        let path = without_trailing_slash(folded_path);
        self.router.at(path).is_ok_and(|hit| self.members(*hit.value).any(Route::is_judged))
    }

    fn members(&self, group: usize) -> impl Iterator<Item = &Route> {
        let members = self.groups.get(group).map_or(&[][..], Vec::as_slice);
        members.iter().filter_map(|at| self.routes.get(*at))
    }

    /// The group's route that lists the method; `GET` lists `HEAD`.
    fn listing(&self, group: usize, method: &str) -> Option<&Route> {
        let lists = |route: &&Route, method: &str| route.methods.iter().any(|m| m == method);
        self.members(group)
            .find(|r| lists(r, method) || (method == "HEAD" && lists(r, "GET")))
            .or_else(|| self.members(group).find(|r| r.methods.is_empty()))
    }
}

impl<'a> Asking<'a> {
    const fn asked(&self) -> Asked<'a> {
        let Self { document, folded, form, method, path, query } = *self;
        Asked { document, folded, form, method, path, query }
    }
}

fn is_safe(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "OPTIONS")
}

/// The value of a pattern's parameter, as the path spells it.
pub(super) fn parameter<'a>(
    route: &Route,
    name: &str,
    target: &'a CanonicalTarget<'_>,
) -> Option<&'a str> {
    let mut path = target.path().trim_start_matches('/');
    for segment in route.path.trim_start_matches('/').split('/') {
        let inner = segment.strip_prefix('{').and_then(|s| s.strip_suffix('}'));
        if let Some(rest) = inner.and_then(|inner| inner.strip_prefix('*')) {
            return (rest == name).then_some(path);
        }
        let (value, rest) = path.split_once('/').unwrap_or((path, ""));
        if inner == Some(name) {
            return Some(value);
        }
        path = rest;
    }
    None
}

/// Patterns are compared as folded paths are: lower case.
fn folded_pattern(pattern: &str) -> String {
    without_trailing_slash(&pattern.to_lowercase()).to_owned()
}

fn without_trailing_slash(path: &str) -> &str {
    match path.trim_end_matches('/') {
        "" => "/",
        path => path,
    }
}

/// The pattern, and for `/a/{*rest}` the bare `/a` as well.
fn spellings(pattern: &str) -> SmallVec<[String; 2]> {
    let mut spellings: SmallVec<[String; 2]> = SmallVec::new();
    spellings.push(pattern.to_owned());
    if let Some((base, _)) = pattern.rsplit_once("/{*") {
        spellings.push(without_trailing_slash(base).to_owned());
    }
    spellings
}

/// Literal bytes before the first parameter: more of them are more specific.
fn specificity(pattern: &str) -> usize {
    pattern.find('{').unwrap_or(usize::MAX)
}
