//! What the database refuses: put aside one by one, replayed as a job, or all of it held back by an alarm.
//!
//! The refusals are real: a trigger in the database, made beside the running server.

use serde_json::{Value, json};

use crate::app::{Launch, TestApp, eventually};
use crate::follow::Way;
use crate::http::{Answer, Row};

/// Refuses these events: a condition on `new`.
fn refuse(app: &TestApp, condition: &str) {
    app.beside().refuse(condition, "none of these here");
}

fn heal(app: &TestApp) {
    app.beside().heal();
}

/// Numbers as events of the stream `raw`, all in one request and so in one transaction. Their positions.
async fn send(app: &TestApp, from: u64, to: u64) -> Vec<u64> {
    let lines: Vec<String> = (from..to).map(|n| n.to_string()).collect();
    let answer = app.http.post("/streams/raw", "application/x-ndjson", lines.join("\n")).await;
    let first = answer.accepted()["first_seq"].as_u64().unwrap();
    (first..first + to - from).collect()
}

/// Numbers and positions of what is stored.
async fn stored(app: &TestApp) -> Vec<(u64, u64)> {
    let lines = app.export_of("/streams/raw").await;
    lines
        .iter()
        .map(|line| Row::parse(line))
        .map(|row| (row.data().parse().unwrap(), row.seq))
        .collect()
}

async fn numbers(app: &TestApp) -> Vec<u64> {
    stored(app).await.into_iter().map(|(number, _)| number).collect()
}

async fn post(app: &TestApp, path: &str, body: &Value) -> Answer {
    app.http.post(path, "application/json", body.to_string()).await
}

/// Starts a replay; its id.
async fn replay(app: &TestApp, wish: &Value) -> String {
    let answer = post(app, "/dead-letters/replay", wish).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    answer.json()["job"]["id"].as_str().unwrap().to_owned()
}

async fn job(app: &TestApp, id: &str) -> Value {
    app.get(&format!("/jobs/{id}")).await.json()
}

/// The job at its end.
async fn ended(app: &TestApp, id: &str) -> Value {
    eventually("the end of the job", async || {
        let job = job(app, id).await;
        (!job["ended_at"].is_null()).then_some(job)
    })
    .await
}

async fn counts(app: &TestApp) -> Value {
    app.get("/dead-letters").await.json()["counts"].clone()
}

fn sums(job: &Value) -> (&str, u64, u64, u64, u64) {
    let number = |name: &str| job[name].as_u64().unwrap();
    assert_eq!(number("done"), number("ok") + number("failed") + number("skipped"), "{job}");
    let state = job["state"].as_str().unwrap();
    (state, number("total"), number("ok"), number("failed"), number("skipped"))
}

/// Thirty numbers in one transaction, two of which are refused, and a third by somebody who waits for the database.
struct Died {
    app: TestApp,
    /// Where the thirty stand.
    seqs: Vec<u64>,
    /// The third one.
    id: String,
    late: u64,
}

async fn died() -> Died {
    let app = TestApp::start().await;
    refuse(&app, "CAST(new.data AS text) IN ('13', '17')");
    let seqs = send(&app, 0, 30).await;
    app.wait_applied().await;
    let waiting = [("content-type", "application/json"), ("prefer", "wait=20")];
    let answer = app.http.send(hyper::Method::POST, "/streams/raw", &waiting, "13").await;
    assert_eq!((answer.status, answer.json()["state"].as_str()), (200, Some("dead")), "{answer:?}");
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    let late = answer.json()["seq"].as_u64().unwrap();
    Died { app, seqs, id, late }
}

