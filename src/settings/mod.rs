//! What an operator can set, as plain data: the vocabulary between `config`, which reads it, and the modules that obey it.
//!
//! Every value here has been checked: a module that receives one of these structs has nothing left to validate. Nothing here
//! reads a file, an environment or a clock, and nothing names another module but `model`. Field names are the keys of
//! DESIGN 12 (Contract). Secrets are held as paths only.

mod admin;
mod gateway;
mod geo;
mod identity;
mod notify;
mod operation;
mod order_map;
mod pointer;
mod reading;
mod reseller;
mod route;
mod upstream;
mod witness;

pub use admin::{Admin, RolesOfTokens};
pub use gateway::{ClientAddress, ClientCertificate, Gateway, Listener, Tls};
pub use geo::Geo;
pub use identity::{Algorithm, CertificateName, Identity, JwksSource, Permission};
pub use notify::Notify;
pub use operation::{
    Catalog, Customers, Deliveries, Ledger, Log, LogFormat, LogLevel, PersonalParts, Policies,
    PolicyTrust, Store,
};
pub use order_map::{OrderField, OrderMap, OrderTime};
pub use pointer::{Pointer, PointerError, Token};
pub use reading::{Gives, Lookup, OrderNames, ReadBack, Reading, Stage};
pub use reseller::Reseller;
pub use route::{
    BodyUse, BuyerField, ClientRole, IdentityUse, ItemMapping, OrderTotal, Preset, Requirement,
    Route, Source,
};
pub use upstream::{Health, Scheme, Server, ServerError, Upstream, UpstreamTls};
pub use witness::Witness;
