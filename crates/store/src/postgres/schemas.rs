//! Schemas. Everything that changes a key goes through [`change`], with its line of audit, behind the lock of the row
//! that counts the changes: keys and versions are counted by one at a time.

use std::borrow::Cow;

use async_trait::async_trait;
use model::Timestamp;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error, Row, Transaction};

use crate::audit::AuditEntry;
use crate::error::StoreError;
use crate::postgres::audit;
use crate::postgres::call::{read, try_write};
use crate::postgres::failure::failure;
use crate::postgres::nul::without_nul;
use crate::postgres::store::PostgresStore;
use crate::schemas::{
    ConfiguredSchema, SCHEMA_VERSIONS_MAX, SCHEMAS_MAX, SchemaAct, SchemaChange, SchemaKey,
    SchemaMode, SchemaRefusal, SchemaSource, SchemaState, SchemaStates, SchemaStore, SchemaText,
    SchemaVersion, VERSIONS_BYTES_MAX,
};

const TAKE_TURN: &str = "SELECT FROM eyas.schema_changes WHERE id = 1 FOR UPDATE";
/// Which key. Its values come first in every statement that has it.
const OF_KEY: &str = "stream = $1 AND category = $2 AND name = $3";

#[async_trait]
impl SchemaStore for PostgresStore {
    async fn schemas(&self) -> Result<SchemaStates, StoreError> {
        read(&self.pool, async |tx| states(tx).await.map_err(failure)).await
    }

    async fn schema_versions(
        &self,
        key: &SchemaKey,
    ) -> Result<Option<Vec<SchemaVersion>>, StoreError> {
        read(&self.pool, async |tx| versions(tx, key).await.map_err(failure)).await
    }

    async fn change_schema(
        &self,
        change: SchemaChange,
    ) -> Result<Result<SchemaStates, SchemaRefusal>, StoreError> {
        let run = async |tx: &Transaction<'_>| -> Result<_, Error> {
            tx.query_typed(TAKE_TURN, &[]).await?;
            if let Err(refusal) = self::change(tx, &change, SchemaSource::Api).await? {
                return Ok(Err(refusal));
            }
            states(tx).await.map(Ok)
        };
        try_write(&self.pool, async |tx| run(tx).await.map_err(failure)).await
    }

    async fn configure_schemas(
        &self,
        configured: Vec<ConfiguredSchema>,
        at: Timestamp,
        by: &str,
    ) -> Result<Result<SchemaStates, SchemaRefusal>, StoreError> {
        let run = async |tx: &Transaction<'_>| configure(tx, configured, at, by).await;
        try_write(&self.pool, async |tx| run(tx).await.map_err(failure)).await
    }
}

async fn configure(
    tx: &Transaction<'_>,
    configured: Vec<ConfiguredSchema>,
    at: Timestamp,
    by: &str,
) -> Result<Result<SchemaStates, SchemaRefusal>, Error> {
    tx.query_typed(TAKE_TURN, &[]).await?;
    for state in states(tx).await?.states {
        let is_named = configured.iter().any(|schema| schema.key == state.key);
        if state.source == SchemaSource::Config && !is_named {
            let gone =
                SchemaChange { key: state.key, act: SchemaAct::TurnOff, at, by: by.to_owned() };
            let sql = format!("UPDATE eyas.schemas SET source = 'api' WHERE {OF_KEY}");
            tx.execute_typed(&sql, &of_key(&columns(&gone.key))).await?;
            if let Err(refusal) = change(tx, &gone, SchemaSource::Api).await? {
                return Ok(Err(refusal));
            }
        }
    }
    for ConfiguredSchema { key, mode, text } in configured {
        if is_in_force(tx, &key, mode, &text).await? {
            continue;
        }
        let act = SchemaAct::Put { mode, text: Some(text), activate: true };
        let wanted = SchemaChange { key, act, at, by: by.to_owned() };
        if let Err(refusal) = change(tx, &wanted, SchemaSource::Config).await? {
            return Ok(Err(refusal));
        }
    }
    states(tx).await.map(Ok)
}

/// Whether the configuration's own key is just so already.
async fn is_in_force(
    tx: &Transaction<'_>,
    key: &SchemaKey,
    mode: SchemaMode,
    text: &SchemaText,
) -> Result<bool, Error> {
    let sql = format!(
        "SELECT FROM eyas.schemas JOIN eyas.schema_versions USING (stream, category, name) \
         WHERE {OF_KEY} AND mode = $4 AND source = 'config' AND version = active AND digest = $5"
    );
    let (columns, digest) = (columns(key), text.digest.0.to_be_bytes());
    let (mode, digest) = (mode.as_str(), &digest[..]);
    let mut values = of_key(&columns);
    values.extend([(&mode as _, Type::TEXT), (&digest as _, Type::BYTEA)]);
    Ok(tx.query_typed_opt(&sql, &values).await?.is_some())
}

