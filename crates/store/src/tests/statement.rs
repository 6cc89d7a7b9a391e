//! `statement`: what is a parameter, what is none, and what is no statement.

use crate::statement::{Dialect, SqlKind, SqlParam, SqlType, Statement, StatementError};

fn params(names: &str) -> Vec<SqlParam> {
    let kind = SqlKind { of: SqlType::Text, is_list: false };
    names.split_whitespace().map(|name| SqlParam { name: name.to_owned(), kind }).collect()
}

fn postgres(sql: &str, names: &str) -> Result<String, StatementError> {
    Statement::parse(Dialect::Postgres, sql, params(names)).map(|read| read.text().to_owned())
}

fn sqlite(sql: &str, names: &str) -> Result<String, StatementError> {
    Statement::parse(Dialect::Sqlite, sql, params(names)).map(|read| read.text().to_owned())
}

#[test]
fn names_become_numbers_in_the_order_in_which_they_are_declared() {
    for (sql, names, expected) in [
        ("SELECT :a", "a", "SELECT  $1"),
        ("SELECT :b, :a, :b", "a b", "SELECT  $2,  $1,  $2"),
        ("SELECT :a::date::text", "a", "SELECT  $1::date::text"),
        ("SELECT x[1:2], y[1 : 2]", "", "SELECT x[1:2], y[1 : 2]"),
        ("SELECT f(x := :a)", "a", "SELECT f(x :=  $1)"),
        ("select(:a_1)", "a_1", "select( $1)"),
        ("SELECT x:a", "a", "SELECT x $1"),
        ("SELECT :a;  -- the end\n", "a", "SELECT  $1"),
        ("SELECT data->>'x' ? 'y', a@>b", "", "SELECT data->>'x' ? 'y', a@>b"),
    ] {
        assert_eq!(postgres(sql, names).as_deref(), Ok(expected), "{sql}");
    }
    assert_eq!(sqlite("SELECT :a, :b", "b a").as_deref(), Ok("SELECT  ?2,  ?1"));
}

#[test]
fn what_is_quoted_or_a_comment_has_no_parameters() {
    for sql in [
        "SELECT ':a'",
        "SELECT 'it''s :a'",
        "SELECT '\\', ':a'",
        "SELECT \":a\"",
        "SELECT \"x\"\":a\"",
        "SELECT 1 -- :a",
        "SELECT 1 -- ' :a\n+ 2",
        "SELECT /* :a ' */ 1",
        "SELECT 'ä:a' AS ünïcode",
    ] {
        assert_eq!(postgres(sql, "").as_deref(), Ok(sql));
        assert_eq!(sqlite(sql, "").as_deref(), Ok(sql));
    }
    for sql in [
        "SELECT $$ :a $$",
        "SELECT $x$ $$ :a $$ $x$",
        "SELECT E'\\' :a'",
        "SELECT e'\\\\' AS x",
        "SELECT /* /* */ :a */ 1",
    ] {
        assert_eq!(postgres(sql, "").as_deref(), Ok(sql));
    }
    for sql in ["SELECT [:a]", "SELECT `:a`", "SELECT /* /* */ 1"] {
        assert_eq!(sqlite(sql, "").as_deref(), Ok(sql));
    }
    // A carriage return ends a comment for PostgreSQL, and not for SQLite.
    assert_eq!(postgres("SELECT 1 -- x\r+ :a", "a").as_deref(), Ok("SELECT 1 -- x\r+  $1"));
    assert_eq!(sqlite("SELECT 1 -- x\r+ :a", "").as_deref(), Ok("SELECT 1 -- x\r+ :a"));
    // In a plain string a backslash is a letter like any other, so this string ends before the parameter.
    assert_eq!(postgres("SELECT '\\' || :a", "a").as_deref(), Ok("SELECT '\\' ||  $1"));
}

#[test]
fn undeclared_and_unused_parameters_are_all_named() {
    let error = postgres("SELECT :a, :c, :a, :d", "a b e").unwrap_err();
    let texts = |names: &str| names.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(
        error,
        StatementError::Parameters { undeclared: texts("c d"), unused: texts("b e") }
    );
    assert!(error.to_string().contains(":c, :d") && error.to_string().contains(":b, :e"));
    // Names are told apart by their letters' case, as those of a query string are.
    assert!(sqlite("SELECT :A", "a").is_err());
}

#[test]
fn only_one_statement_that_reads_is_taken() {
    use StatementError as E;
    let not = |word: &str| E::NotReading { word: word.to_owned() };
    for (sql, expected) in [
        ("", E::Empty),
        ("  -- nothing\n", E::Empty),
        (";", E::Empty),
        ("SELECT 1; SELECT 2", E::Second { line: 1 }),
        ("SELECT 1;\n/* x */ DROP TABLE t", E::Second { line: 2 }),
        ("SELECT 'a\nb", E::Unfinished { what: "string", line: 1 }),
        ("SELECT 1,\n\"a", E::Unfinished { what: "quoted name", line: 2 }),
        ("SELECT 1 /* a", E::Unfinished { what: "comment", line: 1 }),
        ("SELECT $a$ $b$", E::Unfinished { what: "dollar quote", line: 1 }),
        ("SELECT $1", E::Marker { mark: "$1".to_owned(), line: 1 }),
        ("COMMIT", not("COMMIT")),
        ("delete from prices", not("delete")),
        ("SET TRANSACTION READ WRITE", not("SET")),
        ("DO $$ BEGIN COMMIT; END $$", not("DO")),
        ("COPY prices TO PROGRAM 'x'", not("COPY")),
        ("SELECT '\0'", E::Nul),
    ] {
        assert_eq!(postgres(sql, ""), Err(expected), "{sql}");
    }
    for sql in ["SELECT ?", "SELECT ?1", "SELECT @a", "SELECT $a", "ATTACH 'x' AS y"] {
        assert!(sqlite(sql, "").is_err(), "{sql}");
    }
    assert_eq!(postgres("((SELECT 1)) ;;", "").as_deref(), Ok("((SELECT 1)) "));
    assert_eq!(postgres(&"x".repeat(100_001), ""), Err(E::TooLong));
}
