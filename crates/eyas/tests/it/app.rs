//! The real binary under test: started in a folder of its own, killed, stopped and started again.
//!
//! Invariant: no child outlives its test. Every wait is for a condition and has a deadline; what the
//! server said on stderr is in every failure.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};

use crate::beside::Beside;
use crate::http::{Answer, Http};
use crate::process::Process;
use crate::seeded::Rng;

/// Longest wait for anything that should be quick. Generous: the machine has two cores and builds meanwhile.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);
/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// The path of the binary under test.
pub(crate) fn binary() -> &'static str {
    env!("CARGO_BIN_EXE_eyas")
}

/// Waits until `look` has a value; fails the test after [`DEADLINE`].
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(value) = look().await {
            return value;
        }
        assert!(Instant::now() < end, "still not so after {DEADLINE:?}: {what}");
        sleep(LOOK).await;
    }
}

/// A data directory. It goes away with its last user, and its database with it, unless a failure wants it looked at.
struct Folder {
    dir: TempDir,
    database: Beside,
    is_kept_after_failure: bool,
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.is_kept_after_failure && std::thread::panicking() {
            self.dir.disable_cleanup(true);
            eprintln!("the data directory is kept: {}", self.dir.path().display());
        }
    }
}

/// How a server is started.
#[derive(Clone)]
pub(crate) struct Launch {
    dir: Arc<Folder>,
    /// 0 lets the system choose.
    port: u16,
    env: Vec<(String, String)>,
    /// Another binary than the one under test.
    program: Option<PathBuf>,
    /// A listening socket that it is started with.
    socket: Option<Arc<TcpListener>>,
}

impl Launch {
    /// In a new folder, on a free port, with the store that `EYAS_TEST_STORE` names.
    pub(crate) fn new() -> Self {
        Self::with(Beside::new)
    }

    /// The same with a database on this server.
    pub(crate) fn on(server: &testbed::Server) -> Self {
        Self::with(|dir| Beside::on(dir, Arc::new(server.create_database())))
    }

    /// The same where the server reaches that database through a pooler.
    pub(crate) fn on_pooled(server: &testbed::Server, pooler: &testbed::Server) -> Self {
        let launch = Self::on(server);
        let Beside::Postgres(database) = launch.beside() else { panic!("it is on PostgreSQL") };
        launch.env("EYAS_STORE_URL", &database.through(pooler).url())
    }

    /// In a folder of its own, with the database of another one, which keeps it.
    pub(crate) fn beside_of(launch: &Self) -> Self {
        let Beside::Postgres(database) = launch.beside() else { panic!("it is on PostgreSQL") };
        Self::with(|dir| Beside::on(dir, database))
    }

    fn with(database: impl FnOnce(&Path) -> Beside) -> Self {
        let dir = tempfile::Builder::new().prefix("eyas-it-").tempdir().expect("a folder");
        let database = database(dir.path());
        let dir = Arc::new(Folder { dir, database, is_kept_after_failure: false });
        Self { dir, port: 0, env: Vec::new(), program: None, socket: None }
    }

    /// Its database, beside the server.
    pub(crate) fn beside(&self) -> Beside {
        let moved = self.env.iter().rfind(|(key, _)| key == "EYAS_DATA_DIR");
        match (&self.dir.database, moved) {
            (Beside::Sqlite(_), Some((_, dir))) => Beside::Sqlite(dir.into()),
            (database, _) => database.clone(),
        }
    }

    /// A failed test leaves its data directory, and says where.
    pub(crate) fn kept_after_failure(mut self) -> Self {
        let folder = Arc::get_mut(&mut self.dir).expect("nothing has been started yet");
        folder.is_kept_after_failure = true;
        self
    }

    /// On a port that the next start can have again. Outside the range from which the system takes the
    /// ports of outgoing connections: a client that knocks while the server is down could otherwise be
    /// given that very port, and be connected to itself.
    pub(crate) fn on_fixed_port(mut self) -> Self {
        let mut rng = Rng::from_entropy();
        let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
        let mut ports = (0..1000).map(|_| 12_000 + rng.below(18_000) as u16);
        self.port = ports.find(free).expect("one port of a thousand is free");
        self
    }

