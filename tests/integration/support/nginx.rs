//! A real nginx, as an upstream or as a cache, on a port of its own.

use std::fs;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use tempfile::TempDir;

use super::until;

/// A running nginx; ends with the test.
#[derive(Debug)]
pub(crate) struct Nginx {
    child: Child,
    dir: TempDir,
    pub(crate) address: SocketAddr,
}

impl Nginx {
    /// nginx with this `server` block content; `$root` in it is its own folder, in which `files` are written.
    pub(crate) fn start(server: &str, files: &[(&str, &str)]) -> Self {
        Self::start_with("", server, files)
    }

    /// As [`Nginx::start`], with further directives around the `server` block.
    pub(crate) fn start_with(http: &str, server: &str, files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let address = free_address();
        let root = dir.path().display().to_string();
        // nginx as root drops to `nobody`, who could not read a temporary folder.
        let config = format!(
            "daemon off; worker_processes 1; pid {root}/nginx.pid; error_log {root}/error.log;\n{user}\
             events {{ worker_connections 1024; }}\n\
             http {{\n access_log {root}/access.log;\n client_body_temp_path {root}/t1; proxy_temp_path {root}/t2;\n\
             fastcgi_temp_path {root}/t3; uwsgi_temp_path {root}/t4; scgi_temp_path {root}/t5;\n\
             proxy_cache_path {root}/cache keys_zone=cache:1m;\n{http}\n\
             server {{ listen {address};\n{server}\n}}\n}}\n",
            user = if is_root() { "user root;\n" } else { "" },
            http = http.replace("$root", &root),
            server = server.replace("$root", &root),
        );
        let path = dir.path().join("nginx.conf");
        fs::write(&path, config).unwrap();
        let child = Command::new("nginx")
            .args(["-e", "stderr", "-c"])
            .arg(&path)
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx is installed by `make test`");
        until("nginx", || TcpStream::connect(address).ok());
        Self { child, dir, address }
    }

    /// A mirror in the vendor's layout with a JSON order endpoint: what the gateway usually stands in front of.
    pub(crate) fn mirror_and_shop() -> Self {
        let server = "root $root/www;\n\
            add_header Cache-Control 'public, s-maxage=600';\n\
            location = /api/orders { client_body_buffer_size 1m; proxy_pass http://127.0.0.1:$server_port/echo; }\n\
            location = /echo { if ($request_method = POST) { return 201 '{\"order\":\"accepted\"}'; } return 405; }\n";
        Self::start(
            server,
            &[
                ("www/index.html", "<h1>shop</h1>\n"),
                ("www/index/u1313g.xml", "<Update UpdateDate=\"29092024 0400\"/>\n"),
                ("www/index/u1313g.xml.dif", "dif\n"),
                ("www/bases/av/kdb/i386/kdb-i386-1211g.xml", "<kdb/>\n"),
                ("www/bases/av/kdb/i386/dailyc.kdc", "daily\n"),
                ("www/mirror/index/u1313g.xml", "<Update UpdateDate=\"29092024 0400\"/>\n"),
                ("www/static/logo.txt", "logo\n"),
            ],
        )
    }

    /// Its own folder.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The requests it has served, a line each.
    pub(crate) fn access_log(&self) -> String {
        fs::read_to_string(self.dir.path().join("access.log")).unwrap_or_default()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // The master ends its worker on SIGTERM; SIGKILL would leave the worker behind.
        let term = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        if term.is_err() {
            self.child.kill().ok();
        }
        self.child.wait().ok();
    }
}

/// A loopback address that was free a moment ago.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout.starts_with(b"0")
}