/// A key as it stands: mode, version in force, who decides.
type Known = (String, Option<u32>, String);

/// One change, inside the caller's transaction, which is to be dropped after a refusal.
async fn change(
    tx: &Transaction<'_>,
    change: &SchemaChange,
    source: SchemaSource,
) -> Result<Result<(), SchemaRefusal>, Error> {
    let SchemaChange { key, act, .. } = change;
    let known = known(tx, key).await?;
    let is_foreign = known.as_ref().is_some_and(|(_, _, owner)| owner == "config");
    if is_foreign && source == SchemaSource::Api {
        return Ok(Err(SchemaRefusal::FromConfig));
    }
    let (mode, active) = match (act, known) {
        (SchemaAct::Put { mode, text: Some(text), activate }, known) => {
            if known.is_none() && n_keys(tx).await? >= SCHEMAS_MAX {
                return Ok(Err(SchemaRefusal::TooMany));
            }
            let Some(version) = version_of(tx, change, text).await? else {
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
            if !has_version(tx, key, *version).await? {
                return Ok(Err(SchemaRefusal::NotFound));
            }
            (mode, Some(*version))
        }
    };
    write(tx, change, source, &mode, active).await.map(Ok)
}

async fn write(
    tx: &Transaction<'_>,
    change: &SchemaChange,
    source: SchemaSource,
    mode: &str,
    active: Option<u32>,
) -> Result<(), Error> {
    let SchemaChange { key, act, at, by } = change;
    let columns = columns(key);
    let (source, active_number, at_us) = (source.as_str(), active.map(i64::from), at.micros());
    let sql = "INSERT INTO eyas.schemas (stream, category, name, mode, active, source, changed_at_us, changed_by) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (stream, category, name) DO UPDATE SET \
        mode = excluded.mode, active = excluded.active, source = excluded.source, \
        changed_at_us = excluded.changed_at_us, changed_by = excluded.changed_by";
    let mut values = of_key(&columns);
    values.extend([
        (&mode as _, Type::TEXT),
        (&active_number as _, Type::INT8),
        (&source as _, Type::TEXT),
        (&at_us as _, Type::INT8),
        (by as _, Type::TEXT),
    ]);
    tx.execute_typed(sql, &values).await?;
    tx.execute_typed("UPDATE eyas.schema_changes SET number = number + 1", &[]).await?;
    let act = match act {
        SchemaAct::Put { .. } => "schema.put",
        SchemaAct::Activate { .. } => "schema.activate",
        SchemaAct::TurnOff => "schema.off",
    };
    // Labels may hold anything that JSON has to escape, so the detail holds none; the object does.
    let active = active.map_or("null".to_owned(), |version| version.to_string());
    let detail = format!("{{\"mode\":\"{mode}\",\"version\":{active},\"source\":\"{source}\"}}");
    let object = columns.join("/").trim_end_matches('/').to_owned();
    let entry = AuditEntry { at: *at, actor: by.clone(), act: act.to_owned(), object, detail };
    audit::add(tx, &entry).await
}

async fn known(tx: &Transaction<'_>, key: &SchemaKey) -> Result<Option<Known>, Error> {
    let sql = format!("SELECT mode, active, source FROM eyas.schemas WHERE {OF_KEY}");
    let found = tx.query_typed_opt(&sql, &of_key(&columns(key))).await?;
    found.map(|row| Ok((row.try_get(0)?, version(&row, 1)?, row.try_get(2)?))).transpose()
}

/// The version that has this text, a new one if none has; `None` where there are too many.
async fn version_of(
    tx: &Transaction<'_>,
    change: &SchemaChange,
    text: &SchemaText,
) -> Result<Option<u32>, Error> {
    let (columns, digest) = (columns(&change.key), text.digest.0.to_be_bytes());
    let (digest, created_us) = (&digest[..], change.at.micros());
    let sql = format!(
        "SELECT max(version), max(version) FILTER (WHERE digest = $4) FROM eyas.schema_versions WHERE {OF_KEY}"
    );
    let mut values = of_key(&columns);
    values.push((&digest as _, Type::BYTEA));
    let row = tx.query_typed_one(&sql, &values).await?;
    let (newest, same) = (version(&row, 0)?, version(&row, 1)?);
    if same.is_some() {
        return Ok(same);
    }
    let version = newest.unwrap_or(0) + 1;
    if version > SCHEMA_VERSIONS_MAX {
        return Ok(None);
    }
    let number = i64::from(version);
    let sql = "INSERT INTO eyas.schema_versions (stream, category, name, digest, version, text, created_at_us, \
        created_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    values.extend([
        (&number as _, Type::INT8),
        (&text.text as _, Type::TEXT),
        (&created_us as _, Type::INT8),
        (&change.by as _, Type::TEXT),
    ]);
    tx.execute_typed(sql, &values).await?;
    Ok(Some(version))
}

