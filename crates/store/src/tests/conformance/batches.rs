//! Promises about batches: all rows or none, and what is wrong is said.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::batches::{BATCH_ERRORS_FOUND_MAX, Batch, BatchStore, BatchVerdict, TableMode};
use crate::error::StoreError;
use crate::tables::TableStore;
use crate::tests::conformance::batch_sample::{
    Feed, Row, apply_of, batch, fields, load, loaded, prepare, refused, rows, step,
};
use crate::tests::conformance::sample::at;

const PORTS: &str = "code,name";
const PRICES: &str = "orig,dest,day,price";

pub(crate) async fn a_batch_is_there_whole<S: BatchStore + TableStore>(store: &S) {
    prepare(store).await;
    let before = step(store).await;
    let wanted = Batch { label: Some("ports.csv".to_owned()), ..batch("b1", "ports", 4) };
    let ports = ["CNSGH,Shanghai", "NOOSL,Oslo", "GBLON,-x", "DEHAM,Hamburg"];
    loaded(store, wanted.clone(), PORTS, &ports).await;
    assert_eq!(store.batch("b1").await.unwrap(), Some(wanted));
    assert_eq!(store.lane().await.unwrap().applied, before.applied);
    // The rows are really there: prices may refer to them.
    let prices = ["CNSGH,NOOSL,2016-01-01,100", "GBLON,DEHAM,2016-01-02,1"];
    loaded(store, batch("b2", "prices", 2), PRICES, &prices).await;
}

pub(crate) async fn a_batch_ends_behind_its_last_row<S: BatchStore + TableStore>(store: &S) {
    prepare(store).await;
    // A clock that says how many rows the database has been handed.
    let ended = async |id: &str, ports: &[&str]| {
        let batch = Batch { ended_at: None, ..batch(id, "ports", ports.len() as u64) };
        let mut apply = apply_of(step(store).await, batch, PORTS, rows(ports));
        let handed = Arc::clone(&apply.progress);
        apply.clock = Arc::new(move || at(handed.load(Ordering::Relaxed) as i64));
        store.apply_batch(apply).await.unwrap();
        store.batch(id).await.unwrap().unwrap().ended_at
    };
    let ports =
        ["CNSGH,Shanghai", "NOOSL,Oslo", "GBLON,London", "DEHAM,Hamburg", "NLRTM,Rotterdam"];
    assert_eq!(ended("b1", &ports).await, Some(at(5)));
    // One that is refused ends, too.
    assert!(ended("b2", &ports).await.is_some());
}

pub(crate) async fn rows_may_refer_to_later_ones<S: BatchStore + TableStore>(store: &S) {
    prepare(store).await;
    let regions = ["uk_sub,uk", "uk,europe", "stray,-", "baltic,europe", "europe,-"];
    loaded(store, batch("b1", "regions", 5), "slug,parent", &regions).await;
}

pub(crate) async fn an_unknown_key_names_its_row<S: BatchStore + TableStore>(store: &S) {
    prepare(store).await;
    loaded(store, batch("b1", "ports", 2), PORTS, &["CNSGH,Shanghai", "NOOSL,Oslo"]).await;
    let prices = [
        "CNSGH,NOOSL,2016-01-01,100",
        "CNSGH,NOOSL,2016-01-02,100",
        "CNSGH,NOOSL,2016-01-03,100",
        "CNSGH,XXXXX,2016-01-04,100",
        "YYYYY,ZZZZZ,2016-01-05,100",
    ];
    let (rejected, errors) = refused(store, batch("b2", "prices", 5), PRICES, &prices).await;
    let wanted = ["4 5 /dest foreign_key", "5 6 /orig foreign_key", "5 6 /dest foreign_key"];
    assert_eq!(errors, wanted);
    assert!(rejected.detail.unwrap().to_lowercase().contains("foreign key constraint"));
    let errors = store.batch_errors("b2", 0, 1).await.unwrap();
    assert!(errors[0].detail.contains("XXXXX") && errors[0].detail.contains("ports"), "{errors:?}");
    // Nothing of it is there: the same rows are no duplicates now.
    loaded(store, batch("b3", "prices", 3), PRICES, &prices[..3]).await;
}

