//! `TableStore`: what the user's tables are made of, as PostgreSQL tells it.

use async_trait::async_trait;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row, Transaction};

use crate::error::StoreError;
use crate::postgres::call::read;
use crate::postgres::failure::failure;
use crate::postgres::store::PostgresStore;
use crate::postgres::user_migrations;
use crate::tables::{Column, ColumnKind, Table, TableStore, UserMigration};

/// Ordinary and partitioned tables.
const FIND: &str = "SELECT c.oid, c.relkind IN ('r', 'p') AS is_table FROM pg_catalog.pg_class c \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE n.nspname = 'public' AND c.relname = $1";

/// A domain takes what the type behind it takes, and its limits stand in the domain (`typtypmod`). Of arrays one has another
/// comma (`box[]`), and some types that look like arrays another text (`oidvector`). Rows go in by COPY, which takes values of
/// an identity column even where that is `GENERATED ALWAYS`: only INSERT asks for `OVERRIDING`.
const COLUMNS: &str = "WITH RECURSIVE base (attnum, oid, modifier, is_nullable, has_default) AS ( \
        SELECT a.attnum, a.atttypid, a.atttypmod, NOT a.attnotnull, false \
        FROM pg_catalog.pg_attribute a WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped \
      UNION ALL \
        SELECT b.attnum, t.typbasetype, t.typtypmod, b.is_nullable AND NOT t.typnotnull, \
            b.has_default OR t.typdefault IS NOT NULL \
        FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.oid WHERE t.typtype = 'd' \
    ) \
    SELECT a.attname::text AS name, pg_catalog.format_type(a.atttypid, a.atttypmod) AS declared, \
        b.oid AS kind, b.modifier, b.is_nullable, \
        t.typinput = 'pg_catalog.array_in'::pg_catalog.regproc AND t.typdelim = ',' AS is_array, \
        a.atthasdef OR a.attidentity <> '' OR b.has_default AS has_default, \
        a.attgenerated <> '' AS is_generated \
    FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.oid AND t.typtype <> 'd' \
    JOIN pg_catalog.pg_attribute a ON a.attrelid = $1 AND a.attnum = b.attnum ORDER BY a.attnum";

const REFERENCES: &str = "SELECT DISTINCT p.relname::text FROM pg_catalog.pg_constraint k \
    JOIN pg_catalog.pg_class p ON p.oid = k.confrelid \
    WHERE k.conrelid = $1 AND k.contype = 'f' ORDER BY 1";

#[async_trait]
impl TableStore for PostgresStore {
    async fn migrate_tables(
        &self,
        migrations: Vec<UserMigration>,
    ) -> Result<Vec<String>, StoreError> {
        user_migrations::run(&self.pool, &migrations).await
    }

    async fn describe_tables(&self, names: Vec<String>) -> Result<Vec<Table>, StoreError> {
        let describe = async |tx: &Transaction<'_>| {
            let mut tables = Vec::new();
            for name in names {
                tables.push(describe(tx.client(), name).await?);
            }
            Ok(tables)
        };
        read(&self.pool, describe).await
    }
}

async fn describe(client: &Client, name: String) -> Result<Table, StoreError> {
    let found = client.query_typed(FIND, &[(&name, Type::TEXT)]).await.map_err(failure)?;
    let Some(found) = found.first() else {
        return Err(StoreError::Unusable(format!(
            "there is no table {name} in the schema public of the database; do its migrations create it?"
        )));
    };
    if !found.get::<_, bool>("is_table") {
        return Err(StoreError::Unusable(format!("{name} is not a table")));
    }
    let oid: u32 = found.get("oid");
    let columns = client.query_typed(COLUMNS, &[(&oid, Type::OID)]).await.map_err(failure)?;
    let references = client.query_typed(REFERENCES, &[(&oid, Type::OID)]).await.map_err(failure)?;
    Ok(Table {
        name,
        columns: columns.iter().map(column).collect(),
        references: references.iter().map(|row| row.get(0)).collect(),
    })
}

fn column(row: &Row) -> Column {
    Column {
        name: row.get("name"),
        kind: if row.get("is_array") {
            ColumnKind::Array
        } else {
            kind(row.get("kind"), row.get("modifier"))
        },
        declared: row.get("declared"),
        is_nullable: row.get("is_nullable"),
        has_default: row.get("has_default"),
        is_generated: row.get("is_generated"),
    }
}

/// `modifier` is what a declaration has in brackets, as PostgreSQL packs it; -1 for none.
pub(crate) fn kind(oid: u32, modifier: i32) -> ColumnKind {
    // The length of a header that is counted in.
    let packed = modifier.checked_sub(4).filter(|_| modifier >= 4);
    match Type::from_oid(oid) {
        Some(Type::INT2) => ColumnKind::Int { bits: 16 },
        Some(Type::INT4) => ColumnKind::Int { bits: 32 },
        Some(Type::INT8) => ColumnKind::Int { bits: 64 },
        Some(Type::FLOAT4) => ColumnKind::Float { bits: 32 },
        Some(Type::FLOAT8) => ColumnKind::Float { bits: 64 },
        Some(Type::NUMERIC) => {
            // The scale has eleven bits, the highest of them its sign.
            let scale = |packed: i32| (((packed & 0x7ff) ^ 0x400) - 0x400) as i16;
            let limits = packed.map(|packed| ((packed >> 16 & 0xffff) as u16, scale(packed)));
            ColumnKind::Decimal { limits }
        }
        Some(Type::BOOL) => ColumnKind::Bool,
        Some(Type::TEXT | Type::NAME) => ColumnKind::Text { chars_max: None },
        Some(Type::VARCHAR | Type::BPCHAR) => {
            ColumnKind::Text { chars_max: packed.map(|chars| chars as u32) }
        }
        Some(Type::DATE) => ColumnKind::Date,
        Some(Type::TIME) => ColumnKind::Time { has_zone: false },
        Some(Type::TIMETZ) => ColumnKind::Time { has_zone: true },
        Some(Type::TIMESTAMP) => ColumnKind::Timestamp { has_zone: false },
        Some(Type::TIMESTAMPTZ) => ColumnKind::Timestamp { has_zone: true },
        Some(Type::UUID) => ColumnKind::Uuid,
        Some(Type::JSON | Type::JSONB) => ColumnKind::Json,
        Some(Type::BYTEA) => ColumnKind::Bytes,
        _ => ColumnKind::Other,
    }
}
