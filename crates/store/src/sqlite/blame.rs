//! What the database has against a batch: its words, and the rows that they are about.

use model::rows::RowPlace;
use rusqlite::{Connection, ffi, params_from_iter};

use crate::batches::{ApplyBatch, BATCH_ERRORS_FOUND_MAX, RowError};
use crate::error::StoreError;
use crate::sqlite::declared;
use crate::sqlite::failure::{failure, refusal};
use crate::sqlite::feed::{Feed, damaged};
use crate::sqlite::tables::quoted;
use crate::tables::ColumnKind;

/// A value is shown up to so many characters.
const VALUE_CHARS_MAX: usize = 100;

/// Foreign keys of a table as they stand in it (SQLite numbers them from the last), a line for each of their columns; `to` is null where it is the other's primary key.
const FOREIGN_KEYS: &str =
    "SELECT id, \"table\", \"from\", \"to\" FROM pragma_foreign_key_list(?) ORDER BY id DESC, seq";

/// Tables whose foreign keys can be broken by rows of a table: itself, and those that refer to it.
const CONCERNED: &str = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' \
    AND (name = ?1 COLLATE NOCASE OR EXISTS (SELECT 1 FROM pragma_foreign_key_list(name) \
        WHERE \"table\" = ?1 COLLATE NOCASE)) ORDER BY name = ?1 COLLATE NOCASE DESC";

/// What was found so far.
#[derive(Debug, Default)]
pub(crate) struct Blame {
    /// The database's words at the first error.
    words: Option<String>,
    errors: Vec<RowError>,
}

impl Blame {
    /// Something was found.
    pub(crate) fn is_any(&self) -> bool {
        self.words.is_some()
    }

    /// No more is looked for.
    pub(crate) fn is_full(&self) -> bool {
        self.errors.len() >= BATCH_ERRORS_FOUND_MAX
    }

    /// The first words, and all that was found, in the order of the rows.
    pub(crate) fn into_parts(self) -> (String, Vec<RowError>) {
        (self.words.unwrap_or_default(), self.errors)
    }

    /// An error that no single row is to blame for. An error that may pass, or that the database is to blame for, is
    /// given back.
    pub(crate) fn add_whole(&mut self, error: rusqlite::Error) -> Result<(), StoreError> {
        let rule = rule(&error);
        let words = refusal(error)?;
        self.add(RowPlace { row: 0, line: 0 }, String::new(), rule, words.clone(), &words);
        Ok(())
    }

    /// An error that came with this row.
    pub(crate) fn add_row(
        &mut self,
        place: RowPlace,
        columns: &[String],
        values: &[Option<&str>],
        error: rusqlite::Error,
    ) -> Result<(), StoreError> {
        let rule = rule(&error);
        let words = refusal(error)?;
        // "UNIQUE constraint failed: prices.orig_code, prices.day", "cannot store TEXT value in INTEGER column prices.price"
        let names = words.rsplit_once(": ").or_else(|| words.rsplit_once(' '));
        let is_named = |name: &String| {
            names.is_some_and(|(_, names)| {
                names.split(", ").any(|full| full.split_once('.').is_some_and(|(_, n)| n == name))
            })
        };
        let named: Vec<(&str, Option<&str>)> = (columns.iter().zip(values))
            .filter(|(name, _)| rule != "check" && is_named(name))
            .map(|(name, value)| (name.as_str(), *value))
            .collect();
        let pointer = pointer(&named);
        let detail = match &named[..] {
            named if rule == "unique" && !named.is_empty() => {
                format!("{words} ({})", shown(named))
            }
            _ => words.clone(),
        };
        self.add(place, pointer, rule, detail, &words);
        Ok(())
    }

    fn add(&mut self, place: RowPlace, pointer: String, rule: &str, detail: String, words: &str) {
        self.words.get_or_insert_with(|| words.to_owned());
        let RowPlace { row, line } = place;
        self.errors.push(RowError { row, line, pointer, rule: rule.to_owned(), detail });
    }
}

/// The rows of the batch whose foreign keys lead nowhere. Inside the transaction that has them all; reads the feed again.
pub(crate) fn find_missing_keys(
    conn: &Connection,
    apply: &ApplyBatch,
    kinds: &[ColumnKind],
    feed: &mut Feed<'_>,
    words: &str,
    blame: &mut Blame,
) -> Result<(), StoreError> {
    let table = &apply.batch.table;
    let keys = foreign_keys(conn, table, &apply.columns).map_err(failure)?;
    let mut lookups = Vec::new();
    for key in &keys {
        lookups.push(conn.prepare(&key.lookup()).map_err(failure)?);
    }
    while let Some(block) = feed.next()? {
        let (mut rows, mut values) = (block.rows(), Vec::new());
        while let Some(place) = rows.next_into(&mut values).map_err(|_| damaged(apply))? {
            for (key, lookup) in keys.iter().zip(&mut lookups) {
                let parts = || key.columns.iter().map(|&(at, _)| (kinds[at], values[at]));
                // A key with a null in it refers to nothing.
                if parts().any(|(_, value)| value.is_none()) {
                    continue;
                }
                let bound = parts().map(|(kind, value)| declared::value(kind, value));
                if !lookup.exists(params_from_iter(bound)).map_err(failure)? {
                    let named: Vec<_> = (key.columns.iter())
                        .map(|&(at, _)| (apply.columns[at].as_str(), values[at]))
                        .collect();
                    let detail = format!("{words}: {} is not in {}", shown(&named), key.target());
                    blame.add(place, pointer(&named), "foreign_key", detail, words);
                }
                if blame.is_full() {
                    return Ok(());
                }
            }
        }
    }
    if !blame.is_any() {
        find_broken_rows(conn, table, words, blame).map_err(failure)?;
    }
    Ok(())
}

