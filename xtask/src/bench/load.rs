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

use anyhow::{Context, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

/// Keep-alive connections.
pub(crate) const CONNECTIONS: u32 = 256;

/// Sessions that the events belong to. Their names are spread, as those of real clients are: rows then land all over
/// the session's index.
const SESSIONS: u64 = 4096;

/// Longest wait for one answer.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// Most bytes of the head and body of one answer.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

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
    ensure!(rate > 0, "a rate of 0 sends nothing");
    let mut tasks = JoinSet::new();
    let start = Instant::now() + Duration::from_millis(200);
    let interval = Duration::from_secs_f64(f64::from(CONNECTIONS) / rate as f64);
    for number in 0..CONNECTIONS {
        let first = start + interval.mul_f64(f64::from(number) / f64::from(CONNECTIONS));
        let pace = Pace { number: u64::from(number), first, interval, end: start + during };
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
    end: Instant,
}

async fn connection(address: SocketAddr, pace: Pace) -> anyhow::Result<Load> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut load = Load::default();
    let mut request = Vec::new();
    let mut answer = Vec::with_capacity(ANSWER_BYTES_MAX);
    let mut due = pace.first;
    let mut n_sent = 0_u64;
    while due < pace.end {
        sleep_until(due).await;
        // A connection that is late sends at once, and stops with the others: the rest was not delivered.
        if Instant::now() >= pace.end {
            break;
        }
        write_request(&mut request, address, pace.number.wrapping_mul(0x9E37_79B9) + n_sent);
        stream.write_all(&request).await?;
        let status = timeout(ANSWER_MAX, read_answer(&mut stream, &mut answer))
            .await
            .context("no answer in 30 s")??;
        load.latencies_us.push(due.elapsed().as_micros() as u32);
        if status == 202 {
            load.n_accepted += 1;
        } else {
            load.n_refused += 1;
            load.first_refusal.get_or_insert_with(|| String::from_utf8_lossy(&answer).into_owned());
        }
        n_sent += 1;
        due += pace.interval;
    }
    Ok(load)
}

fn write_request(request: &mut Vec<u8>, address: SocketAddr, number: u64) {
    use std::io::Write;

    // Multiplying by an odd number spreads the names without a source of randomness: every run sends the same.
    let session = (number % SESSIONS).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut body = [0_u8; 512];
    let mut rest = &mut body[..];
    let wrote = write!(
        rest,
        r#"{{"session_id":"{session:016x}-80b5-f1ffddc25423","category":"page interaction","name":"cta click","data":{{"host":"www.example.com","path":"/pricing/plans","element":"chat bubble","number":{number}}},"timestamp":"2026-01-01T09:15:27.243860Z"}}"#,
    );
    wrote.expect("an envelope is shorter than its buffer");
    let n_left = rest.len();
    let body = &body[..512 - n_left];
    request.clear();
    write!(
        request,
        "POST /events HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len(),
    )
    .expect("a vector takes all");
    request.extend_from_slice(body);
}

/// Reads one answer to its end into `answer`. Returns its status.
async fn read_answer(stream: &mut TcpStream, answer: &mut Vec<u8>) -> anyhow::Result<u16> {
    answer.clear();
    loop {
        if let Some((status, size_bytes)) = head(answer)? {
            ensure!(answer.len() <= size_bytes, "the server sent more than it announced");
            if answer.len() == size_bytes {
                return Ok(status);
            }
        }
        ensure!(answer.len() < ANSWER_BYTES_MAX, "an answer is over 16 KiB");
        ensure!(stream.read_buf(answer).await? > 0, "the server closed the connection");
    }
}

/// Status and full size of the answer, once its head is there.
pub(crate) fn head(answer: &[u8]) -> anyhow::Result<Option<(u16, usize)>> {
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&answer[..end])?;
    let mut lines = text.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok())
        .with_context(|| format!("not an answer: {text}"))?;
    for line in lines {
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            return Ok(Some((status, end + 4 + value.trim().parse::<usize>()?)));
        }
    }
    bail!("an answer without Content-Length: {text}")
}
