//! Whether the policies of a bundle are sound: they compile, `policy check` finds no error, their cases pass.

use std::io;
use std::io::Write;
use std::path::Path;

use crate::bundle::Bundle;
use crate::model::Clock;
use crate::model::SystemClock;
use crate::policy::check::Severity;
use crate::policy::check::check;

use super::Stop;
use super::test::Counts;
use super::test::run_cases;

/// What was found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Soundness {
    pub(super) cases: Counts,
    pub(super) errors: usize,
    pub(super) warnings: usize,
}

impl Soundness {
    /// Compiles and checks the policies and runs their cases; what is found is told to `err`.
    pub(super) fn of(bundle: &Bundle, err: &mut dyn Write, colour: bool) -> Result<Self, Stop> {
        let set = bundle.policies()?;
        let findings = check(&bundle.files().policies(), None, SystemClock.now())?;
        let count = |severity| findings.iter().filter(|f| f.severity == severity).count();
        for finding in findings.iter().filter(|finding| finding.severity != Severity::Note) {
            err.write_all(finding.render(colour).as_bytes())?;
        }
        let mut cases = Counts::default();
        for (name, text) in bundle.files().cases() {
            run_cases(Path::new(name), text, &set, &mut cases, err)?;
        }
        let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
        Ok(Self { cases, errors, warnings })
    }

    pub(super) const fn is_sound(&self) -> bool {
        self.errors == 0 && self.cases.failed == 0
    }
}

/// Writes what a bundle is, for people.
pub(super) fn describe(bundle: &Bundle, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "version   {}", bundle.version())?;
    writeln!(out, "made      {}", bundle.made())?;
    if !bundle.note().is_empty() {
        writeln!(out, "note      {}", bundle.note())?;
    }
    writeln!(out, "digest    {}", bundle.digest())?;
    for (name, digest) in bundle.digests() {
        writeln!(out, "file      {digest} {name}")?;
    }
    Ok(())
}
