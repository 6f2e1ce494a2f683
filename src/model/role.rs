//! Who acts on the control plane, and as what.

use std::fmt;

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;

/// What a person may do. Duties are separate: who writes does not approve, who administers does neither.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Role {
    /// Sees what is in force and how it goes; nothing of a person.
    Viewer,
    /// Reads records, searches, exports and hands in reports.
    Auditor,
    /// Works the review queue: recommends what is to become of a hold.
    Reviewer,
    /// Writes drafts of policies and the catalogue.
    PolicyAuthor,
    /// Approves policies, and releases or refuses holds, which others prepared.
    PolicyApprover,
    /// Manages operators and the registry.
    Administrator,
}

/// A set of roles.
#[derive(Clone, Copy, Default, Eq, Hash, PartialEq)]
pub struct Roles(u8);

/// How somebody came to act.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// The command line, on the machine itself.
    Command,
    /// A session of the console.
    Session,
    /// The program itself, such as when a schedule falls due.
    System,
    /// A bearer token.
    Token,
}

/// Whoever acts: for the record, and for rules that need two persons.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Actor {
    /// Who: `local:anna`, `token:<sub>`, `command:<user>` or `system`. Two actors are one person exactly if these are equal.
    pub id: String,
    /// As what.
    pub roles: Roles,
    /// How.
    pub via: Via,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 6] = [
        Self::Viewer,
        Self::Auditor,
        Self::Reviewer,
        Self::PolicyAuthor,
        Self::PolicyApprover,
        Self::Administrator,
    ];

    /// As it is written in files, tokens and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Auditor => "auditor",
            Self::PolicyApprover => "policy_approver",
            Self::PolicyAuthor => "policy_author",
            Self::Reviewer => "reviewer",
            Self::Viewer => "viewer",
        }
    }

    /// The role of that text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }

    /// As people read it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Administrator => "Administrator",
            Self::Auditor => "Auditor",
            Self::PolicyApprover => "Policy approver",
            Self::PolicyAuthor => "Policy author",
            Self::Reviewer => "Reviewer",
            Self::Viewer => "Viewer",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Roles {
    /// None.
    pub const NONE: Self = Self(0);
    /// All of them.
    pub const ALL: Self = Self(0b11_1111);

    /// The set with `role` in it.
    #[must_use]
    pub const fn with(self, role: Role) -> Self {
        Self(self.0 | 1 << role as u8)
    }

    /// The roles of a list.
    #[must_use]
    pub const fn of(roles: &[Role]) -> Self {
        let mut set = Self::NONE;
        let mut rest = roles;
        while let [first, others @ ..] = rest {
            set = set.with(*first);
            rest = others;
        }
        set
    }

    /// True if `role` is in it.
    pub const fn contains(self, role: Role) -> bool {
        self.0 & 1 << role as u8 != 0
    }

    /// True if one of the roles is in both.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Everything of both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// True for no role.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The roles, in their order.
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |role| self.contains(*role))
    }
}

impl FromIterator<Role> for Roles {
    fn from_iter<I: IntoIterator<Item = Role>>(roles: I) -> Self {
        roles.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Debug for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl Serialize for Roles {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Roles {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<Role>::deserialize(deserializer)?.into_iter().collect())
    }
}

impl Actor {
    /// The program itself.
    pub fn system() -> Self {
        Self { id: "system".to_owned(), roles: Roles::NONE, via: Via::System }
    }

    /// True if both are one person.
    pub fn is(&self, other: &str) -> bool {
        self.id == other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_roles_is_written_as_its_names_and_read_back() {
        for bits in 0..=Roles::ALL.0 {
            let roles = Roles(bits);
            let text = serde_json::to_string(&roles).unwrap();
            assert_eq!(serde_json::from_str::<Roles>(&text).unwrap(), roles);
            for role in Role::ALL {
                assert_eq!(roles.contains(role), text.contains(&format!("\"{role}\"")));
            }
        }
        assert_eq!(Role::ALL.into_iter().collect::<Roles>(), Roles::ALL);
        assert!(serde_json::from_str::<Roles>(r#"["root"]"#).is_err());
    }

    #[test]
    fn a_role_is_read_as_it_is_written() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
        }
        assert_eq!(Role::parse("Viewer"), None);
    }
}
