//! Configuration: the file, then the environment, then flags; read once, checked completely, before anything
//! else happens.
//!
//! Every key stands in [`KEYS`] with its environment name; all that is wrong is reported at once.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gateway::{Quota, Rates};
use pipeline::{Keep, RetentionRules};
use queue::RESERVE_BYTES_MAX;
use store::{ConfiguredSchema, SqlLimits};

use crate::address::host_of;
use crate::ages::{self, Ages};
use crate::cli::Overrides;
use crate::logging::LogFormat;
use crate::otlp::{self, OtlpOptions};
use crate::queries_config::{self, ConfiguredQuery};
use crate::rates::{RateFault, quota};
use crate::schema_files;
use crate::secrets::masked;
use crate::shown::{ConfigError, Shown};
use crate::spelling::nearest;
use crate::store_config::{self, StoreConfig, StoreWaits};
use crate::tables_config::{self, TablesConfig};
use crate::units;

/// Key, the environment variable that sets it, and what holds when nobody sets it.
const KEYS: &[(&str, &str, &str)] = &[
    ("listen", "EYAS_LISTEN", "127.0.0.1:8080"),
    ("public_url", "EYAS_PUBLIC_URL", "http://<listen>"),
    ("allowed_hosts", "EYAS_ALLOWED_HOSTS", "127.0.0.1, localhost, [::1]"),
    ("data_dir", "EYAS_DATA_DIR", "eyas-data"),
    ("queue.kind", "EYAS_QUEUE_KIND", "embedded"),
    ("store.url", "EYAS_STORE_URL", "sqlite:eyas.db"),
    ("store.password", "EYAS_STORE_PASSWORD", ""),
    ("store.password_file", "EYAS_STORE_PASSWORD_FILE", ""),
    ("log.keep", "EYAS_LOG_KEEP", "24h"),
    ("log.keep_bytes", "EYAS_LOG_KEEP_BYTES", "10GiB"),
    ("log.format", "EYAS_LOG_FORMAT", "text"),
    ("otlp.endpoint", "EYAS_OTLP_ENDPOINT", ""),
    ("otlp.ratio", "EYAS_OTLP_RATIO", "0.01"),
    ("disk.reserve", "EYAS_DISK_RESERVE", "512MiB"),
    ("drain.delay", "EYAS_DRAIN_DELAY", "0"),
    ("retention.default", "EYAS_RETENTION_DEFAULT", "forever"),
    ("limits.rate", "EYAS_LIMITS_RATE", "0"),
    ("limits.burst", "EYAS_LIMITS_BURST", "0"),
    ("limits.address_rate", "EYAS_LIMITS_ADDRESS_RATE", "0"),
    ("limits.address_burst", "EYAS_LIMITS_ADDRESS_BURST", "0"),
    ("limits.refusals_rate", "EYAS_LIMITS_REFUSALS_RATE", "10"),
    ("limits.refusals_burst", "EYAS_LIMITS_REFUSALS_BURST", "100"),
    ("sql.enabled", "EYAS_SQL_ENABLED", "false"),
    ("sql.timeout", "EYAS_SQL_TIMEOUT", "5s"),
    ("sql.rows_max", "EYAS_SQL_ROWS_MAX", "1000"),
    ("store.refused_retry", "EYAS_STORE_REFUSED_RETRY", "30s"),
    ("store.connect_wait", "EYAS_STORE_CONNECT_WAIT", "30s"),
    ("batches.log_bytes_max", "EYAS_BATCHES_LOG_BYTES_MAX", "8GiB"),
];

/// Variables that commands read themselves.
const OTHER_VARIABLES: &[&str] = &["EYAS_CONFIG", "EYAS_URL", "EYAS_TOKEN", "EYAS_LOG"];

/// Nobody waits longer for a load balancer.
const DRAIN_DELAY_MAX: Duration = Duration::from_mins(5);

/// Room for the log of the batches.
const BATCHES_LOG_BYTES_MAX: u64 = 8 << 30;

const OTEL_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

const DEFAULT_FILE: &str = "eyas.toml";

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

/// One value and where it came from.
#[derive(Clone, Debug)]
struct Setting {
    values: Vec<String>,
    source: String,
    /// What relative paths are relative to.
    base: PathBuf,
}

impl Setting {
    fn text(&self) -> &str {
        self.values.first().map_or("", String::as_str)
    }
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

#[derive(Default)]
struct Layers {
    settings: BTreeMap<&'static str, Setting>,
    schemas: Vec<ConfiguredSchema>,
    tables: TablesConfig,
    queries: Vec<ConfiguredQuery>,
    file: Option<PathBuf>,
    /// Ages of single streams.
    ages: Ages,
    problems: Vec<String>,
    warnings: Vec<String>,
}

impl Layers {
    fn set(&mut self, key: &'static str, values: Vec<String>, source: String, base: &Path) {
        self.settings.insert(key, Setting { values, source, base: base.to_owned() });
    }