/// Where no row of the batch is at fault itself: rows that refer to one that the batch has removed.
fn find_broken_rows(
    conn: &Connection,
    table: &str,
    words: &str,
    blame: &mut Blame,
) -> rusqlite::Result<()> {
    let concerned: Vec<String> =
        conn.prepare(CONCERNED)?.query_map([table], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut check = conn.prepare("SELECT rowid, parent FROM pragma_foreign_key_check(?)")?;
    for child in concerned {
        let mut rows = check.query([&child])?;
        while let Some(row) = rows.next()? {
            let (rowid, parent): (Option<i64>, String) = (row.get(0)?, row.get(1)?);
            let which =
                rowid.map_or("a row".to_owned(), |rowid| format!("the row with rowid {rowid}"));
            let detail = format!(
                "{words}: {which} of {child} refers to a row of {parent} that is not there"
            );
            blame.add(RowPlace { row: 0, line: 0 }, String::new(), "foreign_key", detail, words);
            if blame.is_full() {
                return Ok(());
            }
        }
    }
    // Whatever it was, the database said no.
    blame.words.get_or_insert_with(|| words.to_owned());
    Ok(())
}

/// A foreign key all of whose columns the batch has.
struct ForeignKey {
    parent: String,
    /// For each: which column of the batch, and the column of the parent.
    columns: Vec<(usize, String)>,
}

impl ForeignKey {
    fn lookup(&self) -> String {
        let places: Vec<String> =
            self.columns.iter().map(|(_, to)| format!("{} = ?", quoted(to))).collect();
        format!("SELECT 1 FROM {} WHERE {}", quoted(&self.parent), places.join(" AND "))
    }

    fn target(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|(_, to)| to.as_str()).collect();
        format!("{} ({})", self.parent, names.join(", "))
    }
}

fn foreign_keys(
    conn: &Connection,
    table: &str,
    columns: &[String],
) -> rusqlite::Result<Vec<ForeignKey>> {
    let mut select = conn.prepare(FOREIGN_KEYS)?;
    let lines = select.query_map([table], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?, row.get::<_, Option<String>>(3)?))
    })?;
    let lines: Vec<(i64, String, _, _)> = lines.collect::<Result<_, _>>()?;
    let mut keys = Vec::new();
    for lines in lines.chunk_by(|one, next| one.0 == next.0) {
        let parent = lines[0].1.clone();
        let mut primary = conn
            .prepare("SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk")?
            .query_map([&parent], |row| row.get(0))?
            .collect::<Result<Vec<String>, _>>()?
            .into_iter();
        let columns = lines.iter().map(|(_, _, from, to)| {
            let at = columns.iter().position(|column| column.eq_ignore_ascii_case(from))?;
            Some((at, to.clone().or_else(|| primary.next())?))
        });
        if let Some(columns) = columns.collect() {
            keys.push(ForeignKey { parent, columns });
        }
    }
    Ok(keys)
}

/// The stable word for what the database's error is about.
fn rule(error: &rusqlite::Error) -> &'static str {
    match error.sqlite_extended_error_code() {
        Some(ffi::SQLITE_CONSTRAINT_FOREIGNKEY) => "foreign_key",
        Some(
            ffi::SQLITE_CONSTRAINT_UNIQUE
            | ffi::SQLITE_CONSTRAINT_PRIMARYKEY
            | ffi::SQLITE_CONSTRAINT_ROWID,
        ) => "unique",
        Some(ffi::SQLITE_CONSTRAINT_CHECK) => "check",
        Some(ffi::SQLITE_CONSTRAINT_NOTNULL) => "not_null",
        Some(ffi::SQLITE_CONSTRAINT_DATATYPE) => "type",
        _ => "database",
    }
}

/// Points at the one column that it is about; where there are several, at the row.
fn pointer(named: &[(&str, Option<&str>)]) -> String {
    match named {
        [(name, _)] => format!("/{}", name.replace('~', "~0").replace('/', "~1")),
        _ => String::new(),
    }
}

fn shown(named: &[(&str, Option<&str>)]) -> String {
    let parts: Vec<String> = named
        .iter()
        .map(|(name, value)| {
            let value = value.map_or("null".to_owned(), |text| {
                format!("{:?}", text.chars().take(VALUE_CHARS_MAX).collect::<String>())
            });
            format!("{name} = {value}")
        })
        .collect();
    parts.join(", ")
}
