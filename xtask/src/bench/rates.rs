//! The rates service of `examples/rates/` on a database of its own, with as many prices as a bench wants.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde_json::Value;
use testbed::{Database, Postgres};
use tokio::time::{Instant, sleep};

use crate::bench::connection::Connection;
use crate::bench::server::Server;

/// Ports of the generated data.
pub(crate) const PORTS: u64 = 56;
/// Days that have prices, from 2020-01-01 on.
const DAYS: u64 = 360;
/// How long a batch may take from its last byte to its end.
const APPLY_MAX: Duration = Duration::from_mins(10);
/// Pause between two looks at a batch.
const POLL: Duration = Duration::from_millis(20);

/// PostgreSQL as somebody would run it who measures; durable, as it is by default.
pub(crate) fn postgres() -> Postgres {
    Postgres::start_with(&["shared_buffers=512MB", "max_wal_size=4GB"])
}

/// The code of a port: five capitals, as the example's schema wants them.
pub(crate) fn port(number: u64) -> String {
    let number = (number % PORTS) as u8;
    format!("PO{}{}T", char::from(b'A' + number / 26), char::from(b'A' + number % 26))
}

/// The day with this number.
pub(crate) fn day(number: u64) -> String {
    format!("2020-{:02}-{:02}", number % DAYS / 30 + 1, number % 28 + 1)
}

/// `n_prices` prices as CSV with a header: sorted by origin, destination and day, as the real ones are.
pub(crate) fn csv(n_prices: u64) -> String {
    let mut text = String::from("orig_code,dest_code,day,price\n");
    let pairs = PORTS * PORTS;
    let n_of_pair = n_prices.div_ceil(pairs);
    for number in 0..n_prices {
        let (pair, at) = (number / n_of_pair, number % n_of_pair);
        let price = 800 + number.wrapping_mul(0x9E37_79B9) % 1500;
        let day = day(at * DAYS / n_of_pair);
        let (from, to) = (port(pair / PORTS), port(pair % PORTS));
        writeln!(text, "{from},{to},{day},{price}").expect("a string takes all");
    }
    text
}

/// The example's configuration.
pub(crate) fn config(root: &Path) -> PathBuf {
    root.join("examples/rates/eyas.toml")
}

/// One server with the example's tables, and the ports in them.
pub(crate) struct Rates {
    /// The server.
    pub(crate) server: Server,
    /// `None` on SQLite.
    database: Option<Database>,
}

impl Rates {
    /// Starts it in a data directory below `folder`; with `postgres` on a database of its own there.
    ///
    /// # Errors
    /// When it does not become ready or does not take the ports.
    pub(crate) async fn start(
        binary: &Path,
        folder: &Path,
        postgres: Option<&Postgres>,
    ) -> anyhow::Result<Self> {
        let database = postgres.map(Postgres::create_database);
        let settings: Vec<(&str, String)> =
            database.iter().map(|database| ("EYAS_STORE_URL", database.url())).collect();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask has a parent")?;
        let server = Server::eyas_with(binary, folder, &config(root), &settings).await?;
        let rates = Self { server, database };
        rates.commit("regions", "slug,name,parent_slug\nall,All,\n").await?;
        let mut ports = String::from("code,name,parent_slug\n");
        for number in 0..PORTS {
            let code = port(number);
            writeln!(ports, "{code},Port {code},all")?;
        }
        rates.commit("ports", &ports).await?;
        Ok(rates)
    }

    /// Sends a batch of CSV and waits until it is committed. How long both took together.
    ///
    /// # Errors
    /// When it is refused or rejected, or takes 10 minutes.
    pub(crate) async fn commit(&self, table: &str, rows: &str) -> anyhow::Result<Duration> {
        let mut connection = Connection::open(self.server.address).await?;
        let start = Instant::now();
        let path = format!("/tables/{table}/batches");
        let status = connection.post(&path, "text/csv", rows.as_bytes()).await?;
        ensure!(status == 202, "{}", String::from_utf8_lossy(connection.answer()));
        let batch = json(connection.answer())?;
        let path = format!("/batches/{}", batch["id"].as_str().context("a batch has an id")?);
        loop {
            ensure!(connection.get(&path).await? == 200, "{path} is gone");
            match json(connection.answer())?["state"].as_str() {
                Some("committed") => return Ok(start.elapsed()),
                Some("queued" | "applying") if start.elapsed() < APPLY_MAX => sleep(POLL).await,
                state => bail!("the batch is {state:?}"),
            }
        }
    }

    /// Runs SQL in the database by `psql`, and hands back how long that took.
    ///
    /// # Errors
    /// When this is SQLite, or `psql` fails.
    pub(crate) async fn psql(&self, command: &str) -> anyhow::Result<Duration> {
        let url = self.database.as_ref().context("psql is for PostgreSQL")?.url();
        let mut psql = Command::new("psql");
        psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", command, &url]);
        let start = Instant::now();
        let output = tokio::task::spawn_blocking(move || psql.output()).await??;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(start.elapsed())
    }
}

fn json(answer: &[u8]) -> anyhow::Result<Value> {
    let body = memchr::memmem::find(answer, b"\r\n\r\n").context("an answer has a head")? + 4;
    Ok(serde_json::from_slice(&answer[body..])?)
}
