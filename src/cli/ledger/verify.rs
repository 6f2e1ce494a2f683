//! `interdict ledger verify`: a ledger's directory, a folder of tiles, or the proof of one record.

use std::fs;
use std::io::Read as _;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use clap::Args;
use indicatif::ProgressBar;
use indicatif::ProgressStyle;
use jiff::Timestamp;
use serde_json::json;

use crate::audit::AuditError;
use crate::audit::Cosigned;
use crate::audit::KeyError;
use crate::audit::Options;
use crate::audit::Parts;
use crate::audit::PersonalPart;
use crate::audit::Proven;
use crate::audit::Published;
use crate::audit::Report;
use crate::audit::TilesReport;
use crate::audit::VerifierKey;
use crate::audit::verify_dir;
use crate::audit::verify_proof;
use crate::audit::verify_tiles;

use super::complain;
use super::no_ledger;
use crate::cli::exit::Exit;

/// Arguments of `ledger verify`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct VerifyArgs {
    /// Folder of the ledger, or of an export as tiles.
    #[arg(required_unless_present = "proof")]
    dir: Option<PathBuf>,
    /// The log's public key: a file such as ledger.pub, or its line. Without it the folder's own key is used, which proves only that the
    /// folder agrees with itself.
    #[arg(long, value_name = "PUB")]
    key: Option<String>,
    /// A signed checkpoint that the log must contain, such as one that was kept from an earlier visit; may be repeated.
    #[arg(long, value_name = "FILE", conflicts_with = "proof")]
    checkpoint: Vec<PathBuf>,
    /// A witness that must have cosigned: a file with its verifier key, or the key; may be repeated.
    #[arg(long, value_name = "VKEY")]
    witness: Vec<String>,
    /// Verify the proof of one record, with the key and nothing else.
    #[arg(long, value_name = "FILE", requires = "key", conflicts_with = "dir")]
    proof: Option<PathBuf>,
    /// The folder holds tiles (C2SP tlog-tiles); found out by itself where it has `tile` and no segment.
    #[arg(long, conflicts_with = "proof")]
    tiles: bool,
}

const EXAMPLES: &str = "\
Examples:
  interdict ledger verify /var/lib/interdict/ledger
  interdict ledger verify /mnt/copy --key ledger.pub --checkpoint last-year.txt --witness witness.pub
  interdict ledger verify exported-tiles --key ledger.pub
  interdict ledger verify --proof record.tlog-proof --key ledger.pub

What each check proves, and what not: docs/verifying.md.
Exit codes: 0 sound, 64 usage, 65 a defect, 74 input or output: nothing is known of the rest.";

pub(super) fn run(args: &VerifyArgs, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    let verified = options(args).and_then(|options| match (&args.proof, &args.dir) {
        (Some(proof), _) => proven(proof, &options, out, err),
        (None, Some(dir)) => folder(dir, args.tiles, &options, err),
        (None, None) => Err(Failure::Usage("no folder was given".to_owned())),
    });
    verified.unwrap_or_else(|failure| failed(failure, err))
}

/// How a failure ends the command.
fn failed(failure: Failure, err: &mut dyn Write) -> Exit {
    match failure {
        Failure::Audit(error) => {
            complain(err, &error);
            match error {
                AuditError::Defective(_) => Exit::Data,
                AuditError::Io { .. } | AuditError::Unsteady { .. } => Exit::Io,
            }
        }
        Failure::Io(path, error) => {
            complain(err, &format_args!("cannot read `{}`: {error}", path.display()));
            Exit::Io
        }
        Failure::Usage(message) => {
            complain(err, &message);
            Exit::Usage
        }
    }
}

/// The log's key, as `--key` gives it.
pub(super) fn log_key(given: &str, err: &mut dyn Write) -> Result<VerifierKey, Exit> {
    key_of("--key", given, VerifierKey::log).map_err(|failure| failed(failure, err))
}

/// Why nothing was found sound.
enum Failure {
    Audit(AuditError),
    Io(PathBuf, std::io::Error),
    Usage(String),
}

