//! `descriptors`: connections leave what the log and the database need.

use crate::descriptors::within;

#[test]
fn connections_leave_descriptors_to_the_log_and_the_database() {
    let check = |n_files: Option<u64>, n_connections: usize| {
        let limits = within(n_files);
        assert_eq!(limits.connections_max, n_connections, "{n_files:?}");
        assert_eq!(limits.connections_per_loopback_max, n_connections, "{n_files:?}");
        assert_eq!(limits.subscriptions_max, n_connections, "{n_files:?}");
    };
    check(None, 20_000);
    check(Some(1 << 20), 20_000);
    check(Some(20_512), 20_000);
    check(Some(4096), 3584);
    check(Some(1024), 512);
    check(Some(256), 128);
    check(Some(0), 16);
}
