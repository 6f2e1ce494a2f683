//! Rows of a CSV file, with the line and the byte where each begins, in bounded memory.
//!
//! A quote that is never closed would make one row of the rest of the file. Such a row ends at [`MAX_RECORD`] bytes or at
//! the end of the file; its first line is bad, and reading goes on at the next line. The same holds for a row of several
//! lines with the wrong number of columns, for that is what an unclosed quote before another quoted field looks like.

use std::fs::File;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::ops::Range;

use csv_core::ReadRecordResult;

/// No row is longer, in bytes without quotes.
const MAX_RECORD: usize = 256 << 10;
/// No row has more columns.
const MAX_COLUMNS: usize = 4096;
/// Bytes read at once.
const BUFFER: usize = 128 << 10;
/// A batch is handed on when it has this many rows, at the end of an order.
const BATCH_ROWS: usize = 512;
/// Or this many bytes.
const BATCH_BYTES: usize = 1 << 20;
/// Adjacent rows beyond this many are another order, so that memory stays bounded.
const MAX_LINES: usize = 1000;

/// Rows that are decided together.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Where reading goes on after it: byte and line.
    pub(super) end: Position,
    ends: Vec<usize>,
    /// Rows of each order.
    pub(super) orders: Vec<Range<usize>>,
    /// Its place in the file's order.
    pub(super) number: u64,
    rows: Vec<Span>,
    text: Vec<u8>,
}

/// A place in a file.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Position {
    /// Bytes before it.
    pub(super) byte: u64,
    /// Lines from 1.
    pub(super) line: u64,
}

#[derive(Clone, Debug)]
struct Span {
    columns: Range<usize>,
    fault: Option<String>,
    line: u64,
    start: usize,
}

/// One row of a batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    batch: &'a Batch,
    span: &'a Span,
}

/// A file that is read row by row.
#[derive(Debug)]
pub(super) struct Records {
    at: usize,
    buffer: Box<[u8]>,
    core: csv_core::Reader,
    delimiter: u8,
    ends: Vec<usize>,
    file: File,
    filled: usize,
    here: Position,
    held: Option<Held>,
    out: Vec<u8>,
    width: usize,
}

/// What was read into `out` and `ends`.
#[derive(Clone, Debug)]
struct Held {
    begin: Position,
    columns: usize,
    fault: Option<String>,
    length: usize,
}

impl Batch {
    /// Every row.
    pub(super) fn row(&self, at: usize) -> Option<Row<'_>> {
        self.rows.get(at).map(|span| Row { batch: self, span })
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    fn clear(&mut self) {
        self.ends.clear();
        self.orders.clear();
        self.rows.clear();
        self.text.clear();
    }
}

impl<'a> Row<'a> {
    /// The cell of that column.
    pub(super) fn cell(self, column: usize) -> &'a [u8] {
        let ends = self.batch.ends.get(self.span.columns.clone()).unwrap_or_default();
        let begin = match column.checked_sub(1) {
            Some(before) => ends.get(before).copied().unwrap_or(0),
            None => 0,
        };
        let end = ends.get(column).copied().unwrap_or(begin);
        let at = |offset: usize| self.span.start.saturating_add(offset);
        self.batch.text.get(at(begin)..at(end)).unwrap_or_default()
    }

    /// Why it cannot be read.
    pub(super) fn fault(self) -> Option<&'a str> {
        self.span.fault.as_deref()
    }

    /// The line it begins at.
    pub(super) const fn line(self) -> u64 {
        self.span.line
    }
}

/// The titles of a file's columns.
///
/// # Errors
/// When the file cannot be read or has no header.
pub fn header(file: File, delimiter: u8) -> Result<Vec<String>, std::io::Error> {
    Records::new(file, delimiter, 0).and_then(|mut records| records.header())
}

impl Records {
    /// A file from its beginning; rows have `width` columns.
    pub(super) fn new(file: File, delimiter: u8, width: usize) -> Result<Self, std::io::Error> {
        let mut records = Self {
            at: 0,
            buffer: vec![0; BUFFER].into(),
            core: core(delimiter),
            delimiter,
            ends: vec![0; 64],
            file,
            filled: 0,
            here: Position { byte: 0, line: 1 },
            held: None,
            out: vec![0; 4 << 10],
            width,
        };
        records.seek(records.here)?;
        records.fill()?;
        if records.buffer.starts_with(b"\xef\xbb\xbf") {
            records.consume(3);
        }
        Ok(records)
    }

    /// Reads the header; the rows follow.
    pub(super) fn header(&mut self) -> Result<Vec<String>, std::io::Error> {
        let invalid = |text: &str| std::io::Error::new(std::io::ErrorKind::InvalidData, text);
        if matches!(self.buffer.get(..2), Some(b"\xff\xfe" | b"\xfe\xff")) {
            return Err(invalid("it is UTF-16; save it as CSV in UTF-8"));
        }
        let Some(held) = self.read()? else { return Err(invalid("it has no header line")) };
        if let Some(fault) = held.fault {
            return Err(invalid(&format!("its header line: {fault}")));
        }
        let mut begin = 0;
        let mut titles = Vec::new();
        for end in self.ends.iter().take(held.columns) {
            let title = self.out.get(begin..*end).unwrap_or_default();
            let title =
                std::str::from_utf8(title).map_err(|_| invalid("its header is not UTF-8"))?;
            titles.push(title.to_owned());
            begin = *end;
        }
        Ok(titles)
    }

