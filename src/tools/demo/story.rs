//! The tenant's story: its role is refused, its destination is held and spills, the role is granted again, the
//! destination comes back, and what spilled is redriven.
//!
//! Pure: it sees what an observer sees, and says what happens next. It decides nothing about the service: when a
//! destination is held, spills and comes back is the service's business.

use std::time::Duration;

use crate::{
    core::{code::Code, time::Moment},
    tools::demo::trouble::Role,
};

/// The share of settled records at which the role is refused.
const FROM: f64 = 0.45;
/// How long events spill at least before the role is granted again.
const SPILLS: Duration = Duration::from_secs(1);
/// How long the role is refused at most while nothing new is seen.
const LONGEST: Duration = Duration::from_secs(20);
/// How long no event may have spilled before the redrive begins, so that it finds all dead letters.
const CALM: Duration = Duration::from_secs(1);
/// The time over which the second half of the records is produced while the role is refused.
const SPREAD: Duration = Duration::from_secs(10);
/// How many records may be produced in a second of it: the embedded broker keeps few dead letters.
const PACE: f64 = 1000.0;

pub(super) struct Story {
    act: Act,
    /// Why its destination is held, and since when. A hold that ends before anything spills had another cause.
    held: Option<(Code, Moment)>,
    back: Option<Moment>,
    /// How many events have spilled, and since when that is so.
    spilled: (usize, Moment),
    /// When the first event spilled.
    spills: Option<Moment>,
    /// How many events of the others waited, and since when that is so.
    waiting: (usize, Moment),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    /// The role is granted.
    Well,
    Refused {
        since: Moment,
    },
    /// The role is granted again.
    Granted,
    Redriving,
    Over,
}

/// What is seen at a moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// The share of settled records, from 0 to 1.
    pub(super) settled: f64,
    /// Whether something goes wrong at both destinations.
    pub(super) scene: bool,
    /// Why the tenant's destination is held, if it is.
    pub(super) held: Option<Code>,
    /// How many of the tenant's events have spilled.
    pub(super) spilled: usize,
    /// How many events of the others have not arrived that were on their way when the tenant was held, or began to spill.
    pub(super) waiting: usize,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Refused,
    Held(Code),
    Spills,
    Granted,
    Back { after: Duration },
    Redrive,
}

impl Story {
    pub(super) fn new(planned: bool) -> Self {
        let act = if planned { Act::Well } else { Act::Over };
        let none = (0, Moment::START);
        Self { act, held: None, back: None, spilled: none, spills: None, waiting: none }
    }

    pub(super) fn is_over(&self) -> bool {
        self.act == Act::Over
    }

    /// Why its destination is held, or was at the end.
    pub(super) fn code(&self) -> Option<Code> {
        self.held.map(|(code, _)| code)
    }

    /// What becomes of requests for the role.
    pub(super) fn role(&self) -> Role {
        match self.act {
            Act::Well => Role::GrantedBriefly,
            Act::Refused { .. } => Role::Refused,
            Act::Granted | Act::Redriving | Act::Over => Role::Granted,
        }
    }

