//! The schedule on a clock that the tests move.

use super::*;
use crate::core::code::Code;

const LIFE: Duration = Duration::from_hours(1);
const REFUSED: RoleFailure = RoleFailure::Refused(Code("role_refused"));
const DOWN: RoleFailure = RoleFailure::Passing(Code("sts_unreachable"));

/// A schedule, its clock, and an STS that answers at once.
struct Bench {
    schedule: Schedule,
    now: Instant,
    asked: Vec<(Duration, RoleId)>,
    began: Instant,
}

impl Bench {
    #[expect(clippy::disallowed_methods, reason = "any point in time will do")]
    fn new(roles: usize, seed: u64) -> Self {
        let now = Instant::now();
        Self { schedule: Schedule::new(roles, now, seed), now, asked: Vec::new(), began: now }
    }

    /// Asks for everything that is due until `end` (since the start). `answer` says what STS answers.
    fn live(&mut self, end: Duration, mut answer: impl FnMut(RoleId) -> Result<Duration, RoleFailure>) {
        loop {
            while let Some(role) = self.schedule.next(self.now) {
                self.asked.push((self.now - self.began, role));
                match answer(role) {
                    Ok(life) => self.schedule.granted(role, self.now, life),
                    Err(failure) => self.schedule.failed(role, self.now, failure),
                }
            }
            match self.schedule.wake().filter(|wake| *wake - self.began <= end) {
                Some(wake) => self.now = self.now.max(wake),
                None => break,
            }
        }
        self.now = self.began + end;
    }

    fn asked_for(&self, role: RoleId) -> Vec<Duration> {
        self.asked.iter().filter(|(_, asked)| *asked == role).map(|(at, _)| *at).collect()
    }
}

#[test]
fn a_role_is_renewed_at_half_of_its_life_and_twice_an_hour_at_most() {
    let mut bench = Bench::new(1000, 1);
    bench.live(Duration::from_hours(24), |_| Ok(LIFE));
    for role in 0..1000 {
        let asked = bench.asked_for(role);
        for (one, next) in asked.iter().zip(&asked[1..]) {
            let between = next.saturating_sub(*one);
            assert!(between >= LIFE / 2 && between <= LIFE / 2 + LIFE / 20, "{between:?}");
        }
        assert!(asked.len() <= 48 + 1, "{}", asked.len());
    }
}

#[test]
fn renewals_of_roles_that_were_granted_together_are_spread() {
    let mut bench = Bench::new(1000, 2);
    bench.live(Duration::from_mins(35), |_| Ok(LIFE));
    let in_minute = |minute: u64| {
        let minute = Duration::from_mins(minute)..Duration::from_mins(minute + 1);
        bench.asked.iter().filter(|(at, _)| minute.contains(at)).count()
    };
    assert_eq!((in_minute(0), in_minute(29), in_minute(33)), (1000, 0, 0));
    for minute in 30..33 {
        assert!((250..=420).contains(&in_minute(minute)), "{}", in_minute(minute));
    }
}

#[test]
fn so_many_are_asked_for_at_once_and_no_more() {
    let mut bench = Bench::new(40, 3);
    let mut asked: Vec<_> = std::iter::from_fn(|| bench.schedule.next(bench.now)).collect();
    assert_eq!((asked.len(), bench.schedule.wake()), (AT_ONCE, None));
    bench.schedule.granted(asked.remove(0), bench.now, LIFE);
    assert_eq!(bench.schedule.wake(), Some(bench.now));
    asked.extend(std::iter::from_fn(|| bench.schedule.next(bench.now)));
    assert_eq!(asked.len(), AT_ONCE);
    asked.sort_unstable();
    asked.dedup();
    assert_eq!(asked.len(), AT_ONCE, "none is asked for twice");
}

#[test]
fn a_role_that_fails_is_asked_for_again_at_a_bounded_pace_and_no_other_waits() {
    for failure in [REFUSED, DOWN, RoleFailure::Caller(Code("credentials"))] {
        let mut bench = Bench::new(2, 4);
        bench.live(Duration::from_mins(20), |role| if role == 0 { Err(failure) } else { Ok(LIFE) });
        let asked = bench.asked_for(0);
        assert!((20..=50).contains(&asked.len()), "{}", asked.len());
        let last = asked[asked.len() - 1].saturating_sub(asked[asked.len() - 2]);
        assert!(last >= WAITS.1 / 2 && last <= WAITS.1, "{last:?}");
        assert_eq!(bench.asked_for(1), [Duration::ZERO]);
    }
}

#[test]
fn after_a_failure_a_role_is_back_within_a_minute() {
    let mut bench = Bench::new(1000, 5);
    bench.live(Duration::from_mins(25), |_| Err(DOWN));
    let mut back = 0;
    bench.live(Duration::from_mins(26), |_| {
        back += 1;
        Ok(LIFE)
    });
    assert_eq!(back, 1000);
}

#[test]
fn while_sts_throttles_one_request_shows_whether_it_still_does() {
    let mut bench = Bench::new(1000, 6);
    bench.live(Duration::from_mins(10), |_| Err(RoleFailure::Throttled));
    // The waits double up to a minute: the schedule asks some twenty times, however many roles there are.
    assert!((12..=30).contains(&bench.asked.len()), "{}", bench.asked.len());
    bench.asked.clear();
    bench.live(Duration::from_mins(12), |_| Ok(LIFE));
    assert_eq!(bench.asked.len(), 1000);
}

#[test]
fn requests_that_are_throttled_together_count_once() {
    let mut bench = Bench::new(AT_ONCE, 7);
    let asked: Vec<_> = std::iter::from_fn(|| bench.schedule.next(bench.now)).collect();
    for role in asked {
        bench.schedule.failed(role, bench.now, RoleFailure::Throttled);
    }
    let wake = bench.schedule.wake().unwrap();
    assert!(wake > bench.now && wake <= bench.now + WAITS.0, "{:?}", wake - bench.now);
}

#[test]
fn refused_credentials_are_renewed_early_once_an_hour() {
    let mut bench = Bench::new(1, 8);
    for minute in 0..180 {
        bench.live(Duration::from_mins(minute), |_| Ok(LIFE));
        // Many destinations are on hold and have their probes refused.
        for _ in 0..100 {
            bench.schedule.refused(0, bench.now);
        }
    }
    let asked = bench.asked_for(0);
    assert!(asked[1] >= IN_USE && asked[1] <= IN_USE + Duration::from_mins(1), "{:?}", asked[1]);
    for hour in 0..3 {
        let hour = Duration::from_hours(hour)..Duration::from_hours(hour + 1);
        let asked = asked.iter().filter(|at| hour.contains(*at)).count();
        assert!(asked <= 3, "{asked}");
    }
}

#[test]
fn a_refusal_hastens_nothing_while_sts_gives_no_credentials() {
    let mut bench = Bench::new(1, 9);
    bench.live(Duration::from_mins(20), |_| Err(REFUSED));
    let wake = bench.schedule.wake();
    bench.schedule.refused(0, bench.now);
    assert_eq!(bench.schedule.wake(), wake);
}

#[test]
fn credentials_that_live_for_a_moment_do_not_keep_the_schedule_busy() {
    let mut bench = Bench::new(1, 10);
    bench.live(Duration::from_mins(1), |_| Ok(Duration::ZERO));
    assert!(bench.asked.len() <= 61, "{}", bench.asked.len());
}
