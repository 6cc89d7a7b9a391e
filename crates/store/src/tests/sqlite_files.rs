//! The files of the SQLite driver: whose they are, who may read them, and what people see in them.

use std::os::unix::fs::PermissionsExt as _;

use model::{Clock, Draft, Filter, Pattern};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::error::StoreError;
use crate::events::{EventStore as _, Order};
use crate::sqlite::connection;
use crate::sqlite::migrations::{self, EVENTS, Schema};
use crate::tests::conformance::sample::{
    apply, at, claim, draft, positions, read_all, seq, stored,
};
use crate::tests::sqlite::open;

/// The words of the refusal to open, which must name the file.
fn refusal(dir: &TempDir, file: &str) -> String {
    let Err(StoreError::Unusable(words)) = open(dir).map(|_| ()) else {
        panic!("{file} must not open");
    };
    let path = dir.path().join(file);
    assert!(words.contains(&path.display().to_string()), "{words}");
    words
}

async fn made() -> TempDir {
    let dir = TempDir::new().unwrap();
    open(&dir).unwrap().close().await.unwrap();
    dir
}

#[tokio::test]
async fn nobody_else_may_read_the_files() {
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("eyas.db"), "").unwrap();
    let store = open(&dir).unwrap();
    claim(&*store).await;
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.file_name());
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    let files = ["control.db", "eyas.db", "tables.db"];
    let all = files.iter().flat_map(|file| ["", "-shm", "-wal"].map(|end| format!("{file}{end}")));
    assert_eq!(names, all.collect::<Vec<_>>());
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    for file in ["eyas.db", "control.db"] {
        for content in ["x".to_owned(), "no database at all\n".repeat(10_000)] {
            let dir = TempDir::new().unwrap();
            let path = dir.path().join(file);
            std::fs::write(&path, &content).unwrap();
            assert!(refusal(&dir, file).contains("no SQLite database"));
            assert_eq!(std::fs::read_to_string(&path).unwrap(), content, "it is left alone");
        }
    }
}

#[tokio::test]
async fn a_damaged_database_is_refused() {
    let dir = made().await;
    let path = dir.path().join("eyas.db");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[100..8_000].fill(0xa5);
    std::fs::write(&path, bytes).unwrap();
    assert!(refusal(&dir, "eyas.db").contains("damaged"));
}

#[tokio::test]
async fn a_database_of_something_else_is_refused() {
    for (file, words) in [("eyas.db", "something else"), ("control.db", "something else")] {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join(file);
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE mine (x)").unwrap();
        let before = std::fs::read(&path).unwrap();
        assert!(refusal(&dir, file).contains(words));
        assert_eq!(std::fs::read(&path).unwrap(), before, "it is left alone");
    }
    // Ours, under the other's name.
    let dir = made().await;
    std::fs::copy(dir.path().join("control.db"), dir.path().join("eyas.db")).unwrap();
    assert!(refusal(&dir, "eyas.db").contains("something else"));
}

#[tokio::test]
async fn a_missing_directory_is_named() {
    let dir = TempDir::new().unwrap();
    std::fs::create_dir(dir.path().join("eyas.db")).unwrap();
    refusal(&dir, "eyas.db");
    std::fs::remove_dir_all(dir.path()).unwrap();
    assert!(refusal(&dir, "control.db").contains("does the directory exist"));
}

#[tokio::test]
async fn a_newer_database_is_refused() {
    for file in ["eyas.db", "control.db"] {
        let dir = made().await;
        let conn = Connection::open(dir.path().join(file)).unwrap();
        conn.execute_batch("INSERT INTO migrations SELECT max(version) + 1, 'from the future', 'x' FROM migrations").unwrap();
        drop(conn);
        let words = refusal(&dir, file);
        assert!(words.contains("newer eyas") && words.contains("from the future"), "{words}");
    }
}

#[tokio::test]
async fn a_database_with_another_past_is_refused() {
    for change in ["checksum = 'x'", "version = version + 7"] {
        let dir = made().await;
        let conn = Connection::open(dir.path().join("eyas.db")).unwrap();
        conn.execute_batch(&format!("UPDATE migrations SET {change}")).unwrap();
        drop(conn);
        assert!(refusal(&dir, "eyas.db").contains("not the one that this program knows"));
    }
}

