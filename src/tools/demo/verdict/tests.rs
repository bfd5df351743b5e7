//! Runs, written in a few letters each, and the problems in them.

use super::*;
use crate::tools::demo::evidence::{Arriving, Fingerprint, Positions, RedrivenRecord, SPILLED};

mod tenant;

/// A run in which events may be refused.
struct Run {
    kind: DemoKind,
    tale: Tale,
    evidence: Evidence,
    server: Counts,
    service: RecordCounts,
    whole: bool,
    refusals: bool,
}

/// What each record is expected to become: `d` delivered as the events `N:sign_in` and `N:session` of its
/// offset N, `r` the same as the previous record, `i` ignored, `l` a dead letter, `a` as `d`, but of the tenant.
fn run(records: &str) -> Run {
    let mut evidence = Evidence::default();
    for (offset, record) in (0..).zip(records.chars()) {
        let ids = |number| vec![format!("{number}:sign_in"), format!("{number}:session")];
        let expected = match record {
            'd' | 'a' => Expected::Delivered { event_ids: ids(offset) },
            'r' => Expected::Repeated { event_ids: ids(offset - 1) },
            'i' => Expected::Ignored,
            _ => Expected::DeadLetter,
        };
        evidence.send(Sent {
            record: record_id(offset),
            expected,
            fingerprint: fingerprint(offset),
            from: "keycloak",
            realm: if record == 'a' { Realm::Acme } else { Realm::Shop },
        });
    }
    let committed = [(0, i64::try_from(records.len()).unwrap())].into();
    evidence.positions = Positions { committed, ..Positions::default() };
    Run {
        kind: DemoKind::Firehose,
        tale: Tale::default(),
        evidence,
        server: Counts::default(),
        service: RecordCounts::default(),
        whole: false,
        refusals: true,
    }
}

fn record_id(offset: i64) -> RecordId {
    RecordId { partition: 0, offset }
}

fn fingerprint(offset: i64) -> Fingerprint {
    of_content(offset, offset)
}

fn of_content(time: i64, content: i64) -> Fingerprint {
    Fingerprint::of(Some(time), None, Some(&content.to_be_bytes()))
}

impl Run {
    /// Adds the arrival of events such as `0:session` at the destination of their realm, in this order.
    fn arrived(mut self, ids: &str) -> Self {
        for id in ids.split_whitespace() {
            let event_type = if id.ends_with("session") { "_session.start" } else { "_userauth.sign_in" };
            let offset = id.split(':').next().unwrap().parse().unwrap();
            let realm = self.evidence.sent.get(&record_id(offset)).map(|sent| sent.realm);
            self = self.accepted(id, event_type, "e", realm);
        }
        self
    }

    fn accepted(mut self, id: &str, event_type: &str, endpoint_id: &str, realm: Option<Realm>) -> Self {
        self.evidence.arrive(&Arriving {
            realm,
            endpoint_id: endpoint_id.into(),
            event_id: id.to_owned(),
            event_type: event_type.to_owned(),
        });
        self
    }

    /// Makes it a run in which the tenant is refused, and a redrive is done.
    fn redriving(mut self) -> Self {
        self.tale = Tale { planned: true, redrive: Some((0, 0)), ..Tale::default() };
        self
    }

    /// Adds a dead letter of events of the record at `offset` that spilled together.
    fn spilled(self, offset: i64, event_ids: &str) -> Self {
        self.refused(offset, event_ids, SPILLED, false)
    }

    /// Adds a dead letter of events, for this reason.
    fn refused(mut self, offset: i64, event_ids: &str, reason: &str, again: bool) -> Self {
        // A record that was redriven has a time of its own.
        let fingerprint = of_content(if again { 99 } else { offset }, offset);
        let (record, reason) = (record_id(offset), reason.to_owned());
        let event_ids = event_ids.split_whitespace().map(str::to_owned).collect();
        self.evidence.refuse(DeadLetter { record, reason, event_ids, again, fingerprint });
        self
    }

    /// Adds a redriven record, at `offset`, of the original at another offset.
    fn redriven(mut self, offset: i64, original: i64, event_ids: &str) -> Self {
        self.evidence.redriven.push(RedrivenRecord {
            record: record_id(offset),
            original: record_id(original),
            event_ids: event_ids.split_whitespace().map(str::to_owned).collect(),
            fingerprint: of_content(99, original),
        });
        self
    }

    fn of_kind(self, kind: DemoKind) -> Self {
        Self { kind, ..self }
    }

    /// Adds a dead letter of the record at `offset`, or of one event of it.
    fn letter(self, offset: i64, event_id: Option<&str>) -> Self {
        self.letter_like(offset, event_id, fingerprint(offset))
    }