#[tokio::test]
async fn exactly_the_refused_records_die_and_all_others_are_stored() {
    let Died { app, seqs, id, late } = died().await;
    let good: Vec<u64> = (0..30).filter(|n| ![13, 17].contains(n)).collect();
    assert_eq!(numbers(&app).await, good);
    let row = app.get(&format!("/events/{id}")).await.row();
    assert_eq!((row.rest["state"].as_str(), row.data()), (Some("dead"), "13"));
    let answer = app.get("/dead-letters").await.json();
    assert_eq!(answer["counts"], json!({"open": 3, "replayed": 0, "discarded": 0}));
    let group = &answer["groups"][0];
    assert_eq!((&group["reason"], &group["count"]), (&json!("refused"), &json!(3)));
    assert_eq!(group["sample"]["seq"], late);
    // PostgreSQL adds its code.
    let detail = group["sample"]["detail"].as_str().unwrap();
    assert!(detail.starts_with("none of these here"), "{detail}");
    let listed = |list: &Value| -> Vec<u64> {
        let list = list["dead_letters"].as_array().unwrap();
        list.iter().map(|one| one["seq"].as_u64().unwrap()).collect()
    };
    let list = app.get("/dead-letters/events?stream=raw&limit=2").await.json();
    assert_eq!(listed(&list), [late, seqs[17]]);
    let next = format!("/dead-letters/events?after={}", list["next"].as_str().unwrap());
    let list = app.get(&next).await.json();
    assert_eq!((listed(&list), &list["next"]), (vec![seqs[13]], &Value::Null));
    let list = app.get("/dead-letters/events?application=nobody").await.json();
    assert_eq!(listed(&list), [0; 0]);
    let one = app.get(&format!("/dead-letters/{}", seqs[13])).await.json();
    assert_eq!((&one["data"], &one["attempts"]), (&json!(13), &json!(1)));
    assert_eq!((&one["preview"], &one["data_bytes"]), (&json!("13"), &json!(2)));
    let status = app.get("/status").await.json();
    let count = |name: &str| status["counts"][name].as_u64().unwrap();
    assert_eq!(count("accepted"), count("stored") + count("dead") + count("duplicate"), "{status}");
}

#[tokio::test]
async fn a_replay_stores_each_once_at_its_old_place() {
    let Died { app, seqs, id, late } = died().await;
    heal(&app);
    let wish = json!({"filter": {"stream": "raw", "application": null}, "dry_run": true});
    let preview = post(&app, "/dead-letters/replay", &wish).await.json();
    assert_eq!((&preview["count"], &preview["left_out"]), (&json!(3), &json!(0)));
    let id_of_job = replay(&app, &json!({"filter": {}})).await;
    assert_eq!(sums(&ended(&app, &id_of_job).await), ("done", 3, 3, 0, 0));
    let mut wanted: Vec<(u64, u64)> = (0..30).zip(seqs).collect();
    wanted.push((13, late));
    assert_eq!(stored(&app).await, wanted);
    assert_eq!(app.get(&format!("/events/{id}")).await.row().rest["state"], "stored");
    // The same for those who read it all again.
    let mut history = app.live_ws("since=beginning&stream=raw").await;
    let seen: Vec<u64> = history.events(31).await.iter().map(|row| row.seq).collect();
    assert_eq!(seen, wanted.iter().map(|(_, seq)| *seq).collect::<Vec<_>>());
    assert_eq!(history.next().await.kind, "caught_up");
    assert_eq!(counts(&app).await, json!({"open": 0, "replayed": 3, "discarded": 0}));
    let audit = app.get("/audit").await.json();
    let line = &audit["audit"][0];
    assert_eq!((&line["act"], &line["object"]), (&json!("dead_letter.replay"), &json!(id_of_job)));
}

#[tokio::test]
async fn who_listens_is_told_of_a_replay_and_of_no_second_event() {
    let Died { app, seqs, late, .. } = died().await;
    heal(&app);
    for way in Way::ALL {
        let mut live = app.follow(way, "since=now&stream=raw").await;
        let mut frames = app.follow(way, "since=now&frames=1").await;
        let mut other = app.follow(way, "since=now&stream=other").await;
        for follower in [&mut live, &mut frames, &mut other] {
            while follower.next().await.kind != "caught_up" {}
        }
        let sql = "UPDATE dead_letters SET state = 'open'; DELETE FROM events WHERE CAST(data AS text) IN ('13', '17')";
        app.beside().run(sql);
        let id = replay(&app, &json!({"filter": {}})).await;
        assert_eq!(sums(&ended(&app, &id).await), ("done", 3, 3, 0, 0));
        for follower in [&mut live, &mut frames] {
            for seq in [seqs[13], seqs[17], late] {
                let message = follower.next().await;
                let cursor = message.json()["cursor"].as_str().unwrap().to_owned();
                let text = format!(
                    r#"{{"type":"status","seq":{seq},"cursor":"{cursor}","state":"stored"}}"#
                );
                assert_eq!(message.text, text);
                assert!(
                    cursor.ends_with(&format!(".{seq}")) && message.sse_id.is_none(),
                    "{message:?}"
                );
            }
        }
        let new = send(&app, 99, 100).await[0];
        assert_eq!(live.next_event().await.seq, new);
        assert_eq!(frames.next().await.json()["items"][0]["seq"], new);
        // Who wants other streams heard of none of it.
        app.post_stream("other", "1").await.accepted();
        let heard = loop {
            let message = other.next().await;
            if message.kind != "progress" {
                break message;
            }
        };
        assert_eq!(heard.kind, "event");
    }
}

