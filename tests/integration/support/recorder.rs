//! An upstream that keeps every request as it came over the wire, and answers what the test says.

use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::thread;

/// A running recorder. Its threads end with the test process; its connections with their peers.
#[derive(Debug)]
pub(crate) struct Recorder {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Request line and header section, without the empty line.
    pub(crate) head: String,
    /// The content, without transfer coding.
    pub(crate) body: Vec<u8>,
}

/// An order system's answer.
pub(crate) const ACCEPTED: &[u8] =
    b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{\"order\":\"accepted\"}";

impl Recorder {
    /// Takes every request for an order and accepts it.
    pub(crate) fn start() -> Self {
        Self::answering(ACCEPTED)
    }

    /// Answers every request with these bytes.
    pub(crate) fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::with(move |_, stream| stream.write_all(&answer).is_ok())
    }

    /// Lets `answer` write the answer; the connection ends where it returns false.
    pub(crate) fn with(
        answer: impl Fn(&Seen, &mut TcpStream) -> bool + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (sink, answer) = (Arc::clone(&seen), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (sink, answer) = (Arc::clone(&sink), Arc::clone(&answer));
                thread::spawn(move || serve(stream, &sink, &*answer));
            }
        });
        Self { address, seen }
    }

    /// The requests so far, in the order of their arrival.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The last request.
    pub(crate) fn last(&self) -> Seen {
        self.seen().pop().expect("a request has arrived")
    }
}

impl Seen {
    /// The target, as on the request line.
    pub(crate) fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }

    /// The values of every field of that name (lower case).
    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        let fields = self.head.split("\r\n").skip(1).filter_map(|line| line.split_once(':'));
        fields.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.trim()).collect()
    }
}

fn serve(
    mut stream: TcpStream,
    sink: &Mutex<Vec<Seen>>,
    answer: &(dyn Fn(&Seen, &mut TcpStream) -> bool + Sync),
) {
    let mut input = Vec::new();
    while let Some(seen) = request(&mut stream, &mut input) {
        sink.lock().unwrap().push(seen.clone());
        if !answer(&seen, &mut stream) {
            break;
        }
    }
    stream.shutdown(Shutdown::Both).ok();
}

fn request(stream: &mut TcpStream, input: &mut Vec<u8>) -> Option<Seen> {
    let head = line_end(stream, input, b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&head).trim_end().to_owned();
    let mut seen = Seen { head, body: Vec::new() };
    if !seen.values("transfer-encoding").is_empty() {
        loop {
            let line = String::from_utf8(line_end(stream, input, b"\r\n")?).unwrap();
            let size = usize::from_str_radix(line.trim(), 16).unwrap();
            let piece = take(stream, input, size + 2)?;
            if size == 0 {
                return Some(seen);
            }
            seen.body.extend_from_slice(&piece[..size]);
        }
    }
    let length = seen.values("content-length").first().map_or(0, |l| l.parse().unwrap());
    seen.body = take(stream, input, length)?;
    Some(seen)
}

/// Everything up to and with `end`.
fn line_end(stream: &mut TcpStream, input: &mut Vec<u8>, end: &[u8]) -> Option<Vec<u8>> {
    loop {
        if let Some(at) = input.windows(end.len()).position(|window| window == end) {
            return Some(input.drain(..at + end.len()).collect());
        }
        more(stream, input)?;
    }
}

fn take(stream: &mut TcpStream, input: &mut Vec<u8>, length: usize) -> Option<Vec<u8>> {
    while input.len() < length {
        more(stream, input)?;
    }
    Some(input.drain(..length).collect())
}

fn more(stream: &mut TcpStream, input: &mut Vec<u8>) -> Option<()> {
    let mut buffer = [0; 65_536];
    let read = stream.read(&mut buffer).ok().filter(|read| *read > 0)?;
    input.extend_from_slice(&buffer[..read]);
    Some(())
}
