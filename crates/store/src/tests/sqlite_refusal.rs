//! What triggers and constraints of a user can do to a record, and that none of it costs another one.

use model::{ContentHash, Draft};
use rusqlite::Connection;

use crate::dead_letters::{DeadFilter, DeadLetterStore as _, ID_CONFLICT};
use crate::error::StoreError;
use crate::events::EventStore as _;
use crate::tests::conformance::refusal;
use crate::tests::conformance::sample::{claim, draft, positions, seq, stored};
use crate::tests::sqlite::{beside, fresh};

const POISON: &str = "new.id LIKE 'poison%'";

/// Everything that refuses a record, by name.
fn refusals() -> Vec<(&'static str, String)> {
    let raise = |when: &str, action: &str, before: &str| {
        format!(
            "CREATE TRIGGER poison {when} INSERT ON events WHEN {POISON} BEGIN {before} SELECT raise({action}); END"
        )
    };
    let words = |action: &str| format!("{action}, 'this one never'");
    // What a trigger has written before it raises must be gone, too: RAISE(FAIL) alone would leave it.
    let trace = "INSERT INTO traces VALUES (new.id);";
    vec![
        ("abort", raise("BEFORE", &words("ABORT"), "")),
        ("abort after", raise("AFTER", &words("ABORT"), trace)),
        ("fail", raise("BEFORE", &words("FAIL"), trace)),
        ("fail after the row was written", raise("AFTER", &words("FAIL"), trace)),
        ("rollback", raise("BEFORE", &words("ROLLBACK"), trace)),
        ("rollback after", raise("AFTER", &words("ROLLBACK"), trace)),
        ("ignore", raise("BEFORE", "IGNORE", trace)),
        (
            "a trigger that deletes the row",
            format!(
                "CREATE TRIGGER poison AFTER INSERT ON events WHEN {POISON} \
                 BEGIN DELETE FROM events WHERE seq = new.seq; END"
            ),
        ),
        (
            "a function that fails",
            format!(
                "CREATE TRIGGER poison BEFORE INSERT ON events WHEN {POISON} \
                 BEGIN SELECT json_extract('no json', '$'); END"
            ),
        ),
        (
            "a constraint",
            format!(
                "CREATE TABLE allowed (ok INTEGER CHECK (ok)) STRICT; \
                 CREATE TRIGGER poison AFTER INSERT ON events \
                 BEGIN INSERT INTO allowed VALUES (NOT ({POISON})); END"
            ),
        ),
        (
            "a unique constraint of another table",
            format!(
                "CREATE TABLE once (one TEXT PRIMARY KEY) STRICT; INSERT INTO once VALUES ('x'); \
                 CREATE TRIGGER poison AFTER INSERT ON events WHEN {POISON} \
                 BEGIN INSERT INTO once VALUES ('x'); END"
            ),
        ),
    ]
}

/// A constraint that only the commit checks. It says neither when nor whose.
fn deferred() -> (&'static str, String) {
    let sql = format!(
        "CREATE TABLE parents (id TEXT PRIMARY KEY) STRICT; \
         CREATE TABLE children (id TEXT REFERENCES parents DEFERRABLE INITIALLY DEFERRED) STRICT; \
         CREATE TRIGGER poison AFTER INSERT ON events WHEN {POISON} \
         BEGIN INSERT INTO traces VALUES (new.id); INSERT INTO children VALUES (new.id); END"
    );
    ("a deferred constraint", sql)
}

fn heal(conn: &Connection) {
    conn.execute_batch("DROP TRIGGER poison").unwrap();
}

