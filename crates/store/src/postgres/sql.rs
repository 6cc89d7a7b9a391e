//! `SqlReader` on PostgreSQL: statements of others on connections of their own ([`crate::postgres::sql_connections`]), their rows
//! straight from the server into pieces.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{StreamExt as _, stream};
use tokio::time::{Instant, timeout};
use tokio_postgres::types::Type;
use tokio_postgres::{Column, Row};

use crate::error::StoreError;
use crate::postgres::address::Address;
use crate::postgres::sql_connections::{N_CONNECTIONS, Running, SqlConnections, refusal};
use crate::postgres::sql_values::{Raw, has_form, push};
use crate::sql::{
    SqlAsk, SqlColumn, SqlError, SqlLimits, SqlPiece, SqlPlan, SqlReader, SqlRows, texts,
};
use crate::statement::Statement;

/// A piece ends with the row that reaches this.
const PIECE_BYTES: usize = 64 << 10;
/// Connections that may break under a statement, one after the other.
const TRIES_MAX: u32 = 3;
/// A look at a statement takes no time worth mentioning.
const CHECK_TIME_MAX: Duration = Duration::from_secs(10);

/// Statements of others on one server.
pub struct PostgresSql {
    connections: SqlConnections,
}

impl PostgresSql {
    /// On the server of this URL ([`crate::postgres::PostgresOptions::url`]). Connects to nobody yet; needs a runtime around it.
    ///
    /// # Errors
    /// `Unusable` where the address is wrong.
    pub fn open(url: &str, password: Option<&str>) -> Result<Self, StoreError> {
        Self::at(&Address::parse(url, password)?)
    }

    pub(crate) fn at(address: &Address) -> Result<Self, StoreError> {
        Ok(Self { connections: SqlConnections::new(address)? })
    }

    pub(crate) fn close(&self) {
        self.connections.close();
    }
}

#[async_trait]
impl SqlReader for PostgresSql {
    async fn check_sql(&self, statement: Arc<Statement>) -> Result<Vec<SqlColumn>, SqlError> {
        let end = Instant::now() + CHECK_TIME_MAX;
        let told = |found: &[Column]| forms(found).map(|()| columns(found));
        self.connections.describe(&statement, SqlPlan::Once, end, told).await?
    }

    async fn read_sql(&self, ask: SqlAsk) -> Result<SqlRows, SqlError> {
        let end = Instant::now() + ask.limits.time_max;
        let limits = ask.limits;
        let named = |error| named(error, &limits);
        let mut n_tries = 0;
        let (reading, first) = loop {
            let running = self.connections.begin(&ask, end).await.map_err(named)?;
            let mut reading = Reading::new(running, limits, end);
            // The first piece is read here: what breaks before it may run again. And without a prepared statement the
            // columns are those of the first row; where there is none, they are asked for.
            match reading.next().await {
                Err(SqlError::Unavailable(_)) if n_tries < TRIES_MAX => n_tries += 1,
                first => break (reading, first.map_err(named)?),
            }
        };
        let columns = if let Some(columns) = reading.columns.clone() {
            columns
        } else {
            let (statement, plan) = (&ask.statement, ask.plan);
            let described = self.connections.describe(statement, plan, end, columns).await;
            described.map_err(named)?.into()
        };
        if reading.running.is_none() {
            let pieces = stream::iter(first.map(Ok));
            return Ok(SqlRows::new(columns, Box::pin(pieces)));
        }
        let rest = stream::unfold(Some(reading), move |reading: Option<Reading>| async move {
            let mut reading = reading?;
            match reading.next().await {
                Ok(None) => None,
                Ok(Some(piece)) => Some((Ok(piece), Some(reading))),
                Err(error) => Some((Err(self::named(error, &limits)), None)),
            }
        });
        Ok(SqlRows::new(columns, Box::pin(stream::iter(first.map(Ok)).chain(rest))))
    }

    async fn plan_sql(&self, ask: SqlAsk) -> Result<Vec<String>, SqlError> {
        if ask.plan == SqlPlan::Generic && !ask.values.is_empty() {
            let end = Instant::now() + ask.limits.time_max;
            let told = self.connections.generic_plan(&ask, end).await;
            return told.map_err(|error| named(error, &ask.limits));
        }
        let statement = Arc::new(ask.statement.after("EXPLAIN"));
        texts(self.read_sql(SqlAsk { statement, plan: SqlPlan::Once, ..ask }).await?).await
    }

    fn statements_max(&self) -> usize {
        N_CONNECTIONS
    }
}

