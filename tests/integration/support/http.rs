//! An HTTP/1.1 client that sends exactly what it is told to, and hides nothing of the answer.

use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::sync::Mutex;
use std::time::Duration;

/// The host of a shop's and a mirror's requests.
const USUAL_HOST: &str = "mirror.example";
/// Admin listeners that were started: they answer to their own names alone.
static CONTROL_PLANES: Mutex<Vec<SocketAddr>> = Mutex::new(Vec::new());

/// Takes note of an admin listener.
pub(crate) fn control_plane(address: SocketAddr) {
    CONTROL_PLANES.lock().unwrap().push(address);
}

/// A request, byte by byte if need be.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    body: Vec<u8>,
    headers: Vec<(String, String)>,
    method: String,
    target: String,
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) body: Vec<u8>,
    /// True if the body ended as its framing announced.
    pub(crate) complete: bool,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) status: u16,
}

impl Request {
    pub(crate) fn new(method: &str, target: &str) -> Self {
        let headers = vec![("Host".to_owned(), USUAL_HOST.to_owned())];
        Self { body: Vec::new(), headers, method: method.to_owned(), target: target.to_owned() }
    }

    pub(crate) fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// A JSON order.
    pub(crate) fn post(target: &str, json: impl Into<Vec<u8>>) -> Self {
        Self::new("POST", target).header("Content-Type", "application/json").body(json)
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The host asked for, in place of `mirror.example`.
    pub(crate) fn host(mut self, host: &str) -> Self {
        self.headers.retain(|(name, _)| name != "Host");
        self.headers.insert(0, ("Host".to_owned(), host.to_owned()));
        self
    }

    /// The client's address, as the trusted proxy on loopback would tell it.
    pub(crate) fn from(self, client: &str) -> Self {
        self.header("X-Forwarded-For", client)
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        let length = self.body.len().to_string();
        self.header("Content-Length", &length)
    }

    /// The bytes on the wire.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{} {} HTTP/1.1\r\n", self.method, self.target).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// The bytes on the wire to an address. Control planes are asked for by their address, unless the test says another name.
    pub(crate) fn bytes_for(&self, address: SocketAddr) -> Vec<u8> {
        let usual = self.headers.iter().any(|(name, value)| name == "Host" && value == USUAL_HOST);
        match usual && CONTROL_PLANES.lock().unwrap().contains(&address) {
            true => self.clone().host(&address.to_string()).bytes(),
            false => self.bytes(),
        }
    }

    pub(crate) fn send(&self, address: SocketAddr) -> Answer {
        let mut stream = connect(address);
        stream.write_all(&self.bytes_for(address)).unwrap();
        Answer::read(&mut stream, self.method == "HEAD")
    }
}

/// A connection whose reads end.
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// Sends bytes as they are and reads one answer.
pub(crate) fn raw(address: SocketAddr, bytes: &[u8]) -> Answer {
    let mut stream = connect(address);
    stream.write_all(bytes).unwrap();
    Answer::read(&mut stream, false)
}

impl Answer {
    /// Reads one answer. A connection that ends without one is status 0.
    pub(crate) fn read(stream: &mut impl Read, head_only: bool) -> Self {
        let mut bytes = Vec::new();
        let head_end = loop {
            if let Some(at) = find(&bytes, b"\r\n\r\n") {
                let interim = bytes.starts_with(b"HTTP/1.1 1");
                if !interim {
                    break at;
                }
                bytes.drain(..at + 4);
                continue;
            }
            if !more(stream, &mut bytes) {
                return Self { body: bytes, complete: false, headers: Vec::new(), status: 0 };
            }
        };
        let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<_> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
            .collect();
        let mut answer = Self { body: Vec::new(), complete: true, headers, status };
        let mut rest = bytes[head_end + 4..].to_vec();
        if head_only || status == 204 || status == 304 {
            return answer;
        }
        if answer.header("transfer-encoding").is_some() {
            answer.complete = loop {
                if let Some(body) = dechunk(&rest) {
                    answer.body = body;
                    break true;
                }
                if !more(stream, &mut rest) {
                    break false;
                }
            };
            return answer;
        }
        let length: Option<usize> = answer.header("content-length").map(|l| l.parse().unwrap());
        while length.is_none_or(|length| rest.len() < length) && more(stream, &mut rest) {}
        answer.complete = length.is_none_or(|length| rest.len() == length);
        answer.body = rest;
        answer
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    /// Verdict and id of `Interdict-Decision`.
    pub(crate) fn decision(&self) -> Option<(&str, &str)> {
        self.header("interdict-decision")?.split_once("; id=")
    }
}

fn more(stream: &mut impl Read, bytes: &mut Vec<u8>) -> bool {
    let mut buffer = [0; 65_536];
    match stream.read(&mut buffer) {
        Ok(0) | Err(_) => false,
        Ok(read) => {
            bytes.extend_from_slice(&buffer[..read]);
            true
        }
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn dechunk(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = find(bytes, b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..line]).ok()?, 16).ok()?;
        let end = line + 2 + size;
        if bytes.len() < end + 2 {
            return None;
        }
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(&bytes[line + 2..end]);
        bytes = &bytes[end + 2..];
    }
}
