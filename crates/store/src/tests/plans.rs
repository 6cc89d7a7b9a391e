//! How SQLite reads for a filter: which index, how many steps, and that a page's bounds hold.
//!
//! Work is counted in steps of SQLite's machine, not in time, so the counts are the same on every machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use model::{Clock, Draft, Filter, Pattern, Seq};
use rusqlite::Connection;

use crate::events::{EventStore, Extent, Order, PageQuery};
use crate::sqlite::candidates::{self, Index};
use crate::sqlite::labels::{Of, jump_sql};
use crate::sqlite::page::{self, ROWS_READ_MAX};
use crate::sqlite::session::session_sql;
use crate::sqlite::windows::window_sql;
use crate::sqlite::{retention, rows, walk};
use crate::tests::conformance::pages;
use crate::tests::conformance::sample::{
    NOW_US, apply, at, claim, draft, positions, read_all, seq, stored,
};
use crate::tests::sqlite::{beside, fresh};

const ORDERS: [Order; 2] = [Order::Asc, Order::Desc];
/// Rows of the larger stores here: several blocks of positions, and more than a page tests.
const N_ROWS: u64 = 60_000;

fn exact(text: &str) -> Vec<Pattern> {
    vec![Pattern::Exact(text.to_owned())]
}

fn prefix(text: &str) -> Vec<Pattern> {
    vec![Pattern::Prefix(text.to_owned())]
}

fn explain(conn: &Connection, sql: &str) -> String {
    let mut explain = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let values = rusqlite::params_from_iter(vec![1; explain.parameter_count()]);
    let steps = explain.query_map(values, |row| row.get::<_, String>(3)).unwrap();
    steps.collect::<Result<Vec<_>, _>>().unwrap().join("; ")
}

#[tokio::test]
async fn every_statement_walks_in_order_without_sorting() {
    let (store, dir) = fresh();
    let conn = beside(&dir);
    let check = |sql: &str, wanted: &str| assert_eq!(explain(&conn, sql), wanted, "{sql}");
    let table = "SEARCH events USING INTEGER PRIMARY KEY";
    for order in ORDERS {
        let sql = walk::table_sql(rows::COLUMNS, "valid = 1 AND stream = 'a'", order);
        check(&sql, &format!("{table} (rowid>? AND rowid<?)"));
        for (index, name, key) in [
            (Index::Stream, "events_stream", "stream=?"),
            (Index::Application, "events_application", "application=?"),
            (Index::Name, "events_name", "category=? AND name=?"),
            (Index::Invalid, "events_invalid", "valid=?"),
        ] {
            let sign = if order == Order::Asc { ">" } else { "<" };
            check(
                &candidates::run_sql(index, order),
                &format!("SEARCH events USING COVERING INDEX {name} ({key} AND rowid{sign}?)"),
            );
        }
        let sign = if order == Order::Asc { ">" } else { "<" };
        check(
            &window_sql(Clock::Event, order),
            &format!("SEARCH time_blocks USING INTEGER PRIMARY KEY (rowid{sign}?)"),
        );
    }
    check(&walk::row_sql(rows::COLUMNS, "valid = 1"), &format!("{table} (rowid=?)"));
    let jump = |of, sign| explain(&conn, &jump_sql(of, sign));
    for (of, wanted) in [
        (Of::Stream, "events_stream (stream>?)"),
        (Of::Application, "events_application (application>?)"),
        (Of::Session, "events_session (session_id>?)"),
        (Of::Category, "events_name (category>?)"),
        (Of::NameIn("c"), "events_name (category=? AND name>?)"),
    ] {
        for sign in [">", ">="] {
            assert_eq!(jump(of, sign), format!("SEARCH events USING COVERING INDEX {wanted}"));
        }
    }
    let [same_moment, later] = session_sql(Extent::PAGE);
    let search = "SEARCH events USING INDEX events_session";
    check(&same_moment, &format!("{search} (session_id=? AND <expr>=? AND rowid>?)"));
    check(&later, &format!("{search} (session_id=? AND <expr>>?)"));
    check(retention::OLDEST, "SEARCH events USING INDEX events_stream (stream=?)");
    let dead = explain(&conn, retention::OLDEST_DEAD);
    let search =
        "SEARCH dead_letters USING COVERING INDEX dead_letters_age (stream=? AND dead_at_us<?)";
    assert!(dead.contains(search), "{dead}");
    let streams = explain(&conn, retention::NEXT_STREAM);
    for search in [
        "events USING COVERING INDEX events_stream (stream>?)",
        "dead_letters USING COVERING INDEX dead_letters_age (stream>?)",
    ] {
        assert!(streams.contains(search) && !streams.contains("SCAN events"), "{streams}");
    }
    store.close().await.unwrap();
}

