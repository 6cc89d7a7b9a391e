//! One named test for each promise about tables and their batches. A list of its own: these rooms need nothing of the
//! events lane.

/// Makes a test of each promise, on a store from `$fresh`. Its caller imports the rooms of the promises.
macro_rules! every_batch_promise {
    ($fresh:path) => {
        every_batch_promise! { @each $fresh,
            batches::a_batch_is_there_whole,
            batches::a_batch_ends_behind_its_last_row,
            batches::rows_may_refer_to_later_ones,
            batches::an_unknown_key_names_its_row,
            batches::replace_leaves_only_the_new_rows,
            batches::a_duplicate_names_its_row,
            batches::a_bad_value_names_its_row,
            batches::a_bounded_number_of_bad_rows_is_named,
            batches::columns_that_are_left_out_take_their_default,
            batches::a_batch_of_no_rows_is_a_batch,
            batches::a_server_that_ends_leaves_the_batch_for_later,
            batches::a_feed_that_breaks_off_is_not_the_batchs_fault,
            batches::many_rows_take_bounded_memory,
            tables::migrations_run_once_and_in_order,
            tables::a_migration_that_fails_leaves_nothing,
            tables::a_table_is_described_as_it_is,
            lane::the_lane_has_a_lease_of_its_own,
            lane::a_stale_step_of_the_lane_changes_nothing,
            lane::errors_of_any_number_are_kept_in_order,
            lane::a_batch_without_errors_is_settled_without_its_rows,
            lane::batches_are_found_by_what_they_are,
        }
    };
    (@each $fresh:path, $($room:ident::$promise:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                let (store, _keep) = $fresh().await;
                $room::$promise(&*store).await;
            }
        )*
    };
}

pub(crate) use every_batch_promise;
