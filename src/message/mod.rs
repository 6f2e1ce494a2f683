//! Pure rules of HTTP messages: what a target, a header, an address list, a body means, once and for every route.
//!
//! For: RFC 9110, 9111, 9112, 7239, 6901, the PROXY protocol, and the readings of DESIGN 13 where they leave a choice.
//! Never: I/O, clocks, policies, or types of a server or client framework; a gateway hands in bytes and takes out values.
//!
//! Invariants: no input stops a parser; each has one reading of what it accepts and refuses what has several; work and
//! memory are bounded by the input and a stated limit.

mod caching;
mod coding;
mod cookies;
mod form;
mod forwarded;
mod headers;
mod host;
mod json;
mod media_type;
mod multipart;
mod percent;
mod target;
mod upgrade;

pub use caching::{is_for_shared_caches, private_cache_control};
pub use coding::{CodingError, decode as decode_content};
pub use cookies::{CookieError, cookie};
pub use form::{Form, FormError, PhpName};
pub use forwarded::{
    AddressBasis, AddressFamily, ClientAddress, ClientAddressRule, HeaderText, Hop,
    OutgoingForwarding, ProxyHeader, believed_proto, parse_proxy_header,
};
pub use headers::{
    ConnectionOptions, RequestHeader, is_address_claim, is_hop_by_hop, is_override, is_protected,
    is_twin, is_twin_of, passes_downstream, request_header,
};
pub use host::{Host, HostError};
pub use json::pointer;
pub use media_type::{is_form_utf8, is_json_utf8};
pub use multipart::{Multipart, MultipartError};
pub use target::{
    CanonicalTarget, LenientReadings, TargetError, TargetForm, TargetFormError, canonicalize,
    lenient_readings, without_method_override,
};
pub use upgrade::{Upgrade, WEBSOCKET_VERSION, agrees_to_websocket, websocket_accept};
