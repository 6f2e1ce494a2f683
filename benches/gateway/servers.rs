//! The servers, each told to do the same: find the client's address in a header from a trusted peer, look its country up
//! in one table of 2,000 networks, see by the path whether a covered update is asked for, refuse or pass it on over kept
//! connections, and write one JSON line a request.

use std::error::Error;
use std::fs;
use std::fs::File;
use std::io;
use std::net::TcpListener;
use std::net::TcpStream;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use tempfile::TempDir;

use super::floor;
use super::load::BIG;
use super::load::BIG_BYTES;
use super::load::LOAD_CORE;
use super::load::SMALL;
use super::load::SMALL_BYTES;

const SERVER_CORE: &str = "0";

/// A running server; ends with this value.
pub(crate) struct Server {
    pub(crate) name: &'static str,
    pub(crate) port: u16,
    child: Child,
}

/// All of them, and their folder.
pub(crate) struct Servers {
    under_test: Vec<Server>,
    _upstream: Server,
    admin: u16,
    folder: TempDir,
}

impl Server {
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// What the others are compared with.
    pub(crate) fn is_base(&self) -> bool {
        self.name == "nginx"
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}

impl Servers {
    /// Starts them all and waits until they listen.
    pub(crate) fn start() -> Result<Self, Box<dyn Error>> {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let at = folder.path();
        let root = at.join("www");
        for (target, bytes) in [(SMALL, SMALL_BYTES), (BIG, BIG_BYTES)] {
            let path = root.join(target.trim_start_matches('/'));
            fs::create_dir_all(path.parent().unwrap_or(&root))?;
            fs::write(path, vec![b'x'; bytes])?;
        }
        write_tables(at)?;
        let upstream = free_port()?;
        let upstream_conf = nginx_conf(at, "upstream", &upstream_server(upstream, &root))?;
        let upstream_server =
            start("upstream", upstream, LOAD_CORE, at, "nginx", &["-c", &upstream_conf])?;

        let ports = [free_port()?, free_port()?, free_port()?, free_port()?, free_port()?];
        let [nginx, haproxy, interdict, bare, admin] = ports;
        let nginx_file = nginx_conf(at, "nginx", &nginx_server(nginx, upstream, at))?;
        let haproxy_file = put(at, "haproxy.cfg", &haproxy_conf(haproxy, upstream, at))?;
        let interdict_file =
            put(at, "interdict.toml", &interdict_conf(interdict, admin, upstream))?;
        let program = env!("CARGO_BIN_EXE_interdict");
        let own = std::env::current_exe()?.display().to_string();
        let arguments = ["serve", "--config", &interdict_file];
        let under_test = vec![
            start("nginx", nginx, SERVER_CORE, at, "nginx", &["-c", &nginx_file])?,
            start("haproxy", haproxy, SERVER_CORE, at, "haproxy", &["-db", "-f", &haproxy_file])?,
            start("interdict", interdict, SERVER_CORE, at, program, &arguments)?,
            start("bare actix", bare, SERVER_CORE, at, &own, &[floor::FLAG, &bare.to_string()])?,
        ];
        Ok(Self { under_test, _upstream: upstream_server, admin, folder })
    }

