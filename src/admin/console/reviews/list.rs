//! `/reviews`: the queue.

use std::collections::BTreeSet;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web;
use askama::Template;
use jiff::Timestamp;
use serde::Deserialize;

use crate::admin::access::Caller;
use crate::admin::access::QUEUE;
use crate::admin::api::reviews::Listed;
use crate::admin::api::reviews::Wanted;
use crate::admin::api::reviews::queue;
use crate::admin::api::reviews::words;
use crate::admin::console::Nav;
use crate::admin::console::Shell;
use crate::admin::console::filters;
use crate::admin::console::page;
use crate::admin::mount::Mount;
use crate::admin::server::AdminPlane;
use crate::control::reviews::Status;
use crate::control::reviews::suggestion;
use crate::model::Role;

use super::status;

/// Entries on a page.
const PAGE: usize = 50;

pub(super) fn routes(mount: &mut Mount<'_>) {
    mount.get("/reviews", QUEUE, show);
}

/// What is to be shown.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    action: String,
    page: usize,
    product: String,
    rule: String,
    subject: String,
    tab: String,
}

/// The queue.
#[derive(Clone, Debug, Template)]
#[template(path = "reviews.html")]
pub(in crate::admin::console) struct Reviews {
    /// What the filters offer.
    pub(in crate::admin::console) choices: Choices,
    /// What was chosen in them.
    pub(in crate::admin::console) chosen: Chosen,
    /// How many there are in each tab.
    pub(in crate::admin::console) counts: [u64; 3],
    /// The next page, or empty.
    pub(in crate::admin::console) next: String,
    /// The page before, or empty.
    pub(in crate::admin::console) previous: String,
    /// The entries.
    pub(in crate::admin::console) rows: Vec<Row>,
    /// The frame.
    pub(in crate::admin::console) shell: Shell,
    /// What is shown of how many.
    pub(in crate::admin::console) shown: String,
    /// The tab.
    pub(in crate::admin::console) tab: Tab,
}

/// What is in the queue, for the filters.
#[derive(Clone, Debug, Default)]
pub(in crate::admin::console) struct Choices {
    /// Actions: name, words.
    pub(in crate::admin::console) actions: Vec<(String, String)>,
    /// Product groups.
    pub(in crate::admin::console) products: Vec<String>,
    /// Rules.
    pub(in crate::admin::console) rules: Vec<String>,
}

/// What was chosen in the filters.
#[derive(Clone, Debug, Default)]
pub(in crate::admin::console) struct Chosen {
    /// The action.
    pub(in crate::admin::console) action: String,
    /// The product group.
    pub(in crate::admin::console) product: String,
    /// The rule.
    pub(in crate::admin::console) rule: String,
    /// The kind of subject.
    pub(in crate::admin::console) subject: String,
}

/// A part of the queue.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::admin::console) enum Tab {
    /// Nobody has said anything yet.
    Open,
    /// Somebody has, and it takes another.
    Waits,
    /// Released or refused.
    Done,
}

/// An entry in the table.
#[derive(Clone, Debug)]
pub(in crate::admin::console) struct Row {
    /// How long it has waited, in seconds.
    pub(in crate::admin::console) age: u64,
    /// How often it was held.
    pub(in crate::admin::console) count: u64,
    /// Its name.
    pub(in crate::admin::console) id: String,
    /// Whether it waits for whoever looks.
    pub(in crate::admin::console) mine: bool,
    /// The product group.
    pub(in crate::admin::console) product: String,
    /// The rule.
    pub(in crate::admin::console) rule: String,
    /// How it stands.
    pub(in crate::admin::console) status: Status,
    /// What seems to be the case.
    pub(in crate::admin::console) suggestion: String,
    /// What is held.
    pub(in crate::admin::console) what: String,
    /// For whom.
    pub(in crate::admin::console) who: String,
    /// What that is.
    pub(in crate::admin::console) who_kind: &'static str,
}

impl Tab {
    const ALL: [Self; 3] = [Self::Open, Self::Waits, Self::Done];

    /// As it stands in the address.
    pub(in crate::admin::console) const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Open => "open",
            Self::Waits => "waits",
        }
    }

    /// As it is called.
    pub(in crate::admin::console) const fn label(self) -> &'static str {
        match self {
            Self::Done => "Done",
            Self::Open => "Open",
            Self::Waits => "Waits for a second person",
        }
    }

    const fn statuses(self) -> &'static [Status] {
        match self {
            Self::Done => &[Status::Released, Status::Refused],
            Self::Open => &[Status::Open],
            Self::Waits => &[Status::Recommended],
        }
    }
}

impl Reviews {
    /// The tabs with how many entries each has.
    pub(in crate::admin::console) fn tabs(&self) -> [(Tab, u64); 3] {
        let [open, waits, done] = self.counts;
        [(Tab::Open, open), (Tab::Waits, waits), (Tab::Done, done)]
    }

    /// Whether a filter is set to that.
    pub(in crate::admin::console) fn is_chosen(&self, filter: &str, name: &str) -> bool {
        let Chosen { action, product, rule, subject } = &self.chosen;
        let set = match filter {
            "action" => action,
            "product" => product,
            "rule" => rule,
            _ => subject,
        };
        set == name
    }

