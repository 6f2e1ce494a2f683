//! All that `serve` does, short of binding; and what it cannot see.

use jiff::Timestamp;

use crate::config::Config;
use crate::enforcement::RouteTable;
use crate::gateway::receiver::Receivers;
use crate::gateway::tls::Certificates;
use crate::gateway::upstream::Upstream;
use crate::geo::GeoSourceKind;
use crate::ledger::Reader;
use crate::ledger::SigningSettings;
use crate::ledger::check_key;
use crate::settings::BodyUse;

use super::blind_spots;
use super::console;
use super::identity;
use super::load::Loaded;
use super::load::load;
use super::notify;
use super::policy_keys;
use super::serve::ServeError;
use super::witness;

/// What a configuration amounts to.
#[derive(Debug)]
pub struct CheckReport {
    /// What is in it, a line each.
    pub facts: Vec<String>,
    /// What this configuration cannot see or do, a line each.
    pub warnings: Vec<String>,
}

/// Loads everything a configuration names.
///
/// # Errors
/// What would keep `serve` from starting.
pub fn check(config: &Config, now: Timestamp) -> Result<CheckReport, ServeError> {
    let Loaded { snapshot, stored } = load(config, now)?;
    RouteTable::new(config.routes.clone())?;
    for upstream in &config.upstreams {
        Upstream::new(upstream)?;
    }
    Receivers::load(&config.routes)?;
    for tls in config.gateway.listeners.iter().filter_map(|listener| listener.tls.clone()) {
        std::sync::Arc::new(Certificates::load(tls)?).server_config()?;
    }
    let mut keys = None;
    if let Some(settings) = &config.identity {
        keys = Some(match identity::read(settings)? {
            Some(set) => format!("identity: {} usable keys", set.len()),
            None => "identity: keys by URL, fetched by `serve`, not here".to_owned(),
        });
        identity::source(settings)?;
    }
    let (of_admin, open) = console::check(config)?;
    if config.ledger.dir.exists() {
        Reader::open(&config.ledger.dir)?;
    }
    let key = config.ledger.key.clone();
    let signing = SigningSettings { key, origin: config.ledger.origin.clone() };
    check_key(&config.ledger.dir, &signing)?;
    let policies = &snapshot.policies;
    let mut facts: Vec<String> = policies
        .policies()
        .iter()
        .map(|policy| format!("policy {} {}: {}", policy.id, policy.version, policy.title))
        .collect();
    facts.push(format!("policy revision {}, {} rules", policies.revision(), policies.rule_count()));
    if let Some(trust) = policy_keys::trust(&config.policies)? {
        let names: Vec<_> = trust.keys().iter().map(|key| key.name().as_str()).collect();
        facts.push(format!(
            "policies over the network must be signed by {} of {}: {}",
            trust.threshold(),
            names.len(),
            names.join(", ")
        ));
    }
    facts.push(format!("catalogue: {} rows", snapshot.catalogue.len()));
    facts.push(format!("customers: {} accounts and licence keys", snapshot.customers.len()));
    facts.extend(keys);
    facts.extend(of_admin);
    let mut warnings = open;
    for (table, state) in &stored {
        let (table, generation, rows) = (table.as_str(), state.generation, state.rows);
        match &state.damage {
            None => facts.push(format!(
                "store: {table} generation {generation}, {rows} rows, all files as written"
            )),
            Some(damage) => warnings.push(format!(
                "the {table} in the store are damaged ({damage}); serve will rebuild all {rows} rows from the copy that is whole"
            )),
        }
    }
    let mut anonymisers = false;
    let mut country_data = false;
    for source in snapshot.geo.sources() {
        facts.push(format!("geo source: {}", source.name()));
        if source.stale(now) {
            warnings.push(format!(
                "geo source {} is older than [geo] max_age and answers nothing",
                source.name()
            ));
        }
        match source.kind() {
            GeoSourceKind::ClassDatabase | GeoSourceKind::ClassList => anonymisers = true,
            GeoSourceKind::Database => country_data = true,
            GeoSourceKind::Embedded | GeoSourceKind::Networks => {}
        }
    }
    witness::check(&config.ledger.witnesses)?;
    for settings in &config.ledger.witnesses {
        facts.push(format!("checkpoints are cosigned by {} at {}", settings.name, settings.server));
    }
    if let Some(settings) = &config.notify {
        notify::check(settings, &config.ledger.dir)?;
        facts.push(format!("blocks and holds are told to {}", settings.server));
        if settings.is_open_on_the_way() {
            warnings.push("[notify] url is plain http to another machine: who listens on the way reads every block and hold; write https".to_owned());
        }
    }
    if !country_data {
        warnings.push("only the embedded registry table tells countries: it knows where addresses were assigned, not where they are used; give [geo] databases".to_owned());
    }
    if !anonymisers {
        warnings.push("no anonymiser data: VPN, proxy and Tor clients look like ordinary ones; give [geo] classes".to_owned());
    }
    if config.reseller.organization_country.is_none() {
        warnings.push("[reseller] organization_country is not given: the seller's nexus is unclear, so resale is held for review at best".to_owned());
    }
    if config.reseller.notice_url.is_none() {
        warnings.push(
            "[reseller] notice_url is not given: a refused customer is told nowhere to turn to"
                .to_owned(),
        );
    }
    for route in config.routes.iter().filter(|r| r.upstream.is_none() && r.is_judged()) {
        if matches!(route.body_use(), BodyUse::Document | BodyUse::Form) {
            warnings.push(format!(
                "route {} reads the body and only answers other proxies: where their check brings no body (nginx, HAProxy) all of it is held",
                route.name
            ));
        }
    }
    let receives = config.routes.iter().filter(|route| route.receives());
    for route in receives.filter(|_| config.notify.is_none()) {
        warnings.push(format!(
            "route {} receives orders that are sold already: without [notify] a block or a review is recorded and nobody is told",
            route.name
        ));
    }
    warnings.extend(blind_spots::of_routes(&config.routes));
    warnings.extend(blind_spots::of_gateway(&config.gateway));
    if let Some(change) = policies.next_change(now) {
        facts.push(format!("the next rule starts, ends or pauses at {change}"));
    }
    for route in &config.routes {
        let judged = route.action.map_or("not judged", crate::model::Action::as_str);
        facts.push(format!("route {}: {} {judged}", route.name, route.path));
    }
    Ok(CheckReport { facts, warnings })
}
