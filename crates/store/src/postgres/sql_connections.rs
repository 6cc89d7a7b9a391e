//! Connections for statements of others, and the one way in which they run there: inside a transaction that can only read and
//! is always rolled back, so that nothing that a statement sets outlives it.
//!
//! ```text
//! us      BEGIN READ ONLY; SET LOCAL …   the statement   ROLLBACK          one round trip: all three are on their way
//! server                                        rows …                     before the first is answered
//! ```

use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool_postgres::{
    Manager, ManagerConfig, Object, PoolError, RecyclingMethod, Runtime, TimeoutType, Timeouts,
};
use futures_util::future;
use tokio::time::{Instant, timeout_at};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres::{Column, Error, RowStream, Statement as Prepared};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::task::TaskTracker;

use crate::error::StoreError;
use crate::postgres::address::Address;
use crate::postgres::failure::{may_pass, words};
use crate::postgres::sql_values::{Bound, type_of};
use crate::postgres::tls;
use crate::sql::{SqlAsk, SqlError, SqlPlan};
use crate::statement::Statement;

/// Statements at a time.
pub(crate) const N_CONNECTIONS: usize = 16;
/// For a new connection.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// Connections that are tried where one after the other breaks before it has answered.
pub(crate) const TRIES_MAX: usize = N_CONNECTIONS + 2;
/// The server has ended the statement by now; if not, the connection is given up.
pub(crate) const SLACK: Duration = Duration::from_secs(1);

/// The connections. They are made when they are needed, and again after one broke.
pub(crate) struct SqlConnections {
    pool: deadpool_postgres::Pool,
    tls: MakeRustlsConnect,
    shown: String,
    /// Statements are prepared under names. False from the first time on that a pooler in between has lost one.
    are_named: AtomicBool,
    /// Requests to end a statement.
    cancels: TaskTracker,
}

/// A statement that has begun to answer.
pub(crate) struct Running {
    pub(crate) rows: Pin<Box<RowStream>>,
    /// Its columns, where the statement was prepared before.
    pub(crate) prepared: Option<Prepared>,
    pub(crate) lent: Lent,
}

/// A connection on loan. Dropped before its statement was over, it ends that on the server, and itself.
pub(crate) struct Lent {
    client: Option<Object>,
    is_kept: bool,
    tls: MakeRustlsConnect,
    cancels: TaskTracker,
}

impl Lent {
    pub(crate) fn client(&self) -> &Object {
        self.client.as_ref().expect("it is there until it is given back")
    }

    /// The statement is over: the connection goes back, unless nothing of the statement may outlive it.
    pub(crate) fn give_back(mut self) {
        if let Some(client) = self.client.take()
            && !self.is_kept
        {
            drop(Object::take(client));
        }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some(client) = self.client.take() else { return };
        let token = client.cancel_token();
        drop(Object::take(client));
        let tls = self.tls.clone();
        // Whether it comes in time or not: the server ends the statement by itself after its time-out.
        self.cancels.spawn(async move {
            let _ = tokio::time::timeout(CONNECT_MAX, token.cancel_query(tls)).await;
        });
    }
}

