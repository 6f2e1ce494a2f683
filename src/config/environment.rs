//! Overrides from the environment: `INTERDICT__GATEWAY__LISTEN` stands for `[gateway] listen`.
//!
//! Names are split at double underscores and matched without regard to case, `-` and `.` being written `_`. An element of
//! `[[upstream]]` or `[[route]]` is addressed by its name: `INTERDICT__UPSTREAM__SHOP__SERVERS`. A value is TOML where it
//! reads as TOML, else a text. Names that lead nowhere are problems like any unknown key.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::problem::Found;
use super::tree::{Entry, Node, Origin, Value};

const PREFIX: &str = "INTERDICT__";

/// Named texts: the environment, or a map in a test.
pub trait Strings {
    /// The text of that name.
    fn get(&self, name: &str) -> Option<String>;

    /// Every name with its text.
    fn iter(&self) -> Vec<(String, String)>;
}

/// The environment of the process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Environment;

impl Strings for Environment {
    fn get(&self, name: &str) -> Option<String> {
        std::env::var_os(name).map(|text| text.to_string_lossy().into_owned())
    }

    fn iter(&self) -> Vec<(String, String)> {
        std::env::vars_os()
            .map(|(name, text)| {
                (name.to_string_lossy().into_owned(), text.to_string_lossy().into_owned())
            })
            .collect()
    }
}

impl Strings for BTreeMap<String, String> {
    fn get(&self, name: &str) -> Option<String> {
        self.get(name).cloned()
    }

    fn iter(&self) -> Vec<(String, String)> {
        self.iter().map(|(name, text)| (name.clone(), text.clone())).collect()
    }
}

/// Where state is kept by default: `$XDG_STATE_HOME/interdict`, else `$HOME/.local/state/interdict`.
///
/// Relative values are ignored, as the XDG base directory specification says.
pub fn state_dir(env: &impl Strings) -> Option<PathBuf> {
    let absolute =
        |name| env.get(name).map(PathBuf::from).filter(|path: &PathBuf| path.is_absolute());
    absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
        .map(|state| state.join("interdict"))
}

/// Puts every override of `env` into `root`, in the order of their names.
pub(super) fn overlay(root: &mut Node, env: &impl Strings, found: &mut Vec<Found>) {
    let overrides: BTreeMap<String, String> =
        env.iter().into_iter().filter(|(name, _)| name.starts_with(PREFIX)).collect();
    for (name, text) in overrides {
        let Some(rest) = name.strip_prefix(PREFIX) else { continue };
        let path: Vec<String> = rest.split("__").map(str::to_ascii_lowercase).collect();
        let name: Arc<str> = name.as_str().into();
        let origin = Origin::Environment { name: Arc::clone(&name), raw: None };
        let outcome = if path.iter().any(String::is_empty) {
            Err("a part of the name is empty: write `INTERDICT__SECTION__KEY`".to_owned())
        } else {
            place(root, &path, Node::of_variable(&name, &text), &origin)
        };
        if let Err(message) = outcome {
            found.push(Found { key: path.join("."), message, origin });
        }
    }
}

fn place(node: &mut Node, path: &[String], value: Node, origin: &Origin) -> Result<(), String> {
    let Some((first, rest)) = path.split_first() else {
        *node = value;
        return Ok(());
    };
    match &mut node.value {
        Value::Table(entries) => {
            if let Some(entry) = entries.iter_mut().find(|entry| fold(&entry.key) == *first) {
                return place(&mut entry.node, rest, value, origin);
            }
            let mut inner = Node { origin: origin.clone(), value: Value::Table(Vec::new()) };
            place(&mut inner, rest, value, origin)?;
            entries.push(Entry { key: first.clone(), key_origin: origin.clone(), node: inner });
            Ok(())
        }
        Value::Array(elements) => {
            let mut named =
                elements.iter_mut().filter(|element| name(element).as_ref() == Some(first));
            match (named.next(), named.next()) {
                (Some(element), None) => place(element, rest, value, origin),
                (Some(_), Some(_)) => Err(format!("more than one element is named `{first}`")),
                (None, _) => Err(format!("no element is named `{first}`")),
            }
        }
        Value::Boolean(_)
        | Value::Datetime(_)
        | Value::Float(_)
        | Value::Integer(..)
        | Value::String(_) => {
            Err(format!("`{first}` leads into {}, which has no keys", node.value.kind()))
        }
    }
}

fn name(element: &Node) -> Option<String> {
    let Value::Table(entries) = &element.value else { return None };
    let entry = entries.iter().find(|entry| entry.key == "name")?;
    entry.node.value.scalar().map(|name| fold(&name))
}

fn fold(key: &str) -> String {
    key.to_ascii_lowercase().replace(['-', '.'], "_")
}
