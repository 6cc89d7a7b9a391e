//! The bytes of the lane's records are those that docs/log-format.md shows; what is not ours is refused.

use bytes::Bytes;
use model::ContentHash;
use model::rows::{RowBlock, RowBlockBuilder};
use store::RowError;

use crate::batches::records::{
    BeginHead, CancelHead, EndHead, Head, PartHead, Progress, RecordError, decode_errors,
    encode_errors,
};

const GOLDEN: &[u8] = include_bytes!("../../tests/golden/batch-records-v1.bin");

fn all() -> Vec<(Head, Vec<u8>)> {
    let id = || "0190a5b0-0000-7000-8000-000000000000".to_owned();
    let progress = |rows, errors| Progress {
        at_us: 1_793_000_000_000_000,
        offset: 48,
        line: 4,
        rows,
        errors,
        columns: vec!["code".to_owned(), "name".to_owned()],
        fields: vec![1, 0],
        ..Progress::nothing(ContentHash(0xfeed), 0)
    };
    let mut block = RowBlockBuilder::default();
    block.push(2, [Some("CNSGH"), Some("Shanghai")]);
    block.push(3, [Some("NLRTM"), None]);
    let errors = vec![RowError {
        row: 2,
        line: 3,
        pointer: "/name".to_owned(),
        rule: "not_null".to_owned(),
        detail: "name takes no null".to_owned(),
    }];
    let begin = BeginHead {
        id: id(),
        table: "ports".to_owned(),
        mode: "append".to_owned(),
        format: "csv".to_owned(),
        application: Some("shop".to_owned()),
        sent_by: "token 1".to_owned(),
        label: None,
        key: Some("k".to_owned()),
        resumable: true,
        at_us: 1_793_000_000_000_000,
        revalidates: None,
    };
    let part =
        |nth, n, errors| PartHead { id: id(), nth, n, first_row: 1, progress: progress(2, errors) };
    let end = |errors| EndHead {
        id: id(),
        bytes: 48,
        progress: progress(2, errors),
        parts: vec![2, 3],
        n_before: 1,
    };
    let cancel = CancelHead { id: id(), at_us: 1, why: "cancelled by somebody".to_owned() };
    vec![
        (Head::Begin(begin), Vec::new()),
        (Head::Rows(part(0, 2, 0)), block.take()),
        (Head::Errors(part(1, 1, 1)), encode_errors(&errors)),
        (Head::Commit(end(0)), Vec::new()),
        (Head::Reject(end(1)), Vec::new()),
        (Head::Cancel(cancel), Vec::new()),
    ]
}

#[test]
fn the_bytes_of_the_records_stay_what_they_are() {
    let mut bytes = Vec::new();
    for (head, body) in all() {
        let record = head.encode(&body);
        bytes.extend_from_slice(&(record.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&record);
    }
    assert!(bytes == GOLDEN, "the format has changed: give it a version of its own");
}

#[test]
fn a_beginning_says_whose_rows_it_has_only_where_they_are_anothers() {
    let (head, _) = all().swap_remove(0);
    let text = |head: &Head| String::from_utf8_lossy(&head.encode(&[])).into_owned();
    assert!(!text(&head).contains("revalidates"));
    let Head::Begin(begin) = head else { panic!("{head:?}") };
    let head = Head::Begin(BeginHead { revalidates: Some("first".to_owned()), ..begin });
    assert!(text(&head).ends_with(",\"revalidates\":\"first\"}}"), "{}", text(&head));
    assert_eq!(Head::decode(&head.encode(&[])).unwrap().0, head);
}

#[test]
fn what_was_written_is_read() {
    for (head, body) in all() {
        let (read, rest) = Head::decode(&head.encode(&body)).unwrap();
        assert_eq!((&read, &rest[..]), (&head, &body[..]));
        match head {
            Head::Errors(_) => assert_eq!(decode_errors(&rest).unwrap().len(), 1),
            Head::Rows(part) => {
                let PartHead { n: n_rows, first_row, .. } = part;
                let block = RowBlock { bytes: rest, n_columns: 2, n_rows, first_row };
                let (mut rows, mut values) = (block.rows(), Vec::new());
                assert_eq!(rows.next_into(&mut values).unwrap().unwrap().line, 2);
                assert_eq!(values, [Some("CNSGH"), Some("Shanghai")]);
            }
            _ => {}
        }
    }
}

#[test]
fn what_is_no_record_of_ours_is_refused() {
    let (head, body) = all().swap_remove(1);
    let record = head.encode(&body).to_vec();
    for end in 0..5 {
        let cut = Bytes::copy_from_slice(&record[..end]);
        assert_eq!(Head::decode(&cut).unwrap_err(), RecordError::Short);
    }
    let change = |at: usize, byte: u8| {
        let mut record = record.clone();
        record[at] = byte;
        Head::decode(&Bytes::from(record)).unwrap_err()
    };
    assert_eq!(change(0, 2), RecordError::Unknown { version: 2 });
    assert_eq!(change(4, 0xff), RecordError::Short);
    assert_eq!(change(6, b'!'), RecordError::Head);
    assert_eq!(decode_errors(b"[1]").unwrap_err(), RecordError::Body);
}
