//! The elements of `X-Forwarded-For` and `Forwarded` (RFC 7239 4).

use std::fmt;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

use smallvec::SmallVec;

/// One hop as a header names it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Element<'a> {
    /// The element, or where it cannot be told apart what is left of the line.
    text: &'a [u8],
    /// Its node, without quotes; absent where there is none that can be read.
    node: Option<&'a [u8]>,
}

impl Element<'_> {
    /// The address, unwrapped from its IPv4-mapped form.
    pub(super) fn address(&self) -> Option<IpAddr> {
        let node = std::str::from_utf8(self.node?).ok()?;
        parse_node(node).map(|address| address.to_canonical())
    }
}

impl fmt::Display for Element<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", String::from_utf8_lossy(self.text))
    }
}

/// The elements of one `X-Forwarded-For` value. An empty value is one empty element.
pub(super) fn push_list<'a>(value: &'a [u8], elements: &mut SmallVec<[Element<'a>; 8]>) {
    elements.extend(value.split(|byte| *byte == b',').map(|text| {
        let text = trim(text);
        Element { text, node: Some(text) }
    }));
}

/// The elements of one `Forwarded` value. Where the grammar breaks, the rest of the line is one element without a node.
pub(super) fn push_forwarded<'a>(value: &'a [u8], elements: &mut SmallVec<[Element<'a>; 8]>) {
    let mut rest = value;
    loop {
        match forwarded_element(rest) {
            Some((node, after)) => {
                let length = rest.len().saturating_sub(after.len());
                elements.push(Element { text: trim(rest.get(..length).unwrap_or(rest)), node });
                match after.split_first() {
                    Some((_comma, next)) => rest = next,
                    None => return,
                }
            }
            None => {
                // What stood before the fault may belong to it: a stray quote swallows what a proxy appended.
                elements.push(Element { text: trim(rest), node: None });
                return;
            }
        }
    }
}

/// One `forwarded-element`: the node of its `for`, if it has exactly one, and what follows, from the comma on.
fn forwarded_element(mut rest: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let (mut node, mut nodes) = (None, 0_u8);
    loop {
        rest = rest.trim_ascii_start();
        let end = rest.iter().position(|byte| !is_token(*byte)).unwrap_or(rest.len());
        let (name, after) = rest.split_at_checked(end)?;
        if name.is_empty() {
            return None;
        }
        let (value, after) = pair_value(after.strip_prefix(b"=")?)?;
        if name.eq_ignore_ascii_case(b"for") {
            node = Some(value);
            nodes = nodes.saturating_add(1);
        }
        rest = after.trim_ascii_start();
        match rest.first() {
            None | Some(b',') => return Some((node.filter(|_| nodes == 1), rest)),
            Some(b';') => rest = rest.get(1..)?,
            Some(_) => return None,
        }
    }
}

/// A token or a quoted string. Brackets and colons pass without quotes, as proxies send them; a node with a backslash is
/// nothing we can read, so escapes need not be undone.
fn pair_value(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let Some(quoted) = text.strip_prefix(b"\"") else {
        let bare = |byte: u8| is_token(byte) || matches!(byte, b':' | b'[' | b']');
        let end = text.iter().position(|byte| !bare(*byte)).unwrap_or(text.len());
        return text.split_at_checked(end).filter(|(value, _)| !value.is_empty());
    };
    let mut escaped = false;
    let end = quoted.iter().position(|byte| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    })?;
    let (value, after) = quoted.split_at_checked(end)?;
    Some((value, after.get(1..)?))
}

/// RFC 9110 5.6.2 `tchar`.
const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

/// `ip`, `ip:port`, `[v6]` or `[v6]:port`.
fn parse_node(node: &str) -> Option<IpAddr> {
    if let Some(bracketed) = node.strip_prefix('[') {
        let (address, port) = bracketed.split_once(']')?;
        if !port.is_empty() && !is_port(port.strip_prefix(':')?) {
            return None;
        }
        return address.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    }
    if let Ok(address) = node.parse::<IpAddr>() {
        return Some(address);
    }
    let (address, port) = node.split_once(':')?;
    let address = address.parse::<Ipv4Addr>().ok()?;
    is_port(port).then_some(IpAddr::V4(address))
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

/// Without optional white space (RFC 9110 5.6.3): blanks and tabs only.
fn trim(text: &[u8]) -> &[u8] {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let Some(start) = text.iter().position(|byte| !is_blank(byte)) else {
        return &[];
    };
    let end = text.iter().rposition(|byte| !is_blank(byte)).unwrap_or(start);
    text.get(start..=end).unwrap_or(text)
}
