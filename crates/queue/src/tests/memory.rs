//! The memory driver's run of the suite.

use std::sync::Arc;

use bytes::Bytes;
use model::LogId;

use crate::error::QueueError;
use crate::memory::MemoryQueue;
use crate::queue::Queue;
use crate::tests::conformance;

fn empty() -> Arc<dyn Queue> {
    Arc::new(MemoryQueue::new(LogId::new(7).unwrap()))
}

#[tokio::test]
async fn memory_conforms() {
    conformance::an_empty_log_has_bounds(&*empty());
    conformance::records_come_back_in_order_and_as_they_were(&*empty()).await;
    conformance::an_empty_record_is_a_record(&*empty()).await;
    conformance::appends_at_once_stay_whole(&empty()).await;
    conformance::a_reader_waits_for_what_comes(&empty()).await;
    conformance::a_read_stops_at_its_bytes_but_never_at_nothing(&*empty()).await;
    conformance::trim_forgets_no_more_than_asked(&*empty()).await;
    conformance::nothing_is_appended_after_close(&*empty()).await;
}

#[tokio::test]
async fn a_full_memory_refuses() {
    let queue = MemoryQueue::with_bytes_max(LogId::new(7).unwrap(), 10);
    queue.append(vec![Bytes::from_static(b"12345678")]).await.unwrap();
    let error = queue.append(vec![Bytes::from_static(b"123")]).await.unwrap_err();
    assert!(matches!(error, QueueError::Full { n_bytes: 8 }));
}
