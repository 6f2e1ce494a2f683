//! A file system that is full, and one that is about to be: nothing regulated is served unrecorded, and it heals without a restart.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::PUERTO_RICAN;
use crate::support::Recorder;
use crate::support::Request;
use crate::support::run;
use crate::support::traffic::Traffic;
use crate::support::until;

/// A file system of its own, in memory; unmounted at the end.
struct SmallDisk(TempDir);

impl SmallDisk {
    /// None where this process may not mount.
    fn mount(bytes: u64) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let size = format!("size={bytes},mode=0700");
        let mounted =
            run(Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(dir.path()));
        if mounted.code != Some(0) {
            eprintln!("no file system can be mounted here: {}", mounted.stderr.trim());
            return None;
        }
        Some(Self(dir))
    }

    fn ledger(&self) -> PathBuf {
        self.0.path().join("ledger")
    }

    fn ballast(&self) -> PathBuf {
        self.0.path().join("ballast")
    }

    fn free(&self) -> u64 {
        let told = run(Command::new("df").args(["--output=avail", "-B1"]).arg(self.0.path()));
        told.stdout.lines().nth(1).unwrap().trim().parse().unwrap()
    }

    /// Takes all but so many bytes.
    fn leave(&self, bytes: u64) {
        let length = (self.free() - bytes).to_string();
        let made = run(Command::new("fallocate").args(["-l", &length]).arg(self.ballast()));
        assert_eq!(made.code, Some(0), "{}", made.stderr);
    }

    fn make_room(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        run(Command::new("umount").arg("-l").arg(self.0.path()));
    }
}

/// Where a file system cannot be mounted: files of this process end here, and the write that goes on fails as on a full disk.
const BLOCKS: &str = "trap '' XFSZ; ulimit -S -f 600; exec \"$0\" \"$@\"";

#[test]
fn a_file_system_that_fills_up_under_traffic_serves_nothing_unrecorded_and_heals() {
    let disk = SmallDisk::mount(8 << 20);
    let recorder = Recorder::start();
    let mut builder = GatewayBuilder::new(recorder.address)
        // Every refusal is recorded, so that the disk fills up with all kinds of records.
        .environment("INTERDICT__LEDGER__REFUSALS_PER_MINUTE", "1000000")
        .environment("INTERDICT__LEDGER__RESERVE", "0");
    builder = match &disk {
        Some(disk) => {
            builder.environment("INTERDICT__LEDGER__DIR", disk.ledger().to_str().unwrap())
        }
        None => builder.under(&["sh", "-c", BLOCKS]),
    };
    let mut gateway = builder.start();
    let ledger = disk.as_ref().map_or_else(|| gateway.dir().join("ledger"), SmallDisk::ledger);
    if let Some(disk) = &disk {
        disk.leave(400 << 10);
    }
    let traffic = Traffic::start(gateway.address, 3);
    until("a full disk", || (traffic.seen.refused() >= 20).then_some(()));
    until("503 on /readyz", || {
        (Request::get("/readyz").send(gateway.admin).status == 503).then_some(())
    });
    // What is not judged is not held up.
    assert_eq!(Request::get("/static/logo.txt").from(GERMAN).send(gateway.address).status, 201);
    match &disk {
        Some(disk) => disk.make_room(),
        None => {
            let id = gateway.id().to_string();
            let raised = run(Command::new("prlimit").args(["--fsize=unlimited", "--pid", &id]));
            assert_eq!(raised.code, Some(0), "{}", raised.stderr);
        }
    }
    let update = Request::get("/mirror/index/u1313g.xml").from(GERMAN);
    until("healing", || (update.send(gateway.address).status == 201).then_some(()));
    until("readiness", || {
        (Request::get("/readyz").send(gateway.admin).status == 200).then_some(())
    });
    let seen = traffic.stop();
    gateway.signal("TERM");
    assert_eq!(gateway.wait(), Some(0));
    // The request for what is not judged is on no record.
    seen.is_all_in(&ledger, &recorder, &["/static/logo.txt"]);
}

fn status(gateway: &Gateway) -> serde_json::Value {
    Request::get("/readyz").send(gateway.admin).json()
}

#[test]
fn before_the_disk_is_full_it_is_told_and_strangers_are_summarised_while_lawful_traffic_goes_on() {
    // Nobody can give a process a file system that is almost full, but for a mount.
    let Some(disk) = SmallDisk::mount(96 << 20) else {
        let report = "without a mount only the unit tests of `ledger::space` and `enforcement::flood` show this";
        return eprintln!("{report}");
    };
    let recorder = Recorder::start();
    let gateway = GatewayBuilder::new(recorder.address)
        .environment("INTERDICT__LEDGER__DIR", disk.ledger().to_str().unwrap())
        .environment("INTERDICT__LEDGER__RESERVE", "16MiB")
        .start();
    assert_eq!(status(&gateway)["status"], "ready");
    let refused = || {
        let update = Request::get("/mirror/index/u1313g.xml").from(PUERTO_RICAN);
        let answer = update.send(gateway.address);
        assert_eq!(answer.status, 451);
        answer.decision().unwrap().1.to_owned()
    };
    assert_ne!(refused(), refused());

    disk.leave(40 << 20);
    until("the warning", || gateway.log().contains("has little room left").then_some(()));
    assert_eq!(status(&gateway)["status"], "ready");
    assert!(gateway.metric("interdict_ledger_reserve_reached") < 1.0);
    assert_ne!(refused(), refused());
    disk.make_room();
    disk.leave(8 << 20);
    until("the alert", || gateway.log().contains("reserve is reached").then_some(()));
    let told = status(&gateway);
    assert_eq!(
        (&told["status"], &told["reasons"][0]["part"]),
        (&"degraded".into(), &"ledger".into())
    );
    assert_eq!(Request::get("/readyz").send(gateway.admin).status, 200);
    assert!(gateway.metric("interdict_ledger_reserve_reached") > 0.0);
    let free = gateway.metric("interdict_ledger_free_bytes");
    assert!((1.0..f64::from(16 << 20)).contains(&free), "{free}");

    // Another minute may begin once.
    let ids: std::collections::HashSet<_> = (0..20).map(|_| refused()).collect();
    assert!(ids.len() <= 2, "{ids:?}");
    let update = Request::get("/mirror/index/u1313g.xml").from(GERMAN);
    let served: std::collections::HashSet<_> = (0..20)
        .map(|_| {
            let answer = update.send(gateway.address);
            assert_eq!(answer.status, 201);
            answer.decision().unwrap().1.to_owned()
        })
        .collect();
    assert_eq!(served.len(), 20);
    let records = crate::support::gateway::export(&disk.ledger());
    let recorded: std::collections::HashSet<_> =
        records.iter().map(|record| record["id"].as_str().unwrap().to_owned()).collect();
    assert!(ids.union(&served).all(|id| recorded.contains(id)));

    disk.make_room();
    until("room again", || (status(&gateway)["status"] == "ready").then_some(()));
    assert_ne!(refused(), refused());
    let log = gateway.log();
    for (line, times) in
        [("has little room left", 1), ("reserve is reached", 1), ("room for the ledger again", 2)]
    {
        // One look may have fallen between the old ballast and the new.
        assert!((1..=times).contains(&log.matches(line).count()), "{line}: {log}");
    }
}
