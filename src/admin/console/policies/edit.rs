//! The editor of a draft: one file at a time, checked while it is written, with a form for who does not write policy files by hand.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web;
use askama::Template;
use jiff::Timestamp;
use serde_json::json;

use crate::admin::access::Caller;
use crate::admin::api::Problem;
use crate::admin::console::Nav;
use crate::admin::console::Shell;
use crate::admin::console::fields::Fields;
use crate::admin::console::fields::all;
use crate::admin::console::fields::go;
use crate::admin::console::fields::needed;
use crate::admin::console::fields::one;
use crate::admin::console::fields::ticked;
use crate::admin::console::filters;
use crate::admin::console::page;
use crate::admin::server::AdminPlane;
use crate::control::policies::Change;
use crate::control::policies::Files;
use crate::control::policies::Revision;
use crate::control::policies::steps;
use crate::control::policies::writing;
use crate::control::policies::writing::NewRule;
use crate::model::Action;
use crate::model::Basis;
use crate::model::Mode;
use crate::model::Verdict;
use crate::policy::PolicyError;
use crate::policy::cases::read_cases;
use crate::policy::check::Severity;
use crate::policy::check::check;
use crate::policy::load_read;
use crate::policy::plain;
use crate::policy::plain::PlainProduct;
use crate::policy::plain::PlainRule;
use crate::policy::plain::deeds;

/// Zones that orders are dated in.
const ZONES: [(&str, &str); 4] = [
    ("America/New_York", "Washington (Eastern time)"),
    ("UTC", "UTC"),
    ("Europe/Brussels", "Brussels"),
    ("Europe/London", "London"),
];

/// The page.
#[derive(Template)]
#[template(path = "policies/edit.html")]
pub(in crate::admin::console) struct Edit {
    /// The version that it follows.
    pub base: Option<u64>,
    pub edit: u64,
    /// The file that is open.
    pub file: String,
    pub files: Vec<String>,
    pub linted: Linted,
    pub note: String,
    pub products: Vec<PlainProduct>,
    pub shell: Shell,
    pub text: String,
    pub title: String,
    pub version: u64,
    /// Whether it loses its approval or its checks when it is edited.
    pub voids: bool,
}

/// What is wrong with the text, and what it says.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "policies/lint.html")]
pub(in crate::admin::console) struct Linted {
    /// Cases that the file has, where it is one of cases.
    pub cases: Option<usize>,
    pub faults: Vec<LintFault>,
    /// What the policies say, where they compile.
    pub rules: Vec<PlainRule>,
}

/// Something that is wrong, and where.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::admin::console) struct LintFault {
    pub column: usize,
    pub file: String,
    pub help: String,
    /// True if it stands in the text that is open.
    pub here: bool,
    pub line: usize,
    pub message: String,
    pub severity: Severity,
}

/// A rule that a form wrote.
#[derive(Template)]
#[template(path = "policies/written.html")]
pub(in crate::admin::console) struct Written {
    pub text: String,
}

impl Linted {
    fn errors(&self) -> usize {
        self.faults.iter().filter(|fault| fault.severity == Severity::Error).count()
    }
}

impl Edit {
    fn is_policy(&self) -> bool {
        !self.file.contains('/')
    }

    /// The gutter's numbers.
    fn numbers(&self) -> String {
        let lines = self.text.split('\n').count();
        (1..=lines).map(|line| format!("{line}\n")).collect()
    }
}

const fn symbol(fault: &LintFault) -> (&'static str, &'static str) {
    match fault.severity {
        Severity::Error => ("block", "fail"),
        Severity::Note => ("info", "wait"),
        Severity::Warning => ("warn", "skip"),
    }
}

const fn about(action: &Action) -> &'static str {
    deeds(*action)
}

/// A name of a file as a query has it. Those on the disk may have any.
fn address(name: &str) -> String {
    let mut address = String::new();
    for byte in name.bytes() {
        match byte {
            b'-' | b'.' | b'/' | b'_' => address.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => address.push(char::from(byte)),
            byte => address.push_str(&format!("%{byte:02X}")),
        }
    }
    address
}

#[derive(serde::Deserialize)]
pub(super) struct Opened {
    file: Option<String>,
}

