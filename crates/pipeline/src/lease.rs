//! The right to apply a log: how a consumer takes the lease of its lane, keeps it, and gives it back. The same for events and
//! for batches.
//!
//! ```text
//!   ask ─> (did a copy of the log feed it?) ─> take ─> renew, look … ─────────> give back
//!    ^                                                      │ failure                ^ the end
//!    └────────────── outlast: a pause by its kind <─────────┴────────────────────────┘
//! ```
//!
//! Invariant: nothing here remembers how far the database came. Whoever applies does, and says it where it is compared.

use std::sync::Arc;
use std::time::Duration;

use model::{Seq, Timestamp};
use queue::Queue;
use store::{BatchStore, Claim, EventStore, Lease, StoreError};
use tokio::time;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::clock;
use crate::halt::{Halt, StartError, halt, jittered};
use crate::meters::ConsumerState;

/// First pause after a failure; doubles up to [`Tenancy::retry_max`].
const RETRY_FIRST: Duration = Duration::from_millis(100);
/// Longest wait for the end of the lease at the end of the server.
const RELEASE_MAX: Duration = Duration::from_secs(5);

/// How a consumer is with the database that it feeds.
#[derive(Clone, Debug)]
pub struct Tenancy {
    /// Who it is: the same after a restart of the same installation, so that it need not wait for its own lease; another
    /// one for a copy of its data directory.
    pub holder: String,
    /// Others can reach the database too, and it may lose commits: it is looked at while nothing comes, the lease is renewed
    /// meanwhile, and given back at the end.
    pub is_shared: bool,
    /// How long a claim holds.
    pub lease: Duration,
    /// How often an idle consumer looks whether something is to be done besides.
    pub look_every: Duration,
    /// Longest pause between two tries when the database does not answer.
    pub retry_max: Duration,
    /// Pause between two tries when the database refuses nearly everything or cannot be used: a person has to mend it first.
    pub refused_retry: Duration,
}

/// Where a lane's lease stands.
pub(crate) enum LeaseRow {
    Events(Arc<dyn EventStore>),
    Batches(Arc<dyn BatchStore>),
}

impl LeaseRow {
    async fn read(&self) -> Result<Lease, StoreError> {
        match self {
            Self::Events(store) => store.lease().await,
            Self::Batches(store) => store.lane().await,
        }
    }

    async fn claim(&self, claim: Claim) -> Result<Lease, StoreError> {
        match self {
            Self::Events(store) => store.claim(claim).await,
            Self::Batches(store) => store.claim_lane(claim).await,
        }
    }

    /// Whose log it is, with a space behind it.
    pub(crate) fn of(&self) -> &'static str {
        match self {
            Self::Events(_) => "",
            Self::Batches(_) => "batches' ",
        }
    }

    /// Who applies, and what stays in the log meanwhile.
    fn words(&self) -> (&'static str, &'static str) {
        match self {
            Self::Events(_) => ("the consumer", "event"),
            Self::Batches(_) => ("the lane of batches", "batch"),
        }
    }
}

/// Why the lease was not taken.
pub(crate) enum NotTaken {
    Store(StoreError),
    /// What the database lacks is no longer in the log.
    Mismatch(String),
    /// The database has more than this log ever held.
    Ahead(String),
    /// The database has something else where this log says that it was applied.
    Forked(String),
}

impl From<NotTaken> for StartError {
    fn from(why: NotTaken) -> Self {
        match why {
            NotTaken::Store(error) => Self::Store(error),
            NotTaken::Mismatch(text) | NotTaken::Ahead(text) => Self::Mismatch(text),
            NotTaken::Forked(text) => Self::Forked(text),
        }
    }
}

/// Of a server that runs, and had the lease before.
impl From<NotTaken> for Halt {
    fn from(why: NotTaken) -> Self {
        match why {
            NotTaken::Store(error @ StoreError::Held { .. }) => Self::Overtaken(error.into()),
            NotTaken::Store(error) => halt(error),
            NotTaken::Mismatch(text) => Self::Alarm(text),
            NotTaken::Ahead(text) | NotTaken::Forked(text) => {
                Self::Overtaken(StartError::Forked(text))
            }
        }
    }
}

