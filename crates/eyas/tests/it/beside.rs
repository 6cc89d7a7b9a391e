//! The database of a server under test, seen from beside the server: made to refuse, locked, wiped, read whole.
//!
//! One vocabulary for both databases, so that a test says what it wants and not how. Conditions and queries are written
//! so that SQLite and PostgreSQL take them alike; on PostgreSQL our tables are found in the schema `eyas`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use rusqlite::Connection;
use testbed::{Database, Postgres, Session};

use crate::checker::history::Kept;
use crate::journal::fingerprint;

/// Which database is under the tests: `sqlite` or `postgres`.
const STORE: &str = "EYAS_TEST_STORE";
/// The file of the events.
const EVENTS: &str = "eyas.db";
const BUSY: Duration = Duration::from_secs(20);

/// The databases of this process's servers, by data directory: the commands on that directory need them too.
static URLS: LazyLock<Mutex<HashMap<PathBuf, String>>> = LazyLock::new(Mutex::default);

/// See the module's page.
#[derive(Clone, Debug)]
pub(crate) enum Beside {
    /// The files in this folder.
    Sqlite(PathBuf),
    /// A database on a server that tests share, or on one of the test's own.
    Postgres(Arc<Database>),
}

/// Nobody else writes events while it is held.
pub(crate) enum Lock {
    Sqlite(#[expect(dead_code, reason = "held")] Connection),
    Postgres(#[expect(dead_code, reason = "held")] Session),
}

/// Counts the rows of a user's table, over one connection as long as that lasts.
pub(crate) struct Rows {
    beside: Beside,
    table: &'static str,
    session: Option<Session>,
}

impl Rows {
    /// How many rows there are of each of these values of a column; none that has no row. `None`: the database is down.
    pub(crate) fn count(
        &mut self,
        column: &str,
        values: &[String],
    ) -> Option<HashMap<String, u64>> {
        let values: Vec<String> = values.iter().map(|value| format!("'{value}'")).collect();
        let values = if values.is_empty() { "''".to_owned() } else { values.join(",") };
        let table = self.table;
        let lines = self.ask(&format!(
            "SELECT {column} || ' ' || count(*) FROM {table} WHERE {column} IN ({values}) GROUP BY {column}"
        ))?;
        let pair = |line: &String| {
            let (value, n) = line.rsplit_once(' ').expect("two words");
            (value.to_owned(), n.parse().expect("a number"))
        };
        Some(lines.iter().map(pair).collect())
    }

    /// How many there are at all.
    pub(crate) fn count_all(&mut self) -> u64 {
        let lines = self.ask(&format!("SELECT count(*) FROM {}", self.table));
        lines.expect("the database is up")[0].parse().expect("a number")
    }

    fn ask(&mut self, sql: &str) -> Option<Vec<String>> {
        match &self.beside {
            Beside::Sqlite(dir) => Some(column(&open(dir, "tables.db"), sql)),
            Beside::Postgres(database) => {
                let session = self.session.get_or_insert_with(|| database.session());
                let Ok(text) = session.try_run(&format!("{sql};")) else {
                    self.session = None;
                    return None;
                };
                Some(text.lines().map(str::to_owned).collect())
            }
        }
    }
}

impl Beside {
    /// The rows of a user's table.
    pub(crate) fn rows(&self, table: &'static str) -> Rows {
        Rows { beside: self.clone(), table, session: None }
    }

    /// Whether the tests run on PostgreSQL.
    pub(crate) fn is_postgres() -> bool {
        match std::env::var(STORE).as_deref() {
            Err(_) | Ok("sqlite") => false,
            Ok("postgres") => true,
            Ok(other) => panic!("{STORE}={other}: it is `sqlite` or `postgres`"),
        }
    }

    /// A database of its own for a server with this data directory, of the kind that `EYAS_TEST_STORE` names.
    pub(crate) fn new(data_dir: &Path) -> Self {
        if Self::is_postgres() {
            Self::on(data_dir, Arc::new(Postgres::shared().create_database()))
        } else {
            Self::Sqlite(data_dir.to_owned())
        }
    }

    /// This very database for a server with this data directory.
    pub(crate) fn on(data_dir: &Path, database: Arc<Database>) -> Self {
        URLS.lock().unwrap().insert(data_dir.to_owned(), database.url());
        Self::Postgres(database)
    }

    /// `EYAS_STORE_URL` of the server; none for the files that it takes by itself.
    pub(crate) fn url(&self) -> Option<String> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(database) => Some(database.url()),
        }
    }

    /// The same for a command, where one of its arguments is the data directory of a server of ours, or lies below it.
    pub(crate) fn url_for(arguments: &[&str]) -> Option<String> {
        let urls = URLS.lock().unwrap();
        let mut folders = arguments.iter().flat_map(|argument| Path::new(argument).ancestors());
        folders.find_map(|folder| urls.get(folder).cloned())
    }

    /// Runs statements.
    pub(crate) fn run(&self, sql: &str) {
        match self {
            Self::Sqlite(dir) => open(dir, EVENTS).execute_batch(sql).unwrap(),
            Self::Postgres(database) => drop(database.sql(&in_our_schema(sql))),
        }
    }

