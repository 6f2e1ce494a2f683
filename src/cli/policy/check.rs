//! `interdict policy check`: mistakes that compile.

use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use clap::Args;

use crate::model::Clock;
use crate::model::SystemClock;
use crate::policy::PolicyText;
use crate::policy::check::CatalogueRow;
use crate::policy::check::Severity;
use crate::policy::check::check;
use crate::policy::load_read;
use crate::policy::read_dirs;

use super::Folders;
use super::Output;
use super::Stop;
use super::input::read;
use crate::cli::exit::Exit;

#[derive(Args, Debug)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    folders: Folders,
    /// Catalogue (CSV: sku,name,vendor,group) to look for terms that match nothing.
    #[arg(long, value_name = "FILE")]
    catalog: Option<PathBuf>,
    /// Fail on warnings too.
    #[arg(long)]
    strict: bool,
    /// Form of the answer.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

pub(super) fn run(
    args: &CheckArgs,
    out: &mut dyn Write,
    err: &mut dyn Write,
    colour: bool,
) -> Result<Exit, Stop> {
    let texts = read_dirs(&args.folders.dirs)?;
    let rows = args.catalog.as_deref().map(|path| read_catalogue(path, &texts)).transpose()?;
    let findings = check(&texts, rows.as_deref(), SystemClock.now())?;
    let count = |severity| findings.iter().filter(|f| f.severity == severity).count();
    for finding in &findings {
        match args.output {
            Output::Json => {
                let fault = &finding.fault;
                let document = serde_json::json!({
                    "file": fault.file(), "line": fault.line(), "message": fault.message(),
                    "help": fault.help_text(), "severity": finding.severity,
                });
                writeln!(out, "{document}")?;
            }
            Output::Text => err.write_all(finding.render(colour).as_bytes())?,
        }
    }
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    if args.output == Output::Text {
        let notes = count(Severity::Note);
        writeln!(
            out,
            "{} files: {errors} errors, {warnings} warnings, {notes} notes",
            texts.len()
        )?;
    }
    let failed = errors > 0 || (args.strict && warnings > 0);
    Ok(if failed { Exit::Data } else { Exit::Ok })
}

/// The rows of a catalogue; a group that no policy defines is a bad row.
fn read_catalogue(path: &Path, texts: &[PolicyText]) -> Result<Vec<CatalogueRow>, Stop> {
    #[derive(serde::Deserialize)]
    struct Row {
        sku: String,
        #[serde(default)]
        name: String,
        #[serde(default)]
        vendor: String,
        #[serde(default)]
        group: String,
    }
    let set = load_read(texts)?;
    let bytes = read(path)?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let mut rows = Vec::new();
    for (n, row) in csv::Reader::from_reader(bytes).deserialize::<Row>().enumerate() {
        let bad = |reason| Stop::Data { path: path.to_owned(), line: n.saturating_add(2), reason };
        let row = row.map_err(|error| bad(error.to_string()))?;
        let group = row.group.trim();
        if !group.is_empty() && group != "none" && !set.has_product(group) {
            return Err(bad(format!("no policy defines the group `{group}`")));
        }
        rows.push(CatalogueRow { name: row.name, sku: row.sku, vendor: row.vendor });
    }
    Ok(rows)
}
