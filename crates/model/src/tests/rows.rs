//! Rows as bytes: what goes in comes out, and nothing else is taken for rows.

use crate::rows::{RowBlock, RowBlockBuilder, RowPlace, RowsDamaged};

type Row = (RowPlace, Vec<Option<String>>);

fn read(bytes: &[u8], n_columns: usize, n_rows: u32) -> Result<Vec<Row>, RowsDamaged> {
    let block = RowBlock { bytes, n_columns, n_rows, first_row: 11 };
    let (mut rows, mut values, mut out) = (block.rows(), Vec::new(), Vec::new());
    while let Some(place) = rows.next_into(&mut values)? {
        out.push((place, values.iter().map(|value| value.map(str::to_owned)).collect()));
    }
    Ok(out)
}

fn built() -> (Vec<u8>, u32) {
    let long = "ø".repeat(100);
    let mut builder = RowBlockBuilder::default();
    builder.push(2, [Some("NOOSL"), None, Some("")]);
    builder.push(2, [Some(long.as_str()), Some("1"), None]);
    builder.push(1_000_000, [None, None, None]);
    let n_rows = builder.n_rows();
    (builder.take(), n_rows)
}

#[test]
fn rows_come_out_with_their_places_as_they_went_in() {
    let (bytes, n_rows) = built();
    let rows = read(&bytes, 3, n_rows).unwrap();
    let places: Vec<_> = rows.iter().map(|(place, _)| (place.row, place.line)).collect();
    assert_eq!(places, [(11, 2), (12, 2), (13, 1_000_000)]);
    assert_eq!(rows[0].1, [Some("NOOSL".to_owned()), None, Some(String::new())]);
    assert_eq!(rows[1].1[0].as_deref(), Some("ø".repeat(100).as_str()));
    assert_eq!(rows[2].1, [None, None, None]);
}

#[test]
fn a_builder_begins_anew_after_each_block() {
    let mut builder = RowBlockBuilder::default();
    builder.push(7, [Some("a")]);
    let first = builder.take();
    assert_eq!((builder.n_rows(), builder.size_bytes()), (0, 0));
    builder.push(7, [Some("a")]);
    assert_eq!(builder.take(), first);
}

#[test]
fn bytes_that_are_no_such_rows_are_refused() {
    let (bytes, n_rows) = built();
    for cut in 0..bytes.len() {
        assert_eq!(read(&bytes[..cut], 3, n_rows), Err(RowsDamaged), "cut at {cut}");
    }
    assert_eq!(read(&bytes, 3, n_rows - 1), Err(RowsDamaged), "some are left over");
    assert_eq!(read(&[0, 3, 0xff, 0xfe], 1, 1), Err(RowsDamaged), "no UTF-8");
    assert_eq!(read(&[0xff; 12], 1, 1), Err(RowsDamaged), "no number");
}
