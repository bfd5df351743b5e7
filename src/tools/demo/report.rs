//! The final report: the table, and the verdict in words.
//!
//! Contains only numbers, codes and our own words, and nothing from a record.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    fmt::{Display, Write as _},
    time::Duration,
};

use crate::tools::{
    demo::{
        verdict::{Circumstances, Tally, Verdict},
        words::grouped,
    },
    emulator::{Counts, Quota},
};

/// Where the third column begins, and how wide it may be.
const ABOUT: usize = 33;
const WIDTH: usize = 67;

pub(super) fn report(verdict: &Verdict, run: &Circumstances<'_>, took: Duration) -> String {
    let mut table = TextTable::default();
    table.records(&verdict.tally, run);
    table.events(&verdict.tally, run.server);
    table.requests(run.server);
    table.row("time", &format!("{:.1} s", took.as_secs_f64()), "");
    format!("\n{}\n{}", table.0, words(verdict))
}

/// Lines of a name, a number and a remark.
#[derive(Default)]
struct TextTable(String);

impl TextTable {
    fn records(&mut self, tally: &Tally, run: &Circumstances<'_>) {
        self.number("records produced", tally.produced, &listed(&tally.from));
        self.number("  delivered", tally.delivered, "all their events were accepted");
        self.number("  ignored", tally.ignored, &listed(&run.service.ignored));
        self.number("  in the dead letters", tally.dead_lettered, &listed(&tally.dead_letters));
        if tally.left > 0 {
            self.number("  left for the next run", tally.left, "after the committed positions");
        }
    }

    fn events(&mut self, tally: &Tally, server: &Counts) {
        self.number("events accepted", server.events_accepted, &listed(&server.events_by_type));
        self.number("  different events", tally.arrived, "");
        let again = tally.duplicates - tally.repeated;
        let why = [(tally.repeated, "of records that were produced twice"), (again, LOST)];
        let why = why.iter().filter(|(times, _)| *times > 0);
        let why: Vec<_> = why.map(|(times, why)| format!("{} {why}", grouped(*times))).collect();
        self.number("  duplicates", tally.duplicates, &why.join(", "));
    }

    fn requests(&mut self, server: &Counts) {
        let answers = server.answers.iter().map(|(status, times)| (format!("answered {status}"), *times));
        let closed = (server.closed > 0).then(|| ("not answered".to_owned(), server.closed));
        let answers: BTreeMap<_, _> = answers.chain(closed).collect();
        self.number("requests", server.requests, &listed(&answers));
        self.row("  events in a request", &format!("{:.1}", server.events_per_request), "of 100 at most");
        let quota = format!("the quota is {}", Quota::default().requests_per_second);
        self.number("  in the busiest second", server.max_per_second as u64, &quota);
    }

    fn number(&mut self, name: &str, number: u64, about: &str) {
        self.row(name, &grouped(number), about);
    }

    /// A line, or several if the remark does not fit into one.
    fn row(&mut self, name: &str, number: &str, about: &str) {
        let mut line = format!("{name:<23} {number:>7}  ");
        let mut width = 0;
        for part in about.split_inclusive(", ") {
            if width > 0 && width + part.trim_end().len() > WIDTH {
                self.line(&line);
                line = " ".repeat(ABOUT);
                width = 0;
            }
            line.push_str(part);
            width += part.len();
        }
        self.line(&line);
    }

    fn line(&mut self, line: &str) {
        self.0.push_str(line.trim_end());
        self.0.push('\n');
    }
}

/// Why an event arrives again although its record was produced once.
const LOST: &str = "whose acceptance the service did not learn of";

/// Names with their counts, the most frequent first.
fn listed<K: Display>(counts: &BTreeMap<K, u64>) -> String {
    let mut counts: Vec<_> = counts.iter().collect();
    counts.sort_by_key(|(_, count)| Reverse(**count));
    let counts: Vec<_> =
        counts.into_iter().map(|(name, count)| format!("{} {name}", grouped(*count))).collect();
    counts.join(", ")
}

fn words(verdict: &Verdict) -> String {
    let mut words = if verdict.problems.is_empty() { GOOD } else { "BAD:\n" }.to_owned();
    for (problem, count) in &verdict.problems {
        // Writing to a string does not fail.
        let _ = writeln!(words, "  {}", problem.sentence(*count));
    }
    words
}

const GOOD: &str = "\
GOOD: every event was accepted or is in the dead letters, with its record and the reason.
Nothing was lost, committed too early, or sent twice without a cause.
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{core::pipeline::RecordCounts, tools::demo::problem::VerdictProblem};

    /// The report of a run with these problems.
    fn reported(problems: &[(VerdictProblem, u64)], left: u64) -> String {
        let letters = ["not_json", "not_an_event", "field_not_text", "user_id_not_allowed", "event_400"];
        let tally = Tally {
            produced: 20_000,
            from: [("keycloak", 10_000), ("okta", 9_400), ("hostile", 600)].into(),
            delivered: 9_084,
            ignored: 10_330,
            dead_lettered: 586,
            left,
            arrived: 13_637,
            duplicates: 1_132,
            repeated: 47,
            dead_letters: letters.map(|reason| (reason.to_owned(), 117)).into(),
        };
        let server = Counts {
            requests: 189,
            answers: [(202, 148), (503, 36), (500, 3)].into(),
            closed: 2,
            events_accepted: 14_769,
            events_by_type: [("_session.start", 9_000), ("_userauth.sign_in", 5_769)].into(),
            events_per_request: 98.76,
            max_per_second: 15,
            ..Counts::default()
        };
        let verdict = Verdict { problems: problems.iter().copied().collect(), tally };
        let service = RecordCounts::default();
        let run = Circumstances { whole: left == 0, refusals: true, server: &server, service: &service };
        report(&verdict, &run, Duration::from_millis(23_610))
    }

    #[test]
    fn a_report_is_for_people() {
        insta::assert_snapshot!("good", reported(&[], 0));
        insta::assert_snapshot!(
            "bad",
            reported(&[(VerdictProblem::EventMissing, 2), (VerdictProblem::OverQuota, 1)], 7)
        );
    }
}
