//! Which indexes PostgreSQL reads for a statement by key, with statistics and without: after a crash, and before the first
//! ANALYZE, the planner knows nothing of what a column holds.

use testbed::Database;
use tokio_postgres::types::{ToSql, Type};

use crate::postgres::store::PostgresStore;
use crate::postgres::{burial, lookup, page, rows};
use crate::tests::postgres_settled::fresh;

/// All in one stream, as most are; none is like the other but for that.
const FILL: &str = "INSERT INTO eyas.events (seq, id, stream, category, data, received_at_us, valid, errors, content_hash, id_from_client) \
        SELECT n, 'e' || n, 'events', 'c', '{}', n, true, '[]', decode(md5(n::text), 'hex'), true FROM generate_series(1, 6000) n; \
    INSERT INTO eyas.dead_letters (seq, reason, detail, id, stream, category, record, dead_at_us) \
        SELECT n, CASE n % 2 WHEN 0 THEN 'refused' ELSE 'id_conflict' END, '', 'd' || n, 'events', 'c', \
        decode(md5(n::text) || md5(n::text) || md5(n::text), 'hex'), n FROM generate_series(6001, 12000) n";

fn fill(database: &Database) {
    let still = ["events", "dead_letters"]
        .map(|table| format!("ALTER TABLE eyas.{table} SET (autovacuum_enabled = false)"));
    database.sql(&format!("{}; {}; {FILL}", still[0], still[1]));
}

/// The indexes of a plan, and whether it reads a table from its beginning.
async fn plan(store: &PostgresStore, sql: &str, values: &[(&(dyn ToSql + Sync), Type)]) -> String {
    let client = store.pool.get().await.unwrap();
    let lines = client.query_typed(&format!("EXPLAIN {sql}"), values).await.unwrap();
    let lines: Vec<String> = lines.iter().map(|line| line.get(0)).collect();
    assert!(!lines.iter().any(|line| line.contains("Seq Scan")), "{lines:#?}");
    let mut indexes: Vec<&str> = lines
        .iter()
        .filter_map(|line| {
            let behind = line.split_once("Scan using ").or(line.split_once("Index Scan on "))?.1;
            behind.split(' ').next()
        })
        .collect();
    indexes.sort_unstable();
    indexes.join(" ")
}

#[tokio::test]
async fn keys_are_looked_up_by_their_index_whatever_the_planner_knows() {
    let (store, database) = fresh().await;
    fill(&database);
    let ids: Vec<String> = (0..500).map(|n| format!("d{}", 6001 + n)).collect();
    let streams = vec!["events"; ids.len()];
    let applications = vec![""; ids.len()];
    let hashes = vec![&b"0123456789abcdef"[..]; ids.len()];
    let keys: [(&(dyn ToSql + Sync), Type); 3] =
        [(&ids, Type::TEXT_ARRAY), (&streams, Type::TEXT_ARRAY), (&applications, Type::TEXT_ARRAY)];
    let with_hashes =
        [keys[0].clone(), keys[1].clone(), keys[2].clone(), (&hashes as _, Type::BYTEA_ARRAY)];
    let (id, application, stream) = ("e17", None::<&str>, Some("events"));
    let event: [(&(dyn ToSql + Sync), Type); 3] =
        [(&id, Type::TEXT), (&application, Type::TEXT), (&stream, Type::TEXT)];
    let named = page::named_sql(rows::COLUMNS, "stream = 'events' AND valid", "DESC", 50);
    for is_analyzed in [false, true] {
        if is_analyzed {
            database.sql("ANALYZE");
        }
        let facts = plan(&store, burial::FACTS, &with_hashes).await;
        assert_eq!(facts, "dead_letters_content dead_letters_keepers", "{is_analyzed}");
        let find = plan(&store, lookup::FIND, &keys).await;
        assert_eq!(find, "dead_letters_keepers events_id", "{is_analyzed}");
        assert_eq!(plan(&store, lookup::OWNERS, &keys).await, "events_id", "{is_analyzed}");
        assert_eq!(plan(&store, &lookup::get_sql(), &event).await, "events_id", "{is_analyzed}");
        assert_eq!(plan(&store, &named, &event[..1]).await, "events_id", "{is_analyzed}");
    }
}
