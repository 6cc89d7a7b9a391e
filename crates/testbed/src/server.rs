//! A PostgreSQL server that takes connections: a database of its own for each test, and SQL by `psql`.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::installation::{Installation, run};

/// Databases that this process has made.
static N_DATABASES: AtomicU64 = AtomicU64::new(0);

/// Where a server is, and who may make databases there. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Server {
    /// `postgres://user@host:port/database?…` of somebody who may create databases.
    url: String,
    psql: PathBuf,
}

impl Server {
    /// A server that runs already.
    pub(crate) fn new(url: impl Into<String>, installation: &Installation) -> Self {
        Self { url: url.into(), psql: installation.bin().join("psql") }
    }

    /// The address of one of its databases.
    pub fn url(&self, database: &str) -> String {
        let (address, query) = self.url.split_once('?').unwrap_or((&self.url, ""));
        let host = address.split_once("://").map_or(address, |(_, host)| host);
        let host = host.split('/').next().unwrap_or(host);
        let query = if query.is_empty() { String::new() } else { format!("?{query}") };
        format!("postgres://{host}/{database}{query}")
    }

    /// A new, empty database. It is dropped with its value.
    ///
    /// # Panics
    /// When the server is down or refuses.
    pub fn create_database(&self) -> Database {
        let turn = N_DATABASES.fetch_add(1, Ordering::Relaxed);
        let name = format!("eyas_test_{}_{turn}", std::process::id());
        // A process of an earlier life may have had this number, and died before it could drop.
        self.sql("postgres", &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        self.sql("postgres", &format!("CREATE DATABASE {name} TEMPLATE template0"));
        Database { server: self.clone(), name, is_ours: true }
    }

    /// Runs SQL: the rows as `psql -At` prints them, fields parted by `|`.
    ///
    /// # Panics
    /// When it fails: the SQL and what the server said.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        self.try_sql(database, sql).unwrap_or_else(|error| panic!("{sql}\n{error}"))
    }

    /// The same, where it may fail.
    ///
    /// # Errors
    /// What the server, or `psql`, said.
    pub fn try_sql(&self, database: &str, sql: &str) -> io::Result<String> {
        run(self.psql(database).args(["-c", sql])).map(|text| text.trim_end().to_owned())
    }

    fn psql(&self, database: &str) -> Command {
        let mut psql = Command::new(&self.psql);
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d"]).arg(self.url(database));
        psql
    }
}

/// A database for one test. Dropped with its value, together with whoever is still connected to it.
#[derive(Debug)]
pub struct Database {
    server: Server,
    name: String,
    /// Dropped with this value.
    is_ours: bool,
}

impl Database {
    /// The same database, reached through another server: a pooler. It is not dropped with this value.
    #[must_use]
    pub fn through(&self, server: &Server) -> Self {
        Self { server: server.clone(), name: self.name.clone(), is_ours: false }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its address.
    pub fn url(&self) -> String {
        self.server.url(&self.name)
    }

    /// Runs SQL in it: see [`Server::sql`].
    pub fn sql(&self, sql: &str) -> String {
        self.server.sql(&self.name, sql)
    }

    /// A connection that stays: for transactions and locks.
    ///
    /// # Panics
    /// When `psql` does not start.
    pub fn session(&self) -> Session {
        let mut psql = self.server.psql(&self.name);
        psql.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut psql = psql.spawn().expect("psql starts");
        let out = BufReader::new(psql.stdout.take().expect("stdout is piped"));
        Session { psql, out }
    }

    /// The same, where it may fail: see [`Server::try_sql`].
    ///
    /// # Errors
    /// What the server, or `psql`, said.
    pub fn try_sql(&self, sql: &str) -> io::Result<String> {
        self.server.try_sql(&self.name, sql)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if !self.is_ours {
            return;
        }
        // Fails where a test has ended its server first: then the database goes with the server's folder.
        let _ = self
            .server
            .try_sql("postgres", &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}

/// One connection to a database. It ends with its value, and what it had not committed is rolled back.
#[derive(Debug)]
pub struct Session {
    psql: Child,
    out: BufReader<ChildStdout>,
}

impl Session {
    /// Runs SQL, which must end with a semicolon, and waits for its end: the rows, as [`Server::sql`] has them.
    ///
    /// # Panics
    /// When it fails: the SQL and what the server said.
    pub fn run(&mut self, sql: &str) -> String {
        self.try_run(sql).unwrap_or_else(|error| panic!("{sql}\n{error}"))
    }

    /// The same, where it may fail. Afterwards the session is over.
    ///
    /// # Errors
    /// What the server, or `psql`, said.
    pub fn try_run(&mut self, sql: &str) -> io::Result<String> {
        const END: &str = "the end of these rows";
        let stdin = self.psql.stdin.as_mut().expect("stdin is piped");
        // Fails only where psql has ended; then the reader has its last words.
        let _ = writeln!(stdin, "{sql}\n\\echo {END}");
        let mut rows = Vec::new();
        for line in self.out.by_ref().lines() {
            match line {
                Ok(line) if line == END => return Ok(rows.join("\n")),
                Ok(line) => rows.push(line),
                Err(_) => break,
            }
        }
        let mut said = String::new();
        let _ = self.psql.stderr.take().map(|mut stderr| stderr.read_to_string(&mut said));
        Err(io::Error::other(said))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Both fail only when it is gone already. The server notices that its client has gone, and rolls back.
        let _ = self.psql.kill();
        let _ = self.psql.wait();
    }
}
