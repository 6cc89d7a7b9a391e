//! Where the server is and how it is reached: the URL of the configuration, read as libpq reads it.
//!
//! What `tokio_postgres` does not know (`sslmode=verify-ca`, `verify-full`, `sslrootcert`) is read here. A password is never
//! shown: neither type prints itself.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use crate::error::StoreError;

/// How long one connection attempt to one host may take.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// A connection on which nothing came back for so long is dead: the host is gone, or a firewall forgot it.
const SILENCE_MAX: Duration = Duration::from_secs(30);
const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_RETRIES: u32 = 3;

/// What is asked of the server's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trusting {
    /// Nothing: whoever stands between reads along (`prefer`, and `require` without a file, as libpq means them).
    Anybody,
    /// That one of these authorities made it; of the system's, where there is no file.
    Authority {
        /// PEM file.
        roots: Option<PathBuf>,
        /// And that it names the host.
        checks_name: bool,
    },
}

/// A server, a database there, and who asks.
#[derive(Clone)]
pub(crate) struct Address {
    pub(crate) config: Config,
    pub(crate) trusting: Trusting,
}

impl Address {
    /// Reads `postgres://user@host,host2:port/database?sslmode=…&target_session_attrs=read-write`. A password beside it goes
    /// before one inside it.
    pub(crate) fn parse(url: &str, password: Option<&str>) -> Result<Self, StoreError> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut kept, mut mode, mut roots) = (Vec::new(), "prefer", None);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", value)) => mode = value,
                Some(("sslrootcert", value)) => roots = Some(decoded(value)?),
                _ => kept.push(pair),
            }
        }
        let url =
            if kept.is_empty() { base.to_owned() } else { format!("{base}?{}", kept.join("&")) };
        let mut config: Config = url.parse().map_err(|error: tokio_postgres::Error| {
            let why = std::error::Error::source(&error)
                .map_or_else(|| error.to_string(), ToString::to_string);
            unusable(&format!("store.url is no PostgreSQL address: {why}"))
        })?;
        if config.get_hosts().is_empty() {
            return Err(unusable("store.url names no host: postgres://user@host/database"));
        }
        let (ssl, trusting) = match mode {
            "disable" => (SslMode::Disable, Trusting::Anybody),
            "prefer" => (SslMode::Prefer, Trusting::Anybody),
            "require" if roots.is_none() => (SslMode::Require, Trusting::Anybody),
            // Whoever names an authority wants it asked, as libpq has it.
            "require" | "verify-ca" => {
                (SslMode::Require, Trusting::Authority { roots, checks_name: false })
            }
            "verify-full" => (SslMode::Require, Trusting::Authority { roots, checks_name: true }),
            other => {
                return Err(unusable(&format!(
                    "sslmode={other} in store.url is none of disable, prefer, require, verify-ca, verify-full"
                )));
            }
        };
        config.ssl_mode(ssl);
        if let Some(password) = password {
            config.password(password);
        }
        if config.get_application_name().is_none() {
            config.application_name("eyas");
        }
        config
            .connect_timeout(CONNECT_MAX)
            .tcp_user_timeout(SILENCE_MAX)
            .keepalives(true)
            .keepalives_idle(KEEPALIVE_IDLE)
            .keepalives_interval(KEEPALIVE_INTERVAL)
            .keepalives_retries(KEEPALIVE_RETRIES);
        Ok(Self { config, trusting })
    }

    /// Host and database, for people.
    pub(crate) fn shown(&self) -> String {
        let ports = self.config.get_ports();
        let hosts = self.config.get_hosts().iter().enumerate().map(|(at, host)| {
            let port = ports.get(at).or(ports.first()).copied().unwrap_or(5432);
            match host {
                Host::Tcp(name) => format!("{name}:{port}"),
                Host::Unix(folder) => format!("{}:{port}", folder.display()),
            }
        });
        let database = self.config.get_dbname().or(self.config.get_user()).unwrap_or_default();
        format!("{}/{database}", hosts.collect::<Vec<_>>().join(","))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Address({})", self.shown())
    }
}

/// A file's path without its percent-encoding.
fn decoded(text: &str) -> Result<PathBuf, StoreError> {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((&first, behind)) = rest.split_first() {
        let digit = |at: usize| behind.get(at).and_then(|&byte| char::from(byte).to_digit(16));
        let byte = match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => (high * 16 + low) as u8,
            (b'%', ..) => {
                return Err(unusable("sslrootcert in store.url is not percent-encoded: %25 is %"));
            }
            _ => first,
        };
        rest = if first == b'%' { &behind[2..] } else { behind };
        bytes.push(byte);
    }
    let path = String::from_utf8(bytes);
    path.map(PathBuf::from).map_err(|_| unusable("sslrootcert in store.url is not UTF-8"))
}

fn unusable(words: &str) -> StoreError {
    StoreError::Unusable(words.to_owned())
}
