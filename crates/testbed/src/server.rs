//! A PostgreSQL server that takes connections: a database of its own for each test, and SQL by `psql`.

use std::io;
use std::path::PathBuf;
use std::process::Command;
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
        Database { server: self.clone(), name }
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
        let mut psql = Command::new(&self.psql);
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d"]).arg(self.url(database));
        run(psql.args(["-c", sql])).map(|text| text.trim_end().to_owned())
    }
}

/// A database for one test. Dropped with its value, together with whoever is still connected to it.
#[derive(Debug)]
pub struct Database {
    server: Server,
    name: String,
}

impl Database {
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
        // Fails where a test has ended its server first: then the database goes with the server's folder.
        let _ = self
            .server
            .try_sql("postgres", &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}
