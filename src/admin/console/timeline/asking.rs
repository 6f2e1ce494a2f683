//! The question "as of": a form becomes a transaction, the answer becomes sentences.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web;
use askama::Template;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::admin::access::Caller;
use crate::admin::api::Problem;
use crate::admin::console::fields::Fields;
use crate::admin::console::fields::needed;
use crate::admin::console::fields::one;
use crate::admin::console::filters;
use crate::admin::console::page;
use crate::admin::console::policies::countdown;
use crate::admin::console::policies::local_instant;
use crate::admin::policies::Question;
use crate::admin::policies::Stop;
use crate::admin::server::AdminPlane;
use crate::control::policies::timeline::Answers;
use crate::model::Transaction;
use crate::model::Verdict;

/// The answer, which goes below the form.
#[derive(Template)]
#[template(path = "policies/answer.html")]
pub(in crate::admin::console) struct Answer {
    pub answers: Answers,
    pub at: Timestamp,
    pub next: Option<Next>,
    pub stretches: Vec<Stretch>,
    pub told: Told,
    pub version: u64,
}

/// When the answer is another one.
pub(in crate::admin::console) struct Next {
    pub at: Timestamp,
    pub reason: String,
    pub verdict: Verdict,
    pub words: String,
}

/// A time with the same verdict.
pub(in crate::admin::console) struct Stretch {
    /// It holds the instant that was asked for.
    pub asked: bool,
    pub from: Option<Timestamp>,
    pub verdict: Verdict,
}

/// The account of a decision, as the engine gives it.
#[derive(Clone, Debug, Deserialize)]
pub(in crate::admin::console) struct Told {
    pub buyer: Buyer,
    pub citation: Option<String>,
    pub clause: Option<String>,
    pub items: Vec<Subject>,
    pub reason: String,
    pub request: Option<Subject>,
    pub seller: Option<String>,
    pub verdict: Verdict,
}

/// Where the buyer stands, and what says so.
#[derive(Clone, Debug, Deserialize)]
pub(in crate::admin::console) struct Buyer {
    pub because: Vec<String>,
    pub hindering: Vec<String>,
    pub network_address: String,
    pub nexus: String,
}

/// The product, or the address it would come from.
#[derive(Clone, Debug, Deserialize)]
pub(in crate::admin::console) struct Subject {
    pub products: Vec<Place>,
}

/// A product group that it is in.
#[derive(Clone, Debug, Deserialize)]
pub(in crate::admin::console) struct Place {
    pub certainty: String,
    pub matched_by: String,
    pub product: String,
    pub rules: Vec<Looked>,
}

/// A rule that was looked at.
#[derive(Clone, Debug, Deserialize)]
pub(in crate::admin::console) struct Looked {
    pub clause: String,
    pub mode: String,
    pub policy: String,
    pub rule: String,
    pub spared: Option<String>,
    pub verdict: Verdict,
    pub why: String,
}

impl Answer {
    fn subjects(&self) -> impl Iterator<Item = &Subject> {
        self.told.items.iter().chain(&self.told.request)
    }

    /// Why that version answers.
    const fn whose(&self) -> &'static str {
        match self.answers {
            Answers::Chosen => "which was asked for",
            Answers::Current => {
                "which is in force now: nothing was in force here yet, and it tells the law's own dates"
            }
            Answers::InForce => "which was in force here at that second",
            Answers::Scheduled => "which is scheduled to be in force then",
        }
    }

    fn standing(&self) -> &'static str {
        match self.told.buyer.nexus.as_str() {
            "us" => "in the United States, or a US person",
            "foreign" => "abroad, and no US person",
            _ => "unclear: what is known is not enough either way",
        }
    }

    fn is_told_of_no_rule(&self) -> bool {
        self.subjects().all(|subject| subject.products.iter().all(|place| place.rules.is_empty()))
    }
}

const fn class(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Allow => "allow",
        Verdict::Block => "block",
        Verdict::Review => "review",
    }
}

const fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Allow => "Allowed",
        Verdict::Block => "Blocked",
        Verdict::Review => "Held for review",
    }
}

