//! `interdict policy sign`: a bundle of a folder, or one more signature of a bundle. Nothing is sent anywhere.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use clap::ArgGroup;
use clap::Args;
use jiff::Timestamp;

use crate::bundle::Bundle;
use crate::bundle::BundleError;
use crate::bundle::Files;
use crate::bundle::read_signing_key;
use crate::merkle::KeyName;
use crate::model::Clock;
use crate::model::SystemClock;
use crate::output::Overwrite;
use crate::output::WholeFile;

use super::Stop;
use super::soundness::Soundness;
use super::soundness::describe;
use crate::cli::exit::Exit;

/// Arguments of `policy sign`.
#[derive(Args, Debug)]
#[command(
    after_help = EXAMPLES,
    disable_version_flag = true,
    group = ArgGroup::new("what").required(true).args(["bundle", "policies"]),
)]
pub(super) struct SignArgs {
    /// Bundle to add a signature to, in its place unless --out names another.
    #[arg(value_name = "BUNDLE")]
    bundle: Option<PathBuf>,
    /// Private key to sign with (Ed25519, PKCS#8, PEM), as `interdict policy key` makes it.
    #[arg(long, value_name = "FILE", required_unless_present = "with")]
    key: Option<PathBuf>,
    /// Whose key it is; default: the key file's name without its ending.
    #[arg(long, value_name = "NAME", requires = "key")]
    name: Option<KeyName>,
    /// Folder to make a bundle of: its own *.toml and its cases/*.jsonl.
    #[arg(long, value_name = "DIR", requires_all = ["key", "version", "out"])]
    policies: Option<PathBuf>,
    /// Version of the new bundle, higher than that of every bundle before it.
    #[arg(long, value_name = "N", requires = "policies", value_parser = clap::value_parser!(u64).range(1..))]
    version: Option<u64>,
    /// What the new bundle changes, in a line for those who sign after you.
    #[arg(long, value_name = "TEXT", requires = "policies")]
    note: Option<String>,
    /// Copy of the bundle whose signatures to take over; may be repeated.
    #[arg(long, value_name = "COPY", requires = "bundle")]
    with: Vec<PathBuf>,
    /// File to write.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace the file that --out names.
    #[arg(long, requires = "out")]
    force: bool,
}

const EXAMPLES: &str = "\
Examples:
  interdict policy sign --key alice.pem --policies policies --version 7 --note \"Stay of 12 November\" --out 7.bundle.json
  interdict policy sign --key bob.pem 7.bundle.json
  interdict policy sign --with from-bob.bundle.json 7.bundle.json

Says what is signed, and what `policy check` and the cases find; policies that do not compile are not signed.
How two people sign: docs/bundles.md.";

pub(super) fn run(
    args: &SignArgs,
    out: &mut dyn Write,
    err: &mut dyn Write,
    colour: bool,
) -> Result<Exit, Stop> {
    let (mut bundle, source) = match (&args.policies, &args.bundle) {
        (Some(dir), _) => (made(args, dir)?, dir),
        (None, Some(path)) => (read_bundle(path)?, path),
        (None, None) => return Err(Stop::Usage("give --policies DIR or a bundle".to_owned())),
    };
    let bad = |path: &Path| {
        let path = path.to_owned();
        move |error| Stop::Bundle { path, error }
    };
    let soundness = Soundness::of(&bundle, err, colour)?;
    for copy in &args.with {
        bundle.merge(&read_bundle(copy)?).map_err(bad(copy))?;
    }
    if let Some(key) = &args.key {
        let name = name_of(args.name.as_ref(), key)?;
        bundle.sign(&name, &read_signing_key(key)?).map_err(bad(source))?;
    }
    let (path, overwrite) = match &args.out {
        Some(path) if args.force => (path, Overwrite::Replace),
        Some(path) => (path, Overwrite::Never),
        None => (source, Overwrite::Replace),
    };
    let mut file = WholeFile::create(path, overwrite)?;
    file.write_all(&bundle.to_json())?;
    file.finish()?;
    describe(&bundle, out)?;
    for signature in bundle.signatures() {
        // A stranger may have written it.
        let name = signature.name().as_str().escape_debug();
        writeln!(out, "signature {name} (not verified)")?;
    }
    if !soundness.is_sound() {
        let (errors, failed) = (soundness.errors, soundness.cases.failed);
        writeln!(err, "signed, but unsound: {errors} errors, {failed} cases failed")?;
    }
    Ok(Exit::Ok)
}

fn made(args: &SignArgs, dir: &Path) -> Result<Bundle, Stop> {
    let bad = |error| Stop::Bundle { path: dir.to_owned(), error };
    let files = Files::read(dir).map_err(bad)?;
    let (version, note) = (args.version.unwrap_or_default(), args.note.as_deref().unwrap_or(""));
    // Nobody cares for its fractions.
    let now = SystemClock.now().as_second();
    let made = Timestamp::from_second(now).unwrap_or_default();
    Bundle::new(version, made, note, files).map_err(bad)
}

/// Reads the file of a bundle.
pub(super) fn read_bundle(path: &Path) -> Result<Bundle, Stop> {
    let bad = |error| Stop::Bundle { path: path.to_owned(), error };
    let bytes = fs::read(path)
        .map_err(|source| bad(BundleError::Unreadable { path: path.to_owned(), source }))?;
    Bundle::from_json(&bytes).map_err(bad)
}

/// The name of a key: the one given, or that of its file.
pub(super) fn name_of(given: Option<&KeyName>, file: &Path) -> Result<KeyName, Stop> {
    if let Some(name) = given {
        return Ok(name.clone());
    }
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    KeyName::new(&stem).map_err(|fault| Stop::Usage(format!("`{stem}`: {fault}; give --name NAME")))
}
