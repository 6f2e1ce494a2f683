//! Which refusals of strangers get a record of their own, and which are counted under a summary's id.
//!
//! **What it is for.** A refusal costs a stranger nothing and the ledger a record and a sync. Up to a limit a minute and client network
//! each is recorded; of those beyond, one summary tells, whose record exists before any answer bears its id.
//!
//! **What it must never do.** Count what is allowed, what is asked by whoever is vouched for, or the decision API; decide anything; grow
//! with the number of addresses without bound; hold a lock during a sync.
//!
//! **INVARIANTS**
//! * A summary that was opened is ended once: it is handed out by [`Flood::turn`] and by nothing else.
//! * At most [`NETWORKS`] networks and clients are told apart in a minute; all others share one bucket.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::mem;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use ipnet::IpNet;

use super::summary::Summary;

/// Networks and clients that are told apart in one minute.
const NETWORKS: usize = 65_536;
/// The same while the file system has less free than the reserve: each costs two records a minute.
const NETWORKS_IN_RESERVE: usize = 1_024;
/// Locks of the table.
const SHARDS: usize = 64;
/// Refused orders of one network, in multiples of the refusals.
const ORDERS_OF_NETWORK: u32 = 10;
/// Refused orders of one client: that part of the refusals of a network.
const ORDERS_OF_CLIENT: u32 = 4;
/// What is left of the limits of orders while the reserve is reached.
const ORDERS_IN_RESERVE: u32 = 10;

/// What is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Matter {
    /// An order that was decided: somebody may have to clear it, or to show that it was refused.
    Order,
    /// A delivery, or what could not be read.
    Other,
}

/// Refusals of strangers in the present minute.
#[derive(Debug)]
pub(super) struct Flood {
    hasher: RandomState,
    others: Mutex<Bucket>,
    refusals: u32,
    shards: Vec<Mutex<Shard>>,
    tracked: AtomicUsize,
    /// Summaries whose end could not be written yet.
    unwritten: Mutex<Vec<Arc<Summary>>>,
}

#[derive(Debug, Default)]
struct Shard {
    buckets: HashMap<Whose, Bucket>,
    /// Summaries of minutes that are over.
    over: Vec<Arc<Summary>>,
}

/// Whose refusals a bucket counts.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Whose {
    Client(IpNet),
    Network(IpNet),
}

#[derive(Debug, Default)]
struct Bucket {
    minute: i64,
    orders: u32,
    others: u32,
    summary: Option<Arc<Summary>>,
}

/// How many a minute are recorded one by one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Limits {
    networks: usize,
    orders_of_client: u32,
    orders_of_network: u32,
    refusals: u32,
}

impl Flood {
    /// With so many refusals a minute and network that are recorded one by one.
    pub(super) fn new(refusals_per_minute: u32) -> Self {
        Self {
            hasher: RandomState::new(),
            others: Mutex::default(),
            refusals: refusals_per_minute,
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            tracked: AtomicUsize::new(0),
            unwritten: Mutex::default(),
        }
    }

    /// Counts a refusal to `client` in a minute (since 1970): none where it gets a record of its own.
    pub(super) fn over(
        &self,
        minute: i64,
        client: IpAddr,
        matter: Matter,
        in_reserve: bool,
    ) -> Option<Arc<Summary>> {
        let limits = self.limits(in_reserve);
        let client = client.to_canonical();
        let network = prefix(client, 24, 48);
        let is_over = match matter {
            Matter::Other => false,
            Matter::Order => {
                let whose = Whose::Client(prefix(client, 32, 64));
                let count = |bucket: &mut Bucket| bucket.orders.is_over(limits.orders_of_client);
                self.with(whose, minute, limits.networks, count).unwrap_or(false)
            }
        };
        let count = |bucket: &mut Bucket, network: Option<IpNet>| {
            let is_over = is_over
                || match matter {
                    Matter::Order => bucket.orders.is_over(limits.orders_of_network),
                    Matter::Other => bucket.others.is_over(limits.refusals),
                };
            is_over.then(|| bucket.summary(network))
        };
        let whose = Whose::Network(network);
        let known =
            self.with(whose, minute, limits.networks, |bucket| count(bucket, Some(network)));
        known.unwrap_or_else(|| {
            let mut shared = lock(&self.others);
            let past = shared.begin(minute);
            let summary = count(&mut shared, None);
            drop(shared);
            lock(&self.unwritten).extend(past);
            summary
        })
    }