impl SqlConnections {
    /// Connects to nobody yet. Needs a runtime around it.
    pub(crate) fn new(address: &Address) -> Result<Self, StoreError> {
        let tls = tls::connector(&address.trusting)?;
        // `Fast`: a broken connection is noticed by its own task, and what it was asked is asked again elsewhere.
        let settings = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(address.config.clone(), tls.clone(), settings);
        let pool = deadpool_postgres::Pool::builder(manager)
            .max_size(N_CONNECTIONS)
            .timeouts(Timeouts { wait: None, create: Some(CONNECT_MAX), recycle: None })
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| StoreError::Unusable(error.to_string()))?;
        let (are_named, cancels) = (AtomicBool::new(true), TaskTracker::new());
        Ok(Self { pool, tls, shown: address.shown(), are_named, cancels })
    }

    /// No more connections.
    pub(crate) fn close(&self) {
        self.pool.close();
    }

    /// Why there is no answer, and from where.
    pub(crate) fn named(&self, why: &str) -> String {
        format!("PostgreSQL at {}: {why}", self.shown)
    }

    /// A connection, before `end`.
    pub(crate) async fn get(&self, end: Instant, is_kept: bool) -> Result<Lent, SqlError> {
        let named = |why: &str| SqlError::Unavailable(self.named(why));
        // The wait for a free one is the pool's to end: whoever has one to himself by then, and no answer, was connecting.
        let left = end.saturating_duration_since(Instant::now());
        let times = Timeouts { wait: Some(left), ..self.pool.timeouts() };
        let got = timeout_at(end, self.pool.timeout_get(&times)).await;
        let client = match got.unwrap_or(Err(PoolError::Timeout(TimeoutType::Create))) {
            Ok(client) => client,
            Err(PoolError::Timeout(TimeoutType::Wait)) => {
                return Err(SqlError::Busy(N_CONNECTIONS));
            }
            Err(PoolError::Backend(error)) => return Err(named(&words(&error))),
            Err(PoolError::Timeout(_)) => return Err(named("it does not answer")),
            Err(error) => return Err(named(&error.to_string())),
        };
        let (tls, cancels) = (self.tls.clone(), self.cancels.clone());
        Ok(Lent { client: Some(client), is_kept, tls, cancels })
    }

    /// What `told` makes of the columns of a statement, with the settings that it runs under. Nothing is left behind, not even
    /// on a server that a pooler lends to others.
    pub(crate) async fn describe<T>(
        &self,
        statement: &Statement,
        plan: SqlPlan,
        end: Instant,
        told: impl FnOnce(&[Column]) -> T,
    ) -> Result<T, SqlError> {
        let lent = self.get(end, plan != SqlPlan::Once).await?;
        let client = lent.client();
        let head = begin_sql(plan, end.saturating_duration_since(Instant::now()));
        let described = timeout_at(end, async {
            client.batch_execute(&head).await?;
            let prepared = client.prepare_typed(statement.text(), &types(statement)).await?;
            let res = told(prepared.columns());
            // Order matters: its name goes while the server is still ours.
            drop(prepared);
            client.batch_execute("ROLLBACK").await?;
            Ok(res)
        });
        let described = described.await.map_err(|_| SqlError::Timeout(Duration::ZERO))?;
        let res = described.map_err(|error: Error| refusal(&error))?;
        lent.give_back();
        Ok(res)
    }

    /// Lets a statement begin. A connection that breaks before it answers is replaced: statements only read.
    pub(crate) async fn begin(&self, ask: &SqlAsk, end: Instant) -> Result<Running, SqlError> {
        let mut last = String::new();
        for _ in 0..TRIES_MAX {
            let lent = self.get(end, ask.plan != SqlPlan::Once).await?;
            let begun = timeout_at(end + SLACK, self.begin_on(lent, ask, end)).await;
            let error = match begun {
                Err(_) => return Err(SqlError::Timeout(ask.limits.time_max)),
                Ok(Ok(running)) => return Ok(running),
                Ok(Err(error)) => error,
            };
            if is_lost_name(&error) {
                if self.are_named.swap(false, Ordering::Relaxed) {
                    tracing::warn!(
                        "prepared statements are lost between transactions, as behind a transaction pooler; queries run without them"
                    );
                }
            } else if !is_broken(&error) && !is_old_plan(&error) {
                return Err(refusal(&error));
            }
            last = words(&error);
        }
        Err(SqlError::Unavailable(self.named(&last)))
    }

    async fn begin_on(&self, lent: Lent, ask: &SqlAsk, end: Instant) -> Result<Running, Error> {
        let client = lent.client();
        let statement = &ask.statement;
        let types = types(statement);
        let is_named = ask.plan != SqlPlan::Once && self.are_named.load(Ordering::Relaxed);
        let left = end.saturating_duration_since(Instant::now());
        let head = begin_sql(
            ask.plan,
            left + if ask.limits.bytes_max == u64::MAX {
                ask.limits.hold_max
            } else {
                Duration::ZERO
            },
        );
        let values = ask.values.iter().map(Bound);
        let is_asked = AtomicBool::new(false);
        let rows = {
            let begin = client.batch_execute(&head);
            let query = async {
                // Inside of the transaction: what a name means depends on the search path that it has.
                let prepared = if is_named {
                    Some(client.prepare_typed_cached(statement.text(), &types).await?)
                } else {
                    None
                };
                is_asked.store(true, Ordering::Relaxed);
                let rows = match &prepared {
                    Some(prepared) => client.query_raw(prepared, values).await?,
                    None => client.query_typed_raw(statement.text(), values.zip(types)).await?,
                };
                Ok((rows, prepared))
            };
            // Order matters: what is polled first goes out first.
            let mut begun = pin!(future::join(begin, query));
            let mut rollback = pin!(client.batch_execute("ROLLBACK"));
            let mut is_sent = false;
            let (begun, rows) = future::poll_fn(|context| {
                let begun = begun.as_mut().poll(context);
                if !is_sent && (is_asked.load(Ordering::Relaxed) || begun.is_ready()) {
                    is_sent = true;
                    // On its way behind the statement, or behind what kept it from being asked. Nobody waits for it: it is
                    // answered when the rows are over, and a connection that did not get that far is never used again.
                    let _ = rollback.as_mut().poll(context);
                }
                begun
            })
            .await;
            begun?;
            rows
        };
        match rows {
            Ok((rows, prepared)) => Ok(Running { rows: Box::pin(rows), prepared, lent }),
            Err(error) => {
                // It has said why, and nothing is left of it.
                if !is_broken(&error) && !is_lost_name(&error) && !is_old_plan(&error) {
                    lent.give_back();
                }
                Err(error)
            }
        }
    }
}