#[tokio::test]
async fn an_older_database_is_brought_up_to_date() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("eyas.db");
    let old = Schema { migrations: &EVENTS.migrations[..1], ..EVENTS };
    let mut conn = connection::open_writer(&path, old.application_id).unwrap();
    migrations::run(&mut conn, &path, &old).unwrap();
    // Two times that rise, one that a clock set back, each in its own block of positions.
    for (seq, us) in [(1, 10), (5_000, 20), (9_000, 5)] {
        conn.execute(
            "INSERT INTO events VALUES (?1, ?1, 'events', 'a', NULL, 'c', 'n', '1', NULL, ?2, 1, '[]', \
             zeroblob(16), 0)",
            [seq, us],
        )
        .unwrap();
    }
    conn.execute_batch("UPDATE lease SET applied = 9000").unwrap();
    drop(conn);
    let store = open(&dir).unwrap();
    let check = async |from, to, wanted: &[u64]| {
        for clock in [Clock::Received, Clock::Event] {
            let filter =
                Filter { from: Some(at(from)), to: Some(at(to)), clock, ..Filter::default() };
            let (found, _) = read_all(&*store, &filter, Order::Asc, 10).await;
            assert_eq!(positions(&found), wanted);
        }
    };
    check(0, 10, &[9_000]).await;
    check(5, 20, &[1, 9_000]).await;
    check(10, 21, &[1, 5_000]).await;
    check(21, 99, &[]).await;
    let application = vec![Pattern::Exact("a".to_owned())];
    let filter = Filter { application, ..Filter::default() };
    assert_eq!(read_all(&*store, &filter, Order::Desc, 2).await.0.len(), 3);
    assert_eq!(store.lease().await.unwrap().applied, seq(9_000));
    store.close().await.unwrap();
    // A second start finds nothing to do.
    open(&dir).unwrap().close().await.unwrap();
}

#[tokio::test]
async fn people_can_query_data_and_times() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir).unwrap();
    claim(&*store).await;
    let times = [0, -1, 1_793_520_000_296_001, i64::MIN, i64::MAX, -62_135_596_799_999_999];
    let events = times.iter().enumerate().map(|(nth, &us)| {
        let data = r#"{"price":{"amount":12.50},"note":"\u0000"}"#;
        let (timestamp, received_at) = (Some(at(us)), at(us));
        let id = format!("id-{nth}");
        stored(nth as u64 + 1, &Draft { data, timestamp, received_at, ..draft(&id) })
    });
    apply(&*store, events.chain([stored(99, &draft("no time"))]).collect()).await.unwrap();
    let conn = Connection::open(dir.path().join("eyas.db")).unwrap();
    for (nth, &us) in times.iter().enumerate() {
        let (amount, timestamp, received_at): (f64, String, String) = conn
            .query_row(
                "SELECT data ->> '$.price.amount', timestamp, received_at FROM readable_events \
                 WHERE seq = ?",
                [nth as i64 + 1],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )
            .unwrap();
        assert!((amount - 12.5).abs() < f64::EPSILON);
        assert_eq!((timestamp, received_at), (at(us).to_string(), at(us).to_string()));
    }
    let absent: Option<String> = conn
        .query_row("SELECT timestamp FROM readable_events WHERE seq = 99", [], |row| row.get(0))
        .unwrap();
    assert_eq!(absent, None);
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_conflicting_event_is_kept_whole() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir).unwrap();
    claim(&*store).await;
    let other = Draft {
        hash: model::ContentHash(2),
        data: "2",
        category: Some("c"),
        undecided: true,
        ..draft("a")
    };
    let dead = stored(2, &other);
    apply(&*store, vec![stored(1, &draft("a")), dead.clone()]).await.unwrap();
    assert!(store.holds(seq(2)).await.unwrap());
    let conn = Connection::open(dir.path().join("eyas.db")).unwrap();
    let (reason, detail, record): (String, String, Vec<u8>) = conn
        .query_row(
            "SELECT reason, detail, record FROM dead_letters WHERE seq = 2 AND category = 'c'",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .unwrap();
    assert_eq!(reason, "id_conflict");
    assert!(detail.contains("event at 1"), "{detail}");
    assert_eq!(record, dead.event.record()[..]);
    store.close().await.unwrap();
}