    fn read_file(&mut self, file: Option<&Path>, here: &Path) {
        let path = here.join(file.unwrap_or(Path::new(DEFAULT_FILE)));
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if file.is_none() && error.kind() == std::io::ErrorKind::NotFound => return,
            Err(error) => return self.problems.push(format!("{}: {error}", path.display())),
        };
        match text.parse::<toml::Table>() {
            Ok(table) => {
                self.read_table(&table, "", &path);
                self.file = Some(path);
            }
            Err(error) => {
                let words = error.message();
                let line =
                    error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
                self.problems.push(format!("{}:{line}: {words}", path.display()));
            }
        }
    }

    fn read_table(&mut self, table: &toml::Table, prefix: &str, path: &Path) {
        let base = path.parent().unwrap_or(Path::new("."));
        for (name, value) in table {
            let key = format!("{prefix}{name}");
            let known = KEYS.iter().find(|(known, ..)| *known == key);
            match (known, value) {
                (None, value) if key == "schemas" => {
                    self.schemas = schema_files::read(value, path, &mut self.problems);
                }
                (None, value) if key == "tables" => {
                    self.tables = tables_config::read(value, path, &mut self.problems);
                }
                (None, value) if key == "queries" => {
                    self.queries = queries_config::read(value, path, &mut self.problems);
                }
                (None, toml::Value::Table(inner)) if is_section(&key) => {
                    self.read_table(inner, &format!("{key}."), path);
                }
                (None, value) if prefix == ages::SECTION => {
                    self.problems.extend(self.ages.set(name, value, path).err());
                }
                (None, _) => {
                    let nearest = nearest(&key, KEYS.iter().map(|(known, ..)| *known));
                    let file = path.display();
                    self.problems
                        .push(format!("{file}: unknown key `{key}`; did you mean `{nearest}`?"));
                }
                (Some((known, ..)), value) => match texts(value) {
                    Some(values) => self.set(known, values, path.display().to_string(), base),
                    None => self.problems.push(format!(
                        "{}: `{key}` must be a text{}",
                        path.display(),
                        if *known == "allowed_hosts" { " or a list of texts" } else { "" }
                    )),
                },
            }
        }
    }

    fn read_environment(&mut self, variables: &BTreeMap<String, String>, here: &Path) {
        // The name that every program with traces knows; ours, which is more exact, goes before it.
        if let Some(endpoint) = variables.get(OTEL_ENDPOINT).filter(|endpoint| !endpoint.is_empty())
        {
            self.set("otlp.endpoint", vec![endpoint.clone()], OTEL_ENDPOINT.to_owned(), here);
        }
        for (name, value) in variables.iter().filter(|(name, _)| name.starts_with("EYAS_")) {
            match KEYS.iter().find(|(_, variable, _)| variable == name) {
                Some((key, ..)) => {
                    let values = value.split(',').map(|part| part.trim().to_owned()).collect();
                    let values = if *key == "allowed_hosts" { values } else { vec![value.clone()] };
                    self.set(key, values, name.clone(), here);
                }
                None if OTHER_VARIABLES.contains(&name.as_str()) => {}
                // Only a warning: Kubernetes, for one, sets variables of its own for every service.
                None => {
                    let nearest = nearest(name, KEYS.iter().map(|(_, variable, _)| *variable));
                    self.warnings
                        .push(format!("{name} means nothing here; did you mean {nearest}?"));
                }
            }
        }
    }

    fn show(&self) -> Vec<Shown> {
        let show = |(key, variable, default): &(&'static str, &'static str, &'static str)| {
            let (value, source) = match self.settings.get(key) {
                None => ((*default).to_owned(), "default".to_owned()),
                Some(setting) if *key == "data_dir" => (
                    setting.base.join(setting.text()).display().to_string(),
                    setting.source.clone(),
                ),
                Some(setting) => (masked(key, &setting.values.join(", ")), setting.source.clone()),
            };
            Shown { key: (*key).to_owned(), value, source, variable }
        };
        let file = self.file.as_ref().map_or(String::new(), |file| file.display().to_string());
        let tables = self.tables.shown().map(|(key, value)| Shown::of_file(key, value, &file));
        let ages = self.ages.shown().map(|(key, value, file)| Shown::of_file(key, value, file));
        KEYS.iter().map(show).chain(ages).chain(tables).collect()
    }

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

    fn problem(&mut self, key: &str, words: &str) {
        let (text, source) = match self.settings.get(key) {
            Some(setting) => (masked(key, setting.text()), setting.source.clone()),
            None => (String::new(), "default".to_owned()),
        };
        self.problems.push(format!("{source}: {key} = {text:?} {words}"));
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

fn is_section(key: &str) -> bool {
    let prefix = format!("{key}.");
    KEYS.iter().any(|(known, ..)| known.starts_with(&prefix))
}

fn texts(value: &toml::Value) -> Option<Vec<String>> {
    match value {
        toml::Value::Integer(_) | toml::Value::Boolean(_) => Some(vec![value.to_string()]),
        toml::Value::String(text) => Some(vec![text.clone()]),
        toml::Value::Array(values) => {
            values.iter().map(|value| value.as_str().map(str::to_owned)).collect()
        }
        _ => None,
    }
}
