//! Groups as people choose them: plain names for what the policies in force call by id.

use crate::admin::server::AdminPlane;

/// In a form: judge the product by its text, which is a blank cell.
pub(super) const BY_TEXT: &str = "-";
/// In a cell: it was looked at, and no policy covers it.
const NONE: &str = "none";

/// A group that may be chosen.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(super) chosen: bool,
    pub(super) name: String,
    pub(super) value: String,
}

/// Every group, with `none` and "by its text"; `cell` is what is chosen, if anything is.
pub(super) fn choices(plane: &AdminPlane, cell: Option<&str>) -> Vec<Choice> {
    let snapshot = plane.gate.pin();
    let policies = &snapshot.policies;
    let groups = policies.product_ids().map(|id| {
        let exempt = policies.is_exempt_product(id);
        (id.to_owned(), if exempt { format!("{} (exempt)", plain(id)) } else { plain(id) })
    });
    let mut all: Vec<_> = groups.collect();
    all.push((NONE.to_owned(), name_of(NONE)));
    all.push((BY_TEXT.to_owned(), name_of("")));
    // A row may name a group that the policies have no more.
    if let Some(cell) =
        cell.filter(|cell| !cell.is_empty() && !all.iter().any(|(id, _)| id == cell))
    {
        all.push((cell.to_owned(), format!("{cell} (not in the policies in force)")));
    }
    let cell = cell.map(|cell| if cell.is_empty() { BY_TEXT } else { cell });
    let choice =
        |(value, name): (String, String)| Choice { chosen: cell == Some(&*value), name, value };
    all.into_iter().map(choice).collect()
}

/// What the cell of a row says, as people read it.
pub(super) fn name_of(cell: &str) -> String {
    match cell {
        "" => "Judge by its text".to_owned(),
        NONE => "None: looked at, not covered".to_owned(),
        id => plain(id),
    }
}

/// What a form's choice is in the cell.
pub(super) fn cell_of(choice: &str) -> &str {
    if choice == BY_TEXT { "" } else { choice }
}

/// `kaspersky.threat-intelligence` as `Kaspersky: threat intelligence`.
fn plain(id: &str) -> String {
    let words = id.replace(['-', '_'], " ").replace('.', ": ");
    let mut chars = words.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}", chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_have_plain_names() {
        assert_eq!(name_of("kaspersky.threat-intelligence"), "Kaspersky: threat intelligence");
        assert_eq!(name_of("none"), "None: looked at, not covered");
        assert_eq!(cell_of("-"), "");
        assert_eq!(cell_of("none"), "none");
    }
}