pub(super) async fn editor(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    version: web::Path<u64>,
    opened: web::Query<Opened>,
) -> Result<HttpResponse, Problem> {
    let revision = plane.policies.revision(*version)?;
    may_write(&plane, &caller, &revision)?;
    let first = revision.files.iter().map(|(name, _)| name).find(|name| !name.contains('/'));
    let file = opened.into_inner().file.or_else(|| first.map(str::to_owned)).unwrap_or_default();
    let text = revision.files.get(&file);
    let text = text.ok_or_else(|| Problem::not_found(format!("file `{file}`")))?.to_owned();
    let (files, name, now) = (revision.files.clone(), file.clone(), plane.gate.now());
    let linted = web::block(move || (linted(&files, &name, now), products(&files))).await;
    let (linted, products) = linted.map_err(|error| Problem::internal(&error))?;
    let edit = Edit {
        base: revision.base,
        edit: revision.edit,
        file,
        files: revision.files.iter().map(|(name, _)| name.to_owned()).collect(),
        linted,
        note: revision.note.clone(),
        products,
        shell: plane.shell(&caller, &format!("Edit version {version}"), Some(Nav::Policies)),
        text,
        title: revision.title.clone(),
        version: *version,
        voids: revision.report.is_some() || revision.approval.is_some(),
    };
    Ok(page(StatusCode::OK, &edit))
}

pub(super) async fn save(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    version: web::Path<u64>,
    form: Fields,
) -> Result<HttpResponse, Problem> {
    let file = needed(&form, "file")?.to_owned();
    let edit = edit_of(&form)?;
    let text = match ticked(&form, "new") {
        true => new_text(&file),
        false => text_of(&form),
    };
    if let Some(conflict) = conflict(&plane, *version, edit)? {
        return Ok(conflict);
    }
    plane.policies.edit(&caller.actor, *version, edit, &file, Some(text)).await?;
    if ticked(&form, "new") {
        return Ok(go(&format!("/policies/{version}/edit?file={}", address(&file))));
    }
    let edit = plane.policies.revision(*version)?.edit;
    let trigger = json!({
        "saved": { "edit": edit },
        "toast": { "kind": "good", "text": "Saved. Run the checks when you are done." },
    });
    Ok(HttpResponse::NoContent().insert_header(("HX-Trigger", trigger.to_string())).finish())
}

pub(super) async fn remove(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    version: web::Path<u64>,
    form: Fields,
) -> Result<HttpResponse, Problem> {
    let file = needed(&form, "file")?;
    plane.policies.edit(&caller.actor, *version, edit_of(&form)?, file, None).await?;
    Ok(go(&format!("/policies/{version}/edit")))
}

pub(super) async fn describe(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    version: web::Path<u64>,
    form: Fields,
) -> Result<HttpResponse, Problem> {
    let edit = edit_of(&form)?;
    if let Some(conflict) = conflict(&plane, *version, edit)? {
        return Ok(conflict);
    }
    let base = match one(&form, "base") {
        "" => None,
        text => Some(text.parse().map_err(|_| Problem::invalid("base: give a version"))?),
    };
    let described = (needed(&form, "title")?, one(&form, "note"), base);
    plane.policies.describe(&caller.actor, *version, edit, described).await?;
    let edit = plane.policies.revision(*version)?.edit;
    let trigger = json!({
        "saved": { "edit": edit },
        "toast": { "kind": "good", "text": "Saved." },
    });
    Ok(HttpResponse::NoContent().insert_header(("HX-Trigger", trigger.to_string())).finish())
}

pub(super) async fn lint(
    plane: web::Data<AdminPlane>,
    version: web::Path<u64>,
    form: Fields,
) -> Result<HttpResponse, Problem> {
    let revision = plane.policies.revision(*version)?;
    let file = needed(&form, "file")?.to_owned();
    let files = revision.files.with(&file, Some(text_of(&form)))?;
    let now = plane.gate.now();
    let linted = web::block(move || linted(&files, &file, now)).await;
    Ok(page(StatusCode::OK, &linted.map_err(|error| Problem::internal(&error))?))
}

pub(super) async fn rule(
    plane: web::Data<AdminPlane>,
    version: web::Path<u64>,
    form: Fields,
) -> Result<HttpResponse, Problem> {
    plane.policies.revision(*version)?;
    let actions = all(&form, "action").map(|action| {
        action.parse::<Action>().map_err(|error| Problem::invalid(format!("actions: {error}")))
    });
    let basis = match one(&form, "basis") {
        "judgement" => Basis::Judgement,
        "policy" => Basis::Policy,
        _ => Basis::Text,
    };
    let new = NewRule {
        actions: actions.collect::<Result<_, _>>()?,
        basis,
        buyer: ticked(&form, "buyer"),
        clause: one(&form, "clause").to_owned(),
        effective: writing::instant_in(needed(&form, "zone")?, needed(&form, "effective")?)?,
        id: one(&form, "id").to_owned(),
        message: one(&form, "message").to_owned(),
        mode: if one(&form, "mode") == "shadow" { Mode::Shadow } else { Mode::Enforce },
        notes: one(&form, "notes").to_owned(),
        products: all(&form, "product").map(str::to_owned).collect(),
        seller: ticked(&form, "seller"),
        unclear: verdict(&form, "unclear")?,
        us: verdict(&form, "us")?,
    };
    Ok(page(StatusCode::OK, &Written { text: writing::rule(&new)? }))
}