/// Mostly `common`, each thousandth `rare`, over ten sessions of which one is rare, too.
async fn fill(store: &dyn EventStore) {
    claim(store).await;
    for first in (1..=N_ROWS).step_by(10_000) {
        let make = |position: u64| {
            let is_rare = position.is_multiple_of(1000);
            let label = if is_rare { "rare" } else { "common" };
            let session =
                if is_rare { "s-rare" } else { ["s-1", "s-2", "s-3"][position as usize % 3] };
            let received_at = at(NOW_US + position as i64 * 1_000);
            let draft = Draft {
                stream: if is_rare { "few" } else { "events" },
                application: Some(label),
                category: Some(label),
                name: Some(if position.is_multiple_of(2) { "even" } else { "odd" }),
                session_id: Some(session),
                valid: !is_rare,
                received_at,
                // The client's clock runs an hour behind, and trembles.
                timestamp: Some(at(received_at.micros()
                    - 3_600_000_000
                    - (position as i64 % 7) * 900)),
                ..draft("")
            };
            stored(position, &Draft { id: &format!("id-{position:08}"), ..draft })
        };
        apply(store, (first..first + 10_000).map(make).collect()).await.unwrap();
    }
}

/// Steps of SQLite's machine that one page takes, and what it finds.
fn steps(conn: &mut Connection, query: &PageQuery) -> (u64, Vec<u64>) {
    let n_steps = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&n_steps);
    conn.progress_handler(
        10,
        Some(move || {
            counter.fetch_add(10, Ordering::Relaxed);
            false
        }),
    )
    .unwrap();
    let page = page::page(conn, query, Extent::PAGE).unwrap();
    conn.progress_handler(0, None::<fn() -> bool>).unwrap();
    (n_steps.load(Ordering::Relaxed), page.events.iter().map(|event| event.seq.get()).collect())
}