pub(crate) async fn replace_leaves_only_the_new_rows<S: BatchStore + TableStore>(store: &S) {
    prepare(store).await;
    loaded(store, batch("b1", "regions", 2), "slug,parent", &["a,-", "b,a"]).await;
    let replace = |id| Batch { mode: TableMode::Replace, ..batch(id, "regions", 2) };
    // `a` comes again: it would be a duplicate if the old one were still there.
    loaded(store, replace("b2"), "slug,parent", &["c,a", "a,-"]).await;
    let (_, errors) = refused(store, replace("b3"), "slug,parent", &["d,b", "e,-"]).await;
    assert_eq!(errors, ["1 2 /parent foreign_key"]);
    // The refusal has put the old rows back.
    loaded(store, batch("b4", "regions", 1), "slug,parent", &["f,c"]).await;
}

pub(crate) async fn a_duplicate_names_its_row<S: BatchStore + TableStore>(store: &S) {
    prepare(store).await;
    loaded(store, batch("b1", "ports", 2), PORTS, &["A,a", "B,b"]).await;
    // Of the batch itself, and of what is there.
    let (rejected, errors) =
        refused(store, batch("b2", "ports", 3), PORTS, &["C,c", "D,d", "C,again"]).await;
    assert_eq!(errors, ["3 4 /code unique"]);
    assert!(rejected.detail.unwrap().to_lowercase().contains("unique"));
    let (_, errors) = refused(store, batch("b3", "ports", 2), PORTS, &["E,e", "A,a"]).await;
    assert_eq!(errors, ["2 3 /code unique"]);
    let price = "A,B,2016-01-01,7";
    let (_, errors) = refused(store, batch("b4", "prices", 2), PRICES, &[price, price]).await;
    assert_eq!(errors, ["2 3  unique"], "several columns: the row is meant");
    loaded(store, batch("b5", "ports", 3), PORTS, &["C,c", "D,d", "E,e"]).await;
}

pub(crate) async fn a_bad_value_names_its_row<S: BatchStore + TableStore>(store: &S) {
    prepare(store).await;
    loaded(store, batch("b1", "ports", 2), PORTS, &["A,a", "B,b"]).await;
    let good = "A,B,2016-01-01,1";
    let (rejected, errors) =
        refused(store, batch("b2", "prices", 3), PRICES, &[good, good, "A,B,2016-01-02,0"]).await;
    // A database that can go on after a bad row finds the duplicate too.
    assert!(
        errors.iter().all(|error| error == "2 3  unique" || error == "3 4  check"),
        "{errors:?}"
    );
    assert!(rejected.detail.is_some());
    let (_, errors) =
        refused(store, batch("b3", "prices", 2), PRICES, &[good, "A,B,2016-01-02,0"]).await;
    assert_eq!(errors, ["2 3  check"]);
    let (_, errors) = refused(store, batch("b4", "prices", 2), PRICES, &[good, "A,B,-,1"]).await;
    assert_eq!(errors, ["2 3 /day not_null"]);
    loaded(store, batch("b5", "prices", 1), PRICES, &[good]).await;
}

pub(crate) async fn a_bounded_number_of_bad_rows_is_named<S: BatchStore + TableStore>(store: &S) {
    prepare(store).await;
    let make = |nth: u64| -> Row { fields(&format!("slug-{nth},nowhere-{nth}")) };
    let batch = batch("b1", "regions", 5_000);
    let feed = Arc::new(Feed(5_000, 100, make));
    let apply = apply_of(step(store).await, batch, "slug,parent", feed);
    let verdict = store.apply_batch(apply).await.unwrap();
    let BatchVerdict::Rejected(rejected) = verdict else { panic!("no row has its parent") };
    assert_eq!(rejected.n_errors, BATCH_ERRORS_FOUND_MAX as u64);
    let errors = store.batch_errors("b1", 0, 1_000).await.unwrap();
    let places: Vec<_> = errors.iter().map(|error| (error.row, error.line)).collect();
    assert_eq!(places, (1..=100).map(|row| (row, row + 1)).collect::<Vec<_>>());
}

