//! The real program, started as an operator would start it.

use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;

use interdict::model::Role;
use tempfile::TempDir;

use super::NETWORKS;
use super::add_operator;
use super::console::Console;
use super::http::Request;
use super::until;

/// A configuration in the making.
#[derive(Debug)]
pub(crate) struct GatewayBuilder {
    dir: TempDir,
    environment: Vec<(String, String)>,
    gateway: String,
    more: String,
    routes: String,
    upstream: String,
    wrapper: Vec<String>,
}

/// A running gateway; ends with the test.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    child: Child,
    dir: TempDir,
    log: Arc<Mutex<String>>,
}

/// Routes of a shop whose orders name the account.
pub(crate) const ORDERS_BY_ACCOUNT: &str = r#"
[[route]]
name = "orders"
methods = ["POST"]
path = "/api/orders"
action = "resale"
items = { at = "/lines/*", sku = "/sku" }
buyer = { account = "/account", billing_country = "/country" }
upstream = "main"

[[route]]
name = "rest"
path = "/{*any}"
action = "none"
upstream = "main"
"#;

/// The program under test.
pub(crate) fn interdict() -> Command {
    Command::new(env!("CARGO_BIN_EXE_interdict"))
}

const ROUTES: &str = r#"
[[route]]
name = "orders"
methods = ["POST"]
path = "/api/orders"
action = "resale"
items = { at = "/lines/*", sku = "/sku", name = "/title", vendor = "/vendor", quantity = "/quantity" }
buyer = { billing_country = "/billing/country", billing_region = "/billing/region", shipping_country = "/shipping/country", email = "/email", ip = "/customer_ip" }
upstream = "main"

[[route]]
name = "updates"
path = "/mirror/{*file}"
action = "signature_update"
preset = "kaspersky-mirror"
upstream = "main"

[[route]]
name = "rest"
path = "/{*any}"
action = "none"
upstream = "main"
"#;

