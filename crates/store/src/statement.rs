//! A SQL text whose parameters are written `:name`: found by reading the text as the database would, and numbered, so that
//! values are bound and never become part of the text.
//!
//! A `:name` inside a string, a quoted name, a comment or a dollar quote is none, and neither is the `::` of a cast. Before a
//! parameter, as before any word, there must be something that ends the word before it.

use std::fmt::Write as _;

use thiserror::Error;

/// Longest text of a statement.
pub const STATEMENT_BYTES_MAX: usize = 100_000;
/// Most parameters of one.
pub const STATEMENT_PARAMS_MAX: usize = 100;

/// Whose SQL it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

impl Dialect {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Sqlite, Self::Postgres];

    /// Its name in file names and keys.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

/// What a parameter holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SqlType {
    /// Any text without U+0000.
    Text,
    /// A whole number of 64 bits.
    Int,
    /// A finite binary floating point number.
    Float,
    /// `true` or `false`. SQLite has 1 and 0.
    Bool,
    /// A day. SQLite has the text `YYYY-MM-DD`.
    Date,
    /// A point in time. SQLite has the text `YYYY-MM-DDThh:mm:ss.ffffffZ`.
    Timestamp,
    /// A UUID. SQLite has its text, in lower case.
    Uuid,
}

/// The type of a parameter: one value, or any number of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SqlKind {
    /// Of each value.
    pub of: SqlType,
    /// PostgreSQL has an array (`= ANY(:codes)`), SQLite a JSON text (`IN (SELECT value FROM json_each(:codes))`).
    pub is_list: bool,
}

/// A parameter as it is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlParam {
    /// Its name: a letter or `_`, then letters, digits and `_`, all ASCII.
    pub name: String,
    /// What it holds.
    pub kind: SqlKind,
}

/// One statement, ready to be given to a database of its dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    text: String,
    params: Vec<SqlParam>,
}

/// What is wrong with the text. All of it is said at once where that is possible.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum StatementError {
    /// Nothing but spaces and comments.
    #[error("there is no statement")]
    Empty,
    /// Longer than [`STATEMENT_BYTES_MAX`].
    #[error("the statement has more than {STATEMENT_BYTES_MAX} bytes")]
    TooLong,
    /// No SQL text has it.
    #[error("there is a U+0000 in it")]
    Nul,
    /// Something begins and does not end.
    #[error("the {what} that begins in line {line} does not end")]
    Unfinished {
        /// What begins.
        what: &'static str,
        /// Where, from 1.
        line: usize,
    },
    /// More than one.
    #[error("there is a second statement in line {line}; one is allowed")]
    Second {
        /// Where, from 1.
        line: usize,
    },
    /// It does not begin as statements that read do.
    #[error("{word:?} is not allowed; a statement that reads begins with {}", READING.join(", "))]
    NotReading {
        /// How it begins.
        word: String,
    },
    /// `?`, `$1` or `@name`: parameters have names here.
    #[error("{mark:?} in line {line} is no parameter here; write :name")]
    Marker {
        /// How it begins.
        mark: String,
        /// Where, from 1.
        line: usize,
    },
    /// Names in the text that nobody declared, and declared ones that the text has not.
    #[error("{}", words(.undeclared, .unused))]
    Parameters {
        /// In the text only.
        undeclared: Vec<String>,
        /// Declared only.
        unused: Vec<String>,
    },
}

/// How a statement that reads begins; whatever follows, the database sees to it that nothing is written.
const READING: [&str; 7] = ["SELECT", "WITH", "VALUES", "TABLE", "EXPLAIN", "SHOW", "PRAGMA"];

fn words(undeclared: &[String], unused: &[String]) -> String {
    let list = |names: &[String]| {
        names.iter().map(|name| format!(":{name}")).collect::<Vec<_>>().join(", ")
    };
    match (undeclared.is_empty(), unused.is_empty()) {
        (false, true) => format!("not declared in params: {}", list(undeclared)),
        (true, false) => format!("declared in params but not used: {}", list(unused)),
        _ => format!(
            "not declared in params: {}; declared but not used: {}",
            list(undeclared),
            list(unused)
        ),
    }
}

