//! Floor 1: the database behind a few traits.
//!
//! [`events`] is the contract of the events lane, [`explore`] sums them up, [`retention`] deletes them, [`control`] is that of the small settled things,
//! [`audit`] that of the trail of who did what, [`trust`] that of applications and tokens, [`sessions`] that of who has
//! signed in to the console, [`schemas`] that of what events have to look like, [`verdicts`] that of judging stored ones
//! again, [`dead_letters`] that of what the database
//! refused, [`jobs`] that of long work, [`tables`] that of the user's own tables, [`batches`] that of the rows that go into them, [`sql`] that of reading
//! by SQL, whose texts are [`statement`]s. For every driver alike [`invalid`] groups what broke a rule, [`tallies`] add up what
//! a walk finds, [`history`] puts dead letters in their places, and [`breaker`] tells a bad database from bad records.
//! `sqlite/` and `postgres/` are the drivers; `tests/conformance/` is the suite that every driver passes.

mod audit;
mod batches;
mod breaker;
mod control;
mod database;
mod dead_letters;
mod direction;
mod error;
mod events;
mod explore;
mod filling;
mod history;
mod invalid;
mod jobs;
mod label_counts;
mod postgres;
mod prefix;
mod retention;
mod schemas;
mod sessions;
mod sql;
mod sqlite;
mod statement;
mod stores;
mod tables;
mod tallies;
mod trust;
mod user_migrations;
mod verdicts;

#[cfg(test)]
mod tests;

pub use audit::{AuditEntry, AuditStore, Audited};
pub use batches::{
    ApplyBatch, BATCH_ERRORS_FOUND_MAX, Batch, BatchQuery, BatchState, BatchStore, BatchVerdict,
    ErrorFeed, LaneStep, RowError, RowFeed, TableMode,
};
pub use control::{ControlStore, History, HistoryMark, HistoryPoint, HistorySave};
pub use database::{DatabaseProbe, DatabaseState};
pub use dead_letters::{
    Changed, DEAD_GROUPS_MAX, DeadAct, DeadCounts, DeadFilter, DeadGroup, DeadLetter,
    DeadLetterStore, DeadState, DeadSum, ID_CONFLICT, LabelIs, REFUSED, Replay, Replayed,
};
pub use error::StoreError;
pub use events::{
    Applied, Apply, Claim, Compared, EventStore, Extent, Fate, GET_EVENTS_MAX, IdKey, Lease,
    Listed, Order, Page, PageQuery, SessionPage, SessionPosition, SessionQuery, Stored,
};
pub use explore::{Effort, Examined, ExploreStore, FACET_VALUES_MAX, FacetValue, Facets, Moment};
pub use invalid::{InvalidGroup, InvalidGroups, InvalidSample, invalid_groups};
pub use jobs::{Begun, JOBS_KEPT_MAX, Job, JobProgress, JobState, JobStore, JobTurn, NewJob};
pub use postgres::{PostgresOptions, PostgresSql, PostgresStore};
pub use retention::{Forget, Horizons, RetentionStore};
pub use schemas::{
    ConfiguredSchema, SCHEMA_VERSIONS_MAX, SCHEMAS_MAX, SchemaAct, SchemaChange, SchemaKey,
    SchemaMode, SchemaRefusal, SchemaSource, SchemaState, SchemaStates, SchemaStore, SchemaText,
    SchemaVersion, VERSIONS_BYTES_MAX,
};
pub use sessions::{
    SIGN_INS_MAX, SIGN_INS_OF_MACHINE_MAX, SIGN_INS_OF_TOKEN_MAX, SecretHash, SessionStore, SignIn,
};
pub use sql::{
    SqlAsk, SqlCell, SqlColumn, SqlError, SqlLimits, SqlPiece, SqlPlan, SqlReader, SqlRows,
    SqlValue,
};
pub use sqlite::{SqliteOptions, SqliteSql, SqliteStore};
pub use statement::{
    Dialect, STATEMENT_BYTES_MAX, STATEMENT_PARAMS_MAX, SqlKind, SqlParam, SqlType, Statement,
    StatementError,
};
pub use stores::Stores;
pub use tables::{Column, ColumnKind, Table, TableStore, UserMigration};
pub use trust::{
    APPLICATIONS_MAX, Application, ApplicationChange, Rate, Scope, TOKENS_MAX, Token, TokenHash,
    TokenKind, Trust, TrustAct, TrustError, TrustStore,
};
pub use verdicts::{Rejudge, Verdict, VerdictSlice, VerdictStore};
