//! A person at the admin listener: signed in, with the cookie and the token that a browser would bring along.

use std::net::SocketAddr;
use std::path::Path;

use interdict::model::Role;
use interdict::operators::New;
use interdict::operators::Operators;
use interdict::operators::Password;
use serde_json::Value;

use super::Answer;
use super::Request;

/// The password of every account that the tests make.
pub(crate) const PASSWORD: &str = "seven quiet lamps above the quay";

/// Makes an account in a store's folder, as `interdict operator add` does.
pub(crate) fn add_operator(store: &Path, name: &str, roles: &[Role]) {
    let operators = Operators::open(store).unwrap();
    let password = Password::new(PASSWORD.to_owned());
    let roles = roles.iter().copied().collect();
    let new = New { name, display: None, roles, password: &password };
    operators.add(&new, "command:test", jiff::Timestamp::now()).unwrap();
}

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub(crate) struct Console {
    pub(crate) address: SocketAddr,
    pub(crate) cookie: String,
    pub(crate) csrf: String,
}

impl Console {
    /// Signs in by the API.
    pub(crate) fn sign_in(address: SocketAddr, name: &str) -> Self {
        let body = serde_json::json!({ "name": name, "password": PASSWORD }).to_string();
        let answer =
            Request::post("/admin/v1/session", body).host(&address.to_string()).send(address);
        assert_eq!(answer.status, 201, "{}", answer.text());
        let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        let session: Value = serde_json::from_slice(&answer.body).unwrap();
        Self { address, cookie, csrf: session["csrf_token"].as_str().unwrap().to_owned() }
    }

    /// A request as the session sends it.
    pub(crate) fn request(&self, method: &str, path: &str) -> Request {
        // The control plane answers to its own names alone.
        let request = Request::new(method, path).host(&self.address.to_string());
        let request = request.header("Cookie", &self.cookie);
        match method {
            "GET" | "HEAD" => request,
            _ => request.header("X-CSRF-Token", &self.csrf),
        }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.request("GET", path).send(self.address)
    }

    /// Gets JSON, which must be there.
    pub(crate) fn json(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        serde_json::from_slice(&answer.body).unwrap()
    }

    /// Sends JSON.
    pub(crate) fn send(&self, method: &str, path: &str, body: &Value) -> Answer {
        let request = self.request(method, path).header("Content-Type", "application/json");
        request.body(body.to_string()).send(self.address)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, body)
    }

    /// Replaces what was read a moment ago.
    pub(crate) fn put(&self, path: &str, body: &Value) -> Answer {
        let read = self.get(path);
        let etag = read.header("etag").unwrap_or("*").to_owned();
        let request = self.request("PUT", path).header("If-Match", &etag);
        let request = request.header("Content-Type", "application/json");
        request.body(body.to_string()).send(self.address)
    }
}
