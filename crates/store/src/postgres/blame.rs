//! What the database has against a batch: its words, and the rows that they are about.
//!
//! PostgreSQL ends a transaction at the first error. COPY says in its context which line it was; a foreign key says nothing
//! of the kind, so the rows are staged in a temporary table and every foreign key of the table is looked up for all of them.

use tokio_postgres::error::{DbError, SqlState};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error};

use crate::batches::{ApplyBatch, BATCH_ERRORS_FOUND_MAX, RowError, TableMode};
use crate::error::StoreError;
use crate::postgres::copy_text::{self, CopyError};
use crate::postgres::failure::{failure, refusal, words};
use crate::postgres::pool::{Pool, UNBOUNDED};
use crate::postgres::user_schema::{SETTINGS, qualified, quoted};

/// A foreign key to a partitioned table has a copy for each of its partitions, which is left out. So are those of version 18
/// that nobody enforces, and those with a PERIOD, where several rows together may be what is referred to; servers before it
/// do not know the columns.
const FOREIGN_KEYS: &str = "SELECT k.conname::text, k.confrelid::regclass::text, k.confrelid = k.conrelid, \
        ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS u (n, nth) \
            JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.n ORDER BY u.nth), \
        ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY AS u (n, nth) \
            JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.n ORDER BY u.nth) \
    FROM pg_catalog.pg_constraint k WHERE k.conrelid = $1::text::regclass AND k.contype = 'f' \
        AND coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true) \
        AND NOT coalesce((to_jsonb(k) ->> 'conperiod')::boolean, false) \
        AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_constraint o \
            WHERE o.oid = k.conparentid AND o.conrelid = k.conrelid) ORDER BY k.conkey";

/// The staged rows.
const STAGED: &str = "pg_temp.eyas_staged";
/// A value is shown up to so many characters.
const VALUE_CHARS_MAX: usize = 100;

/// The database's words against a batch, and what is wrong with its rows. An error that may pass, or that the database is
/// to blame for, is given back.
pub(crate) async fn find(
    pool: &Pool,
    apply: &ApplyBatch,
    error: Error,
) -> Result<(String, Vec<RowError>), StoreError> {
    let Some(db) = error.as_db_error().cloned() else {
        return Err(StoreError::Unavailable(words(&error)));
    };
    if is_ours(&db) {
        let table = &apply.batch.table;
        return Err(StoreError::Unusable(format!(
            "the table {table} does not take batches: {}",
            words(&error)
        )));
    }
    let detail = refusal(error)?;
    if *db.code() == SqlState::FOREIGN_KEY_VIOLATION {
        let errors = find_missing_keys(pool, apply).await?;
        if !errors.is_empty() {
            return Ok((detail, errors));
        }
    }
    let row = copied_row(&db, &apply.batch.table).unwrap_or(0);
    let line = line_of(apply, row).await?;
    // Where it is no row of the batch, what is named is somebody else's.
    let pointer = if row == 0 { String::new() } else { pointer(&named(&db, &apply.columns)) };
    let rule = rule(&db).to_owned();
    Ok((detail.clone(), vec![RowError { row, line, pointer, rule, detail }]))
}

/// The statement itself cannot be run, as without the table, its schema, a column or the right to them, or on a table with
/// row-level security, which COPY does not do: no batch is to blame. What a trigger does wrong comes with the place where it
/// does.
fn is_ours(db: &DbError) -> bool {
    let classes = ["42", "0A", "3F"];
    db.where_().is_none() && classes.iter().any(|class| db.code().code().starts_with(class))
}

