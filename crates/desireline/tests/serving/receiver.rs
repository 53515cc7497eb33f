//! A receiver of webhooks that takes everything, and remembers it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

type Got = Arc<Mutex<BTreeMap<String, BTreeSet<Vec<u8>>>>>;

/// It listens until the test ends.
pub(crate) struct Receiver {
    address: SocketAddr,
    got: Got,
}

impl Receiver {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let (address, got) = (listener.local_addr().expect("an address"), Got::default());
        let all = Arc::clone(&got);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let got = Arc::clone(&all);
                std::thread::spawn(move || take(stream, &got));
            }
        });
        Self { address, got }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// The messages that came, by their ids.
    pub(crate) fn got(&self) -> BTreeMap<String, BTreeSet<Vec<u8>>> {
        self.got.lock().expect("nobody panics").clone()
    }
}

/// Answers what comes over a connection, for as long as whole requests come.
fn take(stream: TcpStream, got: &Got) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut answers = stream;
    loop {
        let (mut id, mut length) = (None, 0);
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
            match line.trim_end().split_once(": ") {
                None if line.trim_end().is_empty() => break,
                Some(("webhook-id", value)) => id = Some(value.to_owned()),
                Some(("content-length", value)) => length = value.parse().expect("a number"),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        got.lock().expect("nobody panics").entry(id.expect("every message has one")).or_default().insert(body);
        answers.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").ok()?;
    }
}
