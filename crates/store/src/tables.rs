//! The contract of the user's own tables: their migrations, and what their columns take.

use async_trait::async_trait;

use crate::error::StoreError;

/// What a column takes, as far as a value can be judged before the database sees it. Whatever is beyond this (keys,
/// checks, triggers) the database judges itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// Whole numbers of so many bits: 16, 32 or 64.
    Int {
        /// Width, sign included.
        bits: u8,
    },
    /// Binary floating point of so many bits: 32 or 64.
    Float {
        /// Width.
        bits: u8,
    },
    /// Decimal numbers that keep their digits.
    Decimal {
        /// Most digits and how many of them behind the point, where the column says so.
        limits: Option<(u16, i16)>,
    },
    /// `true` or `false`.
    Bool,
    /// Text.
    Text {
        /// Most characters, where the column says so.
        chars_max: Option<u32>,
    },
    /// A day: `YYYY-MM-DD`.
    Date,
    /// A time of day.
    Time,
    /// An instant, or a date and time of day.
    Timestamp {
        /// Whether an offset belongs to it.
        has_zone: bool,
    },
    /// A UUID.
    Uuid,
    /// Any JSON value, as its text.
    Json,
    /// Bytes, as `\x` and hexadecimal digits.
    Bytes,
    /// Elements of some type that the database knows, as the text of a PostgreSQL array: `{1,NULL,"a,b"}`.
    Array,
    /// Something that only the database understands; any text is handed to it.
    Other,
}

/// A column as the database describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it takes.
    pub kind: ColumnKind,
    /// Its type in the database's own words.
    pub declared: String,
    /// Whether it takes null.
    pub is_nullable: bool,
    /// Whether the database fills it in where a row has no such field.
    pub has_default: bool,
    /// Whether nobody may write it.
    pub is_generated: bool,
}

/// A table as the database describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its columns, in the database's order.
    pub columns: Vec<Column>,
    /// The tables that its foreign keys refer to, itself among them where it does.
    pub references: Vec<String>,
}

/// One file of a user's migrations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserMigration {
    /// The folder as the configuration names it: each folder is a sequence of its own.
    pub folder: String,
    /// The file's name without dialect and ending; files of a folder run in the order of their names.
    pub name: String,
    /// Its statements.
    pub sql: String,
}

/// The user's tables.
#[async_trait]
pub trait TableStore: Send + Sync {
    /// Runs the migrations that have not run yet, in the order given, each file in a transaction of its own together
    /// with the note that it ran. The names of those that ran now.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] names the file where one fails, where one that ran was changed since, or where one
    /// that ran is missing now.
    async fn migrate_tables(
        &self,
        migrations: Vec<UserMigration>,
    ) -> Result<Vec<String>, StoreError>;

    /// What the database says of these tables, in the order asked for.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] names a table that is not there.
    async fn describe_tables(&self, names: Vec<String>) -> Result<Vec<Table>, StoreError>;
}
