//! A gateway on 127.0.0.1 with a log in memory, a database in a temp folder and a running consumer.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use live::{Live, LiveOptions};
use model::{LogId, Seq};
use pipeline::{
    Consumer, ConsumerOptions, Intake, IntakeOptions, JobRunner, Jobs, Meters, Redrive, Retention,
    RetentionRules, Tenancy,
};
use queue::{MemoryQueue, Queue};
use store::{EventStore, SqliteOptions, SqliteStore, Stores};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::auth::registry::Registry;
use crate::auth::session::Sessions;
use crate::edge::{Edge, GatewayOptions};
use crate::ending::Ending;
use crate::gateway::{Gateway, GatewayParts};
use crate::limits::Limits;
use crate::server::run;
use crate::tests::published::published;

pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

pub(crate) struct App {
    pub(crate) address: String,
    pub(crate) log: LogId,
    pub(crate) meters: Arc<Meters>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) server: JoinHandle<Option<TcpListener>>,
    /// Ends the server, but not its listening socket.
    pub(crate) hand_over: CancellationToken,
    pub(crate) edge: Arc<Edge>,
    background: CancellationToken,
    _dir: tempfile::TempDir,
}

/// One answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

fn jobs(stores: &Stores, meters: &Arc<Meters>, live: &Live) -> (Jobs, JobRunner) {
    let jobs = Jobs::new(Arc::clone(&stores.jobs));
    let letters = Arc::clone(&stores.dead_letters);
    let redrive = Redrive::new(letters, Arc::clone(meters), live.changed());
    let runner = JobRunner::new(jobs.clone(), Arc::clone(&stores.jobs), vec![Box::new(redrive)]);
    (jobs, runner)
}
const LIVE: LiveOptions = LiveOptions {
    ring_bytes_max: 1 << 20,
    batch_bytes_max: 256 << 10,
    history_page: 100,
    settle_wait: Duration::from_secs(2),
    read_wait: Duration::from_secs(2),
    shares_bytes_max: 64 << 20,
    n_reads_max: 2,
    warm_records: 100,
    progress_wait: Duration::from_secs(1),
    idle_progress_wait: Duration::from_secs(15),
};

fn tenancy() -> Tenancy {
    Tenancy {
        holder: "test".to_owned(),
        is_shared: false,
        lease: Duration::from_mins(1),
        look_every: Duration::from_millis(50),
        retry_max: Duration::from_secs(1),
        refused_retry: Duration::from_millis(50),
    }
}

/// The parts of a gateway, without a socket.
pub(crate) async fn gateway(
    limits: Limits,
    is_public: bool,
) -> (Gateway, tempfile::TempDir, CancellationToken, Arc<Meters>) {
    let dir = tempfile::tempdir().unwrap();
    let log = LogId::new(0x0a1b_2c3d).unwrap();
    let queue: Arc<dyn Queue> = Arc::new(MemoryQueue::new(log));
    let options = SqliteOptions {
        dir: dir.path().to_owned(),
        events_file: "eyas.db".to_owned(),
        n_readers: 2,
        wal_bytes_max: u64::MAX,
    };
    let sqlite = SqliteStore::open(options).unwrap();
    let (store, meters): (Arc<dyn EventStore>, _) = (sqlite.clone(), Arc::new(Meters::new()));
    let intake_options =
        IntakeOptions { lookup_wait_max: Duration::from_secs(5), recent_bytes_max: 1 << 20 };
    let intake = Intake::new(
        Arc::clone(&queue),
        Arc::clone(&store),
        Arc::clone(&meters),
        TaskTracker::new(),
        &intake_options,
    );
    // Kept for ever, but named.
    let named = ["orders", "secret"].map(|stream| (stream.to_owned(), None));
    let rules = RetentionRules { default: None, streams: named.into() };
    let stores = Stores::of(&sqlite);
    let horizons = stores.retention.horizons().await.unwrap();
    let retention =
        Retention::open(Arc::clone(&stores.retention), Arc::clone(&meters), rules, horizons);
    let (applied, horizons) = (meters.applied_changes(), retention.horizons());
    let (live, tail) = Live::new(queue, Arc::clone(&store), applied, horizons, LIVE);
    let consumer_options = ConsumerOptions {
        tenancy: tenancy(),
        rows_max: 1000,
        bytes_max: 1 << 20,
        yield_max: Duration::from_millis(5),
        keep: None,
    };
    let consumer = Consumer::start(&intake, consumer_options).await.unwrap();
    let background = CancellationToken::new();
    tokio::spawn(consumer.run(background.clone(), CancellationToken::new()));
    tokio::spawn(tail.run(background.clone()));
    let (jobs, runner) = jobs(&stores, &meters, &live);
    tokio::spawn(runner.run(background.clone()));
    let trust = stores.trust.trust().await.unwrap();
    let sign_ins = stores.sessions.sign_ins().await.unwrap();
    let parts = GatewayParts {
        intake,
        live,
        registry: Registry::open(Arc::clone(&stores.trust), trust, is_public),
        sessions: Sessions::open(Arc::clone(&stores.sessions), &sign_ins),
        stores,
        jobs,
        batches: None,
        is_unasked: false,
        meters: Arc::clone(&meters),
        retention,
        queries: published(),
        data_dir: dir.path().to_owned(),
        options: GatewayOptions {
            public_url: "http://127.0.0.1:8080".to_owned(),
            allowed_hosts: vec!["127.0.0.1".to_owned(), "localhost".to_owned()],
            limits,
            version: "0.0.0-test".to_owned(),
            instance: "test-instance".to_owned(),
            holder: "test".to_owned(),
        },
    };
    (Gateway::new(parts), dir, background, meters)
}

