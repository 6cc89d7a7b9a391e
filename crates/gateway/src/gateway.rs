//! The gateway as one value, put together from what it stands on.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};

use axum::Router;
use live::Live;
use model::StreamName;
use pipeline::{Batches, Intake, Jobs, Meters, Retention, Shares};
use store::Stores;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::assets::Assets;
use crate::auth::codes::{Codes, Invitation};
use crate::auth::cookie::Cookie;
use crate::auth::registry::Registry;
use crate::auth::session::Sessions;
use crate::body::Budget;
use crate::edge::{Edge, GatewayOptions};
use crate::encoding::ENCODERS_MAX;
use crate::health::board::Health;
use crate::health::requests::Requests;
use crate::hosts::Hosts;
use crate::openapi;
use crate::queries::published::Queries;
use crate::rate::limiter::Limiter;
use crate::reads::READS_MAX;
use crate::request_id::RequestIds;
use crate::returns::Returns;
use crate::router;
use crate::routes::export::EXPORTS_MAX;
use crate::routes::schemas::DRY_RUNS_MAX;
use crate::routes::session;
use crate::routes::wait::WAITERS_MAX;

/// What the edge stands on.
pub struct GatewayParts {
    /// The only way in.
    pub intake: Intake,
    /// Subscriptions.
    pub live: Live,
    /// The database.
    pub stores: Stores,
    /// Applications and tokens.
    pub registry: Registry,
    /// Who has signed in.
    pub sessions: Sessions,
    /// Long work; somebody runs it.
    pub jobs: Jobs,
    /// Rows of tables; `None` where no table takes any.
    pub batches: Option<Batches>,
    /// The database has not been reached since the start: what would need `batches` waits for it.
    pub is_unasked: bool,
    /// Numbers of the write path.
    pub meters: Arc<Meters>,
    /// What is deleted by age.
    pub retention: Arc<Retention>,
    /// SQL: published, and of administrators.
    pub queries: Queries,
    /// Whose disk `/status` reports.
    pub data_dir: PathBuf,
    /// Settings.
    pub options: GatewayOptions,
}

/// The HTTP edge, ready to [`run`](crate::server::run).
pub struct Gateway {
    pub(crate) edge: Arc<Edge>,
    pub(crate) router: Router,
}

impl Gateway {
    /// Puts the edge together; nothing runs yet.
    pub fn new(parts: GatewayParts) -> Self {
        let GatewayParts {
            intake,
            live,
            stores,
            registry,
            sessions,
            jobs,
            batches,
            is_unasked,
            retention,
            queries,
            meters,
            data_dir,
            options,
        } = parts;
        let edge = Arc::new(Edge {
            hosts: Hosts::new(&options.allowed_hosts, &options.public_url, registry.is_public()),
            budget: Budget::new(options.limits.budget_bytes_max),
            limiter: Limiter::new(&options.limits.rates),
            waiters: Arc::new(Semaphore::new(WAITERS_MAX)),
            reads: Shares::new(READS_MAX),
            statements: Shares::new(stores.sql.statements_max()),
            exports: Shares::new(EXPORTS_MAX),
            dry_runs: Arc::new(Semaphore::new(DRY_RUNS_MAX)),
            encoders: Arc::new(Semaphore::new(ENCODERS_MAX)),
            openapi: openapi::document(&options.version, &options.public_url, &queries),
            assets: Assets::load(),
            health: Health::new(Arc::clone(&stores.control), &data_dir),
            requests: Requests::default(),
            commits: intake.commits(),
            request_ids: RequestIds::new(),
            returns: Returns::default(),
            events: StreamName::events(),
            started_at: pipeline::now(),
            n_connections: AtomicUsize::new(0),
            is_stopping: AtomicBool::new(false),
            closing: CancellationToken::new(),
            is_closing: AtomicBool::new(false),
            drain: CancellationToken::new(),
            tasks: TaskTracker::new(),
            intake,
            live,
            stores,
            registry,
            sessions,
            codes: Codes::default(),
            cookie: Cookie::at(&options.public_url),
            jobs,
            batches,
            is_unasked,
            meters,
            retention,
            queries,
            data_dir,
            options,
        });
        Self { router: router::build(Arc::clone(&edge)), edge }
    }

    /// Applications and tokens.
    pub fn registry(&self) -> &Registry {
        &self.edge.registry
    }

    /// Who has signed in.
    pub fn sessions(&self) -> &Sessions {
        &self.edge.sessions
    }

    /// The console's address; where one has to sign in, with a code of the machine itself, so it is for a terminal only.
    pub fn console_for_a_person(&self) -> String {
        let (edge, url) = (&self.edge, &self.edge.options.public_url);
        let made = (!edge.registry.is_open())
            .then(|| edge.codes.make(Invitation::MACHINE, pipeline::now()).ok());
        made.flatten().map_or_else(|| session::console(url), |made| session::address(url, &made))
    }
}