    /// With one more setting.
    pub(crate) fn env(mut self, key: &str, value: &str) -> Self {
        self.env.push((key.to_owned(), value.to_owned()));
        self
    }

    /// From a copy of the binary, which a test may replace.
    pub(crate) fn of_a_copy(mut self) -> Self {
        let copy = self.dir().join("eyas");
        std::fs::copy(binary(), &copy).expect("the binary can be copied");
        self.program = Some(copy);
        self
    }

    /// With a listening socket, as a service manager hands it over; here it is standard input.
    pub(crate) fn with_socket(mut self, socket: TcpListener) -> Self {
        self.socket = Some(Arc::new(socket));
        self
    }

    /// The port asked for.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The data directory.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.dir.path()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.program.as_deref().unwrap_or(Path::new(binary())));
        command.args(["serve", "--json"]).current_dir(self.dir()).env("NO_COLOR", "1");
        for (key, _) in std::env::vars().filter(|(key, _)| key.starts_with("EYAS_")) {
            command.env_remove(key);
        }
        command.env("EYAS_LISTEN", format!("127.0.0.1:{}", self.port));
        command.env("EYAS_DATA_DIR", self.dir());
        command.envs(self.dir.database.url().map(|url| ("EYAS_STORE_URL", url)));
        command.envs(self.env.iter().map(|(key, value)| (key, value)));
        match &self.socket {
            None => command.stdin(Stdio::null()),
            Some(socket) => {
                command.env("LISTEN_FDS", "1").env("LISTEN_FDS_FIRST_FD", "0");
                let socket = socket.try_clone().expect("a socket can be cloned");
                command.stdin(Stdio::from(std::os::fd::OwnedFd::from(socket)))
            }
        };
        command
    }

    /// Starts it and waits until it is ready.
    pub(crate) async fn start(&self) -> TestApp {
        self.start_after("", || ()).await
    }

    /// Starts it, waits until it has said `words` on stderr, does something, and waits until it is ready.
    pub(crate) async fn start_after(&self, words: &str, act: impl FnOnce()) -> TestApp {
        let (mut process, first_line) = Process::start(&mut self.command());
        eventually(words, async || process.stderr().contains(words).then_some(())).await;
        act();
        let line = timeout(DEADLINE, first_line).await;
        let Ok(Ok(line)) = line else {
            let status = process.exit(Duration::from_secs(1)).await;
            panic!("the server is not ready ({status:?}); stderr:\n{}", process.stderr());
        };
        let ready: Value = serde_json::from_str(&line).expect("the first line is JSON");
        let url = ready["url"].as_str().expect("the first line names the url").to_owned();
        let addr: SocketAddr = url.trim_start_matches("http://").parse().expect("a plain address");
        let instance = ready["instance"].as_str().expect("the first line names the instance");
        let (http, instance) = (Http::new(addr), instance.to_owned());
        TestApp { launch: self.clone(), process, http, url, addr, instance }
    }

    /// Starts it and kills it a moment later, ready or not.
    pub(crate) async fn start_and_kill(&self, after: Duration) {
        let (process, _first_line) = Process::start(&mut self.command());
        sleep(after).await;
        drop(process);
    }

    /// Starts it where it must not start: its exit code and what it said.
    pub(crate) async fn refused(&self) -> (i32, String) {
        let (mut process, _first_line) = Process::start(&mut self.command());
        let Some(status) = process.exit(DEADLINE).await else {
            panic!("it should have refused to start; stderr:\n{}", process.stderr());
        };
        (status.code().unwrap_or(-1), process.last_words(DEADLINE).await)
    }
}

/// A server that is ready.
pub(crate) struct TestApp {
    /// How it was started.
    pub(crate) launch: Launch,
    process: Process,
    /// Asks it things.
    pub(crate) http: Http,
    /// `http://127.0.0.1:…`
    pub(crate) url: String,
    /// The same, as an address.
    pub(crate) addr: SocketAddr,
    /// The name of its data directory.
    pub(crate) instance: String,
}

impl TestApp {
    /// A new server in a new folder.
    pub(crate) async fn start() -> Self {
        Launch::new().start().await
    }

