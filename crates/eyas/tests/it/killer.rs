//! Kills and starts for the crash tests: the server, and on PostgreSQL the database's server too, in mid transaction.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use testbed::Postgres;
use tokio::sync::watch;
use tokio::task::block_in_place;

use crate::app::TestApp;
use crate::producers::Shared;
use crate::seeded::Rng;

/// The next kill comes after so many acknowledged events, at most.
const ACKS_MAX: u64 = 5_000;
/// Or after this long, when the machine is slow.
const KILL_AFTER_MAX: Duration = Duration::from_secs(3);
/// A start that is killed lives at most this long.
const START_MS_MAX: u64 = 150;
/// The database is away at most this long.
const DOWN_MS_MAX: u64 = 1_000;

/// See the module's page.
pub(crate) struct Killer {
    rng: Rng,
    up: watch::Sender<bool>,
    pub(crate) shared: Arc<Shared>,
    /// Of an administrator.
    pub(crate) token: String,
    /// The database's server, where it has one of its own.
    pub(crate) cluster: Option<Postgres>,
    pub(crate) n_kills: u64,
    /// Kills of the database's server.
    pub(crate) n_database_kills: u64,
    pub(crate) n_starts: u64,
    pub(crate) slowest_start: Duration,
}

impl Killer {
    pub(crate) fn new(
        seed: u64,
        up: watch::Sender<bool>,
        shared: Arc<Shared>,
        cluster: Option<Postgres>,
    ) -> Self {
        Self {
            rng: Rng::new(seed),
            up,
            shared,
            token: String::new(),
            cluster,
            n_kills: 0,
            n_database_kills: 0,
            n_starts: 0,
            slowest_start: Duration::ZERO,
        }
    }

    /// Lets the server work for a while, kills it, or its database, or both, and brings back what is down.
    pub(crate) async fn round(&mut self, app: TestApp) -> TestApp {
        let n_until = match self.rng.below(5) {
            0 => 0,
            _ => 1 + self.rng.below(ACKS_MAX),
        };
        let n_until = self.shared.n_accepted.load(Ordering::Relaxed) + n_until;
        let end = Instant::now() + KILL_AFTER_MAX;
        while self.shared.n_accepted.load(Ordering::Relaxed) < n_until && Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        if self.cluster.is_none() {
            return self.kill(app).await;
        }
        match self.rng.below(5) {
            0 | 1 => self.kill(app).await,
            2 | 3 => {
                self.kill_database();
                self.n_kills += 1;
                let away = self.rng.below(DOWN_MS_MAX);
                tokio::time::sleep(Duration::from_millis(away)).await;
                self.start_database();
                app
            }
            _ => {
                // A start waits for neither of them: the database comes back while nobody is there, and the server after it.
                self.kill_database();
                let launch = app.kill();
                self.up.send_replace(false);
                self.start_database();
                self.n_kills += 1;
                self.start(launch).await
            }
        }
    }

    async fn kill(&mut self, app: TestApp) -> TestApp {
        let launch = app.kill();
        self.up.send_replace(false);
        self.n_kills += 1;
        // Some starts are killed in the middle, one after the other.
        while self.rng.one_in(4) {
            let life = Duration::from_millis(self.rng.below(START_MS_MAX));
            launch.start_and_kill(life).await;
            (self.n_kills, self.n_starts) = (self.n_kills + 1, self.n_starts + 1);
        }
        self.start(launch).await
    }

    async fn start(&mut self, launch: crate::app::Launch) -> TestApp {
        let started = Instant::now();
        let mut app = launch.start().await;
        app.http = app.http.bearing(&self.token);
        self.slowest_start = self.slowest_start.max(started.elapsed());
        self.n_starts += 1;
        self.up.send_replace(true);
        app
    }

    fn kill_database(&mut self) {
        let cluster = self.cluster.as_mut().expect("the database has a server of its own");
        block_in_place(|| cluster.kill());
        self.n_database_kills += 1;
    }

    fn start_database(&mut self) {
        let cluster = self.cluster.as_mut().expect("the database has a server of its own");
        block_in_place(|| cluster.start_again());
    }
}
