//! `routes/export`: page by page, within bounds, and never complete when it is not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::StreamExt as _;
use model::{ContentHash, Draft, Event, LogId, Seq, Timestamp};
use store::Listed;

use crate::auth::principal::Principal;
use crate::error::Kind;
use crate::holder::Holder;
use crate::problem::Problem;
use crate::routes::export::{EXPORTS_MAX, Pages, send};
use crate::routes::list::Form;
use crate::tests::app::App;
use crate::wire::media::Output;

/// Pages of one event each, an empty one between them, and a failure at the end.
struct Failing {
    n_read: Arc<AtomicUsize>,
    n_pages: usize,
}

impl Pages for Failing {
    async fn next(&mut self) -> Result<Option<Vec<Listed>>, Problem> {
        let nth = self.n_read.fetch_add(1, Ordering::Relaxed);
        if nth == self.n_pages {
            return Err(Kind::DatabaseUnavailable.problem("The database is gone."));
        }
        let event = Event::from_draft(&Draft {
            id: "a",
            id_from_client: true,
            undecided: false,
            stream: "events",
            application: None,
            session_id: None,
            category: None,
            name: None,
            data: "1",
            timestamp: None,
            received_at: Timestamp::from_micros(0),
            valid: true,
            errors: "[]",
            schema_version: None,
            hash: ContentHash(1),
        });
        let listed = Listed { seq: Seq::new(1).unwrap(), event, data_bytes: 1 };
        Ok(Some(if nth.is_multiple_of(2) { vec![listed] } else { Vec::new() }))
    }
}

fn holder(n: u8) -> Holder {
    Holder::of(&Principal::guest(), Some([127, 0, 0, n].into()))
}

fn form() -> Form {
    Form { output: Output::Csv, log: LogId::new(1).unwrap(), is_preview: false }
}

#[tokio::test]
async fn pages_are_read_as_they_are_taken_and_a_failure_is_no_end() {
    let app = App::start().await;
    let n_read = Arc::new(AtomicUsize::new(0));
    let pages = Failing { n_read: Arc::clone(&n_read), n_pages: 5 };
    let mut body =
        send(&app.edge, &holder(1), form(), pages).await.unwrap().into_body().into_data_stream();
    assert_eq!(n_read.load(Ordering::Relaxed), 1, "one page ahead, no more");
    for wanted in [1, 3, 5] {
        assert!(body.next().await.unwrap().unwrap().ends_with(b"\r\n"));
        assert_eq!(n_read.load(Ordering::Relaxed), wanted);
    }
    assert!(body.next().await.unwrap().is_err(), "the connection breaks off");
    assert!(body.next().await.is_none());
}

#[tokio::test]
async fn a_failure_at_once_is_a_refusal_and_exports_have_a_bound() {
    let app = App::start().await;
    let pages = |n_pages| Failing { n_read: Arc::default(), n_pages };
    let refused = send(&app.edge, &holder(1), form(), pages(0)).await.unwrap_err();
    assert_eq!(refused.facts().code, "database_unavailable");
    let mut under_way = Vec::new();
    for _ in 0..EXPORTS_MAX / 2 {
        under_way.push(send(&app.edge, &holder(1), form(), pages(9)).await.unwrap());
    }
    let refused = send(&app.edge, &holder(1), form(), pages(9)).await.unwrap_err();
    assert_eq!((refused.facts().code, refused.facts().status), ("too_many_exports", 503));
    assert!(refused.facts().detail.contains("address 127.0.0.1 has 32 of the 64 places"));
    let _others = send(&app.edge, &holder(2), form(), pages(9)).await.unwrap();
    drop(under_way.pop());
    send(&app.edge, &holder(1), form(), pages(9)).await.unwrap();
}