    /// Takes out what belongs to minutes before that one. The summaries are to be ended.
    pub(super) fn turn(&self, minute: i64) -> Vec<Arc<Summary>> {
        let mut over = mem::take(&mut *lock(&self.unwritten));
        for shard in &self.shards {
            let mut shard = lock(shard);
            over.append(&mut shard.over);
            let past = shard.buckets.extract_if(|_, bucket| bucket.minute < minute);
            let mut count = 0_usize;
            over.extend(past.filter_map(|(_, bucket)| {
                count = count.saturating_add(1);
                bucket.summary
            }));
            if count > 0 {
                // What a flood has made grow does not stay.
                shard.buckets.shrink_to_fit();
                self.tracked.fetch_sub(count, Ordering::Relaxed);
            }
        }
        over.extend(lock(&self.others).begin(minute));
        over
    }

    /// Keeps summaries whose end could not be written, for the next [`Flood::turn`].
    pub(super) fn keep(&self, summaries: impl IntoIterator<Item = Arc<Summary>>) {
        lock(&self.unwritten).extend(summaries);
    }

    /// Networks and clients that are told apart now.
    pub(super) fn tracked(&self) -> usize {
        self.tracked.load(Ordering::Relaxed)
    }

    fn limits(&self, in_reserve: bool) -> Limits {
        let refusals = self.refusals;
        let of_client = refusals.div_ceil(ORDERS_OF_CLIENT);
        let of_network = refusals.saturating_mul(ORDERS_OF_NETWORK);
        if in_reserve {
            return Limits {
                networks: NETWORKS_IN_RESERVE,
                orders_of_client: of_client.div_ceil(ORDERS_IN_RESERVE),
                orders_of_network: of_network.div_ceil(ORDERS_IN_RESERVE),
                refusals: 0,
            };
        }
        Limits {
            networks: NETWORKS,
            orders_of_client: of_client,
            orders_of_network: of_network,
            refusals,
        }
    }

    /// Runs with a bucket of the present minute; none where it is a new one too many.
    fn with<T>(
        &self,
        whose: Whose,
        minute: i64,
        capacity: usize,
        run: impl FnOnce(&mut Bucket) -> T,
    ) -> Option<T> {
        let hash = usize::try_from(self.hasher.hash_one(whose) >> 32).unwrap_or(0);
        let mut shard = lock(self.shards.get(hash.checked_rem(SHARDS)?)?);
        let Shard { buckets, over } = &mut *shard;
        let bucket = match buckets.entry(whose) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                if self.tracked.fetch_add(1, Ordering::Relaxed) >= capacity {
                    self.tracked.fetch_sub(1, Ordering::Relaxed);
                    return None;
                }
                entry.insert(Bucket { minute, ..Bucket::default() })
            }
        };
        over.extend(bucket.begin(minute));
        Some(run(bucket))
    }
}

impl Bucket {
    /// Begins a minute, if it is another one; hands out the summary of the one before.
    fn begin(&mut self, minute: i64) -> Option<Arc<Summary>> {
        if minute <= self.minute {
            return None;
        }
        mem::replace(self, Self { minute, ..Self::default() }).summary
    }

    fn summary(&mut self, network: Option<IpNet>) -> Arc<Summary> {
        let made = || Arc::new(Summary::new(network, self.minute));
        Arc::clone(self.summary.get_or_insert_with(made))
    }
}

/// A count that tells when it has gone beyond a limit.
trait Count {
    fn is_over(&mut self, limit: u32) -> bool;
}

impl Count for u32 {
    fn is_over(&mut self, limit: u32) -> bool {
        *self = self.saturating_add(1);
        *self > limit
    }
}

fn prefix(address: IpAddr, v4: u8, v6: u8) -> IpNet {
    let length = if address.is_ipv4() { v4 } else { v6 };
    IpNet::new(address, length).map_or_else(|_| address.into(), |network| network.trunc())
}

