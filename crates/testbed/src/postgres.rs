//! A PostgreSQL cluster of its own: killed, stopped, started again, set back to an earlier state.
//!
//! It listens on 127.0.0.1 only, trusts everybody, and is small. fsync is on: a test may kill it and count.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::installation::{Installation, run};
use crate::ports;
use crate::server::{Database, Server};
use crate::tls;
use crate::warden::Warden;

/// Names a server that tests share; without it a process has one of its own.
const GIVEN: &str = "EYAS_TEST_POSTGRES";
/// Longest wait for a start (which may replay a log) or a stop.
const WAIT_MAX: Duration = Duration::from_mins(1);
const LOOK: Duration = Duration::from_millis(5);
/// Another process may take the port first.
const N_STARTS_MAX: u32 = 5;

/// Small, and without what costs time and proves nothing here. A later setting of the same name wins.
const SETTINGS: &[&str] = &[
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "shared_buffers=32MB",
    "max_connections=200",
    "max_wal_size=256MB",
    "log_checkpoints=off",
];

/// A running, or stopped, cluster. It is killed and its folder removed with its value.
#[derive(Debug)]
pub struct Postgres {
    installation: Installation,
    settings: Vec<String>,
    port: u16,
    server: Server,
    /// None while it is down.
    postmaster: Option<Child>,
    // Order matters: the warden looks into the folder and ends before it goes.
    _warden: Warden,
    folder: TempDir,
}

/// The data folder of a stopped cluster, as it was.
#[derive(Debug)]
pub struct Snapshot(TempDir);

impl Postgres {
    /// A new cluster on a free port.
    ///
    /// # Panics
    /// When PostgreSQL is missing (the message has the command that installs it) or does not start.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with settings of `postgresql.conf`: `["fsync=off", "max_connections=8"]`.
    ///
    /// # Panics
    /// As [`Postgres::start`].
    pub fn start_with(settings: &[&str]) -> Self {
        Self::launch(settings).unwrap_or_else(|error| panic!("no PostgreSQL: {error}"))
    }

    /// The same with the certificate of [`tls`](crate::tls), and a rule that lets nobody in without TLS.
    ///
    /// # Panics
    /// As [`Postgres::start`].
    pub fn start_with_tls() -> Self {
        let settings = ["ssl=on", "ssl_cert_file=server.pem", "ssl_key_file=server.key"];
        Self::launch_prepared(&settings, tls::install)
            .unwrap_or_else(|error| panic!("no PostgreSQL with TLS: {error}"))
    }

    /// The same for a caller that can go on without.
    ///
    /// # Errors
    /// What is missing, or what it said.
    pub fn launch(settings: &[&str]) -> io::Result<Self> {
        Self::launch_prepared(settings, |_, _| Ok(()))
    }

    /// `prepare` may change the data folder before the first start.
    fn launch_prepared(
        settings: &[&str],
        prepare: impl FnOnce(&Installation, &Path) -> io::Result<()>,
    ) -> io::Result<Self> {
        let installation = Installation::find()?;
        let folder = tempfile::Builder::new().prefix("eyas-pg-").tempdir()?;
        installation.own(folder.path())?;
        copy(&installation, &installation.template()?, &folder.path().join("data"))?;
        prepare(&installation, &folder.path().join("data"))?;
        let warden = Warden::over(folder.path(), "data/postmaster.pid")?;
        let mut cluster = Self {
            settings: settings.iter().map(|&setting| setting.to_owned()).collect(),
            port: 0,
            server: Server::new("", &installation),
            installation,
            postmaster: None,
            _warden: warden,
            folder,
        };
        for turn in 1.. {
            cluster.port = ports::free();
            let url = format!("postgres://postgres@127.0.0.1:{}/postgres", cluster.port);
            cluster.server = Server::new(url, &cluster.installation);
            match cluster.try_start() {
                Ok(()) => break,
                Err(error) if turn == N_STARTS_MAX => return Err(error),
                Err(_) => {}
            }
        }
        Ok(cluster)
    }

