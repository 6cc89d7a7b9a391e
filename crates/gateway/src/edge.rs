//! What all requests share.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};

use bytes::Bytes;
use live::Live;
use meter::Commits;
use model::{StreamName, Timestamp};
use pipeline::{Batches, Intake, Jobs, Meters, Retention, Shares};
use store::Stores;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::assets::Assets;
use crate::auth::codes::Codes;
use crate::auth::cookie::Cookie;
use crate::auth::registry::Registry;
use crate::auth::session::Sessions;
use crate::body::Budget;
use crate::health::board::Health;
use crate::health::requests::Requests;
use crate::hosts::Hosts;
use crate::limits::Limits;
use crate::queries::published::Queries;
use crate::rate::limiter::Limiter;
use crate::request_id::RequestIds;
use crate::returns::Returns;

/// Settings of the edge.
#[derive(Clone, Debug)]
pub struct GatewayOptions {
    /// Address under which people reach this server, with its scheme: `http://127.0.0.1:8080`.
    pub public_url: String,
    /// Host parts that a request may name, without port; IPv6 with or without brackets.
    pub allowed_hosts: Vec<String>,
    /// Bounds.
    pub limits: Limits,
    /// Version of the program.
    pub version: String,
    /// Name of the data directory, stable over restarts.
    pub instance: String,
    /// Under which name this server holds the leases in its database.
    pub holder: String,
}

/// What all requests share.
pub(crate) struct Edge {
    pub(crate) intake: Intake,
    pub(crate) live: Live,
    /// The database by its contracts.
    pub(crate) stores: Stores,
    pub(crate) jobs: Jobs,
    /// The desk of batches, where a table takes any.
    pub(crate) batches: Option<Batches>,
    /// The database has not been reached since the start.
    pub(crate) is_unasked: bool,
    pub(crate) meters: Arc<Meters>,
    pub(crate) retention: Arc<Retention>,
    /// SQL: published, and of administrators.
    pub(crate) queries: Queries,
    pub(crate) data_dir: PathBuf,
    pub(crate) options: GatewayOptions,
    pub(crate) hosts: Hosts,
    /// Who may what.
    pub(crate) registry: Registry,
    /// Who has signed in to the console, and the codes and the cookie for it.
    pub(crate) sessions: Sessions,
    pub(crate) codes: Codes,
    pub(crate) cookie: Cookie,
    pub(crate) budget: Budget,
    pub(crate) limiter: Limiter,
    /// One permit for each request that waits for the database (`Prefer: wait`).
    pub(crate) waiters: Arc<Semaphore>,
    /// A place for each request that reads events and the like.
    pub(crate) reads: Arc<Shares>,
    /// A place for each statement of SQL that runs in the database.
    pub(crate) statements: Arc<Shares>,
    /// One for each export under way.
    pub(crate) exports: Arc<Shares>,
    /// One for each schema that is being tried on stored events.
    pub(crate) dry_runs: Arc<Semaphore>,
    /// One for each answer that is being compressed.
    pub(crate) encoders: Arc<Semaphore>,
    pub(crate) openapi: Bytes,
    pub(crate) assets: Assets,
    pub(crate) health: Health,
    pub(crate) requests: Requests,
    /// The log writer's own numbers.
    pub(crate) commits: Arc<Commits>,
    pub(crate) request_ids: RequestIds,
    pub(crate) returns: Returns,
    /// The name of the stream `events`, made once.
    pub(crate) events: StreamName,
    pub(crate) started_at: Timestamp,
    pub(crate) n_connections: AtomicUsize,
    /// The server is told to stop: `/readyz` is red.
    pub(crate) is_stopping: AtomicBool,
    /// Cancelled when the end begins: each further answer says `Connection: close`.
    pub(crate) closing: CancellationToken,
    /// The same for the path of a request: to ask the token takes a lock that all connections share.
    pub(crate) is_closing: AtomicBool,
    /// Cancelled when the server stops accepting; live connections say bye.
    pub(crate) drain: CancellationToken,
    /// Connections and WebSockets: the server ends when they have.
    pub(crate) tasks: TaskTracker,
}

impl Edge {
    /// Carries out `act` to its end, also where the client hangs up and nobody waits for the answer any more: what is in memory,
    /// and the audit trail, have to follow what is in the store. The server ends after it.
    pub(crate) async fn carry_out<F>(
        self: &Arc<Self>,
        act: impl FnOnce(Arc<Self>) -> F,
    ) -> F::Output
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let done = self.tasks.spawn(act(Arc::clone(self))).await;
        done.expect("nobody aborts it, and it does not panic")
    }
}
