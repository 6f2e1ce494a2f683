//! The release program, run and watched.

use std::error::Error;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

/// Runs a command to its end; the peak of its resident memory in kB, 0 where the system does not tell.
pub(crate) fn peak_of(command: &mut Command) -> Result<u64, Box<dyn Error>> {
    let mut child = command.stderr(Stdio::null()).spawn()?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        if let Ok(text) = std::fs::read_to_string(&status) {
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
            peak = peak.max(kilobytes.unwrap_or(0));
        }
        if let Some(status) = child.try_wait()? {
            assert!(status.success(), "the program failed: {status}");
            return Ok(peak);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
