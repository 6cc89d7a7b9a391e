//! `SqlReader` on SQLite: statements of others on connections that can only read ([`crate::sqlite::sql_connections`]), whose rows
//! wait in a short channel for whoever reads them.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::stream;
use rusqlite::{Connection, ErrorCode, params_from_iter};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{timeout, timeout_at};

use crate::error::StoreError;
use crate::sql::{SqlAsk, SqlColumn, SqlError, SqlPiece, SqlPlan, SqlReader, SqlRows, texts};
use crate::sqlite::failure::may_pass;
use crate::sqlite::sql_connections::{Deadline, Fenced, N_CONNECTIONS, SqlConnections, Watched};
use crate::sqlite::sql_plan;
use crate::sqlite::sql_values::{Kind, bound, push};
use crate::statement::Statement;

/// A piece ends with the row that reaches this.
const PIECE_BYTES: usize = 64 << 10;
/// Pieces that wait for the client.
const PIECES_WAITING: usize = 2;
/// The machine looks at the clock often enough to end a statement within this; if not, the answer does not wait for it, and its
/// connection comes back when it can.
const SLACK: Duration = Duration::from_secs(1);
/// A look at a statement takes no time worth mentioning, unless another process holds the file.
const CHECK_TIME_MAX: Duration = Duration::from_secs(10);

/// Statements of others on the files of one data directory, also while a server writes to them.
pub struct SqliteSql {
    connections: SqlConnections,
}

impl SqliteSql {
    /// On the databases in `dir`; opens nothing yet.
    pub fn new(dir: &Path, events_file: &str) -> Self {
        Self { connections: SqlConnections::new(dir, events_file) }
    }

    pub(crate) async fn close(&self) {
        self.connections.close().await;
    }
}

#[async_trait]
impl SqlReader for SqliteSql {
    async fn check_sql(&self, statement: Arc<Statement>) -> Result<Vec<SqlColumn>, SqlError> {
        let look = move |fenced: &mut Fenced, _| {
            fenced.deadline.begin(CHECK_TIME_MAX);
            let prepared = fenced.conn.prepare(statement.text()).map_err(refused)?;
            if !prepared.readonly() {
                return Err(SqlError::Refused("only reading is allowed".to_owned()));
            }
            Ok(columns(&prepared).0)
        };
        let looked = self.connections.lend(CHECK_TIME_MAX, look).await?.await;
        looked.map_err(broke)?.map_err(unavailable)?
    }

    async fn read_sql(&self, ask: SqlAsk) -> Result<SqlRows, SqlError> {
        let (tell, told) = oneshot::channel();
        let (send, received) = mpsc::channel(PIECES_WAITING);
        let runtime = Handle::current();
        let time_max = ask.limits.time_max;
        let job = move |fenced: &mut Fenced, left| {
            let out = Out {
                tell: Some(tell),
                watched: None,
                send,
                runtime,
                hold_left: ask.limits.hold_max,
            };
            run(fenced, &ask, left, out);
        };
        let end = tokio::time::Instant::now() + time_max + SLACK;
        let running = self.connections.lend(time_max, job).await?;
        // Where one step of the machine takes long, or many do that it does not look up between, nobody waits for them.
        let Ok(told) = timeout_at(end, told).await else {
            return Err(SqlError::Timeout(time_max));
        };
        let Ok(begun) = told else {
            // It ended before it began: no connection, or a panic.
            let ended = running.await.map_err(broke)?;
            return Err(unavailable(ended.err().unwrap_or_else(|| {
                StoreError::Unavailable("the statement ended without an answer".to_owned())
            })));
        };
        let (columns, watched) = begun?;
        let begun = Some((received, watched));
        let pieces = stream::unfold(begun, move |state| next_piece(state, time_max));
        Ok(SqlRows::new(columns, Box::pin(pieces)))
    }

