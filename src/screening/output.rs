//! Where findings, report and bad rows go.
//!
//! While it runs, everything stands in one folder beside them, `REPORT.partial`; each file gets its name when all are
//! complete, so that a reader never sees half of a report, and an earlier one stays until the new one is whole.

use std::io;
use std::path::Path;
use std::path::PathBuf;

use crate::output::sync_folder;

/// The files of one screening.
#[derive(Clone, Debug)]
pub struct Output {
    base: PathBuf,
}

/// Why a place cannot be written to.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// One of its files is one that is read.
    #[error("`{0}` would be overwritten; choose another name for --out")]
    IsInput(PathBuf),
    /// No file can have that name.
    #[error("`{0}` is no name for a report; write one such as `--out report`")]
    NoName(PathBuf),
}

impl Output {
    /// `report`, `report.csv` and `report.html` all mean `report.csv`, `report.html` and `report.bad.csv`; a folder means
    /// files of the name `report` in it.
    ///
    /// # Errors
    /// When there is no name, or one of `inputs` would be overwritten.
    pub fn new(out: &Path, inputs: &[&Path]) -> Result<Self, OutputError> {
        let text = out.as_os_str().to_string_lossy();
        let base = if out.is_dir() || text.ends_with('/') {
            out.join("report")
        } else {
            match out.extension().and_then(|extension| extension.to_str()) {
                Some("csv" | "html") => out.with_extension(""),
                _ => out.to_owned(),
            }
        };
        if base.file_name().is_none() {
            return Err(OutputError::NoName(out.to_owned()));
        }
        let output = Self { base };
        for file in [output.findings(), output.report(), output.bad_rows(), output.partial()] {
            for input in inputs {
                if same(&file, input) {
                    return Err(OutputError::IsInput(file));
                }
            }
        }
        Ok(output)
    }

    /// The rows that could not be read.
    pub fn bad_rows(&self) -> PathBuf {
        self.with(".bad.csv")
    }

    /// The findings.
    pub fn findings(&self) -> PathBuf {
        self.with(".csv")
    }

    /// The folder of a run that has not ended.
    pub fn partial(&self) -> PathBuf {
        self.with(".partial")
    }

    /// The report.
    pub fn report(&self) -> PathBuf {
        self.with(".html")
    }

    /// A name that a rename has made durable.
    pub(super) fn sync_folder(&self) -> io::Result<()> {
        sync_folder(&self.base)
    }

    fn with(&self, ending: &str) -> PathBuf {
        let mut name = self.base.file_name().unwrap_or_default().to_owned();
        name.push(ending);
        self.base.with_file_name(name)
    }
}

fn same(a: &Path, b: &Path) -> bool {
    a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_name_a_report_means_the_same_files() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["report", "report.html", "report.csv", "", "./"] {
            let output = Output::new(&dir.path().join(name), &[]).unwrap();
            assert_eq!(output.findings(), dir.path().join("report.csv"), "{name}");
            assert_eq!(output.report(), dir.path().join("report.html"), "{name}");
            assert_eq!(output.bad_rows(), dir.path().join("report.bad.csv"), "{name}");
        }
        let dotted = Output::new(&dir.path().join("orders-2024.07"), &[]).unwrap();
        assert_eq!(dotted.findings(), dir.path().join("orders-2024.07.csv"));
    }

    #[test]
    fn what_is_read_is_never_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("orders.csv");
        std::fs::write(&source, "a\n").unwrap();
        assert!(Output::new(&dir.path().join("orders"), &[&source]).is_err());
        assert!(Output::new(&dir.path().join("orders.html"), &[&source]).is_err());
        assert!(Output::new(&dir.path().join("found"), &[&source]).is_ok());
        assert!(Output::new(Path::new("/"), &[]).is_ok(), "a folder is a place");
    }
}
