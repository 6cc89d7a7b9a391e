//! The one thread that writes to a database file, fed by a short channel of jobs.
//!
//! SQLite allows one writer at a time; a thread that owns the connection makes that a matter of
//! order instead of locks. Invariant: jobs run one after the other, in the order of their arrival,
//! and a job that was taken runs to its end even if nobody waits for its answer any more. None begins inside a transaction
//! that another one could not end.

use std::sync::Mutex;
use std::thread::{Builder, JoinHandle};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::error::StoreError;
use crate::sqlite::failure::failure;

/// Jobs that may wait. There is one consumer, so this is room for it, a claim and little else.
const JOBS_MAX: usize = 8;

type Job = Box<dyn FnOnce(Result<&mut Connection, StoreError>) + Send>;

/// Handle of the writer thread.
pub(crate) struct Writer {
    // A lock, because `close` takes the sender away while others may clone it; held for that only.
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    // A lock, because joining needs the handle by value; held for the taking only.
    thread: Mutex<Option<JoinHandle<Result<(), StoreError>>>>,
}

impl Writer {
    /// Starts the thread, which owns the connection from now on.
    pub(crate) fn start(conn: Connection) -> Result<Self, StoreError> {
        let (jobs, receiver) = mpsc::channel(JOBS_MAX);
        let thread = Builder::new()
            .name("eyas-sqlite".to_owned())
            .spawn(move || work(conn, receiver))
            .map_err(|error| {
                StoreError::Unavailable(format!("no thread to write with: {error}"))
            })?;
        Ok(Self { jobs: Mutex::new(Some(jobs)), thread: Mutex::new(Some(thread)) })
    }

    /// Runs the job on the writer's connection. If the future is dropped, the job may or may not run.
    pub(crate) async fn run<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let ended = || StoreError::Unusable("the writer has ended; restart the program".to_owned());
        let jobs = self.jobs.lock().expect("nobody panics under this lock").clone();
        let jobs = jobs.ok_or_else(|| StoreError::Unavailable("the store is closed".to_owned()))?;
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |conn| {
            // A caller that went away has dropped its end; the work is done all the same.
            let _ = answer.send(conn.and_then(job));
        });
        jobs.send(job).await.map_err(|_| ended())?;
        // The thread ends when the last sender is gone, so this one must not wait for the answer.
        drop(jobs);
        answered.await.map_err(|_| ended())?
    }

    /// Lets the thread finish what is queued and put the file in order. Later calls do nothing.
    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        drop(self.jobs.lock().expect("nobody panics under this lock").take());
        let thread = self.thread.lock().expect("nobody panics under this lock").take();
        let Some(thread) = thread else { return Ok(()) };
        let joined = tokio::task::spawn_blocking(move || thread.join()).await;
        match joined {
            Ok(Ok(res)) => res,
            Ok(Err(_)) => Err(StoreError::Unusable("the writer thread panicked".to_owned())),
            Err(error) => Err(StoreError::Unavailable(format!("nobody waits any more: {error}"))),
        }
    }
}

fn work(mut conn: Connection, mut jobs: mpsc::Receiver<Job>) -> Result<(), StoreError> {
    while let Some(job) = jobs.blocking_recv() {
        let free = end_leftover(&conn);
        job(free.map(|()| &mut conn));
    }
    conn.execute_batch("PRAGMA optimize").map_err(failure)?;
    let is_busy: bool =
        conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).map_err(failure)?;
    if is_busy {
        tracing::warn!(
            "another process reads the database: the write-ahead log stays for the next start"
        );
    }
    conn.close().map_err(|(_, error)| failure(error))
}

/// Where memory or the disk runs out, a job may not even be able to roll back what it has begun. What comes next would then
/// be refused, or be lost with the rest.
fn end_leftover(conn: &Connection) -> Result<(), StoreError> {
    if conn.is_autocommit() { Ok(()) } else { conn.execute_batch("ROLLBACK").map_err(failure) }
}
