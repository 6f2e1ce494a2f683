//! What the service manager hears: a real socket in the place of systemd's, the real program at its other end.

use std::fs;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Program;
use crate::support::Recorder;
use crate::support::interdict;
use crate::support::run;
use crate::support::until;

use super::POLICY;

/// A manager that listens.
struct Manager {
    dir: TempDir,
    socket: UnixDatagram,
}

impl Manager {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(dir.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Self { dir, socket }
    }

    /// A gateway that it supervises, with policies that can be broken.
    fn supervises(&self, upstream: &Recorder) -> GatewayBuilder {
        GatewayBuilder::new(upstream.address)
            .with("[policies]\ndir = \"policies\"")
            .file("policies/us.toml", POLICY)
            .environment("NOTIFY_SOCKET", self.dir.path().join("notify").to_str().unwrap())
    }

    /// The next message, as lines.
    fn hears(&self) -> Vec<String> {
        let mut buffer = [0; 4_096];
        let length = self.socket.recv(&mut buffer).expect("a message");
        let text = std::str::from_utf8(&buffer[..length]).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

/// Microseconds since the machine started, as `CLOCK_MONOTONIC` has them, to within the time of a suspension.
fn uptime() -> u64 {
    let text = fs::read_to_string("/proc/uptime").unwrap();
    let seconds: f64 = text.split(' ').next().unwrap().parse().unwrap();
    format!("{:.0}", seconds * 1e6).parse().unwrap()
}

#[test]
fn it_says_that_it_listens_reloads_and_drains_in_that_order() {
    let recorder = Recorder::start();
    let manager = Manager::new();
    let mut gateway = manager
        .supervises(&recorder)
        .environment("INTERDICT__GATEWAY__RELOAD_INTERVAL", "0s")
        .start();
    let listening = format!("STATUS=Listening on {}", gateway.address);
    assert_eq!(manager.hears(), ["READY=1", &listening]);

    let before = uptime();
    gateway.signal("HUP");
    let reloading = manager.hears();
    assert_eq!((reloading[0].as_str(), reloading.len()), ("RELOADING=1", 3), "{reloading:?}");
    let at: u64 = reloading[1].strip_prefix("MONOTONIC_USEC=").unwrap().parse().unwrap();
    let minute = 60_000_000;
    assert!(before.abs_diff(at) < minute, "{at} is not now, which is {before}");
    assert_eq!(reloading[2], "STATUS=Reloading");
    assert_eq!(manager.hears(), ["READY=1", &listening]);

    fs::write(gateway.dir().join("policies/us.toml"), "format = nonsense").unwrap();
    gateway.signal("HUP");
    assert_eq!(manager.hears()[0], "RELOADING=1");
    let degraded = manager.hears();
    assert_eq!((degraded[0].as_str(), degraded.len()), ("READY=1", 2), "{degraded:?}");
    let status = format!("{listening}; catalogue degraded: ");
    assert!(degraded[1].starts_with(&status), "{degraded:?}");
    assert!(degraded[1].contains("; policies degraded: "), "{degraded:?}");

    gateway.signal("TERM");
    assert_eq!(manager.hears(), ["STOPPING=1", "STATUS=Draining"]);
    assert_eq!(gateway.wait(), Some(0));
    manager.socket.set_nonblocking(true).unwrap();
    assert!(manager.socket.recv(&mut [0; 1]).is_err(), "nothing follows");
}

#[test]
fn a_file_that_breaks_shows_in_the_status() {
    let recorder = Recorder::start();
    let manager = Manager::new();
    let gateway = manager.supervises(&recorder).start();
    assert_eq!(manager.hears()[0], "READY=1");
    fs::write(gateway.dir().join("policies/us.toml"), "format = nonsense").unwrap();
    let status = manager.hears();
    assert!(status.len() == 1 && status[0].contains("; policies degraded: "), "{status:?}");
    fs::write(gateway.dir().join("policies/us.toml"), POLICY).unwrap();
    assert_eq!(manager.hears(), [format!("STATUS=Listening on {}", gateway.address)]);
}

#[test]
fn the_watchdog_hears_of_it_as_long_as_the_process_runs_and_no_longer() {
    let recorder = Recorder::start();
    let manager = Manager::new();
    let gateway = manager
        .supervises(&recorder)
        .environment("WATCHDOG_USEC", "400000")
        .environment("INTERDICT__LOG__LEVEL", "debug")
        .start();
    assert_eq!(manager.hears()[0], "READY=1");
    for _ in 0..5 {
        assert_eq!(manager.hears(), ["WATCHDOG=1"]);
    }
    let workers = || gateway.log().matches("a worker answers the watchdog").count();
    until("both workers to be asked", || (workers() == 2).then_some(()));
    gateway.signal("STOP");
    manager.socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let mut left = 0;
    while manager.socket.recv(&mut [0; 64]).is_ok() {
        left += 1;
        assert!(left < 5, "it says that it lives, and is stopped");
    }
    gateway.signal("CONT");
    manager.socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    assert_eq!(manager.hears(), ["WATCHDOG=1"]);
}

#[test]
fn a_watchdog_of_another_process_is_not_fed() {
    let recorder = Recorder::start();
    let manager = Manager::new();
    let mut gateway = manager
        .supervises(&recorder)
        .environment("WATCHDOG_USEC", "40000")
        .environment("WATCHDOG_PID", "1")
        .start();
    assert_eq!(manager.hears()[0], "READY=1");
    gateway.signal("TERM");
    assert_eq!(manager.hears()[0], "STOPPING=1", "and no word to the watchdog before");
    assert_eq!(gateway.wait(), Some(0));
}

#[test]
fn a_name_in_the_abstract_space_is_as_good_as_a_path() {
    let recorder = Recorder::start();
    let name = format!("interdict-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let socket = UnixDatagram::bind_addr(&address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let builder = GatewayBuilder::new(recorder.address);
    let _gateway = builder.environment("NOTIFY_SOCKET", &format!("@{name}")).start();
    let mut buffer = [0; 7];
    socket.recv(&mut buffer).unwrap();
    assert_eq!(&buffer, b"READY=1");
}

#[test]
fn a_manager_that_cannot_be_told_does_not_keep_it_from_serving() {
    let recorder = Recorder::start();
    for name in ["/nonexistent/notify", "vsock:2:1234"] {
        let builder = GatewayBuilder::new(recorder.address).environment("NOTIFY_SOCKET", name);
        let gateway = builder.start();
        assert!(gateway.log().contains("the service manager cannot be told anything"), "{name}");
    }
}

#[test]
fn health_asks_the_running_gateway_and_says_so_by_its_exit_code() {
    let recorder = Recorder::start();
    let gateway = Gateway::start(recorder.address);
    let config = gateway.dir().join("interdict.toml");
    let health = |listen: &str| {
        let mut command = interdict();
        command.args(["health", "--config"]).arg(&config).env("INTERDICT__ADMIN__LISTEN", listen);
        run(&mut command)
    };
    let ready = health(&format!("0.0.0.0:{}", gateway.admin.port()));
    assert_eq!(
        (ready.code, ready.stdout.as_str()),
        (Some(0), "{\"status\":\"ready\",\"reasons\":[]}\n"),
        "{}",
        ready.stderr
    );
    // The gateway's own listener speaks HTTP as well, but knows nothing of readiness: 201 of the recorder behind it.
    assert_eq!(health(&gateway.address.to_string()).code, Some(74));
    let nobody = health("127.0.0.1:1");
    assert_eq!(nobody.code, Some(74));
    assert!(nobody.stderr.contains("127.0.0.1:1 does not answer"), "{}", nobody.stderr);
}

/// `strace` keeps one thread from waiting for its next event.
fn stuck(thread: &str) -> Option<Program> {
    let mut tracer = Program::start(Command::new("strace").args([
        "-o",
        "/dev/null",
        "-e",
        "trace=epoll_wait",
        "-e",
        "inject=epoll_wait:delay_enter=10000000",
        "-p",
        thread,
    ]));
    let attached = until("strace", || {
        let heard = tracer.heard();
        let refused = heard.contains("Operation not permitted");
        (refused || heard.contains(" attached")).then_some(!refused)
    });
    if !attached {
        tracer.terminate();
    }
    attached.then_some(tracer)
}

/// The threads that run events, of workers and of the admin listener: each in turn is kept from it.
#[test]
fn the_watchdog_hears_nothing_while_one_worker_is_stuck() {
    let recorder = Recorder::start();
    let manager = Manager::new();
    let gateway = manager
        .supervises(&recorder)
        .environment("WATCHDOG_USEC", "400000")
        .environment("INTERDICT__LOG__LEVEL", "debug")
        .start();
    assert_eq!(manager.hears()[0], "READY=1");
    let workers = || gateway.log().matches("a worker answers the watchdog").count();
    until("both workers", || (workers() == 2).then_some(()));
    let threads = fs::read_dir(format!("/proc/{}/task", gateway.id())).unwrap();
    let threads: Vec<_> = threads.map(|thread| thread.unwrap().path()).collect();
    let events = threads.iter().filter(|thread| {
        fs::read_to_string(thread.join("comm")).is_ok_and(|name| name.starts_with("actix-rt|"))
    });
    let mut silent = 0;
    for thread in events {
        let Some(mut tracer) = stuck(thread.file_name().unwrap().to_str().unwrap()) else {
            return eprintln!("no process can be traced here: only `telemetry::pulse` shows it");
        };
        manager.socket.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        let heard = (0..40).take_while(|_| manager.socket.recv(&mut [0; 64]).is_ok()).count();
        silent += usize::from(heard < 40);
        tracer.terminate();
        manager.socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        assert_eq!(manager.hears(), ["WATCHDOG=1"], "it turns again");
    }
    // The listener for operations is not watched; on a machine that is busy enough, its turn may look stuck as well.
    assert!(silent >= 2, "both workers are watched: {silent}");
    assert!(gateway.log().contains("a worker does not answer"));
}
