//! Promises about the user's tables: migrations run once and in order, and a table is described as it is.

use crate::error::StoreError;
use crate::tables::{ColumnKind, TableStore, UserMigration};
use crate::tests::conformance::batch_sample::{TABLES, migration};

async fn refusal<S: TableStore>(store: &S, migrations: Vec<UserMigration>, words: &[&str]) {
    let res = store.migrate_tables(migrations).await;
    let Err(StoreError::Unusable(told)) = res else { panic!("{words:?}: {res:?}") };
    for words in words {
        assert!(told.contains(words), "{words}: {told}");
    }
}

pub(crate) async fn migrations_run_once_and_in_order<S: TableStore>(store: &S) {
    let one = migration("0001_one", "CREATE TABLE t (x INTEGER PRIMARY KEY, y TEXT);");
    let two = migration("0002_two", "INSERT INTO t (x, y) VALUES (1, 'a');");
    let more = UserMigration {
        folder: "more".to_owned(),
        ..migration("0001_one", "CREATE TABLE u (x INT)")
    };
    let ran = store.migrate_tables(vec![one.clone(), two.clone()]).await.unwrap();
    assert_eq!(ran, ["migrations/0001_one", "migrations/0002_two"]);
    // A second run would fail: the table is there.
    let all = vec![one.clone(), two.clone(), more.clone()];
    assert_eq!(store.migrate_tables(all.clone()).await.unwrap(), ["more/0001_one"]);
    assert!(store.migrate_tables(all).await.unwrap().is_empty());
    let changed = migration("0001_one", "CREATE TABLE t (x INTEGER PRIMARY KEY);");
    refusal(store, vec![changed, two.clone()], &["migrations/0001_one was changed"]).await;
    refusal(store, vec![two.clone()], &["migrations/0001_one ran, but its file is missing"]).await;
    let early = migration("0001_p", "CREATE TABLE v (x INT)");
    refusal(store, vec![one, early, two], &["migrations/0001_p stands before migrations/0002_two"])
        .await;
    // A folder that the configuration no longer names is nobody's business.
    assert!(store.migrate_tables(vec![more]).await.unwrap().is_empty());
}

pub(crate) async fn a_migration_that_fails_leaves_nothing<S: TableStore>(store: &S) {
    let good = migration("0001_good", "CREATE TABLE t (x INTEGER PRIMARY KEY);");
    for bad in [
        "CREATE TABLE u (x INT); INSERT INTO t (x) VALUES (1), (1);",
        "CREATE TABLE u (x INT); COMMIT;",
        "CREATE TABLE u (x INT); ROLLBACK; CREATE TABLE w (x INT);",
        "CREATE TABLE u (x INT); SELEKT 1;",
        "CREATE TABLE u (x INT); CREATE TABLE v (y INT REFERENCES t (x)); INSERT INTO v VALUES (7);",
    ] {
        let bad = migration("0002_bad", bad);
        refusal(store, vec![good.clone(), bad], &["the migration migrations/0002_bad fails: "])
            .await;
        let res = store.describe_tables(vec!["t".to_owned()]).await;
        assert!(res.is_ok(), "what ran before stays: {res:?}");
        for name in ["u", "w"] {
            let res = store.describe_tables(vec![name.to_owned()]).await;
            assert!(matches!(res, Err(StoreError::Unusable(_))), "{name}: {res:?}");
        }
    }
    let mended = migration("0002_bad", "CREATE TABLE u (x INT);");
    assert_eq!(store.migrate_tables(vec![good, mended]).await.unwrap(), ["migrations/0002_bad"]);
}

pub(crate) async fn a_table_is_described_as_it_is<S: TableStore>(store: &S) {
    store.migrate_tables(vec![migration("0001_tables", TABLES)]).await.unwrap();
    let names = ["prices", "regions"].map(str::to_owned).to_vec();
    let tables = store.describe_tables(names).await.unwrap();
    assert_eq!(tables[0].name, "prices");
    assert_eq!(tables[0].references, ["ports"]);
    assert_eq!(tables[1].references, ["regions"]);
    let told: Vec<_> = (tables[0].columns.iter())
        .map(|column| (column.name.as_str(), column.kind, column.is_nullable, column.has_default))
        .collect();
    let text = ColumnKind::Text { chars_max: None };
    assert_eq!(told[0], ("orig", text, false, false));
    assert_eq!(told[2], ("day", ColumnKind::Date, false, false));
    assert!(matches!(told[3].1, ColumnKind::Int { .. }));
    assert_eq!(told[4], ("note", text, true, true));
    assert!(tables[0].columns.iter().all(|column| !column.is_generated));
    assert!(!tables[1].columns[0].declared.is_empty());
    let res = store.describe_tables(vec!["ports".to_owned(), "gone".to_owned()]).await;
    assert!(
        matches!(res, Err(StoreError::Unusable(ref words)) if words.contains("gone")),
        "{res:?}"
    );
}
