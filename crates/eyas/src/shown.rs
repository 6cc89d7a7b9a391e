//! What people are told about a configuration: all that is wrong with it, and each key with its origin.

use std::fmt;

use serde::Serialize;

/// Everything that is wrong, each with where it stands and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConfigError {
    /// One a line.
    pub(crate) problems: Vec<String>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration is wrong:")?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n  - {problem}"))
    }
}

/// One key as `config show` prints it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Shown {
    /// Its name in the file.
    pub(crate) key: String,
    /// Its value, secrets as `***`.
    pub(crate) value: String,
    /// Where that came from: a file, a variable, a flag, or `default`.
    pub(crate) source: String,
    /// The variable that would set it; empty where there is none.
    pub(crate) variable: &'static str,
}

impl Shown {
    /// A key that only a file sets.
    pub(crate) fn of_file(key: String, value: &str, file: &str) -> Self {
        Self { key, value: value.to_owned(), source: file.to_owned(), variable: "" }
    }
}