/// See the module's page.
pub(crate) struct Holding {
    queue: Arc<dyn Queue>,
    row: LeaseRow,
    tenancy: Tenancy,
    /// Until when the last claim holds.
    until: Option<Timestamp>,
    /// Of the next try where the database does not answer.
    pause: Duration,
    is_blocked: bool,
}

impl Holding {
    pub(crate) fn new(queue: Arc<dyn Queue>, row: LeaseRow, tenancy: Tenancy) -> Self {
        Self { queue, row, tenancy, until: None, pause: RETRY_FIRST, is_blocked: false }
    }

    /// How far a database came that nobody else feeds, and that belongs to the log; another one is not touched.
    pub(crate) async fn ask(&self) -> Result<Seq, NotTaken> {
        let lease = self.row.read().await.map_err(NotTaken::Store)?;
        let log = self.queue.log();
        if let Some(bound) = lease.log.filter(|bound| *bound != log) {
            return Err(NotTaken::Store(StoreError::OtherLog { bound, log }));
        }
        // Whoever feeds the database now goes before the question who fed it.
        lease.held_by_other(&self.tenancy.holder, clock::now()).map_err(NotTaken::Store)?;
        self.check(lease.applied)?;
        Ok(lease.applied)
    }

    /// Takes the lease of a database that is still where it was when it was [asked](Self::ask).
    pub(crate) async fn take(&mut self, applied: Seq) -> Result<(), NotTaken> {
        let lease = self.claim(self.tenancy.lease).await.map_err(NotTaken::Store)?;
        if lease.applied != applied {
            return Err(NotTaken::Store(StoreError::Fenced { expected: applied }));
        }
        Ok(())
    }

    /// Whether this log can have fed the database, and can go on feeding it.
    fn check(&self, applied: Seq) -> Result<(), NotTaken> {
        let (bounds, of) = (self.queue.bounds(), self.row.of());
        if applied > bounds.last.max(bounds.first.prev()) {
            return Err(NotTaken::Ahead(format!(
                "the database has applied {applied}, but the {of}log ends at {}: the log was restored to an earlier state, or replaced",
                bounds.last
            )));
        }
        if bounds.first > applied.next() {
            return Err(NotTaken::Mismatch(format!(
                "the database has applied {applied}, but the {of}log begins at {}: what lies between is missing; was the database restored to an earlier state?",
                bounds.first
            )));
        }
        Ok(())
    }

    async fn claim(&mut self, time: Duration) -> Result<Lease, StoreError> {
        let now = clock::now();
        let until = Timestamp::from_micros(now.micros() + time.as_micros() as i64);
        let (holder, log) = (self.tenancy.holder.clone(), self.queue.log());
        let lease = self.row.claim(Claim { holder, log, now, until }).await?;
        self.until = lease.until;
        Ok(lease)
    }

    /// Claims again where half of the time is gone, a database that has applied so far.
    pub(crate) async fn renew(&mut self, applied: Seq) -> Result<(), Halt> {
        let half_us = self.tenancy.lease.as_micros() as i64 / 2;
        let left_us = |until: Timestamp| until.micros() - clock::now().micros();
        if self.until.is_some_and(|until| left_us(until) >= half_us) {
            return Ok(());
        }
        let renewed = self.claim(self.tenancy.lease).await.map_err(halt)?;
        // What is about to be applied hangs on the old position. To take over the new one would make the fence check the
        // database against itself.
        expect(applied, renewed.applied)
    }

    /// While nothing is applied: waits until it is time to [look](Self::look).
    pub(crate) async fn until_look(&self) {
        time::sleep(self.tenancy.look_every.min(self.tenancy.lease / 4)).await;
    }

    /// Where no transaction has just said so: is the database where it was, and the lease still here? One that went back in
    /// time gets what it lost from the log, so nothing may be trimmed before. One that nobody shares stays as we left it.
    pub(crate) async fn look(&mut self, applied: Seq) -> Result<(), Halt> {
        if !self.tenancy.is_shared {
            return Ok(());
        }
        let found = self.row.read().await.map_err(halt)?;
        expect(applied, found.applied)?;
        if found.holder.as_ref() != Some(&self.tenancy.holder) {
            return Err(Halt::Retry("the lease went to somebody else".to_owned()));
        }
        self.renew(applied).await
    }

