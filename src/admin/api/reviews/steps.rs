//! The steps of a review, as people take them: one at a time for each entry, and each on what its author has read.

use jiff::Timestamp;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::admin::access::Caller;
use crate::admin::api::problem::Answer;
use crate::admin::api::problem::Problem;
use crate::admin::server::AdminPlane;
use crate::control::reviews::Outcome;
use crate::control::reviews::ReasonCode;
use crate::control::reviews::Recommend;
use crate::control::reviews::Release;
use crate::control::reviews::Review;
use crate::model::Country;

use super::view::version;

/// What a reviewer recommends.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct Recommendation {
    /// Why, in words. Name no person: it stands in the part of the record that is never erased.
    #[serde(default)]
    pub(in crate::admin) note: String,
    /// `release` or `refuse`.
    #[schema(value_type = String, example = "release")]
    pub(in crate::admin) outcome: Outcome,
    /// Why, from the closed list.
    #[schema(value_type = String, example = "vpn_of_foreign_customer")]
    pub(in crate::admin) reason_code: ReasonCode,
}

/// What an approver decides.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct Resolution {
    /// Whether what was recommended is to be. If not, the entry is open again, and the note says what is missing.
    pub(in crate::admin) agree: bool,
    /// Of a network that is released: the country with which it goes into the networks file (`[geo] networks`), alpha-2.
    #[serde(default)]
    #[schema(example = "NL")]
    pub(in crate::admin) country: Option<String>,
    /// Why, in words.
    #[serde(default)]
    pub(in crate::admin) note: String,
    /// When the clearance ends (RFC 3339); the default where absent.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub(in crate::admin) until: Option<Timestamp>,
}

/// A reviewer recommends; `same` says whether the entry is still the one that was read.
///
/// # Errors
/// What `same` and the control plane say; 409 while somebody else takes a step.
pub(in crate::admin) async fn recommended(
    plane: &AdminPlane,
    caller: &Caller,
    id: &str,
    recommendation: Recommendation,
    same: impl Fn(&str) -> Answer<()>,
) -> Answer<()> {
    let _step = plane.under_way.claim("review", id)?;
    same(&version(&plane.control.review(id)?))?;
    let Recommendation { note, outcome, reason_code: code } = recommendation;
    let note = note.trim().to_owned();
    let recommend = Recommend { code, note, outcome };
    plane.control.recommend_review(&caller.actor, id, recommend).await?;
    Ok(())
}

/// An approver who is another person decides.
///
/// # Errors
/// As [`recommended`].
pub(in crate::admin) async fn resolved(
    plane: &AdminPlane,
    caller: &Caller,
    id: &str,
    resolution: Resolution,
    same: impl Fn(&str) -> Answer<()>,
) -> Answer<()> {
    let _step = plane.under_way.claim("review", id)?;
    let review = plane.control.review(id)?;
    same(&version(&review))?;
    let Resolution { agree, country, note, until } = resolution;
    let (actor, note) = (&caller.actor, note.trim());
    let country = country.filter(|country| !country.trim().is_empty());
    if !agree {
        plane.control.return_review(actor, id, note).await?;
        return Ok(());
    }
    match recommended_outcome(&review) {
        Some(Outcome::Refuse) => {
            if country.is_some() || until.is_some() {
                let detail = "country, until: of a release only";
                return Err(Problem::invalid(detail));
            }
            plane.control.refuse_review(actor, id, note).await?;
        }
        // Without a recommendation the control plane says so.
        Some(Outcome::Release) | None => {
            let country = country.as_deref().map(named).transpose()?;
            let network = country.map(|country| (country, plane.networks.as_deref()));
            let release = Release { network, note: note.to_owned(), until };
            plane.control.release_review(actor, id, release).await?;
        }
    }
    Ok(())
}

fn recommended_outcome(review: &Review) -> Option<Outcome> {
    review.course.waiting().and_then(|(step, _)| step.outcome)
}

fn named(code: &str) -> Answer<Country> {
    let code = code.trim().to_ascii_uppercase();
    let bytes = <[u8; 2]>::try_from(code.as_bytes()).ok();
    let bad = "two letters of ISO 3166-1, such as NL";
    bytes
        .and_then(Country::from_alpha2)
        .ok_or_else(|| Problem::invalid(format!("country: {bad}")).at("country", bad))
}
