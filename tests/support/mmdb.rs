//! A minimal MMDB writer for tests: IPv6 tree with IPv4 at `::/96`, 32-bit records, no pointers.
//!
//! Written from the specification (`MaxMind` DB 2.0), not from the reader under test. Include it by
//! `#[cfg(test)] #[path = ".."] mod mmdb;`: the `cfg` tells the linter that this is a test, where it may panic.
#![expect(clippy::arithmetic_side_effects, reason = "test databases are small")]

use std::net::IpAddr;

use serde_json::Value;

/// A database of `networks`, each a CIDR text with its record; inner networks win over outer ones. Of JSON numbers only
/// unsigned ones that fit 32 bits are written as such.
///
/// # Panics
/// When a network or a record cannot be written: the test is wrong.
pub(crate) fn mmdb(kind: &str, build_epoch: u64, networks: &[(&str, Value)]) -> Vec<u8> {
    let mut rows: Vec<(u128, u32, usize)> = Vec::new();
    let mut data = Vec::new();
    for (network, record) in networks {
        let (address, length) = network.split_once('/').expect("a network has a prefix");
        let length: u32 = length.parse().expect("a prefix is a number");
        let (bits, length) = match address.parse().expect("a network starts with an address") {
            IpAddr::V4(v4) => (u128::from(v4.to_bits()), length + 96),
            IpAddr::V6(v6) => (v6.to_bits(), length),
        };
        assert!(length > 0, "the root is a node");
        rows.push((bits, length, data.len()));
        encode(record, &mut data);
    }
    rows.sort_by_key(|row| row.1);
    let mut nodes = vec![[Child::Empty; 2]];
    for (bits, length, offset) in rows {
        let mut node = 0;
        for depth in 0..length {
            let side = usize::from(bits >> (127 - depth) & 1 == 1);
            if depth + 1 == length {
                nodes[node][side] = Child::Data(offset);
            } else if let Child::Node(next) = nodes[node][side] {
                node = next;
            } else {
                // What covered the whole half covers both parts of it.
                nodes.push([nodes[node][side]; 2]);
                nodes[node][side] = Child::Node(nodes.len() - 1);
                node = nodes.len() - 1;
            }
        }
    }
    let mut file = Vec::new();
    for child in nodes.iter().flatten() {
        let value = match child {
            Child::Data(offset) => nodes.len() + 16 + offset,
            Child::Empty => nodes.len(),
            Child::Node(node) => *node,
        };
        file.extend(u32::try_from(value).expect("a test database is small").to_be_bytes());
    }
    file.extend([0; 16]);
    file.extend(data);
    file.extend(b"\xab\xcd\xefMaxMind.com");
    metadata(kind, build_epoch, nodes.len(), &mut file);
    file
}

#[derive(Clone, Copy)]
enum Child {
    Data(usize),
    Empty,
    Node(usize),
}

fn metadata(kind: &str, build_epoch: u64, nodes: usize, out: &mut Vec<u8>) {
    header(MAP, 9, out);
    for (key, number) in [
        ("binary_format_major_version", 2),
        ("binary_format_minor_version", 0),
        ("ip_version", 6),
        ("record_size", 32),
    ] {
        text(key, out);
        unsigned(U16, number, out);
    }
    text("build_epoch", out);
    unsigned(U64, build_epoch, out);
    text("node_count", out);
    unsigned(U32, nodes as u64, out);
    text("database_type", out);
    text(kind, out);
    text("description", out);
    header(MAP, 0, out);
    text("languages", out);
    header(ARRAY, 0, out);
}

const STRING: u8 = 2;
const U16: u8 = 5;
const U32: u8 = 6;
const MAP: u8 = 7;
const U64: u8 = 9;
const ARRAY: u8 = 11;
const BOOLEAN: u8 = 14;

fn encode(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Array(items) => {
            header(ARRAY, items.len(), out);
            items.iter().for_each(|item| encode(item, out));
        }
        Value::Bool(truth) => header(BOOLEAN, usize::from(*truth), out),
        Value::Null => panic!("an MMDB has no null"),
        Value::Number(number) => unsigned(U32, number.as_u64().expect("unsigned"), out),
        Value::Object(members) => {
            header(MAP, members.len(), out);
            for (key, member) in members {
                text(key, out);
                encode(member, out);
            }
        }
        Value::String(string) => text(string, out),
    }
}

fn text(text: &str, out: &mut Vec<u8>) {
    header(STRING, text.len(), out);
    out.extend(text.as_bytes());
}

/// Big-endian without leading zero bytes.
fn unsigned(kind: u8, number: u64, out: &mut Vec<u8>) {
    let bytes = number.to_be_bytes();
    let digits = &bytes[number.leading_zeros() as usize / 8..];
    header(kind, digits.len(), out);
    out.extend(digits);
}

fn header(kind: u8, size: usize, out: &mut Vec<u8>) {
    let (low, more) = match size {
        0..=28 => (size, None),
        29..=284 => (29, Some(size - 29)),
        _ => panic!("a test value has at most 284 bytes"),
    };
    let low = u8::try_from(low).expect("five bits");
    match kind {
        0..=7 => out.push(kind << 5 | low),
        _ => out.extend([low, kind - 7]),
    }
    out.extend(more.map(|more| u8::try_from(more).expect("one byte")));
}
