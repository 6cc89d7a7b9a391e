//! From where one may speak to this server: a request must name one of our hosts, and a browser must come from one of our
//! own pages, or from a page whose origin some application allows ([`crate::cors`]).
//!
//! Invariant: a page of any other site can neither read from nor write to a server on its visitor's
//! machine: not by a form, not by `fetch`, not by a WebSocket, not by DNS rebinding.

use std::net::{Ipv4Addr, Ipv6Addr};

use hyper::header::{HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN};
use hyper::http::uri::{Authority, Uri};
use hyper::{Method, Request, Version};

use crate::error::Kind;
use crate::problem::Problem;

static SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
static SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// The hosts and the origin that are ours.
#[derive(Debug)]
pub(crate) struct Hosts {
    /// Host parts without port, IPv6 in brackets.
    allowed: Vec<String>,
    /// Host, port and scheme of `public_url`.
    public: Option<Origin>,
    /// Whether any address will do as a host. It cannot be rebound, as a name can, and a server that listens everywhere
    /// does not know its own.
    takes_addresses: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    scheme: &'static str,
    host: String,
    port: u16,
}

impl Hosts {
    /// `allowed` as configured (`localhost`, `::1`, `[::1]`); `public_url` with its scheme; `is_public`: other machines
    /// can reach us.
    pub(crate) fn new(allowed: &[String], public_url: &str, is_public: bool) -> Self {
        let bracketed = |host: &String| {
            let is_bare_v6 = host.contains(':') && !host.starts_with('[');
            if is_bare_v6 { format!("[{host}]") } else { host.clone() }
        };
        let without_path = public_url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
        Self {
            allowed: allowed.iter().map(bracketed).collect(),
            public: Origin::parse(without_path.as_bytes()),
            takes_addresses: is_public,
        }
    }

    /// `is_probe`: liveness and readiness are asked by address, so any host will do.
    /// `is_allowed`: the page that asks is one of an application's, and not ours to judge.
    pub(crate) fn check<B>(
        &self,
        request: &Request<B>,
        is_probe: bool,
        is_allowed: bool,
    ) -> Result<(), Problem> {
        let headers = request.headers();
        let named = host_header(headers, request.version(), is_probe)?;
        // A target may name a host of its own, and then that one counts. Both must be ours: what stands before us may
        // have gone by the other.
        let target = request.uri().authority().map(Authority::as_str);
        if !is_probe {
            for host in [named, target].into_iter().flatten() {
                self.check_host(host)?;
            }
            check_scheme(request.uri())?;
        }
        if is_allowed {
            return Ok(());
        }
        let host = target.or(named);
        if let Some(origin) = headers.get(ORIGIN) {
            self.check_origin(origin, host)?;
        }
        match headers.get(&SEC_FETCH_SITE) {
            Some(site) if site == "cross-site" => check_navigation(request.method(), headers),
            _ => Ok(()),
        }
    }

    fn check_host(&self, host: &str) -> Result<(), Problem> {
        let name = split_port(host).map_or("", |(name, _)| name);
        let is_address = || {
            let v6 = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
            v6.map_or(name.parse::<Ipv4Addr>().is_ok(), |v6| v6.parse::<Ipv6Addr>().is_ok())
        };
        if self.allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(name))
            || (self.takes_addresses && is_address())
        {
            return Ok(());
        }
        Err(Kind::ForeignHost.problem(format!("Host {host:?} is not one of this server's hosts.")))
    }

    fn check_origin(&self, origin: &HeaderValue, host: Option<&str>) -> Result<(), Problem> {
        if self.is_own(origin, host) {
            return Ok(());
        }
        Err(Kind::ForeignOrigin.problem(format!("Pages of {origin:?} may not call this server.")))
    }

    fn is_own(&self, origin: &HeaderValue, host: Option<&str>) -> bool {
        let parsed = Origin::parse(origin.as_bytes());
        let is_same = parsed.as_ref().is_some_and(|origin| origin.is_at(host));
        is_same || (parsed.is_some() && parsed == self.public)
    }

    /// The origin of the page that asks, where that is not ours.
    pub(crate) fn foreign<'a, B>(&self, request: &'a Request<B>) -> Option<&'a HeaderValue> {
        let origin = request.headers().get(ORIGIN)?;
        let named = request.headers().get(HOST).and_then(|host| host.to_str().ok());
        let host = request.uri().authority().map(Authority::as_str).or(named);
        (!self.is_own(origin, host)).then_some(origin)
    }
}

impl Origin {
    fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let (scheme, default_port, authority) = match text.split_once("://")? {
            ("http", authority) => ("http", 80, authority),
            ("https", authority) => ("https", 443, authority),
            _ => return None,
        };
        let (host, port) = split_port(authority)?;
        Some(Self { scheme, host: host.to_ascii_lowercase(), port: port.unwrap_or(default_port) })
    }

    /// Same host and port as the `Host` of the request. Its scheme is not known: TLS may end in front of us.
    fn is_at(&self, host: Option<&str>) -> bool {
        let default_port = if self.scheme == "https" { 443 } else { 80 };
        host.and_then(split_port).is_some_and(|(name, port)| {
            name.eq_ignore_ascii_case(&self.host) && port.unwrap_or(default_port) == self.port
        })
    }
}

/// A target with another scheme asks for a proxy.
fn check_scheme(uri: &Uri) -> Result<(), Problem> {
    match uri.scheme_str() {
        None | Some("http" | "https") => Ok(()),
        Some(scheme) => {
            Err(Kind::ForeignHost.problem(format!("This server is no proxy for {scheme:?}.")))
        }
    }
}

fn host_header(
    headers: &HeaderMap,
    version: Version,
    is_probe: bool,
) -> Result<Option<&str>, Problem> {
    let mut values = headers.get_all(HOST).iter();
    match (values.next(), values.next()) {
        (Some(host), None) => match host.to_str() {
            Ok(host) => Ok(Some(host)),
            Err(_) => Err(Kind::ForeignHost.problem("The Host header is not ASCII.")),
        },
        (None, _) if is_probe || version == Version::HTTP_10 => Ok(None),
        (None, _) => Err(Kind::MissingHost.problem("The request has no Host header.")),
        (Some(_), Some(_)) => Err(Kind::MissingHost.problem("The request has two Host headers.")),
    }
}

/// Following a link from elsewhere is what links are for; everything else from elsewhere is not.
fn check_navigation(method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    let is_read = matches!(*method, Method::GET | Method::HEAD);
    if is_read && headers.get(&SEC_FETCH_MODE).is_some_and(|mode| mode == "navigate") {
        return Ok(());
    }
    Err(Kind::ForeignOrigin.problem("A page of another site may not call this server."))
}

/// `host[:port]`; `None` for anything else, also for an empty host.
fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let end_of_host = match authority.strip_prefix('[') {
        Some(rest) => rest.find(']')? + 2,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, rest) = authority.split_at(end_of_host);
    let is_plain =
        !host.is_empty() && !host.bytes().any(|b| matches!(b, b'/' | b'@' | b'?' | b'#'));
    let port = match rest.strip_prefix(':') {
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => Some(digits.parse().ok()?),
        None if rest.is_empty() => None,
        _ => return None,
    };
    is_plain.then_some((host, port))
}
