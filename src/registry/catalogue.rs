//! Products by SKU (DESIGN 5: Catalogue).

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use crate::model::CatalogueEntry;
use crate::model::CatalogueGroup;
use crate::model::CatalogueLookup;
use crate::policy::Folded;

use super::build::Build;
use super::cells::Cells;
use super::cells::with_row;
use super::error::Bad;
use super::error::RegistryError;
use super::error::RowFault;
use super::rows;
use super::rows::Row;
use super::table::Table;

/// A catalogue in memory: what was loaded, and above it the rows that were edited since. An edit copies the edits, not the rest.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    base: Arc<HashMap<Box<str>, CatalogueEntry>>,
    /// By folded SKU; none: the row is gone.
    edits: BTreeMap<Box<str>, Option<CatalogueEntry>>,
    /// How many rows more (or fewer) there are than in `base`.
    more: isize,
}

/// A catalogue in the making.
pub(super) struct CatalogueBuild<'a> {
    entries: HashMap<Box<str>, CatalogueEntry>,
    groups: HashMap<String, Arc<str>>,
    is_group: &'a (dyn Fn(&str) -> bool + Sync),
}

impl<'a> CatalogueBuild<'a> {
    pub(super) fn new(is_group: &'a (dyn Fn(&str) -> bool + Sync)) -> Self {
        Self { entries: HashMap::new(), groups: HashMap::new(), is_group }
    }
}

impl Build for CatalogueBuild<'_> {
    type Index = Catalogue;

    fn row(&mut self, row: &Row<'_>) -> Result<(), Bad> {
        let sku = row.field("sku").ok_or_else(|| Bad::column("sku", "`sku` is blank"))?;
        let folded = Folded::sku(sku);
        if folded.is_empty() {
            return Err(Bad::column("sku", format!("`{sku}` is no SKU")));
        }
        let group = match row.field("group") {
            None => CatalogueGroup::ByText,
            Some("none") => CatalogueGroup::NotCovered,
            Some(id) if (self.is_group)(id) => CatalogueGroup::Group(Arc::clone(
                self.groups.entry(id.to_owned()).or_insert_with(|| Arc::from(id)),
            )),
            Some(id) => {
                return Err(Bad::column(
                    "group",
                    format!(
                        "unknown group `{id}`; write a product id of a policy, `none`, or nothing"
                    ),
                ));
            }
        };
        let fold = |text: Option<&str>| Folded::name(text.unwrap_or_default()).as_str().into();
        let entry = CatalogueEntry {
            group,
            name: fold(row.field("name")),
            vendor: fold(row.field("vendor")),
        };
        match self.entries.insert(Box::from(folded.as_str()), entry) {
            None => Ok(()),
            Some(_) => Err(Bad::column(
                "sku",
                format!("SKU `{sku}` stands twice (case, blanks and dashes do not count)"),
            )),
        }
    }

    fn finish(self) -> Result<Catalogue, Bad> {
        Ok(Catalogue { base: Arc::new(self.entries), edits: BTreeMap::new(), more: 0 })
    }
}

impl Catalogue {
    /// Reads `sku,name,vendor,group`. `is_group` says whether a policy knows a group id.
    ///
    /// # Errors
    /// When the file cannot be read or any row is bad: no SKU, a SKU given twice, an unknown group.
    pub fn load(
        path: &Path,
        is_group: impl Fn(&str) -> bool + Sync,
    ) -> Result<Self, RegistryError> {
        rows::load(path, Table::Catalogue, CatalogueBuild::new(&is_group))
    }

    /// The catalogue with one row put in or replaced (`new`), or without it (none); `sku` in any spelling.
    ///
    /// # Errors
    /// What is wrong with the row, as an import would say it.
    pub fn edited(
        &self,
        sku: &str,
        new: Option<&Cells>,
        is_group: impl Fn(&str) -> bool + Sync,
    ) -> Result<Self, RowFault> {
        let folded = Folded::sku(sku);
        let mut next = self.clone();
        let entry = match new {
            None => None,
            Some(cells) => {
                let mut build = CatalogueBuild::new(&is_group);
                with_row(cells, Table::Catalogue, |row| build.row(row)).map_err(|bad| bad.at(0))?;
                let made = build.entries.into_iter().next();
                match made.filter(|(key, _)| **key == *folded.as_str()) {
                    Some((_, entry)) => Some(entry),
                    None => {
                        let message = "a row keeps its SKU: remove this one and add another";
                        return Err(Bad::column("sku", message).at(0));
                    }
                }
            }
        };
        let (was, is) = (self.find(folded.as_str()).is_some(), entry.is_some());
        next.more = match (was, is) {
            (false, true) => next.more.saturating_add(1),
            (true, false) => next.more.saturating_sub(1),
            (true, true) | (false, false) => next.more,
        };
        next.edits.insert(folded.as_str().into(), entry);
        Ok(next)
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.base.len().saturating_add_signed(self.more)
    }

    /// True if there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl CatalogueLookup for Catalogue {
    fn find(&self, folded_sku: &str) -> Option<&CatalogueEntry> {
        if !self.edits.is_empty()
            && let Some(edit) = self.edits.get(folded_sku)
        {
            return edit.as_ref();
        }
        self.base.get(folded_sku)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn load(text: &str) -> Result<Catalogue, RegistryError> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        Catalogue::load(file.path(), |group| group == "kaspersky.covered")
    }

    #[test]
    fn a_row_is_found_in_any_spelling_of_its_sku() {
        let catalogue =
            load("sku,name,vendor,group\nab-1,Anti Virus,Shop,kaspersky.covered\nx,,,none\n")
                .unwrap();
        let entry = catalogue.find(Folded::sku("AB 1").as_str()).unwrap();
        assert_eq!(entry.group, CatalogueGroup::Group("kaspersky.covered".into()));
        assert_eq!(&*entry.name, "anti virus");
        assert_eq!(catalogue.len(), 2);
    }

    #[test]
    fn every_bad_row_is_named_and_nothing_is_taken() {
        let text = "sku,name,vendor,group\na,n,v,none\n,n,v,none\nb,n,v,other\nA,n,v,\nc,n,v\n";
        let Err(RegistryError::Rows { faults, .. }) = load(text) else { panic!("taken") };
        let lines: Vec<_> = faults.iter().map(|fault| fault.line).collect();
        assert_eq!(lines, [3, 4, 5, 6]);
        assert!(load("sku,title\na,b\n").is_err());
        assert!(load("name\na\n").is_err());
    }
}
