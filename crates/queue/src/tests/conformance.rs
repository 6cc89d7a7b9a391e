//! What every queue must do. Plain functions over `&dyn Queue`: a new driver is done when it passes them all.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use bytes::Bytes;
use futures_util::future::join_all;
use model::Seq;

use crate::error::QueueError;
use crate::queue::{Queue, Record};

pub(crate) fn seq(value: u64) -> Seq {
    Seq::new(value).unwrap()
}

fn record(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

/// Reads up to the newest record there is.
async fn read_all(queue: &dyn Queue, from: Seq) -> Vec<(u64, String)> {
    let mut found = Vec::new();
    let mut reader = queue.reader(from);
    while reader.position() <= queue.bounds().last {
        found.extend(reader.next(1 << 20).await.unwrap().into_iter().map(plain));
    }
    found
}

fn plain(record: Record) -> (u64, String) {
    (record.seq.get(), String::from_utf8(record.bytes.to_vec()).unwrap())
}

/// On an empty queue.
pub(crate) fn an_empty_log_has_bounds(queue: &dyn Queue) {
    let bounds = queue.bounds();
    assert_eq!((bounds.first, bounds.last, bounds.next), (seq(1), Seq::ZERO, seq(1)));
}

/// On an empty queue.
pub(crate) async fn records_come_back_in_order_and_as_they_were(queue: &dyn Queue) {
    let mut expected = Vec::new();
    for n in 0..50_u64 {
        let texts: Vec<String> =
            (0..=n % 7).map(|k| format!("{n}.{k}{}", "x".repeat(n as usize))).collect();
        let range = queue.append(texts.iter().map(|text| record(text)).collect()).await.unwrap();
        assert_eq!(range.last.get() - range.first.get() + 1, texts.len() as u64);
        expected.extend((range.first.get()..).zip(texts));
    }
    assert_eq!(read_all(queue, seq(1)).await, expected);
    assert_eq!(queue.bounds().last.get(), expected.len() as u64);
    for from in [2, 17, expected.len() as u64] {
        let rest: Vec<_> = expected.iter().filter(|(at, _)| *at >= from).cloned().collect();
        assert_eq!(read_all(queue, seq(from)).await, rest, "from the middle of an append, too");
    }
    assert!(read_all(queue, queue.bounds().next).await.is_empty());
}

/// On an empty queue.
pub(crate) async fn an_empty_record_is_a_record(queue: &dyn Queue) {
    queue.append(vec![Bytes::new(), record("x"), Bytes::new()]).await.unwrap();
    let expected = [(1, String::new()), (2, "x".to_owned()), (3, String::new())];
    assert_eq!(read_all(queue, seq(1)).await, expected);
}

/// On an empty queue.
pub(crate) async fn appends_at_once_stay_whole(queue: &Arc<dyn Queue>) {
    let appends = (0..200_u64).map(|n| {
        let queue = Arc::clone(queue);
        tokio::spawn(async move {
            let records = (0..=n % 5).map(|k| record(&format!("{n}.{k}"))).collect();
            (n, queue.append(records).await.unwrap())
        })
    });
    let ranges: Vec<_> = join_all(appends).await.into_iter().map(Result::unwrap).collect();
    let found = read_all(&**queue, seq(1)).await;
    let expected: u64 = (0..200).map(|n| n % 5 + 1).sum();
    assert_eq!(found.len() as u64, expected);
    for (n, range) in ranges {
        for k in 0..=n % 5 {
            let at = range.first.get() + k;
            assert!(found.contains(&(at, format!("{n}.{k}"))), "{n}.{k} is not at {at}");
        }
    }
}

/// On an empty queue.
pub(crate) async fn a_reader_waits_for_what_comes(queue: &Arc<dyn Queue>) {
    let mut reader = queue.reader(seq(1));
    for n in 1..=20_u64 {
        // Polled once and dropped: that must lose nothing.
        let is_pending = {
            let next = pin!(reader.next(1024));
            next.poll(&mut Context::from_waker(Waker::noop())).is_pending()
        };
        assert!(is_pending, "there is nothing to read yet");
        let appender = Arc::clone(queue);
        let append =
            tokio::spawn(async move { appender.append(vec![record(&n.to_string())]).await });
        let records = reader.next(1024).await.unwrap();
        assert_eq!(records.into_iter().map(plain).collect::<Vec<_>>(), [(n, n.to_string())]);
        append.await.unwrap().unwrap();
    }
}

/// On an empty queue.
pub(crate) async fn a_read_stops_at_its_bytes_but_never_at_nothing(queue: &dyn Queue) {
    let text = "x".repeat(100);
    queue.append(vec![record(&text); 10]).await.unwrap();
    let mut reader = queue.reader(seq(1));
    assert_eq!(reader.next(1).await.unwrap().len(), 1);
    assert_eq!(reader.next(250).await.unwrap().len(), 2);
    assert_eq!(reader.position(), seq(4));
    assert_eq!(reader.next(1 << 20).await.unwrap().len(), 7);
}

/// On an empty queue.
pub(crate) async fn trim_forgets_no_more_than_asked(queue: &dyn Queue) {
    for _ in 0..100 {
        queue.append(vec![record(&"x".repeat(300)); 10]).await.unwrap();
    }
    queue.trim(seq(501)).await.unwrap();
    let bounds = queue.bounds();
    assert!(bounds.first <= seq(501), "record 501 and later ones are kept");
    assert_eq!((bounds.last, bounds.next), (seq(1000), seq(1001)));
    assert_eq!(read_all(queue, seq(501)).await.len(), 500);
    queue.trim(seq(1001)).await.unwrap();
    let range = queue.append(vec![record("y")]).await.unwrap();
    assert_eq!(range.first, seq(1001), "numbers go on");
    if queue.bounds().first > seq(1) {
        let error = queue.reader(seq(1)).next(1024).await.unwrap_err();
        assert!(matches!(error, QueueError::Trimmed { first } if first == queue.bounds().first));
    }
}

/// On an empty queue.
pub(crate) async fn nothing_is_appended_after_close(queue: &dyn Queue) {
    queue.append(vec![record("x")]).await.unwrap();
    queue.close().await.unwrap();
    let error = queue.append(vec![record("y")]).await.unwrap_err();
    assert!(error.is_rejected(), "{error:?}");
    queue.close().await.unwrap();
}
