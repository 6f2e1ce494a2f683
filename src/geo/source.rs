//! Where answers come from: the name of a source, its kind and its age.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

/// What a source is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum GeoSourceKind {
    /// An MMDB file asked for classes only.
    ClassDatabase,
    /// A file of networks and classes.
    ClassList,
    /// An MMDB file asked for countries, and for the classes it has.
    Database,
    /// The registry table in the binary.
    Embedded,
    /// The operator's own networks.
    Networks,
}

/// One source: its name, kind and age.
#[derive(Clone, Debug)]
pub struct GeoSource {
    built: Option<Timestamp>,
    expires: Option<Timestamp>,
    kind: GeoSourceKind,
    label: Arc<str>,
    name: Arc<str>,
    stale_label: Arc<str>,
}

impl GeoSource {
    /// A source of that name, built then, that is believed for `max_age`.
    pub(super) fn new(
        kind: GeoSourceKind,
        name: &str,
        built: Option<Timestamp>,
        max_age: Option<Duration>,
    ) -> Self {
        let label = match built {
            Some(built) => format!("{name} {}", built.strftime("%Y-%m-%d")),
            None => name.to_owned(),
        };
        Self {
            built,
            // A limit beyond the end of time is no limit.
            expires: built.zip(max_age).and_then(|(built, age)| built.checked_add(age).ok()),
            kind,
            stale_label: format!("{label} stale").into(),
            label: label.into(),
            name: name.into(),
        }
    }

    /// A source read from a file, named after it.
    pub(super) fn of_file(
        kind: GeoSourceKind,
        path: &Path,
        built: Option<Timestamp>,
        max_age: Option<Duration>,
    ) -> Self {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        Self::new(kind, &name, built, max_age)
    }

    /// The file's name, or `iptocc`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the source is.
    pub const fn kind(&self) -> GeoSourceKind {
        self.kind
    }

    /// When it was built: a database's build epoch, a CSV file's time of change, `None` for the embedded table.
    pub const fn built(&self) -> Option<Timestamp> {
        self.built
    }

    /// True once it is older than `max_age`.
    pub fn stale(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| now > expires)
    }

    /// How answers name it: the name with the day it was built, and `stale` where that holds.
    pub(super) const fn label(&self, stale: bool) -> &Arc<str> {
        if stale { &self.stale_label } else { &self.label }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_stale_only_beyond_its_limit() {
        let built: Timestamp = "2026-06-01T00:00:00Z".parse().unwrap();
        let day = Duration::from_secs(86_400);
        let source = GeoSource::of_file(
            GeoSourceKind::Database,
            Path::new("/data/a.mmdb"),
            Some(built),
            Some(day),
        );
        assert!(!source.stale(built));
        assert!(!source.stale("2026-06-02T00:00:00Z".parse().unwrap()));
        assert!(source.stale("2026-06-02T00:00:01Z".parse().unwrap()));
        assert_eq!(&**source.label(false), "a.mmdb 2026-06-01");
        assert_eq!(&**source.label(true), "a.mmdb 2026-06-01 stale");
    }

    #[test]
    fn without_a_limit_or_a_build_time_nothing_is_stale() {
        let built: Timestamp = "1970-01-01T00:00:00Z".parse().unwrap();
        let kind = GeoSourceKind::Embedded;
        assert!(!GeoSource::new(kind, "a", Some(built), None).stale(Timestamp::MAX));
        assert!(!GeoSource::new(kind, "a", None, Some(Duration::ZERO)).stale(Timestamp::MAX));
        assert!(!GeoSource::new(kind, "a", Some(built), Some(Duration::MAX)).stale(Timestamp::MAX));
    }
}
