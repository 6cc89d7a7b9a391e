//! `[tables.X]` of the configuration: which tables take batches, the SQL that makes them, and what a row has to look like.
//!
//! ```toml
//! [tables.prices]
//! migrations = "migrations/"              # or a list; left out: the table is there already
//! mode = "append"                         # the default; or "replace"
//! schema = "schemas/price.json"           # left out: what the columns take is enough
//! ```
//!
//! ```text
//! migrations/0001_ports.sql               for every database
//!            0002_prices.sqlite.sql       only for SQLite
//!            0002_prices.postgres.sql     only for PostgreSQL
//! ```
//!
//! Everything is read and checked before anything is used. A folder that several tables name runs once; folders run in the
//! order of their names, and so do the files of each.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Component, Path};

use pipeline::{Compiled, SCHEMA_BYTES_MAX};
use store::{Dialect, SchemaText, TableMode, UserMigration};

use crate::spelling::nearest;

/// How the name of a migration ends.
const SQL: &str = ".sql";
const KEYS: [&str; 3] = ["migrations", "mode", "schema"];
/// Names of our own tables in the same database begin so.
const OURS: &str = "eyas_";
/// What PostgreSQL takes for a name.
const NAME_BYTES_MAX: usize = 63;
/// Tables of one configuration, folders of one table, files of one folder: more is a mistake.
const ITEMS_MAX: usize = 1_000;
/// One file of SQL. Data comes in batches.
const SQL_BYTES_MAX: u64 = 16 << 20;

/// All of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TablesConfig {
    /// In the order of their names.
    pub(crate) tables: Vec<ConfiguredTable>,
    /// By folder, as the configuration names it.
    folders: BTreeMap<String, Vec<SqlFile>>,
}

/// One table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ConfiguredTable {
    /// Its name.
    pub(crate) name: String,
    /// What a batch does to the rows that are there.
    pub(crate) mode: TableMode,
    /// The JSON Schema of a row, compiled once to see that it is one.
    pub(crate) schema: Option<SchemaText>,
    /// As they stand in the file, for `config show`.
    shown: Vec<(&'static str, String)>,
}

#[derive(Clone, Debug, PartialEq)]
struct SqlFile {
    /// Without dialect and ending.
    name: String,
    /// `None`: for every database.
    dialect: Option<Dialect>,
    sql: String,
}

impl TablesConfig {
    /// What has to have run, in order, on a database that speaks `dialect`.
    pub(crate) fn migrations(&self, dialect: Dialect) -> Vec<UserMigration> {
        let mut all = Vec::new();
        for (folder, files) in &self.folders {
            let fits = |file: &&SqlFile| file.dialect.is_none_or(|other| other == dialect);
            all.extend(files.iter().filter(fits).map(|file| UserMigration {
                folder: folder.clone(),
                name: file.name.clone(),
                sql: file.sql.clone(),
            }));
        }
        all
    }

    /// Key and value of each setting.
    pub(crate) fn shown(&self) -> impl Iterator<Item = (String, &str)> {
        self.tables.iter().flat_map(|table| {
            let key = |name: &str| format!("tables.{}.{name}", table.name);
            table.shown.iter().map(move |(name, value)| (key(name), value.as_str()))
        })
    }
}

/// Reads the value of `tables` in the configuration file `path`; what is wrong goes to `problems`.
pub(crate) fn read(value: &toml::Value, path: &Path, problems: &mut Vec<String>) -> TablesConfig {
    let mut res = TablesConfig::default();
    let file = path.display();
    let tables = value.as_table().filter(|all| all.values().all(toml::Value::is_table));
    let Some(tables) = tables else {
        problems.push(format!("{file}: a table is written as [tables.NAME]"));
        return res;
    };
    if tables.len() > ITEMS_MAX {
        problems.push(format!("{file}: more than {ITEMS_MAX} [tables.NAME]"));
        return res;
    }
    for (name, table) in tables {
        let Some(table) = table.as_table() else { continue };
        let base = path.parent().unwrap_or(Path::new("."));
        match read_one(name, table, base, &mut res.folders) {
            Ok(table) => res.tables.push(table),
            Err(problem) => problems.push(format!("{file}: [tables.{name}]: {problem}")),
        }
    }
    res
}

fn read_one(
    name: &str,
    table: &toml::Table,
    base: &Path,
    folders: &mut BTreeMap<String, Vec<SqlFile>>,
) -> Result<ConfiguredTable, String> {
    check_name(name)?;
    if let Some(unknown) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
        let nearest = nearest(unknown, KEYS.into_iter());
        return Err(format!("unknown key `{unknown}`; did you mean `{nearest}`?"));
    }
    let text = |key: &str| match table.get(key) {
        None => Ok(None),
        Some(toml::Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(format!("`{key}` must be a text")),
    };
    let mode = text("mode")?.unwrap_or_else(|| TableMode::default().as_str().to_owned());
    let mode = TableMode::parse(&mode)
        .ok_or_else(|| format!("mode = {mode:?} is none; there are append and replace"))?;
    let named = folder_names(table.get("migrations"))?;
    for name in &named {
        if let Entry::Vacant(new) = folders.entry(folder_name(name)) {
            new.insert(read_folder(&base.join(name))?);
        }
    }
    let file = text("schema")?;
    let schema = file.as_ref().map(|file| read_schema(&base.join(file))).transpose()?;
    let mut shown = vec![("mode", mode.as_str().to_owned())];
    shown.extend((!named.is_empty()).then(|| ("migrations", named.join(", "))));
    shown.extend(file.map(|file| ("schema", file)));
    Ok(ConfiguredTable { name: name.to_owned(), mode, schema, shown })
}