#[tokio::test]
async fn a_dead_letter_keeps_its_id() {
    let app = TestApp::start().await;
    refuse(&app, "new.name = 'bad'");
    let event = |data: u64| json!({"id": "mine", "category": "c", "name": "bad", "data": data});
    let first = post(&app, "/events", &event(1)).await.accepted();
    app.wait_applied().await;
    for is_healed in [false, true] {
        if is_healed {
            heal(&app);
        }
        let again = post(&app, "/events", &event(1)).await.accepted();
        assert_eq!((&again["seq"], &again["duplicate"]), (&first["seq"], &json!(true)));
        let other = post(&app, "/events", &event(2)).await;
        assert_eq!((other.status, &other.json()["code"]), (409, &json!("id_conflict")));
    }
    let id = replay(&app, &json!({"seqs": [first["seq"]]})).await;
    assert_eq!(sums(&ended(&app, &id).await), ("done", 1, 1, 0, 0));
    let row = app.get("/events/mine").await.row();
    assert_eq!((row.seq, &row.rest["state"]), (first["seq"].as_u64().unwrap(), &json!("stored")));
    let again = post(&app, "/events", &event(1)).await.accepted();
    assert_eq!((&again["seq"], &again["duplicate"]), (&first["seq"], &json!(true)));
}

#[tokio::test]
async fn a_database_that_refuses_everything_stops_the_consumer_and_loses_nothing() {
    let launch = Launch::new().env("EYAS_STORE_REFUSED_RETRY", "50ms");
    let app = launch.start().await;
    refuse(&app, "1 = 1");
    // Too few to tell the database's fault from theirs: they are put aside.
    send(&app, 0, 20).await;
    app.wait_applied().await;
    assert_eq!(counts(&app).await["open"], 20);
    send(&app, 20, 320).await;
    let alarm = async |app: &TestApp| {
        eventually("an alarm", async || {
            let consumer = app.get("/status").await.json()["consumer"].clone();
            (consumer["state"] == "stopped").then_some(consumer)
        })
        .await
    };
    let consumer = alarm(&app).await;
    let reason = consumer["reason"].as_str().unwrap();
    assert!(reason.contains("none of these here") && reason.contains("tried again"), "{reason}");
    let metrics = app.get("/metrics").await.text().to_owned();
    assert!(metrics.contains("eyas_consumer_state{state=\"stopped\"} 1"), "{metrics}");
    // Intake and push go on.
    let mut live = app.live_ws("since=now").await;
    let id = app.post_stream("raw", "320").await.accepted()["id"].as_str().unwrap().to_owned();
    assert_eq!(live.next_event().await.id, id);
    assert_eq!(app.get(&format!("/events/{id}")).await.row().rest["state"], "queued");
    // Neither its own tries nor a restart put any more aside.
    let app = app.restart().await;
    alarm(&app).await;
    assert_eq!(counts(&app).await["open"], 20);
    assert_eq!(numbers(&app).await, [0; 0]);
    heal(&app);
    app.wait_applied().await;
    assert_eq!(numbers(&app).await, (20..=320).collect::<Vec<_>>());
    assert_eq!(app.get("/status").await.json()["consumer"]["state"], "running");
    let id = replay(&app, &json!({"filter": {"reason": "refused"}})).await;
    assert_eq!(sums(&ended(&app, &id).await), ("done", 20, 20, 0, 0));
    assert_eq!(
        numbers(&app).await,
        (0..=320).collect::<Vec<_>>(),
        "each once, in the order they were sent"
    );
}

