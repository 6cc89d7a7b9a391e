//! What PostgreSQL refuses, in all the ways in which a user can make it: each is one dead letter, and comes back.

use testbed::Database;

use crate::events::EventStore as _;
use crate::tests::conformance::refusal;
use crate::tests::postgres_settled::fresh;

const POISON: &str = "new.id LIKE 'poison%'";

/// A trigger that leaves a trace of each record, and a refusal of some: its name, and its SQL.
fn refusals() -> [(&'static str, String); 5] {
    let trigger = |when: &str, body: &str| {
        format!(
            "CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                 INSERT INTO traces VALUES (new.id); IF {POISON} THEN {body} END IF; RETURN new; END $$; \
             CREATE {when} ON eyas.events FOR EACH ROW EXECUTE FUNCTION poison()"
        )
    };
    let raise = "RAISE EXCEPTION 'no poison';";
    [
        ("an exception", trigger("TRIGGER poison BEFORE INSERT", raise)),
        // As extensions do for values that they cannot read.
        (
            "an internal error",
            trigger(
                "TRIGGER poison BEFORE INSERT",
                "RAISE EXCEPTION 'no' USING ERRCODE = 'XX000';",
            ),
        ),
        ("a row dropped without a word", trigger("TRIGGER poison BEFORE INSERT", "RETURN NULL;")),
        (
            "a row that is deleted",
            trigger(
                "TRIGGER poison AFTER INSERT",
                "DELETE FROM eyas.events WHERE seq = new.seq; RETURN NULL;",
            ),
        ),
        (
            "a deferred one",
            trigger("CONSTRAINT TRIGGER poison AFTER INSERT", raise)
                .replace("ON eyas.events FOR", "ON eyas.events DEFERRABLE INITIALLY DEFERRED FOR"),
        ),
    ]
}

fn heal(database: &Database) {
    database.sql("DROP TRIGGER poison ON eyas.events");
}

// Two threads: `psql` blocks one, and the other one ends the transactions that were dropped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_refuses_a_record_refuses_only_that_and_a_replay_brings_it_back() {
    for (name, sql) in refusals() {
        eprintln!("{name}");
        let (store, database) = fresh().await;
        database.sql(&format!("CREATE TABLE traces (id text); {sql}"));
        refusal::a_refused_record_is_a_dead_letter_and_no_other_is_touched(&*store).await;
        refusal::a_replay_that_is_refused_counts_an_attempt(&*store).await;
        let traces = database.sql("SELECT count(*) FROM traces WHERE id LIKE 'poison%'");
        assert_eq!(traces.trim(), "0", "{name}: nothing of a refused record is left");
        heal(&database);
        refusal::a_replay_stores_it_once_at_its_old_place(&*store).await;
        store.close().await.unwrap();
    }
}

// Two threads: `psql` blocks one, and the other one ends the transactions that were dropped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_refuses_most_records_stops() {
    for (name, sql) in refusals() {
        eprintln!("{name}");
        let (store, database) = fresh().await;
        database.sql(&format!("CREATE TABLE traces (id text); {sql}"));
        refusal::a_database_that_refuses_most_records_stops(&*store, || heal(&database)).await;
        store.close().await.unwrap();
    }
}
