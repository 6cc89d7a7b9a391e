//! Tests of the store: the suite that every driver passes, and what is SQLite's own.

mod breaker;
mod conformance;
mod escapes;
mod filter;
mod plans;
mod postgres;
mod postgres_applied;
mod postgres_connections;
mod postgres_plans;
mod postgres_refusal;
mod postgres_settled;
mod postgres_sql;
mod postgres_tables;
mod postgres_tls;
mod sqlite;
mod sqlite_files;
mod sqlite_memory;
mod sqlite_refusal;
mod sqlite_sql;
mod sqlite_tables;
mod statement;
mod trust;
