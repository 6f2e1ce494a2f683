//! Products by SKU (DESIGN 5: Catalogue).

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use crate::model::CatalogueEntry;
use crate::model::CatalogueGroup;
use crate::model::CatalogueLookup;
use crate::policy::Folded;

use super::build::Build;
use super::error::RegistryError;
use super::rows;
use super::rows::Row;
use super::table::Table;

/// A catalogue in memory.
#[derive(Clone, Debug, Default)]
pub struct Catalogue(HashMap<Box<str>, CatalogueEntry>);

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

    fn row(&mut self, row: &Row<'_>) -> Result<(), String> {
        let sku = row.field("sku").ok_or("`sku` is blank")?;
        let folded = Folded::sku(sku);
        if folded.is_empty() {
            return Err(format!("`{sku}` is no SKU"));
        }
        let group = match row.field("group") {
            None => CatalogueGroup::ByText,
            Some("none") => CatalogueGroup::NotCovered,
            Some(id) if (self.is_group)(id) => CatalogueGroup::Group(Arc::clone(
                self.groups.entry(id.to_owned()).or_insert_with(|| Arc::from(id)),
            )),
            Some(id) => {
                return Err(format!(
                    "unknown group `{id}`; write a product id of a policy, `none`, or nothing"
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
            Some(_) => {
                Err(format!("SKU `{sku}` stands twice (case, blanks and dashes do not count)"))
            }
        }
    }

    fn finish(self) -> Catalogue {
        Catalogue(self.entries)
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

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there is no row.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl CatalogueLookup for Catalogue {
    fn find(&self, folded_sku: &str) -> Option<&CatalogueEntry> {
        self.0.get(folded_sku)
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
