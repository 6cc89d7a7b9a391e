//! Schemas in `control.db`. Everything that changes a key goes through [`change`], with its line of audit.

use async_trait::async_trait;
use model::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};

use crate::audit::AuditEntry;
use crate::error::StoreError;
use crate::schemas::{
    ConfiguredSchema, SCHEMA_VERSIONS_MAX, SCHEMAS_MAX, SchemaAct, SchemaChange, SchemaKey,
    SchemaMode, SchemaRefusal, SchemaSource, SchemaState, SchemaStates, SchemaStore, SchemaText,
    SchemaVersion, VERSIONS_BYTES_MAX,
};
use crate::sqlite::audit;
use crate::sqlite::failure::failure;
use crate::sqlite::store::SqliteStore;

#[async_trait]
impl SchemaStore for SqliteStore {
    async fn schemas(&self) -> Result<SchemaStates, StoreError> {
        self.control.run(|conn| states(conn).map_err(failure)).await
    }

    async fn schema_versions(
        &self,
        key: &SchemaKey,
    ) -> Result<Option<Vec<SchemaVersion>>, StoreError> {
        let key = key.clone();
        self.control.run(move |conn| versions(conn, &key).map_err(failure)).await
    }

    async fn change_schema(
        &self,
        change: SchemaChange,
    ) -> Result<Result<SchemaStates, SchemaRefusal>, StoreError> {
        let job = move |conn: &mut Connection| -> rusqlite::Result<_> {
            let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            if let Err(refusal) = self::change(&tx, &change, SchemaSource::Api)? {
                return Ok(Err(refusal));
            }
            let states = states(&tx)?;
            tx.commit()?;
            Ok(Ok(states))
        };
        self.control.run(move |conn| job(conn).map_err(failure)).await
    }

    async fn configure_schemas(
        &self,
        configured: Vec<ConfiguredSchema>,
        at: Timestamp,
        by: &str,
    ) -> Result<Result<SchemaStates, SchemaRefusal>, StoreError> {
        let by = by.to_owned();
        self.control.run(move |conn| configure(conn, configured, at, &by).map_err(failure)).await
    }
}

fn configure(
    conn: &mut Connection,
    configured: Vec<ConfiguredSchema>,
    at: Timestamp,
    by: &str,
) -> rusqlite::Result<Result<SchemaStates, SchemaRefusal>> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for state in states(&tx)?.states {
        let is_named = configured.iter().any(|schema| schema.key == state.key);
        if state.source == SchemaSource::Config && !is_named {
            let gone =
                SchemaChange { key: state.key, act: SchemaAct::TurnOff, at, by: by.to_owned() };
            release(&tx, &gone.key)?;
            if let Err(refusal) = change(&tx, &gone, SchemaSource::Api)? {
                return Ok(Err(refusal));
            }
        }
    }
    for ConfiguredSchema { key, mode, text } in configured {
        if is_in_force(&tx, &key, mode, &text)? {
            continue;
        }
        let act = SchemaAct::Put { mode, text: Some(text), activate: true };
        let wanted = SchemaChange { key, act, at, by: by.to_owned() };
        if let Err(refusal) = change(&tx, &wanted, SchemaSource::Config)? {
            return Ok(Err(refusal));
        }
    }
    let states = states(&tx)?;
    tx.commit()?;
    Ok(Ok(states))
}

/// The configuration lets go of a key.
fn release(conn: &Connection, key: &SchemaKey) -> rusqlite::Result<()> {
    let (stream, category, name) = columns(key);
    conn.execute(
        "UPDATE schemas SET source = 'api' WHERE stream = ? AND category = ? AND name = ?",
        params![stream, category, name],
    )?;
    Ok(())
}

/// Whether the configuration's own key is just so already.
fn is_in_force(
    conn: &Connection,
    key: &SchemaKey,
    mode: SchemaMode,
    text: &SchemaText,
) -> rusqlite::Result<bool> {
    let (stream, category, name) = columns(key);
    conn.query_row(
        "SELECT EXISTS (SELECT 1 FROM schemas JOIN schema_versions USING (stream, category, name) \
         WHERE stream = ? AND category = ? AND name = ? AND mode = ? AND source = 'config' \
         AND version = active AND digest = ?)",
        params![stream, category, name, mode.as_str(), &text.digest.0.to_be_bytes()[..]],
        |row| row.get(0),
    )
}

