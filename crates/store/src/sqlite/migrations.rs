//! Brings a database file to the schema that this program knows: numbered SQL files, each run once.
//!
//! Invariant: all missing steps and their notes commit in one transaction, so a file is at one
//! version or another, never between. A step that ever shipped is never edited: the checksum tells.

use std::path::Path;

use model::ContentHash;
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use crate::error::StoreError;
use crate::sqlite::connection;

/// One file's identity and its steps, lowest version first, without holes from 1 on.
pub(crate) struct Schema {
    /// Stands in the header of the file.
    pub(crate) application_id: i32,
    /// The table that says which steps ran.
    pub(crate) notes: &'static str,
    /// What has to be run, in order.
    pub(crate) migrations: &'static [Migration],
}

/// One step.
#[derive(Clone, Copy)]
pub(crate) struct Migration {
    name: &'static str,
    sql: &'static str,
}

/// `eyas.db`; its application id spells `EyEv`.
pub(crate) const EVENTS: Schema = Schema {
    application_id: 0x4579_4576,
    notes: "migrations",
    migrations: &[
        Migration { name: "events", sql: include_str!("migrations/events/0001_events.sql") },
        Migration { name: "reading", sql: include_str!("migrations/events/0002_reading.sql") },
        Migration {
            name: "dead_letters",
            sql: include_str!("migrations/events/0003_dead_letters.sql"),
        },
        Migration {
            name: "dead_letter_acts",
            sql: include_str!("migrations/events/0004_dead_letter_acts.sql"),
        },
        Migration {
            name: "schema_version",
            sql: include_str!("migrations/events/0005_schema_version.sql"),
        },
        Migration { name: "explore", sql: include_str!("migrations/events/0006_explore.sql") },
        Migration { name: "verdicts", sql: include_str!("migrations/events/0007_verdicts.sql") },
    ],
};

/// `control.db`; its application id spells `EyCo`.
pub(crate) const CONTROL: Schema = Schema {
    application_id: 0x4579_436f,
    notes: "migrations",
    migrations: &[
        Migration { name: "instance", sql: include_str!("migrations/control/0001_instance.sql") },
        Migration {
            name: "status_history",
            sql: include_str!("migrations/control/0002_status_history.sql"),
        },
        Migration { name: "audit", sql: include_str!("migrations/control/0003_audit.sql") },
        Migration { name: "trust", sql: include_str!("migrations/control/0004_trust.sql") },
        Migration { name: "schemas", sql: include_str!("migrations/control/0005_schemas.sql") },
        Migration { name: "jobs", sql: include_str!("migrations/control/0006_jobs.sql") },
        Migration { name: "sessions", sql: include_str!("migrations/control/0007_sessions.sql") },
    ],
};

/// `tables.db`; its application id spells `EyTa`. Everything of ours in it begins with `eyas_`: the other names are the user's.
pub(crate) const TABLES: Schema = Schema {
    application_id: 0x4579_5461,
    notes: "eyas_schema",
    migrations: &[
        Migration { name: "lane", sql: include_str!("migrations/tables/0001_lane.sql") },
        Migration {
            name: "revalidates",
            sql: include_str!("migrations/tables/0002_revalidates.sql"),
        },
    ],
};

/// Runs the steps that the file lacks. Refuses a file of a newer program, and one whose past differs.
pub(crate) fn run(conn: &mut Connection, path: &Path, schema: &Schema) -> Result<(), StoreError> {
    let tx = conn
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(|error| connection::opening(path, error))?;
    let past = read_past(&tx, schema.notes).map_err(|error| connection::opening(path, error))?;
    if past.len() > schema.migrations.len() {
        let newest = past.last().map_or("", |step| step.name.as_str());
        return Err(StoreError::Unusable(format!(
            "{} was written by a newer eyas: it is at schema version {} ({newest}), this program knows {}; \
             start the newer program",
            path.display(),
            past.len(),
            schema.migrations.len()
        )));
    }
    for (at, (step, known)) in past.iter().zip(schema.migrations).enumerate() {
        if step.version != at as i64 + 1 || step.checksum != known.checksum() {
            return Err(StoreError::Unusable(format!(
                "{}: schema version {} ({}) is not the one that this program knows ({}); \
                 was the file made by a development build?",
                path.display(),
                step.version,
                step.name,
                known.name
            )));
        }
    }
    for (at, migration) in schema.migrations.iter().enumerate().skip(past.len()) {
        run_step(&tx, schema.notes, at as i64 + 1, migration)
            .map_err(|error| connection::opening(path, error))?;
    }
    tx.commit().map_err(|error| connection::opening(path, error))
}

struct Step {
    version: i64,
    name: String,
    checksum: String,
}

impl Migration {
    fn checksum(&self) -> String {
        format!("{:032x}", ContentHash::of(&[Some(self.sql.as_bytes())]).0)
    }
}

fn read_past(tx: &Transaction<'_>, notes: &str) -> rusqlite::Result<Vec<Step>> {
    tx.execute_batch(&format!(
        "CREATE TABLE IF NOT EXISTS {notes} (
             version  INTEGER PRIMARY KEY,
             name     TEXT NOT NULL,
             checksum TEXT NOT NULL
         ) STRICT;"
    ))?;
    let mut select =
        tx.prepare(&format!("SELECT version, name, checksum FROM {notes} ORDER BY version"))?;
    let steps = select.query_map([], |row| {
        Ok(Step { version: row.get(0)?, name: row.get(1)?, checksum: row.get(2)? })
    })?;
    steps.collect()
}

fn run_step(
    tx: &Transaction<'_>,
    notes: &str,
    version: i64,
    migration: &Migration,
) -> rusqlite::Result<()> {
    tx.execute_batch(migration.sql)?;
    tx.execute(
        &format!("INSERT INTO {notes} (version, name, checksum) VALUES (?, ?, ?)"),
        params![version, migration.name, migration.checksum()],
    )?;
    Ok(())
}
