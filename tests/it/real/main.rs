//! Scenarios with the programs of others. On a real Apache Kafka: records on a topic, the service as a process
//! or several, a PutEvents server, and the oracle. With Python: AWS's SDK for it, an emulator of AWS, and cfn-lint.
//!
//! Each on Kafka ends in the same way: every id that the records stand for is accepted or in the dead letters, and
//! the group's commits are the ends of the topic (see [`scene`]).
//!
//! They are a program of their own, because a test of the usual kind can only pass or fail. Without Java and Maven,
//! or without Python, those that need it are ignored, each with the reason; if `CI` is set, they fail.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stderr, reason = "a failing test shows the end of a process's output")]

use std::{any, env, process::ExitCode};

use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::{
    it::support,
    support::{kafka::installation::Installation, python::Python},
};

mod boto3;
mod broker;
mod cloudformation;
mod compression;
mod delivery;
mod destination;
mod faults;
mod harness;
mod kinds;
mod letters;
mod map;
mod memory;
mod metadata;
mod moto;
mod redrive;
mod replicas;
mod restart;
mod rests;
mod rolling;
mod samples;
mod scene;
mod start;
mod table;
mod tail;
mod tenants;
mod topics;
mod truncation;

#[path = ".."]
mod it {
    #[allow(dead_code, unused_imports, reason = "the tests without Kafka use the rest of it")]
    pub(crate) mod support;
}

#[expect(clippy::disallowed_methods, reason = "the usual runner reads this variable, too")]
fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    let threads = env::var("RUST_TEST_THREADS").ok().and_then(|threads| threads.parse().ok());
    arguments.test_threads = arguments.test_threads.or(threads);
    libtest_mimic::run(&arguments, trials()).exit_code()
}

