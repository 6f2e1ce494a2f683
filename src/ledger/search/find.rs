//! Finds the newest records that meet a query: by the index as far as it goes, by reading where it does not.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use jiff::Timestamp;
use serde_json::Map;
use serde_json::Value;

use super::super::error::LedgerError;
use super::super::parts::Parts;
use super::super::personal::SubjectKeys;
use super::super::reader::Record;
use super::super::tree::STEP;
use super::super::tree::ServedLog;
use super::fetch::Fetcher;
use super::index::Fault;
use super::index::Index;
use super::postings::BLOCK;
use super::postings::Bits;
use super::query::Query;
use super::terms::Field;

/// Groups of records in a block.
const GROUPS: u64 = BLOCK / STEP;
/// How far before and behind the instant of an id its record is looked for first.
const NEAR: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(600)];

/// What a search has found.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Found {
    /// The newest first.
    pub hits: Vec<Hit>,
    /// Records before this sequence number were not looked at; give it as [`Query::before`] to go on. None: that were all.
    pub next: Option<u64>,
}

/// A record that meets the query.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Hit {
    /// When it was made.
    pub instant: Timestamp,
    /// Its sequence number.
    pub sequence: u64,
    payload: Vec<u8>,
}

impl Hit {
    /// Its export view, with what is encrypted as far as its key is there.
    ///
    /// # Errors
    /// `Unreadable` if a part does not have its form.
    pub fn view(&self, keys: &SubjectKeys) -> Result<Map<String, Value>, LedgerError> {
        let Self { instant, sequence, payload } = self;
        Record { instant: *instant, payload, sequence: *sequence }.view_with(keys)
    }

    /// Its export view without the personal part, in whatever form that is kept.
    ///
    /// # Errors
    /// `Unreadable` if a part does not have its form.
    pub fn view_without_personal(&self) -> Result<Map<String, Value>, LedgerError> {
        let parts = Parts::read(&self.payload);
        let view = parts.and_then(|parts| parts.view(self.sequence, None).ok());
        view.ok_or(LedgerError::Unreadable { sequence: self.sequence })
    }

    /// Whether it has a personal part, and whether that is encrypted.
    #[must_use]
    pub fn personal(&self) -> Personal {
        match Parts::read(&self.payload) {
            Some(parts) if parts.personal.is_none() => Personal::None,
            Some(parts) if parts.subject_key().is_some() => Personal::Encrypted,
            Some(_) => Personal::Clear,
            None => Personal::None,
        }
    }

    /// One without content.
    #[cfg(test)]
    pub(super) fn made(instant: Timestamp, sequence: u64) -> Self {
        Self { instant, payload: Vec::new(), sequence }
    }

    pub(super) fn of(record: &Record<'_>) -> Self {
        let Record { instant, payload, sequence } = *record;
        Self { instant, payload: payload.to_vec(), sequence }
    }
}

/// How a record keeps what is of a person.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Personal {
    /// As it was said, or masked.
    Clear,
    /// Under a key of whom it is about.
    Encrypted,
    /// It has no such part.
    None,
}

/// What is known beside the records.
pub(super) struct Known<'a> {
    /// The index and how many blocks it covers.
    pub(super) index: Option<(&'a Index, u64)>,
    /// The keys of what is encrypted.
    pub(super) keys: Arc<SubjectKeys>,
    /// The tags of the query's terms.
    pub(super) tags: &'a [u64],
    /// What is indexed in memory behind that: up to which record, and where all tags are.
    pub(super) tail: Option<(u64, Bits)>,
}

/// When a search stops, and whom it tells how far it is.
pub(super) struct Pace<'a> {
    pub(super) told: &'a mut (dyn FnMut(u64, u64) + Send),
    pub(super) until: Option<Instant>,
}

struct Search<'a> {
    fetcher: Fetcher<'a>,
    found: Found,
    /// Where the query's range begins and ends.
    low: u64,
    high: u64,
    keys: Arc<SubjectKeys>,
    pace: Pace<'a>,
    query: &'a Query,
    terms: Vec<(Field, String)>,
}

/// Searches the ledger in `dir`.
pub(super) fn find<'a>(
    dir: &'a Path,
    query: &'a Query,
    known: &Known<'_>,
    pace: Pace<'a>,
) -> Result<Found, Fault> {
    let high = query.before.unwrap_or(u64::MAX);
    let (fetcher, found, terms) = (Fetcher::new(dir), Found::default(), query.terms());
    let keys = Arc::clone(&known.keys);
    let mut search = Search { fetcher, found, low: 0, high, keys, pace, query, terms };
    if query.limit == 0 {
        return Ok(search.found);
    }
    search.bound(query.from, query.to);
    if query.id.is_some() {
        // What is no id is nobody's.
        let Some(made) = query.made() else { return Ok(search.found) };
        if query.before.is_none() && search.near(made)? {
            return Ok(search.found);
        }
    }
    let published = ServedLog::of(dir).size()?;
    let blocks = known.index.map_or(0, |(_, blocks)| blocks);
    let in_sled = blocks.saturating_mul(BLOCK);
    let covered = known.tail.as_ref().map_or(in_sled, |(end, _)| *end);
    let end = published.max(covered);
    let done = search.newest(end)?
        || search.read(covered, end)?
        || search.tail(in_sled, known)?
        || search.blocks(blocks, known)?;
    if !done {
        search.found.next = None;
    }
    Ok(search.found)
}