impl Statement {
    /// Reads `sql`. Every name in it must be one of `params`, and every one of these must be in it.
    ///
    /// # Errors
    /// See [`StatementError`].
    pub fn parse(
        dialect: Dialect,
        sql: &str,
        params: Vec<SqlParam>,
    ) -> Result<Self, StatementError> {
        if sql.len() > STATEMENT_BYTES_MAX {
            return Err(StatementError::TooLong);
        }
        if sql.contains('\0') {
            return Err(StatementError::Nul);
        }
        let mut reader = Reader { dialect, sql, at: 0, first_word: None, found: Vec::new() };
        let end = reader.read()?;
        let Reader { first_word, found, .. } = reader;
        let first_word = first_word.ok_or(StatementError::Empty)?;
        // Nothing that reads begins with anything but a word; what is no gap to us may be one to a server.
        if !READING.iter().any(|word| word.eq_ignore_ascii_case(first_word)) {
            return Err(StatementError::NotReading { word: first_word.chars().take(40).collect() });
        }
        let number =
            |name: &str| params.iter().position(|param| param.name == name).map(|at| at + 1);
        let mut undeclared: Vec<String> = Vec::new();
        let (mut text, mut begin) = (String::with_capacity(sql.len() + 16), 0);
        for &(from, to) in &found {
            let name = &sql[from + 1..to];
            text.push_str(&sql[begin..from]);
            begin = to;
            match number(name) {
                // The space keeps the mark from growing together with a word before it.
                Some(number) => {
                    let sign = if dialect == Dialect::Sqlite { '?' } else { '$' };
                    let _ = write!(text, " {sign}{number}");
                }
                None if undeclared.iter().any(|other| other == name) => {}
                None => undeclared.push(name.to_owned()),
            }
        }
        text.push_str(&sql[begin..end]);
        let is_used =
            |param: &&SqlParam| found.iter().any(|&(from, to)| sql[from + 1..to] == param.name);
        let unused: Vec<String> =
            params.iter().filter(|param| !is_used(param)).map(|param| param.name.clone()).collect();
        if undeclared.is_empty() && unused.is_empty() {
            Ok(Self { text, params })
        } else {
            Err(StatementError::Parameters { undeclared, unused })
        }
    }

    /// What the database is given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The same with words before it that ask something about it.
    pub(crate) fn after(&self, words: &str) -> Self {
        Self { text: format!("{words} {}", self.text), params: self.params.clone() }
    }

    /// Its parameters; the first has number 1.
    pub fn params(&self) -> &[SqlParam] {
        &self.params
    }
}

/// Reads a text from left to right.
struct Reader<'a> {
    dialect: Dialect,
    sql: &'a str,
    at: usize,
    /// Empty where the statement begins with something else than a word.
    first_word: Option<&'a str>,
    /// Where the parameters stand, colon included.
    found: Vec<(usize, usize)>,
}