    /// Goes on at a place where a row begins.
    pub(super) fn seek(&mut self, to: Position) -> Result<(), std::io::Error> {
        self.file.seek(SeekFrom::Start(to.byte))?;
        (self.at, self.filled, self.here) = (0, 0, to);
        self.core = core(self.delimiter);
        self.held = None;
        Ok(())
    }

    /// Fills a batch with whole orders; false at the end of the file.
    pub(super) fn batch(
        &mut self,
        batch: &mut Batch,
        order: Option<usize>,
    ) -> Result<bool, std::io::Error> {
        batch.clear();
        loop {
            let held = match self.held.take() {
                Some(held) => Some(held),
                None => self.read_row()?,
            };
            let Some(held) = held else { break };
            let continues = held.fault.is_none() && self.continues(batch, order, &held);
            let full = batch.rows.len() >= BATCH_ROWS || batch.text.len() >= BATCH_BYTES;
            if full && !continues {
                batch.end = held.begin;
                self.held = Some(held);
                return Ok(true);
            }
            self.take(batch, held, continues);
        }
        batch.end = self.here;
        Ok(!batch.rows.is_empty())
    }

    /// True if the row that was just read belongs to the batch's last order.
    fn continues(&self, batch: &Batch, order: Option<usize>, held: &Held) -> bool {
        let Some(column) = order else { return false };
        let Some(last) = batch.orders.last() else { return false };
        let Some(row) = batch.row(last.start).filter(|row| row.fault().is_none()) else {
            return false;
        };
        let begin = match column.checked_sub(1) {
            Some(before) => self.ends.get(before).copied().unwrap_or(0),
            None => 0,
        };
        let end = self.ends.get(column).copied().filter(|_| column < held.columns);
        let key = end.and_then(|end| self.out.get(begin..end)).unwrap_or_default().trim_ascii();
        !key.is_empty() && key == row.cell(column).trim_ascii() && last.len() < MAX_LINES
    }

    fn take(&self, batch: &mut Batch, held: Held, continues: bool) {
        let first = batch.ends.len();
        let start = batch.text.len();
        batch.text.extend_from_slice(self.out.get(..held.length).unwrap_or_default());
        batch.ends.extend_from_slice(self.ends.get(..held.columns).unwrap_or_default());
        let at = batch.rows.len();
        batch.rows.push(Span {
            columns: first..batch.ends.len(),
            fault: held.fault,
            line: held.begin.line,
            start,
        });
        match batch.orders.last_mut().filter(|_| continues) {
            Some(last) => last.end = last.end.saturating_add(1),
            None => batch.orders.push(at..at.saturating_add(1)),
        }
    }

    /// A row of the right width, or one with a fault.
    fn read_row(&mut self) -> Result<Option<Held>, std::io::Error> {
        let Some(mut held) = self.read()? else { return Ok(None) };
        if held.fault.is_none() && held.columns != self.width {
            held.fault =
                Some(format!("{} columns where the header has {}", held.columns, self.width));
            if self.here.line > held.begin.line.saturating_add(1) {
                self.skip_line(held.begin)?;
            }
        }
        Ok(Some(held))
    }