impl From<AuditError> for Failure {
    fn from(error: AuditError) -> Self {
        Self::Audit(error)
    }
}

fn options(args: &VerifyArgs) -> Result<Options, Failure> {
    let key = args.key.as_deref();
    let key = key.map(|given| key_of("--key", given, VerifierKey::log)).transpose()?;
    let witnesses = args.witness.iter();
    let witnesses = witnesses.map(|given| key_of("--witness", given, VerifierKey::witness));
    let witnesses = witnesses.collect::<Result<_, _>>()?;
    let checkpoints =
        args.checkpoint.iter().map(|file| Ok((file.display().to_string(), read(file)?)));
    let checkpoints = checkpoints.collect::<Result<_, Failure>>()?;
    Ok(Options { key, checkpoints, witnesses })
}

/// A key as it was given: a file that holds it, or the key itself.
fn key_of(
    flag: &str,
    given: &str,
    parse: fn(&str) -> Result<VerifierKey, KeyError>,
) -> Result<VerifierKey, Failure> {
    let file = Path::new(given);
    let text = match given.contains('+') && !file.exists() {
        true => given.to_owned(),
        false => String::from_utf8_lossy(&read(file)?).into_owned(),
    };
    parse(&text).map_err(|error| Failure::Usage(format!("{flag} `{given}`: {error}")))
}

/// Reads a file of text that is given by name: keys, checkpoints and proofs, with their parts at most some 45 MB.
fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let read = || {
        let mut bytes = Vec::new();
        fs::File::open(file)?.take(1 << 26).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(|error| Failure::Io(file.to_owned(), error))
}

fn folder(
    dir: &Path,
    tiles: bool,
    options: &Options,
    err: &mut dyn Write,
) -> Result<Exit, Failure> {
    let tiles = tiles || holds_tiles(dir);
    // Drawn on a terminal only.
    let bar = ProgressBar::new(0);
    let style = "{wide_bar} {percent}%, {eta} left";
    bar.set_style(
        ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let progress = &mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    };
    if tiles {
        let verified = verify_tiles(dir, options, progress);
        bar.finish_and_clear();
        tell_tiles(&verified?, err);
        return Ok(Exit::Ok);
    }
    let verified = verify_dir(dir, options, progress);
    bar.finish_and_clear();
    let report = verified?;
    if report.segments == 0 {
        return Ok(no_ledger(dir, err));
    }
    tell(&report, err);
    Ok(Exit::Ok)
}

/// Whether a folder is an export as tiles: it has `tile`, and no segment.
fn holds_tiles(dir: &Path) -> bool {
    let names = fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok);
    let mut names = names.filter_map(|entry| entry.file_name().into_string().ok());
    dir.join("tile").is_dir() && !names.any(|name| name.starts_with("segment-"))
}

fn tell(report: &Report, err: &mut dyn Write) {
    let mut say = |line: std::fmt::Arguments<'_>| {
        writeln!(err, "{line}").ok();
    };
    if let Some(torn) = &report.torn {
        say(format_args!(
            "{}: the last {} bytes from {} are no whole record",
            torn.file, torn.bytes, torn.offset
        ));
    }
    let (records, segments) = (report.records, report.segments);
    match &report.published {
        Some(Published { origin, size, root }) => {
            say(format_args!(
                "ok: {records} records in {segments} segments, published to size {size}, root {root}"
            ));
            say(format_args!(
                "log `{origin}`; {} checkpoints contained, {} records not yet published",
                report.checkpoints, report.unpublished
            ));
        }
        None => say(format_args!(
            "ok: {records} records in {segments} segments; nothing is published: no checkpoint says that none are missing"
        )),
    }
    if report.superseded_bytes > 0 {
        say(format_args!("{} bytes superseded by later segments", report.superseded_bytes));
    }
    tell_rest(report.parts, report.erasures, &report.cosigned, err);
    if let Some(key) = report.key.as_ref().filter(|_| !report.key_given) {
        tell_own_key(key, err);
    }
}

