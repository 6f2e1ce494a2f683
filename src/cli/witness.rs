//! `interdict witness`: cosigns the checkpoints of other companies' logs.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use crate::merkle::KeyName;
use crate::merkle::VerifierKey;
use crate::model::SystemClock;
use crate::telemetry::LogSettings;
use crate::telemetry::init_logging;
use crate::witness::Witness;
use crate::witness::WitnessError;
use crate::witness::WitnessSettings;
use crate::witness::serve;

use super::complain;
use super::exit::Exit;

/// Arguments of `witness`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct WitnessArgs {
    /// Address to listen on; put a proxy that speaks TLS in front where others reach it over the network.
    #[arg(long, value_name = "ADDR")]
    listen: SocketAddr,
    /// File of the signing key (PKCS#8, PEM), made at the first start.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Name of this witness in its cosignatures: a URL without its scheme.
    #[arg(long, value_name = "NAME")]
    name: KeyName,
    /// Verifier key of a log to watch, as it stands in its `ledger.pub` and under `/log/ledger.pub`; repeat for more.
    #[arg(long, value_name = "VKEY", required = true)]
    log: Vec<VerifierKey>,
    /// Folder for what was cosigned last; belongs to the key.
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
}

const EXAMPLES: &str = "\
Example:
  interdict witness --listen 127.0.0.1:8090 --name witness.example/w1 \\
    --key /var/lib/interdict-witness/key.pem --state /var/lib/interdict-witness/state \\
    --log shop.example/log+1a2b3c4d+AQ...

Prints its own verifier key, which the log names in [[ledger.witness]] (docs/witnessing.md).
POST /add-checkpoint and GET /<SHA-256 of the origin>/checkpoint are those of C2SP tlog-witness.";

pub(super) fn run(args: &WitnessArgs, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    init_logging(LogSettings { json: false, level: "info" });
    let settings = WitnessSettings {
        key: args.key.clone(),
        logs: args.log.clone(),
        name: args.name.clone(),
        state: args.state.clone(),
    };
    let witness = match Witness::open(&settings, Arc::new(SystemClock)) {
        Ok(witness) => witness,
        Err(error) => {
            complain(err, &error);
            return match error {
                WitnessError::Key { .. } => Exit::Config,
                WitnessError::NotALog { .. } => Exit::Usage,
                WitnessError::State { .. } => Exit::Data,
                WitnessError::Busy { .. } | WitnessError::Io { .. } => Exit::Io,
            };
        }
    };
    let told = writeln!(out, "{}", witness.verifier()).and_then(|()| out.flush());
    if told.is_err() {
        return Exit::Io;
    }
    let ended = actix_web::rt::System::new().block_on(async {
        let (server, address) = serve(args.listen, witness)?;
        tracing::info!(%address, "witness listening");
        server.await
    });
    match ended {
        Ok(()) => Exit::Ok,
        Err(error) => {
            complain(err, &format_args!("cannot serve on {}: {error}", args.listen));
            Exit::Io
        }
    }
}
