//! The layers of a configuration, one over the other: the file, the environment, flags. Which keys there are, what was set, and
//! where it came from; what the values mean is the affair of [`crate::config`].
//!
//! Every key stands in [`KEYS`] with its environment name; all that is wrong is gathered, and nothing stops the reading.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use store::ConfiguredSchema;

use crate::ages::{self, Ages};
use crate::queries_config::{self, ConfiguredQuery};
use crate::schema_files;
use crate::secrets::masked;
use crate::shown::Shown;
use crate::spelling::nearest;
use crate::tables_config::{self, TablesConfig};

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

const OTEL_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

const DEFAULT_FILE: &str = "eyas.toml";

/// One value and where it came from.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) values: Vec<String>,
    pub(crate) source: String,
    /// What relative paths are relative to.
    pub(crate) base: PathBuf,
}

impl Setting {
    pub(crate) fn text(&self) -> &str {
        self.values.first().map_or("", String::as_str)
    }
}

#[derive(Default)]
pub(crate) struct Layers {
    pub(crate) settings: BTreeMap<&'static str, Setting>,
    pub(crate) schemas: Vec<ConfiguredSchema>,
    pub(crate) tables: TablesConfig,
    pub(crate) queries: Vec<ConfiguredQuery>,
    pub(crate) file: Option<PathBuf>,
    /// Ages of single streams.
    pub(crate) ages: Ages,
    pub(crate) problems: Vec<String>,
    pub(crate) warnings: Vec<String>,
}

impl Layers {
    pub(crate) fn set(
        &mut self,
        key: &'static str,
        values: Vec<String>,
        source: String,
        base: &Path,
    ) {
        self.settings.insert(key, Setting { values, source, base: base.to_owned() });
    }

    pub(crate) fn read_file(&mut self, file: Option<&Path>, here: &Path) {
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

    pub(crate) fn read_environment(&mut self, variables: &BTreeMap<String, String>, here: &Path) {
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

    pub(crate) fn show(&self) -> Vec<Shown> {
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

    pub(crate) fn problem(&mut self, key: &str, words: &str) {
        let (text, source) = match self.settings.get(key) {
            Some(setting) => (masked(key, setting.text()), setting.source.clone()),
            None => (String::new(), "default".to_owned()),
        };
        self.problems.push(format!("{source}: {key} = {text:?} {words}"));
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
