//! Claims about the configuration, each by a text.

use std::collections::BTreeMap;

use super::*;
use crate::model::Action;
use crate::settings::BuyerField;
use crate::settings::ClientAddress;
use crate::settings::Deliveries;
use crate::settings::LogFormat;
use crate::settings::PersonalParts;
use crate::settings::PolicyTrust;
use crate::settings::Preset;
use crate::settings::Source;

mod certificates;
mod design;
mod overrides;
mod problems;

fn home() -> BTreeMap<String, String> {
    BTreeMap::from([("HOME".to_owned(), "/home/op".to_owned())])
}

fn read_with(text: &str, env: &BTreeMap<String, String>) -> Result<Config, ConfigErrors> {
    Config::parse(text, &"i.toml".into(), PathBuf::from("/etc/interdict"), env)
}

fn read(text: &str) -> Result<Config, ConfigErrors> {
    read_with(text, &home())
}

/// The problems of a text, without the file's name.
fn problems(text: &str) -> Vec<String> {
    match read(text) {
        Ok(_) => Vec::new(),
        Err(errors) => errors
            .problems()
            .iter()
            .map(|problem| problem.to_string().replacen("i.toml:", "", 1))
            .collect(),
    }
}
