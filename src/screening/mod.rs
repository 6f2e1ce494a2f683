//! Past orders: a CSV file in, each order decided at its own date, a CSV file of findings and a report out.
//!
//! One thread reads rows, the others decide them in batches, and the calling one writes what they found in the order of
//! the file. Nothing here grows with the number of rows: batches are few and used again, findings are written as they are
//! found, and what the report needs are counts and the few findings that it shows.
//!
//! What it must never do: lose a row (what cannot be read is listed by line), repeat one after an interruption, decide
//! otherwise than `interdict decide` does, or write a cell that a spreadsheet would run.
//!
//! INVARIANT: a checkpoint is written after the findings it counts are on the disk, and names their exact length.
//!
//! Standard: RFC 4180, read by `csv-core`, with other separators allowed.

mod checkpoint;
mod findings;
mod order;
mod output;
mod page;
mod records;
mod run;
mod tally;
mod time;

pub use checkpoint::Fingerprint;
pub use output::{Output, OutputError};
pub use records::header;
pub use run::{Ended, Progress, ScreenError, Screening, Shown};
pub use tally::Tally;