    fn letter_like(mut self, offset: i64, event_id: Option<&str>, fingerprint: Fingerprint) -> Self {
        let (record, reason) = (record_id(offset), "reason".to_owned());
        let event_ids = event_id.map(str::to_owned).into_iter().collect();
        let letter = DeadLetter { record, reason, event_ids, again: false, fingerprint };
        self.evidence.refuse(letter);
        self
    }

    fn committed(mut self, position: i64) -> Self {
        self.evidence.positions.committed = [(0, position)].into();
        self
    }

    fn without_refusals(self) -> Self {
        Self { refusals: false, ..self }
    }

    /// Sets the number of events that the server accepted without confirming them.
    fn unconfirmed(mut self, events: u64) -> Self {
        self.server.events_unconfirmed = events;
        self
    }

    /// Makes the run one that nobody ended early, in which the service counts these
    /// accepted and ignored records.
    fn whole(mut self, consumed: u64, accepted: u64) -> Self {
        self.service = RecordCounts { consumed, accepted, ..RecordCounts::default() };
        Self { whole: true, ..self }
    }

    fn judged(&self) -> Verdict {
        let Self { kind, tale, evidence, server, service, whole, refusals } = self;
        let circumstances = Circumstances {
            whole: *whole,
            refusals: *refusals,
            kind: *kind,
            tale,
            server: Some(server),
            service,
        };
        judge(evidence, &circumstances)
    }
}

#[track_caller]
fn check(run: &Run, expected: &[(VerdictProblem, u64)]) {
    assert_eq!(run.judged().problems, expected.iter().copied().collect());
}

#[test]
fn delivered_ignored_and_dead_lettered_records_are_good() {
    check(&run(""), &[]);
    check(&run("d").arrived("0:sign_in 0:session"), &[]);
    check(&run("il").letter(1, None), &[]);
    check(&run("d").arrived("0:session").letter(0, Some("0:sign_in")), &[]);
    check(&run("d").arrived("0:sign_in 0:session").whole(1, 1), &[]);
}

#[test]
fn a_record_that_was_committed_past_and_is_nowhere_is_lost() {
    check(&run("d"), &[(VerdictProblem::EventMissing, 2)]);
    check(&run("d").arrived("0:session"), &[(VerdictProblem::EventMissing, 1)]);
    check(&run("dl").arrived("0:sign_in 0:session"), &[(VerdictProblem::DeadLetterMissing, 1)]);
}

#[test]
fn a_record_that_was_not_committed_past_may_be_anywhere_in_a_run_that_was_ended_early() {
    check(&run("ddl").committed(0), &[]);
    check(&run("ddl").committed(1).arrived("0:sign_in 0:session 1:session").letter(2, None), &[]);
    check(&run("d").committed(0).whole(1, 0), &[(VerdictProblem::RecordLeft, 1)]);
}

#[test]
fn a_dead_letter_is_there_once_unchanged_and_for_a_reason() {
    check(&run("i").letter(0, None), &[(VerdictProblem::DeadLetterUnexpected, 1)]);
    check(&run("l").letter(0, None).letter(7, None), &[(VerdictProblem::DeadLetterUnexpected, 1)]);
    check(&run("l").letter(0, None).letter(0, None), &[(VerdictProblem::DeadLetterRepeated, 1)]);
    check(&run("l").letter_like(0, None, fingerprint(1)), &[(VerdictProblem::DeadLetterAltered, 1)]);
    let refused = || run("d").arrived("0:session").letter(0, Some("0:sign_in"));
    check(&refused().letter(0, Some("0:sign_in")), &[(VerdictProblem::DeadLetterRepeated, 1)]);
    check(&refused().letter(0, Some("1:session")), &[(VerdictProblem::DeadLetterUnexpected, 1)]);
    check(&refused().letter(0, None), &[(VerdictProblem::DeadLetterUnexpected, 1)]);
    check(&refused().arrived("0:sign_in"), &[(VerdictProblem::DeadLetterUnexpected, 1)]);
    check(&refused().without_refusals(), &[(VerdictProblem::DeadLetterUnexpected, 1)]);
}

#[test]
fn only_events_of_records_arrive_with_their_type_and_for_one_endpoint() {
    check(&run("i").arrived("0:session"), &[(VerdictProblem::EventUnknown, 1)]);
    let session = || run("d").arrived("0:session");
    let shop = Some(Realm::Shop);
    let unsound = [(VerdictProblem::EventUnsound, 1)];
    check(&session().accepted("0:sign_in", "_userauth.sign_up", "e", shop), &unsound);
    let twice = || session().accepted("0:sign_in", "_userauth.sign_in", "e", shop).unconfirmed(1);
    check(&twice().accepted("0:sign_in", "_userauth.sign_in", "f", shop), &unsound);
    check(&twice().accepted("0:sign_in", "_userauth.sign_in", "e", Some(Realm::Acme)), &unsound);
}

