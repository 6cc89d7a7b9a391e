//! Two copies of one data directory on one PostgreSQL: a restored machine while the old one still runs, a volume mounted
//! twice. One of them feeds the database; the other one refuses, ends, or is brought in by a person. No event that either has
//! acknowledged is lost without a word, and none is there twice.

use std::path::Path;
use std::process::Command;

use rustix::process::Signal;
use testbed::{Database, Postgres};

use crate::app::{Launch, TestApp, eventually};
use crate::beside::Beside;
use crate::command::run_eyas;

/// A copy of the data directory of a server that does not run, for the same database.
fn copy_of(launch: &Launch) -> Launch {
    let copy = Launch::beside_of(launch);
    let from = launch.dir().join(".");
    let status = Command::new("cp").arg("-a").arg(from).arg(copy.dir()).status();
    assert!(status.expect("cp runs").success());
    copy
}

fn database(launch: &Launch) -> std::sync::Arc<Database> {
    let Beside::Postgres(database) = launch.beside() else { panic!("it is on PostgreSQL") };
    database
}

async fn send(app: &TestApp, id: &str) {
    let body = format!(r#"{{"id":"{id}","category":"c","name":"n"}}"#);
    app.post_events(body).await.accepted();
}

/// The ids of all that is stored, sorted.
async fn ids(app: &TestApp) -> Vec<String> {
    app.wait_applied().await;
    let lines = app.export("").await;
    let id = |line: &String| {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        row["id"].as_str().unwrap().to_owned()
    };
    let mut ids: Vec<String> = lines.iter().map(id).collect();
    ids.sort_unstable();
    ids
}

/// As if a server had been away for longer than its leases hold.
fn let_the_leases_run_out(database: &Database) {
    database.sql("UPDATE eyas.lease SET until_us = 0");
    database.sql("UPDATE eyas.batches_lease SET until_us = 0");
}

async fn adopt(dir: &Path, flags: &[&str]) -> crate::command::Said {
    let dir = dir.to_str().unwrap();
    run_eyas(&[&["log", "adopt", "--data-dir", dir], flags].concat()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_refuses_to_start_while_the_other_one_lives() {
    let one = Launch::on(Postgres::shared());
    let app = one.start().await;
    send(&app, "a-1").await;
    app.wait_applied().await;
    let holder = app.get("/status").await.json()["database"]["holder"].clone();
    let holder = holder.as_str().unwrap().to_owned();
    let one = app.kill();
    // The same place need not wait for its own lease.
    let app = one.start().await;
    assert!(!app.stderr().contains("waiting whether"), "{}", app.stderr());
    let dir = one.dir().to_str().unwrap();
    let doctor = run_eyas(&["doctor", "--data-dir", dir, "--json"]).await;
    assert!(doctor.stdout.contains(&format!("{holder} feeds it")), "{doctor:?}");
    let one = app.kill();
    let other = copy_of(&one);

    // What the first one does every quarter of a minute is done for it here: the test need not take as long.
    let database = database(&one);
    let living = async {
        loop {
            let soon = "extract(epoch FROM clock_timestamp() + interval '20 s') * 1000000";
            database.sql(&format!("UPDATE eyas.lease SET until_us = {soon}"));
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    };
    let (code, said) = tokio::select! {
        refused = other.refused() => refused,
        () = living => unreachable!("it lives on"),
    };
    assert_eq!(code, 75, "{said}");
    assert!(said.contains(&holder) && said.contains("another eyas feeds"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_moved_waits_for_the_lease_of_the_place_where_it_was() {
    let one = Launch::on(Postgres::shared());
    let app = one.start().await;
    send(&app, "a-1").await;
    let one = app.kill();
    let moved = copy_of(&one);
    let soon = "extract(epoch FROM clock_timestamp() + interval '2 s') * 1000000";
    database(&one).sql(&format!("UPDATE eyas.lease SET until_us = {soon}"));
    database(&one).sql("UPDATE eyas.batches_lease SET until_us = 0");
    let app = moved.start().await;
    assert!(app.stderr().contains("waiting whether it renews it"), "{}", app.stderr());
    assert_eq!(ids(&app).await, ["a-1"]);

    // One that ended in order is not waited for.
    let moved = app.terminate().await;
    let app = copy_of(&moved).start().await;
    assert!(!app.stderr().contains("waiting"), "{}", app.stderr());
    assert_eq!(ids(&app).await, ["a-1"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_two_copies_have_accepted_is_never_lost_without_a_word() {
    let one = Launch::on(Postgres::shared());
    let app = one.start().await;
    send(&app, "a-1").await;
    app.wait_applied().await;
    let one = app.terminate().await;
    let other = copy_of(&one);
    let database = database(&one);

    // The first one accepts an event that the database does not get, and stands still for longer than its lease.
    let first = one.start().await;
    let mut blocker = database.session();
    blocker.run("BEGIN; SELECT FROM eyas.lease FOR UPDATE;");
    send(&first, "a-2").await;
    eventually("the consumer waits for the row", async || {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                       AND wait_event_type = 'Lock'";
        (database.sql(waiting) != "0").then_some(())
    })
    .await;
    first.signal(Signal::STOP);
    database.sql(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
         WHERE datname = current_database() AND application_name = 'eyas'",
    );
    drop(blocker);
    let_the_leases_run_out(&database);

    // Meanwhile its copy feeds the database, under the same numbers.
    let second = other.start().await;
    send(&second, "b-2").await;
    send(&second, "b-3").await;
    assert_eq!(ids(&second).await, ["a-1", "b-2", "b-3"]);

    // The first one wakes up: it ends, and says why.
    first.signal(Signal::CONT);
    let (code, said) = first.ended().await;
    assert_eq!(code, 75, "{said}");
    assert!(said.contains("another eyas feeds this database"), "{said}");

    // Without the other one it would skip a-2 as applied. It does not.
    let other = second.terminate().await;
    let (code, said) = one.refused().await;
    assert_eq!(code, 65, "{said}");
    assert!(said.contains("adopt --renumber"), "{said}");
    assert_eq!(adopt(one.dir(), &["--renumber"]).await.code, 65, "it only says what it would do");
    let done = adopt(one.dir(), &["--renumber", "--accept-loss"]).await;
    assert_eq!(done.code, 0, "{done:?}");
    let app = one.start().await;
    assert_eq!(ids(&app).await, ["a-1", "a-2", "b-2", "b-3"], "each once");

    // Now the other copy has the wrong log.
    app.terminate().await;
    let (code, said) = other.refused().await;
    assert_eq!(code, 65, "{said}");
    assert!(said.contains("eyas log adopt"), "{said}");
}
