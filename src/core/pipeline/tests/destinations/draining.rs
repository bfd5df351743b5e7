//! How much destinations keep that share a quota: no more than drains in time when partitions are revoked.

use super::*;

/// A pipeline with these destinations in one domain of 15 requests per second, with room for any backlog.
fn domain(destinations: usize, caps: &[(usize, f64)]) -> Bench {
    Bench::several(&vec![0; destinations], |plan| {
        plan.max_bytes = usize::MAX;
        for (destination, requests_per_second) in caps {
            let cap = QuotaConfig { requests_per_second: *requests_per_second, ..QuotaConfig::default() };
            plan.destinations[*destination].1.cap = Some(cap);
        }
    })
}

impl Bench {
    /// Reads an endless backlog of these destinations from partition `A` for so long, and `also` before each step.
    fn catch_up(&mut self, time: Duration, destinations: usize, mut also: impl FnMut(&mut Self)) {
        let until = self.now + time;
        let mut number = 0;
        while self.now < until {
            also(self);
            for _ in 0..1000 {
                if self.is_paused(A) {
                    break;
                }
                let endpoint = u8::try_from(number / destinations % 200).expect("small");
                self.read_of(A, endpoint, &format!("d{}", number % destinations));
                number += 1;
            }
            self.answer_for(Duration::from_millis(50), all_well);
        }
    }

    /// Revokes partition `A`, and checks that everything of it is settled before the timeout.
    #[track_caller]
    fn check_drained(&mut self) {
        self.handle(Input::Revoking(vec![A]));
        self.answer_for(Duration::from_millis(9_990), all_well);
        assert_eq!(self.released, [(A, Some(self.next_offset))], "{} are left", self.outstanding());
        assert_eq!(self.pipeline.snapshot().records.released, 0);
    }
}

#[test]
fn a_capped_destination_with_a_backlog_drains_before_the_revocation_times_out() {
    for cap in [1.0, 2.0, 14.0, 100.0] {
        let mut bench = domain(2, &[(0, cap)]);
        bench.catch_up(seconds(20), 1, |_| {});
        bench.check_drained();
    }
}

#[test]
fn destinations_of_a_domain_with_a_backlog_drain_before_the_revocation_times_out() {
    for destinations in [2, 5, 50] {
        let mut bench = domain(destinations, &[]);
        bench.catch_up(seconds(20), destinations, |_| {});
        bench.check_drained();
    }
}

#[test]
fn destinations_with_a_backlog_use_the_whole_quota_of_their_domain() {
    for busy in [1, 2, 20] {
        let mut bench = domain(20, &[]);
        bench.catch_up(seconds(20), busy, |_| {});
        let accepted: u64 = bench.pipeline.snapshot().sends.accepted.iter().sum();
        assert!(accepted > 18 * 15 * 100, "{accepted} of {busy}");
    }
}

#[test]
fn a_destination_is_not_held_up_by_the_backlog_of_another_in_its_domain() {
    let mut bench = domain(2, &[]);
    let mut steps = 0;
    bench.catch_up(seconds(20), 1, |bench| {
        assert!(!bench.is_paused(B), "after {steps} steps");
        bench.read_of(B, 0, "d1");
        steps += 1;
    });
    let snapshot = bench.pipeline.snapshot();
    assert!(snapshot.destinations[1].events <= 50, "{}", snapshot.destinations[1].events);
}

#[test]
fn what_a_held_destination_keeps_takes_nothing_from_others_of_its_domain() {
    let mut bench = domain(2, &[]);
    while !bench.is_paused(A) {
        bench.read_of(A, 0, "d0");
        bench.answer_for(Duration::from_micros(100), first_held);
    }
    let before = bench.outstanding();
    assert!(before > 7000, "{before}");
    for batch in 0..40 {
        for endpoint in 0..120 {
            bench.read_of(B, endpoint, "d1");
        }
        assert!(!bench.is_paused(B), "in batch {batch}");
        bench.answer_for(Duration::from_millis(200), first_held);
    }
    assert_eq!(bench.outstanding(), before);
}