#[tokio::test]
async fn whatever_refuses_a_record_refuses_only_that_and_a_replay_brings_it_back() {
    for (name, sql) in refusals().into_iter().chain([deferred()]) {
        eprintln!("{name}");
        let (store, dir) = fresh();
        let conn = beside(&dir);
        conn.execute_batch(&format!("CREATE TABLE traces (id TEXT) STRICT; {sql}")).unwrap();
        refusal::a_refused_record_is_a_dead_letter_and_no_other_is_touched(&*store).await;
        refusal::a_replay_that_is_refused_counts_an_attempt(&*store).await;
        let n_traces: i64 =
            conn.query_row("SELECT count(*) FROM traces", [], |row| row.get(0)).unwrap();
        assert_eq!(n_traces, 0, "{name}: nothing of a refused record is left");
        heal(&conn);
        refusal::a_replay_stores_it_once_at_its_old_place(&*store).await;
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_database_that_refuses_most_records_stops() {
    for (name, sql) in refusals() {
        eprintln!("{name}");
        let (store, dir) = fresh();
        let conn = beside(&dir);
        conn.execute_batch(&format!("CREATE TABLE traces (id TEXT) STRICT; {sql}")).unwrap();
        refusal::a_database_that_refuses_most_records_stops(&*store, || heal(&conn)).await;
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_dead_letter_that_cannot_be_written_loses_nothing() {
    for action in ["ABORT, 'no graves'", "IGNORE", "ROLLBACK, 'no graves'", "FAIL, 'no graves'"] {
        let (store, dir) = fresh();
        let conn = beside(&dir);
        conn.execute_batch(&format!(
            "CREATE TRIGGER poison BEFORE INSERT ON events WHEN {POISON} BEGIN SELECT raise(ABORT, 'no'); END; \
             CREATE TRIGGER graves BEFORE INSERT ON dead_letters BEGIN SELECT raise({action}); END"
        ))
        .unwrap();
        claim(&*store).await;
        let events =
            || vec![stored(1, &draft("a")), stored(2, &draft("poison")), stored(3, &draft("b"))];
        let res = refusal::apply(&*store, events()).await;
        assert!(
            matches!(&res, Err(StoreError::Refused { seq: told, .. }) if *told == seq(2)),
            "{res:?}"
        );
        assert!(!store.holds(seq(1)).await.unwrap());
        assert_eq!(store.lease().await.unwrap().applied, seq(0));
        conn.execute_batch("DROP TRIGGER graves").unwrap();
        let res = refusal::apply(&*store, events()).await.unwrap();
        assert_eq!((res.n_stored, res.n_dead), (2, 1));
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_row_at_the_place_of_another_event_is_nobodys_dead_letter() {
    let (store, dir) = fresh();
    claim(&*store).await;
    refusal::apply(&*store, vec![stored(5, &draft("a"))]).await.unwrap();
    beside(&dir).execute_batch("UPDATE lease SET applied = 1").unwrap();
    let res = refusal::apply(&*store, vec![stored(5, &draft("b"))]).await;
    assert!(
        matches!(&res, Err(StoreError::Refused { seq: told, .. }) if *told == seq(5)),
        "{res:?}"
    );
    let page = store.dead_page(DeadFilter::default(), None, 10, 1000).await.unwrap();
    assert!(page.events.is_empty());
    store.close().await.unwrap();
}

#[tokio::test]
async fn records_that_end_transactions_cost_no_more_than_one_more_try_each() {
    let (store, dir) = fresh();
    let sql = format!(
        "CREATE TRIGGER poison BEFORE INSERT ON events WHEN {POISON} BEGIN SELECT raise(ROLLBACK, 'no'); END"
    );
    beside(&dir).execute_batch(&sql).unwrap();
    claim(&*store).await;
    let events = (1..=3_000).map(|position| {
        let kind = if position % 3 == 0 { "poison" } else { "good" };
        stored(position, &draft(&format!("{kind}-{position}")))
    });
    let res = refusal::apply(&*store, events.collect()).await.unwrap();
    assert_eq!((res.n_stored, res.n_dead), (2_000, 1_000));
    let page = store.dead_page(DeadFilter::default(), None, 1_000, 1 << 30).await.unwrap();
    let letters: Vec<_> = page.events.into_iter().map(|letter| letter.stored).collect();
    assert!(positions(&letters).iter().all(|position| position % 3 == 0));
    store.close().await.unwrap();
}

#[tokio::test]
async fn records_that_only_the_commit_refuses_cost_no_other_one() {
    let (store, dir) = fresh();
    let sql = deferred().1;
    beside(&dir).execute_batch(&format!("CREATE TABLE traces (id TEXT) STRICT; {sql}")).unwrap();
    claim(&*store).await;
    let is_poison = |position: u64| position.is_multiple_of(97);
    let events = (1..=1_000).map(|position| {
        let kind = if is_poison(position) { "poison" } else { "good" };
        stored(position, &draft(&format!("{kind}-{position}")))
    });
    let res = refusal::apply(&*store, events.collect()).await.unwrap();
    assert_eq!((res.n_stored, res.n_dead), (990, 10));
    let page = store.dead_page(DeadFilter::default(), None, 100, 1 << 30).await.unwrap();
    assert_eq!(page.events.len(), 10);
    assert!(
        page.events
            .iter()
            .all(|letter| is_poison(letter.stored.seq.get())
                && letter.detail.contains("FOREIGN KEY"))
    );
    // Most of what comes now is refused: what stood before is stored, and then it stops.
    let events = (1_001..=2_000).map(|position| {
        let kind = if position < 1_100 { "good" } else { "poison" };
        stored(position, &draft(&format!("{kind}-{position}")))
    });
    let res = refusal::apply(&*store, events.collect()).await;
    assert!(matches!(res, Err(StoreError::TooManyRefused { n_records: 1_000, .. })), "{res:?}");
    assert!(store.holds(seq(1_099)).await.unwrap());
    store.close().await.unwrap();
}

#[tokio::test]
async fn an_undecided_record_meets_the_dead_letter_that_keeps_its_id() {
    let (store, dir) = fresh();
    let conn = beside(&dir);
    let sql = format!(
        "CREATE TRIGGER poison BEFORE INSERT ON events WHEN {POISON} BEGIN SELECT raise(ABORT, 'no'); END"
    );
    conn.execute_batch(&sql).unwrap();
    claim(&*store).await;
    let sent = |position: u64, content: u128| {
        let hash = ContentHash(content);
        stored(position, &Draft { undecided: position > 1, hash, ..draft("poison") })
    };
    refusal::apply(&*store, vec![sent(1, 1)]).await.unwrap();
    // From here on the database would take each of them.
    heal(&conn);
    let events = vec![sent(2, 1), sent(3, 2), stored(4, &draft("a"))];
    let res = refusal::apply(&*store, events).await.unwrap();
    assert_eq!((res.n_stored, res.n_duplicate, res.n_dead), (1, 1, 1));
    let letter = store.dead_letter(seq(3)).await.unwrap().unwrap();
    assert_eq!(letter.reason, ID_CONFLICT);
    assert_eq!(letter.detail, "the event at 1 has the same id and other content");
    assert!(!store.holds(seq(2)).await.unwrap());
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_commit_that_refuses_even_dead_letters_loses_nothing() {
    let (store, dir) = fresh();
    let conn = beside(&dir);
    conn.execute_batch(
        "CREATE TABLE parents (id TEXT PRIMARY KEY) STRICT; \
         CREATE TABLE children (id TEXT REFERENCES parents DEFERRABLE INITIALLY DEFERRED) STRICT; \
         CREATE TRIGGER poison AFTER UPDATE ON lease BEGIN INSERT INTO children VALUES ('x'); END",
    )
    .unwrap();
    let events = || vec![stored(1, &draft("a")), stored(2, &draft("b"))];
    conn.execute_batch("INSERT INTO parents VALUES ('x')").unwrap();
    claim(&*store).await;
    conn.execute_batch("DELETE FROM children; DELETE FROM parents").unwrap();
    let res = refusal::apply(&*store, events()).await;
    assert!(
        matches!(&res, Err(StoreError::Refused { seq: told, .. }) if *told == seq(1)),
        "{res:?}"
    );
    assert_eq!(store.lease().await.unwrap().applied, seq(0));
    heal(&conn);
    let res = refusal::apply(&*store, events()).await.unwrap();
    assert_eq!((res.n_stored, res.n_dead), (2, 0));
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_trigger_that_cannot_even_be_compiled_costs_no_record() {
    let (store, dir) = fresh();
    let conn = beside(&dir);
    claim(&*store).await;
    conn.execute_batch(
        "CREATE TRIGGER poison BEFORE INSERT ON events WHEN 0 BEGIN INSERT INTO gone VALUES (1); END",
    )
    .unwrap();
    let events = || vec![stored(1, &draft("a")), stored(2, &draft("b"))];
    let res = refusal::apply(&*store, events()).await;
    assert!(
        matches!(&res, Err(StoreError::Refused { reason, .. }) if reason.contains("gone")),
        "{res:?}"
    );
    heal(&conn);
    let res = refusal::apply(&*store, events()).await.unwrap();
    assert_eq!((res.n_stored, res.n_dead), (2, 0));
    store.close().await.unwrap();
}