impl App {
    pub(crate) async fn start() -> Self {
        Self::with(Limits::default()).await
    }

    pub(crate) async fn with(limits: Limits) -> Self {
        Self::that_is(limits, false).await
    }

    /// As if other machines could reach it.
    pub(crate) async fn public() -> Self {
        Self::that_is(Limits::default(), true).await
    }

    async fn that_is(limits: Limits, is_public: bool) -> Self {
        let (gateway, dir, background, meters) = gateway(limits, is_public).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let ending = Ending::default();
        let (shutdown, hand_over) = (ending.stop.clone(), ending.hand_over.clone());
        let (log, edge) = (gateway.edge.intake.log().log, Arc::clone(&gateway.edge));
        let server = tokio::spawn(run(listener, gateway, ending));
        Self { address, log, meters, shutdown, server, hand_over, edge, background, _dir: dir }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.address).await.unwrap()
    }

    /// A connection, once the server has noticed that all others are gone.
    pub(crate) async fn in_at_last(&self) -> TcpStream {
        self.left_alone().await;
        self.connect().await
    }

    /// Waits until no connection is open.
    pub(crate) async fn left_alone(&self) {
        let gone = async {
            while self.edge.n_connections.load(Ordering::Relaxed) > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(DEADLINE, gone).await.expect("connections are still open");
    }

    /// Sends raw bytes and reads to the end of the connection.
    pub(crate) async fn raw(&self, request: &[u8]) -> Answer {
        let mut stream = self.connect().await;
        stream.write_all(request).await.unwrap();
        let mut bytes = Vec::new();
        timeout(DEADLINE, stream.read_to_end(&mut bytes)).await.unwrap().unwrap();
        answer(&bytes)
    }

    /// Sends raw bytes and reads no further than the head of the answer.
    pub(crate) async fn head(&self, request: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(request).await.unwrap();
        let mut head = Vec::new();
        while memchr::memmem::find(&head, b"\r\n\r\n").is_none() {
            let n_read = timeout(DEADLINE, stream.read_buf(&mut head)).await.unwrap().unwrap();
            assert!(n_read > 0, "the connection ended");
        }
        let end = memchr::memmem::find(&head, b"\r\n\r\n").unwrap() + 2;
        String::from_utf8(head[..end].to_vec()).unwrap()
    }

    /// `headers` are whole lines, each with its line break.
    pub(crate) async fn send(&self, what: &str, headers: &str, body: &[u8]) -> Answer {
        let head = format!(
            "{what} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        self.raw(&[head.as_bytes(), body].concat()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(&format!("GET {path}"), "", b"").await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Answer {
        let headers = "Content-Type: application/json\r\n";
        self.send(&format!("POST {path}"), headers, body.as_bytes()).await
    }

    pub(crate) async fn post_lines(&self, path: &str, body: &str) -> Answer {
        let headers = "Content-Type: application/x-ndjson\r\n";
        self.send(&format!("POST {path}"), headers, body.as_bytes()).await
    }

    /// Waits until the database holds everything up to `seq`.
    pub(crate) async fn applied(&self, seq: u64) {
        let mut applied = self.meters.applied_changes();
        let wanted = Seq::new(seq).unwrap();
        timeout(DEADLINE, applied.wait_for(|applied| *applied >= wanted)).await.unwrap().unwrap();
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.background.cancel();
        self.shutdown.cancel();
    }
}

pub(crate) fn answer(bytes: &[u8]) -> Answer {
    let end = memchr::memmem::find(bytes, b"\r\n\r\n").expect("an answer has a head");
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let body = bytes[end + 4..].to_vec();
    let is_chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    Answer { status, head, body: if is_chunked { unchunked(&body) } else { body } }
}

fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    loop {
        let end = memchr::memmem::find(body, b"\r\n").expect("a chunk has a size");
        let size = usize::from_str_radix(std::str::from_utf8(&body[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            return whole;
        }
        whole.extend_from_slice(&body[end + 2..end + 2 + size]);
        body = &body[end + 2 + size + 2..];
    }
}
