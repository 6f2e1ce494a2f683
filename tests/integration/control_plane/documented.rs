//! docs/admin-routes.md is the table of routes, as it is enforced.

use std::fmt::Write;
use std::path::Path;

use interdict::admin::Who;
use interdict::admin::table;
use interdict::model::Role;

const HEAD: &str = "# Routes of the control plane, by role\n\n\
    Made of the declarations that are enforced; a test holds both together, and writes this file anew where `INTERDICT_WRITE_DOCS` is set.\n\
    `all` is everyone who reaches the listener, signed in or not. How to get in, and what else is true of all of them, is in\n\
    [admin-api.md](admin-api.md).\n";

fn document() -> String {
    let mut text = HEAD.to_owned();
    let mut entries = table();
    entries.sort_by_key(|entry| (entry.path, entry.method.to_string()));
    let (api, pages): (Vec<_>, Vec<_>) =
        entries.into_iter().partition(|entry| entry.path.starts_with("/admin/"));
    for (title, entries) in [("API", api), ("Pages and probes", pages)] {
        write!(text, "\n## {title}\n\n| route | all |").unwrap();
        for role in Role::ALL {
            write!(text, " {role} |").unwrap();
        }
        write!(text, "\n|---|---|{}\n", "---|".repeat(Role::ALL.len())).unwrap();
        for entry in entries {
            let anyone = if entry.who == Who::Anyone { "yes" } else { "" };
            write!(text, "| `{} {}` | {anyone} |", entry.method, entry.path).unwrap();
            for role in Role::ALL {
                let may = match entry.who {
                    Who::Anyone => true,
                    Who::With(roles) => roles.contains(role),
                };
                text.push_str(if may { " yes |" } else { " |" });
            }
            text.push('\n');
        }
    }
    text
}

#[test]
fn the_documented_table_of_routes_is_the_one_that_is_enforced() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/admin-routes.md");
    let made = document();
    if std::env::var_os("INTERDICT_WRITE_DOCS").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let command = "INTERDICT_WRITE_DOCS=1 cargo test --test integration documented";
    assert!(kept == made, "docs/admin-routes.md is outdated: run `{command}`");
}
