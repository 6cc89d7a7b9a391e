//! One named test for each promise of the suite, so that a driver's report reads like the contract.

/// Makes a test of each promise, on a store from `$fresh`. Its caller imports the rooms of the promises.
macro_rules! every_promise {
    ($fresh:path) => {
        every_promise! { @each $fresh,
            ids::equal_events_are_dropped_and_others_become_dead_letters,
            ids::an_id_is_unique_per_application_and_stream,
            ids::ids_that_were_made_here_end_in_one_place,
            ids::a_dead_letter_does_not_own_its_id,
            ids::a_conflict_that_comes_again_is_one_dead_letter,
            ids::history_has_dead_letters_in_their_places,
            ids::get_answers_with_every_event_of_an_id,
            ids::find_answers_in_the_order_of_its_keys,
            lease::a_new_store_has_nothing_applied,
            lease::a_claim_binds_renews_and_runs_out,
            lease::another_log_is_refused,
            lease::a_stale_consumer_changes_nothing,
            lease::records_out_of_order_are_refused,
            lease::progress_moves_without_rows,
            pages::data_reads_back_byte_for_byte,
            pages::every_field_reads_back,
            pages::sql_and_rust_filter_alike,
            pages::pages_cover_everything_exactly_once,
            pages::a_page_follows_what_is_applied_later,
            pages::a_rare_filter_is_found_over_many_rows,
            pages::a_page_of_large_events_ends_early,
            pages::readers_never_see_half_a_transaction,
            sessions::sessions_are_in_the_order_of_things,
            sessions::a_page_of_a_session_ends_at_its_bytes,
            reading::any_filter_in_any_order_finds_what_the_model_finds,
            reading::names_without_category_are_found_as_well,
            reading::previews_are_cut_at_a_character_and_say_how_much_there_is,
            reading::a_page_of_previews_reads_a_bounded_amount,
            reading::the_fate_of_a_position_is_told,
            explore::sums_are_those_of_the_model,
            explore::what_is_left_out_is_said,
            explore::more_values_than_are_counted_are_said,
            explore::an_exact_id_is_found_wherever_it_stands,
            retention::the_oldest_of_a_stream_go_first,
            retention::a_young_one_shields_those_behind_it,
            retention::what_is_left_is_found_by_any_filter,
            retention::a_deleted_id_may_be_used_again,
            retention::dead_letters_go_by_when_they_died,
            retention::a_replayed_letter_is_no_event_without_its_row,
            dead_letters::groups_and_counts_add_up,
            dead_letters::pages_go_from_the_newest_to_the_oldest,
            dead_letters::what_is_discarded_stays_and_comes_back,
            dead_letters::a_job_meets_the_slices_that_it_has_tried_again,
            dead_letters::acts_that_come_at_once_meet_each_letter_once,
            dead_letters::what_no_label_can_be_is_found_nowhere,
            verdicts::a_new_verdict_changes_nothing_else,
            verdicts::a_repeated_slice_is_the_same_and_answered_as_before,
            verdicts::a_slice_ends_at_its_bytes,
        }
    };
    // What has nothing to do with events.
    (settled $fresh:path) => {
        every_promise! { @each $fresh,
            audit::the_trail_is_read_from_its_newest_line_back,
            control::the_metric_history_forgets_what_is_old,
            trust::what_is_added_reads_back,
            trust::a_refused_act_changes_nothing,
            trust::a_change_leaves_the_rest_as_it_is,
            trust::a_rotated_token_ends_and_a_revoked_one_stays_revoked,
            trust::the_last_use_never_goes_back,
            trust::acts_that_come_at_once_happen_one_by_one,
            sign_ins::a_sign_in_reads_back_until_it_ends,
            sign_ins::a_use_extends_a_sign_in_and_revives_none,
            sign_ins::a_token_puts_out_its_own_only,
            sign_ins::there_is_a_bound_and_what_would_end_first_gives_way,
            sign_ins::a_bound_holds_for_many_at_once,
            schemas::versions_stay_and_any_of_them_can_be_put_in_force,
            schemas::the_configuration_keeps_its_keys_to_itself_until_it_lets_go,
            schemas::there_are_only_so_many_keys,
            schemas::versions_that_come_at_once_are_counted_one_by_one,
            jobs::one_job_of_a_kind_is_unfinished,
            jobs::of_many_that_begin_at_once_one_is_begun,
            jobs::a_state_changes_only_from_where_it_may,
            control::a_text_that_no_name_can_be_is_found_nowhere,
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

pub(crate) use every_promise;