    /// How many of all `records` may have been produced by now: there must be some left for each act.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "numbers of records are far below 2^52"
    )]
    pub(super) fn allows(&self, now: Moment, records: u64) -> u64 {
        let first = records.div_ceil(2);
        match self.act {
            Act::Well => first,
            Act::Refused { since } => {
                let pace = ((records - first) as f64 / SPREAD.as_secs_f64()).min(PACE);
                records.min(first + (pace * now.since(since).as_secs_f64()) as u64)
            }
            Act::Granted | Act::Redriving | Act::Over => records,
        }
    }

    /// What happens now, in this order.
    pub(super) fn next(&mut self, now: Moment, seen: &Seen) -> Vec<Turn> {
        match self.act {
            Act::Well if seen.settled >= FROM && !seen.scene => {
                self.act = Act::Refused { since: now };
                self.spilled = (seen.spilled, now);
                vec![Turn::Refused]
            }
            Act::Refused { since } => {
                let mut turns = Vec::from_iter(self.hold(now, seen.held));
                turns.extend(self.look(now, seen));
                if self.has_shown_enough(now, since, seen) {
                    self.act = Act::Granted;
                    turns.push(Turn::Granted);
                }
                turns
            }
            Act::Granted => {
                let mut turns = self.look(now, seen);
                if seen.held.is_none() {
                    turns.extend(self.after_the_hold(now));
                }
                turns
            }
            Act::Well | Act::Redriving | Act::Over => Vec::new(),
        }
    }

    /// Sees whether the destination is held.
    fn hold(&mut self, now: Moment, seen: Option<Code>) -> Option<Turn> {
        let Some(code) = seen else {
            self.held = self.held.filter(|_| self.spills.is_some());
            return None;
        };
        let turn = self.held.is_none().then_some(Turn::Held(code));
        let since = self.held.map_or(now, |(_, since)| since);
        self.held = Some((code, since));
        turn
    }

    /// Sees whether the destination spills, and whether others wait.
    fn look(&mut self, now: Moment, seen: &Seen) -> Vec<Turn> {
        let mut turns = Vec::new();
        if seen.spilled > self.spilled.0 {
            if self.spills.is_none() {
                self.spills = Some(now);
                turns.push(Turn::Spills);
            }
            self.spilled = (seen.spilled, now);
        }
        if seen.waiting != self.waiting.0 {
            self.waiting = (seen.waiting, now);
        }
        turns
    }

    /// Says that the redrive is done.
    pub(super) fn redriven(&mut self) {
        self.act = Act::Over;
    }

    fn has_shown_enough(&self, now: Moment, since: Moment, seen: &Seen) -> bool {
        let spilled = self.spills.is_some_and(|first| now.since(first) >= SPILLS);
        let last = since.max(self.held.map_or(since, |(_, held)| held)).max(self.waiting.1);
        (spilled && seen.waiting == 0) || now.since(last) >= LONGEST
    }

    fn after_the_hold(&mut self, now: Moment) -> Option<Turn> {
        if let (Some((_, held)), None) = (self.held, self.back) {
            self.back = Some(now);
            return Some(Turn::Back { after: now.since(held) });
        }
        let last = self.back.unwrap_or(Moment::START).max(self.spilled.1);
        if now.since(last) < CALM {
            return None;
        }
        let spilled = self.spilled.0 > 0;
        self.act = if spilled { Act::Redriving } else { Act::Over };
        spilled.then_some(Turn::Redrive)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment::after_start(Duration::from_secs(seconds))
    }

    const WELL: Seen = Seen { settled: 0.5, scene: false, held: None, spilled: 0, waiting: 0 };
    const HELD: Seen = Seen { held: Some(Code("role_refused")), ..WELL };

    /// A story up to the refusal, at second 10.
    fn refused() -> Story {
        let mut story = Story::new(true);
        assert_eq!(story.next(at(1), &Seen { settled: 0.4, ..WELL }), []);
        assert_eq!(story.next(at(2), &Seen { scene: true, ..WELL }), []);
        assert_eq!(story.role(), Role::GrantedBriefly);
        assert_eq!(story.next(at(10), &WELL), [Turn::Refused]);
        assert_eq!(story.role(), Role::Refused);
        story
    }

    #[test]
    fn a_tenant_is_refused_held_spills_comes_back_and_is_redriven() {
        let mut story = refused();
        assert_eq!(story.next(at(13), &WELL), []);
        assert_eq!(story.next(at(14), &HELD), [Turn::Held(Code("role_refused"))]);
        assert_eq!(story.next(at(17), &Seen { spilled: 1, ..HELD }), [Turn::Spills]);
        assert_eq!(story.next(at(17), &Seen { spilled: 2, ..HELD }), []);
        assert_eq!(story.next(at(18), &Seen { spilled: 2, waiting: 1, ..HELD }), []);
        assert_eq!(story.next(at(19), &Seen { spilled: 3, ..HELD }), [Turn::Granted]);
        assert_eq!(story.role(), Role::Granted);
        assert_eq!(story.next(at(25), &Seen { spilled: 4, ..HELD }), []);
        let back = Seen { spilled: 4, ..WELL };
        assert_eq!(story.next(at(30), &back), [Turn::Back { after: Duration::from_secs(16) }]);
        assert_eq!(story.next(at(30), &back), []);
        assert_eq!(story.next(at(31), &Seen { spilled: 5, ..back }), []);
        assert_eq!(story.next(at(31), &Seen { spilled: 5, ..back }), []);
        assert_eq!(story.next(at(32), &Seen { spilled: 5, ..back }), [Turn::Redrive]);
        assert_eq!(story.next(at(33), &Seen { spilled: 5, ..back }), []);
        assert!(!story.is_over());
        story.redriven();
        assert!(story.is_over());
    }

    #[test]
    fn a_hold_before_the_refusal_is_not_the_storys() {
        let mut story = Story::new(true);
        assert_eq!(story.next(at(1), &Seen { settled: 0.4, spilled: 3, ..HELD }), []);
        assert_eq!(story.next(at(2), &Seen { spilled: 3, ..WELL }), [Turn::Refused]);
        assert_eq!(story.next(at(3), &Seen { spilled: 3, ..HELD }), [Turn::Held(Code("role_refused"))]);
        assert_eq!(story.next(at(4), &Seen { spilled: 4, ..HELD }), [Turn::Spills]);
    }

    #[test]
    fn a_hold_that_ends_before_anything_spills_is_not_the_storys() {
        let mut story = refused();
        let other = Seen { held: Some(Code("unreachable")), ..WELL };
        assert_eq!(story.next(at(11), &other), [Turn::Held(Code("unreachable"))]);
        assert_eq!(story.next(at(12), &WELL), []);
        assert_eq!(story.code(), None);
        assert_eq!(story.next(at(13), &other), [Turn::Held(Code("unreachable"))]);
        assert_eq!(story.next(at(14), &HELD), []);
        assert_eq!(story.code(), HELD.held);
        assert_eq!(story.next(at(16), &Seen { spilled: 1, ..HELD }), [Turn::Spills]);
        assert_eq!(story.next(at(17), &Seen { spilled: 1, ..HELD }), [Turn::Granted]);
        let back = Seen { spilled: 1, ..WELL };
        assert_eq!(story.next(at(20), &back), [Turn::Back { after: Duration::from_secs(7) }]);
        assert_eq!(story.code(), HELD.held);
    }

    #[test]
    fn a_story_in_which_nothing_happens_ends() {
        let mut story = refused();
        assert_eq!(story.next(at(29), &WELL), []);
        assert_eq!(story.next(at(30), &WELL), [Turn::Granted]);
        assert_eq!(story.next(at(31), &WELL), []);
        assert!(story.is_over());
        assert!(Story::new(false).is_over());
    }

    #[test]
    fn others_that_wait_do_not_keep_the_role_refused_for_ever() {
        let mut story = refused();
        let waiting = Seen { spilled: 1, waiting: 1, ..HELD };
        assert_eq!(story.next(at(14), &waiting), [Turn::Held(Code("role_refused")), Turn::Spills]);
        assert_eq!(story.next(at(30), &Seen { waiting: 2, ..waiting }), []);
        assert_eq!(story.next(at(40), &waiting), []);
        assert_eq!(story.next(at(59), &Seen { spilled: 2, ..waiting }), []);
        assert_eq!(story.next(at(60), &waiting), [Turn::Granted]);
    }

    #[test]
    fn records_are_left_for_each_act() {
        let mut story = Story::new(true);
        assert_eq!((story.allows(at(9), 301), story.allows(at(9), 20_000)), (151, 10_000));
        story.next(at(10), &WELL);
        assert_eq!((story.allows(at(12), 301), story.allows(at(30), 301)), (181, 301));
        assert_eq!(story.allows(at(12), 1_000_000), 502_000);
        story.redriven();
        assert_eq!(story.allows(at(12), 301), 301);
        assert_eq!(Story::new(false).allows(at(0), 301), 301);
    }
}
