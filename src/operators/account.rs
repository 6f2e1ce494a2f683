//! An account, as everybody but the file may see it: without the hash of its password.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::model::Actor;
use crate::model::Role;
use crate::model::Roles;
use crate::model::Via;

use super::error::OperatorsError;

/// Longest name of an account, in characters.
const NAME_CHARS: usize = 64;
/// Longest name of a person, in characters.
const DISPLAY_CHARS: usize = 100;

/// Name of an account: 1 to 64 of `a-z0-9._-`, the first a letter. Capitals are read as small letters.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String")]
pub struct AccountName(String);

/// Whether an account may be used.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Nobody signs in to it, and its sessions are void.
    Disabled,
    /// It may be used.
    Enabled,
}

/// An account.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Account {
    /// Its name.
    pub name: AccountName,
    /// What the person is called, if that was said.
    pub display: Option<String>,
    /// What the person may do; at least one.
    pub roles: Roles,
    /// Whether it may be used.
    pub standing: Standing,
    /// Another number, greater than any before in the same file, after each change of password, roles or standing. Whoever signed in
    /// under another one is signed in no more.
    pub generation: u64,
    /// When it was made.
    pub created: Timestamp,
    /// By whom: an actor's id, such as `command:root` or `local:anna`.
    pub created_by: String,
    /// When it was last changed.
    pub changed: Timestamp,
    /// By whom.
    pub changed_by: String,
}

impl AccountName {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AccountName {
    type Err = OperatorsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = text.to_ascii_lowercase();
        let may_stand = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
        let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
        match begins && name.len() <= NAME_CHARS && name.chars().all(may_stand) {
            true => Ok(Self(name)),
            false => Err(OperatorsError::Name),
        }
    }
}

/// Out of the file, where nothing but the name itself may stand.
impl TryFrom<String> for AccountName {
    type Error = OperatorsError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let name: Self = text.parse()?;
        if name.0 == text { Ok(name) } else { Err(OperatorsError::Name) }
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Standing {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Enabled => "enabled",
        }
    }
}

impl Account {
    /// True if it may be used and its person administers.
    pub fn administers(&self) -> bool {
        self.standing == Standing::Enabled && self.roles.contains(Role::Administrator)
    }

    /// Its person, acting through a session.
    pub fn actor(&self) -> Actor {
        Actor { id: format!("local:{}", self.name), roles: self.roles, via: Via::Session }
    }
}

/// What a person may be called.
pub(super) fn check_display(display: &str) -> Result<(), OperatorsError> {
    let chars = display.chars().count();
    let sound = !display.trim().is_empty() && !display.chars().any(char::is_control);
    match sound && chars <= DISPLAY_CHARS {
        true => Ok(()),
        false => Err(OperatorsError::Display),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_small_letters_digits_and_marks_after_a_letter() {
        for (text, name) in [("anna", "anna"), ("Anna.B-2_x", "anna.b-2_x"), ("a", "a")] {
            assert_eq!(text.parse::<AccountName>().unwrap().as_str(), name);
        }
        let longest = "a".repeat(64);
        assert_eq!(longest.parse::<AccountName>().unwrap().as_str(), longest);
        let too_long = "a".repeat(65);
        for text in ["", "1anna", ".anna", "anna b", "anna\n", "änna", "anna/..", &too_long] {
            assert!(text.parse::<AccountName>().is_err(), "{text}");
        }
    }

    #[test]
    fn in_the_file_a_name_stands_as_it_is() {
        assert!(serde_json::from_str::<AccountName>("\"anna\"").is_ok());
        assert!(serde_json::from_str::<AccountName>("\"Anna\"").is_err());
    }

    #[test]
    fn a_person_is_called_by_a_short_text_that_can_be_shown() {
        for text in ["Anna Böhm", &"ö".repeat(100)] {
            check_display(text).unwrap();
        }
        for text in ["", " ", "Anna\u{7}", "Anna\nBöhm", &"x".repeat(101)] {
            check_display(text).unwrap_err();
        }
    }
}
