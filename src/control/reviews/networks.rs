//! A released network put into the operator's networks file (`[geo] networks`), whole or not at all.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;

use ipnet::IpNet;

use crate::control::error::ControlError;
use crate::geo::GeoTables;
use crate::model::Country;
use crate::output::Overwrite;
use crate::output::WholeFile;
use crate::output::write_private;
use crate::settings::Geo;

/// The file with one more row, read back by the reader that will read it, and not yet in its place.
#[derive(Debug)]
pub struct NetworksFile {
    bytes: Vec<u8>,
    path: PathBuf,
}

impl NetworksFile {
    /// Prepares the row `network,country,`: everything but the file's own name.
    ///
    /// # Errors
    /// `Invalid` where no file is configured, the country is the United States, or the file would not be read any more; `Conflict`
    /// where the network has a row already.
    pub fn with(
        path: Option<&Path>,
        network: IpNet,
        country: Country,
    ) -> Result<Self, ControlError> {
        let Some(path) = path else {
            return Err(ControlError::Invalid(
                "network: there is no networks file; set `[geo] networks`, or release without it"
                    .to_owned(),
            ));
        };
        if country.is_united_states() {
            return Err(ControlError::Invalid(
                "country: a network in the United States is no reason to release".to_owned(),
            ));
        }
        let cannot = |error: &dyn std::fmt::Display| {
            ControlError::Invalid(format!("network: `{}`: {error}", path.display()))
        };
        // Where it is a link, the file behind it is replaced.
        let path = fs::canonicalize(path).map_err(|error| cannot(&error))?;
        let mut bytes = fs::read(&path).map_err(|error| cannot(&error))?;
        let named = |line: &str| line.split(',').next().and_then(|cidr| cidr.trim().parse().ok());
        let text = String::from_utf8_lossy(&bytes);
        if text.lines().any(|line| named(line) == Some(network)) {
            return Err(ControlError::Conflict(format!(
                "network: `{}` has a row for {network} already; change it there",
                path.display()
            )));
        }
        // A row within another one takes its place there: what the operator says of the United States is not changed from here.
        let of_states = |line: &&str| {
            let mut cells = line.split(',').map(str::trim);
            let row = cells.next().and_then(|cidr| cidr.parse::<IpNet>().ok());
            let country = cells.next().map(str::to_ascii_uppercase);
            let country = country.and_then(|code| <[u8; 2]>::try_from(code.as_bytes()).ok());
            let country = country.and_then(Country::from_alpha2);
            row.is_some_and(|row| row.contains(&network) || network.contains(&row))
                && country.is_some_and(Country::is_united_states)
        };
        if let Some(line) = text.lines().find(of_states) {
            return Err(ControlError::Conflict(format!(
                "network: `{}` says `{line}`: change it there, or release without it",
                path.display()
            )));
        }
        let end = if bytes.ends_with(b"\n") || bytes.is_empty() { "" } else { "\n" };
        bytes.extend_from_slice(format!("{end}{network},{country:?},\n").as_bytes());
        let trial = path.with_extension("review");
        let read = write_private(&trial, &bytes).map_err(|error| cannot(&error)).and_then(|()| {
            let settings = Geo { networks: Some(trial.clone()), ..Geo::default() };
            GeoTables::load(&settings).map(drop).map_err(|error| cannot(&error))
        });
        fs::remove_file(&trial).ok();
        read.map(|()| Self { bytes, path })
    }

    /// Puts it in its place, durably. Comments and all other rows are as they were.
    ///
    /// # Errors
    /// `Store` when the disk does not take it; then the old file stands.
    pub fn place(self) -> Result<(), ControlError> {
        let store = |error: &dyn std::fmt::Display| {
            ControlError::Store(format!("`{}`: {error}", self.path.display()))
        };
        let permissions = fs::metadata(&self.path).map(|file| file.permissions());
        let mut file = WholeFile::create(&self.path, Overwrite::Replace).map_err(|e| store(&e))?;
        file.write_all(&self.bytes).map_err(|error| store(&error))?;
        file.finish().map_err(|error| store(&error))?;
        let permissions = permissions.map_err(|error| store(&error))?;
        fs::set_permissions(&self.path, permissions).map_err(|error| store(&error))
    }
}
