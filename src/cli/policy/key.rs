//! `interdict policy key`: a key to sign policies with.

use std::io;
use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use crate::merkle::KeyKind;
use crate::merkle::KeyName;
use crate::merkle::SigningKey;
use crate::output::FileError;
use crate::output::create_private;

use super::Stop;
use super::sign::name_of;
use crate::cli::exit::Exit;

/// Arguments of `policy key`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct KeyArgs {
    /// File of the private key (Ed25519, PKCS#8, PEM), readable by its owner only. One that is there already is never written over.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Whose key it is; default: the file's name without its ending.
    #[arg(long, value_name = "NAME")]
    name: Option<KeyName>,
}

const EXAMPLES: &str = "\
Example:
  interdict policy key --out alice.pem > alice.pub

Prints the public half, a line for [policies] keys. The private half stays with whoever signs, not on the gateway.";

pub(super) fn run(args: &KeyArgs, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit, Stop> {
    let name = name_of(args.name.as_ref(), &args.out)?;
    let made = SigningKey::generate().and_then(|key| Ok((key.to_pem()?, key)));
    let (pem, key) = made.map_err(|fault| Stop::Write(io::Error::other(fault)))?;
    create_private(&args.out, pem.as_bytes()).map_err(|source| match source.kind() {
        // Not `FileError::Exists`, which speaks of --force: a key that is lost is lost.
        io::ErrorKind::AlreadyExists => {
            let path = args.out.display();
            Stop::Usage(format!("`{path}` is there already, and a key is never written over"))
        }
        _ => Stop::File(FileError::Io { path: args.out.clone(), source }),
    })?;
    writeln!(out, "{}", key.verifier(name, KeyKind::Ed25519))?;
    let path = args.out.display();
    writeln!(err, "the private key is in `{path}`: keep it where only its owner reads it")?;
    Ok(Exit::Ok)
}
