//! `/timeline`: the law over time, and what would be decided for a buyer and a product at any second of it.

mod asking;
#[cfg(test)]
pub(super) mod tests;

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web;
use askama::Template;
use jiff::Timestamp;

use crate::admin::access::Caller;
use crate::admin::access::VIEWERS;
use crate::admin::api::Problem;
use crate::admin::console::Nav;
use crate::admin::console::Shell;
use crate::admin::console::filters;
use crate::admin::console::page;
use crate::admin::console::policies::countdown;
use crate::admin::mount::Mount;
use crate::admin::server::AdminPlane;
use crate::control::policies::timeline::Timeline;
use crate::model::Action;
use crate::model::Mode;
use crate::model::Role;
use crate::policy::plain::deeds;

pub(super) fn routes(mount: &mut Mount<'_>) {
    mount.get("/timeline", VIEWERS, law).post("/timeline/ask", VIEWERS, asking::ask);
}

/// The page.
#[derive(Template)]
#[template(path = "policies/timeline.html")]
pub(super) struct Law {
    /// Whether the person may have accounts looked up.
    pub accounts: bool,
    pub chosen: String,
    pub moments: Vec<Moment>,
    pub now: Timestamp,
    pub policies: Vec<String>,
    pub shell: Shell,
    pub version: Option<u64>,
}

/// An instant, and all that has it as its date.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Moment {
    pub at: Timestamp,
    /// None for now itself.
    pub entries: Vec<Entry>,
    /// `past`, `now` or `future`.
    pub when: &'static str,
    /// How long until then, or since.
    pub words: String,
}

/// Something that has a date.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Entry {
    pub detail: String,
    pub icon: &'static str,
    pub kind: &'static str,
    pub policy: String,
    pub title: String,
    /// The revision that it is about.
    pub version: Option<u64>,
}

impl Moment {
    /// As a field of day and hour has it.
    fn field(&self) -> String {
        self.at.strftime("%Y-%m-%dT%H:%M:%S").to_string()
    }
}

impl Law {
    fn now_field(&self) -> String {
        self.now.strftime("%Y-%m-%dT%H:%M:%S").to_string()
    }
}

#[derive(Default, serde::Deserialize)]
struct Filter {
    #[serde(default)]
    policy: String,
}

async fn law(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    filter: web::Query<Filter>,
) -> Result<HttpResponse, Problem> {
    let policies = plane.policies.clone();
    let timeline = web::block(move || policies.timeline()).await;
    let timeline = timeline.map_err(|error| Problem::internal(&error))?;
    let now = plane.gate.now();
    let rules = timeline.rules.iter().map(|rule| rule.policy.clone());
    let told = timeline.milestones.iter().map(|milestone| milestone.policy.clone());
    let policies: BTreeSet<String> = rules.chain(told).collect();
    let chosen = filter.into_inner().policy;
    let readers = [Role::Auditor, Role::Reviewer, Role::PolicyApprover, Role::Administrator];
    let law = Law {
        accounts: readers.into_iter().any(|role| caller.has(role)),
        moments: moments(&timeline, &chosen, now),
        chosen,
        now,
        policies: policies.into_iter().collect(),
        shell: plane.shell(&caller, "Timeline of the law", Some(Nav::Timeline)),
        version: timeline.version,
    };
    Ok(page(StatusCode::OK, &law))
}

const fn about(action: &Action) -> &'static str {
    deeds(*action)
}

/// What has a date, the earliest first, with now between what was and what comes.
fn moments(timeline: &Timeline, policy: &str, now: Timestamp) -> Vec<Moment> {
    let mut moments: BTreeMap<Timestamp, Vec<Entry>> = BTreeMap::new();
    let mut add = |at: Timestamp, (kind, icon), of: &str, title, detail, version| {
        if policy.is_empty() || of.is_empty() || of == policy {
            let entry = Entry { detail, icon, kind, policy: of.to_owned(), title, version };
            moments.entry(at).or_default().push(entry);
        }
    };
    for rule in &timeline.rules {
        let clause = &rule.clause;
        let about: Vec<_> = rule.actions.iter().map(|action| deeds(*action)).collect();
        let about = about.join(", ");
        let idle = match rule.mode {
            Mode::Enforce => "",
            Mode::Off => " (switched off)",
            Mode::Shadow => " (in shadow)",
        };
        let cited = format!("Clause {clause}, {}", rule.citation);
        add(
            rule.effective,
            ("Takes effect", "shield"),
            &rule.policy,
            format!("{clause} begins: {about}{idle}"),
            format!("Rule {}. {cited}", rule.rule),
            None,
        );
        if let Some(until) = rule.until {
            add(
                until,
                ("Ends", "close"),
                &rule.policy,
                format!("{clause} ends: {about}{idle}"),
                format!("Rule {}. {cited}", rule.rule),
                None,
            );
        }
        if let Some(stay) = &rule.suspended {
            add(
                stay.from,
                ("Suspended", "court"),
                &rule.policy,
                format!("{clause} is suspended: {about}"),
                format!("Rule {}, by {}: {}", rule.rule, stay.by, stay.reason),
                None,
            );
            if let Some(until) = stay.until {
                add(
                    until,
                    ("Resumed", "play"),
                    &rule.policy,
                    format!("{clause} holds again: {about}"),
                    format!("Rule {}: the stay by {} ends", rule.rule, stay.by),
                    None,
                );
            }
        }
    }
    for milestone in &timeline.milestones {
        let kind = ("Event", "info");
        let (title, source) = (milestone.title.clone(), milestone.source.clone());
        add(milestone.at, kind, &milestone.policy, title, source, None);
    }
    for (eras, kind) in [
        (&timeline.activations, ("In force here", "policies")),
        (&timeline.scheduled, ("Scheduled here", "clock")),
    ] {
        for era in eras {
            let title = format!("Version {}: {}", era.version, era.title);
            add(era.at, kind, "", title, format!("By {}", era.by), Some(era.version));
        }
    }
    let told = moments.into_iter().map(|(at, entries)| {
        let when = if at <= now { "past" } else { "future" };
        Moment { at, entries, when, words: countdown(at, now) }
    });
    let (mut told, future): (Vec<_>, Vec<_>) = told.partition(|moment| moment.at <= now);
    told.push(Moment { at: now, entries: Vec::new(), when: "now", words: String::new() });
    told.extend(future);
    told
}
