//! A longest-prefix table over disjoint sorted ranges: built once, then two binary searches at most.

use std::net::IpAddr;

use ipnet::IpNet;

/// What is known of networks, immutable, found by address.
///
/// Overlapping networks are cut into disjoint ranges when the table is built, so that a look-up is one binary search
/// whatever the nesting.
#[derive(Debug)]
pub(super) struct PrefixTable<T> {
    v4: Ranges<u32, T>,
    v6: Ranges<u128, T>,
}

#[derive(Debug)]
struct Ranges<K, T> {
    // INVARIANT: strictly ascending; `values` is as long; a range reaches to the next start, the last one to the end.
    starts: Box<[K]>,
    values: Box<[Option<T>]>,
}

impl<T: Copy> PrefixTable<T> {
    /// A table of `rows`; `nest(outer, inner)` is what holds where one network lies in another, or is given again.
    pub(super) fn new(rows: &[(IpNet, T)], nest: impl Fn(T, T) -> T) -> Self {
        let mut v4 = Vec::new();
        let mut v6 = Vec::new();
        for (network, value) in rows {
            match network {
                IpNet::V4(net) => {
                    v4.push((net.network().to_bits(), net.broadcast().to_bits(), *value));
                }
                IpNet::V6(net) => {
                    v6.push((net.network().to_bits(), net.broadcast().to_bits(), *value));
                }
            }
        }
        Self { v4: Ranges::new(v4, &nest), v6: Ranges::new(v6, &nest) }
    }

    /// What is known of an address.
    pub(super) fn find(&self, address: IpAddr) -> Option<T> {
        match address {
            IpAddr::V4(v4) => self.v4.find(v4.to_bits()),
            IpAddr::V6(v6) => self.v6.find(v6.to_bits()),
        }
    }
}

impl<K: Key, T: Copy> Ranges<K, T> {
    fn new(mut networks: Vec<(K, K, T)>, nest: &impl Fn(T, T) -> T) -> Self {
        // Outer networks before those inside them; a stable sort, so that a network given twice nests in file order.
        networks.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
        let mut ranges = Builder { starts: Vec::new(), values: Vec::new() };
        let mut open: Vec<(K, T)> = Vec::new();
        for (first, last, value) in networks {
            while open.last().is_some_and(|(end, _)| *end < first) {
                ranges.close(&mut open);
            }
            let value = open.last().map_or(value, |(_, outer)| nest(*outer, value));
            ranges.begin(first, Some(value));
            open.push((last, value));
        }
        while !open.is_empty() {
            ranges.close(&mut open);
        }
        Self { starts: ranges.starts.into(), values: ranges.values.into() }
    }

    fn find(&self, key: K) -> Option<T> {
        let at = self.starts.partition_point(|start| *start <= key).checked_sub(1)?;
        *self.values.get(at)?
    }
}

struct Builder<K, T> {
    starts: Vec<K>,
    values: Vec<Option<T>>,
}

impl<K: Key, T: Copy> Builder<K, T> {
    /// From `start` on `value` holds.
    fn begin(&mut self, start: K, value: Option<T>) {
        if self.starts.last() == Some(&start) {
            self.starts.pop();
            self.values.pop();
        }
        self.starts.push(start);
        self.values.push(value);
    }

    /// Ends the innermost open network; what holds behind it is the one around it.
    fn close(&mut self, open: &mut Vec<(K, T)>) {
        if let Some((end, _)) = open.pop()
            && let Some(behind) = end.next()
        {
            self.begin(behind, open.last().map(|(_, value)| *value));
        }
    }
}

trait Key: Copy + Ord {
    fn next(self) -> Option<Self>;
}

impl Key for u32 {
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
}

impl Key for u128 {
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use ipnet::{Ipv4Net, Ipv6Net};
    use proptest::prelude::*;

    use super::*;

    /// The most boring longest-prefix match: look at every row; of equal ones the last holds.
    fn longest(rows: &[(IpNet, u16)], address: IpAddr) -> Option<u16> {
        rows.iter()
            .filter(|(network, _)| network.contains(&address))
            .max_by_key(|(network, _)| network.prefix_len())
            .map(|(_, value)| *value)
    }

    /// Networks crowded into few bits, so that they nest, touch and repeat; and the ends of the number line.
    fn network() -> impl Strategy<Value = IpNet> {
        let edge = prop_oneof![Just(0_u32), Just(0x0a00_0000), Just(0xffff_ff00)];
        let v4 = (edge, 0_u32..256, prop_oneof![Just(0_u8), Just(8), 24..=32_u8]).prop_map(
            |(base, low, length)| {
                IpNet::V4(Ipv4Net::new_assert((base | low).into(), length)).trunc()
            },
        );
        let edge = prop_oneof![Just(0_u128), Just(0x2001 << 112), Just(u128::MAX - 255)];
        let v6 = (edge, 0_u128..256, prop_oneof![Just(0_u8), Just(16), 120..=128_u8]).prop_map(
            |(base, low, length)| {
                IpNet::V6(Ipv6Net::new_assert((base | low).into(), length)).trunc()
            },
        );
        prop_oneof![v4, v6]
    }

    proptest! {
        #[test]
        fn the_table_agrees_with_a_linear_scan(
            networks in prop::collection::vec((network(), any::<u16>()), 0..40),
            probes in prop::collection::vec(network(), 1..40),
        ) {
            let table = PrefixTable::new(&networks, |_, inner| inner);
            for address in probes.iter().chain(networks.iter().map(|(network, _)| network)) {
                for address in [address.network(), address.broadcast()] {
                    prop_assert_eq!(table.find(address), longest(&networks, address), "{}", address);
                }
            }
        }

        #[test]
        fn nested_values_can_add_up(
            networks in prop::collection::vec((network(), 0_u16..8).prop_map(|(n, bit)| (n, 1 << bit)), 0..40),
            probe in network(),
        ) {
            let table = PrefixTable::new(&networks, |outer, inner| outer | inner);
            let address = probe.network();
            let union = networks
                .iter()
                .filter(|(network, _)| network.contains(&address))
                .fold(0, |sum, (_, bit)| sum | bit);
            prop_assert_eq!(table.find(address).unwrap_or(0), union);
        }
    }

    #[test]
    fn an_empty_table_knows_nothing() {
        let table = PrefixTable::<u16>::new(&[], |_, inner| inner);
        assert_eq!(table.find(Ipv4Addr::BROADCAST.into()), None);
        assert_eq!(table.find(Ipv6Addr::UNSPECIFIED.into()), None);
    }
}
