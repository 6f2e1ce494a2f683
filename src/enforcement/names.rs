//! Names of members as a platform reads them that looks neither at case nor at underscores.

use crate::model::StrictValue;

use super::outcome::Malformed;
use super::values::field;

/// The document with every name in lower case and without underscores. The depth is the strict reader's.
///
/// # Errors
/// When two names of one object are one to the platform.
pub(super) fn folded(document: StrictValue) -> Result<StrictValue, Malformed> {
    Ok(match document {
        StrictValue::Array(values) => {
            StrictValue::Array(values.into_iter().map(folded).collect::<Result<_, _>>()?)
        }
        StrictValue::Object(members) => {
            let mut renamed = Vec::with_capacity(members.len());
            for (name, value) in members {
                let plain: String = name.to_lowercase().replace('_', "");
                if renamed.iter().any(|(other, _)| *other == plain) {
                    return Err(field(format!("`{name}` is given twice, in two spellings")));
                }
                renamed.push((plain, folded(value)?));
            }
            StrictValue::Object(renamed)
        }
        other @ (StrictValue::Bool(_)
        | StrictValue::Null
        | StrictValue::Number(_)
        | StrictValue::String(_)) => other,
    })
}