/// The rows of the batch whose foreign keys lead nowhere; none where the fault lies elsewhere, or where rows cannot be
/// staged.
async fn find_missing_keys(pool: &Pool, apply: &ApplyBatch) -> Result<Vec<RowError>, StoreError> {
    let mut client = pool.get().await?;
    let tx = client.begin().await?;
    tx.batch_execute(SETTINGS).await.map_err(failure)?;
    tx.batch_execute(UNBOUNDED).await.map_err(failure)?;
    let keys = foreign_keys(tx.client(), apply).await.map_err(failure)?;
    if let Err(error) = stage(tx.client(), apply, &keys).await {
        drop(tx);
        client.discard();
        return match error {
            CopyError::Feed(error) => Err(error),
            // Not even a temporary table may be made, or a row does not fit into it: the words have to do.
            CopyError::Server(error) => refusal(error).map(|_| Vec::new()),
        };
    }
    let mut errors = Vec::new();
    for key in &keys {
        let rows = tx.query_typed(&key.lookup(apply), &[]).await.map_err(failure)?;
        for row in rows {
            let (number, line): (i64, i64) = (row.get(0), row.get(1));
            let values: Vec<String> = row.get(2);
            let detail = format!(
                "violates foreign key constraint \"{}\": key ({})=({}) is not present in table \"{}\"",
                key.name,
                key.columns.join(", "),
                values.join(", "),
                key.parent
            );
            errors.push(RowError {
                row: number as u64,
                line: line as u64,
                pointer: pointer(&key.columns),
                rule: "foreign_key".to_owned(),
                detail,
            });
        }
    }
    tx.rollback().await.map_err(failure)?;
    // Stable: of one row, in the order of the keys.
    errors.sort_by_key(|error| error.row);
    errors.truncate(BATCH_ERRORS_FOUND_MAX);
    Ok(errors)
}

/// A foreign key all of whose columns the batch has.
struct ForeignKey {
    name: String,
    parent: String,
    is_of_itself: bool,
    columns: Vec<String>,
    targets: Vec<String>,
}

impl ForeignKey {
    /// The first staged rows whose key is not there: neither in the parent nor, where that is the table itself, among the
    /// staged rows. Rows that the batch replaces do not count.
    fn lookup(&self, apply: &ApplyBatch) -> String {
        let all = |part: &dyn Fn(&String, &String) -> String, with: &str| -> String {
            let pairs = self.columns.iter().zip(&self.targets);
            pairs.map(|(column, target)| part(column, target)).collect::<Vec<_>>().join(with)
        };
        let is_there = |place: &str| {
            let equal = |column: &String, target: &String| {
                format!("p.{} = s.{}", quoted(target), quoted(column))
            };
            format!("NOT EXISTS (SELECT 1 FROM {place} p WHERE {})", all(&equal, " AND "))
        };
        let mut places = Vec::new();
        if !(self.is_of_itself && apply.batch.mode == TableMode::Replace) {
            places.push(is_there(&self.parent));
        }
        if self.is_of_itself && self.targets.iter().all(|name| apply.columns.contains(name)) {
            places.push(is_there(STAGED));
        }
        places.push(all(&|column, _| format!("s.{} IS NOT NULL", quoted(column)), " AND "));
        format!(
            "SELECT s.eyas_row, s.eyas_line, ARRAY[{}] FROM {STAGED} s WHERE {} ORDER BY s.eyas_row LIMIT {}",
            all(&|column, _| format!("left(s.{}::text, {VALUE_CHARS_MAX})", quoted(column)), ", "),
            places.join(" AND "),
            BATCH_ERRORS_FOUND_MAX
        )
    }
}

async fn foreign_keys(client: &Client, apply: &ApplyBatch) -> Result<Vec<ForeignKey>, Error> {
    let table = qualified(&apply.batch.table);
    let rows = client.query_typed(FOREIGN_KEYS, &[(&table, Type::TEXT)]).await?;
    let mut keys = Vec::new();
    for row in rows {
        let key = ForeignKey {
            name: row.try_get(0)?,
            parent: row.try_get(1)?,
            is_of_itself: row.try_get(2)?,
            columns: row.try_get(3)?,
            targets: row.try_get(4)?,
        };
        if key.columns.iter().all(|column| apply.columns.contains(column)) {
            keys.push(key);
        }
    }
    Ok(keys)
}

