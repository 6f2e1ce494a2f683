//! The PROXY header before everything else on a connection, from peers that are trusted to send one (FACTS 2.2).

use std::net::SocketAddr;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::message::ProxyHeader;
use crate::message::parse_proxy_header;

/// Whom a connection is from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Origin {
    /// This address.
    Known(SocketAddr),
    /// A client that the proxy has no address of.
    Unknown,
}

/// Less than any whole header has, and enough to tell its version.
const FIRST_BYTES: usize = 12;

/// Reads the header that a trusted peer must send, and not a byte more. `None` where there is none: nobody knows then whose
/// the connection is, and it is to be closed.
pub(super) async fn origin(socket: &mut TcpStream, peer: SocketAddr) -> Option<Origin> {
    let mut header = Vec::new();
    let mut wanted = FIRST_BYTES;
    loop {
        let missing = wanted.checked_sub(header.len()).filter(|missing| *missing > 0)?;
        let missing = u64::try_from(missing).ok()?;
        if (&mut *socket).take(missing).read_to_end(&mut header).await.ok()? == 0 {
            return None;
        }
        match parse_proxy_header(&header) {
            ProxyHeader::NeedMore { at_least } => wanted = at_least,
            ProxyHeader::Header { len, source } if len == header.len() => {
                return Some(Origin::Known(source));
            }
            ProxyHeader::Local { len } if len == header.len() => return Some(Origin::Known(peer)),
            ProxyHeader::Unknown { len } if len == header.len() => return Some(Origin::Unknown),
            // INVARIANT: no more is read than the header has.
            ProxyHeader::Header { .. }
            | ProxyHeader::Invalid
            | ProxyHeader::Local { .. }
            | ProxyHeader::Unknown { .. } => return None,
        }
    }
}