    /// `kill -9`.
    pub(crate) fn kill(self) -> Launch {
        self.launch.clone()
    }

    /// `kill -9`, and up again on the same folder.
    pub(crate) async fn restart(self) -> Self {
        self.kill().start().await
    }

    /// SIGTERM, without waiting.
    pub(crate) fn signal_stop(&self) {
        self.signal(Signal::TERM);
    }

    /// Any signal.
    pub(crate) fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// The lines that it has printed on stdout, one for each time that it became ready.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.process.lines()
    }

    /// Waits for the end after a signal; it must be exit code 0.
    pub(crate) async fn stopped(mut self) -> Launch {
        let status = self.process.exit(DEADLINE).await;
        let code = status.and_then(|status| status.code());
        assert_eq!(code, Some(0), "a graceful stop ends with 0; stderr:\n{}", self.stderr());
        self.launch.clone()
    }

    /// Waits until it has ended by itself: its exit code, and what it said.
    pub(crate) async fn ended(mut self) -> (i32, String) {
        let status = self.process.exit(DEADLINE).await;
        let code = status.and_then(|status| status.code()).unwrap_or(-1);
        (code, self.process.last_words(DEADLINE).await)
    }

    /// Waits until it was killed by SIGKILL: what it said.
    pub(crate) async fn killed(mut self) -> String {
        let status = self.process.exit(DEADLINE).await;
        let signal = status.and_then(|status| status.signal());
        assert_eq!(signal, Some(9), "{status:?}; stderr:\n{}", self.stderr());
        self.process.last_words(DEADLINE).await
    }

    /// SIGTERM, and the end with exit code 0.
    pub(crate) async fn terminate(self) -> Launch {
        self.signal_stop();
        self.stopped().await
    }

    /// Memory of the process that is resident now.
    pub(crate) fn resident_bytes(&self) -> u64 {
        self.process.resident_bytes()
    }

    /// Processor time that the process has taken so far.
    pub(crate) fn cpu_time(&self) -> Duration {
        self.process.cpu_time()
    }

    /// What it said on stderr so far.
    pub(crate) fn stderr(&self) -> String {
        self.process.stderr()
    }

    /// Its database, beside the server.
    pub(crate) fn beside(&self) -> Beside {
        self.launch.beside()
    }

    /// A file or folder of its data directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.launch.dir().join(name)
    }

    /// `POST /events` with a JSON body.
    pub(crate) async fn post_events(&self, body: impl Into<String>) -> Answer {
        self.http.post("/events", "application/json", body.into()).await
    }

    /// `POST /streams/{stream}` with a JSON body.
    pub(crate) async fn post_stream(&self, stream: &str, body: impl Into<String>) -> Answer {
        self.http.post(&format!("/streams/{stream}"), "application/json", body.into()).await
    }

    /// Any path.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.http.get(path).await
    }

    /// Everything that matches, as lines. `query` is empty or begins with `?`.
    pub(crate) async fn export(&self, query: &str) -> Vec<String> {
        self.export_of(&format!("/events{query}")).await
    }

    /// The same for any path that exports.
    pub(crate) async fn export_of(&self, path: &str) -> Vec<String> {
        let answer = self.http.get_as(path, "application/x-ndjson").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.text().lines().map(str::to_owned).collect()
    }

    /// Waits until everything that was accepted is in the database.
    pub(crate) async fn wait_applied(&self) {
        let (mut least, mut end) = (u64::MAX, Instant::now() + DEADLINE);
        loop {
            let status = self.get("/status").await.json();
            match lag_records(&status) {
                0 => return,
                // A long backlog on a busy machine takes its time; what stands still does not.
                lag if lag < least => (least, end) = (lag, Instant::now() + DEADLINE),
                lag => assert!(
                    Instant::now() < end,
                    "the database stands still at {lag} records behind: {status}\nstderr:\n{}",
                    self.stderr()
                ),
            }
            sleep(LOOK).await;
        }
    }
}

/// How many records the database is behind, by `/status`.
fn lag_records(status: &Value) -> u64 {
    let lag = &status["lag"]["records"];
    lag.as_u64().unwrap_or_else(|| panic!("/status has no lag: {status}"))
}
