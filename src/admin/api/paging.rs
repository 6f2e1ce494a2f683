//! Pages of lists: a limit, and a cursor that says where to go on.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::Serialize;
use utoipa::IntoParams;
use utoipa::ToSchema;

use super::problem::Problem;

/// Entries of a page unless `limit` says otherwise.
const LIMIT: u16 = 100;
/// Most entries of a page.
const MOST: u16 = 1_000;

/// Which page.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::admin) struct Paging {
    /// `next` of the page before; none for the first.
    pub(in crate::admin) cursor: Option<String>,
    /// Most entries wanted: 1 to 1000, 100 by default.
    #[param(minimum = 1, maximum = 1000)]
    pub(in crate::admin) limit: Option<u16>,
}

/// A page of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in crate::admin) struct Page<T> {
    /// The entries.
    pub(in crate::admin) items: Vec<T>,
    /// The next page's cursor; null on the last.
    pub(in crate::admin) next: Option<String>,
}

impl Paging {
    /// How many entries.
    pub(in crate::admin) fn limit(&self) -> Result<usize, Problem> {
        match self.limit.unwrap_or(LIMIT) {
            limit @ 1..=MOST => Ok(limit.into()),
            _ => Err(Problem::invalid("limit: from 1 to 1000").at("limit", "from 1 to 1000")),
        }
    }

    /// The key after which the page begins.
    pub(in crate::admin) fn after(&self) -> Result<Option<String>, Problem> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
        let key = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        let bad = "give the `next` of the page before";
        key.map(Some).ok_or_else(|| Problem::invalid(format!("cursor: {bad}")).at("cursor", bad))
    }
}

/// The cursor of a key.
pub(in crate::admin) fn cursor(key: &str) -> String {
    URL_SAFE_NO_PAD.encode(key)
}

impl<T> Page<T> {
    /// A page of what was found: one more than wanted tells that there is another.
    pub(in crate::admin) fn of(
        mut items: Vec<T>,
        limit: usize,
        key: impl Fn(&T) -> String,
    ) -> Self {
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|last| cursor(&key(last)));
        Self { items, next }
    }
}