    async fn plan_sql(&self, ask: SqlAsk) -> Result<Vec<String>, SqlError> {
        let statement = Arc::new(ask.statement.after("EXPLAIN QUERY PLAN"));
        let steps = self.read_sql(SqlAsk { statement, plan: SqlPlan::Once, ..ask }).await?;
        Ok(sql_plan::lines(&texts(steps).await?))
    }

    fn statements_max(&self) -> usize {
        N_CONNECTIONS
    }
}

/// An answer under way; `None` when it is over.
type Going = Option<(mpsc::Receiver<Result<Option<SqlPiece>, SqlError>>, Watched)>;

async fn next_piece(
    state: Going,
    time_max: Duration,
) -> Option<(Result<SqlPiece, SqlError>, Going)> {
    let (mut received, watched) = state?;
    let piece = loop {
        match timeout(watched.deadline.left() + SLACK, received.recv()).await {
            Ok(piece) => break piece,
            // It stood still until the client had taken the piece before, and has more left by now.
            Err(_) if !watched.deadline.left().is_zero() => {}
            Err(_) => return Some((Err(SqlError::Timeout(time_max)), None)),
        }
    };
    match piece {
        Some(Ok(Some(piece))) => Some((Ok(piece), Some((received, watched)))),
        Some(Ok(None)) => None,
        Some(Err(error)) => Some((Err(error), None)),
        // What breaks off must not look like an end.
        None => Some((Err(SqlError::Failed("the answer was not taken in time".to_owned())), None)),
    }
}

type Begun = Result<(Arc<[SqlColumn]>, Watched), SqlError>;

/// Where an answer goes.
struct Out {
    tell: Option<oneshot::Sender<Begun>>,
    watched: Option<Watched>,
    /// `Ok(None)` is the end.
    send: mpsc::Sender<Result<Option<SqlPiece>, SqlError>>,
    runtime: Handle,
    hold_left: Duration,
}

impl Out {
    /// Whether anybody has taken it. While it waits for that, the statement's own time stands still.
    fn send(&mut self, piece: Result<Option<SqlPiece>, SqlError>, deadline: &Deadline) -> bool {
        let piece = match self.send.try_send(piece) {
            Ok(()) => return true,
            Err(mpsc::error::TrySendError::Closed(_)) => return false,
            Err(mpsc::error::TrySendError::Full(piece)) => piece,
        };
        let (left, begun) = (deadline.left(), Instant::now());
        let sent = self.runtime.block_on(timeout(self.hold_left, self.send.send(piece)));
        self.hold_left = self.hold_left.saturating_sub(begun.elapsed());
        deadline.set(left);
        matches!(sent, Ok(Ok(())))
    }
}

fn run(fenced: &mut Fenced, ask: &SqlAsk, left: Duration, mut out: Out) {
    let deadline = Arc::clone(&fenced.deadline);
    let run = deadline.begin(left);
    out.watched = Some(Watched { deadline: Arc::clone(&deadline), run });
    let ended = read(&fenced.conn, ask, &deadline, &mut out);
    let ended = ended.map_err(|error| match error {
        SqlError::Timeout(_) => SqlError::Timeout(ask.limits.time_max),
        other => other,
    });
    match (out.tell.take(), ended) {
        (Some(tell), Err(error)) => drop(tell.send(Err(error))),
        (_, Ok(false)) => {}
        (_, Ok(true)) => drop(out.send(Ok(None), &deadline)),
        (_, Err(error)) => drop(out.send(Err(error), &deadline)),
    }
}

