//! The SQL that a database speaks: files that people write for it say so in their names.

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `sqlite:` in `store.url`.
    Sqlite,
    /// `postgres:` in `store.url`.
    Postgres,
}

impl Dialect {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::Sqlite, Self::Postgres];

    /// Its name in file names and keys.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}
