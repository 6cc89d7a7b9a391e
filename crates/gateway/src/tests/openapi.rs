//! The description and the router say the same, and so do its codes and ours.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use crate::error::Kind;
use crate::limits::Limits;
use crate::openapi::document;
use crate::queries::published::Queries;
use crate::router::routes;
use crate::tests::app::App;
use crate::tests::published::published;

fn spec() -> Value {
    serde_json::from_slice(&document("1.2.3", "http://127.0.0.1:8080/", &Queries::none())).unwrap()
}

fn operations() -> Vec<(String, String, Value)> {
    let spec = spec();
    let mut all = Vec::new();
    for (path, methods) in spec["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            all.push((path.clone(), method.to_uppercase(), operation.clone()));
        }
    }
    all
}

#[test]
fn version_and_server_are_filled_in() {
    let spec = spec();
    assert_eq!(spec["info"]["version"], "1.2.3");
    assert_eq!(spec["servers"][0]["url"], "http://127.0.0.1:8080");
}

#[test]
fn every_operation_has_its_own_id_and_every_reference_its_target() {
    let ids: Vec<_> = operations().iter().map(|(_, _, op)| op["operationId"].clone()).collect();
    let different: BTreeSet<_> =
        ids.iter().map(|id| id.as_str().expect("an operationId")).collect();
    assert_eq!(different.len(), ids.len());
    let spec = spec();
    for reference in spec.to_string().split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(spec.pointer(pointer).is_some(), "{pointer}");
    }
}

#[tokio::test]
async fn description_and_router_list_the_same() {
    let app = App::start().await;
    // `/ui` and the files below `/ui/` are spellings of `/ui/`.
    let routed: BTreeSet<String> = routes()
        .iter()
        .filter(|route| !matches!(route.path, "/ui" | "/ui/{*path}"))
        .flat_map(|route| {
            route.methods.split(", ").map(|method| format!("{method} {}", route.path))
        })
        .filter(|route| !route.starts_with("HEAD "))
        .collect();
    let described: BTreeSet<String> =
        operations().iter().map(|(path, method, _)| format!("{method} {path}")).collect();
    assert_eq!(routed, described);
    for (path, _, _) in operations() {
        let real = path.replace("{id}", "no-such").replace("{stream}", "a");
        let real = real.replace("{name}", "a").replace("{seq}", "1").replace("{table}", "a");
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            // What `/live` gives to whoever takes anything has no end.
            let answer = app.send(&format!("{method} {real}"), "Accept: text/none\r\n", b"").await;
            let code = answer
                .text()
                .split("\"code\":\"")
                .nth(1)
                .map(|rest| rest.split('"').next().unwrap().to_owned());
            let is_there = !matches!(code.as_deref(), Some("no_such_route" | "method_not_allowed"));
            assert_eq!(
                is_there,
                described.contains(&format!("{method} {path}")),
                "{method} {path}"
            );
            if !is_there {
                assert_eq!(answer.status, 405);
                assert!(!answer.header("allow").unwrap().contains(method), "{method} {path}");
            }
        }
    }
}

#[tokio::test]
async fn every_operation_refuses_parameters_that_it_does_not_describe() {
    let app = App::start().await;
    for (path, method, operation) in operations() {
        // The console reads its own address.
        if path == "/ui/" {
            continue;
        }
        let real = path.replace("{id}", "no-such").replace("{stream}", "a");
        let real = real.replace("{name}", "a").replace("{seq}", "1").replace("{table}", "a");
        let accept = "Accept: text/event-stream\r\n";
        let answer =
            app.send(&format!("{method} {real}?no_such=1"), accept, b"{\"category\":1}").await;
        assert_eq!(answer.json()["code"], "unknown_parameter", "{method} {path}");
        assert!(operation["responses"]["400"].is_object(), "{method} {path}");
    }
}

/// The database is well: a dead one would be `database_unavailable`.
#[tokio::test]
async fn who_finds_no_place_to_read_is_told_whose_crowd_it_is_wherever_the_description_says() {
    let limits = Limits { read_wait_max: Duration::ZERO, ..Limits::default() };
    let app = App::with(limits).await;
    let mine = std::iter::from_fn(|| app.edge.reads.take("address 127.0.0.1", 1).ok());
    let mine: Vec<_> = mine.collect();
    for (path, _, operation) in operations().iter().filter(|(_, method, _)| method == "GET") {
        let real = path.replace("{id}", "no-such").replace("{stream}", "a").replace("{seq}", "1");
        let answer = app.send(&format!("GET {real}"), "Accept: text/none\r\n", b"").await;
        let words = operation["responses"]["503"]["description"].as_str().unwrap_or_default();
        let is_refused = answer.text().contains("\"code\":\"too_many_reads\"");
        assert_eq!(is_refused, words.contains("`too_many_reads`"), "{path}: {}", answer.text());
        if is_refused {
            assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")), "{path}");
            let detail = answer.json()["detail"].to_string();
            assert!(detail.contains("address 127.0.0.1 has 4 of the 8 places"), "{detail}");
        }
    }
    assert_eq!(app.get("/healthz").await.status, 200);
    drop(mine);
    assert_eq!(app.get("/events").await.status, 200);
}

#[test]
fn every_code_is_described() {
    let spec = document("1.2.3", "http://127.0.0.1:8080/", &published());
    let spec = String::from_utf8(spec.to_vec()).unwrap();
    let people = include_str!("../../../../docs/http-api.md");
    for kind in Kind::ALL {
        let code = format!("`{}`", kind.code());
        assert!(spec.contains(&code), "openapi.json lacks {code}");
        assert!(people.contains(&code), "docs/http-api.md lacks {code}");
    }
    for code in ["`missing_field`", "`bad_label`", "`bad_timestamp`", "`schema_violation`"] {
        assert!(spec.contains(code) && people.contains(code), "{code} of the intake");
    }
}