/// A server with 120 dead letters among 480 events, and nothing left that would refuse them.
async fn with_dead_letters(launch: &Launch) -> TestApp {
    let app = launch.start().await;
    refuse(&app, "CAST(CAST(new.data AS text) AS integer) % 4 = 0");
    send(&app, 0, 480).await;
    app.wait_applied().await;
    assert_eq!(counts(&app).await["open"], 120);
    heal(&app);
    app
}

#[tokio::test]
async fn a_job_goes_on_after_kill_9_and_its_counts_are_exact() {
    let app = with_dead_letters(&Launch::new()).await;
    let id = replay(&app, &json!({"filter": {}, "rate": 100})).await;
    eventually("a third of the work", async || {
        (job(&app, &id).await["done"].as_u64().unwrap() >= 40).then_some(())
    })
    .await;
    let app = app.restart().await;
    assert_eq!(job(&app, &id).await["state"], "running");
    assert_eq!(sums(&ended(&app, &id).await), ("done", 120, 120, 0, 0));
    assert_eq!(numbers(&app).await, (0..480).collect::<Vec<_>>());
}

#[tokio::test]
async fn death_between_the_work_and_its_note_counts_nothing_twice() {
    for point in
        ["replay.before_commit", "replay.after_commit", "job.before_progress", "job.after_progress"]
    {
        let launch = with_dead_letters(&Launch::new()).await.terminate().await;
        let app = launch.clone().env("KILL_EYAS_AT", &format!("{point}:3")).start().await;
        let id = replay(&app, &json!({"filter": {}, "rate": 1000})).await;
        let said = app.killed().await;
        assert!(said.contains(point), "{said}");
        let app = launch.start().await;
        assert_eq!(sums(&ended(&app, &id).await), ("done", 120, 120, 0, 0), "{point}");
        assert_eq!(numbers(&app).await, (0..480).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_job_is_paused_resumed_and_cancelled_and_the_only_one_of_its_kind() {
    let app = with_dead_letters(&Launch::new()).await;
    let id = replay(&app, &json!({"filter": {}, "rate": 1})).await;
    let act = async |app: &TestApp, act: &str| {
        app.http.post(&format!("/jobs/{id}/{act}"), "application/json", "").await
    };
    assert_eq!(act(&app, "pause").await.json()["state"], "paused");
    assert_eq!(act(&app, "pause").await.json()["state"], "paused", "asked twice is no mistake");
    let busy = post(&app, "/dead-letters/replay", &json!({"filter": {}})).await;
    assert_eq!(
        (busy.status, &busy.json()["code"], &busy.json()["job"]),
        (409, &json!("job_running"), &json!(id))
    );
    let app = app.restart().await;
    let paused = job(&app, &id).await;
    assert_eq!(paused["state"], "paused", "a restart does not wake it");
    assert_eq!(act(&app, "resume").await.json()["state"], "running");
    let n_before = paused["done"].as_u64().unwrap();
    eventually("it goes on", async || {
        (job(&app, &id).await["done"].as_u64().unwrap() > n_before).then_some(())
    })
    .await;
    let cancelled = act(&app, "cancel").await.json();
    assert!(cancelled["state"] == "cancelled" && !cancelled["ended_at"].is_null(), "{cancelled}");
    let over = act(&app, "resume").await;
    assert_eq!((over.status, &over.json()["code"]), (409, &json!("job_over")));
    let next = replay(&app, &json!({"filter": {}, "rate": 10_000})).await;
    let (state, total, ok, failed, skipped) = {
        let job = ended(&app, &next).await;
        let (state, total, ok, failed, skipped) = sums(&job);
        (state.to_owned(), total, ok, failed, skipped)
    };
    assert!(total < 120 && total == ok + skipped && failed == 0 && state == "done");
    assert_eq!(numbers(&app).await, (0..480).collect::<Vec<_>>());
    let jobs = app.get("/jobs").await.json();
    assert_eq!((&jobs["jobs"][0]["id"], &jobs["jobs"][1]["id"]), (&json!(next), &json!(id)));
    let acts: Vec<String> = app.get("/audit").await.json()["audit"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["act"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        acts,
        ["dead_letter.replay", "job.cancel", "job.resume", "job.pause", "dead_letter.replay"]
    );
}

#[tokio::test]
async fn a_replay_stops_after_so_many_failures_and_leaves_out_what_failed_often() {
    let app = TestApp::start().await;
    refuse(&app, "CAST(CAST(new.data AS text) AS integer) % 4 = 0");
    send(&app, 0, 40).await;
    app.wait_applied().await;
    let id = replay(&app, &json!({"filter": {}, "stop_after": 4, "rate": 10_000})).await;
    let stopped = ended(&app, &id).await;
    assert_eq!(sums(&stopped), ("stopped", 10, 0, 4, 0));
    assert!(stopped["detail"].as_str().unwrap().contains("none of these here"), "{stopped}");
    // To JSON 200.0 is a whole number.
    let id = replay(&app, &json!({"filter": {}, "rate": 200.0})).await;
    assert_eq!(sums(&ended(&app, &id).await), ("done", 10, 0, 10, 0));
    // Four of them have been refused three times now.
    let dry = |more: Value| {
        let mut wish = json!({"filter": {}, "dry_run": true});
        wish.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        wish
    };
    let preview = post(&app, "/dead-letters/replay", &dry(json!({}))).await.json();
    assert_eq!((&preview["count"], &preview["left_out"]), (&json!(6), &json!(4)));
    let preview =
        post(&app, "/dead-letters/replay", &dry(json!({"include_repeated": true}))).await.json();
    assert_eq!((&preview["count"], &preview["left_out"]), (&json!(10), &json!(0)));
    heal(&app);
    let id = replay(&app, &json!({"filter": {}, "include_repeated": true})).await;
    assert_eq!(sums(&ended(&app, &id).await), ("done", 10, 10, 0, 0));
    assert_eq!(numbers(&app).await, (0..40).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_is_discarded_stays_in_its_place_until_it_is_restored() {
    let app = TestApp::start().await;
    refuse(&app, "CAST(CAST(new.data AS text) AS integer) % 4 = 0");
    let seqs = send(&app, 0, 8).await;
    app.wait_applied().await;
    heal(&app);
    let two = json!([seqs[0], seqs[4]]);
    let answer = post(&app, "/dead-letters/discard", &json!({"seqs": two, "note": "typos"})).await;
    assert_eq!((answer.status, answer.json()), (200, json!({"discarded": 2})));
    let wish = json!({"seqs": two, "dry_run": true});
    assert_eq!(post(&app, "/dead-letters/replay", &wish).await.json()["count"], 0);
    let list = app.get("/dead-letters/events?state=discarded").await.json();
    let first = &list["dead_letters"][0];
    assert_eq!(
        (&first["note"], &first["acted_by"], &first["state"]),
        (&json!("typos"), &json!("local"), &json!("discarded"))
    );
    let mut history = app.live_ws("since=beginning&stream=raw").await;
    assert_eq!(history.events(8).await.len(), 8, "subscribers see it in its place");
    let answer = post(&app, "/dead-letters/restore", &json!({"filter": {"stream": "raw"}})).await;
    assert_eq!(answer.json(), json!({"restored": 2}));
    let id = replay(&app, &json!({"seqs": two})).await;
    assert_eq!(sums(&ended(&app, &id).await), ("done", 2, 2, 0, 0));
    assert_eq!(numbers(&app).await, (0..8).collect::<Vec<_>>());
    for (path, body, pointer) in [
        ("discard", json!({"seqs": [1]}), None),
        ("discard", json!({"seqs": [1], "note": " "}), Some("/note")),
        ("discard", json!({"seqs": [], "note": "x"}), Some("/seqs")),
        ("replay", json!({}), None),
        ("replay", json!({"seqs": [1], "filter": {}}), Some("/seqs")),
        ("replay", json!({"filter": {"state": "discarded"}}), Some("/filter/state")),
        ("replay", json!({"filter": {"colour": "red"}}), None),
        ("replay", json!({"filter": {}, "rate": 0}), Some("/rate")),
        ("restore", json!({"seqs": [0]}), Some("/seqs")),
    ] {
        let answer = post(&app, &format!("/dead-letters/{path}"), &body).await;
        assert_eq!(answer.status, 422, "{path} {body}: {answer:?}");
        assert_eq!(answer.json()["pointer"].as_str(), pointer, "{path} {body}");
    }
    assert_eq!(app.get("/dead-letters/1").await.json()["state"], "replayed");
    assert_eq!(app.get("/dead-letters/2").await.status, 404);
}
