//! Configuration: the file, then the environment, then flags; read once, checked completely, before anything
//! else happens.
//!
//! [`crate::config_layers`] has what was set; here is what it means. All that is wrong is reported at once.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gateway::{Quota, Rates};
use pipeline::{Keep, RetentionRules};
use queue::RESERVE_BYTES_MAX;
use store::{ConfiguredSchema, SqlLimits};

use crate::address::host_of;
use crate::ages;
use crate::cli::Overrides;
use crate::config_layers::{Layers, Setting};
use crate::logging::LogFormat;
use crate::otlp::{self, OtlpOptions};
use crate::queries_config::{self, ConfiguredQuery};
use crate::rates::{RateFault, quota};
use crate::shown::{ConfigError, Shown};
use crate::store_config::{self, StoreConfig, StoreWaits};
use crate::tables_config::TablesConfig;
use crate::units;

/// Nobody waits longer for a load balancer.
const DRAIN_DELAY_MAX: Duration = Duration::from_mins(5);

/// Room for the log of the batches.
const BATCHES_LOG_BYTES_MAX: u64 = 8 << 30;

/// The settings of one server.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Config {
    /// Where to listen. Beyond loopback only with tokens, which the server looks at when it starts.
    pub(crate) listen: SocketAddr,
    /// How clients reach the server, if not as `http://<listen>`.
    pub(crate) public_url: Option<String>,
    /// Host names that a request may carry, without ports.
    pub(crate) allowed_hosts: Vec<String>,
    /// Folder of the log and the database.
    pub(crate) data_dir: PathBuf,
    /// The database.
    pub(crate) store: StoreConfig,
    /// What of the log is kept behind it.
    pub(crate) keep: Option<Keep>,
    /// Room that is kept on the disk for the database: at most so many bytes, and at most an eighth of the disk.
    pub(crate) disk_reserve_bytes: u64,
    /// From so many bytes of log on no batch is begun.
    pub(crate) batches_log_bytes_max: u64,
    /// After SIGTERM: how long `/readyz` is red before new connections are refused.
    pub(crate) drain_delay: Duration,
    /// How long events are kept.
    pub(crate) retention: RetentionRules,
    /// How often somebody may ask.
    pub(crate) rates: Rates,
    /// How long the database is waited for.
    pub(crate) waits: StoreWaits,
    /// How log lines look.
    pub(crate) log_format: LogFormat,
    /// Where traces go; `None`: nothing is traced.
    pub(crate) otlp: Option<OtlpOptions>,
    /// What events have to look like, compiled.
    pub(crate) schemas: Vec<ConfiguredSchema>,
    /// Which tables take batches.
    pub(crate) tables: TablesConfig,
    /// SQL that is published, and what administrators may ask.
    pub(crate) queries: Vec<ConfiguredQuery>,
    pub(crate) sql: Option<SqlLimits>,
    /// The file that was read, to read it again on SIGHUP.
    pub(crate) file: Option<PathBuf>,
    /// What seems wrong but stops nothing.
    pub(crate) warnings: Vec<String>,
}

/// Everything that can be said about a configuration.
#[derive(Clone, Debug)]
pub(crate) struct Survey {
    /// Every key.
    pub(crate) shown: Vec<Shown>,
    /// Whether it can be used.
    pub(crate) outcome: Result<Config, ConfigError>,
}

/// Reads all layers. `variables` is the environment, `here` the current folder.
pub(crate) fn survey(
    file: Option<&Path>,
    variables: &BTreeMap<String, String>,
    flags: &Overrides,
    here: &Path,
) -> Survey {
    let mut layers = Layers::default();
    layers.read_file(file, here);
    layers.read_environment(variables, here);
    for (key, flag, value) in [
        ("listen", "--listen", &flags.listen),
        ("data_dir", "--data-dir", &flags.data_dir),
        ("log.format", "--log-format", &flags.log_format),
    ] {
        if let Some(value) = value {
            layers.set(key, vec![value.clone()], flag.to_owned(), here);
        }
    }
    Survey { shown: layers.show(), outcome: layers.check() }
}

impl Layers {
    fn check(mut self) -> Result<Config, ConfigError> {
        let listen = self.listen();
        let public_url = self.public_url();
        let mut allowed_hosts = match self.settings.get("allowed_hosts") {
            Some(setting) => setting.values.clone(),
            None => ["127.0.0.1", "localhost", "[::1]"].map(str::to_owned).to_vec(),
        };
        allowed_hosts.extend(public_url.as_deref().and_then(host_of).map(str::to_owned));
        let data_dir = match self.settings.get("data_dir") {
            Some(setting) => setting.base.join(setting.text()),
            None => PathBuf::from("eyas-data"),
        };
        if self.settings.get("data_dir").is_some_and(|setting| setting.text().is_empty()) {
            self.problem("data_dir", "is empty; name a folder");
        }
        if self.settings.get("queue.kind").is_some_and(|setting| setting.text() != "embedded") {
            self.problem("queue.kind", "is not a queue of this version; it has \"embedded\"");
        }
        let (store, keep) = self.store();
        let disk_reserve_bytes = self.size("disk.reserve", RESERVE_BYTES_MAX);
        let batches_log_bytes_max = self.size("batches.log_bytes_max", BATCHES_LOG_BYTES_MAX);
        let drain_delay = self.drain_delay();
        let retention = self.retention();
        let rates = self.rates();
        let waits = self.waits();
        let log_format = self.log_format();
        let otlp = self.otlp();
        let sql = self.sql();
        if self.problems.is_empty() {
            let warnings = self.warnings;
            Ok(Config {
                listen,
                public_url,
                allowed_hosts,
                data_dir,
                store,
                keep,
                disk_reserve_bytes,
                batches_log_bytes_max,
                drain_delay,
                retention,
                rates,
                waits,
                log_format,
                otlp,
                schemas: self.schemas,
                tables: self.tables,
                queries: self.queries,
                sql,
                file: self.file,
                warnings,
            })
        } else {
            Err(ConfigError { problems: self.problems })
        }
    }

