//! `/timeline`: the law over time, and what would be decided for a buyer and a product at any second of it.

mod asking;
#[cfg(test)]
pub(super) mod tests;

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
    pub entries: Vec<Entry>,
    pub now: Timestamp,
    pub policies: Vec<String>,
    pub shell: Shell,
    pub version: Option<u64>,
}

/// Something that has a date.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Entry {
    pub at: Timestamp,
    pub detail: String,
    pub icon: &'static str,
    pub kind: &'static str,
    pub policy: String,
    pub title: String,
    /// The revision that it is about.
    pub version: Option<u64>,
    pub when: &'static str,
    /// How long until then, or since.
    pub words: String,
}

impl Entry {
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
        entries: entries(&timeline, &chosen, now),
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

/// What has a date, the earliest first, with an entry for now.
fn entries(timeline: &Timeline, policy: &str, now: Timestamp) -> Vec<Entry> {
    let mut entries = Vec::new();
    let when = |at: Timestamp| if at <= now { "past" } else { "future" };
    let mut add = |at: Timestamp, (kind, icon), policy: &str, title, detail, version| {
        let policy = policy.to_owned();
        let words = countdown(at, now);
        entries.push(Entry {
            at,
            detail,
            icon,
            kind,
            policy,
            title,
            version,
            when: when(at),
            words,
        });
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
        let kind = ("Told", "info");
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
    entries.retain(|entry| policy.is_empty() || entry.policy.is_empty() || entry.policy == policy);
    let now = Entry {
        at: now,
        detail: String::new(),
        icon: "clock",
        kind: "Now",
        policy: String::new(),
        title: "Now".to_owned(),
        version: None,
        when: "now",
        words: String::new(),
    };
    entries.push(now);
    entries.sort_by(|one, other| (one.at, one.when == "now").cmp(&(other.at, other.when == "now")));
    entries
}