    /// Whether a filter is set.
    pub(in crate::admin::console) const fn is_filtered(&self) -> bool {
        let Chosen { action, product, rule, subject } = &self.chosen;
        !(action.is_empty() && product.is_empty() && rule.is_empty() && subject.is_empty())
    }
}

async fn show(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    asked: web::Query<Asked>,
) -> HttpResponse {
    let Asked { action, page: number, product, rule, subject, tab } = asked.into_inner();
    let everything = [Status::Open, Status::Recommended, Status::Released, Status::Refused];
    let all = queue(&plane, &Wanted::default(), &everything);
    let choices = choices(&all);
    let wanted = Wanted { action, product, rule, state: String::new(), subject };
    let all: Vec<_> = all.into_iter().filter(|listed| wanted.is(&listed.hold)).collect();
    let of = |tab: Tab| all.iter().filter(move |listed| tab.statuses().contains(&listed.status));
    let mine = |listed: &Listed| is_for(&plane, &caller, listed);
    let tab = Tab::ALL.into_iter().find(|known| known.as_str() == tab).unwrap_or_else(|| {
        // Whoever can only decide begins with what can be decided.
        let decides = !caller.has(Role::Reviewer) && of(Tab::Waits).any(mine);
        if decides { Tab::Waits } else { Tab::Open }
    });
    let counts = Tab::ALL.map(|tab| u64::try_from(of(tab).count()).unwrap_or(u64::MAX));
    let mut entries: Vec<_> = of(tab).map(|listed| (!mine(listed), listed)).collect();
    match tab {
        Tab::Done => entries.sort_by_key(|(_, listed)| std::cmp::Reverse(listed.hold.last)),
        // It was sorted by age, and stays so within each half.
        Tab::Open | Tab::Waits => entries.sort_by_key(|(others, _)| *others),
    }
    let (number, total) = (number.max(1), entries.len());
    let from = number.saturating_sub(1).saturating_mul(PAGE);
    let now = plane.gate.now();
    let rows: Vec<_> = entries
        .iter()
        .skip(from)
        .take(PAGE)
        .map(|(others, listed)| row(listed, !others, now))
        .collect();
    let to = from.saturating_add(rows.len());
    let address = |number: usize| {
        let query = [
            ("tab", tab.as_str()),
            ("action", &wanted.action),
            ("product", &wanted.product),
            ("rule", &wanted.rule),
            ("subject", &wanted.subject),
            ("page", &number.to_string()),
        ];
        let pairs = query.into_iter().filter(|(_, value)| !value.is_empty());
        let query: Vec<_> =
            pairs.map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        format!("/reviews?{}", query.join("&"))
    };
    let reviews = Reviews {
        choices,
        counts,
        next: if to < total { address(number.saturating_add(1)) } else { String::new() },
        previous: if number > 1 { address(number.saturating_sub(1)) } else { String::new() },
        shell: plane.shell(&caller, "Review queue", Some(Nav::Reviews)),
        shown: match rows.len() {
            0 => String::new(),
            _ => format!("{} to {to} of {total}", from.saturating_add(1)),
        },
        rows,
        tab,
        chosen: Chosen {
            action: wanted.action,
            product: wanted.product,
            rule: wanted.rule,
            subject: wanted.subject,
        },
    };
    page(StatusCode::OK, &reviews)
}

/// Whether the entry waits for whoever calls.
fn is_for(plane: &AdminPlane, caller: &Caller, listed: &Listed) -> bool {
    match listed.status {
        Status::Open => caller.has(Role::Reviewer),
        Status::Recommended => {
            let state = plane.control.state();
            let course = state.reviews.courses.get(&listed.id);
            let step = course.and_then(|course| course.recommended.as_ref());
            caller.has(Role::PolicyApprover) && step.is_some_and(|step| !caller.actor.is(&step.by))
        }
        Status::Refused | Status::Released => false,
    }
}

fn row(listed: &Listed, mine: bool, now: Timestamp) -> Row {
    let Listed { hold, id, status } = listed;
    let waited = now.duration_since(hold.opened).as_secs();
    Row {
        age: u64::try_from(waited).unwrap_or(0),
        count: hold.count,
        id: id.clone(),
        mine,
        product: words::product(hold.key.product.as_deref()).to_owned(),
        rule: format!("{}/{}", hold.rule.policy, hold.rule.rule),
        status: *status,
        suggestion: suggestion(hold).text.to_owned(),
        what: words::action(hold.key.action).to_owned(),
        who: words::subject(&hold.key),
        who_kind: words::kind(hold.key.kind),
    }
}

fn choices(all: &[Listed]) -> Choices {
    let holds = || all.iter().map(|listed| &listed.hold);
    let actions: BTreeSet<_> =
        holds().map(|hold| (hold.key.action.as_str(), words::action(hold.key.action))).collect();
    let products: BTreeSet<_> = holds().filter_map(|hold| hold.key.product.as_ref()).collect();
    let rules: BTreeSet<_> =
        holds().map(|hold| format!("{}/{}", hold.rule.policy, hold.rule.rule)).collect();
    let owned = |(name, words): (&str, &str)| (name.to_owned(), words.to_owned());
    Choices {
        actions: actions.into_iter().map(owned).collect(),
        products: products.into_iter().cloned().collect(),
        rules: rules.into_iter().collect(),
    }
}

/// A text as a value in a query.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
