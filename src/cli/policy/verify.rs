//! `interdict policy verify`: who signed a bundle, and whether its policies are sound.

use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use clap::ArgGroup;
use clap::Args;

use crate::app;
use crate::bundle::Trust;
use crate::bundle::Verified;
use crate::bundle::public_key;
use crate::bundle::read_public_key;
use crate::merkle::VerifierKey;

use super::Output;
use super::Stop;
use super::sign::read_bundle;
use super::soundness::Soundness;
use super::soundness::describe;
use crate::cli::exit::Exit;
use crate::cli::serve::configuration;

/// Arguments of `policy verify`.
#[derive(Args, Debug)]
#[command(
    after_help = EXAMPLES,
    group = ArgGroup::new("whom").required(true).args(["key", "config"]),
)]
pub(super) struct VerifyArgs {
    /// The bundle.
    #[arg(value_name = "BUNDLE")]
    bundle: PathBuf,
    /// Public key of somebody who may sign: a file, as [policies] keys takes it, or its line; may be repeated.
    #[arg(long, value_name = "PUB", conflicts_with = "config")]
    key: Vec<String>,
    /// How many of the keys must have signed; default: all of them.
    #[arg(long, value_name = "N", requires = "key")]
    threshold: Option<usize>,
    /// Configuration whose [policies] keys and threshold to take.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Form of the answer.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

const EXAMPLES: &str = "\
Examples:
  interdict policy verify 7.bundle.json --key alice.pub --key bob.pub
  interdict policy verify 7.bundle.json --key alice.pub --key bob.pub --key carol.pub --threshold 2
  interdict policy verify 7.bundle.json --config /etc/interdict.toml

Exit codes: 0 signed by enough and sound, 64 usage, 65 not signed by enough, changed since, or unsound, 74 input or output,
78 configuration. Whether its version may follow the one in force only a gateway knows.";

pub(super) fn run(
    args: &VerifyArgs,
    out: &mut dyn Write,
    err: &mut dyn Write,
    colour: bool,
) -> Result<Exit, Stop> {
    let trust = match &args.config {
        Some(file) => match configuration(Some(file), err, colour) {
            Ok(config) => app::trust(&config.policies)?.ok_or_else(|| {
                let file = file.display();
                Stop::Usage(format!("`{file}` names no [policies] keys: there is nobody to trust"))
            })?,
            Err(exit) => return Ok(exit),
        },
        None => {
            let keys = args.key.iter().map(|given| key(given)).collect::<Result<Vec<_>, _>>()?;
            let threshold = args.threshold.unwrap_or(keys.len());
            Trust::new(keys, threshold)?
        }
    };
    let bad = |error| Stop::Bundle { path: args.bundle.clone(), error };
    let verified = read_bundle(&args.bundle)?.verify(&trust).map_err(bad)?;
    let soundness = Soundness::of(verified.bundle(), err, colour)?;
    tell(&verified, &trust, soundness, args.output, out)?;
    Ok(if soundness.is_sound() { Exit::Ok } else { Exit::Data })
}

fn tell(
    verified: &Verified,
    trust: &Trust,
    soundness: Soundness,
    output: Output,
    out: &mut dyn Write,
) -> Result<(), Stop> {
    let bundle = verified.bundle();
    let revision = bundle.policies()?.revision().to_string();
    let signers: Vec<_> = verified.signers().iter().map(|name| name.as_str()).collect();
    let Soundness { cases, errors, warnings } = soundness;
    if output == Output::Json {
        let files = bundle.digests().map(
            |(name, digest)| serde_json::json!({ "name": name, "sha256": digest.to_string() }),
        );
        let document = serde_json::json!({
            "cases": { "failed": cases.failed, "passed": cases.passed },
            "digest": bundle.digest().to_string(),
            "errors": errors,
            "files": files.collect::<Vec<_>>(),
            "made": bundle.made().to_string(),
            "note": bundle.note(),
            "revision": revision,
            "signers": signers,
            "threshold": trust.threshold(),
            "version": bundle.version(),
            "warnings": warnings,
        });
        writeln!(out, "{document}")?;
        return Ok(());
    }
    describe(bundle, out)?;
    writeln!(out, "revision  {revision}")?;
    for signer in &signers {
        writeln!(out, "signed by {signer}")?;
    }
    let (threshold, signed, keys) = (trust.threshold(), signers.len(), trust.keys().len());
    writeln!(out, "signed by {signed} of {keys} keys, {threshold} needed")?;
    let word = if soundness.is_sound() { "sound" } else { "UNSOUND" };
    let (passed, failed) = (cases.passed, cases.failed);
    writeln!(
        out,
        "{word}: {errors} errors, {warnings} warnings; {passed} cases passed, {failed} failed"
    )?;
    Ok(())
}

/// A key, in a file or as it is.
fn key(given: &str) -> Result<VerifierKey, Stop> {
    let file = Path::new(given);
    if given.contains('+') && !file.exists() {
        return public_key(given, "")
            .map_err(|fault| Stop::Usage(format!("--key `{given}`: {fault}")));
    }
    Ok(read_public_key(file)?)
}