/// With the time that the statement had.
fn named(error: SqlError, limits: &SqlLimits) -> SqlError {
    match error {
        SqlError::Timeout(_) => SqlError::Timeout(limits.time_max),
        other => other,
    }
}

/// The rows of one answer, as long as there are more.
struct Reading {
    /// `None` once it is over; then the connection is somebody else's.
    running: Option<Running>,
    types: Vec<Type>,
    columns: Option<Arc<[SqlColumn]>>,
    limits: SqlLimits,
    n_rows: u64,
    n_bytes: u64,
    /// For the database: it stands still while the client takes its time.
    left: Duration,
    /// For the client, all in all.
    hold_left: Duration,
    /// When the last piece was handed out.
    handed_at: Instant,
    is_first: bool,
}

impl Reading {
    fn new(running: Running, limits: SqlLimits, end: Instant) -> Self {
        let left = end.saturating_duration_since(Instant::now());
        let mut reading = Self {
            running: None,
            types: Vec::new(),
            columns: None,
            limits,
            n_rows: 0,
            n_bytes: 0,
            left,
            hold_left: limits.hold_max,
            handed_at: Instant::now(),
            is_first: true,
        };
        if let Some(prepared) = &running.prepared {
            reading.learn(prepared.columns());
        }
        reading.running = Some(running);
        reading
    }

    fn learn(&mut self, found: &[Column]) {
        self.types = found.iter().map(|column| column.type_().clone()).collect();
        self.columns = Some(columns(found).into());
    }

    /// The next piece; `None` at the end.
    async fn next(&mut self) -> Result<Option<SqlPiece>, SqlError> {
        if self.running.is_none() {
            return Ok(None);
        }
        let begun = Instant::now();
        self.hold_left = self.hold_left.saturating_sub(begun - self.handed_at);
        if !self.is_first && self.hold_left.is_zero() {
            return Err(SqlError::Failed("the answer was not taken in time".to_owned()));
        }
        let (left, late) = (self.left, self.limits.time_max);
        let filled = timeout(left, self.fill()).await;
        self.handed_at = Instant::now();
        self.left = left.saturating_sub(self.handed_at - begun);
        let piece = filled.map_err(|_| SqlError::Timeout(late))??;
        Ok(if piece.is_empty() && !piece.is_cut { None } else { Some(piece) })
    }

    async fn fill(&mut self) -> Result<SqlPiece, SqlError> {
        let mut piece = SqlPiece::default();
        while piece.size_bytes() < PIECE_BYTES {
            let Some(running) = &mut self.running else { break };
            let row = running.rows.next().await;
            let Some(row) = row else {
                if let Some(running) = self.running.take() {
                    running.lent.give_back();
                }
                break;
            };
            let row = row.map_err(|error| refusal(&error))?;
            if self.columns.is_none() {
                self.learn(row.columns());
            }
            if std::mem::take(&mut self.is_first) {
                forms(row.columns())?;
            }
            if self.n_rows == self.limits.rows_max {
                piece.is_cut = true;
                self.running = None;
                break;
            }
            self.n_rows += 1;
            self.add(&mut piece, &row)?;
        }
        Ok(piece)
    }

    fn add(&mut self, piece: &mut SqlPiece, row: &Row) -> Result<(), SqlError> {
        let n_before = piece.size_bytes();
        for (at, of) in self.types.iter().enumerate() {
            let raw: Option<Raw<'_>> = row.try_get(at).map_err(|error| refusal(&error))?;
            push(piece, of, raw).ok_or_else(|| {
                SqlError::Failed(format!("a value of type {} cannot be read", of.name()))
            })?;
        }
        self.n_bytes += (piece.size_bytes() - n_before) as u64;
        if self.n_bytes > self.limits.bytes_max {
            return Err(SqlError::TooBig(self.limits.bytes_max));
        }
        Ok(())
    }
}

fn columns(found: &[Column]) -> Vec<SqlColumn> {
    let column = |column: &Column| SqlColumn {
        name: column.name().to_owned(),
        kind: column.type_().name().to_owned(),
    };
    found.iter().map(column).collect()
}

/// Every column has a form here.
fn forms(found: &[Column]) -> Result<(), SqlError> {
    match found.iter().find(|column| !has_form(column.type_())) {
        None => Ok(()),
        Some(column) => Err(SqlError::Refused(format!(
            "the column {} has the type {}, which has no form here; cast it, as in {}::text",
            column.name(),
            column.type_().name(),
            column.name()
        ))),
    }
}