/// Nothing is half-made under these locks when a thread panics.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::net::Ipv6Addr;

    use super::*;

    fn is_over(flood: &Flood, minute: i64, client: &str, matter: Matter) -> bool {
        flood.over(minute, client.parse().unwrap(), matter, false).is_some()
    }

    fn nth(n: u32) -> IpAddr {
        let [_, a, b, c] = n.to_be_bytes();
        Ipv4Addr::new(a.saturating_add(10), b, c, 1).into()
    }

    #[test]
    fn a_network_is_counted_together_and_apart_from_its_neighbours() {
        for (same, other) in [
            (["192.0.2.1", "192.0.2.255"], "192.0.3.1"),
            (["::ffff:192.0.2.9", "192.0.2.1"], "::ffff:192.0.3.1"),
            (["2001:db8:1::1", "2001:db8:1:ffff::2"], "2001:db8:2::1"),
        ] {
            let flood = Flood::new(3);
            let over = (0..5).map(|n| is_over(&flood, 1, same[n % 2], Matter::Other));
            assert_eq!(over.collect::<Vec<_>>(), [false, false, false, true, true]);
            assert!(!is_over(&flood, 1, other, Matter::Other));
        }
    }

    #[test]
    fn a_minute_later_all_are_recorded_again_and_one_summary_is_to_be_ended() {
        let flood = Flood::new(1);
        assert!(!is_over(&flood, 1, "192.0.2.1", Matter::Other));
        let summary = flood.over(1, "192.0.2.2".parse().unwrap(), Matter::Other, false).unwrap();
        let same = flood.over(1, "192.0.2.3".parse().unwrap(), Matter::Other, false).unwrap();
        assert!(Arc::ptr_eq(&summary, &same));
        assert!(flood.turn(1).is_empty(), "the minute is not over");
        // Whether a request or the clock notices the new minute first.
        for is_busy in [true, false] {
            if is_busy {
                assert!(!is_over(&flood, 2, "192.0.2.1", Matter::Other));
            }
            let over = flood.turn(2);
            assert_eq!(over.len(), usize::from(is_busy));
        }
        assert_eq!(flood.tracked(), 1);
        assert!(flood.turn(3).is_empty());
        assert_eq!(flood.tracked(), 0);
        assert!(is_over(&flood, 5, "192.0.2.1", Matter::Other) || flood.turn(6).is_empty());
    }

    #[test]
    fn a_minute_that_is_over_for_one_who_is_late_does_not_come_back() {
        let flood = Flood::new(1);
        assert!(!is_over(&flood, 2, "192.0.2.1", Matter::Other));
        assert!(is_over(&flood, 1, "192.0.2.1", Matter::Other), "counted in minute 2");
    }

    #[test]
    fn orders_are_limited_by_client_so_that_nobody_uses_up_what_is_his_neighbours() {
        let flood = Flood::new(120);
        let order = |client: &str| is_over(&flood, 1, client, Matter::Order);
        assert_eq!((0..40).filter(|_| order("192.0.2.1")).count(), 10);
        assert!(!order("192.0.2.2"));
        // A client of IPv6 has 64 bits of addresses.
        let rotating = |n: u16| Ipv6Addr::new(0x2001, 0xdb8, 1, 2, 0, 0, 0, n).to_string();
        assert_eq!((0..40).filter(|n| order(&rotating(*n))).count(), 10);
        // Neither limit uses up the other.
        let others = (0..130).filter(|_| is_over(&flood, 1, "192.0.2.1", Matter::Other)).count();
        assert_eq!(others, 10);
    }

    #[test]
    fn a_network_of_many_clients_has_a_limit_of_orders_too() {
        let flood = Flood::new(120);
        let client = |n: u16| IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, 1, n, 0, 0, 0, 1));
        let over = (0..1_300).filter(|n| flood.over(1, client(*n), Matter::Order, false).is_some());
        assert_eq!(over.count(), 100);
    }

    #[test]
    fn in_reserve_all_but_a_few_orders_are_summarised_and_few_networks_told_apart() {
        let flood = Flood::new(120);
        let over = |client: IpAddr, matter| flood.over(1, client, matter, true).is_some();
        assert!(over(nth(1), Matter::Other));
        assert_eq!((0..10).filter(|_| over(nth(2), Matter::Order)).count(), 7);
        for n in 0..2_000 {
            assert!(over(nth(n), Matter::Other));
        }
        assert_eq!(flood.tracked(), NETWORKS_IN_RESERVE);
        assert_eq!(
            flood.turn(2).len(),
            NETWORKS_IN_RESERVE,
            "one of them is a client, and one is shared"
        );
    }

    #[test]
    fn memory_is_bounded_and_what_does_not_fit_shares_one_bucket() {
        let flood = Flood::new(10);
        let networks = u32::try_from(NETWORKS).unwrap();
        let over = |n| flood.over(1, nth(n), Matter::Other, false).is_some();
        assert_eq!((0..networks.saturating_add(20)).filter(|n| over(*n)).count(), 10);
        assert_eq!(flood.tracked(), NETWORKS);
        assert!(!over(5), "who is known keeps a bucket of his own");
        assert_eq!(flood.turn(2).len(), 1);
        assert_eq!(flood.tracked(), 0);
    }
}
