//! The user's own SQL: each file once, in order, together with the note that it ran.
//!
//! Invariant: a file and its note commit in one transaction. A file cannot end that transaction, nor touch what is ours:
//! SQLite asks an authorizer about every statement of it.

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::{Connection, params};

use crate::error::StoreError;
use crate::sqlite::failure::{failure, refusal};
use crate::tables::UserMigration;
use crate::user_migrations::{Ran, checksum, missing, title};

/// Names of our own tables begin so.
const OURS: &str = "eyas_";
/// The settings that a file may write: both are over with the transaction, or mean nothing in it.
const SETTINGS: [&str; 2] = ["defer_foreign_keys", "foreign_keys"];

/// Runs what has not run yet; answers with the names, each with its folder.
pub(crate) fn run(
    conn: &mut Connection,
    migrations: &[UserMigration],
) -> Result<Vec<String>, StoreError> {
    let past = past(conn).map_err(failure)?;
    let missing = missing(&past, migrations)?;
    let mut ran = Vec::new();
    for migration in missing {
        // Order matters: the setting has no effect inside a transaction. Rebuilding a table, which is how SQLite changes
        // most of one, needs it; what a file leaves behind is checked before it commits.
        conn.pragma_update(None, "foreign_keys", false).map_err(failure)?;
        let res = run_one(conn, migration);
        conn.pragma_update(None, "foreign_keys", true).map_err(failure)?;
        res?;
        ran.push(title(&migration.folder, &migration.name));
    }
    Ok(ran)
}

fn past(conn: &Connection) -> rusqlite::Result<Vec<Ran>> {
    let mut select =
        conn.prepare("SELECT folder, name, checksum FROM eyas_user_migrations ORDER BY nth")?;
    let all = select.query_map([], |row| {
        Ok(Ran { folder: row.get(0)?, name: row.get(1)?, checksum: row.get(2)? })
    })?;
    all.collect()
}

fn run_one(conn: &mut Connection, migration: &UserMigration) -> Result<(), StoreError> {
    conn.execute_batch("BEGIN IMMEDIATE").map_err(failure)?;
    let res = run_inside(conn, migration);
    if !conn.is_autocommit() {
        conn.execute_batch("ROLLBACK").map_err(failure)?;
    }
    res
}

fn run_inside(conn: &mut Connection, migration: &UserMigration) -> Result<(), StoreError> {
    let title = title(&migration.folder, &migration.name);
    let unfit = |words: &str| StoreError::Unusable(format!("the migration {title} fails: {words}"));
    let refused = |error| refusal(error).map_or_else(|error| error, |words| unfit(&words));
    conn.authorizer(Some(authorize)).map_err(failure)?;
    let res = conn.execute_batch(&migration.sql);
    conn.authorizer(None::<fn(AuthContext<'_>) -> Authorization>).map_err(failure)?;
    res.map_err(refused)?;
    if let Some(words) = broken_reference(conn).map_err(refused)? {
        return Err(unfit(&words));
    }
    conn.execute(
        "INSERT INTO eyas_user_migrations (folder, name, checksum) VALUES (?, ?, ?)",
        params![migration.folder, migration.name, checksum(&migration.sql)],
    )
    .map_err(failure)?;
    conn.execute_batch("COMMIT").map_err(refused)
}

/// The first row of the whole file whose foreign key leads nowhere.
fn broken_reference(conn: &Connection) -> rusqlite::Result<Option<String>> {
    let mut check =
        conn.prepare("SELECT \"table\", rowid, parent FROM pragma_foreign_key_check")?;
    let mut rows = check.query([])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let (table, rowid, parent): (String, Option<i64>, String) =
        (row.get(0)?, row.get(1)?, row.get(2)?);
    let row = rowid.map_or("a row".to_owned(), |rowid| format!("the row with rowid {rowid}"));
    Ok(Some(format!(
        "FOREIGN KEY constraint failed: {row} of {table} refers to a row of {parent} that is not there"
    )))
}

fn authorize(context: AuthContext<'_>) -> Authorization {
    let is_denied = match context.action {
        AuthAction::Transaction { .. } | AuthAction::Attach { .. } | AuthAction::Detach { .. } => {
            true
        }
        AuthAction::Pragma { pragma_name, pragma_value: Some(_) } => {
            !SETTINGS.iter().any(|name| pragma_name.eq_ignore_ascii_case(name))
        }
        AuthAction::Insert { table_name }
        | AuthAction::Delete { table_name }
        | AuthAction::Update { table_name, .. }
        | AuthAction::CreateTable { table_name }
        | AuthAction::CreateTrigger { table_name, .. }
        | AuthAction::CreateIndex { table_name, .. }
        | AuthAction::DropTable { table_name }
        | AuthAction::DropIndex { table_name, .. }
        | AuthAction::AlterTable { table_name, .. } => is_ours(table_name),
        AuthAction::CreateView { view_name } => is_ours(view_name),
        _ => false,
    };
    if is_denied { Authorization::Deny } else { Authorization::Allow }
}

/// Whether a table of this name belongs to this program.
pub(crate) fn is_ours(name: &str) -> bool {
    name.get(..OURS.len()).is_some_and(|start| start.eq_ignore_ascii_case(OURS))
}
