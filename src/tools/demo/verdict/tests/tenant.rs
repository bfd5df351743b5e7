//! Runs in which the tenant is refused, spills and is redriven.

use super::*;
use crate::core::code::Code;

const BOTH: &str = "0:sign_in 0:session";

/// A run of two records, the first of which is the tenant's, spilled, and was redriven at offset 2.
fn redriven() -> Run {
    let run = run("ad").redriving().arrived("1:sign_in 1:session").spilled(0, BOTH);
    run.redriven(2, 0, BOTH).committed(3)
}

#[test]
fn what_spilled_and_was_redriven_is_good_once_it_arrived() {
    check(&redriven().arrived(BOTH), &[]);
    // Consumed are two records and the redriven one; accepted, the second and the redriven one.
    let counted = |accepted, refused| {
        let mut run = redriven().arrived(BOTH).whole(3, accepted);
        run.service.dead_lettered = [(Code("spilled"), refused)].into();
        run
    };
    check(&counted(2, 1), &[]);
    check(&counted(1, 1), &[(VerdictProblem::RecordMiscounted, 1)]);
    let verdict = redriven().arrived(BOTH).judged();
    assert_eq!((verdict.tally.delivered, verdict.tally.dead_lettered), (2, 0));
    assert_eq!((verdict.tally.spilled, verdict.tally.redriven), (2, 1));
    assert_eq!(verdict.tally.dead_letters, BTreeMap::new());
}

#[test]
fn a_redriven_event_is_accepted_or_refused_unless_its_record_is_left() {
    check(&redriven(), &[(VerdictProblem::RedrivenLost, 2)]);
    check(&redriven().arrived("0:session"), &[(VerdictProblem::RedrivenLost, 1)]);
    check(&redriven().committed(2), &[]);
    assert_eq!(redriven().committed(2).judged().tally.left, 1);
    check(
        &redriven().committed(2).whole(2, 1),
        &[(VerdictProblem::RecordLeft, 1), (VerdictProblem::RecordMiscounted, 1)],
    );
    let refused = || redriven().arrived("0:session").refused(0, "0:sign_in", "event_400", true);
    check(&refused(), &[]);
    assert_eq!(refused().judged().tally.dead_lettered, 1);
    check(&refused().without_refusals(), &[(VerdictProblem::DeadLetterUnexpected, 1)]);
}

#[test]
fn each_record_that_spilled_is_redriven_once() {
    let left = run("ad").redriving().arrived("1:sign_in 1:session").spilled(0, BOTH);
    check(&left, &[(VerdictProblem::RedriveMissing, 1)]);
    let again = redriven().arrived(BOTH).redriven(3, 0, BOTH).committed(4);
    check(&again, &[(VerdictProblem::RedriveRepeated, 1)]);
    let other = redriven().arrived(BOTH).redriven(3, 1, "1:session").committed(4);
    check(&other, &[(VerdictProblem::RedriveUnexpected, 1)]);
    let mut altered = redriven().arrived(BOTH);
    altered.evidence.redriven[0].fingerprint = of_content(99, 1);
    check(&altered, &[(VerdictProblem::RedriveUnexpected, 1)]);
}

#[test]
fn a_run_that_ends_before_the_redrive_may_leave_what_spilled_in_the_dead_letters() {
    let mut run = run("ad").arrived("1:sign_in 1:session").spilled(0, BOTH);
    check(&run, &[(VerdictProblem::DeadLetterUnexpected, 2)]);
    run.tale.planned = true;
    check(&run, &[]);
    assert_eq!(run.judged().tally.dead_letters, [(SPILLED.to_owned(), 2)].into());
    check(&run.spilled(0, "0:session"), &[(VerdictProblem::DeadLetterRepeated, 1)]);
}

#[test]
fn a_tenant_that_is_refused_is_held_unless_it_has_few_records() {
    let refused = |records: usize, code| {
        let mut run = run("").whole(0, 0);
        run.tale = Tale { planned: true, refused: 100..100 + records, code, ..Tale::default() };
        run
    };
    check(&refused(50, None), &[(VerdictProblem::HoldMissing, 50)]);
    check(&refused(49, None), &[]);
    check(&refused(50, Some(Code("role_refused"))), &[]);
    check(&Run { whole: false, ..refused(50, None) }, &[]);
}

#[test]
fn the_tenants_credentials_may_expire_while_a_request_is_on_its_way() {
    let mut run = run("");
    run.server.violations = [("token_expired", 1)].into();
    check(&run, &[(VerdictProblem::RuleBroken("token_expired"), 1)]);
    run.tale.planned = true;
    check(&run, &[]);
}

#[test]
fn only_the_tenants_events_spill_and_nobody_else_waits() {
    let mut run = run("d").redriving().spilled(0, BOTH).redriven(1, 0, BOTH).arrived(BOTH);
    check(&run, &[(VerdictProblem::DeadLetterUnexpected, 2)]);
    run = super::run("d").arrived(BOTH);
    run.tale = Tale { planned: true, waited: 7, ..Tale::default() };
    check(&run, &[(VerdictProblem::OthersWaited, 7)]);
}