    fn read(&mut self) -> Result<Option<Held>, std::io::Error> {
        if !self.skip_blank_lines()? {
            return Ok(None);
        }
        let begin = self.here;
        let (mut length, mut columns) = (0_usize, 0_usize);
        loop {
            if self.at == self.filled && !self.fill()? {
                // Where a line's end does not end the row, a quote is open.
                let ended = self.step(b"\n", &mut length, &mut columns).0;
                if matches!(ended, ReadRecordResult::Record) {
                    return Ok(Some(Held { begin, columns, fault: None, length }));
                }
                return self.unclosed(begin).map(Some);
            }
            let buffer = std::mem::take(&mut self.buffer);
            let input = buffer.get(self.at..self.filled).unwrap_or_default();
            let (result, read) = self.step(input, &mut length, &mut columns);
            self.buffer = buffer;
            self.consume(read);
            match result {
                ReadRecordResult::InputEmpty | ReadRecordResult::End => {}
                ReadRecordResult::OutputFull if self.out.len() < MAX_RECORD => {
                    let doubled = self.out.len().saturating_mul(2);
                    self.out.resize(doubled, 0);
                }
                ReadRecordResult::OutputEndsFull if self.ends.len() < MAX_COLUMNS => {
                    let doubled = self.ends.len().saturating_mul(2);
                    self.ends.resize(doubled, 0);
                }
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    return self.unclosed(begin).map(Some);
                }
                ReadRecordResult::Record => {
                    return Ok(Some(Held { begin, columns, fault: None, length }));
                }
            }
        }
    }

    fn step(
        &mut self,
        input: &[u8],
        length: &mut usize,
        columns: &mut usize,
    ) -> (ReadRecordResult, usize) {
        let out = self.out.get_mut(*length..).unwrap_or_default();
        let ends = self.ends.get_mut(*columns..).unwrap_or_default();
        let (result, read, written, ended) = self.core.read_record(input, out, ends);
        *length = length.saturating_add(written);
        *columns = columns.saturating_add(ended);
        (result, read)
    }

    /// Gives the first line up, and goes on at the next.
    fn unclosed(&mut self, begin: Position) -> Result<Held, std::io::Error> {
        self.skip_line(begin)?;
        let fault = Some("a quote that is not closed, or a row of more than 256 KiB".to_owned());
        Ok(Held { begin, columns: 0, fault, length: 0 })
    }

    fn skip_line(&mut self, begin: Position) -> Result<(), std::io::Error> {
        self.seek(begin)?;
        loop {
            if self.at == self.filled && !self.fill()? {
                return Ok(());
            }
            let input = self.buffer.get(self.at..self.filled).unwrap_or_default();
            match memchr::memchr(b'\n', input) {
                Some(end) => {
                    self.consume(end.saturating_add(1));
                    return Ok(());
                }
                None => self.consume(input.len()),
            }
        }
    }

    /// False at the end of the file.
    fn skip_blank_lines(&mut self) -> Result<bool, std::io::Error> {
        loop {
            if self.at == self.filled && !self.fill()? {
                return Ok(false);
            }
            match self.buffer.get(self.at) {
                Some(b'\r' | b'\n') => self.consume(1),
                _ => return Ok(true),
            }
        }
    }

    fn consume(&mut self, count: usize) {
        let end = self.at.saturating_add(count);
        let read = self.buffer.get(self.at..end).unwrap_or_default();
        let lines = memchr::memchr_iter(b'\n', read).count();
        self.here.line = self.here.line.saturating_add(u64::try_from(lines).unwrap_or(u64::MAX));
        self.here.byte = self.here.byte.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        self.at = end;
    }

    /// Reads more; false at the end of the file.
    fn fill(&mut self) -> Result<bool, std::io::Error> {
        loop {
            match self.file.read(&mut self.buffer) {
                Ok(read) => {
                    (self.at, self.filled) = (0, read);
                    return Ok(read > 0);
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

fn core(delimiter: u8) -> csv_core::Reader {
    csv_core::ReaderBuilder::new().delimiter(delimiter).build()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn rows(text: &[u8], order: Option<usize>) -> (Vec<(u64, String)>, Vec<usize>) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text).unwrap();
        let mut records = Records::new(file, b',', 2).unwrap();
        records.header().unwrap();
        let (mut found, mut orders) = (Vec::new(), Vec::new());
        let mut batch = Batch::default();
        while records.batch(&mut batch, order).unwrap() {
            orders.extend(batch.orders.iter().map(ExactSizeIterator::len));
            for row in (0..batch.len()).filter_map(|at| batch.row(at)) {
                let cells = [row.cell(0), row.cell(1)].map(String::from_utf8_lossy).join("|");
                found.push((
                    row.line(),
                    row.fault().map_or(cells, |fault| format!("! {fault:.20}")),
                ));
            }
        }
        (found, orders)
    }

    #[test]
    fn lines_are_counted_through_quotes_blanks_and_crlf() {
        let text = b"\xef\xbb\xbfa,b\r\n1,x\r\n\r\n2,\"two\r\nlines\"\r\n3,5\" screen\r\n4,last";
        let expected = [(2, "1|x"), (4, "2|two\r\nlines"), (6, "3|5\" screen"), (7, "4|last")];
        let expected = expected.map(|(line, text)| (line, text.to_owned()));
        assert_eq!(rows(text, None).0, expected);
    }

    #[test]
    fn a_quote_that_is_not_closed_costs_its_own_line_only() {
        for text in [&b"a,b\n1,x\n2,\"open\n3,y\n4,z\n"[..], b"a,b\n1,x\n2,\"open\n3,y\n4,z"] {
            let (found, _) = rows(text, None);
            let lines: Vec<_> =
                found.iter().map(|(line, text)| (*line, text.starts_with('!'))).collect();
            assert_eq!(lines, [(2, false), (3, true), (4, false), (5, false)], "{found:?}");
        }
        // Closed by the next quoted field: a row of several lines and of another width.
        let (found, _) = rows(b"a,b\n1,\"open\n2,x\n3,\"y, z\"\n4,w\n", None);
        let lines: Vec<_> =
            found.iter().map(|(line, text)| (*line, text.starts_with('!'))).collect();
        assert_eq!(lines, [(2, true), (3, false), (4, false), (5, false)], "{found:?}");
    }

    #[test]
    fn adjacent_rows_of_one_order_stay_together_and_blank_ones_alone() {
        let mut text = b"a,b\n".to_vec();
        for order in 0..700 {
            text.extend(format!("{order},1\n{order},2\n,3\n,4\n").bytes());
        }
        let (found, orders) = rows(&text, Some(0));
        assert_eq!(found.len(), 2800);
        assert_eq!(orders, [2, 1, 1].repeat(700));
    }
}