impl GatewayBuilder {
    /// In front of `upstream`: routes `orders` (POST /api/orders, resale), `updates` (/mirror/{*file}) and `rest`
    /// (unjudged), the tests' networks file, and X-Forwarded-For believed from loopback.
    pub(crate) fn new(upstream: SocketAddr) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("networks.csv"), NETWORKS).unwrap();
        Self {
            dir,
            environment: Vec::new(),
            gateway: String::new(),
            more: String::new(),
            routes: ROUTES.to_owned(),
            upstream: format!("servers = [\"http://{upstream}\"]\n"),
            wrapper: Vec::new(),
        }
    }

    /// Further lines of `[gateway]`.
    pub(crate) fn gateway(mut self, lines: &str) -> Self {
        self.gateway.push_str(lines);
        self.gateway.push('\n');
        self
    }

    /// Further tables.
    pub(crate) fn with(mut self, tables: &str) -> Self {
        self.more.push_str(tables);
        self.more.push('\n');
        self
    }

    /// Routes in place of the usual ones.
    pub(crate) fn routes(mut self, routes: &str) -> Self {
        routes.clone_into(&mut self.routes);
        self
    }

    /// Lines of the one `[[upstream]]`, `main`, in place of its server.
    pub(crate) fn upstream(mut self, lines: &str) -> Self {
        lines.clone_into(&mut self.upstream);
        self
    }

    /// A file beside the configuration.
    pub(crate) fn file(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        let path = self.dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    /// An account of the console, with the tests' password.
    pub(crate) fn operator(self, name: &str, roles: &[Role]) -> Self {
        add_operator(&self.dir.path().join("store"), name, roles);
        self
    }

    /// A program to start the gateway under, such as `faketime`.
    pub(crate) fn under(mut self, wrapper: &[&str]) -> Self {
        self.wrapper = wrapper.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    pub(crate) fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The ledger in a folder that outlives the gateway, with its key in it.
    pub(crate) fn ledger(self, dir: &Path) -> Self {
        let key = dir.join("key.pem");
        self.environment("INTERDICT__LEDGER__DIR", dir.to_str().unwrap())
            .environment("INTERDICT__LEDGER__KEY", key.to_str().unwrap())
    }

    /// Writes the configuration and returns its path.
    pub(crate) fn write(&self) -> PathBuf {
        // Nothing of a test is kept where the user's own gateway keeps it.
        let store = if self.more.contains("[store]") { "" } else { "[store]\ndir = \"store\"\n" };
        let text = format!(
            "[gateway]\nlisten = \"127.0.0.1:0\"\ntrusted_proxies = [\"127.0.0.1/32\"]\n\
             client_address = \"x-forwarded-for\"\nworkers = 2\nreload_interval = \"100ms\"\n{}\n\
             [admin]\nlisten = \"127.0.0.1:0\"\n\
             [reseller]\norganization_country = \"DE\"\nnames = [\"Example Shop\"]\nnotice_url = \"https://shop.example/why\"\n\
             [geo]\nnetworks = \"networks.csv\"\n\
             {store}[ledger]\ndir = \"ledger\"\n{}\n\
             [[upstream]]\nname = \"main\"\n{}\n{}",
            self.gateway, self.more, self.upstream, self.routes
        );
        let path = self.dir.path().join("interdict.toml");
        fs::write(&path, text).unwrap();
        path
    }

    /// Starts it and waits until it listens.
    pub(crate) fn start(self) -> Gateway {
        let config = self.write();
        let program = env!("CARGO_BIN_EXE_interdict");
        let mut command = match self.wrapper.split_first() {
            Some((wrapper, words)) => {
                let mut command = Command::new(wrapper);
                command.args(words).arg(program);
                command
            }
            None => Command::new(program),
        };
        command.arg("serve").arg("--config").arg(&config).stderr(Stdio::piped());
        command.envs(self.environment.iter().map(|(n, v)| (n, v)));
        let mut child = command.spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let sink = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let mut log = sink.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        let listening = |what: &str| {
            until(what, || {
                if let Ok(Some(status)) = child.try_wait() {
                    panic!("it ended with {status}: {}", log.lock().unwrap());
                }
                let log = log.lock().unwrap();
                let line = log.lines().find(|line| line.contains(what))?.replace('"', "");
                let at = line.find("address").map(|at| at + "address".len() + 1)?;
                line[at..].split([' ', ',', '}']).next()?.trim_start_matches(':').parse().ok()
            })
        };
        let mut listening = listening;
        let address = listening("gateway listening");
        let admin = listening("admin listening");
        Gateway { address, admin, child, dir: self.dir, log }
    }
}

impl Gateway {
    /// The usual gateway in front of `upstream`.
    pub(crate) fn start(upstream: SocketAddr) -> Self {
        GatewayBuilder::new(upstream).start()
    }

    /// Signs somebody in.
    pub(crate) fn console(&self, name: &str) -> Console {
        Console::sign_in(self.admin, name)
    }

    /// The folder of configuration, networks.csv and ledger.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Everything it has logged.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// What became of a judged request, once that is recorded.
    pub(crate) fn outcome(&self, of: &str) -> serde_json::Value {
        let ledger = self.dir().join("ledger");
        until("the outcome", || {
            let all = export_all(&ledger);
            all.into_iter().find(|record| record["kind"] == "outcome" && record["of"] == of)
        })
    }

    /// Every record but outcomes and changes, as `interdict ledger export` writes them beside the running gateway.
    pub(crate) fn records(&self) -> Vec<serde_json::Value> {
        export(&self.dir().join("ledger"))
    }

    /// The record of a decision.
    pub(crate) fn record(&self, id: &str) -> serde_json::Value {
        let found = self.records().into_iter().find(|record| record["id"] == id);
        found.unwrap_or_else(|| panic!("no record of {id}"))
    }

    /// The exposition of `/metrics`.
    pub(crate) fn metrics(&self) -> String {
        Request::get("/metrics").send(self.admin).text()
    }

    /// The value of one sample, named with its labels as exposed; zero if it is not there.
    pub(crate) fn metric(&self, sample: &str) -> f64 {
        let text = self.metrics();
        let line = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().unwrap())
    }

    /// The id of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by name.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }

    /// Kills it as a power cut would, without a chance to finish anything; returns its folder.
    pub(crate) fn kill(mut self) -> TempDir {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::mem::replace(&mut self.dir, tempfile::tempdir().unwrap())
    }

    /// Waits for its end and returns the exit code.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        until("the end", || self.child.try_wait().unwrap()).code()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Every record of a ledger folder but outcomes, which come when they come, and what was done on the control plane.
pub(crate) fn export(ledger: &Path) -> Vec<serde_json::Value> {
    let mut records = export_all(ledger);
    let others = ["access", "change", "outcome"];
    records.retain(|record| others.iter().all(|other| record["kind"] != *other));
    records
}

/// Every record of a ledger folder.
pub(crate) fn export_all(ledger: &Path) -> Vec<serde_json::Value> {
    let output: Output = interdict().args(["ledger", "export"]).arg(ledger).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
