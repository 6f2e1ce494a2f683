//! What is in force in the running gateway, as far as the registry needs it.

use std::sync::Arc;

use crate::registry::Catalogue;
use crate::registry::Customers;
use crate::registry::Edits;
use crate::registry::RowFault;
use crate::registry::Table;

/// The running gateway.
pub trait Running: Send + Sync + std::fmt::Debug {
    /// The catalogue in force.
    fn catalogue(&self) -> Arc<Catalogue>;
    /// The customers in force.
    fn customers(&self) -> Arc<Customers>;
    /// Puts what `edit` makes of the catalogue in force.
    ///
    /// # Errors
    /// What `edit` says; nothing has changed then.
    fn edit_catalogue(
        &self,
        edit: &dyn Fn(&Catalogue) -> Result<Catalogue, RowFault>,
    ) -> Result<(), RowFault>;
    /// Puts what `edit` makes of the customers in force.
    ///
    /// # Errors
    /// What `edit` says; nothing has changed then.
    fn edit_customers(
        &self,
        edit: &dyn Fn(&Customers) -> Result<Customers, RowFault>,
    ) -> Result<(), RowFault>;
    /// The groups that the policies in force know.
    fn groups(&self) -> Vec<String>;
    /// True if the policies in force know that group.
    fn is_group(&self, id: &str) -> bool;
    /// Reads the table again, with the edits that `edits` gives once nobody else reads it.
    ///
    /// # Errors
    /// Why it could not be read; what was in force stays.
    fn reload(&self, table: Table, edits: &dyn Fn() -> Arc<Edits>) -> Result<(), String>;
}
