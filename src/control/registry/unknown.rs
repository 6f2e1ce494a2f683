//! SKUs that were sold and have no row: listed, and said what they are.

use serde::Deserialize;
use serde::Serialize;

use crate::control::ControlError;
use crate::model::Actor;
use crate::model::CatalogueLookup as _;
use crate::registry::Bulk;
use crate::registry::Cells;
use crate::registry::Table;
use crate::registry::UnknownSku;

use super::desk::Desk;
use super::view::ImportView;

/// What an unknown SKU is.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Classified {
    /// A product of a policy, `none`, or blank: judge it by its text.
    #[serde(default)]
    pub group: String,
    /// The SKU, in any spelling.
    pub sku: String,
}

impl Desk {
    /// SKUs that were sold and have no row, last seen first.
    pub fn unknown(&self) -> Vec<UnknownSku> {
        let catalogue = self.inner.settings.running.catalogue();
        let mut all = self.inner.settings.unknown.all();
        all.retain(|sku| catalogue.find(&sku.id).is_none());
        all
    }

    /// Number of unknown SKUs, at most.
    pub fn unknown_len(&self) -> usize {
        self.inner.settings.unknown.len()
    }

    /// Says what unknown SKUs are: one becomes a row at once, several become a change that a second person approves.
    ///
    /// # Errors
    /// As [`Desk::set_row`] and [`Desk::bulk`].
    pub async fn classify(
        &self,
        actor: &Actor,
        reason: &str,
        skus: Vec<Classified>,
    ) -> Result<Option<ImportView>, ControlError> {
        let known = self.inner.settings.unknown.all();
        let mut rows = Vec::new();
        for classified in skus {
            let mut cells: Cells =
                [("sku".to_owned(), classified.sku), ("group".to_owned(), classified.group)].into();
            let id = Table::Catalogue.id(&cells).unwrap_or_default();
            let Some(sku) = known.iter().find(|sku| sku.id == id) else {
                let sku = cells.remove("sku").unwrap_or_default();
                return Err(ControlError::NotFound(format!("unknown SKU `{sku}`")));
            };
            cells.insert("sku".to_owned(), sku.sku.clone());
            cells.insert("name".to_owned(), sku.name.clone());
            cells.insert("vendor".to_owned(), sku.vendor.clone());
            rows.push(cells);
        }
        match rows.len() {
            0 => Err(ControlError::Invalid("skus: name at least one".to_owned())),
            1 => {
                let cells = rows.pop();
                self.set_row(actor, reason, Table::Catalogue, None, cells, None).await?;
                Ok(None)
            }
            _ => {
                let bulk = Bulk { add: rows, ..Bulk::default() };
                self.bulk(actor, Table::Catalogue, bulk).await.map(Some)
            }
        }
    }
}