impl Search<'_> {
    /// Narrows the range to what lies in a time, as far as that is known for sure.
    fn bound(&mut self, from: Option<Timestamp>, to: Option<Timestamp>) {
        if let Some(place) = from.and_then(|from| self.fetcher.earlier(from)) {
            self.low = self.low.max(place.sequence);
        }
        let Some(to) = to else { return };
        if let Some(place) = self.fetcher.earlier(to) {
            let next = place.sequence.saturating_add(STEP);
            if self.fetcher.not_earlier(next, to) {
                self.high = self.high.min(next);
            }
        }
    }

    /// Looks for an id around the instant at which it was made. True if it is found.
    fn near(&mut self, made: Timestamp) -> Result<bool, Fault> {
        for around in NEAR {
            let (Ok(from), Ok(to)) = (made.checked_sub(around), made.checked_add(around)) else {
                continue;
            };
            let low = self.fetcher.earlier(from).map_or(0, |place| place.sequence).max(self.low);
            let (query, terms, high) = (self.query, &self.terms, self.high);
            let keys = Arc::clone(&self.keys);
            let until = self.pace.until;
            let mut hit = None;
            self.fetcher.onwards(low, &mut |record| {
                if record.sequence >= high || record.instant > to {
                    return false;
                }
                if query.is_met(terms, &keys, record) {
                    hit = Some(Hit::of(record));
                }
                let late = record.sequence.is_multiple_of(STEP)
                    && until.is_some_and(|until| Instant::now() >= until);
                hit.is_none() && !late
            })?;
            if hit.is_some() {
                self.found.hits.extend(hit);
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Reads what may not be published yet, from `first` to whatever the end is. True if the search is at its end.
    fn newest(&mut self, first: u64) -> Result<bool, Fault> {
        let first = first.max(self.low);
        if first >= self.high {
            return Ok(false);
        }
        let (query, terms, high) = (self.query, &self.terms, self.high);
        let keys = Arc::clone(&self.keys);
        let (mut newest, mut dropped) = (VecDeque::new(), false);
        self.fetcher.onwards(first, &mut |record| {
            if record.sequence >= high {
                return false;
            }
            if query.is_met(terms, &keys, record) {
                if newest.len() >= query.limit {
                    newest.pop_front();
                    dropped = true;
                }
                newest.push_back(Hit::of(record));
            }
            true
        })?;
        let full = newest.len() >= query.limit;
        let oldest = newest.front().map(|hit: &Hit| hit.sequence);
        self.found.hits.extend(newest.into_iter().rev());
        self.high = self.high.min(first);
        if full {
            self.found.next = oldest.filter(|oldest| dropped || *oldest > self.low);
        }
        Ok(full)
    }

    /// Reads the records from `first` to `end`, the newest first.
    fn read(&mut self, first: u64, end: u64) -> Result<bool, Fault> {
        let (first, end) = (first.max(self.low), end.min(self.high));
        if first >= end {
            return Ok(false);
        }
        let mut group = end.div_ceil(STEP);
        let total = end.saturating_sub(first);
        while group > first / STEP {
            group = group.saturating_sub(1);
            if self.group(group, &|sequence| (first..end).contains(&sequence))? {
                return Ok(true);
            }
            let done = end.saturating_sub(group.saturating_mul(STEP)).min(total);
            (self.pace.told)(done, total);
        }
        Ok(false)
    }

    fn tail(&mut self, first: u64, known: &Known<'_>) -> Result<bool, Fault> {
        let Some((end, bits)) = &known.tail else { return Ok(false) };
        self.places(first, *end, bits)
    }

    /// The blocks of the index, the newest first.
    fn blocks(&mut self, blocks: u64, known: &Known<'_>) -> Result<bool, Fault> {
        let Some((index, _)) = known.index else { return Ok(false) };
        for block in (0..blocks).rev() {
            let first = block.saturating_mul(BLOCK);
            let end = first.saturating_add(BLOCK);
            if first >= self.high {
                continue;
            }
            if end <= self.low {
                break;
            }
            let mut bits = Bits::all();
            let mut absent = false;
            for tag in known.tags {
                match index.find(block, *tag)? {
                    Some(of_tag) => bits.keep(&of_tag),
                    None => absent = true,
                }
                if absent {
                    break;
                }
            }
            if !absent && self.places(first, end, &bits)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Looks at those records of a block that may meet the query, the newest first.
    fn places(&mut self, first: u64, end: u64, bits: &Bits) -> Result<bool, Fault> {
        let (low, high) = (self.low.max(first), self.high.min(end));
        for group in (0..GROUPS).rev().filter(|group| bits.any_in(*group)) {
            let begins = first.saturating_add(group.saturating_mul(STEP));
            if begins >= high || begins.saturating_add(STEP) <= low {
                continue;
            }
            let wanted = |sequence: u64| {
                let place = u16::try_from(sequence.saturating_sub(first));
                (low..high).contains(&sequence) && place.is_ok_and(|place| bits.has(place))
            };
            if self.group(begins / STEP, &wanted)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Takes the hits of a group. True if the search is at its end: it has what it wants, or no more time.
    fn group(&mut self, group: u64, wanted: &dyn Fn(u64) -> bool) -> Result<bool, Fault> {
        let (query, terms) = (self.query, &self.terms);
        let keys = Arc::clone(&self.keys);
        let mut keep =
            |record: &Record<'_>| query.is_met(terms, &keys, record).then(|| Hit::of(record));
        let hits = self.fetcher.group(group, wanted, &mut keep)?;
        for hit in hits.into_iter().rev() {
            let sequence = hit.sequence;
            self.found.hits.push(hit);
            if self.found.hits.len() >= self.query.limit {
                self.found.next = Some(sequence).filter(|sequence| *sequence > self.low);
                return Ok(true);
            }
        }
        let late = self.pace.until.is_some_and(|until| Instant::now() >= until);
        let begins = group.saturating_mul(STEP);
        if late && begins > self.low {
            self.found.next = Some(begins);
            return Ok(true);
        }
        Ok(false)
    }
}