    /// Whether the last try stopped at a database that a person has to mend: the alarm stays until something was applied.
    pub(crate) fn is_blocked(&self) -> bool {
        self.is_blocked
    }

    /// Something was applied: the next failure is a new one.
    pub(crate) fn moved(&mut self) {
        (self.pause, self.is_blocked) = (RETRY_FIRST, false);
    }

    /// Tells why nothing is applied, and waits until that is to be tried again, or until `shutdown`. `changed` ends such a pause
    /// early; it is not heard where only a start decides.
    ///
    /// # Errors
    /// Another copy of the log feeds the database, or did.
    pub(crate) async fn outlast(
        &mut self,
        halt: Halt,
        shutdown: &CancellationToken,
        tell: impl FnOnce(ConsumerState),
        changed: impl Future<Output = ()>,
    ) -> Result<(), StartError> {
        let (who, what) = self.row.words();
        let pause = match halt {
            Halt::Retry(reason) => {
                let pause = self.pause;
                warn!(%reason, retry_ms = pause.as_millis() as u64, "{who} tries again");
                tell(ConsumerState::Waiting { reason });
                self.pause = (pause * 2).min(self.tenancy.retry_max);
                Some(jittered(pause))
            }
            Halt::Blocked(reason) => {
                let pause = self.tenancy.refused_retry;
                let retry_s = pause.as_secs_f64();
                error!(%reason, retry_s, "{who} has stopped; its log goes on and keeps every {what}");
                let reason = format!("{reason} (tried again every {retry_s} s)");
                tell(ConsumerState::Stopped { reason });
                self.is_blocked = true;
                Some(pause)
            }
            Halt::Alarm(reason) => {
                error!(%reason, "{who} has stopped; its log goes on and keeps every {what}");
                tell(ConsumerState::Stopped { reason });
                None
            }
            Halt::Overtaken(error) => return Err(error),
        };
        tokio::select! {
            () = shutdown.cancelled() => Ok(()),
            () = sleep(pause) => Ok(()),
            () = changed, if pause.is_some() => Ok(()),
            held = self.keep() => Err(held.into()),
        }
    }

    /// While it has stopped: keeps the lease, so that nobody takes a server that lives for one that is gone. Ends where
    /// somebody has taken it all the same.
    async fn keep(&mut self) -> StoreError {
        loop {
            self.until_look().await;
            if !self.tenancy.is_shared {
                continue;
            }
            // A database that does not answer, or is not ours any more, changes nothing here.
            let Ok(lease) = self.row.read().await else { continue };
            if lease.log != Some(self.queue.log()) {
                continue;
            }
            if let Err(held) = lease.held_by_other(&self.tenancy.holder, clock::now()) {
                return held;
            }
            // What another one has fed meanwhile is the question of the next try.
            if lease.holder.as_ref() == Some(&self.tenancy.holder) {
                let _ = self.renew(lease.applied).await;
            }
        }
    }

    /// Whoever goes on with this data directory elsewhere need not wait. If it fails, they wait for the time of the lease.
    pub(crate) async fn give_back(&mut self) {
        if !self.tenancy.is_shared {
            return;
        }
        if let Ok(Err(error)) = time::timeout(RELEASE_MAX, self.claim(Duration::ZERO)).await {
            let of = self.row.of();
            info!(%error, "the lease of the {of}log is left to run out");
        }
    }
}

fn expect(remembered: Seq, found: Seq) -> Result<(), Halt> {
    if found == remembered {
        return Ok(());
    }
    Err(Halt::Retry(format!("the database moved by itself, from {remembered} to {found}")))
}

/// `None`: for ever.
async fn sleep(pause: Option<Duration>) {
    match pause {
        Some(pause) => time::sleep(pause).await,
        None => std::future::pending().await,
    }
}
