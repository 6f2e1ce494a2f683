//! `interdict ledger export --format tiles`: the published log as a folder, with a progress bar.

use std::io::Write;
use std::path::Path;

use indicatif::ProgressBar;
use indicatif::ProgressStyle;

use crate::ledger::export_tiles;

use super::Exit;
use super::failed;

pub(super) fn run(dir: &Path, out: &Path, err: &mut dyn Write) -> Exit {
    // Drawn on a terminal only.
    let bar = ProgressBar::new(0);
    let style = ProgressStyle::with_template("{wide_bar} {percent}% {pos} records, {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let exported = export_tiles(dir, out, &mut |done, size| {
        bar.set_length(size);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    match exported {
        Ok(summary) => {
            let (records, files) = (summary.records, summary.files);
            writeln!(err, "{records} records in {files} files below {}", out.display()).ok();
            Exit::Ok
        }
        Err(error) => failed(&error, err),
    }
}
