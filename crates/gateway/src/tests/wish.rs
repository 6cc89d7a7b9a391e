//! `wish`: what may be asked for.

use std::time::Duration;

use store::{Rate, TokenKind};

use crate::auth::wish::{NewApplication, NewToken, check_overlap};

fn application(name: &str, origins: &[&str], rate: Option<Rate>) -> String {
    let origins = origins.iter().map(|&origin| origin.to_owned()).collect();
    let made = NewApplication::new(name.to_owned(), origins, rate);
    made.map_or_else(|error| error.pointer, |_| "ok".to_owned())
}

#[test]
fn names_are_plain() {
    for name in ["a", "A.b_c-9", "9", &"a".repeat(64)] {
        assert_eq!(application(name, &[], None), "ok", "{name}");
    }
    for name in ["", "-a", ".", "_a", "a b", "a/b", "ä", "a\n", &"a".repeat(65)] {
        assert_eq!(application(name, &[], None), "/name", "{name:?}");
    }
    let rate = |events_per_s, burst| Some(Rate { events_per_s, burst });
    assert_eq!(application("a", &[], rate(1, 1)), "ok");
    assert_eq!(application("a", &[], rate(0, 1)), "/rate/events_per_s");
    assert_eq!(application("a", &[], rate(1, 0)), "/rate/burst");
}

#[test]
fn origins_are_spelled_as_browsers_do() {
    for origin in [
        "https://www.example.com",
        "http://localhost:3000",
        "http://127.0.0.1:65535",
        "https://[::1]:8443",
        "http://[2001:db8::1]",
        "https://xn--bcher-kva.example",
        "http://a:443",
    ] {
        assert_eq!(application("a", &[origin], None), "ok", "{origin}");
    }
    let long = format!("https://{}", "a".repeat(256));
    for origin in [
        "",
        "*",
        "null",
        "https://*.example.com",
        "www.example.com",
        "https://",
        "https://www.example.com/",
        "https://Example.com",
        "https://user@example.com",
        "https://example.com:443",
        "http://example.com:80",
        "http://example.com:0",
        "http://example.com:08",
        "http://example.com:99999",
        "http://example.com:",
        "http://[::1",
        "http://[a]",
        "ftp://example.com",
        "https://example.com https://b.example",
        &long,
    ] {
        assert_eq!(application("a", &["http://a", origin], None), "/allowed_origins/1", "{origin}");
    }
    assert_eq!(application("a", &["http://a"; 33], None), "/allowed_origins");
}

#[test]
fn scopes_labels_and_lives_have_bounds() {
    let check = |scopes: &[&str], label: &str, kind, life_s: Option<u64>| {
        let scopes: Vec<String> = scopes.iter().map(|&scope| scope.to_owned()).collect();
        let life = life_s.map(Duration::from_secs);
        let made = NewToken::new("a".to_owned(), &scopes, label.to_owned(), kind, life);
        made.map_or_else(|error| error.pointer, |made| format!("{} scopes", made.scopes.len()))
    };
    let server = |scopes| check(scopes, "", TokenKind::Server, None);
    assert_eq!(server(&["write", "read:orders", "admin", "write"]), "3 scopes");
    assert_eq!(server(&[]), "/scopes");
    assert_eq!(server(&["write"; 33]), "/scopes");
    for scope in ["", "Write", "write:", "write:A", "admin:x", "read:a:b", "write read", "all"] {
        assert_eq!(check(&["read", scope], "", TokenKind::Server, None), "/scopes/1", "{scope:?}");
    }
    let browser = |scopes| check(scopes, "", TokenKind::Browser, None);
    assert_eq!(browser(&["write", "write:a"]), "2 scopes");
    assert_eq!(browser(&["write", "read"]), "/scopes/1");
    assert_eq!(browser(&["admin"]), "/scopes/0");

    let label = |label: &str| check(&["read"], label, TokenKind::Server, None);
    assert_eq!(label("<b>Ärger</b>"), "1 scopes");
    assert_eq!(label("two\nlines"), "/label");
    assert_eq!(label(&"a".repeat(257)), "/label");
    let life = |life_s| check(&["read"], "", TokenKind::Server, Some(life_s));
    assert_eq!((life(1).as_str(), life(0).as_str()), ("1 scopes", "/expires_in_s"));
    assert_eq!(life(u64::MAX), "/expires_in_s");
    assert!(check_overlap(Duration::ZERO).is_ok());
    assert!(check_overlap(Duration::from_secs(30 * 86_400 + 1)).is_err());
}
