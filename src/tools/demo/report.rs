//! The final report: the table, and the verdict in words.
//!
//! Contains only numbers, codes and our own words, and nothing from a record.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    fmt::{Display, Write as _},
    time::Duration,
};

use crate::{
    cli::DemoKind,
    tools::{
        demo::{
            generate::Realm,
            verdict::{Circumstances, Tally, Verdict},
            words::grouped,
        },
        emulator::{Counts, Quota},
    },
};

/// Where the third column begins, and how wide it may be.
const ABOUT: usize = 33;
const WIDTH: usize = 67;

pub(super) fn report(verdict: &Verdict, run: &Circumstances<'_>, took: Duration) -> String {
    let mut table = TextTable::default();
    table.records(&verdict.tally, run);
    table.events(&verdict.tally);
    table.tenant(&verdict.tally, run);
    if let Some(server) = run.server {
        table.requests(server, run.kind);
    }
    table.row("time", &format!("{:.1} s", took.as_secs_f64()), "");
    format!("\n{}\n{}", table.0, words(verdict, run))
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

    fn events(&mut self, tally: &Tally) {
        self.number("events accepted", tally.accepted.values().sum(), &listed(&tally.by_type));
        for (realm, events) in &tally.accepted {
            self.number(&format!("  at {}", realm.name()), *events, "");
        }
        self.number("  different events", tally.arrived, "");
        let again = tally.duplicates - tally.repeated;
        let why = [(tally.repeated, "of records that were produced twice"), (again, LOST)];
        let why = why.iter().filter(|(times, _)| *times > 0);
        let why: Vec<_> = why.map(|(times, why)| format!("{} {why}", grouped(*times))).collect();
        self.number("  duplicates", tally.duplicates, &why.join(", "));
    }

    fn tenant(&mut self, tally: &Tally, run: &Circumstances<'_>) {
        let tale = run.tale;
        if !tale.planned {
            return;
        }
        let name = format!("{} held", Realm::Acme.name());
        match (tale.code, tale.held) {
            (Some(code), Some(held)) => {
                let meanwhile = grouped(tale.meanwhile);
                let about = format!("{code}, {} got {meanwhile} events meanwhile", Realm::Shop.name());
                self.row(&name, &format!("{:.1} s", held.as_secs_f64()), &about);
            }
            (Some(code), None) => self.row(&name, "", &format!("{code}, until the end")),
            (None, _) => self.row(&name, "", "not at all"),
        }
        self.number("  events spilled", tally.spilled, "to the dead letters");
        let about = match tale.redrive {
            Some((letters, _)) => format!("for {} dead letters", grouped(letters)),
            None => String::new(),
        };
        self.number("  records redriven", tally.redriven, &about);
    }

    fn requests(&mut self, server: &Counts, kind: DemoKind) {
        let answers = server.answers.iter().map(|(status, times)| (format!("answered {status}"), *times));
        let closed = (server.closed > 0).then(|| ("not answered".to_owned(), server.closed));
        let answers: BTreeMap<_, _> = answers.chain(closed).collect();
        self.number("requests", server.requests, &listed(&answers));
        let most = format!("of {} at most", kind.batch());
        self.row("  events in a request", &format!("{:.1}", server.events_per_request), &most);
        let quota = Quota::default().requests_per_second;
        let quota = match (kind, server.over_quota) {
            (DemoKind::Pinpoint, 0) => format!("the quota of each account is {quota}"),
            (DemoKind::Pinpoint, over) => {
                format!("the quota of each account is {quota}, {} over it", grouped(over))
            }
            _ => String::new(),
        };
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

/// What is promised of the order, as far as it was checked.
const ORDER: &str = "\
The events of each endpoint arrived in the order of their records,
except those that were redriven or produced twice.
";

/// Names with their counts, the most frequent first.
fn listed<K: Display>(counts: &BTreeMap<K, u64>) -> String {
    let mut counts: Vec<_> = counts.iter().collect();
    counts.sort_by_key(|(_, count)| Reverse(**count));
    let counts: Vec<_> =
        counts.into_iter().map(|(name, count)| format!("{} {name}", grouped(*count))).collect();
    counts.join(", ")
}

fn words(verdict: &Verdict, run: &Circumstances<'_>) -> String {
    let mut words = if verdict.problems.is_empty() { good(run) } else { "BAD:\n".to_owned() };
    for (problem, count) in &verdict.problems {
        // Writing to a string does not fail.
        let _ = writeln!(words, "  {}", problem.sentence(*count));
    }
    words
}

/// What a good verdict says, as far as it was looked at.
fn good(run: &Circumstances<'_>) -> String {
    let mut words = "\
GOOD: every event was accepted or is in the dead letters, with its record and the reason.
Nothing was lost, committed too early, or sent twice without a cause.
"
    .to_owned();
    if run.server.is_some_and(|server| server.events_deduplicated > 0) {
        words.push_str("The destinations recognised all copies: each event was accepted once.\n");
    }
    if run.kind.keeps_order() {
        words.push_str(ORDER);
    }
    let (shop, acme) = (Realm::Shop.name(), Realm::Acme.name());
    if run.tale.held.is_some() {
        let _ = writeln!(words, "While {acme} was held, {shop} did not wait.");
    }
    if run.has_no_hold() {
        words.push_str("The role's refusal was not seen: too few records.\n");
    }
    if run.whole && run.tale.redrive.is_some() {
        let _ = writeln!(words, "What {acme} spilled was redriven once, and has arrived or was refused.");
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        core::{code::Code, pipeline::RecordCounts},
        tools::demo::{problem::VerdictProblem, tale::Tale},
    };

    /// The report of a run with these problems, of custom buses if the tenant came back, else of Pinpoint.
    fn reported(problems: &[(VerdictProblem, u64)], left: u64, tale: &Tale) -> String {
        let letters = ["not_json", "not_an_event", "field_not_text", "user_id_not_allowed", "event_400"];
        let tally = Tally {
            produced: 20_000,
            from: [("keycloak", 10_000), ("okta", 9_400), ("hostile", 600)].into(),
            delivered: 9_084,
            ignored: 10_330,
            dead_lettered: 586,
            left,
            accepted: [(Realm::Shop, 9_769), (Realm::Acme, 5_000)].into(),
            by_type: [("_session.start", 9_000), ("_userauth.sign_in", 5_769)].into(),
            arrived: 13_637,
            duplicates: 1_132,
            repeated: 47,
            dead_letters: letters.map(|reason| (reason.to_owned(), 117)).into(),
            spilled: 1_234,
            redriven: 1_003,
        };
        let server = Counts {
            requests: 189,
            answers: [(202, 148), (503, 36), (500, 3)].into(),
            closed: 2,
            events_per_request: 98.76,
            max_per_second: 15,
            over_quota: u64::from(left > 0),
            events_deduplicated: 12,
            ..Counts::default()
        };
        let verdict = Verdict { problems: problems.iter().copied().collect(), tally };
        let service = RecordCounts::default();
        let held = tale.held.is_some();
        let run = Circumstances {
            whole: left == 0,
            refusals: true,
            kind: if held { DemoKind::EventBridge } else { DemoKind::Pinpoint },
            tale,
            server: Some(&server),
            service: &service,
        };
        report(&verdict, &run, Duration::from_millis(23_610))
    }

    #[test]
    fn a_report_is_for_people() {
        let (planned, code) = (true, Some(Code("role_refused")));
        let told = Tale {
            planned,
            refused: 0..99,
            code,
            held: Some(Duration::from_millis(14_320)),
            meanwhile: 4_321,
            waited: 0,
            redrive: Some((1_234, 1_003)),
        };
        insta::assert_snapshot!("good", reported(&[], 0, &told));
        let problems = [(VerdictProblem::EventMissing, 2), (VerdictProblem::OverQuota, 9)];
        insta::assert_snapshot!("bad", reported(&problems, 7, &Tale { planned, code, ..Tale::default() }));
    }
}