/// The columns that the keys are about, each row with its number and its line.
async fn stage(client: &Client, apply: &ApplyBatch, keys: &[ForeignKey]) -> Result<(), CopyError> {
    let is_wanted = |name: &String| {
        keys.iter().any(|key| {
            key.columns.contains(name) || (key.is_of_itself && key.targets.contains(name))
        })
    };
    let wanted: Vec<usize> =
        (0..apply.columns.len()).filter(|&at| is_wanted(&apply.columns[at])).collect();
    let names: Vec<String> =
        wanted.iter().map(|&at| format!(", {}", quoted(&apply.columns[at]))).collect();
    let names = names.concat();
    let create = format!(
        "CREATE TEMPORARY TABLE eyas_staged ON COMMIT DROP AS \
         SELECT 0::bigint AS eyas_row, 0::bigint AS eyas_line{names} FROM {} WITH NO DATA",
        qualified(&apply.batch.table)
    );
    client.batch_execute(&create).await?;
    let sql = format!("COPY {STAGED} (eyas_row, eyas_line{names}) FROM STDIN");
    copy_text::copy(client, &sql, apply, None, |out, place, values| {
        let place = [place.row, place.line].map(|number| number.to_string());
        let values = wanted.iter().map(|&at| values[at]);
        copy_text::push_line(out, place.iter().map(|text| Some(text.as_str())).chain(values));
    })
    .await?;
    client.batch_execute(&format!("ANALYZE {STAGED}")).await?;
    Ok(())
}

/// The row that COPY was at: `COPY prices, line 3, column day: "x"`, in whatever language the server speaks.
fn copied_row(db: &DbError, table: &str) -> Option<u64> {
    let start = format!("COPY {table}, ");
    let rest = db.where_()?.lines().find_map(|line| line.strip_prefix(&start))?;
    let from = rest.find(|c: char| c.is_ascii_digit())?;
    let digits = rest[from..].split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// The columns of the batch that an error names: by itself, in `Key (orig, dest)=(…)`, or in COPY's context.
fn named(db: &DbError, columns: &[String]) -> Vec<String> {
    let key = db.detail().and_then(|detail| detail.split_once(")=(")?.0.split_once('('));
    let context = db.where_().and_then(|context| {
        let (before, _) =
            context.lines().find(|line| line.starts_with("COPY "))?.split_once(": ")?;
        before.rsplit_once(' ')
    });
    let names = match (db.column(), key, context) {
        (None, Some((_, names)), _) => names.split(", ").collect(),
        (Some(column), ..) | (None, None, Some((_, column))) => vec![column],
        (None, None, None) => Vec::new(),
    };
    columns.iter().filter(|column| names.contains(&column.as_str())).cloned().collect()
}

/// Points at the one column that it is about; where there are several, at the row.
fn pointer(columns: &[String]) -> String {
    match columns {
        [name] => format!("/{}", name.replace('~', "~0").replace('/', "~1")),
        _ => String::new(),
    }
}

/// The stable word for what an error is about.
fn rule(db: &DbError) -> &'static str {
    match db.code().code() {
        "23503" => "foreign_key",
        "23505" => "unique",
        "23514" => "check",
        "23502" => "not_null",
        code if code.starts_with("22") => "type",
        _ => "database",
    }
}

/// The line of the body in which a row began; 0 for no row.
async fn line_of(apply: &ApplyBatch, row: u64) -> Result<u64, StoreError> {
    use futures_util::StreamExt as _;
    let mut blocks = apply.rows.blocks();
    while let Some(block) = blocks.next().await.transpose()?.filter(|_| row > 0) {
        if row >= block.first_row + u64::from(block.n_rows) {
            continue;
        }
        let (mut rows, mut values) = (block.rows(), Vec::new());
        while let Ok(Some(place)) = rows.next_into(&mut values) {
            if place.row == row {
                return Ok(place.line);
            }
        }
    }
    Ok(0)
}