/// Sends all rows; whether anybody took them.
fn read(
    conn: &Connection,
    ask: &SqlAsk,
    deadline: &Deadline,
    out: &mut Out,
) -> Result<bool, SqlError> {
    let text = ask.statement.text();
    let (mut kept, mut once);
    let statement = if ask.plan == SqlPlan::Once {
        once = conn.prepare(text).map_err(refused)?;
        &mut once
    } else {
        kept = conn.prepare_cached(text).map_err(refused)?;
        &mut *kept
    };
    if !statement.readonly() {
        return Err(SqlError::Refused("only reading is allowed".to_owned()));
    }
    let (columns, kinds) = columns(statement);
    // Each row is written with its names, and there is no limit to the length of one.
    let names_bytes: usize = columns.iter().map(|column| column.name.len()).sum();
    if let (Some(tell), Some(watched)) = (out.tell.take(), out.watched.take())
        && tell.send(Ok((columns.into(), watched))).is_err()
    {
        return Ok(false);
    }
    let limits = ask.limits;
    let mut rows =
        statement.query(params_from_iter(ask.values.iter().map(bound))).map_err(failed)?;
    let (mut piece, mut n_rows, mut n_bytes, mut n_piece_bytes) = (SqlPiece::default(), 0, 0, 0);
    while let Some(row) = rows.next().map_err(failed)? {
        if n_rows == limits.rows_max {
            piece.is_cut = true;
            break;
        }
        n_rows += 1;
        let n_before = piece.size_bytes();
        for (at, kind) in kinds.iter().enumerate() {
            push(&mut piece, row.get_ref(at).map_err(failed)?, *kind);
        }
        let n_row_bytes = piece.size_bytes() - n_before + names_bytes;
        n_bytes += n_row_bytes as u64;
        n_piece_bytes += n_row_bytes;
        if n_bytes > limits.bytes_max {
            return Err(SqlError::TooBig(limits.bytes_max));
        }
        if n_piece_bytes >= PIECE_BYTES {
            n_piece_bytes = 0;
            if !out.send(Ok(Some(std::mem::take(&mut piece))), deadline) {
                return Ok(false);
            }
        }
    }
    let is_worth_it = !piece.is_empty() || piece.is_cut;
    Ok(!is_worth_it || out.send(Ok(Some(piece)), deadline))
}

fn columns(statement: &rusqlite::Statement<'_>) -> (Vec<SqlColumn>, Vec<Kind>) {
    let column = |column: rusqlite::Column<'_>| SqlColumn {
        name: column.name().to_owned(),
        kind: column.decl_type().unwrap_or_default().to_lowercase(),
    };
    let columns: Vec<SqlColumn> = statement.columns().map(column).collect();
    let kinds = columns.iter().map(|column| Kind::of(&column.kind)).collect();
    (columns, kinds)
}

/// An error before the first row.
fn refused(error: rusqlite::Error) -> SqlError {
    match failed(error) {
        SqlError::Failed(words) if words.contains("not authorized to use function") => {
            SqlError::Refused(format!(
                "{words}: it is not available here, or the statement has too many calls"
            ))
        }
        SqlError::Failed(words) if words.contains("not authorized") => {
            SqlError::Refused(format!("{words}: only reading is allowed"))
        }
        SqlError::Failed(words) => SqlError::Refused(words),
        other => other,
    }
}

fn failed(error: rusqlite::Error) -> SqlError {
    match error.sqlite_error_code() {
        // `run` knows how long it might have taken.
        Some(ErrorCode::OperationInterrupted) => SqlError::Timeout(Duration::ZERO),
        // Of the memory that SQLite is given here; the machine has more.
        Some(ErrorCode::OutOfMemory) => {
            SqlError::Failed("it needs more memory than a statement has".to_owned())
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            SqlError::Unavailable(error.to_string())
        }
        _ if may_pass(&error) => SqlError::Unavailable(error.to_string()),
        _ => SqlError::Failed(match error {
            // Its own words repeat the statement, all of it.
            rusqlite::Error::SqlInputError { msg, .. } => msg,
            other => other.to_string(),
        }),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "what `map_err` hands over")]
fn unavailable(error: StoreError) -> SqlError {
    SqlError::Unavailable(error.to_string())
}

#[expect(clippy::needless_pass_by_value, reason = "what `map_err` hands over")]
fn broke(error: tokio::task::JoinError) -> SqlError {
    SqlError::Unavailable(format!("the read broke off: {error}"))
}
