//! What all pages have in common.

use crate::model::Role;
use crate::model::Roles;

/// The frame of a page: its title, the navigation, who is signed in. Made by the access layer for each request.
#[derive(Clone, Debug)]
pub struct Shell {
    /// Token that changes must bring back (header `X-CSRF-Token`, or the form field `csrf`).
    pub csrf: String,
    /// Where in the navigation the page is.
    pub current: Option<Nav>,
    /// How the gateway goes.
    pub health: Health,
    /// Who is signed in.
    pub person: Option<Person>,
    /// Open entries of the review queue, where the person may see them.
    pub reviews: Option<u64>,
    /// Of the page.
    pub title: String,
}

/// How the gateway goes, in a word.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Health {
    /// It decides and records, and something needs looking after.
    Degraded,
    /// All is well.
    Ready,
    /// It cannot decide or record, and so serves nothing that is regulated.
    Unavailable,
}

/// Who is signed in.
#[derive(Clone, Debug)]
pub struct Person {
    /// As it is shown.
    pub name: String,
    /// What they may do.
    pub roles: Roles,
}

/// An entry of the navigation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Nav {
    /// Search in the records.
    Decisions,
    /// The ledger's health.
    Ledger,
    /// Accounts of the console.
    Operators,
    /// The first page.
    Overview,
    /// Policies and their life cycle.
    Policies,
    /// Catalogue and customers.
    Registry,
    /// Reports and exports.
    Reports,
    /// The review queue.
    Reviews,
    /// The law over time.
    Timeline,
}

/// Entries that belong together.
#[derive(Clone, Debug)]
pub struct Group {
    /// The entries, those only that the person may see.
    pub entries: Vec<Nav>,
    /// What they have in common.
    pub label: &'static str,
}

impl Health {
    /// The class of its badge.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Degraded => "warn",
            Self::Ready => "good",
            Self::Unavailable => "bad",
        }
    }

    /// Its symbol.
    pub const fn icon(self) -> &'static str {
        match self {
            Self::Degraded => "warn",
            Self::Ready => "allow",
            Self::Unavailable => "block",
        }
    }

    /// In words.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Degraded => "Needs attention",
            Self::Ready => "Enforcing",
            Self::Unavailable => "Not serving",
        }
    }
}

impl Person {
    /// The first letters of up to two names.
    pub fn initials(&self) -> String {
        let words = self.name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        words.filter_map(|word| word.chars().next()).take(2).collect()
    }

    /// The roles, as people read them.
    pub fn titles(&self) -> String {
        let titles: Vec<_> = self.roles.iter().map(Role::title).collect();
        titles.join(", ")
    }
}

impl Nav {
    /// Its address.
    pub const fn href(self) -> &'static str {
        match self {
            Self::Decisions => "/decisions",
            Self::Ledger => "/ledger",
            Self::Operators => "/operators",
            Self::Overview => "/",
            Self::Policies => "/policies",
            Self::Registry => "/registry/catalogue",
            Self::Reports => "/reports",
            Self::Reviews => "/reviews",
            Self::Timeline => "/timeline",
        }
    }

    /// Its symbol.
    pub const fn icon(self) -> &'static str {
        match self {
            Self::Decisions => "decisions",
            Self::Ledger => "ledger",
            Self::Operators => "operators",
            Self::Overview => "overview",
            Self::Policies => "policies",
            Self::Registry => "registry",
            Self::Reports => "reports",
            Self::Reviews => "reviews",
            Self::Timeline => "timeline",
        }
    }

    /// Its name.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Decisions => "Decisions",
            Self::Ledger => "Ledger",
            Self::Operators => "Operators",
            Self::Overview => "Overview",
            Self::Policies => "Policies",
            Self::Registry => "Registry",
            Self::Reports => "Reports",
            Self::Reviews => "Review queue",
            Self::Timeline => "Timeline",
        }
    }

    /// Who sees it. A link that would lead to a refusal is none; what the refusal stands on is the table of `admin/access`.
    pub const fn roles(self) -> Roles {
        match self {
            Self::Decisions | Self::Reports => Roles::of(&[Role::Auditor]),
            Self::Ledger | Self::Overview | Self::Policies | Self::Registry | Self::Timeline => {
                Roles::ALL
            }
            Self::Operators => Roles::of(&[Role::Administrator]),
            Self::Reviews => Roles::of(&[Role::Reviewer, Role::PolicyApprover]),
        }
    }
}

impl Shell {
    /// The navigation, as far as the person may go.
    pub fn groups(&self) -> Vec<Group> {
        const GROUPS: [(&str, &[Nav]); 4] = [
            ("Watch", &[Nav::Overview, Nav::Reviews, Nav::Decisions]),
            ("Rules", &[Nav::Policies, Nav::Timeline, Nav::Registry]),
            ("Evidence", &[Nav::Ledger, Nav::Reports]),
            ("Administration", &[Nav::Operators]),
        ];
        let groups = GROUPS.into_iter().map(|(label, entries)| Group {
            entries: entries.iter().copied().filter(|nav| self.sees(*nav)).collect(),
            label,
        });
        groups.filter(|group| !group.entries.is_empty()).collect()
    }

    /// Whether an entry is for the person.
    pub fn sees(&self, nav: Nav) -> bool {
        self.person.as_ref().is_some_and(|person| nav.roles().intersects(person.roles))
    }

    /// Whether the page is this entry's.
    pub fn is_at(&self, nav: &Nav) -> bool {
        self.current == Some(*nav)
    }

    /// How many wait at an entry; none where there is nothing to count.
    pub fn waiting(&self, nav: &Nav) -> Option<u64> {
        self.reviews.filter(|open| *nav == Nav::Reviews && *open > 0)
    }

    /// The program's version.
    pub const fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }
}
