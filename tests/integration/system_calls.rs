//! Each system call of an append fails in turn, in the running gateway, as a disk's error or as one that is full: nothing that was
//! answered is lost, nothing regulated is served unrecorded, and it heals without a restart.

use std::process::Command;

use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Program;
use crate::support::Recorder;
use crate::support::Request;
use crate::support::traffic::Seen;
use crate::support::until;

/// The calls of an append, a rotation, a healing and a checkpoint. A call whose name begins with `/` is any that begins so.
const CALLS: [&str; 7] =
    ["pwrite64", "fdatasync", "fsync", "/^rename", "ftruncate", "/^unlink", "openat"];
/// Those that fail in every test run: the write, the sync, and what makes a new segment's name durable.
const USUAL: [(&[&str], &str); 4] = [
    (&["pwrite64"], "ENOSPC"),
    (&["fdatasync"], "EIO"),
    (&["/^rename", "fsync"], "EIO"),
    (&["fdatasync", "openat"], "EIO"),
];
/// Requests while a call fails: enough that a segment of 1 MiB is full.
const REQUESTS: usize = 240;

/// `strace`, which makes system calls of a running process fail.
fn fail(gateway: &Gateway, calls: &[&str], error: &str) -> Option<Program> {
    let mut command = Command::new("strace");
    command.args(["-f", "-o", "/dev/null", "-e", &format!("trace={}", calls.join(","))]);
    for call in calls {
        command.args(["-e", &format!("inject={call}:error={error}")]);
    }
    let mut tracer = Program::start(command.args(["-p", &gateway.id().to_string()]));
    until("strace", || {
        let heard = tracer.heard();
        let refused = heard.contains("Operation not permitted");
        (refused || heard.contains(" attached")).then_some(!refused)
    })
    .then_some(())
    .or_else(|| {
        tracer.terminate();
        None
    })?;
    Some(tracer)
}

fn faults(faults: &[(&[&str], &str)]) {
    let recorder = Recorder::start();
    let gateway = GatewayBuilder::new(recorder.address)
        .environment("INTERDICT__LEDGER__SEGMENT_BYTES", "1MiB")
        .environment("INTERDICT__LEDGER__REFUSALS_PER_MINUTE", "1000000")
        .start();
    let (seen, mut failed) = (Seen::default(), 0);
    for (calls, error) in faults {
        let Some(mut tracer) = fail(&gateway, calls, error) else {
            let report = "no process can be traced here: only `ledger::tests::fault` shows what failing calls do";
            return eprintln!("{report}");
        };
        for _ in 0..REQUESTS {
            seen.send(gateway.address);
            // A ledger that refuses does no more calls of an append; it tries to heal each second.
            if seen.refused() > failed + 20 {
                break;
            }
        }
        let must_refuse = calls.iter().any(|call| ["pwrite64", "fdatasync"].contains(call));
        assert!(!must_refuse || seen.refused() > failed, "{calls:?} {error} refused nothing");
        tracer.terminate();
        until("healing", || {
            let order = r#"{"billing":{"country":"DE"},"lines":[{"sku":"L","title":"healed"}]}"#;
            let order = Request::post("/api/orders", order).from(crate::support::GERMAN);
            let is_ready = Request::get("/readyz").send(gateway.admin).status == 200;
            (order.send(gateway.address).status == 201 && is_ready).then_some(())
        });
        failed = seen.refused();
        seen.is_all_in(&gateway.dir().join("ledger"), &recorder, &[]);
        eprintln!("{calls:?} {error}: {failed} refused so far");
    }
}

#[test]
fn a_write_a_sync_or_a_rename_that_fails_loses_nothing_that_was_answered() {
    faults(&USUAL);
}

#[test]
#[ignore = "part of `make soak`"]
fn no_call_of_an_append_that_fails_loses_anything_that_was_answered() {
    let alone: Vec<[&str; 1]> = CALLS.iter().map(|call| [*call]).collect();
    let pairs: Vec<[&str; 2]> = CALLS
        .iter()
        .filter(|call| **call != "fdatasync")
        .map(|call| ["fdatasync", *call])
        .collect();
    let alone = alone.iter().map(|calls| &calls[..]);
    // A failed sync, and then each step of the healing; a failed write that cannot be cut off either.
    let healing = pairs.iter().map(|calls| &calls[..]);
    let cut = [&["pwrite64", "ftruncate"][..]];
    let all = alone.chain(healing).chain(cut);
    let all: Vec<_> = all.flat_map(|calls| [(calls, "EIO"), (calls, "ENOSPC")]).collect();
    faults(&all);
}