/// What a field of evidence is called.
fn named(fields: &[String]) -> String {
    let words: Vec<_> = fields.iter().map(|field| field.replace(['_', '.'], " ")).collect();
    words.join(", ")
}

pub(super) async fn ask(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    form: Fields,
) -> Result<HttpResponse, Problem> {
    let at = local_instant("at", one(&form, "at"))?;
    let transaction = transaction(&form)?;
    let question = Question { at, transaction: transaction.clone(), version: None };
    let asked = plane.policies.ask(&caller.actor, question).await?;
    let stops = plane.policies.along(transaction).await?;
    let told = serde_json::from_value::<Told>(asked.explanation)
        .map_err(|error| Problem::internal(&error))?;
    let now = plane.gate.now();
    let later = stops.iter().filter(|stop| stop.at.is_some_and(|at| at > asked.at));
    let next = later.filter(|stop| stop.verdict != told.verdict).find_map(|stop| {
        let at = stop.at?;
        let (reason, words) = (stop.reason.clone(), countdown(at, now));
        Some(Next { at, reason, verdict: stop.verdict, words })
    });
    let answer = Answer {
        answers: asked.answers,
        at: asked.at,
        next,
        stretches: stretches(&stops, asked.at),
        told,
        version: asked.version,
    };
    Ok(page(StatusCode::OK, &answer))
}

/// Times with the same verdict, whatever rule says so.
fn stretches(stops: &[Stop], asked: Timestamp) -> Vec<Stretch> {
    let mut stretches: Vec<Stretch> = Vec::new();
    for stop in stops {
        if stretches.last().is_none_or(|last| last.verdict != stop.verdict) {
            stretches.push(Stretch { asked: false, from: stop.at, verdict: stop.verdict });
        }
    }
    let begun = |stretch: &&mut Stretch| stretch.from.is_none_or(|from| from <= asked);
    if let Some(stretch) = stretches.iter_mut().rev().find(begun) {
        stretch.asked = true;
    }
    stretches
}

/// The transaction of a form; what is empty is not known.
fn transaction(form: &Fields) -> Result<Transaction, Problem> {
    let given = |names: &[(&str, &str)]| -> Map<String, Value> {
        let fields = names.iter().map(|(field, key)| (*key, one(form, field)));
        let known = fields.filter(|(_, value)| !value.is_empty());
        known.map(|(key, value)| (key.to_owned(), json!(value))).collect()
    };
    let mut buyer = given(&[
        ("account", "account"),
        ("billing_country", "billing_country"),
        ("email", "email"),
        ("ip", "ip"),
        ("ip_country", "ip_country"),
        ("organization_country", "organization_country"),
        ("shipping_country", "shipping_country"),
    ]);
    match one(form, "us_person") {
        "yes" => drop(buyer.insert("us_person".to_owned(), json!(true))),
        "no" => drop(buyer.insert("us_person".to_owned(), json!(false))),
        _ => {}
    }
    for (field, key) in [("ip_class", "ip_class"), ("citizenship", "citizenship")] {
        let values: Vec<_> = one(form, field).split([',', ' ']).filter(|v| !v.is_empty()).collect();
        if !values.is_empty() {
            buyer.insert(key.to_owned(), json!(values));
        }
    }
    let item = given(&[("name", "name"), ("sku", "sku"), ("vendor", "vendor")]);
    let request = given(&[("host", "host"), ("path", "path")]);
    let mut whole = json!({ "action": needed(form, "action")?, "buyer": buyer });
    if let Some(whole) = whole.as_object_mut() {
        if !item.is_empty() {
            whole.insert("items".to_owned(), json!([item]));
        }
        if !request.is_empty() {
            whole.insert("request".to_owned(), json!(request));
        }
        if item.is_empty() && request.is_empty() {
            let detail =
                "name: say which product: its name, its SKU, or the address it is fetched from";
            return Err(Problem::invalid(detail).at("name", "say which product"));
        }
    }
    Transaction::from_json(whole.to_string().as_bytes())
        .map_err(|error| Problem::invalid(error.to_string()))
}