fn check_name(name: &str) -> Result<(), String> {
    let fits = |(at, byte): (usize, u8)| {
        matches!(byte, b'a'..=b'z' | b'_') || (at > 0 && byte.is_ascii_digit())
    };
    let is_name = !name.is_empty() && name.bytes().enumerate().all(fits);
    if !is_name || name.len() > NAME_BYTES_MAX {
        return Err(format!(
            "a name has small letters, digits and _, no digit first, at most {NAME_BYTES_MAX}"
        ));
    }
    if name.starts_with(OURS) {
        return Err(format!("names that begin with {OURS} belong to this program"));
    }
    Ok(())
}

fn folder_names(value: Option<&toml::Value>) -> Result<Vec<String>, String> {
    let wrong = || "`migrations` must be a folder, or a list of folders".to_owned();
    let names: Option<Vec<String>> = match value {
        None => Some(Vec::new()),
        Some(toml::Value::String(text)) => Some(vec![text.clone()]),
        Some(toml::Value::Array(values)) if values.len() <= ITEMS_MAX => {
            values.iter().map(|value| value.as_str().map(str::to_owned)).collect()
        }
        Some(_) => None,
    };
    names.ok_or_else(wrong)
}

/// `./migrations/` and `migrations` are one folder.
fn folder_name(text: &str) -> String {
    let parts = Path::new(text).components().filter(|part| *part != Component::CurDir);
    parts.collect::<std::path::PathBuf>().display().to_string()
}

/// The files of SQL in a folder, in the order of their names.
fn read_folder(folder: &Path) -> Result<Vec<SqlFile>, String> {
    let place = folder.display();
    let failed = |error: std::io::Error| format!("{place}: {error}");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let name = name.to_string_lossy().into_owned();
        if name.strip_suffix(SQL).is_some() {
            names.push(name);
        }
    }
    names.sort_unstable();
    if names.is_empty() || names.len() > ITEMS_MAX {
        return Err(format!("{place}: has {} files NNNN_name.sql", names.len()));
    }
    let mut files: Vec<SqlFile> = Vec::new();
    for name in &names {
        let file = read_file(folder, name)?;
        let number = |name: &str| name.get(..4).map(str::to_owned);
        for other in files.iter().filter(|other| number(&other.name) == number(&file.name)) {
            let are_twins = other.name == file.name
                && matches!((other.dialect, file.dialect), (Some(one), Some(two)) if one != two);
            if !are_twins {
                return Err(format!(
                    "{place}: two files have the number of {name}; only name.sqlite.sql and name.postgres.sql share one"
                ));
            }
        }
        files.push(file);
    }
    Ok(files)
}

fn read_file(folder: &Path, name: &str) -> Result<SqlFile, String> {
    let path = folder.join(name);
    let stem = name.strip_suffix(SQL).unwrap_or(name);
    let of = |dialect: Dialect| {
        let stem = stem.strip_suffix(dialect.as_str())?.strip_suffix('.')?;
        Some((stem, Some(dialect)))
    };
    let (stem, dialect) = Dialect::ALL.into_iter().find_map(of).unwrap_or((stem, None));
    let (number, title) = stem.split_once('_').unwrap_or((stem, ""));
    let is_number = number.len() == 4 && number.bytes().all(|byte| byte.is_ascii_digit());
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if !is_number || title.is_empty() || !title.bytes().all(is_plain) {
        return Err(format!(
            "{}: is not called NNNN_name.sql, NNNN_name.sqlite.sql or NNNN_name.postgres.sql",
            path.display()
        ));
    }
    let sql = read_text(&path, SQL_BYTES_MAX)?;
    Ok(SqlFile { name: stem.to_owned(), dialect, sql })
}

fn read_schema(path: &Path) -> Result<SchemaText, String> {
    let text = read_text(path, SCHEMA_BYTES_MAX as u64)?;
    let accepted =
        Compiled::compile(text.trim()).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(accepted.text)
}

/// A file that the configuration names, without the byte order mark that some editors begin it with: no database takes one, and no
/// JSON.
///
/// # Errors
/// A sentence that names the file.
pub(crate) fn read_text(path: &Path, bytes_max: u64) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let size_bytes = path.metadata().map_err(failed)?.len();
    if size_bytes > bytes_max {
        return Err(format!("{}: has {size_bytes} bytes, more than {bytes_max}", path.display()));
    }
    let text = std::fs::read_to_string(path).map_err(failed)?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}
