//! What a gateway read of a request, with nothing of its framework in it.

use std::net::IpAddr;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::message::AddressBasis;
use crate::message::CanonicalTarget;

use super::delivery::Delivery;
use super::principal::Principal;

/// The headers of a request, by lower-case name.
pub trait HeaderLookup {
    /// Every value of the header, in the order received.
    fn values(&self, name: &str) -> SmallVec<[&[u8]; 2]>;
}

/// A request whose target has one reading and whose body, where its route needs it, is whole and decoded.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// Where `client` was taken from.
    pub basis: AddressBasis,
    /// The decoded body; absent where the route needs none. On a route that reads the query but no document, it is a form.
    pub body: Option<&'a Bytes>,
    /// The client's address after trusted proxies; absent where it is unknown.
    pub client: Option<IpAddr>,
    /// What becomes of its answer.
    pub delivery: &'a Delivery,
    /// The headers.
    pub headers: &'a dyn HeaderLookup,
    /// `Host`, lower case, without port.
    pub host: &'a str,
    /// What the upstream answered to the route's look-ups.
    pub looked_up: &'a [Option<Bytes>],
    /// The method, upper case.
    pub method: &'a str,
    /// The connection's peer.
    pub peer: IpAddr,
    /// Who is known to stand behind it.
    pub principal: Option<&'a Principal>,
    /// The target.
    pub target: &'a CanonicalTarget<'a>,
}

impl std::fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request")
            .field("client", &self.client)
            .field("host", &self.host)
            .field("method", &self.method)
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}