    /// The port of the gateway's admin listener.
    pub(crate) const fn admin(&self) -> u16 {
        self.admin
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn under_test(&self) -> &[Server] {
        &self.under_test
    }
}

fn start(
    name: &'static str,
    port: u16,
    core: &str,
    folder: &Path,
    program: &str,
    arguments: &[&str],
) -> Result<Server, Box<dyn Error>> {
    // What it writes to its output is its record, so it goes to a file as the records of the others do.
    let output = File::create(folder.join(format!("{port}.out")))?;
    let errors = File::create(folder.join(format!("{port}.err")))?;
    // taskset becomes the program it starts: the process is the server itself.
    let child = Command::new("taskset")
        .args(["-c", core, program])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .spawn()?;
    let mut server = Server { name, port, child };
    let begun = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if begun.elapsed() > Duration::from_secs(20) || server.child.try_wait()?.is_some() {
            let said = fs::read_to_string(folder.join(format!("{port}.err")))?;
            return Err(format!("{name} does not listen: {said}").into());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(server)
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

fn put(folder: &Path, name: &str, text: &str) -> io::Result<String> {
    let path = folder.join(name);
    fs::write(&path, text)?;
    Ok(path.display().to_string())
}

/// The same networks for each, in its own form.
fn write_tables(folder: &Path) -> io::Result<()> {
    const COUNTRIES: [&str; 6] = ["US", "DE", "FR", "GB", "CN", "BR"];
    let mut networks =
        vec![("203.0.113.0/24".to_owned(), "DE"), ("198.51.100.0/24".to_owned(), "US")];
    // 2,000 networks of public addresses, 250 in each of 1.0.0.0/8 to 8.0.0.0/8.
    networks.extend((0..2_000_usize).zip(COUNTRIES.iter().cycle()).map(|(number, country)| {
        let (first, second) = ((number / 250).saturating_add(1), number % 250);
        (format!("{first}.{second}.64.0/24"), *country)
    }));
    let mut nginx = String::from("default ZZ;\n");
    let mut haproxy = String::new();
    let mut csv = String::from("cidr,country,class\n");
    for (network, country) in &networks {
        nginx.push_str(&format!("{network} {country};\n"));
        haproxy.push_str(&format!("{network} {country}\n"));
        csv.push_str(&format!("{network},{country},\n"));
    }
    fs::write(folder.join("geo.conf"), nginx)?;
    fs::write(folder.join("geo.map"), haproxy)?;
    fs::write(folder.join("networks.csv"), csv)
}

fn nginx_conf(folder: &Path, name: &str, http: &str) -> io::Result<String> {
    let here = folder.display();
    let text = format!(
        "daemon off; master_process off; worker_processes 1; pid {here}/{name}.pid;\n\
         error_log stderr;\nevents {{ worker_connections 1024; }}\nhttp {{\n\
         client_body_temp_path {here}/{name}.body; proxy_temp_path {here}/{name}.proxy;\n\
         fastcgi_temp_path {here}/{name}.f; uwsgi_temp_path {here}/{name}.u; scgi_temp_path {here}/{name}.s;\n\
         keepalive_requests 100000000; keepalive_timeout 300;\n{http}\n}}\n"
    );
    put(folder, &format!("{name}.conf"), &text)
}

fn upstream_server(port: u16, root: &Path) -> String {
    format!(
        "access_log off; sendfile on; tcp_nopush on;\n\
         server {{ listen 127.0.0.1:{port}; root {}; default_type application/octet-stream; }}",
        root.display()
    )
}

fn nginx_server(port: u16, upstream: u16, folder: &Path) -> String {
    let here = folder.display();
    format!(
        r#"set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For;
geo $country {{ include {here}/geo.conf; }}
map $uri $covered {{ default 0; "~*/(index|bases)/u[0-9]{{4}}[a-z]\.xml$" 1; "~*\.kdc$" 1; "~*\.upd$" 1; "~*^/mirror/bases/" 1; }}
map "$country:$covered" $deny {{ default 0; "US:1" 1; "PR:1" 1; "GU:1" 1; }}
log_format record escape=json '{{"id":"$request_id","at":"$time_iso8601","client":"$remote_addr","peer":"$realip_remote_addr","country":"$country","method":"$request_method","host":"$host","uri":"$request_uri","status":$status,"bytes":$body_bytes_sent,"covered":"$covered","deny":"$deny","agent":"$http_user_agent","time":$request_time,"policy":"us-commerce-kaspersky","clause":"FD-2a","citation":"89 FR 52434","upstream":"$upstream_addr","upstream_status":"$upstream_status"}}';
access_log {here}/nginx.log record;
upstream u {{ server 127.0.0.1:{upstream}; keepalive 128; keepalive_requests 100000000; }}
server {{ listen 127.0.0.1:{port}; location / {{
 if ($deny) {{ return 451 '{REFUSAL}'; }}
 proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
 proxy_set_header X-Forwarded-For $remote_addr; proxy_pass http://u; }} }}"#
    )
}

fn haproxy_conf(port: u16, upstream: u16, folder: &Path) -> String {
    let here = folder.display();
    let refusal = REFUSAL.replace('"', "\\\"");
    format!(
        r#"global
 nbthread 1
 maxconn 2000
 log stdout format raw local0
defaults
 mode http
 log global
 timeout connect 5s
 timeout client 300s
 timeout server 300s
 http-reuse always
frontend f
 bind 127.0.0.1:{port}
 acl trusted src 127.0.0.1
 http-request set-src req.hdr_ip(x-forwarded-for) if trusted
 http-request set-var(txn.country) src,map_ip({here}/geo.map,ZZ)
 acl covered path_reg -i /(index|bases)/u[0-9]{{4}}[a-z]\.xml$ \.kdc$ \.upd$ ^/mirror/bases/
 acl us var(txn.country) -m str US PR GU
 http-request set-header X-Forwarded-For %[src]
 log-format '{{"id":"%ID","at":"%t","client":"%ci","country":"%[var(txn.country)]","request":"%HM %HU","status":%ST,"bytes":%B,"time":%Ta,"policy":"us-commerce-kaspersky","clause":"FD-2a","citation":"89 FR 52434","upstream":"%si:%sp"}}'
 unique-id-format %[uuid()]
 http-request return status 451 content-type application/problem+json string "{refusal}" if covered us
 default_backend b
backend b
 server s 127.0.0.1:{upstream} pool-max-conn 200
"#
    )
}

fn interdict_conf(port: u16, admin: u16, upstream: u16) -> String {
    format!(
        r#"[gateway]
listen = "127.0.0.1:{port}"
trusted_proxies = ["127.0.0.1/32"]
client_address = "x-forwarded-for"
workers = 1
[admin]
listen = "127.0.0.1:{admin}"
[reseller]
organization_country = "DE"
notice_url = "https://shop.example/why"
[geo]
networks = "networks.csv"
[ledger]
dir = "ledger"
# What is measured is a refusal with a record of its own.
refusals_per_minute = 1000000
[[upstream]]
name = "mirror"
servers = ["http://127.0.0.1:{upstream}"]
[[route]]
name = "updates"
path = "/mirror/{{*file}}"
action = "signature_update"
preset = "kaspersky-mirror"
upstream = "mirror"
[[route]]
name = "rest"
path = "/{{*any}}"
action = "none"
upstream = "mirror"
"#
    )
}

const REFUSAL: &str = r#"{"type":"https://interdict.example/problems/prohibited","title":"Prohibited","status":451,"detail":"This update is prohibited by the Final Determination, 89 FR 52434.","decision":"0197a1b2-1111-7111-8111-000000000000"}"#;
