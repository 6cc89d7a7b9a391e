//! HTTP/1 as attackers, scanners and broken programs write it: each request is answered as the table says or cut, nothing of
//! what is refused is stored, and the next connection works.

use crate::app::{DEADLINE, TestApp};
use crate::tcp::Raw;

const GOOD: &str = r#"{"category":"c","name":"n"}"#;
const GOOD_LENGTH: &str = "Content-Length: 27\r\n";
const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";
/// Stands behind a request whose end is in doubt. It must never be taken for a request of its own.
const SMUGGLED: &str =
    "POST /streams/smuggled HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\n\r\n7";

/// Bytes that the server is sure to have read before it answers.
const READ_AT_ONCE: usize = 8 * 1024;

/// How a request ends.
#[derive(Clone, Copy, Debug)]
enum Told {
    /// With this status and a problem of this code.
    Problem(u16, &'static str),
    /// With this status and no body: it could not be read as HTTP.
    Bare(u16),
    /// With a plain success.
    Taken(u16),
    /// With the end of the connection.
    Cut,
}

use Told::{Bare, Cut, Problem, Taken};

type Case = (&'static str, Vec<u8>, Told);

fn case(name: &'static str, bytes: impl Into<Vec<u8>>, told: Told) -> Case {
    (name, bytes.into(), told)
}

fn post(headers: &str, body: &str) -> String {
    format!("POST /events HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n{body}")
}

fn get(target: &str, headers: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n")
}

fn chunks() -> String {
    format!("1b\r\n{GOOD}\r\n0\r\n\r\n")
}

/// Where a body ends is in doubt: two that read it differently could be played against each other.
fn framing() -> Vec<Case> {
    let length = |value: &str| post(&format!("Content-Length: {value}\r\n"), GOOD);
    let coding = |value: &str| post(&format!("Transfer-Encoding: {value}\r\n"), &chunks());
    let chunked = |body: String| post(CHUNKED, &body);
    let broken = Problem(400, "broken_body");
    let extension = "x".repeat(1000);
    let one_by_one: Vec<String> =
        GOOD.chars().map(|sign| format!("1;{extension}\r\n{sign}\r\n")).collect();
    let megabytes = "x".repeat(2 << 20);
    vec![
        case("two lengths", post("Content-Length: 27\r\nContent-Length: 28\r\n", GOOD), Bare(400)),
        case("a list of lengths", length("27, 28"), Bare(400)),
        case("a list of equal lengths", length("27, 27"), Bare(400)),
        case("a signed length", length("+27"), Bare(400)),
        case("a negative length", length("-27"), Bare(400)),
        case("a hexadecimal length", length("0x1b"), Bare(400)),
        case("a length of two words", length("2 7"), Bare(400)),
        case("an empty length", length(""), Bare(400)),
        case("a length beyond 64 bits", length("18446744073709551643"), Bare(400)),
        case(
            "a length beyond all limits",
            length("9223372036854775807"),
            Problem(413, "body_too_large"),
        ),
        // RFC 9112, 6.3: the coding counts, and the connection is closed behind it.
        case("length and chunks", post(&format!("{GOOD_LENGTH}{CHUNKED}"), &chunks()), Taken(202)),
        case("chunks and length", post(&format!("{CHUNKED}{GOOD_LENGTH}"), &chunks()), Taken(202)),
        case("no coding that we know", coding("xchunked"), Bare(400)),
        case("identity", coding("identity"), Bare(400)),
        case("chunked is not the last", coding("chunked, gzip"), Bare(400)),
        case("a coding behind a control character", coding("\u{b}chunked"), Bare(400)),
        case("a folded coding", coding("\r\n chunked"), Bare(400)),
        case("chunks in HTTP/1.0", chunked(chunks()).replace("HTTP/1.1", "HTTP/1.0"), Bare(400)),
        case("a folded header", post(&format!("X: a\r\n b\r\n{GOOD_LENGTH}"), GOOD), Bare(400)),
        case("a size that is none", chunked(format!("XYZ\r\n{GOOD}")), broken),
        case("a negative size", chunked(format!("-1\r\n{GOOD}")), broken),
        case("a size beyond 64 bits", chunked(format!("fffffffffffffffff\r\n{GOOD}")), broken),
        case("a size with a prefix", chunked(format!("0x{}", chunks())), broken),
        case("sizes that end in LF", chunked(chunks().replace("\r\n", "\n")), broken),
        case("a size too small", chunked(chunks().replace("1b", "1a")), broken),
        case(
            "an extension of megabytes",
            chunked(chunks().replace("1b", &format!("1b;{megabytes}"))),
            broken,
        ),
        case("many long extensions", chunked(one_by_one.concat() + "0\r\n\r\n"), broken),
        case(
            "a trailer of megabytes",
            chunked(format!("1b\r\n{GOOD}\r\n0\r\nT: {megabytes}\r\n\r\n")),
            broken,
        ),
        case(
            "thousands of trailers",
            chunked(format!("1b\r\n{GOOD}\r\n0\r\n{}\r\n", "T: x\r\n".repeat(5000))),
            broken,
        ),
    ]
}

/// The framing is plain, the rest of the head is not.
fn heads() -> Vec<Case> {
    let hosts = |lines: &str| format!("GET /status HTTP/1.1\r\n{lines}\r\n");
    let coding = |value: &str| post(&format!("Transfer-Encoding: {value}\r\n"), &chunks());
    let twice = format!("{CHUNKED}{CHUNKED}");
    let bad_coding = Problem(400, "bad_transfer_encoding");
    let (foreign, missing) = (Problem(403, "foreign_host"), Problem(400, "missing_host"));
    let huge = "x".repeat(1 << 20);
    vec![
        case("compressed chunks", coding("gzip, chunked"), bad_coding),
        case("chunks of chunks", coding("chunked, chunked"), bad_coding),
        case("chunked twice", post(&twice, &chunks()), bad_coding),
        case(
            "the same length twice",
            post(&format!("{GOOD_LENGTH}{GOOD_LENGTH}"), GOOD),
            Taken(202),
        ),
        case(
            "white space behind a size",
            post(CHUNKED, &chunks().replace("1b", "1b  ")),
            Taken(202),
        ),
        case(
            "a trailer that is a length",
            post(CHUNKED, &chunks().replace("0\r\n", "0\r\nContent-Length: 5\r\n")),
            Taken(202),
        ),
        case("a header of a MiB", get("/status", &format!("X: {huge}\r\n")), Bare(431)),
        case("a name of 70 kB", get("/status", &format!("{}: 1\r\n", &huge[..70_000])), Bare(431)),
        case("200 headers", get("/status", &"X: 1\r\n".repeat(200)), Bare(431)),
        case("NUL in a header", get("/status", "X: a\0b\r\n"), Bare(400)),
        case("CR in a header", get("/status", "X: a\rb\r\n"), Bare(400)),
        case("DEL in a header", get("/status", "X: a\u{7f}b\r\n"), Bare(400)),
        case("NUL in a name", get("/status", "X\0: 1\r\n"), Bare(400)),
        case("a space behind a name", get("/status", "X : 1\r\n"), Bare(400)),
        case("no name", get("/status", ": 1\r\n"), Bare(400)),
        case("no colon", get("/status", "nothing\r\n"), Bare(400)),
        case("a continued first line", hosts(" Host: 127.0.0.1\r\n"), Bare(400)),
        case("no Host", hosts(""), missing),
        case("two Hosts", hosts("Host: 127.0.0.1\r\nHost: evil\r\n"), missing),
        case("the same Host twice", hosts("Host: 127.0.0.1\r\nHost: 127.0.0.1\r\n"), missing),
        case("an empty Host", hosts("Host: \r\n"), foreign),
        case("another Host", hosts("Host: evil\r\n"), foreign),
        case("a Host with a user", hosts("Host: 127.0.0.1@evil\r\n"), foreign),
        case("a list of Hosts", hosts("Host: 127.0.0.1, evil\r\n"), foreign),
        case("a Host that is no text", b"GET /status HTTP/1.1\r\nHost: \xff\r\n\r\n", foreign),
        case(
            "a header that is no text",
            b"GET /status HTTP/1.1\r\nHost: localhost\r\nX: \xff\r\n\r\n",
            Taken(200),
        ),
        case("lines that end in LF", "GET /status HTTP/1.1\nHost: 127.0.0.1\n\n", Taken(200)),
    ]
}

/// Targets and methods.
fn lines() -> Vec<Case> {
    let line = |line: &str| format!("{line}\r\nHost: 127.0.0.1\r\n\r\n");
    let target = |target: &str| get(target, "");
    let (bad_path, no_route) = (Problem(400, "bad_path"), Problem(404, "no_such_route"));
    let foreign = Problem(403, "foreign_host");
    let no_method = Problem(405, "method_not_allowed");
    let long = |n: usize| target(&format!("/events/{}", "a".repeat(n)));
    vec![
        case("absolute form", target("http://127.0.0.1/status"), Taken(200)),
        case("absolute form elsewhere", target("http://evil/status"), foreign),
        case("absolute form with a user", target("http://127.0.0.1@evil/status"), foreign),
        case(
            "absolute form, another Host",
            "GET http://127.0.0.1/status HTTP/1.1\r\nHost: evil\r\n\r\n",
            foreign,
        ),
        case("absolute form, another scheme", target("ftp://127.0.0.1/status"), foreign),
        case("authority form", target("127.0.0.1:80"), no_route),
        case("a name alone", target("status"), foreign),
        case("CONNECT", line("CONNECT 127.0.0.1:80 HTTP/1.1"), no_route),
        case("CONNECT elsewhere", line("CONNECT evil:80 HTTP/1.1"), foreign),
        case("CONNECT to a path", line("CONNECT /status HTTP/1.1"), no_method),
        case("OPTIONS *", line("OPTIONS * HTTP/1.1"), no_route),
        case("GET *", target("*"), no_route),
        case("no target", line("GET  HTTP/1.1"), Bare(400)),
        case("no hexadecimal digits", target("/events/%zz"), bad_path),
        case("half an escape", target("/events/a%2"), bad_path),
        case("a percent sign alone", target("/events/%"), bad_path),
        case("an overlong slash", target("/events/%c0%af"), bad_path),
        case("an escaped NUL", target("/events/%00"), Problem(404, "not_found")),
        case(
            "a query that is no text",
            target("/events?category=%ff"),
            Problem(400, "bad_parameter"),
        ),
        case("dots", target("/./events"), no_route),
        case("an escaped letter", target("/%65vents"), no_route),
        case("two slashes", target("//events"), no_route),
        case("out of the console", target("/ui/a/../../../etc/passwd"), no_route),
        case("out of the console, escaped", target("/ui/a/%2e%2e/%2e%2e/etc/passwd"), no_route),
        case("a control character", target("/events/\u{1}"), Bare(400)),
        case("a space", target("/events/a b"), Bare(400)),
        case(
            "a byte that is no text",
            b"GET /events/\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
            Bare(400),
        ),
        case("60 kB of path", long(60_000), Problem(404, "not_found")),
        case(
            "60 kB of query",
            target(&format!("/events?{}=1", "a".repeat(60_000))),
            Problem(400, "unknown_parameter"),
        ),
        case("70 kB of path", long(70_000), Bare(414)),
        case("a MiB of path", long(1 << 20), Bare(431)),
        case("an unknown method", line("BREW /events HTTP/1.1"), no_method),
        case("a method in small letters", line("get /events HTTP/1.1"), no_method),
        case("a long method", line(&format!("{} /events HTTP/1.1", "M".repeat(10_000))), no_method),
        case("no method", line("{} /events HTTP/1.1"), Bare(400)),
        case("TRACE", line("TRACE /events HTTP/1.1"), no_method),
    ]
}

/// Other protocols, other versions, upgrades.
fn protocols() -> Vec<Case> {
    let handshake = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let with_body = |more: &str| get("/live", &format!("{handshake}{more}"));
    let no_key = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
    let h2c = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n";
    let bad_upgrade = Problem(400, "bad_upgrade");
    let tls = [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".as_slice(), &[0x11; 600]].concat();
    vec![
        case("a word", "hello\r\n\r\n", Bare(400)),
        case("zeros", vec![0; 5000], Bare(400)),
        case(
            "a byte order mark",
            [b"\xef\xbb\xbf", get("/status", "").as_bytes()].concat(),
            Bare(400),
        ),
        case("TLS", tls, Bare(400)),
        case("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0", Cut),
        case("HTTP/0.9", "GET /status\r\n", Bare(400)),
        case("HTTP/1.2", "GET /status HTTP/1.2\r\nHost: localhost\r\n\r\n", Bare(400)),
        case("HTTP/2.0", "GET /status HTTP/2.0\r\nHost: localhost\r\n\r\n", Bare(400)),
        case("HTTP/1.0", "GET /status HTTP/1.0\r\n\r\n", Taken(200)),
        case("empty lines first", format!("\r\n\r\n{}", get("/status", "")), Taken(200)),
        case("an upgrade to HTTP/2", get("/status", h2c), Taken(200)),
        case("an upgrade with a body", with_body(GOOD_LENGTH) + GOOD, bad_upgrade),
        case("an upgrade with chunks", with_body(CHUNKED) + &chunks(), bad_upgrade),
        case("an upgrade without its key", get("/live", no_key), bad_upgrade),
        case(
            "an upgrade of an old kind",
            with_body("").replace("Version: 13", "Version: 8"),
            bad_upgrade,
        ),
        case(
            "an upgrade of a write",
            post(&format!("{handshake}Content-Length: 1\r\n"), "{"),
            Problem(400, "invalid_json"),
        ),
        case("a GET with a body", get("/status", GOOD_LENGTH) + GOOD, Taken(200)),
        case(
            "a GET with a body that never comes",
            get("/status", "Content-Length: 1000000\r\n"),
            Taken(200),
        ),
        case(
            "an unknown expectation",
            post(&format!("Expect: miracles\r\n{GOOD_LENGTH}"), GOOD),
            Taken(202),
        ),
    ]
}

async fn is_told(app: &TestApp, (name, bytes, told): &Case) {
    let mut raw = Raw::connect(app.addr).await;
    raw.send(bytes).await;
    let answer = raw.answer(DEADLINE).await;
    let told_so = match (told, &answer) {
        (Problem(status, code), Some(answer)) => {
            answer.status == *status && answer.body.contains(&format!("\"code\":\"{code}\""))
        }
        (Bare(status), Some(answer)) => answer.status == *status && answer.body.is_empty(),
        (Taken(status), Some(answer)) => answer.status == *status,
        (Cut, None) => true,
        // What is left unread resets the connection, perhaps before the answer is seen.
        (Problem(..) | Bare(_), None) => bytes.len() > READ_AT_ONCE,
        _ => false,
    };
    assert!(told_so, "{name}: not {told:?} but {answer:?}");
    let is_small = answer.is_none_or(|answer| answer.body.len() < 4096);
    assert!(is_small, "{name}: a long answer");
    assert_eq!(app.get("/healthz").await.status, 200, "{name}: the next connection");
}

/// All of `cases`, and that exactly the accepted ones are stored.
async fn all_are_told(cases: Vec<Case>) {
    let app = TestApp::start().await;
    for case in &cases {
        is_told(&app, case).await;
    }
    app.wait_applied().await;
    let n_taken = cases.iter().filter(|(_, _, told)| matches!(told, Taken(202))).count();
    assert_eq!(app.export("?stream=*").await.len(), n_taken);
}

#[tokio::test]
async fn a_body_whose_end_is_in_doubt_hides_no_second_request() {
    let hidden = |(name, mut bytes, told): Case| {
        bytes.extend_from_slice(SMUGGLED.as_bytes());
        (name, bytes, told)
    };
    all_are_told(framing().into_iter().map(hidden).collect()).await;
}

#[tokio::test]
async fn bad_heads_are_refused_and_odd_ones_understood() {
    all_are_told(heads()).await;
}

#[tokio::test]
async fn targets_and_methods_mean_what_they_say_or_nothing() {
    all_are_told(lines()).await;
}

#[tokio::test]
async fn other_protocols_are_refused() {
    all_are_told(protocols()).await;
}