pub(crate) fn types(statement: &Statement) -> Vec<Type> {
    statement.params().iter().map(|param| type_of(param.kind)).collect()
}

/// The user's tables stand in `public`, ours in `eyas`. JIT takes longer than any query that is asked often.
pub(crate) fn begin_sql(plan: SqlPlan, time_max: Duration) -> String {
    let plan = match plan {
        SqlPlan::Once | SqlPlan::Kept => "",
        SqlPlan::Generic => "; SET LOCAL plan_cache_mode = force_generic_plan",
    };
    format!(
        "BEGIN READ ONLY; SET LOCAL statement_timeout = {}; SET LOCAL search_path = public, eyas; SET LOCAL jit = off{plan}",
        time_max.as_millis().max(1)
    )
}

/// The statement may run again on another connection.
pub(crate) fn is_broken(error: &Error) -> bool {
    error.is_closed()
        || match error.code() {
            Some(code) => {
                *code != SqlState::QUERY_CANCELED && may_pass(error) && !is_read_only(code)
            }
            None => may_pass(error),
        }
}

fn is_read_only(code: &SqlState) -> bool {
    *code == SqlState::READ_ONLY_SQL_TRANSACTION
}

/// A prepared statement that the server does not know, or knows already: another session than the one that it was made in.
fn is_lost_name(error: &Error) -> bool {
    matches!(
        error.code(),
        Some(&SqlState::INVALID_SQL_STATEMENT_NAME | &SqlState::DUPLICATE_PSTATEMENT)
    )
}

/// A prepared statement that has other columns since its table was changed. Another connection prepares it anew.
fn is_old_plan(error: &Error) -> bool {
    error.as_db_error().is_some_and(|db| {
        *db.code() == SqlState::FEATURE_NOT_SUPPORTED && db.message().contains("cached plan")
    })
}

/// Why there is no answer, in the database's words.
pub(crate) fn refusal(error: &Error) -> SqlError {
    let Some(code) = error.code() else { return SqlError::Unavailable(words(error)) };
    // Syntax, names, rights; what no transaction that reads may; what the server cannot do.
    let is_refused = ["42", "25", "0A"].iter().any(|class| code.code().starts_with(class));
    if *code == SqlState::QUERY_CANCELED {
        SqlError::Timeout(Duration::ZERO)
    } else if is_refused {
        SqlError::Refused(words(error))
    } else if may_pass(error) {
        SqlError::Unavailable(words(error))
    } else {
        SqlError::Failed(words(error))
    }
}
