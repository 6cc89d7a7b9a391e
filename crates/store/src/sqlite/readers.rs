//! A few read-only connections, each lent to one call at a time on the blocking threads.
//!
//! Invariant: no read transaction outlives its call, so a reader never holds up the checkpoint for
//! longer than one bounded read.

use std::path::Path;
use std::sync::{Arc, Mutex};

use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::StoreError;
use crate::sqlite::connection;

/// The connections. Calls beyond their number wait in order of arrival.
pub(crate) struct Readers {
    // One permit for each connection in `idle`.
    permits: Arc<Semaphore>,
    // A lock for a push or a pop; no query runs under it.
    idle: Arc<Mutex<Vec<Connection>>>,
    n_connections: u32,
}

impl Readers {
    /// Opens `n_connections` (at least one).
    pub(crate) fn open(path: &Path, n_connections: usize) -> Result<Self, StoreError> {
        let n_connections = n_connections.clamp(1, 64);
        let idle: Result<Vec<_>, _> =
            (0..n_connections).map(|_| connection::open_reader(path)).collect();
        Ok(Self {
            permits: Arc::new(Semaphore::new(n_connections)),
            idle: Arc::new(Mutex::new(idle?)),
            n_connections: n_connections as u32,
        })
    }

    /// Runs the job on a free connection. If the future is dropped, a job that began runs to its end.
    pub(crate) async fn run<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let closed = |_| StoreError::Unavailable("the store is closed".to_owned());
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(closed)?;
        let lent = Lent::take(Arc::clone(&self.idle), permit);
        let joined = tokio::task::spawn_blocking(move || job(lent.connection())).await;
        joined.map_err(|error| StoreError::Unavailable(format!("the read broke off: {error}")))?
    }

    /// Waits for the running calls and closes the connections. Later calls do nothing.
    pub(crate) async fn close(&self) {
        if self.permits.acquire_many(self.n_connections).await.is_ok() {
            self.permits.close();
        }
        self.idle.lock().expect("nobody panics under this lock").clear();
    }
}

/// A connection on loan; it goes back when this is dropped, also when the job panics.
struct Lent {
    connection: Option<Connection>,
    idle: Arc<Mutex<Vec<Connection>>>,
    // Order matters: declared last and so given back after the connection.
    _permit: OwnedSemaphorePermit,
}

impl Lent {
    fn take(idle: Arc<Mutex<Vec<Connection>>>, permit: OwnedSemaphorePermit) -> Self {
        let connection = idle.lock().expect("nobody panics under this lock").pop();
        Self { connection, idle, _permit: permit }
    }

    fn connection(&self) -> &Connection {
        self.connection.as_ref().expect("there are as many connections as permits")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.idle.lock().expect("nobody panics under this lock").push(connection);
        }
    }
}
