//! Configuration: one TOML file and the environment, read once into settings that need no further check (DESIGN 12, Contract).
//!
//! The document is parsed into a tree that knows where everything stands, and the tree is walked by hand, for only so can
//! *every* problem be told at once, each with its key and line. What comes out are the plain structs of `settings`.
//!
//! It never opens the files it names (who uses them does), never reloads, and never guesses: an unknown key, a value of
//! another type, a reference to nothing are problems, and with one problem there is no configuration.
//!
//! Invariants: a key that no reader asks for is unknown, by construction of the reader; a judged route can tell its items;
//! secrets are paths; the only place that reads the process environment is `environment.rs`.
//!
//! Standard: TOML 1.1; `sysexits` 78 is the caller's answer to [`ConfigErrors`].

mod environment;
mod order_map;
mod problem;
mod reader;
mod sections;
mod tree;
mod units;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::de::DeTable;

use crate::model::Action;
use crate::settings::Admin;
use crate::settings::Catalog;
use crate::settings::Customers;
use crate::settings::Gateway;
use crate::settings::Geo;
use crate::settings::Identity;
use crate::settings::Ledger;
use crate::settings::Listener;
use crate::settings::Log;
use crate::settings::Notify;
use crate::settings::Policies;
use crate::settings::Preset;
use crate::settings::Reseller;
use crate::settings::Route;
use crate::settings::Server;
use crate::settings::Store;
use crate::settings::Upstream;

pub use environment::{Environment, Strings, state_dir};
pub use order_map::order_map;
pub use problem::{ConfigErrors, Place, Problem};

use problem::Found;
use reader::Context;
use sections::Surroundings;
use tree::{Node, Origin};

/// Everything an operator has set.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each is the section of that name")]
pub struct Config {
    pub admin: Admin,
    pub catalog: Catalog,
    pub customers: Customers,
    pub gateway: Gateway,
    pub geo: Geo,
    pub identity: Option<Identity>,
    pub ledger: Ledger,
    pub log: Log,
    pub notify: Option<Notify>,
    pub policies: Policies,
    pub reseller: Reseller,
    pub routes: Vec<Route>,
    pub store: Store,
    pub upstreams: Vec<Upstream>,
}

impl Config {
    /// Reads the file at `path` and the overrides in `env`.
    ///
    /// # Errors
    /// Every problem there is. A file that is no TOML is told before what its keys say.
    pub fn load(path: &Path, env: &impl Strings) -> Result<Self, ConfigErrors> {
        let file: Arc<str> = path.display().to_string().into();
        let whole = |message: String| {
            let place = Place::File(Arc::clone(&file));
            ConfigErrors::new(vec![Problem { key: String::new(), message, place }], "".into())
        };
        let bytes =
            std::fs::read(path).map_err(|error| whole(format!("cannot be read: {error}")))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            whole(format!("is not UTF-8 at byte {}", error.utf8_error().valid_up_to()))
        })?;
        let base = path.parent().map(Path::to_path_buf).unwrap_or_default();
        Self::parse(&text, &file, base, env)
    }

    /// The configuration where there is no file: defaults, and the overrides in `env`, relative to the working directory.
    ///
    /// # Errors
    /// Every problem of the overrides; a missing state directory.
    pub fn without_file(env: &impl Strings) -> Result<Self, ConfigErrors> {
        Self::parse("", &"(no file)".into(), PathBuf::new(), env)
    }

    /// Shipped policies, the embedded geo table, ledger and store under `state_dir`, and `upstream` for everything that
    /// bears no update signature.
    pub fn default_for(
        upstream: Option<Server>,
        listen: Option<SocketAddr>,
        state_dir: &Path,
    ) -> Self {
        let config = Self {
            admin: Admin::default(),
            catalog: Catalog::default(),
            customers: Customers::default(),
            gateway: Gateway::default(),
            geo: Geo::default(),
            identity: None,
            ledger: Ledger::under(state_dir),
            log: Log::default(),
            notify: None,
            policies: Policies::default(),
            reseller: Reseller::default(),
            routes: Vec::new(),
            store: Store::under(state_dir),
            upstreams: Vec::new(),
        };
        let config = match listen {
            Some(address) => config.with_listen(address),
            None => config,
        };
        match upstream {
            Some(server) => config.with_upstream(server),
            None => config,
        }
    }

    /// The same with `address` as the only one to listen on, with the certificate of the first.
    #[must_use]
    pub fn with_listen(mut self, address: SocketAddr) -> Self {
        let tls = self.gateway.listeners.into_iter().next().and_then(|listener| listener.tls);
        self.gateway.listeners = vec![Listener { address, tls }];
        self
    }

    /// The same in front of `server`, in place of all routes and upstreams: entrances of all presets and update signatures are
    /// judged, the rest is passed on.
    #[must_use]
    pub fn with_upstream(mut self, server: Server) -> Self {
        const NAME: &str = "upstream";
        self.upstreams = vec![Upstream::new(NAME, server)];
        let preset = |preset: Preset, path: &str| Route {
            action: Some(Action::Resale),
            client: preset.client(),
            preset: Some(preset),
            ..Route::passing(preset.as_str(), path, NAME)
        };
        self.routes = vec![
            preset(Preset::WooCommerce, "/wp-json/wc/v3/orders"),
            preset(Preset::Magento, "/rest/V1/orders"),
            preset(Preset::KasperskyPartner, "/Subscriptions/v2.0/api/Subscription/create"),
            Route::passing("rest", "/{*any}", NAME),
        ];
        self
    }

    fn parse(
        text: &str,
        file: &Arc<str>,
        base: PathBuf,
        env: &impl Strings,
    ) -> Result<Self, ConfigErrors> {
        let refuse = |found| Err(ConfigErrors::new(problem::place(found, file, text), text.into()));
        let (table, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            return refuse(errors.iter().map(not_toml).collect());
        }
        let mut found = Vec::new();
        let mut tree = Node::document(&table);
        environment::overlay(&mut tree, env, &mut found);
        let state = state_dir(env);
        let context = Context::new(base, found);
        let root = context.root(&tree);
        let gateway = sections::gateway(&root);
        let identity = sections::identity(&root);
        let ledger = sections::ledger(&root, state.as_deref());
        let (upstreams, names) = sections::upstreams(&root);
        let around = Surroundings {
            identity: identity.as_ref(),
            listeners: &gateway.listeners,
            upstreams: &names,
        };
        let config = Self {
            admin: sections::admin(&root, &gateway),
            catalog: sections::catalog(&root),
            customers: sections::customers(&root),
            geo: sections::geo(&root),
            log: sections::log(&root),
            notify: sections::notify(&root),
            policies: sections::policies(&root),
            reseller: sections::reseller(&root),
            routes: sections::routes(&root, around),
            gateway,
            identity,
            store: sections::store(&root, &ledger),
            ledger,
            upstreams,
        };
        drop(root);
        let found = context.into_found();
        if !found.is_empty() {
            return refuse(found);
        }
        Ok(config)
    }
}

fn not_toml(error: &toml::de::Error) -> Found {
    Found {
        key: String::new(),
        message: format!("not TOML: {}", error.message()),
        origin: error.span().map_or(Origin::File, Origin::Span),
    }
}

#[cfg(test)]
mod tests;