/// One change, inside the caller's transaction, which is to be dropped after a refusal.
fn change(
    conn: &Connection,
    change: &SchemaChange,
    source: SchemaSource,
) -> rusqlite::Result<Result<(), SchemaRefusal>> {
    let SchemaChange { key, act, at, by } = change;
    let (stream, category, name) = columns(key);
    let known: Option<(String, Option<u32>, String)> = conn
        .prepare_cached(
            "SELECT mode, active, source FROM schemas WHERE stream = ? AND category = ? AND name = ?",
        )?
        .query_row(params![stream, category, name], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    let is_foreign = known.as_ref().is_some_and(|(_, _, owner)| owner == "config");
    if is_foreign && source == SchemaSource::Api {
        return Ok(Err(SchemaRefusal::FromConfig));
    }
    let (mode, active) = match (act, known) {
        (SchemaAct::Put { mode, text: Some(text), activate }, known) => {
            if known.is_none() && n_rows(conn)? >= SCHEMAS_MAX {
                return Ok(Err(SchemaRefusal::TooMany));
            }
            let Some(version) = version_of(conn, change, text)? else {
                return Ok(Err(SchemaRefusal::TooMany));
            };
            let before = known.and_then(|(_, active, _)| active);
            (mode.as_str().to_owned(), if *activate { Some(version) } else { before })
        }
        (_, None) => return Ok(Err(SchemaRefusal::NotFound)),
        (SchemaAct::Put { mode, text: None, .. }, Some((_, active, _))) => {
            (mode.as_str().to_owned(), active)
        }
        (SchemaAct::TurnOff, Some((_, active, _))) => (SchemaMode::Off.as_str().to_owned(), active),
        (SchemaAct::Activate { version }, Some((mode, ..))) => {
            if !has_version(conn, key, *version)? {
                return Ok(Err(SchemaRefusal::NotFound));
            }
            (mode, Some(*version))
        }
    };
    conn.prepare_cached("INSERT OR REPLACE INTO schemas VALUES (?, ?, ?, ?, ?, ?, ?, ?)")?
        .execute(params![stream, category, name, mode, active, source.as_str(), at.micros(), by])?;
    conn.execute("UPDATE schema_changes SET number = number + 1", [])?;
    let act = match act {
        SchemaAct::Put { .. } => "schema.put",
        SchemaAct::Activate { .. } => "schema.activate",
        SchemaAct::TurnOff => "schema.off",
    };
    // Labels may hold anything that JSON has to escape, so the detail holds none; the object does.
    let active = active.map_or("null".to_owned(), |version| version.to_string());
    let detail =
        format!("{{\"mode\":\"{mode}\",\"version\":{active},\"source\":\"{}\"}}", source.as_str());
    let object = [stream, category, name].join("/").trim_end_matches('/').to_owned();
    let entry = AuditEntry { at: *at, actor: by.clone(), act: act.to_owned(), object, detail };
    audit::add(conn, &entry)?;
    Ok(Ok(()))
}

/// The version that has this text, a new one if none has; `None` where there are too many.
fn version_of(
    conn: &Connection,
    change: &SchemaChange,
    text: &SchemaText,
) -> rusqlite::Result<Option<u32>> {
    let (stream, category, name) = columns(&change.key);
    let digest = &text.digest.0.to_be_bytes()[..];
    let mut find = conn.prepare_cached(
        "SELECT max(version), max(CASE WHEN digest = ? THEN version END) FROM schema_versions \
         WHERE stream = ? AND category = ? AND name = ?",
    )?;
    let (newest, same): (Option<u32>, Option<u32>) = find
        .query_row(params![digest, stream, category, name], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if same.is_some() {
        return Ok(same);
    }
    let version = newest.unwrap_or(0) + 1;
    if version > SCHEMA_VERSIONS_MAX {
        return Ok(None);
    }
    conn.prepare_cached("INSERT INTO schema_versions VALUES (?, ?, ?, ?, ?, ?, ?, ?)")?.execute(
        params![stream, category, name, version, text.text, digest, change.at.micros(), change.by],
    )?;
    Ok(Some(version))
}

fn has_version(conn: &Connection, key: &SchemaKey, version: u32) -> rusqlite::Result<bool> {
    let (stream, category, name) = columns(key);
    conn.query_row(
        "SELECT EXISTS (SELECT 1 FROM schema_versions \
         WHERE stream = ? AND category = ? AND name = ? AND version = ?)",
        params![stream, category, name, version],
        |row| row.get(0),
    )
}

fn n_rows(conn: &Connection) -> rusqlite::Result<usize> {
    conn.query_row("SELECT count(*) FROM schemas", [], |row| row.get::<_, i64>(0))
        .map(|n_rows| n_rows as usize)
}

fn states(conn: &Connection) -> rusqlite::Result<SchemaStates> {
    let change: i64 = conn.query_row("SELECT number FROM schema_changes", [], |row| row.get(0))?;
    let mut select = conn.prepare_cached(
        "SELECT s.stream, s.category, s.name, mode, active, text, \
         (SELECT count(*) FROM schema_versions n \
          WHERE n.stream = s.stream AND n.category = s.category AND n.name = s.name), \
         source, changed_at_us, changed_by \
         FROM schemas s LEFT JOIN schema_versions v \
         ON v.stream = s.stream AND v.category = s.category AND v.name = s.name AND v.version = active \
         ORDER BY s.stream, s.category, s.name",
    )?;
    let states = select.query_map([], |row| {
        let version: Option<u32> = row.get(4)?;
        let text: Option<String> = row.get(5)?;
        let (mode, source): (String, String) = (row.get(3)?, row.get(7)?);
        Ok(SchemaState {
            key: SchemaKey {
                stream: row.get(0)?,
                category: label(row.get(1)?),
                name: label(row.get(2)?),
            },
            // Nobody else writes here. What is none of our words judges nothing.
            mode: SchemaMode::parse(&mode).unwrap_or(SchemaMode::Off),
            active: version.zip(text),
            n_versions: row.get(6)?,
            source: if source == "config" { SchemaSource::Config } else { SchemaSource::Api },
            changed_at: Timestamp::from_micros(row.get(8)?),
            changed_by: row.get(9)?,
        })
    })?;
    Ok(SchemaStates { change: change as u64, states: states.collect::<Result<_, _>>()? })
}

fn versions(conn: &Connection, key: &SchemaKey) -> rusqlite::Result<Option<Vec<SchemaVersion>>> {
    let (stream, category, name) = columns(key);
    let active: Option<Option<u32>> = conn
        .prepare_cached(
            "SELECT active FROM schemas WHERE stream = ? AND category = ? AND name = ?",
        )?
        .query_row(params![stream, category, name], |row| row.get(0))
        .optional()?;
    let Some(active) = active else { return Ok(None) };
    let mut select = conn.prepare_cached(
        "SELECT version, text, created_at_us, created_by FROM schema_versions \
         WHERE stream = ? AND category = ? AND name = ? ORDER BY version DESC",
    )?;
    let mut rows = select.query(params![stream, category, name])?;
    let (mut versions, mut n_bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let version: u32 = row.get(0)?;
        let text: String = row.get(1)?;
        n_bytes += text.len();
        if n_bytes > VERSIONS_BYTES_MAX && !versions.is_empty() {
            break;
        }
        versions.push(SchemaVersion {
            version,
            text,
            created_at: Timestamp::from_micros(row.get(2)?),
            created_by: row.get(3)?,
            is_active: active == Some(version),
        });
    }
    Ok(Some(versions))
}

/// A key as its columns: no label is empty.
fn columns(key: &SchemaKey) -> (&str, &str, &str) {
    (
        &key.stream,
        key.category.as_deref().unwrap_or_default(),
        key.name.as_deref().unwrap_or_default(),
    )
}

fn label(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}
