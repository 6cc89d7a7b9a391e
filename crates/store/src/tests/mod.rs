//! Tests of the store: the suite that every driver passes, and what is SQLite's own.

mod audit;
mod breaker;
mod conformance;
mod control;
mod filter;
mod plans;
mod schemas;
mod sign_ins;
mod sqlite;
mod sqlite_files;
mod sqlite_refusal;
mod sqlite_sql;
mod statement;
mod trust;
