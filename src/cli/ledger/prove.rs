//! `interdict ledger prove`: the proof of one record, in a file that needs nothing else.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use clap::Args;
use uuid::Uuid;

use crate::ledger::ProofError;
use crate::ledger::ProofSettings;
use crate::ledger::prove;

use super::Exit;
use super::complain;

/// Arguments of `ledger prove`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct ProveArgs {
    /// Folder of the ledger.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Id of the record: that of the decision, as the answer and the export give it. It may also come first.
    #[arg(value_name = "ID")]
    id: PathBuf,
    /// File to write; default: standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Leave out the part with personal data; its hash is proved all the same.
    #[arg(long)]
    without_personal: bool,
    /// Take a checkpoint that witnesses have cosigned, and no other; without it, one if it covers the record.
    #[arg(long)]
    witnessed: bool,
}

const EXAMPLES: &str = "\
Example:
  interdict ledger prove /var/lib/interdict/ledger 0197c5d0-7e1c-7c3a-9d52-0f6f6f1f0c11 --out decision.tlog-proof

The proof is a C2SP tlog-proof: the record's parts, the audit path and the signed checkpoint.";

pub(super) fn run(args: &ProveArgs, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    let Some((dir, id)) = told_apart(&args.dir, &args.id) else {
        complain(
            err,
            &"give the ledger's folder and a record's id, which is a UUID such as 0197c5d0-7e1c-7c3a-9d52-0f6f6f1f0c11",
        );
        return Exit::Usage;
    };
    let settings =
        ProofSettings { only_witnessed: args.witnessed, without_personal: args.without_personal };
    let proof = match prove(dir, id, settings) {
        Ok(proof) => proof.to_string(),
        Err(error) => {
            complain(err, &error);
            return match error {
                ProofError::Ledger(error) if !error.is_of_data() => Exit::Io,
                ProofError::Ledger(_)
                | ProofError::NoRecord(_)
                | ProofError::NotCovered { .. }
                | ProofError::Tree => Exit::Data,
            };
        }
    };
    let written = match &args.out {
        Some(file) => fs::write(file, proof),
        None => out.write_all(proof.as_bytes()),
    };
    match written {
        Ok(()) => Exit::Ok,
        Err(error) => {
            let target = args.out.as_deref().unwrap_or(Path::new("standard output"));
            complain(err, &format_args!("cannot write {}: {error}", target.display()));
            Exit::Io
        }
    }
}

/// Folder and id, in whichever order they were given.
fn told_apart<'a>(one: &'a Path, other: &'a Path) -> Option<(&'a Path, Uuid)> {
    let id = |path: &Path| path.to_str().and_then(|text| Uuid::try_parse(text).ok());
    match (id(one), id(other)) {
        (_, Some(id)) => Some((one, id)),
        (Some(id), None) => Some((other, id)),
        (None, None) => None,
    }
}
