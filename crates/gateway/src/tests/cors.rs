//! Pages of other origins: what an application allows them, and nothing else.

use serde_json::json;

use crate::tests::app::{Answer, App};

const EVENT: &str = r#"{"category":"a","name":"b"}"#;
const PAGE: &str = "https://www.example.com";

/// An application that allows `PAGE`, another that allows nothing, and tokens: browser, server, the other's.
async fn with_tokens(app: &App) -> [String; 3] {
    let shop = json!({"name": "shop", "allowed_origins": [PAGE]});
    assert_eq!(app.post("/applications", &shop.to_string()).await.status, 201);
    assert_eq!(app.post("/applications", r#"{"name":"other"}"#).await.status, 201);
    let admin = app.post("/tokens", r#"{"application":"other","scopes":["admin"]}"#).await;
    let admin = admin.json()["token"].as_str().unwrap().to_owned();
    let mut made = Vec::new();
    for wanted in [
        json!({"application": "shop", "scopes": ["write"], "kind": "browser"}),
        json!({"application": "shop", "scopes": ["write", "read"]}),
    ] {
        let headers = format!("Authorization: Bearer {admin}\r\n");
        let token = app.send("POST /tokens", &headers, wanted.to_string().as_bytes()).await;
        made.push(token.json()["token"].as_str().unwrap().to_owned());
    }
    [made.remove(0), made.remove(0), admin]
}

/// As a page of `origin` sends it.
async fn write(app: &App, origin: &str, token: &str) -> Answer {
    let site = if origin == PAGE { "Sec-Fetch-Site: cross-site\r\n" } else { "" };
    let origin = if origin.is_empty() { String::new() } else { format!("Origin: {origin}\r\n") };
    let headers = format!(
        "{origin}{site}Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"
    );
    app.send("POST /events", &headers, EVENT.as_bytes()).await
}

async fn ask_first(app: &App, origin: &str, path: &str) -> Answer {
    let headers = format!(
        "Origin: {origin}\r\nSec-Fetch-Site: cross-site\r\nAccess-Control-Request-Method: POST\r\n\
         Access-Control-Request-Headers: authorization,content-type\r\n"
    );
    app.send(&format!("OPTIONS {path}"), &headers, b"").await
}

const ALLOW: &str = "access-control-allow-origin";

#[tokio::test]
async fn a_page_may_ask_first_only_where_it_may_write() {
    let app = App::start().await;
    with_tokens(&app).await;
    for path in ["/events", "/events/", "/streams/orders"] {
        let answer = ask_first(&app, PAGE, path).await;
        assert_eq!((answer.status, answer.header(ALLOW)), (204, Some(PAGE)), "{path}");
        assert_eq!(answer.header("access-control-allow-methods"), Some("POST"));
        let headers = answer.header("access-control-allow-headers").unwrap();
        assert!(headers.contains("authorization") && headers.contains("content-type"));
        assert_eq!(answer.header("vary"), Some("Origin"));
        assert_eq!(answer.header("access-control-allow-credentials"), None, "no cookie of ours");
    }
    for (origin, path) in [
        (PAGE, "/events/one"),
        (PAGE, "/tokens"),
        (PAGE, "/live"),
        ("https://evil.example", "/events"),
        ("https://www.example.com.evil.example", "/events"),
        ("http://www.example.com", "/events"),
        ("null", "/events"),
    ] {
        let answer = ask_first(&app, origin, path).await;
        assert_eq!((answer.status, answer.header(ALLOW)), (403, None), "{origin} {path}");
    }
}

#[tokio::test]
async fn a_page_writes_with_a_token_of_the_application_that_allows_it() {
    let app = App::start().await;
    let [browser, server, other] = with_tokens(&app).await;
    for token in [&browser, &server] {
        let answer = write(&app, PAGE, token).await;
        assert_eq!((answer.status, answer.header(ALLOW)), (202, Some(PAGE)), "{}", answer.text());
    }
    assert_eq!(write(&app, "", &server).await.status, 202);
    let own = format!("http://{}", app.address);
    assert_eq!(write(&app, &own, &server).await.status, 202);
    for (origin, token, code) in [
        ("", &browser, "wrong_origin"),
        (own.as_str(), &browser, "wrong_origin"),
        ("https://evil.example", &browser, "foreign_origin"),
        ("https://evil.example", &server, "foreign_origin"),
        (PAGE, &other, "wrong_origin"),
    ] {
        let answer = write(&app, origin, token).await;
        assert_eq!(answer.json()["code"], code, "{origin}");
        assert_eq!((answer.status, &answer.json()["outcome"]), (403, &json!("rejected")));
        // The page is told why where its origin is known, and cannot read the answer elsewhere.
        assert_eq!(answer.header(ALLOW), (origin == PAGE).then_some(PAGE), "{origin}");
    }
    let unknown = write(&app, PAGE, "eyas_nonsense").await;
    assert_eq!((unknown.status, unknown.header(ALLOW)), (401, Some(PAGE)));

    // What the page may not do: read, even with a token that may.
    let headers = format!("Origin: {PAGE}\r\nAuthorization: Bearer {server}\r\n");
    let read = app.send("GET /events", &headers, b"").await;
    assert_eq!((read.json()["code"].as_str(), read.header(ALLOW)), (Some("foreign_origin"), None));

    let off = format!("Authorization: Bearer {other}\r\n");
    let change = |body: &'static str| app.send("PATCH /applications/shop", &off, body.as_bytes());
    assert_eq!(change(r#"{"allowed_origins":[]}"#).await.status, 200);
    assert_eq!(write(&app, PAGE, &browser).await.json()["code"], "foreign_origin");
    assert_eq!(ask_first(&app, PAGE, "/events").await.status, 403);
}

#[tokio::test]
async fn before_the_first_token_pages_of_others_may_nothing() {
    let app = App::start().await;
    let shop = json!({"name": "shop", "allowed_origins": [PAGE]});
    assert_eq!(app.post("/applications", &shop.to_string()).await.status, 201);
    assert_eq!(write(&app, PAGE, "eyas_x").await.json()["code"], "foreign_origin");
}

#[tokio::test]
async fn a_page_opens_a_websocket_by_subprotocol() {
    let app = App::start().await;
    let [browser, server, other] = with_tokens(&app).await;
    let open = async |origin: &str, protocols: &str| {
        let headers = format!(
            "Origin: {origin}\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: {protocols}\r\n"
        );
        let head = format!(
            "GET /live HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\n{headers}\r\n",
            app.address
        );
        app.head(head.as_bytes()).await
    };
    let own = format!("http://{}", app.address);
    for origin in [PAGE, own.as_str()] {
        let head = open(origin, &format!("eyas.v1, eyas.bearer.{server}")).await;
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        let chosen = head.to_ascii_lowercase();
        assert!(chosen.contains("sec-websocket-protocol: eyas.v1\r\n"), "never the token: {head}");
        assert!(!head.contains("eyas_"), "{head}");
    }
    for (origin, protocols, status) in [
        (own.as_str(), "eyas.v1".to_owned(), "401"),
        (own.as_str(), "eyas.v1, eyas.bearer.eyas_nonsense".to_owned(), "401"),
        (own.as_str(), format!("eyas.v1, eyas.bearer.{browser}"), "403"),
        (PAGE, format!("eyas.v1, eyas.bearer.{browser}"), "403"),
        (PAGE, format!("eyas.v1, eyas.bearer.{other}"), "403"),
        ("https://evil.example", format!("eyas.v1, eyas.bearer.{server}"), "403"),
    ] {
        let head = open(origin, &protocols).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{origin}: {head}");
    }
}