impl Reader<'_> {
    /// Reads all of it: where the statement ends.
    fn read(&mut self) -> Result<usize, StatementError> {
        let mut end = None;
        while let Some(byte) = self.peek(0) {
            let begin = self.at;
            let is_gap = byte.is_ascii_whitespace() || self.comment(byte)?;
            if is_gap {
                self.at = self.at.max(begin + 1);
                continue;
            }
            if byte == b';' {
                if self.first_word.is_none() {
                    return Err(StatementError::Empty);
                }
                end = end.or(Some(begin));
                self.at += 1;
                continue;
            }
            if end.is_some() {
                return Err(StatementError::Second { line: self.line(begin) });
            }
            self.token(byte)?;
            if self.first_word.is_none() && byte != b'(' {
                let word = if is_word(byte) { &self.sql[begin..self.at] } else { "" };
                self.first_word = Some(word);
            }
        }
        Ok(end.unwrap_or(self.sql.len()))
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.sql.as_bytes().get(self.at + ahead).copied()
    }

    fn line(&self, at: usize) -> usize {
        1 + self.sql[..at].matches('\n').count()
    }

    fn unfinished(&self, what: &'static str, begin: usize) -> StatementError {
        StatementError::Unfinished { what, line: self.line(begin) }
    }

    fn marker(&self, begin: usize) -> StatementError {
        let mark = self.sql[begin..].chars().take(2).collect();
        StatementError::Marker { mark, line: self.line(begin) }
    }

    /// One token that is no gap.
    fn token(&mut self, byte: u8) -> Result<(), StatementError> {
        let begin = self.at;
        let is_sqlite = self.dialect == Dialect::Sqlite;
        self.at += 1;
        match byte {
            b'\'' => self.quoted(b'\'', false, "string", begin),
            b'"' => self.quoted(b'"', false, "quoted name", begin),
            b'`' if is_sqlite => self.quoted(b'`', false, "quoted name", begin),
            b'[' if is_sqlite => self.quoted(b']', false, "quoted name", begin),
            b'?' | b'@' | b'#' if is_sqlite => Err(self.marker(begin)),
            b'$' => self.dollar(begin),
            b':' => {
                self.colon(begin);
                Ok(())
            }
            byte if is_word(byte) => {
                self.word();
                let is_escaped = matches!(&self.sql[begin..self.at], "e" | "E");
                if !is_sqlite && is_escaped && self.peek(0) == Some(b'\'') {
                    self.at += 1;
                    return self.quoted(b'\'', true, "string", begin);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Behind a letter, digit or `_`: the rest of the word.
    fn word(&mut self) {
        while self.peek(0).is_some_and(|byte| is_word(byte) || byte == b'$') {
            self.at += 1;
        }
    }

    /// Behind an opening quote: to behind the closing one. A doubled one stands for itself, except `]`.
    fn quoted(
        &mut self,
        close: u8,
        has_escapes: bool,
        what: &'static str,
        begin: usize,
    ) -> Result<(), StatementError> {
        while let Some(byte) = self.peek(0) {
            self.at += 1;
            if byte == b'\\' && has_escapes {
                self.at += 1;
            } else if byte == close {
                if close == b']' || self.peek(0) != Some(close) {
                    return Ok(());
                }
                self.at += 1;
            }
        }
        Err(self.unfinished(what, begin))
    }

    /// Behind a `:`.
    fn colon(&mut self, begin: usize) {
        match self.peek(0) {
            Some(b':') => self.at += 1,
            Some(byte) if byte.is_ascii_alphabetic() || byte == b'_' => {
                while self.peek(0).is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
                {
                    self.at += 1;
                }
                self.found.push((begin, self.at));
            }
            _ => {}
        }
    }

    /// Behind a `$`: a dollar quote, or a parameter that has no name.
    fn dollar(&mut self, begin: usize) -> Result<(), StatementError> {
        let rest = &self.sql[self.at..];
        let tag =
            rest.find('$').filter(|_| self.dialect == Dialect::Postgres).map(|end| &rest[..end]);
        let is_tag = |tag: &&str| {
            tag.bytes().all(is_word) && !tag.starts_with(|sign: char| sign.is_ascii_digit())
        };
        let Some(tag) = tag.filter(is_tag) else { return Err(self.marker(begin)) };
        let close = format!("${tag}$");
        let inside = self.at + tag.len() + 1;
        match self.sql[inside..].find(&close) {
            Some(length) => {
                self.at = inside + length + close.len();
                Ok(())
            }
            None => Err(self.unfinished("dollar quote", begin)),
        }
    }

    /// Whether a comment begins here; then to behind it. PostgreSQL's nest, and one of a line ends with a carriage return, too.
    fn comment(&mut self, byte: u8) -> Result<bool, StatementError> {
        let begin = self.at;
        match (byte, self.peek(1)) {
            (b'-', Some(b'-')) => {
                let is_end = |byte: u8| {
                    byte == b'\n' || (byte == b'\r' && self.dialect == Dialect::Postgres)
                };
                while self.peek(0).is_some_and(|byte| !is_end(byte)) {
                    self.at += 1;
                }
            }
            (b'/', Some(b'*')) => {
                self.at += 2;
                let mut depth = 1;
                while depth > 0 {
                    match (self.peek(0), self.peek(1)) {
                        (None, _) => return Err(self.unfinished("comment", begin)),
                        (Some(b'*'), Some(b'/')) => (self.at, depth) = (self.at + 2, depth - 1),
                        (Some(b'/'), Some(b'*')) if self.dialect == Dialect::Postgres => {
                            (self.at, depth) = (self.at + 2, depth + 1);
                        }
                        _ => self.at += 1,
                    }
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// Letters beyond ASCII belong to words in both dialects.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}
