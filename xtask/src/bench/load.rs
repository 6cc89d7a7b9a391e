//! The paced load generator: a fixed number of events a second, whether or not the server keeps up.
//!
//! ```text
//! connection 0   |----|----|----|----     each connection has its own ticks, shifted against the others,
//! connection 1    |----|----|----|---     and one request at a time
//! ```
//!
//! Latency counts from the tick at which a request was due. A server that stalls is charged for all that waited,
//! which a closed loop would hide. Memory is 4 bytes a request.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::bench::connection::Connection;
use crate::bench::sample;

/// Keep-alive connections.
pub(crate) const CONNECTIONS: u32 = 256;
/// From the start to the first event: time for all connections to be made.
const CONNECTING: Duration = Duration::from_millis(200);

/// What happened.
#[derive(Debug, Default)]
pub(crate) struct Load {
    /// Answered with 202.
    pub(crate) n_accepted: u64,
    /// Answered with anything else.
    pub(crate) n_refused: u64,
    /// The first answer that was no 202.
    pub(crate) first_refusal: Option<String>,
    /// Time from due to answered, in microseconds, sorted.
    pub(crate) latencies_us: Vec<u32>,
}

/// Sends `rate` events a second for `during`.
///
/// # Errors
/// When a connection breaks or an answer is not HTTP: its outcome would be unknown and nothing could be proven.
pub(crate) async fn run(address: SocketAddr, rate: u64, during: Duration) -> anyhow::Result<Load> {
    let start = Instant::now() + CONNECTING;
    let (_end, seen) = watch::channel(Some(start + during));
    send(address, rate, start, &seen).await
}

/// Sends `rate` events a second for as long as `work` takes, and hands back what that came to.
///
/// # Errors
/// As `run`, or when `work` fails.
pub(crate) async fn run_beside<T>(
    address: SocketAddr,
    rate: u64,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<(T, Load)> {
    let (end, seen) = watch::channel(None);
    let work = async {
        let done = work.await;
        end.send_replace(Some(Instant::now()));
        done
    };
    let (done, load) = tokio::join!(work, send(address, rate, Instant::now() + CONNECTING, &seen));
    Ok((done?, load?))
}

async fn send(
    address: SocketAddr,
    rate: u64,
    start: Instant,
    end: &watch::Receiver<Option<Instant>>,
) -> anyhow::Result<Load> {
    ensure!(rate > 0, "a rate of 0 sends nothing");
    let mut tasks = JoinSet::new();
    let interval = Duration::from_secs_f64(f64::from(CONNECTIONS) / rate as f64);
    for number in 0..CONNECTIONS {
        let first = start + interval.mul_f64(f64::from(number) / f64::from(CONNECTIONS));
        let pace = Pace { number: u64::from(number), first, interval, end: end.clone() };
        tasks.spawn(connection(address, pace));
    }
    let mut all = Load::default();
    while let Some(done) = tasks.join_next().await {
        let one = done.context("a connection's task failed")??;
        all.n_accepted += one.n_accepted;
        all.n_refused += one.n_refused;
        all.first_refusal = all.first_refusal.or(one.first_refusal);
        all.latencies_us.extend(one.latencies_us);
    }
    all.latencies_us.sort_unstable();
    Ok(all)
}

struct Pace {
    number: u64,
    first: Instant,
    interval: Duration,
    /// When it is over; `None` while nobody knows.
    end: watch::Receiver<Option<Instant>>,
}

impl Pace {
    fn is_over_at(&self, at: Instant) -> bool {
        self.end.borrow().is_some_and(|end| at >= end)
    }
}

async fn connection(address: SocketAddr, pace: Pace) -> anyhow::Result<Load> {
    let mut connection = Connection::open(address).await?;
    let mut load = Load::default();
    let mut body = Vec::new();
    let mut due = pace.first;
    let mut n_sent = 0_u64;
    while !pace.is_over_at(due) {
        sleep_until(due).await;
        // A connection that is late sends at once, and stops with the others: the rest was not delivered.
        if pace.is_over_at(Instant::now()) {
            break;
        }
        body.clear();
        sample::write_envelope(&mut body, pace.number.wrapping_mul(0x9E37_79B9) + n_sent);
        let status = connection.post("/events", "application/json", &body).await?;
        load.latencies_us.push(due.elapsed().as_micros() as u32);
        if status == 202 {
            load.n_accepted += 1;
        } else {
            load.n_refused += 1;
            let answer = || String::from_utf8_lossy(connection.answer()).into_owned();
            load.first_refusal.get_or_insert_with(answer);
        }
        n_sent += 1;
        due += pace.interval;
    }
    Ok(load)
}