/// Every scenario. If one is missing here, the compiler warns that it is never used.
fn trials() -> Vec<Trial> {
    vec![
        with_python(boto3::every_operation_of_the_emulator_is_as_boto3_expects),
        with_python(moto::records_arrive_in_kinesis),
        with_python(moto::records_arrive_in_firehose),
        with_python(moto::packed_records_arrive_in_firehose),
        with_python(moto::events_arrive_on_a_classic_bus),
        with_python(moto::records_arrive_in_the_account_of_a_role),
        with_python(cloudformation::the_templates_of_the_pages_are_valid),
        with_python(cloudformation::a_template_that_is_not_valid_is_found),
        with_python(cloudformation::the_policies_that_check_prints_are_valid),
        trial(broker::nothing_is_lost_when_the_broker_is_stopped_killed_and_paused),
        trial(broker::a_drain_without_a_broker_ends_before_its_deadline),
        trial(compression::records_are_read_in_every_compression),
        trial(compression::a_batch_that_cannot_be_decompressed_holds_its_partition_until_it_is_restored),
        trial(delivery::the_records_of_a_real_keycloak_are_delivered),
        trial(destination::a_record_that_is_larger_than_the_topic_allows_is_the_only_dead_letter),
        trial(destination::nothing_is_lost_when_the_broker_of_the_events_is_killed),
        trial(destination::a_topic_of_the_source_is_refused_under_another_name_of_its_broker),
        trial(faults::throttling_slows_down_and_nothing_is_lost),
        trial(faults::an_outage_of_any_kind_is_waited_for),
        trial(faults::a_role_without_the_right_is_a_hold_until_it_has_it),
        trial(faults::a_drain_during_a_hold_ends_at_once_and_the_next_one_delivers),
        trial(faults::an_event_that_spoils_its_whole_call_is_the_only_dead_letter),
        trial(harness::the_broker_gives_back_what_was_produced),
        trial(harness::a_topic_can_be_made_anew),
        trial(harness::the_broker_keeps_its_data_when_it_is_stopped_and_when_it_is_killed),
        trial(harness::without_java_a_scenario_is_ignored_and_with_ci_it_fails),
        trial(kinds::every_kind_at_once_gets_everything_across_faults_and_sigkill),
        trial(letters::a_dead_letter_is_the_record_and_why),
        trial(letters::a_dead_letter_that_is_too_large_holds_its_partition_until_the_limit_is_raised),
        trial(map::the_last_records_of_a_topic_are_read_and_no_group_is_joined),
        trial(memory::memory_stays_bounded_however_well_records_are_compressed),
        trial(metadata::metadata_comes_back_after_a_restart_and_a_rebalance),
        trial(metadata::a_broker_that_takes_little_metadata_gets_the_positions_without),
        trial(redrive::letters_are_redriven_from_a_log_with_markers_and_gaps),
        trial(replicas::a_partition_is_handed_over_while_the_destination_is_down),
        trial(restart::a_restart_in_the_middle_repeats_nothing),
        trial(restart::after_sigkill_only_what_was_not_committed_is_repeated),
        trial(restart::a_replica_that_was_paused_commits_nothing_that_it_lost),
        trial(rests::a_session_that_rests_is_said_to_by_one_replica_and_resumed_by_the_other),
        trial(rests::a_table_that_is_deleted_is_told_and_made_anew),
        trial(rolling::a_rolling_restart_repeats_nothing),
        trial(rolling::a_rolling_restart_of_an_eager_group_repeats_nothing),
        trial(start::latest_begins_with_what_is_produced_from_then_on),
        trial(start::a_time_begins_with_the_first_record_of_it),
        trial(table::sessions_are_whole_on_three_replicas_whatever_restarts),
        trial(table::the_topic_is_made_as_it_should_be_and_check_says_so),
        trial(table::the_table_is_followed_again_after_the_broker_was_restarted),
        trial(table::the_sessions_of_a_user_end_in_portions_across_a_sigkill),
        trial(table::a_table_that_cannot_be_read_in_time_ends_the_process_and_says_which_key_to_raise),
        trial(tail::behind_a_stuck_event_nothing_that_was_committed_is_sent_again),
        trial(tail::a_commit_without_a_tail_for_it_hides_nothing),
        trial(tail::a_broker_that_takes_little_metadata_gets_short_tails),
        trial(tail::without_tails_all_behind_a_stuck_event_is_sent_again),
        trial(tail::bytes::metadata_that_is_not_utf_8_is_no_tail),
        trial(tail::logs::a_tail_of_another_log_hides_nothing),
        trial(tail::logs::a_tail_that_agrees_at_its_position_alone_hides_nothing),
        trial(tail::logs::a_log_that_lost_its_end_and_grew_hides_nothing),
        trial(tail::logs::a_group_that_was_mirrored_to_another_cluster_hides_nothing),
        trial(tail::partitions::the_tails_of_a_thousand_partitions_are_committed_in_parts),
        trial(tenants::a_few_that_are_wrong_or_slow_keep_nothing_from_the_others),
        trial(topics::a_topic_that_does_not_exist_is_waited_for),
        trial(topics::a_topic_that_was_made_anew_is_read_from_its_beginning),
        trial(topics::a_topic_that_was_made_anew_at_once_is_read_from_its_beginning),
        trial(topics::records_that_expired_before_they_were_read_are_an_error),
        trial(topics::records_that_expired_before_a_first_start_are_no_loss),
        trial(topics::transactions_are_read_when_they_are_committed_and_their_gaps_are_no_loss),
        trial(truncation::a_log_that_lost_its_end_while_it_was_read_is_read_on_from_there),
        trial(truncation::a_log_that_lost_its_end_and_grew_is_read_on_from_where_it_was_cut_off),
        trial(truncation::a_neighbour_at_the_same_position_sends_nothing_again),
        trial(truncation::what_was_not_settled_before_the_cut_is_sent_although_nothing_was_committed),
        trial(truncation::a_quiet_partition_is_compared_with_its_log_after_every_restart),
    ]
}

/// A test under the path of its function, as the usual runner names one.
fn trial<T: Fn() + Send + 'static>(test: T) -> Trial {
    Trial::ignorable_test(any::type_name::<T>(), move || match Installation::find() {
        Ok(_) => {
            test();
            Ok(Completion::Completed)
        }
        Err(missing) => without(&format!("{missing} on the PATH")),
    })
}

/// A test that needs Python.
fn with_python<T: Fn(&Python) + Send + 'static>(test: T) -> Trial {
    Trial::ignorable_test(any::type_name::<T>(), move || match Python::find() {
        Ok(python) => {
            test(&python);
            Ok(Completion::Completed)
        }
        Err(missing) => without(missing),
    })
}

/// The result of a test that cannot run without what is missing.
fn without(missing: &str) -> Result<Completion, Failed> {
    let reason = format!("needs {missing}");
    if env::var_os("CI").is_some() { Err(reason.into()) } else { Ok(Completion::ignored_with(reason)) }
}
