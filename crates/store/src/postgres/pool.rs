//! A bounded number of connections, each lent to one call at a time.
//!
//! Nothing is kept in a session: time-outs and durability are set `LOCAL` at the head of each transaction, so a transaction
//! pooler in between makes no difference.
//!
//! ```text
//!   get ──> lent ── give_back: all is answered ─────────────────────────> free
//!             ├─── dropped ──> whatever it was asked is answered ───────> free
//!             │                └ not within a second ─┐
//!             └─── discard ───────────────────────────┴─> cancelled there, closed here
//! ```
//!
//! Invariant: a connection that is lent has nothing to answer any more. Whoever had it before may have been dropped in the
//! middle of a statement, as when a client hangs up, and the next one would wait behind that.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{
    Manager, ManagerConfig, Object, PoolError, RecyclingMethod, Runtime, TimeoutType, Timeouts,
};
use tokio::time::timeout;
use tokio_postgres::{Client as Raw, IsolationLevel, Transaction};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::task::TaskTracker;

use crate::error::StoreError;
use crate::postgres::address::Address;
use crate::postgres::failure::failure;
use crate::postgres::gate::Gate;
use crate::postgres::tls;

/// Longest wait for a free connection, and for a new one. A caller has an answer within their sum, whatever the server does.
const WAIT_MAX: Duration = Duration::from_secs(5);
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// So long a connection that was dropped may take to answer what it was asked before.
const SETTLE_MAX: Duration = Duration::from_secs(1);

/// At the head of every transaction that writes. `on` is the default of the server, which somebody may have changed; who
/// asks for more (`remote_apply`) keeps it. A transaction that nobody goes on with must not hold its locks. The planner is
/// told that our indexes are there to be used: it does not know how small a page is, and its numbers about a table that
/// only grows are always old.
const WRITING: &str = "SET LOCAL statement_timeout = '60s'; SET LOCAL lock_timeout = '30s'; \
    SET LOCAL idle_in_transaction_session_timeout = '60s'; \
    SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off; \
    SET LOCAL jit = off; \
    SELECT set_config('synchronous_commit', 'on', true) \
    WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write')";
/// For transactions that take as long as they take. Servers before 17 do not know the setting.
pub(crate) const UNBOUNDED: &str = "SELECT pg_catalog.set_config('transaction_timeout', '0', true) \
    WHERE pg_catalog.current_setting('transaction_timeout', true) IS NOT NULL";
/// At the head of every one that reads.
const READING: &str = "SET LOCAL statement_timeout = '10s'; \
    SET LOCAL idle_in_transaction_session_timeout = '60s'; \
    SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off; \
    SET LOCAL jit = off";

/// The connections. They are made when they are needed, and again after one broke.
#[derive(Clone)]
pub(crate) struct Pool {
    lent: deadpool_postgres::Pool,
    gate: Arc<Gate>,
    shown: String,
    tls: MakeRustlsConnect,
    /// Connections that were dropped, until they are free or closed.
    settling: TaskTracker,
}

impl Pool {
    /// At most `n_connections`, none yet. Needs a runtime around it.
    pub(crate) fn new(
        address: &Address,
        gate: &Arc<Gate>,
        n_connections: usize,
    ) -> Result<Self, StoreError> {
        let tls = tls::connector(&address.trusting)?;
        let settings = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(address.config.clone(), tls.clone(), settings);
        let pool = deadpool_postgres::Pool::builder(manager)
            .max_size(n_connections)
            .timeouts(Timeouts { wait: Some(WAIT_MAX), create: Some(CONNECT_MAX), recycle: None })
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| StoreError::Unusable(error.to_string()))?;
        let (gate, settling) = (Arc::clone(gate), TaskTracker::new());
        Ok(Self { lent: pool, gate, shown: address.shown(), tls, settling })
    }

    /// A connection, for as long as the caller keeps it.
    ///
    /// # Errors
    /// `Unavailable` after some seconds without one, at once where the server could not be reached a moment ago;
    /// `Unusable` where the server does not want us.
    pub(crate) async fn get(&self) -> Result<Client, StoreError> {
        // Connections that stand are used whatever became of new ones.
        let _attempt = if self.lent.status().available == 0 {
            let attempt = self.gate.enter();
            Some(attempt.map_err(|why| StoreError::Unavailable(self.named(&why)))?)
        } else {
            None
        };
        let error = match self.lent.get().await {
            Ok(object) => {
                if Object::metrics(&object).recycle_count == 0 {
                    self.gate.succeeded();
                }
                let (tls, settling) = (self.tls.clone(), self.settling.clone());
                return Ok(Client { object: Some(object), tls, settling });
            }
            Err(error) => error,
        };
        let (why, is_down) = match error {
            PoolError::Backend(error) => match failure(error) {
                StoreError::Unavailable(why) => (why, true),
                // A wrong password or a database that is not there may be mended while we run.
                StoreError::Unusable(why) => {
                    self.gate.failed(why.clone());
                    return Err(StoreError::Unusable(self.named(&why)));
                }
                other => return Err(other),
            },
            PoolError::Timeout(TimeoutType::Wait) => ("all connections are busy".to_owned(), false),
            PoolError::Timeout(_) => ("it does not answer".to_owned(), true),
            PoolError::Closed => ("the store is closed".to_owned(), false),
            error => (error.to_string(), true),
        };
        if is_down {
            self.gate.failed(why.clone());
        }
        Err(StoreError::Unavailable(self.named(&why)))
    }

    /// No more connections; those on loan end when they are given back.
    pub(crate) fn close(&self) {
        self.lent.close();
    }

    /// Connections that were dropped and are looked after.
    #[cfg(test)]
    pub(crate) fn n_settling(&self) -> usize {
        self.settling.len()
    }

    fn named(&self, why: &str) -> String {
        format!("PostgreSQL at {}: {why}", self.shown)
    }
}

