//! Events sent at a steady pace while many subscribers take the time at which each arrives.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use crate::bench::connection::Connection;
use crate::bench::sample;
use crate::bench::subscriber::Subscriber;

/// Keep-alive connections that take turns in sending.
const SENDERS: u64 = 8;
/// How long the last deliveries may take.
const DELIVERY_MAX: Duration = Duration::from_secs(30);

/// When each event was sent, seen by all subscribers.
pub(crate) struct Clock {
    start: Instant,
    /// The number of the first event.
    first: u64,
    sent_us: Vec<AtomicU64>,
}

impl Clock {
    /// For the events `first..first + n_events`.
    pub(crate) fn new(first: u64, n_events: u64) -> Arc<Self> {
        let sent_us = (0..n_events).map(|_| AtomicU64::new(0)).collect();
        Arc::new(Self { start: Instant::now(), first, sent_us })
    }

    fn now_us(&self) -> u64 {
        self.start.elapsed().as_micros() as u64
    }

    fn slot(&self, number: u64) -> Option<&AtomicU64> {
        self.sent_us.get(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }
}

/// What became of one round: every delivery's time from sent to read, in microseconds, sorted.
///
/// # Errors
/// When an event is refused, or not everybody gets everything.
pub(crate) async fn round(
    address: SocketAddr,
    subscribers: &mut Vec<Subscriber>,
    first: u64,
    rate: u64,
    during: Duration,
) -> anyhow::Result<Vec<u32>> {
    let n_events = rate * during.as_secs();
    let clock = Clock::new(first, n_events);
    let mut reading = JoinSet::new();
    for subscriber in subscribers.drain(..) {
        reading.spawn(read(subscriber, Arc::clone(&clock)));
    }
    send(address, &clock, rate).await?;
    let mut all_us = Vec::new();
    let collected = timeout(DELIVERY_MAX, async {
        while let Some(read) = reading.join_next().await {
            let (subscriber, latencies_us) = read??;
            subscribers.push(subscriber);
            all_us.extend(latencies_us);
        }
        anyhow::Ok(())
    });
    collected.await.context("not every subscriber got every event in 30 s")??;
    all_us.sort_unstable();
    Ok(all_us)
}

/// Sends all events of the clock, each at its time.
async fn send(address: SocketAddr, clock: &Arc<Clock>, rate: u64) -> anyhow::Result<()> {
    let failed = Arc::new(AtomicBool::new(false));
    let begin = Instant::now() + Duration::from_millis(100);
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS {
        let (clock, failed) = (Arc::clone(clock), Arc::clone(&failed));
        senders.spawn(async move {
            let mut connection = Connection::open(address).await?;
            let mut body = Vec::new();
            for at in (sender..clock.sent_us.len() as u64).step_by(SENDERS as usize) {
                sleep_until(begin + Duration::from_secs_f64(at as f64 / rate as f64)).await;
                body.clear();
                let number = clock.first + at;
                sample::write_envelope(&mut body, number);
                let slot = clock.slot(number).context("every number has its slot")?;
                slot.store(clock.now_us(), Ordering::Relaxed);
                let status = connection.post("/events", "application/json", &body).await?;
                if status != 202 {
                    failed.store(true, Ordering::Relaxed);
                }
            }
            anyhow::Ok(())
        });
    }
    while let Some(sent) = senders.join_next().await {
        sent??;
    }
    ensure!(!failed.load(Ordering::Relaxed), "an event was refused");
    Ok(())
}

/// Reads until every event of the clock is there.
async fn read(
    mut subscriber: Subscriber,
    clock: Arc<Clock>,
) -> anyhow::Result<(Subscriber, Vec<u32>)> {
    let n_events = clock.sent_us.len();
    let mut latencies_us = Vec::with_capacity(n_events);
    while latencies_us.len() < n_events {
        subscriber
            .read(|text| {
                if let Some(slot) = sample::number(text).and_then(|number| clock.slot(number)) {
                    let sent_us = slot.load(Ordering::Relaxed);
                    latencies_us.push(clock.now_us().saturating_sub(sent_us) as u32);
                }
            })
            .await?;
    }
    Ok((subscriber, latencies_us))
}

/// Opens `count` subscriptions at the head and reads each up to its first message.
///
/// # Errors
/// When one is refused.
pub(crate) async fn subscribe(
    address: SocketAddr,
    count: usize,
    receive_bytes: Option<u32>,
) -> anyhow::Result<Vec<Subscriber>> {
    let mut subscribers = Vec::with_capacity(count);
    for _ in 0..count {
        let mut subscriber = Subscriber::open(address, "/live", receive_bytes).await?;
        let mut is_greeted = false;
        while !is_greeted {
            subscriber.read(|_| is_greeted = true).await?;
        }
        subscribers.push(subscriber);
    }
    Ok(subscribers)
}
