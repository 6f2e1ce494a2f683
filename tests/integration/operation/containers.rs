//! What can be told of the image and of compose.yaml where no image can be built: that they are hardened, and name what is there.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::interdict;
use crate::support::run;

const DOCKERFILE: &str = "deploy/Dockerfile";
const COMPOSE: &str = "deploy/compose.yaml";

/// The instructions of the last stage, comments and continuations resolved.
fn last_stage() -> Vec<String> {
    let text = fs::read_to_string(DOCKERFILE).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let joined = lines.join("\n").replace("\\\n", " ");
    let mut instructions: Vec<String> = joined.lines().map(str::to_owned).collect();
    let last = instructions.iter().rposition(|line| line.starts_with("FROM ")).unwrap();
    instructions.split_off(last)
}

fn instruction<'a>(stage: &'a [String], name: &str) -> Vec<&'a str> {
    stage.iter().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).collect()
}

#[test]
fn the_image_needs_no_shell_and_no_root() {
    let stage = last_stage();
    assert_eq!(instruction(&stage, "FROM"), ["${RUNTIME}"]);
    assert!(instruction(&stage, "RUN").is_empty(), "a distroless base has nothing to run");
    assert!(instruction(&stage, "ADD").is_empty(), "nothing is fetched into it");
    assert_eq!(instruction(&stage, "USER"), ["10001:10001"]);
    // Everything that starts is a program and its words, not a line for a shell.
    for name in ["ENTRYPOINT", "CMD"] {
        let words: Vec<String> = serde_json::from_str(instruction(&stage, name)[0]).unwrap();
        assert!(!words.is_empty(), "{name}");
    }
    let health = instruction(&stage, "HEALTHCHECK")[0].split_once("CMD ").unwrap().1;
    let health: Vec<String> = serde_json::from_str(health).unwrap();
    assert_eq!(health[..2], ["/usr/local/bin/interdict", "health"]);
    let help = run(interdict().args(["health", "--help"])).stdout;
    assert!(help.contains(health[2].as_str()), "{health:?}: {help}");
}

#[test]
fn the_bases_of_the_image_are_named_with_a_tag_and_can_be_named_by_digest() {
    let text = fs::read_to_string(DOCKERFILE).unwrap();
    for (argument, image) in [("BUILDER", "rust:"), ("RUNTIME", "gcr.io/distroless/cc-debian12:")] {
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("ARG {argument}=")));
        let base = line.unwrap_or_else(|| panic!("no ARG {argument}"));
        assert!(base.starts_with(image) && !base.ends_with(":latest"), "{base}");
        assert!(text.contains(&format!("FROM ${{{argument}}}")), "{argument}");
    }
    let toolchain = fs::read_to_string("Cargo.toml").unwrap();
    let wanted = toolchain.lines().find_map(|line| line.strip_prefix("rust-version = \"")).unwrap();
    assert!(text.contains(&format!("ARG BUILDER=rust:{}-", wanted.trim_end_matches('"'))));
}

#[test]
fn the_image_says_what_it_is_and_where_it_listens() {
    let stage = last_stage();
    let labels = instruction(&stage, "LABEL").join(" ");
    for label in ["title", "description", "licenses", "version", "base.name"] {
        assert!(labels.contains(&format!("org.opencontainers.image.{label}=")), "{label}");
    }
    assert!(stage.contains(&format!("ARG VERSION={}", env!("CARGO_PKG_VERSION"))), "{stage:?}");
    let listens = fs::read_to_string("deploy/compose/interdict.toml").unwrap();
    let exposed = instruction(&stage, "EXPOSE");
    let ports: Vec<&str> = exposed[0].split(' ').collect();
    for port in &ports {
        assert!(listens.contains(&format!("listen = \"0.0.0.0:{port}\"")), "{port}");
    }
    assert_eq!(ports.len(), listens.matches("listen = ").count());
    assert_eq!(instruction(&stage, "VOLUME"), ["/var/lib/interdict"]);
}

/// The text of each service of compose.yaml, by its name.
fn services() -> Vec<(String, String)> {
    let text = fs::read_to_string(COMPOSE).unwrap();
    let services = text.split("\nservices:\n").nth(1).unwrap().split("\nvolumes:").next().unwrap();
    let mut found: Vec<(String, String)> = Vec::new();
    for line in services.lines() {
        let name = line.strip_prefix("  ").filter(|rest| !rest.starts_with([' ', '#']));
        if let Some(name) = name.and_then(|rest| rest.strip_suffix(':')) {
            found.push((name.to_owned(), String::new()));
        } else {
            let (_, text) = found.last_mut().unwrap();
            text.push_str(line);
            text.push('\n');
        }
    }
    found
}