    /// The server that tests of one run share: the one that `EYAS_TEST_POSTGRES` names, else one of this process, which
    /// ends with it.
    ///
    /// # Panics
    /// As [`Postgres::start`].
    pub fn shared() -> &'static Server {
        static SHARED: OnceLock<(Server, Option<Postgres>)> = OnceLock::new();
        let (server, _) = SHARED.get_or_init(|| {
            if let Ok(url) = std::env::var(GIVEN) {
                let installation = Installation::find().unwrap_or_else(|error| panic!("{error}"));
                return (Server::new(url, &installation), None);
            }
            let cluster = Self::start();
            (cluster.server.clone(), Some(cluster))
        });
        server
    }

    /// Where it takes connections, up or not.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address of one of its databases.
    pub fn url(&self, database: &str) -> String {
        self.server.url(database)
    }

    /// See [`Server::create_database`].
    pub fn create_database(&self) -> Database {
        self.server.create_database()
    }

    /// The folder with its data.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// `kill -9` of the postmaster and all its children, as a crash would.
    ///
    /// # Panics
    /// When they do not end.
    pub fn kill(&mut self) {
        let Some(mut postmaster) = self.postmaster.take() else { return };
        let pid = postmaster.id();
        // Order matters: stopped, it starts no further child while we look for them.
        signal("STOP", &[pid]);
        let children = children_of(pid);
        signal("KILL", &[pid]);
        signal("KILL", &children);
        postmaster.wait().expect("a child can be waited for");
        // A child that still holds the shared memory would keep the next start from happening.
        wait_for("the end of its children", || !children.iter().any(|&pid| is_alive(pid)));
    }

    /// Ends it in good order: connections are cut, and what they had not committed is rolled back.
    ///
    /// # Panics
    /// When it does not end.
    pub fn stop(&mut self) {
        let Some(mut postmaster) = self.postmaster.take() else { return };
        signal("INT", &[postmaster.id()]);
        let mut is_over = || postmaster.try_wait().expect("a child can be waited for").is_some();
        wait_for("its end", &mut is_over);
    }

    /// Starts it on the same folder and port, and waits until it takes connections.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_again(&mut self) {
        assert!(self.postmaster.is_none(), "it is running");
        self.try_start().unwrap_or_else(|error| panic!("PostgreSQL does not start again: {error}"));
    }

    /// Other settings from the next start on.
    pub fn settings(&mut self, settings: &[&str]) {
        self.settings = settings.iter().map(|&setting| setting.to_owned()).collect();
    }

    /// A copy of its data. It must be stopped.
    ///
    /// # Panics
    /// When it runs, or the copy fails.
    pub fn snapshot(&self) -> Snapshot {
        assert!(self.postmaster.is_none(), "a snapshot is one of a stopped cluster");
        let copy_to = tempfile::Builder::new().prefix("eyas-pg-snapshot-").tempdir();
        let copy_to = copy_to.expect("a temporary folder can be made");
        self.installation.own(copy_to.path()).expect("our own folder can be given away");
        copy(&self.installation, &self.data(), &copy_to.path().join("data"))
            .unwrap_or_else(|error| panic!("no snapshot: {error}"));
        Snapshot(copy_to)
    }

    /// Back to what it was. It must be stopped.
    ///
    /// # Panics
    /// When it runs, or the copy fails.
    pub fn restore(&self, snapshot: &Snapshot) {
        assert!(self.postmaster.is_none(), "only a stopped cluster can be restored");
        fs::remove_dir_all(self.data()).expect("the folder of a stopped cluster can be removed");
        copy(&self.installation, &snapshot.0.path().join("data"), &self.data())
            .unwrap_or_else(|error| panic!("not restored: {error}"));
    }

    /// What it has said since its first start.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn try_start(&mut self) -> io::Result<()> {
        let log = File::options().create(true).append(true).open(self.folder.path().join("log"))?;
        let mut command = self.installation.command("postgres");
        command.arg("-D").arg(self.data()).args(["-p", &self.port.to_string()]);
        for setting in SETTINGS.iter().copied().chain(self.settings.iter().map(String::as_str)) {
            command.args(["-c", setting]);
        }
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let mut postmaster = command.spawn()?;
        let end = Instant::now() + WAIT_MAX;
        loop {
            if is_ready(&self.data(), postmaster.id()) {
                self.postmaster = Some(postmaster);
                return Ok(());
            }
            if let Some(status) = postmaster.try_wait()? {
                return Err(io::Error::other(format!("{status}\n{}", self.log())));
            }
            if Instant::now() > end {
                postmaster.kill()?;
                postmaster.wait()?;
                return Err(io::Error::other(format!("not ready\n{}", self.log())));
            }
            look_again();
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A copy of a whole folder, owned by whoever runs PostgreSQL.
fn copy(installation: &Installation, from: &Path, to: &Path) -> io::Result<()> {
    run(installation.as_user("cp").args(["-a", "--reflink=auto"]).args([from, to])).map(drop)
}

/// Whether the postmaster says so in its own file: the first line is its pid, the eighth its state.
fn is_ready(data: &Path, pid: u32) -> bool {
    let text = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    lines.first() == Some(&pid.to_string().as_str()) && lines.get(7) == Some(&"ready")
}

fn signal(name: &str, pids: &[u32]) {
    if pids.is_empty() {
        return;
    }
    let mut kill = Command::new("kill");
    kill.arg(format!("-{name}")).args(pids.iter().map(ToString::to_string));
    // Fails for those that are gone already.
    let _ = kill.stdout(Stdio::null()).stderr(Stdio::null()).status();
}

/// State and parent of a process, by `/proc`.
fn state_and_parent(pid: u32) -> Option<(char, u32)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in front may hold anything, even brackets.
    let mut fields = text.rsplit(')').next()?.split_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

fn children_of(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|&pid| state_and_parent(pid).is_some_and(|(_, its)| its == parent)).collect()
}

/// One that has ended and that nobody has asked about yet is not alive: it holds nothing any more.
fn is_alive(pid: u32) -> bool {
    state_and_parent(pid).is_some_and(|(state, _)| state != 'Z')
}

pub(crate) fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + WAIT_MAX;
    while !is_so() {
        assert!(Instant::now() < end, "PostgreSQL: still waiting for {what}");
        look_again();
    }
}

/// The pause between two looks at a condition with a deadline.
#[expect(clippy::disallowed_methods, reason = "it is the wait for a condition with a deadline")]
fn look_again() {
    std::thread::sleep(LOOK);
}
