//! One reader for each section of the file: names its keys, its defaults and what they may be.

mod admin;
mod gateway;
mod identity;
mod items;
mod notify;
mod operation;
mod pattern;
mod route;
mod source;
mod upstream;
mod witness;

pub(super) use admin::admin;
pub(super) use gateway::gateway;
pub(super) use identity::identity;
pub(super) use notify::notify;
pub(super) use operation::{catalog, customers, geo, ledger, log, policies, reseller, store};
pub(super) use route::{Surroundings, routes};
pub(super) use upstream::upstreams;
