//! `hosts`: who may call.

use hyper::{Request, Version};

use crate::hosts::Hosts;

/// `Ok` or the code of the refusal.
fn check(request: &str, is_probe: bool) -> &'static str {
    let allowed = ["127.0.0.1", "localhost", "::1"].map(str::to_owned);
    let hosts = Hosts::new(&allowed, "https://eyas.example.com/some/path", false);
    let mut lines = request.lines();
    let mut first = lines.next().unwrap().split(' ');
    let (method, uri) = (first.next().unwrap(), first.next().unwrap());
    let mut builder = Request::builder().method(method).uri(uri);
    if first.next() == Some("HTTP/1.0") {
        builder = builder.version(Version::HTTP_10);
    }
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        builder = builder.header(name, value);
    }
    match hosts.check(&builder.body(()).unwrap(), is_probe, false) {
        Ok(()) => "ok",
        Err(problem) => problem.facts().code,
    }
}

#[test]
fn only_our_own_hosts_are_answered() {
    for (request, expected) in [
        ("GET /events\nHost: 127.0.0.1", "ok"),
        ("GET /events\nHost: 127.0.0.1:8080", "ok"),
        ("GET /events\nHost: LOCALHOST:9", "ok"),
        ("GET /events\nHost: [::1]:8080", "ok"),
        ("GET /events\nHost: [::1]", "ok"),
        ("GET http://localhost:8080/events\nHost: 127.0.0.1", "ok"),
        ("GET http://localhost:8080/events\nHost: evil.example", "foreign_host"),
        ("GET http://evil.example/events\nHost: localhost", "foreign_host"),
        ("GET http://localhost@evil.example/events\nHost: localhost", "foreign_host"),
        ("GET http://localhost/events\nHost: localhost\nHost: localhost", "missing_host"),
        ("GET http://localhost/events", "missing_host"),
        ("GET ftp://localhost/events\nHost: localhost", "foreign_host"),
        ("GET /events\nHost: evil.example", "foreign_host"),
        ("GET /events\nHost: localhost.evil.example", "foreign_host"),
        ("GET /events\nHost: localhost@evil.example", "foreign_host"),
        ("GET /events\nHost: evil.example:127.0.0.1", "foreign_host"),
        ("GET /events\nHost: [::1]evil", "foreign_host"),
        ("GET /events\nHost: ::1", "foreign_host"),
        ("GET /events\nHost: localhost:99999", "foreign_host"),
        ("GET /events\nHost: ", "foreign_host"),
        ("GET /events\nHost: localhost\nHost: localhost", "missing_host"),
        ("GET /events", "missing_host"),
        ("GET /events HTTP/1.0", "ok"),
        ("GET /events HTTP/1.0\nHost: evil.example", "foreign_host"),
    ] {
        assert_eq!(check(request, false), expected, "{request}");
    }
}

#[test]
fn probes_may_name_any_host() {
    assert_eq!(check("GET /healthz\nHost: 10.0.0.7:8080", true), "ok");
    assert_eq!(check("GET /healthz", true), "ok");
    assert_eq!(check("GET /healthz\nHost: a\nOrigin: http://b", true), "foreign_origin");
}

#[test]
fn browsers_must_come_from_our_own_pages() {
    for (headers, expected) in [
        ("Host: localhost:8080\nOrigin: http://localhost:8080", "ok"),
        ("Host: localhost:8080\nOrigin: https://localhost:8080", "ok"),
        ("Host: localhost\nOrigin: http://localhost", "ok"),
        ("Host: localhost:443\nOrigin: https://localhost", "ok"),
        ("Host: localhost:8080\nOrigin: https://eyas.example.com", "ok"),
        ("Host: localhost:8080\nOrigin: http://eyas.example.com", "foreign_origin"),
        ("Host: localhost:8080\nOrigin: https://eyas.example.com:8443", "foreign_origin"),
        ("Host: localhost:8080\nOrigin: http://localhost", "foreign_origin"),
        ("Host: localhost:8080\nOrigin: http://localhost:3000", "foreign_origin"),
        ("Host: localhost:8080\nOrigin: http://127.0.0.1:8080", "foreign_origin"),
        ("Host: localhost:8080\nOrigin: null", "foreign_origin"),
        ("Host: localhost:8080\nOrigin: ", "foreign_origin"),
        ("Host: localhost:8080\nOrigin: file://localhost:8080", "foreign_origin"),
        ("Host: localhost:8080\nOrigin: http://localhost:8080/x", "foreign_origin"),
    ] {
        assert_eq!(check(&format!("GET /live\n{headers}"), false), expected, "{headers}");
        assert_eq!(check(&format!("POST /events\n{headers}"), false), expected, "{headers}");
    }
}

#[test]
fn other_sites_may_only_link_here() {
    for (request, expected) in [
        ("GET /ui/\nHost: localhost\nSec-Fetch-Site: cross-site\nSec-Fetch-Mode: navigate", "ok"),
        (
            "POST /events\nHost: localhost\nSec-Fetch-Site: cross-site\nSec-Fetch-Mode: navigate",
            "foreign_origin",
        ),
        (
            "GET /events\nHost: localhost\nSec-Fetch-Site: cross-site\nSec-Fetch-Mode: no-cors",
            "foreign_origin",
        ),
        ("GET /events\nHost: localhost\nSec-Fetch-Site: cross-site", "foreign_origin"),
        ("GET /events\nHost: localhost\nSec-Fetch-Site: same-origin", "ok"),
        ("GET /events\nHost: localhost\nSec-Fetch-Site: none", "ok"),
        (
            "OPTIONS /events\nHost: localhost\nOrigin: https://a.example\nAccess-Control-Request-Method: POST",
            "foreign_origin",
        ),
    ] {
        assert_eq!(check(request, false), expected, "{request}");
    }
}