    /// A query of one column: its values as text.
    pub(crate) fn column(&self, sql: &str) -> Vec<String> {
        match self {
            Self::Sqlite(dir) => column(&open(dir, EVENTS), sql),
            Self::Postgres(database) => {
                database.sql(&in_our_schema(sql)).lines().map(str::to_owned).collect()
            }
        }
    }

    /// Has the database refuse events from now on, those that meet a condition on `new`, in these words.
    pub(crate) fn refuse(&self, condition: &str, words: &str) {
        match self {
            Self::Sqlite(_) => self.run(&format!(
                "CREATE TRIGGER refuse BEFORE INSERT ON events WHEN {condition} \
                 BEGIN SELECT RAISE(ABORT, '{words}'); END"
            )),
            Self::Postgres(_) => self.run(&format!(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
                 $$ BEGIN RAISE EXCEPTION '{words}'; END $$; \
                 CREATE TRIGGER refuse BEFORE INSERT ON events \
                 FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION refuse()"
            )),
        }
    }

    /// The end of [`Beside::refuse`].
    pub(crate) fn heal(&self) {
        self.run(match self {
            Self::Sqlite(_) => "DROP TRIGGER refuse",
            Self::Postgres(_) => "DROP TRIGGER refuse ON events; DROP FUNCTION refuse()",
        });
    }

    /// Keeps everybody else from writing events until the lock is dropped.
    pub(crate) fn lock(&self) -> Lock {
        match self {
            Self::Sqlite(dir) => {
                let database = open(dir, EVENTS);
                database.execute_batch("BEGIN IMMEDIATE").unwrap();
                Lock::Sqlite(database)
            }
            Self::Postgres(database) => {
                let mut session = database.session();
                session.run("BEGIN; LOCK TABLE eyas.events, eyas.lease IN EXCLUSIVE MODE;");
                Lock::Postgres(session)
            }
        }
    }

    /// Whether somebody who reads keeps the database from cleaning up behind its writers.
    pub(crate) fn is_held_up(&self) -> bool {
        match self {
            // A checkpoint that copies everything back and starts the write-ahead log anew finds no reader in its way.
            Self::Sqlite(_) => self.column("PRAGMA wal_checkpoint(TRUNCATE)") != ["0"],
            Self::Postgres(_) => {
                let sql = "SELECT count(*) FROM pg_stat_activity WHERE backend_xmin IS NOT NULL \
                           AND datname = current_database() AND pid <> pg_backend_pid()";
                self.column(sql) != ["0"]
            }
        }
    }

    /// Takes the events away, as if their database had never been. The server must be down.
    pub(crate) fn wipe(&self) {
        match self {
            Self::Sqlite(dir) => {
                for name in ["eyas.db", "eyas.db-wal", "eyas.db-shm"] {
                    // The last two are there only after a crash.
                    let _ = std::fs::remove_file(dir.join(name));
                }
            }
            Self::Postgres(database) => drop(database.sql("DROP SCHEMA eyas CASCADE")),
        }
    }

    /// What the database gave up on, and no replay has stored since.
    pub(crate) fn dead_letters(&self) -> Vec<Kept> {
        let hex = match self {
            Self::Sqlite(_) => "hex(record)",
            Self::Postgres(_) => "encode(record, 'hex')",
        };
        // A replayed one is an event at its old place.
        let sql = format!(
            "SELECT seq || ' ' || {hex} FROM dead_letters \
             WHERE seq NOT IN (SELECT seq FROM events) ORDER BY seq"
        );
        self.column(&sql).iter().map(|row| kept(row)).collect()
    }
}

fn open(dir: &Path, file: &str) -> Connection {
    let database = Connection::open(dir.join(file)).unwrap();
    database.busy_timeout(BUSY).unwrap();
    database
}

fn column(database: &Connection, sql: &str) -> Vec<String> {
    let mut select = database.prepare(sql).unwrap();
    let rows = select.query_map([], |row| row.get::<_, rusqlite::types::Value>(0));
    rows.unwrap().map(|value| text(&value.unwrap())).collect()
}

fn in_our_schema(sql: &str) -> String {
    format!("SET search_path = eyas, public; {sql}")
}

fn text(value: &rusqlite::types::Value) -> String {
    use rusqlite::types::Value;
    match value {
        Value::Integer(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        other => panic!("asked for a column of texts or numbers: {other:?}"),
    }
}

/// A position and a record in hexadecimal digits.
fn kept(row: &str) -> Kept {
    let (seq, hex) = row.split_once(' ').unwrap();
    let bytes = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16));
    let record: Vec<u8> = bytes.collect::<Result<_, _>>().unwrap();
    let event = model::Event::decode(record.into()).expect("a whole record");
    Kept {
        seq: seq.parse().unwrap(),
        stream: event.stream().to_owned(),
        id: event.id().to_owned(),
        category: event.category().map(str::to_owned),
        hash: fingerprint(event.data()),
    }
}
