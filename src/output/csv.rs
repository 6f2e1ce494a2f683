//! Cells and lines of CSV (RFC 4180).
//!
//! A cell that begins with `=`, `+`, `-`, `@`, a tab or a carriage return would be run by a spreadsheet as a formula. It gets
//! an apostrophe before it, which spreadsheets take for "this is text".

/// A line in the making.
#[derive(Debug)]
pub struct Line<'a> {
    first: bool,
    out: &'a mut Vec<u8>,
}

impl<'a> Line<'a> {
    /// A line that is added to `out`.
    pub const fn new(out: &'a mut Vec<u8>) -> Self {
        Self { first: true, out }
    }

    /// Adds a number.
    pub fn number(&mut self, number: u64) {
        self.cell(number.to_string().as_bytes());
    }

    /// Adds a text.
    pub fn cell(&mut self, text: &[u8]) {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
        let runs = matches!(text.first(), Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r'));
        let quoted =
            text.iter().any(|byte| matches!(byte, b',' | b'"' | b'\r' | b'\n' | b';' | b'\t'));
        let blank = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_whitespace);
        if !(quoted || blank(text.first()) || blank(text.last())) {
            if runs {
                self.out.push(b'\'');
            }
            self.out.extend_from_slice(text);
            return;
        }
        self.out.push(b'"');
        if runs {
            self.out.push(b'\'');
        }
        for part in text.split_inclusive(|byte| *byte == b'"') {
            self.out.extend_from_slice(part);
            if part.ends_with(b"\"") {
                self.out.push(b'"');
            }
        }
        self.out.push(b'"');
    }

    /// Ends it.
    pub fn end(self) {
        self.out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_begins_as_a_formula_and_every_cell_reads_back() {
        let cells = [
            "=1+1",
            "+49 30",
            "-2",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "a,b",
            "say \"so\"",
            "two\nlines",
            " x ",
            "",
        ];
        let mut out = Vec::new();
        let mut line = Line::new(&mut out);
        for cell in cells {
            line.cell(cell.as_bytes());
        }
        line.end();
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&out[..]);
        let read = reader.records().next().unwrap().unwrap();
        for (cell, written) in cells.iter().zip(&read) {
            assert!(!written.starts_with(['=', '+', '-', '@', '\t', '\r']), "{written:?}");
            assert_eq!(written.strip_prefix('\'').unwrap_or(written), *cell);
        }
        assert_eq!(read.len(), cells.len());
    }
}