/// Why there is one.
const KEPT: &str = "it is there until it is given back";

/// A connection on loan. Statements outside a transaction have the server's own time-outs.
pub(crate) struct Client {
    object: Option<Object>,
    tls: MakeRustlsConnect,
    settling: TaskTracker,
}

impl Client {
    /// A transaction that writes: durable when its commit has returned, and never left alone. Dropped without a commit it
    /// is rolled back.
    pub(crate) async fn begin(&mut self) -> Result<Transaction<'_>, StoreError> {
        self.begin_with(async |_| Ok(())).await
    }

    /// The same with its first statement, which is on its way before the settings are answered.
    pub(crate) async fn begin_with(
        &mut self,
        first: impl AsyncFnOnce(&Transaction<'_>) -> Result<(), StoreError>,
    ) -> Result<Transaction<'_>, StoreError> {
        let tx = self.start(IsolationLevel::ReadCommitted, false).await?;
        // Order matters: what is polled first goes out first.
        let (set, first) = futures_util::join!(tx.batch_execute(WRITING), first(&tx));
        set.map_err(failure)?;
        first?;
        Ok(tx)
    }

    /// A transaction that only reads: all its statements see the same moment.
    pub(crate) async fn snapshot(&mut self) -> Result<Transaction<'_>, StoreError> {
        let tx = self.start(IsolationLevel::RepeatableRead, true).await?;
        tx.batch_execute(READING).await.map_err(failure)?;
        Ok(tx)
    }

    async fn start(
        &mut self,
        level: IsolationLevel,
        reads_only: bool,
    ) -> Result<Transaction<'_>, StoreError> {
        // Not the pool's own kind of transaction: that one prepares statements under names.
        let raw: &mut Raw = self.object.as_mut().expect(KEPT);
        let begin = raw.build_transaction().isolation_level(level).read_only(reads_only);
        begin.start().await.map_err(failure)
    }

    /// The connection is free: everything that it was asked is answered.
    pub(crate) fn give_back(mut self) {
        drop(self.object.take());
    }

    /// Lets go of the connection and of everything that the server keeps for it. What still runs there is cancelled.
    pub(crate) fn discard(mut self) {
        if let Some(object) = self.object.take() {
            let tls = self.tls.clone();
            self.settling.spawn(close(object, tls));
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let Some(object) = self.object.take() else { return };
        let tls = self.tls.clone();
        self.settling.spawn(async move {
            // Answered behind all that went before.
            match timeout(SETTLE_MAX, object.simple_query("")).await {
                Ok(Ok(_)) => drop(object),
                _ => close(object, tls).await,
            }
        });
    }
}

/// Whether the request to cancel comes in time or not: nobody waits for an answer any more.
async fn close(object: Object, tls: MakeRustlsConnect) {
    if object.is_closed() {
        return;
    }
    let token = object.cancel_token();
    drop(Object::take(object));
    let _ = timeout(CONNECT_MAX, token.cancel_query(tls)).await;
}

impl Deref for Client {
    type Target = Raw;

    fn deref(&self) -> &Raw {
        self.object.as_ref().expect(KEPT)
    }
}