pub(crate) async fn columns_that_are_left_out_take_their_default<S: BatchStore + TableStore>(
    store: &S,
) {
    prepare(store).await;
    loaded(store, batch("b1", "ports", 2), PORTS, &["A,a", "B,b"]).await;
    let columns = "price,day,dest,orig";
    loaded(store, batch("b2", "prices", 1), columns, &["5,2016-01-01,A,B"]).await;
    let (columns, row) = ("orig,dest,day,price,note", "A,B,2016-01-01,5,-");
    loaded(store, batch("b3", "prices", 1), columns, &[row]).await;
}

pub(crate) async fn a_batch_of_no_rows_is_a_batch<S: BatchStore + TableStore>(store: &S) {
    prepare(store).await;
    loaded(store, batch("b1", "regions", 2), "slug,parent", &["a,-", "b,a"]).await;
    loaded(store, batch("b2", "regions", 0), "slug,parent", &[]).await;
    let replace = Batch { mode: TableMode::Replace, ..batch("b3", "regions", 0) };
    loaded(store, replace, "slug,parent", &[]).await;
    let (_, errors) = refused(store, batch("b4", "regions", 1), "slug,parent", &["c,a"]).await;
    assert_eq!(errors, ["1 2 /parent foreign_key"]);
}

pub(crate) async fn a_server_that_ends_leaves_the_batch_for_later<S: BatchStore + TableStore>(
    store: &S,
) {
    prepare(store).await;
    let step = step(store).await;
    let apply = apply_of(step.clone(), batch("b1", "ports", 1), PORTS, rows(&["A,a"]));
    apply.stop.cancel();
    let res = store.apply_batch(apply).await;
    assert!(matches!(res, Err(StoreError::Unavailable(_))), "{res:?}");
    assert_eq!(store.batch("b1").await.unwrap(), None);
    assert_eq!(store.lane().await.unwrap().applied, step.expected);
    loaded(store, batch("b1", "ports", 1), PORTS, &["A,a"]).await;
}

pub(crate) async fn a_feed_that_breaks_off_is_not_the_batchs_fault<S: BatchStore + TableStore>(
    store: &S,
) {
    prepare(store).await;
    let step = step(store).await;
    // The log gives fewer rows back than the batch has, or rows of another shape.
    for (n_rows, columns) in [(3, PORTS), (2, "code")] {
        let apply =
            apply_of(step.clone(), batch("b1", "ports", n_rows), columns, rows(&["A,a", "B,b"]));
        let res = store.apply_batch(apply).await;
        assert!(matches!(res, Err(StoreError::Unusable(_))), "{columns}: {res:?}");
    }
    assert_eq!(store.lane().await.unwrap().applied, step.expected);
    assert_eq!(store.batch("b1").await.unwrap(), None);
    let res = load(store, batch("b1", "ports", 2), PORTS, &["A,a", "B,b"]).await;
    assert_eq!(res.unwrap(), BatchVerdict::Committed);
}

/// A hundred bytes a row and more, so that all of them would be seen in the memory of this process.
pub(crate) async fn many_rows_take_bounded_memory<S: BatchStore + TableStore>(store: &S) {
    const N_ROWS: u64 = 200_000;
    prepare(store).await;
    let make = |nth: u64| -> Row {
        let parent = nth.checked_sub(1).map(|parent| format!("{parent:0>300}"));
        vec![Some(format!("{nth:0>300}")), parent]
    };
    let feed = Arc::new(Feed(N_ROWS, 500, make));
    let apply = apply_of(step(store).await, batch("b1", "regions", N_ROWS), "slug,parent", feed);
    let progress = Arc::clone(&apply.progress);
    let before = peak_kib();
    assert_eq!(store.apply_batch(apply).await.unwrap(), BatchVerdict::Committed);
    let grown_kib = peak_kib().saturating_sub(before);
    assert!(grown_kib < 64 << 10, "{grown_kib} KiB for 120 MB of rows");
    assert_eq!(progress.load(Ordering::Relaxed), N_ROWS);
    let last = format!("x,{:0>300}", N_ROWS - 1);
    loaded(store, batch("b2", "regions", 1), "slug,parent", &[&last]).await;
}

/// The most memory that this process ever had.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}