#[test]
fn an_event_arrives_at_the_destination_of_its_realm() {
    check(&run("a").arrived("0:sign_in 0:session"), &[]);
    for elsewhere in [Some(Realm::Shop), None] {
        let run = run("a").arrived("0:session").accepted("0:sign_in", "_userauth.sign_in", "e", elsewhere);
        check(&run, &[(VerdictProblem::EventMisrouted, 1)]);
    }
}

#[test]
fn a_destination_that_recognises_copies_takes_none() {
    let twice = || run("dr").arrived("0:sign_in 0:session 0:session").unconfirmed(1);
    check(&twice(), &[]);
    check(&twice().of_kind(DemoKind::EventBridge), &[(VerdictProblem::CopyAccepted, 1)]);
}

#[test]
fn the_events_of_an_endpoint_arrive_in_the_order_of_their_records_if_that_is_promised() {
    let swapped = || run("dd").arrived("1:session 0:sign_in 0:session 1:sign_in");
    check(&swapped().of_kind(DemoKind::Kinesis), &[(VerdictProblem::OutOfOrder, 1)]);
    check(&swapped(), &[]);
    let within = run("dd").arrived("0:session 0:sign_in 1:session 1:sign_in 0:sign_in").unconfirmed(1);
    check(&within.of_kind(DemoKind::Kinesis), &[]);
    let others = run("dd").arrived("1:sign_in 1:session");
    let others = others.accepted("0:sign_in", "_userauth.sign_in", "f", Some(Realm::Shop));
    let others = others.accepted("0:session", "_session.start", "f", Some(Realm::Shop));
    check(&others.of_kind(DemoKind::Kafka), &[]);
    let repeated = run("drd").arrived("2:session 0:sign_in 0:session 2:sign_in");
    check(&repeated.of_kind(DemoKind::Kinesis), &[]);
    let spilled =
        run("aa").redriving().spilled(0, "0:sign_in 0:session").redriven(9, 0, "0:sign_in 0:session");
    let spilled = spilled.arrived("1:sign_in 1:session 0:sign_in 0:session");
    check(&spilled.of_kind(DemoKind::Kinesis), &[]);
}

#[test]
fn duplicates_are_explained_by_their_records_or_by_lost_answers() {
    let twice = || run("d").arrived("0:sign_in 0:session 0:sign_in 0:session");
    check(&twice(), &[(VerdictProblem::DuplicateUnexplained, 2)]);
    check(&twice().unconfirmed(1), &[(VerdictProblem::DuplicateUnexplained, 1)]);
    check(&twice().unconfirmed(2), &[]);
    let repeated = || run("dr").arrived("0:sign_in 0:session 0:sign_in 0:session");
    check(&repeated(), &[]);
    check(&repeated().arrived("0:session"), &[(VerdictProblem::DuplicateUnexplained, 1)]);
}

#[test]
fn the_servers_complaints_are_the_verdicts() {
    let mut run = run("");
    (run.server.requests, run.server.over_quota) = (100, 4);
    run.server.endpoints_in_two_requests = 2;
    run.server.violations = [("pinpoint.event_count", 3)].into();
    let expected = [
        (VerdictProblem::OverQuota, 4),
        (VerdictProblem::EndpointTwice, 2),
        (VerdictProblem::RuleBroken("pinpoint.event_count"), 3),
    ];
    check(&run, &expected);
    run.server = Counts { requests: 100, over_quota: 3, ..Counts::default() };
    check(&run, &[]);
}

#[test]
fn a_service_that_counts_otherwise_is_found_out() {
    let run = || run("d").arrived("0:sign_in 0:session");
    check(&run().whole(1, 0), &[(VerdictProblem::RecordMiscounted, 1)]);
    check(&run().whole(3, 1), &[(VerdictProblem::RecordMiscounted, 2)]);
}

#[test]
fn everything_is_counted() {
    let run = run("ddrilld").arrived("0:sign_in 0:session 1:session 1:session 1:session").unconfirmed(1);
    let run = run.letter(1, Some("1:sign_in")).letter(2, Some("1:sign_in")).letter(4, None).letter(5, None);
    let expected = Tally {
        produced: 7,
        from: [("keycloak", 7)].into(),
        delivered: 1,
        ignored: 1,
        dead_lettered: 4,
        left: 1,
        accepted: [(Realm::Shop, 5)].into(),
        by_type: [("_session.start", 4), ("_userauth.sign_in", 1)].into(),
        arrived: 3,
        duplicates: 2,
        repeated: 1,
        dead_letters: [("reason".to_owned(), 4)].into(),
        spilled: 0,
        redriven: 0,
    };
    assert_eq!(run.committed(6).judged(), Verdict { problems: BTreeMap::new(), tally: expected });
}