    fn listen(&mut self) -> SocketAddr {
        let default = SocketAddr::from(([127, 0, 0, 1], 8080));
        let Some(text) = self.settings.get("listen").map(|setting| setting.text().to_owned())
        else {
            return default;
        };
        let text = text.replace("localhost:", "127.0.0.1:");
        match text.parse::<SocketAddr>() {
            Ok(listen) => return listen,
            Err(_) => self.problem("listen", "is not an address and a port, like 127.0.0.1:8080"),
        }
        default
    }

    fn public_url(&mut self) -> Option<String> {
        let text = self.settings.get("public_url")?.text().trim_end_matches('/').to_owned();
        let origin =
            text.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https"));
        let is_origin = origin
            .is_some_and(|(_, rest)| !rest.is_empty() && !rest.contains(['/', '?', '#', '@', ' ']));
        if !is_origin {
            self.problem(
                "public_url",
                "is not scheme, host and port, like https://eyas.example.com",
            );
        }
        Some(text)
    }

    fn size(&mut self, key: &str, default: u64) -> u64 {
        let Some(text) = self.settings.get(key).map(|setting| setting.text().to_owned()) else {
            return default;
        };
        units::size(&text).unwrap_or_else(|| {
            let end = if key == "disk.reserve" { "; 0 keeps nothing free" } else { "" };
            self.problem(key, &format!("is not a size, like 512MiB or 2GiB{end}"));
            0
        })
    }

    fn drain_delay(&mut self) -> Duration {
        let Some(setting) = self.settings.get("drain.delay") else { return Duration::ZERO };
        match units::duration(setting.text()) {
            Some(delay) if delay <= DRAIN_DELAY_MAX => return delay,
            Some(_) => self.problem("drain.delay", "is more than 5m"),
            None => self.problem("drain.delay", "is not a time with its unit, like 500ms or 5s"),
        }
        Duration::ZERO
    }

    fn retention(&mut self) -> RetentionRules {
        let text = self.settings.get("retention.default").map_or(ages::FOREVER, Setting::text);
        let default = ages::parse(text).unwrap_or_else(|words| {
            self.problem("retention.default", words);
            None
        });
        let (streams, problems) = self.ages.check();
        self.problems.extend(problems);
        RetentionRules { default, streams }
    }

    fn rates(&mut self) -> Rates {
        let default = Rates::default();
        Rates {
            per_token: self.quota("limits.rate", "limits.burst", default.per_token),
            per_address: self.quota(
                "limits.address_rate",
                "limits.address_burst",
                default.per_address,
            ),
            refusals: self.quota("limits.refusals_rate", "limits.refusals_burst", default.refusals),
        }
    }

    fn quota(&mut self, rate: &str, burst: &str, unset: Option<Quota>) -> Option<Quota> {
        let text = |key| self.settings.get(key).map(Setting::text);
        quota(text(rate), text(burst), unset).unwrap_or_else(|fault| {
            match fault {
                RateFault::Rate(words) => self.problem(rate, words),
                RateFault::Burst(words) => self.problem(burst, words),
            }
            None
        })
    }

    fn waits(&mut self) -> StoreWaits {
        let read = store_config::waits(|key| self.settings.get(key).map(Setting::text));
        read.unwrap_or_else(|(key, words)| {
            self.problem(key, &words);
            StoreWaits::default()
        })
    }

    fn log_format(&mut self) -> LogFormat {
        let Some(setting) = self.settings.get("log.format") else { return LogFormat::default() };
        let format = LogFormat::parse(setting.text());
        if format.is_none() {
            self.problem("log.format", "is not a format of log lines; there are text and json");
        }
        format.unwrap_or_default()
    }

    fn otlp(&mut self) -> Option<OtlpOptions> {
        let read = otlp::read(|key| self.settings.get(key).map(Setting::text));
        read.unwrap_or_else(|(key, words)| {
            self.problem(key, words);
            None
        })
    }

    fn sql(&mut self) -> Option<SqlLimits> {
        let read = queries_config::sql(|key| self.settings.get(key).map(Setting::text));
        read.unwrap_or_else(|(key, words)| {
            self.problem(key, &words);
            None
        })
    }

    fn store(&mut self) -> (StoreConfig, Option<Keep>) {
        let get = |key: &str| self.settings.get(key);
        let store = store_config::read(|key| get(key).map(|found| (found.text(), &*found.base)));
        let keep = store_config::keep(store.as_ref().ok(), |key| get(key).map(Setting::text));
        let faults = [store.as_ref().err().cloned(), keep.as_ref().err().cloned()];
        for (key, words) in faults.into_iter().flatten() {
            self.problem(key, &words);
        }
        (store.unwrap_or(StoreConfig::Sqlite(String::new())), keep.unwrap_or(None))
    }
}
