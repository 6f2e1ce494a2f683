//! The verification of the whole ledger by the second mind (`audit`), in the background, one at a time. Its last result is kept until the
//! next.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::audit::AuditError;
use crate::audit::Options;
use crate::audit::Report;
use crate::audit::verify_dir;

/// A verification that runs, or the last one.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub(in crate::admin) struct Checked {
    /// When it began (RFC 3339).
    pub(in crate::admin) began: Option<String>,
    /// Who asked for it.
    pub(in crate::admin) by: Option<String>,
    /// The first defect, with its file and offset; or why nothing is known.
    pub(in crate::admin) defect: Option<String>,
    /// How far it is, in percent.
    pub(in crate::admin) percent: u8,
    /// Records that it has found sound.
    pub(in crate::admin) records: Option<u64>,
    /// What it has found, in words.
    pub(in crate::admin) said: Vec<String>,
    /// `never`, `running`, `sound`, `defective`, or `unknown` where files could not be read.
    #[schema(example = "sound")]
    pub(in crate::admin) state: String,
    /// When it ended (RFC 3339).
    pub(in crate::admin) ended: Option<String>,
}

impl Checked {
    /// When it ended.
    pub(in crate::admin) fn ended_at(&self) -> Option<Timestamp> {
        self.ended.as_ref()?.parse().ok()
    }
}

/// The verification.
#[derive(Debug)]
pub(in crate::admin) struct Verification(Mutex<Checked>);

impl Default for Verification {
    fn default() -> Self {
        Self(Mutex::new(Checked { state: "never".to_owned(), ..Checked::default() }))
    }
}

impl Verification {
    /// How it stands.
    pub(in crate::admin) fn now(&self) -> Checked {
        self.lock().clone()
    }

    /// Starts one, unless one runs. False if one does.
    pub(in crate::admin) fn start(
        self: &Arc<Self>,
        dir: PathBuf,
        by: &str,
        clock: impl Fn() -> Timestamp + Send + 'static,
    ) -> bool {
        {
            let mut checked = self.lock();
            if checked.state == "running" {
                return false;
            }
            *checked = Checked {
                began: Some(clock().to_string()),
                by: Some(by.to_owned()),
                state: "running".to_owned(),
                ..Checked::default()
            };
        }
        let shared = Arc::clone(self);
        drop(actix_web::rt::task::spawn_blocking(move || {
            // Whatever ends the thread ends the job.
            let ended = Ended(&shared);
            shared.run(&dir);
            drop(ended);
            shared.lock().ended = Some(clock().to_string());
        }));
        true
    }

    fn lock(&self) -> MutexGuard<'_, Checked> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, dir: &Path) {
        let progress = &mut |done: u64, total: u64| {
            let percent = done.saturating_mul(100).checked_div(total).unwrap_or(0).min(100);
            self.lock().percent = u8::try_from(percent).unwrap_or(100);
        };
        let verified = verify_dir(dir, &Options::default(), progress);
        let mut checked = self.lock();
        match verified {
            Ok(report) => {
                checked.state = "sound".to_owned();
                checked.percent = 100;
                checked.records = Some(report.records);
                checked.said = said(&report);
            }
            Err(AuditError::Defective(defect)) => {
                checked.state = "defective".to_owned();
                checked.defect = Some(defect.to_string());
            }
            Err(error) => {
                checked.state = "unknown".to_owned();
                checked.defect = Some(error.to_string());
            }
        }
    }
}

struct Ended<'a>(&'a Verification);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        let mut checked = self.0.lock();
        if checked.state == "running" {
            checked.state = "unknown".to_owned();
            checked.defect = Some("the verification ended before its end; see the log".to_owned());
        }
    }
}

fn said(report: &Report) -> Vec<String> {
    let mut said = vec![format!(
        "{} and {} were read from their raw bytes, and every hash was calculated again.",
        counted(report.records, "record"),
        counted(report.segments, "segment")
    )];
    match &report.published {
        Some(published) => {
            said.push(format!(
                "They lead to the root that is signed for {}.",
                counted(published.size, "record")
            ));
            if report.unpublished > 0 {
                let newer = counted(report.unpublished, "record");
                said.push(format!("Newer than that, and not yet signed: {newer}."));
            }
            let kept = report.checkpoints;
            said.push(format!("Checkpoints that were kept, all contained in it: {kept}."));
        }
        None => {
            said.push(
                "Nothing is signed yet: no checkpoint says that none are missing.".to_owned(),
            );
        }
    }
    let parts = report.parts;
    said.push(format!(
        "Personal parts: {} clear, {} encrypted, {} erased by {}.",
        parts.clear,
        parts.encrypted,
        parts.erased,
        counted(report.erasures, "erasure")
    ));
    for cosigned in &report.cosigned {
        said.push(format!(
            "The witness {} has cosigned {} records.",
            cosigned.witness, cosigned.size
        ));
    }
    if let Some(torn) = &report.torn {
        said.push(format!(
            "The last {} bytes of {} are no whole record: one that is being written, or was when the gateway was killed.",
            torn.bytes, torn.file
        ));
    }
    if let Some(key) = &report.key {
        said.push(format!(
            "Verified with the folder's own key {key}. It proves whose log this is only if you compare it with the key that you were given."
        ));
    }
    said
}

/// A number and its word.
fn counted(count: u64, word: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {word}{plural}")
}
