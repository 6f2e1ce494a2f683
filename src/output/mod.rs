//! What is written for people and their tools: CSV cells, charts, the style of a page, files that are whole or not there; and the
//! small files of the program's own.
//!
//! **What it must never do.** Write a cell that a spreadsheet would run; put a text into a picture or page unescaped; leave half of a file
//! under its final name; write over a file that nobody said to write over.
//!
//! **Standard.** RFC 4180 for CSV; SVG 1.1, inline, without scripts, links or fonts.

mod charts;
mod counts;
mod csv;
mod file;
mod private;

pub use charts::{bars, months, number};
pub use counts::{Counts, counts_of};
pub use csv::Line;
pub use file::{FileError, Overwrite, WholeFile, sync_folder};
pub use private::{create_private, rename_durably, replace_private, unnamed, write_private};

/// The style that reports share: light, dark and print; no address in it.
pub const STYLE: &str = include_str!("style.css");
