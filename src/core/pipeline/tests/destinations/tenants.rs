//! A hundred tenants, each with a destination and a quota domain of its own, a few of which are wrong.

use super::*;

const TENANTS: usize = 100;

/// How many records each tenant has.
const RECORDS: usize = 100;

/// The time between two records of the source.
const PACE: Duration = Duration::from_millis(4);

/// How long a tenant takes to answer that is not slow.
const ANSWER: Duration = Duration::from_millis(100);

const MAX_BYTES: usize = 256 << 10;

/// What is wrong with a tenant.
#[derive(Clone, Copy, PartialEq)]
enum Wrong {
    RoleRefused,
    StreamMissing,
    AlwaysThrottled,
    Slow,
}

/// The tenants that are wrong, in the middle of the others.
fn wrong(tenant: usize) -> Option<Wrong> {
    match tenant {
        10 => Some(Wrong::RoleRefused),
        20 => Some(Wrong::StreamMissing),
        30 => Some(Wrong::AlwaysThrottled),
        40 => Some(Wrong::Slow),
        _ => None,
    }
}

fn all_right(_: usize) -> Option<Wrong> {
    None
}

/// A source and the tenants' services, around a pipeline.
struct Town {
    bench: Bench,
    wrong: fn(usize) -> Option<Wrong>,
    /// The requests in flight, by the time of their answer.
    flights: Vec<(Moment, Request)>,
    /// How many records of each partition were read.
    read: [usize; 2],
    accepted: [usize; TENANTS],
    /// When a tenant that is not wrong last accepted anything.
    last: Moment,
    letters: Vec<(usize, &'static str)>,
    most_bytes: usize,
}

impl Town {
    fn new(wrong: fn(usize) -> Option<Wrong>) -> Self {
        let domains: Vec<_> = (0..TENANTS).collect();
        let bench = Bench::several(&domains, |plan| {
            plan.max_bytes = MAX_BYTES;
            for (_, destination) in &mut plan.destinations {
                destination.spill = Some(seconds(1));
            }
        });
        Self {
            bench,
            wrong,
            flights: Vec::new(),
            read: [0; 2],
            accepted: [0; TENANTS],
            last: Moment::START,
            letters: Vec::new(),
            most_bytes: 0,
        }
    }

    /// Lets the town live for so long. Each partition holds records of all tenants in turn, without keys.
    fn live(&mut self, time: Duration) {
        let until = self.bench.now + time;
        while self.bench.now < until {
            self.bench.pass(PACE);
            for (partition, ownership) in [A, B].into_iter().enumerate() {
                let number = self.read[partition];
                if number < TENANTS * RECORDS / 2 && !self.bench.is_paused(ownership) {
                    let endpoint = u8::try_from(number / TENANTS).unwrap();
                    self.bench.read_of(ownership, endpoint, &format!("d{}", number % TENANTS));
                    self.read[partition] += 1;
                }
            }
            self.answer();
            self.write_letters();
            self.most_bytes = self.most_bytes.max(self.bench.bytes_kept());
        }
    }

    /// Answers what has been in flight for long enough.
    fn answer(&mut self) {
        let now = self.bench.now;
        for request in std::mem::take(&mut self.bench.requests) {
            let is_slow = (self.wrong)(tenant(&request)) == Some(Wrong::Slow);
            self.flights.push((now + if is_slow { seconds(2) } else { ANSWER }, request));
        }
        let (due, later) = std::mem::take(&mut self.flights).into_iter().partition(|(at, _)| *at <= now);
        self.flights = later;
        for (_, request) in due {
            let wrong = (self.wrong)(tenant(&request));
            let answer = match wrong {
                Some(Wrong::RoleRefused) => Answer::Hold(Code("role_refused")),
                Some(Wrong::StreamMissing) => Answer::Hold(Code("ResourceNotFoundException")),
                Some(Wrong::AlwaysThrottled) => Answer::Throttled { retry_after: None },
                Some(Wrong::Slow) | None => accept(&request),
            };
            if matches!(answer, Answer::Results { .. }) {
                self.accepted[tenant(&request)] += ids(&request).len();
                self.last = if wrong.is_none() { now } else { self.last };
            }
            self.bench.finish(&request, answer);
        }
    }

    fn write_letters(&mut self) {
        for letter in &self.bench.letters {
            let (_, client) = letter.selection.events[0].split_once(":d").expect("an id");
            self.letters.push((client.parse().expect("a number"), letter.refusal.code.0));
        }
        self.bench.write_letters(WriteOutcome::Written);
    }

    fn is_served(&self, tenant: usize) -> bool {
        self.accepted[tenant] == RECORDS
    }
}

fn tenant(request: &Request) -> usize {
    usize::from(request.destination.0)
}

#[test]
fn invariant_7_tenants_that_are_wrong_or_slow_do_not_slow_the_others() {
    let mut alone = Town::new(all_right);
    alone.live(seconds(60));
    assert!((0..TENANTS).all(|tenant| alone.is_served(tenant)));

    let mut town = Town::new(wrong);
    town.live(seconds(60));
    for tenant in (0..TENANTS).filter(|tenant| wrong(*tenant).is_none()) {
        assert!(town.is_served(tenant), "{tenant}: {}", town.accepted[tenant]);
    }
    assert!(town.is_served(40), "the slow one gets everything, too");
    // Until the spill begins, partitions may wait.
    let (with, without) = (town.last.elapsed(), alone.last.elapsed());
    assert!(with <= without.mul_f64(1.1), "{with:?} instead of {without:?}");
    assert!(town.most_bytes <= MAX_BYTES, "{}", town.most_bytes);
    assert_eq!((town.accepted[10], town.accepted[20], town.accepted[30]), (0, 0, 0));
    let spilled = |tenant| town.letters.iter().filter(|letter| **letter == (tenant, "spilled")).count();
    // One event stays behind as the probe.
    assert_eq!((spilled(10), spilled(20)), (RECORDS - 1, RECORDS - 1));
    assert!(town.letters.iter().all(|(tenant, _)| wrong(*tenant).is_some()), "{:?}", town.letters);

    town.wrong = all_right;
    town.live(seconds(60));
    assert_eq!((town.bench.outstanding(), town.bench.bytes_kept(), town.bench.holds()), (0, 0, vec![]));
    for tenant in 0..TENANTS {
        let spilled = town.letters.iter().filter(|(one, _)| *one == tenant).count();
        assert_eq!(town.accepted[tenant] + spilled, RECORDS, "{tenant}: nothing is lost");
    }
}