fn verdict(form: &Fields, name: &'static str) -> Result<Verdict, Problem> {
    match one(form, name) {
        "allow" => Ok(Verdict::Allow),
        "block" => Ok(Verdict::Block),
        "review" => Ok(Verdict::Review),
        _ => Err(Problem::invalid(format!("{name}: choose what is to happen"))),
    }
}

/// Whether the person may write on it; asked of the very step.
fn may_write(plane: &AdminPlane, caller: &Caller, revision: &Revision) -> Result<(), Problem> {
    let (version, edit) = (revision.version, revision.edit);
    let (title, note) = (revision.title.as_str(), revision.note.as_str());
    let state = plane.control.state();
    let asked = steps::describe(&state.policies, &caller.actor, version, edit, title, note, None);
    let asked: Change = asked?;
    drop(asked);
    Ok(())
}

/// Says that somebody saved meanwhile, with the edit that is there now: the text in the browser is left alone.
fn conflict(plane: &AdminPlane, version: u64, edit: u64) -> Result<Option<HttpResponse>, Problem> {
    let now = plane.policies.revision(version)?.edit;
    if now == edit {
        return Ok(None);
    }
    let detail = "Somebody saved this draft while you wrote. Nothing of yours is lost, and nothing is saved: see above the text.";
    let problem = Problem::new(StatusCode::PRECONDITION_FAILED, detail);
    let mut answer = actix_web::ResponseError::error_response(&problem);
    let trigger = json!({ "conflict": { "edit": now } }).to_string();
    if let Ok(value) = actix_web::http::header::HeaderValue::from_str(&trigger) {
        let name = actix_web::http::header::HeaderName::from_static("hx-trigger");
        answer.headers_mut().insert(name, value);
    }
    Ok(Some(answer))
}

fn edit_of(form: &Fields) -> Result<u64, Problem> {
    let edit = needed(form, "edit")?;
    edit.parse().map_err(|_| Problem::invalid("edit: load the page again"))
}

/// The text as it was written, blanks and all; a browser ends its lines with CR LF.
fn text_of(form: &Fields) -> Arc<str> {
    let text = form.iter().find(|(name, _)| name == "text").map_or("", |(_, text)| text.as_str());
    text.replace("\r\n", "\n").into()
}

/// What a new file begins with: the least that compiles.
fn new_text(file: &str) -> Arc<str> {
    let stem = file.trim_end_matches(".toml");
    let id: String = stem
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .collect();
    match file.contains('/') {
        true => "".into(),
        false => format!(
            "[policy]\nid        = \"{id}\"\ntitle     = \"{id}\"\nauthority = \"\"\ncitation  = \"\"\nversion   = \"1.0.0\"\n"
        )
        .into(),
    }
}

fn products(files: &Files) -> Vec<PlainProduct> {
    load_read(&files.policies()).map_or_else(|_| Vec::new(), |set| plain::products(&set))
}

/// What is wrong with a set of files of which one is open.
fn linted(files: &Files, open: &str, now: Timestamp) -> Linted {
    let mut linted = Linted::default();
    if open.contains('/') {
        let text = files.get(open).unwrap_or_default();
        let mut cases = 0_usize;
        for (line, case) in read_cases(text) {
            match case {
                Ok(_) => cases = cases.saturating_add(1),
                Err(error) => linted.faults.push(LintFault {
                    column: 1,
                    file: open.to_owned(),
                    help: String::new(),
                    here: true,
                    line,
                    message: error.to_string(),
                    severity: Severity::Error,
                }),
            }
        }
        linted.cases = Some(cases);
        return linted;
    }
    let texts = files.policies();
    let mut add = |fault: &crate::policy::Fault, severity| {
        linted.faults.push(LintFault {
            column: fault.column(),
            file: fault.file().to_owned(),
            help: fault.help_text().to_owned(),
            here: fault.file() == open,
            line: fault.line(),
            message: fault.message().to_owned(),
            severity,
        });
    };
    match check(&texts, None, now) {
        Ok(findings) => {
            for finding in &findings {
                add(&finding.fault, finding.severity);
            }
            let set = load_read(&texts);
            linted.rules = set.map_or_else(|_| Vec::new(), |set| plain::rules(&set));
        }
        Err(errors) => {
            for error in errors.iter() {
                match error {
                    PolicyError::Fault(fault) => add(fault, Severity::Error),
                    PolicyError::Empty(_) | PolicyError::Unreadable { .. } => {}
                }
            }
        }
    }
    linted.faults.sort_by_key(|fault| (std::cmp::Reverse(fault.severity), !fault.here, fault.line));
    linted
}
