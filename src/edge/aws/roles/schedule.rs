//! When each role is asked for, and how many at a time.
//!
//! Pure: the time is an argument, and the random numbers come from a seeded generator. Knows nothing of STS
//! and credentials. What always holds: a role is asked for at most once at a time and no more than
//! [`AT_ONCE`] roles are; a role that is granted is renewed at half of its life or later, so at most twice in
//! an hour, and once more in an hour in which its credentials are refused.

use std::{collections::BTreeSet, time::Duration};

use fastrand::Rng;
use tokio::time::Instant;

use super::code::RoleFailure;
use crate::core::backoff::Backoff;

/// How many roles are asked for at once.
pub(super) const AT_ONCE: usize = 8;

/// The index of a role.
pub(super) type RoleId = usize;

/// The part of a life by which renewals are spread, so that roles which were granted together are not
/// renewed together.
const SPREAD: f64 = 0.05;

/// The first and the longest wait after a failure.
const WAITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));

/// How long credentials must be in use before their refusal is a reason to renew them: a refusal of newer
/// ones has another cause.
const IN_USE: Duration = Duration::from_mins(10);

/// The time between two renewals of a role because its credentials were refused.
const BETWEEN_REFUSALS: Duration = Duration::from_hours(1);

pub(super) struct Schedule {
    turns: Vec<Turn>,
    /// The roles that wait, by the time when they are due.
    due: BTreeSet<(Instant, RoleId)>,
    asked: usize,
    /// How often in succession STS has throttled.
    throttled: u32,
    /// No role is asked for before this time, because STS throttles.
    resumes: Instant,
    backoff: Backoff,
    rng: Rng,
}

/// One role.
struct Turn {
    /// When it is due; `None` while it is asked for.
    due: Option<Instant>,
    failures: u32,
    /// When a refusal of its credentials is next a reason to renew them.
    renewable: Instant,
}

impl Schedule {
    /// All of so many roles are due now.
    pub(super) fn new(roles: usize, now: Instant, seed: u64) -> Self {
        let turn = |_| Turn { due: Some(now), failures: 0, renewable: now + IN_USE };
        Self {
            turns: (0..roles).map(turn).collect(),
            due: (0..roles).map(|role| (now, role)).collect(),
            asked: 0,
            throttled: 0,
            resumes: now,
            backoff: Backoff::new(WAITS.0, WAITS.1),
            rng: Rng::with_seed(seed),
        }
    }

    /// The next role to be asked for now.
    pub(super) fn next(&mut self, now: Instant) -> Option<RoleId> {
        if self.wake()? > now {
            return None;
        }
        let (_, role) = self.due.pop_first()?;
        self.turns[role].due = None;
        self.asked += 1;
        Some(role)
    }

    /// When [`Schedule::next`] will have a role; `None` if an answer must come first.
    pub(super) fn wake(&self) -> Option<Instant> {
        // While STS throttles, one request shows whether it still does.
        let most = if self.throttled > 0 { 1 } else { AT_ONCE };
        let (due, _) = self.due.first().filter(|_| self.asked < most)?;
        Some((*due).max(self.resumes))
    }

    /// The role was granted for so long.
    pub(super) fn granted(&mut self, role: RoleId, now: Instant, life: Duration) {
        self.throttled = 0;
        let turn = &mut self.turns[role];
        turn.failures = 0;
        turn.renewable = turn.renewable.max(now + IN_USE);
        let spread = life.mul_f64(SPREAD * self.rng.f64());
        self.put_back(role, now + (life / 2 + spread).max(WAITS.0));
    }

    /// The role was not granted.
    pub(super) fn failed(&mut self, role: RoleId, now: Instant, failure: RoleFailure) {
        // The second half of the wait is random: the first one keeps the pace.
        let jitter = 0.5 + self.rng.f64() / 2.0;
        if failure == RoleFailure::Throttled {
            // Requests that were in flight together are throttled together.
            if now >= self.resumes {
                self.throttled += 1;
                self.resumes = now + self.backoff.wait(self.throttled, jitter);
            }
            return self.put_back(role, self.resumes);
        }
        self.throttled = 0;
        let turn = &mut self.turns[role];
        turn.failures += 1;
        let wait = self.backoff.wait(turn.failures, jitter);
        self.put_back(role, now + wait);
    }

    /// A service refused the role's credentials. They are renewed at once, if that may help.
    pub(super) fn refused(&mut self, role: RoleId, now: Instant) {
        let turn = &mut self.turns[role];
        let Some(due) = turn.due.filter(|due| *due > now && turn.renewable <= now && turn.failures == 0)
        else {
            return;
        };
        turn.renewable = now + BETWEEN_REFUSALS;
        turn.due = Some(now);
        self.due.remove(&(due, role));
        self.due.insert((now, role));
    }

    fn put_back(&mut self, role: RoleId, due: Instant) {
        self.asked -= 1;
        self.turns[role].due = Some(due);
        self.due.insert((due, role));
    }
}

#[cfg(test)]
mod tests;