async fn has_version(tx: &Transaction<'_>, key: &SchemaKey, version: u32) -> Result<bool, Error> {
    let (columns, version) = (columns(key), i64::from(version));
    let sql = format!("SELECT FROM eyas.schema_versions WHERE {OF_KEY} AND version = $4");
    let mut values = of_key(&columns);
    values.push((&version as _, Type::INT8));
    Ok(tx.query_typed_opt(&sql, &values).await?.is_some())
}

async fn n_keys(tx: &Transaction<'_>) -> Result<usize, Error> {
    let row = tx.query_typed_one("SELECT count(*) FROM eyas.schemas", &[]).await?;
    row.try_get::<_, i64>(0).map(|n| n as usize)
}

async fn states(tx: &Transaction<'_>) -> Result<SchemaStates, Error> {
    let change = tx.query_typed_one("SELECT number FROM eyas.schema_changes", &[]).await?;
    let sql = "SELECT s.stream, s.category, s.name, mode, active, text, \
        (SELECT count(*) FROM eyas.schema_versions n \
         WHERE n.stream = s.stream AND n.category = s.category AND n.name = s.name), \
        source, changed_at_us, changed_by \
        FROM eyas.schemas s LEFT JOIN eyas.schema_versions v \
        ON v.stream = s.stream AND v.category = s.category AND v.name = s.name AND v.version = active \
        ORDER BY s.stream, s.category, s.name";
    let states = tx.query_typed(sql, &[]).await?;
    let states = states.iter().map(|row| {
        let text: Option<String> = row.try_get(5)?;
        let (mode, source): (&str, &str) = (row.try_get(3)?, row.try_get(7)?);
        Ok(SchemaState {
            key: SchemaKey {
                stream: row.try_get(0)?,
                category: label(row.try_get(1)?),
                name: label(row.try_get(2)?),
            },
            // Nobody else writes here. What is none of our words judges nothing.
            mode: SchemaMode::parse(mode).unwrap_or(SchemaMode::Off),
            active: version(row, 4)?.zip(text),
            n_versions: row.try_get::<_, i64>(6)? as u32,
            source: if source == "config" { SchemaSource::Config } else { SchemaSource::Api },
            changed_at: Timestamp::from_micros(row.try_get(8)?),
            changed_by: row.try_get(9)?,
        })
    });
    let states = states.collect::<Result<_, Error>>()?;
    Ok(SchemaStates { change: change.try_get::<_, i64>(0)? as u64, states })
}

async fn versions(
    tx: &Transaction<'_>,
    key: &SchemaKey,
) -> Result<Option<Vec<SchemaVersion>>, Error> {
    let Some((_, active, _)) = known(tx, key).await? else { return Ok(None) };
    // Cut in the database: a thousand versions of a large schema are not even sent.
    let sql = format!(
        "SELECT version, text, created_at_us, created_by FROM (\
         SELECT *, sum(octet_length(text)) OVER (ORDER BY version DESC) AS n_bytes, max(version) OVER () AS newest \
         FROM eyas.schema_versions WHERE {OF_KEY}) AS all_of_them \
         WHERE n_bytes <= $4 OR version = newest ORDER BY version DESC"
    );
    let columns = columns(key);
    let mut values = of_key(&columns);
    let bytes_max = VERSIONS_BYTES_MAX as i64;
    values.push((&bytes_max as _, Type::INT8));
    let rows = tx.query_typed(&sql, &values).await?;
    let versions = rows.iter().map(|row| {
        let version = version(row, 0)?.unwrap_or_default();
        Ok(SchemaVersion {
            version,
            text: row.try_get(1)?,
            created_at: Timestamp::from_micros(row.try_get(2)?),
            created_by: row.try_get(3)?,
            is_active: active == Some(version),
        })
    });
    versions.collect::<Result<_, Error>>().map(Some)
}

fn version(row: &Row, at: usize) -> Result<Option<u32>, Error> {
    row.try_get::<_, Option<i64>>(at).map(|version| version.map(|version| version as u32))
}

/// A key as its columns: no label is empty.
fn columns(key: &SchemaKey) -> [Cow<'_, str>; 3] {
    [
        without_nul(&key.stream),
        without_nul(key.category.as_deref().unwrap_or_default()),
        without_nul(key.name.as_deref().unwrap_or_default()),
    ]
}

fn of_key<'a>(columns: &'a [Cow<'_, str>; 3]) -> Vec<(&'a (dyn ToSql + Sync), Type)> {
    columns.iter().map(|column| (column as _, Type::TEXT)).collect()
}

fn label(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}