/// The entries of a list of a service.
fn entries(service: &str, list: &str) -> Vec<String> {
    let rest = service.split(&format!("    {list}:\n")).nth(1).unwrap_or_default();
    let entries = rest.lines().map_while(|line| line.strip_prefix("      - "));
    entries.map(str::to_owned).collect()
}

#[test]
fn every_service_of_compose_is_confined_and_reached_from_this_machine_alone() {
    let text = fs::read_to_string(COMPOSE).unwrap();
    for line in
        ["  cap_drop: [ALL]", "  read_only: true", "  security_opt: [\"no-new-privileges:true\"]"]
    {
        assert!(text.contains(line), "{line}");
    }
    assert!(!text.contains("privileged: true") && !text.contains("network_mode"));
    let services = services();
    let names: Vec<&str> = services.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["gateway", "prometheus", "grafana"]);
    for (name, service) in &services {
        assert!(service.contains("    <<: *hardened\n"), "{name}");
        let user = service.lines().find_map(|line| line.strip_prefix("    user: \"")).unwrap();
        assert!(!user.starts_with("0:") && !user.starts_with("root"), "{name}: {user}");
        let image = service.lines().find_map(|line| line.strip_prefix("    image: ")).unwrap();
        let pinned = image.rsplit_once(':').is_some_and(|(_, tag)| tag != "latest");
        assert!(pinned || service.contains("    build:\n"), "{name}: {image}");
        let ports = entries(service, "ports");
        assert!(!ports.is_empty(), "{name}");
        for port in ports {
            assert!(port.starts_with("127.0.0.1:"), "{name}: {port}");
        }
        for mount in entries(service, "volumes") {
            let (source, target) = mount.split_once(':').unwrap();
            match source.strip_prefix("./") {
                // A file of ours: it is there, and the container cannot change it.
                Some(file) => {
                    assert!(Path::new("deploy").join(file).exists(), "{name}: {source}");
                    assert!(target.ends_with(":ro"), "{name}: {mount}");
                }
                None => assert!(text.contains(&format!("\n  {source}:\n")), "{name}: {source}"),
            }
        }
        // The image of the gateway brings its own.
        assert!(service.contains("healthcheck:") || name == "gateway", "{name}");
    }
}

#[test]
fn the_gateway_of_compose_has_a_configuration_that_passes() {
    let state = tempfile::tempdir().unwrap();
    // What the image has elsewhere.
    let checked = run(interdict()
        .args(["check", "--config", "deploy/compose/interdict.toml"])
        .env("INTERDICT__POLICIES__DIR", fs::canonicalize("policies").unwrap())
        .env("INTERDICT__LEDGER__DIR", state.path().join("ledger"))
        .env("INTERDICT__STORE__DIR", state.path().join("store")));
    assert_eq!(checked.code, Some(0), "{}", checked.stderr);
    let text = fs::read_to_string("deploy/compose/interdict.toml").unwrap();
    for folder in ["store", "ledger"] {
        assert!(text.contains(&format!("dir = \"/var/lib/interdict/{folder}\"")), "{folder}");
    }
}

/// Where Docker and its plugin are at hand; the engine is not asked.
#[test]
fn docker_reads_compose_where_it_is_installed() {
    let has_plugin = Command::new("docker")
        .args(["compose", "version"])
        .output()
        .is_ok_and(|output| output.status.success());
    if !has_plugin {
        println!("docker compose is not installed: compose.yaml is read by nobody but these tests");
        return;
    }
    let read = run(Command::new("docker")
        .args(["compose", "--file", COMPOSE, "config", "--quiet"])
        .env("GRAFANA_PASSWORD", "not a secret"));
    assert_eq!(read.code, Some(0), "{}", read.stderr);
    let refused = run(Command::new("docker")
        .args(["compose", "--file", COMPOSE, "config", "--quiet"])
        .env_remove("GRAFANA_PASSWORD"));
    assert_ne!(refused.code, Some(0), "Grafana starts with a password that is known to all");
}
