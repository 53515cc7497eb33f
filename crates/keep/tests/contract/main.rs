//! The contract of [`keep::Keep`], run over every home.
#![expect(clippy::print_stderr, clippy::unwrap_used, reason = "a test says why it skips, and may fail anywhere")]

mod faults;
mod homes;
mod model;
mod shared;
mod suite;

use homes::Home;

/// One test for each case of the suite and each home that needs nothing but this machine.
macro_rules! contract {
    ($($case:ident)*) => {
        mod memory {
            $(#[tokio::test]
            async fn $case() {
                crate::suite::$case(&mut crate::homes::memory()).await;
            })*
        }

        mod embedded {
            $(#[tokio::test]
            async fn $case() {
                crate::suite::$case(&mut crate::homes::embedded()).await;
            })*
        }

        /// All cases, by name; for the home that is too costly to be made for each.
        pub(crate) fn cases() -> Vec<(&'static str, Case)> {
            vec![$((stringify!($case), |home| Box::pin(crate::suite::$case(home)))),*]
        }
    };
}

type Case = for<'a> fn(&'a mut Home) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

contract! {
    nothing_is_known_at_first
    what_was_committed_is_loaded
    a_message_is_taken_in_once
    of_many_who_bring_a_message_one_wins
    messages_are_forgotten_when_their_time_is_over
    nobody_overwrites_what_was_not_loaded
    a_conflict_leaves_nothing_behind
    a_state_may_be_relied_on_without_changing_it
    a_state_that_came_back_is_another_one
    positions_are_dense_and_in_order
    the_log_is_read_in_pages
    the_log_is_truncated_up_to_a_position
    entries_are_found_by_whose_they_are
    an_erasure_says_of_each_entry_what_becomes_of_it
    entries_of_any_size_come_back
    keys_have_one_number_and_may_change_their_customer
    links_are_evidence_with_the_earliest_time
    numbers_are_given_once
    timers_fall_due_in_order_and_fire_once
    a_timer_is_replaced_by_its_id
    what_a_timer_replaces_is_believed_until_somebody_changes_it
    a_timer_that_was_replaced_does_not_fire
    a_timer_that_fired_may_be_set_again_in_the_same_commit
    what_a_dead_node_had_taken_is_free_when_its_lease_ends
    a_timer_before_those_that_were_first_is_found
    a_backlog_of_timers_is_worked_off_in_pages
    deliveries_go_out_by_target_and_time
    deliveries_come_back_done_later_or_dead
    a_paused_target_holds_what_waits
    a_delivery_that_was_taken_by_another_is_not_settled
    an_id_is_delivered_once
    a_delivery_that_is_being_settled_is_shown_to_nobody
    records_change_when_they_are_as_expected
    records_are_listed_by_prefix
    generations_do_not_see_each_other
    states_are_read_in_pages
    erased_customers_are_nowhere
    what_is_too_large_is_refused
    bytes_of_any_kind_are_kept
    many_at_once_lose_nothing
    everything_is_there_after_a_restart
    random_commits_have_the_effect_of_the_model
}
