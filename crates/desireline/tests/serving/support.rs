//! The server as a process, and a client that sends what it is told.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

pub(crate) fn desireline() -> Command {
    Command::new(env!("CARGO_BIN_EXE_desireline"))
}

/// What a charter says of tickets, which come as webhooks and without message ids.
pub(crate) const TICKETS: &str = "sources: {tickets: {event: \"'Visit'\", user_id: caller}}\n";

/// A server that runs.
pub(crate) struct Running {
    child: Child,
    pub(crate) address: String,
}

impl Running {
    pub(crate) fn start(home: &Path) -> Self {
        Self::start_with(home, &[])
    }

    /// Starts one with more arguments.
    pub(crate) fn start_with(home: &Path, more: &[&str]) -> Self {
        let mut child = desireline()
            .arg("--home")
            .arg(home)
            .args(["serve", "--listen", "127.0.0.1:0", "--write-key", "wk_test", "--api-key", "ak_test"])
            .args(more)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| Some(line.split_once("listening on http://")?.1.split(';').next()?.to_owned()))
            .expect("it says where it listens");
        // Whatever else it says must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it was killed");
    }

    pub(crate) fn stop(mut self) {
        let stopped = Command::new("sh").args(["-c", "kill -INT $0", &self.child.id().to_string()]).status();
        assert!(stopped.expect("kill is there").success());
        assert!(self.child.wait().expect("it ends").success());
    }
}

/// Sends a request, and gives the status and the body; `None` when the server is gone.
pub(crate) fn ask(address: &str, request: &str, key: &str, body: &str) -> Option<(u16, String)> {
    ask_whole(address, request, key, body).map(|(status, _, body)| (status, body))
}

/// The same, with the head of the answer in between.
pub(crate) fn ask_whole(address: &str, request: &str, key: &str, body: &str) -> Option<(u16, String, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
    let head = format!(
        "{request} HTTP/1.1\r\nHost: {address}\r\nX-API-Key: {key}\r\nAuthorization: Basic d2tfdGVzdDo=\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let status = answer.split(' ').nth(1)?.parse().ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((status, head.to_owned(), body.to_owned()))
}

/// A home with a charter, in a folder of its own.
pub(crate) struct Place {
    folder: tempfile::TempDir,
    pub(crate) home: PathBuf,
}

impl Place {
    pub(crate) fn new(charter: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let home = folder.path().join("home");
        std::fs::create_dir_all(&home).expect("a folder");
        std::fs::write(home.join("charter.yaml"), charter).expect("a file");
        Self { folder, home }
    }

    /// A path beside the home.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn start(&self) -> Running {
        Running::start(&self.home)
    }

    /// Runs a command on the home: its exit code, and what it says on either side.
    pub(crate) fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = desireline().arg("--home").arg(&self.home).args(arguments).output().expect("the program starts");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        (output.status.code().expect("it ends by itself"), text(output.stdout), text(output.stderr))
    }

    /// Imports rows of user, event, time and id from a file of this name.
    pub(crate) fn import(&self, name: &str, rows: &str) {
        let path = self.beside(name);
        std::fs::write(&path, format!("user_id,event,at,message_id\n{rows}")).expect("a file");
        let (code, _, err) = self.run(&["import", path.to_str().expect("text")]);
        assert_eq!(code, 0, "{err}");
    }

    /// Runs a command that has to succeed and answers in JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let (code, out, err) = self.run(&[&["--json"], arguments].concat());
        assert_eq!(code, 0, "{arguments:?}: {out}{err}");
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
    }
}

impl Running {
    /// Sends one message, which is taken in.
    pub(crate) fn send(&self, message: &str) {
        let (status, body) = ask(&self.address, "POST /v1/track", "", message).expect("it answers");
        assert_eq!(status, 200, "{body}");
    }

    /// Sends a [ticket](TICKETS) of a customer, which is taken in.
    pub(crate) fn ticket(&self, caller: &str) {
        let (status, body) = self.admin("POST /v1/webhooks/tickets", &format!(r#"{{"caller":"{caller}"}}"#));
        assert_eq!(status, 200, "{body}");
    }

    /// Asks with the admin key; the answer is JSON.
    pub(crate) fn admin(&self, request: &str, body: &str) -> (u16, serde_json::Value) {
        let (status, body) = ask(&self.address, request, "ak_test", body).expect("it answers");
        (status, serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}")))
    }
}
