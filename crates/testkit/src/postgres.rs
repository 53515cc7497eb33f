//! A real `PostgreSQL` for tests, in a temporary folder, on a free port of this machine.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// What the package of the server makes.
const USER: &str = "the user `postgres` is there where the server is";

/// A server of its own, ended with it.
#[derive(Debug)]
pub struct Postgres {
    bin: PathBuf,
    folder: TempDir,
    port: u16,
    /// The user that it runs as: the server refuses to be root.
    user: Option<(u32, u32)>,
    process: Option<Child>,
}

impl Postgres {
    /// Starts one; `None`, said aloud, where `PostgreSQL` is not installed.
    ///
    /// # Panics
    /// In CI it has to be installed; and an installed one has to start.
    pub fn start() -> Option<Self> {
        let Some(bin) = find() else {
            assert!(std::env::var_os("CI").is_none(), "PostgreSQL is not installed, and CI runs all tests");
            crate::soak::say("SKIPPED: PostgreSQL is not installed (apt-get install postgresql)");
            return None;
        };
        let user = (id(&["-u"]) == Some(0))
            .then(|| (id(&["-u", "postgres"]).expect(USER), id(&["-g", "postgres"]).expect(USER)));
        let folder = TempDir::new().expect("a folder");
        if let Some((uid, gid)) = user {
            std::os::unix::fs::chown(folder.path(), Some(uid), Some(gid)).expect("root may");
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a free port")
            .port();
        let mut server = Self { bin, folder, port, user, process: None };
        let data = server.data();
        let mut initdb = server.command("initdb");
        initdb.args(["--no-sync", "--auth=trust", "--username=test", "--encoding=UTF8", "--locale=C", "-D"]).arg(data);
        let made = initdb.output().expect("it was found a moment ago");
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        server.run();
        Some(server)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.bin.join(program));
        command.current_dir(self.folder.path()).stdout(Stdio::null());
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Starts the process and waits until it takes connections.
    ///
    /// # Panics
    /// When it does not start.
    pub fn run(&mut self) {
        let mut server = self.command("postgres");
        // What survives a power cut is the server's business; here only processes die.
        let settings = ["listen_addresses=127.0.0.1", "fsync=off", "max_connections=60", "shared_buffers=32MB"];
        server.arg("-D").arg(self.data()).args(["-p", &self.port.to_string(), "-k", ""]).stderr(Stdio::null());
        server.args(settings.iter().flat_map(|setting| ["-c", setting]));
        self.process = Some(server.spawn().expect("it was found a moment ago"));
        let began = Instant::now();
        loop {
            let asked =
                self.command("pg_isready").args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]).status();
            if asked.is_ok_and(|asked| asked.success()) {
                return;
            }
            assert!(began.elapsed() < Duration::from_mins(2), "PostgreSQL does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends the process at once, as a crash would, and starts it again.
    ///
    /// # Panics
    /// When it does not start.
    pub fn crash_and_restart(&mut self) {
        self.crash();
        self.run();
    }

    /// Ends the process at once, as a crash would.
    ///
    /// # Panics
    /// When it cannot be waited for.
    pub fn crash(&mut self) {
        if let Some(mut process) = self.process.take() {
            let quit = Command::new("sh").args(["-c", "kill -QUIT $0", &process.id().to_string()]).status();
            if !quit.is_ok_and(|status| status.success()) {
                let _ = process.kill();
            }
            process.wait().expect("it was ended a moment ago");
        }
    }

    /// The address of its database.
    pub fn url(&self) -> String {
        format!("postgres://test@127.0.0.1:{}/postgres", self.port)
    }

    /// The address of an empty schema of this name.
    ///
    /// # Panics
    /// When there is one already.
    pub fn schema(&self, name: &str) -> String {
        self.sql(&format!("create schema {name}"));
        format!("{}?options=-csearch_path%3D{name}", self.url())
    }

    /// Runs SQL, and gives each row as a line of text.
    ///
    /// # Panics
    /// When the server refuses it.
    pub fn sql(&self, sql: &str) -> Vec<String> {
        let mut psql = Command::new(self.bin.join("psql"));
        let told = psql.args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-d", &self.url(), "-c", sql]).output();
        let told = told.expect("psql comes with the server");
        assert!(told.status.success(), "{sql}: {}", String::from_utf8_lossy(&told.stderr));
        String::from_utf8_lossy(&told.stdout).lines().map(str::to_owned).collect()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.crash();
    }
}

fn id(arguments: &[&str]) -> Option<u32> {
    let output = Command::new("id").args(arguments).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

/// Where the programs of the newest `PostgreSQL` are.
fn find() -> Option<PathBuf> {
    let has_it = |bin: &Path| bin.join("initdb").exists() && bin.join("postgres").exists();
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut bins: Vec<_> = versions.map(|version| version.path().join("bin")).filter(|bin| has_it(bin)).collect();
    bins.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    bins.pop().or_else(|| std::env::split_paths(&path).find(|bin| has_it(bin)))
}
