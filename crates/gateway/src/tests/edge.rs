//! Writing and reading over a real socket.

use serde_json::{Value, json};

use crate::limits::Limits;
use crate::tests::app::App;

const EVENT: &str = r#"{"category":"a","name":"b","data":{"n":1.0}}"#;

#[tokio::test]
async fn an_event_is_accepted_and_read_back_byte_for_byte() {
    let app = App::start().await;
    let data = "{ \"big\" : 12345678901234567890 ,\r\n \"a\":1,\"a\":1e400}";
    let body = format!("{{\"id\":\"a/b ?ä\",\"category\":\"c\",\"name\":\"n\",\"data\":{data}}}");
    let answer = app.post("/events/", &body).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    assert_eq!(answer.text(), r#"{"id":"a/b ?ä","seq":1,"durability":"memory"}"#);
    app.applied(1).await;
    let one = app.get("/events/a%2Fb%20%3F%C3%A4").await;
    assert_eq!(one.status, 200, "{}", one.text());
    assert!(one.text().starts_with(
        r#"{"state":"stored","id":"a/b ?ä","seq":1,"cursor":"0a1b2c3d.1","stream":"events""#
    ));
    assert!(one.text().ends_with(&format!("\"data\":{data}}}")), "{}", one.text());
    let page = app.get("/events").await.text();
    assert!(page.contains(&data.replace("\r\n", "  ")), "{page}");
}

#[tokio::test]
async fn repetitions_and_conflicts_are_told_apart() {
    let app = App::start().await;
    let first = r#"{"id":"x","category":"a","name":"b","data":1}"#;
    let other = r#"{"id":"x","category":"a","name":"b","data":2}"#;
    assert_eq!(app.post("/events", first).await.status, 202);
    let again = app.post("/events", first).await;
    assert_eq!(again.text(), r#"{"id":"x","seq":1,"durability":"memory","duplicate":true}"#);
    let conflict = app.post("/events", other).await;
    assert_eq!(conflict.status, 409);
    let told = conflict.json();
    assert_eq!(
        (&told["code"], &told["seq"], &told["outcome"]),
        (&json!("id_conflict"), &json!(1), &json!("rejected"))
    );
    let many = app.post("/events", &format!("[{EVENT},{other}]")).await;
    assert_eq!((many.status, &many.json()["pointer"]), (409, &json!("/1/id")));
    let lines = app.post_lines("/events", &format!("\n{EVENT}\n\n{other}\n")).await;
    assert_eq!((lines.status, &lines.json()["position"]["line"]), (409, &json!(4)));
    let skipped =
        app.post("/events?on_error=skip", &format!("[{first},{other},{EVENT}]")).await.json();
    assert_eq!(skipped["accepted"], 2);
    assert_eq!(skipped["duplicates"], 1);
    assert_eq!(skipped["rejected"][0]["pointer"], "/1/id");
    assert_eq!(skipped["first_seq"], skipped["last_seq"]);
}

#[tokio::test]
async fn many_are_stored_all_or_none() {
    let app = App::start().await;
    let good = app.post("/events", &format!("[{EVENT},{EVENT}]")).await.json();
    assert_eq!(
        (&good["accepted"], &good["first_seq"], &good["last_seq"]),
        (&json!(2), &json!(1), &json!(2))
    );
    assert_eq!(good["ids"].as_array().unwrap().len(), 2);
    let bad = app.post("/events", &format!("[{EVENT},{{\"category\":\"a\"}}]")).await;
    assert_eq!((bad.status, &bad.json()["code"]), (422, &json!("missing_field")));
    assert_eq!(bad.json()["pointer"], "/1/name");
    assert_eq!(bad.json()["outcome"], "rejected");
    let next = app.post("/events", EVENT).await.json();
    assert_eq!(next["seq"], 3, "nothing of the bad request was appended");
}

#[tokio::test]
async fn skip_takes_the_good_ones_and_names_the_others() {
    let app = App::start().await;
    let body = format!("{EVENT}\n{{\"colour\":1}}\nnope\n\n{EVENT}\n");
    let told = app.post_lines("/events?on_error=skip", &body).await.json();
    assert_eq!((&told["accepted"], &told["last_seq"]), (&json!(2), &json!(2)));
    let rejected: Vec<_> = told["rejected"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| {
            (r["index"].as_u64().unwrap(), r["line"].as_u64().unwrap(), r["code"].as_str().unwrap())
        })
        .collect();
    assert_eq!(rejected, [(1, 2, "unknown_field"), (2, 3, "invalid_json")]);
    let none = app.post("/events?on_error=skip", "[1,2]").await;
    assert_eq!((none.status, &none.json()["code"]), (422, &json!("nothing_accepted")));
    assert_eq!(none.json()["rejected"].as_array().unwrap().len(), 2);
    let id = |name: &str| format!(r#"{{"id":"x","category":"c","name":"{name}"}}"#);
    app.post("/events", &id("first")).await;
    let taken = app.post("/events?on_error=skip", &format!("[{},{}]", id("b"), id("c"))).await;
    assert_eq!((taken.status, &taken.json()["code"]), (409, &json!("id_conflict")));
    assert_eq!(taken.json()["rejected"].as_array().unwrap().len(), 2);
    let mixed = app.post("/events?on_error=skip", &format!("[{},1]", id("b"))).await;
    assert_eq!((mixed.status, &mixed.json()["code"]), (422, &json!("nothing_accepted")));
    let single = app.post("/events?on_error=skip", "1").await;
    assert_eq!((single.status, &single.json()["code"]), (422, &json!("wrong_type")));
    assert_eq!(app.post("/events?on_eror=skip", EVENT).await.json()["code"], "unknown_parameter");
    assert_eq!(app.post("/events?on_error=maybe", EVENT).await.json()["code"], "bad_parameter");
}

#[tokio::test]
async fn raw_streams_cut_arrays_by_content_type() {
    let app = App::start().await;
    assert_eq!(app.post("/streams/raw", "[1,[2]]").await.json()["accepted"], 2);
    assert_eq!(app.post_lines("/streams/raw/", "[1,[2]]\n").await.json()["accepted"], 1);
    assert_eq!(app.post("/streams/events", EVENT).await.json()["seq"], 4);
    assert_eq!(app.post("/streams/events", "1").await.json()["code"], "wrong_type");
    assert_eq!(app.post("/streams/Bad", "1").await.json()["code"], "bad_stream_name");
    assert_eq!(app.post("/streams/", "1").await.json()["code"], "no_such_route");
    app.applied(4).await;
    let data = |page: Value| {
        page["events"].as_array().unwrap().iter().map(|e| e["data"].to_string()).collect::<Vec<_>>()
    };
    assert_eq!(data(app.get("/streams/raw").await.json()), ["1", "[2]", "[1,[2]]"]);
    assert_eq!(data(app.get("/events").await.json()), [r#"{"n":1.0}"#]);
    assert_eq!(data(app.get("/events?stream=*&limit=2&order=desc").await.json()).len(), 2);
    assert_eq!(app.get("/streams/never").await.json(), json!({"events": [], "next": null}));
    assert_eq!(app.get("/streams/Bad").await.json()["code"], "bad_stream_name");
    assert_eq!(app.get("/streams/raw?stream=x").await.json()["code"], "unknown_parameter");
}

#[tokio::test]
async fn pages_link_to_the_next_and_exports_have_all() {
    let app = App::start().await;
    let lines = "{\"n\":1}\n".repeat(250);
    assert_eq!(app.post_lines("/streams/s", &lines).await.status, 202);
    app.applied(250).await;
    let mut path = "/streams/s?limit=100&clock=event".to_owned();
    let mut seen = Vec::new();
    loop {
        let page = app.get(&path).await;
        let told = page.json();
        seen.extend(told["events"].as_array().unwrap().iter().map(|e| e["seq"].as_u64().unwrap()));
        let Some(next) = told["next"].as_str() else { break };
        path = format!("/streams/s?limit=100&clock=event&after={next}");
        assert_eq!(page.header("link").unwrap(), format!("<{path}>; rel=\"next\""));
    }
    assert_eq!(seen, (1..=250).collect::<Vec<u64>>());
    let accept = "Accept: application/x-ndjson\r\n";
    let all = app.send("GET /streams/s", accept, b"").await;
    assert_eq!(all.header("content-type"), Some("application/x-ndjson"));
    let last: Value = serde_json::from_str(all.text().lines().last().unwrap()).unwrap();
    assert_eq!((all.text().lines().count(), &last["seq"]), (250, &json!(250)));
    let some = app.send("GET /streams/s?limit=7&order=desc", accept, b"").await;
    assert_eq!(some.text().lines().count(), 7);
    let none = app.send("GET /streams/t", accept, b"").await;
    assert_eq!((none.status, none.body.len()), (200, 0));
    let other = app.get("/events?after=ffffffff.1").await;
    assert_eq!((other.status, &other.json()["code"]), (410, &json!("other_log")));
}

#[tokio::test]
async fn sessions_come_in_the_order_of_things() {
    let app = App::start().await;
    let at = |second: u32| {
        format!(
            "{{\"session_id\":\"s 1\",\"category\":\"a\",\"name\":\"b\",\"timestamp\":\"2026-11-01 08:00:{second:02}\"}}\n"
        )
    };
    let lines = [30, 10, 20, 10].map(at).concat();
    assert_eq!(app.post_lines("/events", &lines).await.status, 202);
    app.applied(4).await;
    let order = |told: &Value| {
        told["events"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| e["seq"].as_u64().unwrap())
            .collect::<Vec<_>>()
    };
    let whole = app.get("/sessions/s%201").await.json();
    assert_eq!((order(&whole), &whole["next"]), (vec![2, 4, 3, 1], &Value::Null));
    let first = app.get("/sessions/s%201?limit=3").await.json();
    assert_eq!(order(&first), [2, 4, 3]);
    let next = first["next"].as_str().unwrap();
    let rest = app.get(&format!("/sessions/s%201?limit=3&after={next}")).await.json();
    assert_eq!((order(&rest), &rest["next"]), (vec![1], &Value::Null));
    let lines = app.send("GET /sessions/s%201", "Accept: application/x-ndjson\r\n", b"").await;
    assert_eq!(lines.text().lines().count(), 4);
    assert_eq!(app.get("/sessions/s%201?after=0a1b2c3d.1").await.json()["code"], "bad_parameter");
    assert_eq!(
        app.get(&format!("/sessions/x?after={}", next.replace("0a1b2c3d", "ffffffff")))
            .await
            .status,
        410
    );
    assert_eq!(app.get("/sessions/nobody").await.json()["events"], json!([]));
}

#[tokio::test]
async fn an_id_of_several_streams_wants_its_stream() {
    let app = App::start().await;
    let event = r#"{"id":"x","category":"a","name":"b"}"#;
    app.post("/events", event).await;
    app.applied(1).await;
    assert_eq!(app.get("/events/x?stream=events").await.status, 200);
    assert_eq!(app.get("/events/x?stream=other").await.status, 404);
    assert_eq!(app.get("/events/x?strm=other").await.json()["code"], "unknown_parameter");
    assert_eq!(app.get("/events/y").await.json()["code"], "not_found");
    assert_eq!(app.get("/events/%ff").await.json()["code"], "bad_path");
}

#[tokio::test]
async fn status_tells_the_numbers() {
    let app = App::start().await;
    app.post("/events", EVENT).await;
    app.applied(1).await;
    let told = app.get("/status/").await.json();
    for (pointer, value) in [
        ("/version", json!("0.0.0-test")),
        ("/instance", json!("test-instance")),
        ("/log/id", json!("0a1b2c3d")),
        ("/log/next", json!(2)),
        ("/applied_seq", json!(1)),
        ("/lag/records", json!(0)),
        ("/counts/accepted", json!(1)),
        ("/consumer/state", json!("running")),
        ("/consumer/reason", Value::Null),
        ("/subscribers", json!(0)),
        ("/connections", json!(1)),
    ] {
        assert_eq!(told.pointer(pointer), Some(&value), "{pointer}: {told}");
    }
    assert!(told.pointer("/disk/free_bytes").unwrap().as_u64().unwrap() > 0);
    assert!(told.pointer("/rates/accepted_per_s").unwrap().is_number());
    assert_eq!(app.get("/healthz").await.json(), json!({"status": "ok"}));
    assert_eq!(app.get("/readyz/").await.json()["status"], "ready");
}

#[tokio::test]
async fn over_the_budget_nothing_is_stored() {
    let app = App::with(Limits { budget_bytes_max: 20, ..Limits::default() }).await;
    let answer = app.post("/events", EVENT).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    assert_eq!(
        (&answer.json()["code"], &answer.json()["outcome"]),
        (&json!("overloaded"), &json!("rejected"))
    );
    assert_eq!(app.edge.budget.n_used(), 0, "what was reserved is given back");
    assert_eq!(app.post("/streams/s", "1").await.json()["seq"], 1);
}

#[tokio::test]
async fn people_are_sent_to_the_console_and_programs_get_a_list() {
    let app = App::start().await;
    let person = app.send("GET /", "Accept: text/html,*/*\r\n", b"").await;
    assert_eq!((person.status, person.header("location")), (301, Some("/ui/")));
    let program = app.get("/").await;
    assert_eq!((program.status, &program.json()["name"]), (200, &json!("eyas")));
    assert_eq!(program.header("content-security-policy"), Some("default-src 'none'; sandbox"));
    assert_eq!(program.header("x-content-type-options"), Some("nosniff"));
}