#[tokio::test]
async fn a_page_at_the_far_end_costs_what_the_first_one_costs() {
    let (store, dir) = fresh();
    fill(&*store).await;
    let mut conn = beside(&dir);
    let all = Filter::default;
    let time = |seconds: u64| Some(at(NOW_US + seconds as i64 * 1_000_000));
    let filters = [
        all(),
        Filter { stream: exact("events"), ..all() },
        Filter { stream: exact("few"), ..all() },
        Filter { application: exact("rare"), ..all() },
        Filter { application: prefix("ra"), ..all() },
        Filter { category: exact("rare"), ..all() },
        Filter { category: prefix("ra"), stream: exact("few"), ..all() },
        Filter { category: exact("rare"), name: exact("even"), ..all() },
        Filter { category: exact("rare"), name: prefix("e"), valid: Some(false), ..all() },
        Filter { session_id: exact("s-rare"), ..all() },
        Filter { session_id: [exact("s-rare"), prefix("s-r")].concat(), ..all() },
        Filter { valid: Some(false), ..all() },
        Filter { from: time(0), to: time(1_000_000), ..all() },
    ];
    for filter in filters {
        for order in ORDERS {
            let at = |after| PageQuery { filter: filter.clone(), after, order, limit: 10 };
            let far = match order {
                Order::Asc => seq(N_ROWS - 15_000),
                Order::Desc => seq(15_000),
            };
            let (first, found) = steps(&mut conn, &at(None));
            let (last, found_far) = steps(&mut conn, &at(Some(far)));
            assert_eq!((found.len(), found_far.len()), (10, 10), "{filter:?}");
            assert!(last * 10 <= first * 12 + 1_000, "{order:?} {filter:?}: {first}, then {last}");
            assert!(first < 25_000, "{order:?} {filter:?}: {first} steps for ten events");
        }
    }
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_range_of_time_is_found_without_reading_what_lies_before() {
    let (store, dir) = fresh();
    fill(&*store).await;
    let mut conn = beside(&dir);
    for (clock, behind_us) in [(Clock::Received, 0), (Clock::Event, 3_600_000_000)] {
        let from = Some(at(NOW_US + 55_000_000 - behind_us));
        let to = Some(at(NOW_US + 56_000_000 - behind_us));
        let filter = Filter { from, to, clock, ..Filter::default() };
        for order in ORDERS {
            let query = PageQuery { filter: filter.clone(), after: None, order, limit: 5 };
            let (n_steps, mut found) = steps(&mut conn, &query);
            found.sort_unstable();
            assert_eq!(found.len(), 5);
            assert!(found.iter().all(|at| (54_990..56_010).contains(at)), "{found:?}");
            // Two blocks of positions at most are tested row by row.
            assert!(n_steps < 100_000, "{n_steps} steps");
        }
    }
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_filter_takes_the_index_that_leaves_least_to_read() {
    let (store, dir) = fresh();
    fill(&*store).await;
    let conn = beside(&dir);
    let check = |filter: &Filter, wanted: Option<&str>| {
        for (order, beyond) in [(Order::Asc, 0), (Order::Desc, i64::MAX), (Order::Asc, 30_000)] {
            let chosen = candidates::choose(&conn, filter, order, beyond).unwrap();
            let sql = chosen.as_ref().map(|chosen| chosen.sql().to_owned());
            let is_wanted = match (&sql, wanted) {
                (Some(sql), Some(index)) => sql.contains(&format!("INDEXED BY {index} ")),
                (sql, wanted) => sql.is_none() && wanted.is_none(),
            };
            assert!(is_wanted, "{order:?} {filter:?}: {sql:?}");
        }
    };
    let all = Filter::default;
    check(&all(), None);
    check(&Filter { valid: Some(true), ..all() }, None);
    // What nearly every row has is no reason for a detour.
    check(&Filter { stream: exact("events"), category: exact("common"), ..all() }, None);
    check(&Filter { stream: exact("few"), ..all() }, Some("events_stream"));
    check(&Filter { application: prefix("r"), ..all() }, Some("events_application"));
    check(&Filter { stream: exact("events"), category: prefix("r"), ..all() }, Some("events_name"));
    check(&Filter { valid: Some(false), stream: exact("few"), ..all() }, Some("events_invalid"));
    check(
        &Filter { session_id: exact("s-rare"), valid: Some(false), ..all() },
        Some("events_session"),
    );
    check(&Filter { category: exact("nobody"), ..all() }, Some("events_name"));
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_page_reads_a_bounded_number_of_rows() {
    let (store, _dir) = fresh();
    let rare = pages::fill_with_few_rare(&*store, 45_000).await;
    // 45,000 rows at 20,000 a page, and the last page knows that it is the last.
    let n_pages_wanted = 45_000_usize.div_ceil(ROWS_READ_MAX);
    let in_stream = Filter { stream: exact("events"), ..rare.clone() };
    for filter in [rare, in_stream] {
        for order in ORDERS {
            let (found, n_pages) = read_all(&*store, &filter, order, 100).await;
            assert_eq!((found.len(), n_pages), (3, n_pages_wanted));
        }
    }
    store.close().await.unwrap();
}

#[tokio::test]
async fn many_labels_and_large_sessions_are_paged_all_the_same() {
    let (store, _dir) = fresh();
    claim(&*store).await;
    let n_rows = candidates::SESSION_ROWS_SORTED_MAX as u64 + 1;
    // One session that is too large to be put in order, and more categories than a page merges.
    for first in (1..=n_rows).step_by(10_001) {
        let make = |position: u64| {
            let category = format!("c{}", position % 3_000);
            let id = format!("id-{position:06}");
            let session_id = Some("s");
            stored(position, &Draft { session_id, category: Some(&category), ..draft(&id) })
        };
        let last = n_rows.min(first + 10_000);
        apply(&*store, (first..=last).map(make).collect()).await.unwrap();
    }
    let session = Filter { session_id: exact("s"), ..Filter::default() };
    let category = Filter { category: prefix("c1"), ..Filter::default() };
    for order in ORDERS {
        let (found, _) = read_all(&*store, &session, order, 3_333).await;
        let mut found = positions(&found);
        found.sort_unstable();
        assert_eq!(found, (1..=n_rows).collect::<Vec<_>>());
        let (found, _) = read_all(&*store, &category, order, 700).await;
        assert!(found.iter().all(|stored| stored.event.category().unwrap().starts_with("c1")));
        let n_wanted = (1..=n_rows).filter(|at| (at % 3_000).to_string().starts_with('1')).count();
        assert_eq!(found.len(), n_wanted);
    }
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_walk_over_a_jump_of_positions_goes_on() {
    let (store, _dir) = fresh();
    claim(&*store).await;
    // After a repair the next position jumps past everything ever used.
    let places = [1, 2, 3, 1 << 33, (1 << 33) + 1, Seq::MAX.get() - 1];
    apply(&*store, places.iter().map(|&at| stored(at, &draft(&at.to_string()))).collect())
        .await
        .unwrap();
    for filter in [Filter::default(), Filter { valid: Some(true), ..Filter::default() }] {
        for (order, limit) in [(Order::Asc, 2), (Order::Desc, 2), (Order::Asc, 9), (Order::Desc, 9)]
        {
            let (found, n_pages) = read_all(&*store, &filter, order, limit).await;
            let mut found = positions(&found);
            found.sort_unstable();
            assert_eq!(found, places);
            assert_eq!(n_pages, places.len().div_ceil(limit), "a jump ends no page");
        }
    }
    store.close().await.unwrap();
}
