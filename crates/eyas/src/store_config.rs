//! `[store]` and the log that is kept behind it: which database, its password, and what is kept for its sake.
//!
//! ```toml
//! [store]
//! url = "postgres://eyas@db1,db2/eyas?target_session_attrs=read-write&sslmode=verify-full"   # or "sqlite:eyas.db"
//! password_file = "/run/secrets/eyas-db"      # or EYAS_STORE_PASSWORD
//!
//! [log]                                       # PostgreSQL only: what a fail-over may have lost is applied again
//! keep = "24h"
//! keep_bytes = "10GiB"
//! ```
//!
//! Invariant: what holds the password prints itself without it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use pipeline::Keep;
use store::{Dialect, PostgresOptions};

use crate::units;

/// Connections for readers and administration.
const N_CONNECTIONS: usize = 8;
/// Each try of a stopped consumer costs the database one transaction that it refuses.
const REFUSED_RETRY: Duration = Duration::from_secs(30);
const REFUSED_RETRY_MIN: Duration = Duration::from_millis(50);
/// Long enough for a database that starts together with us, and well within what systemd gives a start (90 s).
const CONNECT_WAIT: Duration = Duration::from_secs(30);
const CONNECT_WAIT_MAX: Duration = Duration::from_hours(24);
const KEEP: Keep = Keep { time: Duration::from_hours(24), bytes: 10 << 30 };

/// Which database.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum StoreConfig {
    /// Files in `data_dir`; the name of that with the events.
    Sqlite(String),
    /// A server.
    Postgres(PostgresOptions),
}

impl StoreConfig {
    /// Which one and where, for people.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Sqlite(file) => format!("SQLite, {file} in there"),
            Self::Postgres(options) => format!("PostgreSQL, {}", options.shown()),
        }
    }

    /// Host, port and name of the server's database; `None` where it stands in the data directory.
    pub(crate) fn place(&self) -> Option<String> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(options) => Some(options.shown()),
        }
    }

    /// The SQL that it speaks.
    pub(crate) const fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }
}

/// A key and what is wrong with it.
type Fault = (&'static str, String);

/// Reads it. `get` answers with the text of a key and what relative paths in it are relative to.
pub(crate) fn read<'a>(
    get: impl Fn(&str) -> Option<(&'a str, &'a Path)>,
) -> Result<StoreConfig, Fault> {
    let url = get("store.url").map_or("sqlite:eyas.db", |(url, _)| url);
    if let Some(file) = url.strip_prefix("sqlite:") {
        if file.is_empty() || file.contains('/') {
            let words = "must name a file inside data_dir, like sqlite:eyas.db";
            return Err(("store.url", words.to_owned()));
        }
        return Ok(StoreConfig::Sqlite(file.to_owned()));
    }
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        let words = "is no database: there are sqlite:FILE and postgres://user@host/database";
        return Err(("store.url", words.to_owned()));
    }
    let password = match (get("store.password"), get("store.password_file")) {
        (Some((text, _)), _) if !text.is_empty() => Some(text.to_owned()),
        (_, Some((file, base))) if !file.is_empty() => Some(password_of(&base.join(file))?),
        _ => None,
    };
    let options = PostgresOptions { url: url.to_owned(), password, n_connections: N_CONNECTIONS };
    options.check().map_err(|error| ("store.url", format!("cannot be used: {error}")))?;
    Ok(StoreConfig::Postgres(options))
}

fn password_of(path: &PathBuf) -> Result<String, Fault> {
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|error| ("store.password_file", format!("cannot be read: {error}")))?;
    // Editors end a file with a line break.
    let text = text.trim_end_matches(['\n', '\r']);
    if text.is_empty() {
        return Err(("store.password_file", "is empty".to_owned()));
    }
    Ok(text.to_owned())
}

/// What of the log is kept; `None` where the database cannot lose a commit.
pub(crate) fn keep<'a>(
    store: Option<&StoreConfig>,
    get: impl Fn(&str) -> Option<&'a str>,
) -> Result<Option<Keep>, Fault> {
    let time = match get("log.keep") {
        None => KEEP.time,
        Some(text) => units::duration(text).ok_or_else(|| {
            ("log.keep", "is not a time with its unit, like 24h; 0 keeps nothing".to_owned())
        })?,
    };
    let bytes = match get("log.keep_bytes") {
        None => KEEP.bytes,
        Some(text) => units::size(text)
            .ok_or_else(|| ("log.keep_bytes", "is not a size, like 10GiB".to_owned()))?,
    };
    let is_server = matches!(store, Some(StoreConfig::Postgres(_)));
    Ok((is_server && !time.is_zero()).then_some(Keep { time, bytes }))
}

/// How long the database is waited for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StoreWaits {
    /// Pause between two tries of a consumer that stopped because the database refuses nearly everything.
    pub(crate) refused_retry: Duration,
    /// How long a start waits for a server that does not answer.
    pub(crate) connect_wait: Duration,
}

/// Reads it.
pub(crate) fn waits<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Result<StoreWaits, Fault> {
    let read = |key, default| match get(key) {
        None => Ok(default),
        Some(text) => units::duration(text)
            .ok_or_else(|| (key, "is not a time with its unit, like 30s or 5m".to_owned())),
    };
    let refused_retry = read("store.refused_retry", REFUSED_RETRY)?;
    if refused_retry < REFUSED_RETRY_MIN {
        return Err(("store.refused_retry", "is less than 50ms".to_owned()));
    }
    let connect_wait = read("store.connect_wait", CONNECT_WAIT)?;
    if connect_wait > CONNECT_WAIT_MAX {
        return Err(("store.connect_wait", "is more than 24h".to_owned()));
    }
    Ok(StoreWaits { refused_retry, connect_wait })
}
