//! A bounded number of places that many want, shared so that no holder can take them from all others.
//!
//! One rule: nobody comes to more places than are left free. Whoever is alone has half of them at most, two have a third each,
//! and whoever has none gets one as long as any is free:
//!
//! ```text
//!   8 places   a a a a . . . .     a has 4, and 4 are free: a gets no more
//!              a a a a b b . .     b has 2, and 2 are free: nor does b
//!              a a a a b b c .     c gets one all the same
//! ```
//!
//! Whoever waits is served when a place becomes free: first who has the least, and of those who came first.
//!
//! Invariant: what the holders have together is what is taken, and a place is given back when its [`Share`] is dropped. Only
//! who has a place or waits for one is remembered.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use thiserror::Error;
use tokio::sync::oneshot;
use tokio::time;

/// See the module's page.
#[derive(Debug)]
pub struct Shares {
    n_all: usize,
    // A lock: taken for some look-ups, never across an await.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    n_taken: usize,
    last_ticket: u64,
    holders: HashMap<Arc<str>, Holding>,
}

#[derive(Debug, Default)]
struct Holding {
    n_held: usize,
    /// Those of this holder who wait, in the order in which they came.
    waiting: BTreeMap<u64, oneshot::Sender<Share>>,
}

/// Places that are held, given back when this is dropped.
#[derive(Debug)]
#[must_use]
pub struct Share {
    shares: Arc<Shares>,
    holder: Arc<str>,
    n: usize,
}

/// There is no place for this holder: whose fault it is, for people.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{}", self.words())]
pub struct Crowded {
    /// Who asked.
    pub holder: String,
    /// What the holder has.
    pub n_held: usize,
    /// What nobody has.
    pub n_free: usize,
    /// All places.
    pub n_all: usize,
}

impl Crowded {
    fn words(&self) -> String {
        let Self { holder, n_held, n_free, n_all } = self;
        match (n_held, n_free) {
            (0, _) => format!("others have all {n_all} places"),
            (_, 0) => format!("all {n_all} places are taken, {n_held} of them by {holder}"),
            _ => format!(
                "{holder} has {n_held} of the {n_all} places, and the {n_free} that are free are kept for others"
            ),
        }
    }
}

impl Shares {
    /// So many places, all free.
    pub fn new(n_all: usize) -> Arc<Self> {
        Arc::new(Self { n_all, state: Mutex::default() })
    }

    /// Places for `holder`, whose name is for people, too; all of `n` at once or none.
    ///
    /// # Errors
    /// It would have more than are left for others.
    pub fn take(self: &Arc<Self>, holder: &str, n: usize) -> Result<Share, Crowded> {
        let mut state = self.lock();
        if state.n_held(holder) + n > self.n_all - state.n_taken {
            return Err(self.crowded(&state, holder));
        }
        let holder = state.named(holder);
        state.n_taken += n;
        state.holders.entry(Arc::clone(&holder)).or_default().n_held += n;
        Ok(Share { shares: Arc::clone(self), holder, n })
    }

    /// One place for `holder`, as soon as there is one. If the future is dropped, nothing is held.
    ///
    /// # Errors
    /// There was none before the time was over.
    pub async fn take_within(
        self: &Arc<Self>,
        holder: &str,
        wait_max: Duration,
    ) -> Result<Share, Crowded> {
        if let Ok(share) = self.take(holder, 1) {
            return Ok(share);
        }
        let mut waiting = self.queue(holder);
        match time::timeout(wait_max, &mut waiting.granted).await {
            Ok(Ok(share)) => Ok(share),
            _ => Err(self.crowded(&self.lock(), holder)),
        }
    }

    /// Places that nobody has.
    pub fn n_free(&self) -> usize {
        self.n_all - self.lock().n_taken
    }

    fn queue(self: &Arc<Self>, holder: &str) -> Waiting {
        let (grant, granted) = oneshot::channel();
        let mut state = self.lock();
        state.last_ticket += 1;
        let (holder, ticket) = (state.named(holder), state.last_ticket);
        state.holders.entry(Arc::clone(&holder)).or_default().waiting.insert(ticket, grant);
        // One may have become free since it was asked for.
        self.hand_out(&mut state);
        Waiting { shares: Arc::clone(self), holder, ticket, granted }
    }

    /// Gives what is free to those who wait and may have it.
    fn hand_out(self: &Arc<Self>, state: &mut State) {
        loop {
            let n_free = self.n_all - state.n_taken;
            let may = state.holders.iter_mut().filter(|(_, holding)| holding.n_held < n_free);
            let next = may.filter_map(|(holder, holding)| {
                let (&ticket, _) = holding.waiting.first_key_value()?;
                Some(((holding.n_held, ticket), holder, holding))
            });
            let Some((_, holder, holding)) = next.min_by_key(|(place, ..)| *place) else { return };
            let Some((_, grant)) = holding.waiting.pop_first() else { return };
            let share = Share { shares: Arc::clone(self), holder: Arc::clone(holder), n: 1 };
            match grant.send(share) {
                Ok(()) => {
                    holding.n_held += 1;
                    state.n_taken += 1;
                }
                // Nobody waits any more. It was never counted, and must not take the lock that we have.
                Err(mut share) => share.n = 0,
            }
        }
    }

    fn crowded(&self, state: &State, holder: &str) -> Crowded {
        Crowded {
            holder: holder.to_owned(),
            n_held: state.n_held(holder),
            n_free: self.n_all - state.n_taken,
            n_all: self.n_all,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn n_held(&self, holder: &str) -> usize {
        self.holders.get(holder).map_or(0, |holding| holding.n_held)
    }

    fn named(&self, holder: &str) -> Arc<str> {
        self.holders.get_key_value(holder).map_or_else(|| holder.into(), |(name, _)| name.clone())
    }

    /// Changes a holder, who is forgotten where nothing is left of it.
    fn change(&mut self, holder: &str, change: impl FnOnce(&mut Holding)) {
        let Some(holding) = self.holders.get_mut(holder) else { return };
        change(holding);
        if holding.n_held == 0 && holding.waiting.is_empty() {
            self.holders.remove(holder);
        }
    }
}

impl Share {
    /// More places beside those that it has; all of `n` at once or none.
    ///
    /// # Errors
    /// As of [`Shares::take`].
    pub fn grow(&mut self, n: usize) -> Result<(), Crowded> {
        let mut more = self.shares.take(&self.holder, n)?;
        // They stay counted, and are given back with the others.
        self.n += std::mem::take(&mut more.n);
        Ok(())
    }

    /// Places that it has.
    pub fn n(&self) -> usize {
        self.n
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.n > 0 {
            let mut state = self.shares.lock();
            state.n_taken -= self.n;
            state.change(&self.holder, |holding| holding.n_held -= self.n);
            self.shares.hand_out(&mut state);
        }
    }
}

/// Somebody who waits. Dropped, it waits no more; a place that is on its way to it is given back.
struct Waiting {
    shares: Arc<Shares>,
    holder: Arc<str>,
    ticket: u64,
    granted: oneshot::Receiver<Share>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut state = self.shares.lock();
        state.change(&self.holder, |holding| drop(holding.waiting.remove(&self.ticket)));
    }
}