fn tell_tiles(report: &TilesReport, err: &mut dyn Write) {
    let Published { origin, size, root } = &report.published;
    writeln!(err, "ok: {size} entries in tiles, root {root}").ok();
    writeln!(err, "log `{origin}`; {} checkpoints contained", report.checkpoints).ok();
    match report.parts {
        Some(parts) => tell_rest(parts, report.erasures, &report.cosigned, err),
        None => {
            writeln!(err, "no folder `evidence`: entries were verified, documents are not there")
                .ok();
            tell_cosigned(&report.cosigned, err);
        }
    }
    if !report.key_given {
        tell_own_key(&report.key, err);
    }
}

fn tell_rest(parts: Parts, erasures: u64, cosigned: &[Cosigned], err: &mut dyn Write) {
    let Parts { documents, clear, encrypted, erased } = parts;
    writeln!(
        err,
        "{documents} documents; personal parts: {clear} clear, {encrypted} encrypted, {erased} erased ({erasures} erasures)"
    )
    .ok();
    tell_cosigned(cosigned, err);
}

fn tell_cosigned(cosigned: &[Cosigned], err: &mut dyn Write) {
    for Cosigned { witness, size, time } in cosigned {
        writeln!(err, "witness `{witness}` cosigned size {size} at {}", instant(*time)).ok();
    }
}

fn tell_own_key(key: &str, err: &mut dyn Write) {
    writeln!(
        err,
        "note: verified with the folder's own key `{key}`; --key with one from elsewhere proves whose log it is"
    )
    .ok();
}

fn proven(
    file: &Path,
    options: &Options,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Exit, Failure> {
    let key = options.key.as_ref();
    let key = key.ok_or_else(|| Failure::Usage("--proof needs --key".to_owned()))?;
    let name = file.display().to_string();
    let proven = verify_proof(&name, &read(file)?, key, &options.witnesses)?;
    let Proven { index, published: Published { origin, size, .. }, id, kind, time, .. } = &proven;
    let decided = match (&proven.verdict, &proven.rule) {
        (Some(verdict), Some(rule)) => format!(", {verdict} by {rule}"),
        (Some(verdict), None) => format!(", {verdict}"),
        (None, _) => String::new(),
    };
    writeln!(err, "ok: {kind} {id} of {time}{decided} is entry {index} of {size} in `{origin}`")
        .ok();
    let document = if proven.document.is_some() { "shown" } else { "not shown" };
    let personal = match &proven.personal {
        PersonalPart::Clear(_) => "shown".to_owned(),
        PersonalPart::Encrypted(key) => format!("encrypted under key {key}"),
        PersonalPart::None => "none".to_owned(),
        PersonalPart::NotShown => "not shown".to_owned(),
    };
    writeln!(err, "document: {document}; personal part: {personal}").ok();
    tell_cosigned(&proven.cosigned, err);
    match writeln!(out, "{}", shown(&proven)) {
        Ok(()) => Ok(Exit::Ok),
        Err(_) => Ok(Exit::Io),
    }
}

/// What was proven, as one line of JSON.
fn shown(proven: &Proven) -> serde_json::Value {
    // Each was found to be canonical JSON.
    let value = |text: &str| serde_json::from_str(text).unwrap_or(serde_json::Value::Null);
    let cosigned = proven.cosigned.iter().map(
        |Cosigned { witness, time, .. }| json!({ "time": instant(*time), "witness": witness }),
    );
    let mut shown = json!({
        "cosigned": cosigned.collect::<Vec<_>>(),
        "envelope": value(&proven.envelope),
        "index": proven.index,
        "origin": proven.published.origin,
        "root": proven.published.root.to_string(),
        "size": proven.published.size,
    });
    if let Some(members) = shown.as_object_mut() {
        if let Some(document) = &proven.document {
            members.insert("document".to_owned(), value(document));
        }
        if let PersonalPart::Clear(personal) = &proven.personal {
            members.insert("personal".to_owned(), value(personal));
        }
    }
    shown
}

fn instant(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).ok();
    let instant = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
    instant.map_or_else(|| "an instant beyond reason".to_owned(), |instant| instant.to_string())
}
