//! Work under way counts, and no piece of it twice.

use std::time::Duration;

use crate::busy::Busy;

#[test]
fn work_under_way_counts() {
    let busy = Busy::default();
    assert_eq!(busy.running_for(), None);
    let running = busy.start();
    while busy.total() < Duration::from_millis(2) {}
    assert!(busy.running_for().unwrap() >= Duration::from_millis(2));
    drop(running);
    let total = busy.total();
    assert!(total >= Duration::from_millis(2));
    assert_eq!(busy.running_for(), None);
    assert_eq!(busy.total(), total, "nothing is added while nothing runs");
}

#[test]
fn a_reader_never_counts_a_piece_twice() {
    let busy = Busy::default();
    let start = std::time::Instant::now();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| (0..100_000).for_each(|_| drop(busy.start())));
        while !writer.is_finished() {
            assert!(busy.total() <= start.elapsed());
        }
    });
}
