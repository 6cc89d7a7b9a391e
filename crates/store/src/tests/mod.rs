//! Tests of the store: the suite that every driver passes, and what is SQLite's own.

mod breaker;
mod conformance;
mod filter;
mod plans;
mod postgres;
mod postgres_settled;
mod sqlite;
mod sqlite_files;
mod sqlite_refusal;
mod sqlite_sql;
mod statement;
mod trust;
