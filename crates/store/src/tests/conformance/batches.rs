//! Promises about batches: all rows or none, and what is wrong is said.

use crate::batches::{Batch, BatchStore, TableMode};
use crate::tables::TableStore;
use crate::tests::conformance::batch_sample::{batch, loaded, prepare, refused, step};

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
