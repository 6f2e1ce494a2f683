//! The API by tools of other people: Schemathesis sends what the description allows and what it does not, as each role; every answer
//! must be one that the description knows. openapi-spec-validator reads the description itself.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use interdict::model::Role;
use serde_json::json;

use crate::identity::Issuer;
use crate::identity::now;
use crate::support::Ended;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Recorder;
use crate::support::Request;
use crate::support::run;

const ADMIN: &str = r#"
[admin.identity]
jwks = "admin-jwks.json"
issuer = "https://id.example"
audience = "console"
algorithms = ["EdDSA"]
roles_claim = "/roles"
"#;

/// What must hold of each answer: no 5xx, no status, media type, header or form that the description does not tell.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                      response_schema_conformance,unsupported_method";

/// Examples of the description, what its edges are, and what chance finds.
const ALL_PHASES: &str = "examples,coverage,fuzzing";

fn tool(name: &str) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = here.join("target/test-tools/python/bin").join(name);
    assert!(path.exists(), "{}: run `sh tests/install.sh`", path.display());
    path
}

struct World {
    gateway: Gateway,
    issuer: Issuer,
}

impl World {
    fn new() -> Self {
        let issuer = Issuer::new();
        let gateway = GatewayBuilder::new(Recorder::start().address)
            .with(ADMIN)
            .file("admin-jwks.json", issuer.jwks())
            .operator("olga", &[Role::Administrator])
            .start();
        Self { gateway, issuer }
    }

    fn token(&self, roles: &[Role]) -> String {
        let roles: Vec<_> = roles.iter().map(|role| role.as_str()).collect();
        let claims = json!({"iss":"https://id.example","aud":"console","sub":"schemathesis",
            "exp":now() + 3_600,"iat":now(),"roles":roles});
        self.issuer.signed("ed", r#"{"alg":"EdDSA","kid":"ed"}"#, &claims.to_string())
    }

    /// The document as it is served, in a file.
    fn document(&self) -> PathBuf {
        let served = Request::get("/admin/openapi.json").send(self.gateway.admin);
        assert_eq!(served.status, 200);
        let path = self.gateway.dir().join("openapi.json");
        std::fs::write(&path, served.body).unwrap();
        path
    }

    fn fuzzed(&self, roles: &[Role], phases: &str, examples: &str, seed: &str) -> Ended {
        self.fuzzed_by(&self.document(), roles, phases, examples, seed)
    }

    fn fuzzed_by(
        &self,
        document: &Path,
        roles: &[Role],
        phases: &str,
        examples: &str,
        seed: &str,
    ) -> Ended {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("http://{}", self.gateway.admin);
        let ended = run(Command::new(tool("schemathesis"))
            .current_dir(dir.path())
            .arg("run")
            .arg(document)
            .args(["--url", &url, "--no-color", "--checks", CHECKS, "--continue-on-failure"])
            .args(["--phases", phases, "--max-examples", examples])
            .args(["--seed", seed, "--generation-database", "none", "--no-shrink"])
            .args([
                "--suppress-health-check",
                "all",
                "--warnings",
                "off",
                "--request-timeout",
                "20",
            ])
            .args(["--header", &format!("Authorization: Bearer {}", self.token(roles))]));
        let up = Request::get("/healthz").send(self.gateway.admin);
        assert_eq!(up.status, 200, "it still answers");
        ended
    }
}

fn told(ended: &Ended) -> String {
    format!("{}\n{}", ended.stdout, ended.stderr)
}

#[test]
fn the_description_is_valid_openapi() {
    let world = World::new();
    let document = world.document();
    let read = |file: &Path| {
        run(Command::new(tool("openapi-spec-validator")).args(["--schema", "3.1"]).arg(file))
    };
    let valid = read(&document);
    assert_eq!(valid.code, Some(0), "{}", told(&valid));
    // That it would tell.
    let text = std::fs::read_to_string(&document).unwrap();
    let broken = world.gateway.dir().join("broken.json");
    std::fs::write(&broken, text.replace("\"responses\"", "\"answers\"")).unwrap();
    assert_ne!(read(&broken).code, Some(0));
}

#[test]
fn no_role_meets_an_answer_that_is_not_described() {
    let world = World::new();
    for role in Role::ALL {
        let ended = world.fuzzed(&[role], "examples,fuzzing", "3", "20251125");
        assert_eq!(ended.code, Some(0), "{role}: {}", told(&ended));
    }
    let ended = world.fuzzed(&Role::ALL, ALL_PHASES, "15", "20251125");
    assert_eq!(ended.code, Some(0), "all roles: {}", told(&ended));
    assert!(!world.gateway.log().contains("panicked"), "{}", world.gateway.log());
}

/// That it would tell: of a status, a member and a media type that the description leaves out.
#[test]
fn what_a_description_leaves_out_is_found() {
    let world = World::new();
    let text = std::fs::read_to_string(world.document()).unwrap();
    for (from, to) in [
        ("\"403\":", "\"418\":"),
        ("\"csrf_token\":{\"type\":\"string\"", "\"csrf_token\":{\"type\":\"integer\""),
        ("application/problem+json", "application/xml"),
    ] {
        assert!(text.contains(from), "{from}");
        let broken = world.gateway.dir().join("broken.json");
        std::fs::write(&broken, text.replace(from, to)).unwrap();
        let ended = world.fuzzed_by(&broken, &[Role::Viewer], "examples,fuzzing", "2", "1");
        assert_eq!(ended.code, Some(1), "{from}: {}", told(&ended));
    }
}

/// The same for long, with other seeds: `make soak`.
#[test]
#[ignore = "long: `make soak`"]
fn no_answer_is_undescribed_again_and_again() {
    let world = World::new();
    for seed in 1..=10 {
        let ended = world.fuzzed(&Role::ALL, ALL_PHASES, "200", &seed.to_string());
        assert_eq!(ended.code, Some(0), "seed {seed}: {}", told(&ended));
    }
}
