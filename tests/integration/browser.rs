//! The console in a real Chromium: `tests/browser/story.mjs`.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use interdict::model::Role;

use crate::support::GatewayBuilder;
use crate::support::PASSWORD;
use crate::support::Recorder;
use crate::support::run;

/// Where pictures of the pages go; `make screenshots` puts them beside the documents.
fn pictures(root: &Path) -> PathBuf {
    std::env::var_os("INTERDICT_SCREENSHOTS")
        .map_or_else(|| root.join("target/screenshots"), |dir| root.join(dir))
}

#[test]
fn compliance_and_operations_live_their_story_in_a_browser() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shop = Recorder::start();
    let gateway = GatewayBuilder::new(shop.address)
        .with("refusals_per_minute = 1000000\n")
        .operator("anna", &[Role::PolicyAuthor, Role::Reviewer])
        .operator("ben", &[Role::PolicyApprover, Role::Auditor])
        .operator("olga", &[Role::Administrator])
        .start();
    let mut story = Command::new("node");
    story
        .arg(root.join("tests/browser/story.mjs"))
        .env("ADMIN", gateway.admin.to_string())
        .env("BROWSER_TOOLS", root.join("target/test-tools/browser"))
        .env("GATEWAY", gateway.address.to_string())
        .env("PASSWORD", PASSWORD)
        .env("SCREENSHOTS", pictures(root));
    let ended = run(&mut story);
    assert_eq!(ended.code, Some(0), "{}\n{}\n{}", ended.stdout, ended.stderr, gateway.log());
}
