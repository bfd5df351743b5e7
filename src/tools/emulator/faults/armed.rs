//! Faults in effect, drawn from a seeded generator.
//!
//! Knows nothing of HTTP and of the rules. The same seed and the same calls in the same order give the same
//! faults.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use fastrand::Rng;

use super::{Effect, Faults, How};
use crate::core::time::Moment;

/// What happens to a request before it is read.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::tools::emulator) enum Before {
    Outage(How),
    Throttled,
    Failed(u16),
}

/// What happens to the answer to a request that was served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::tools::emulator) enum After {
    Closed,
    Failed,
    Broken,
    Empty,
}

/// What happens to an endpoint or an event that breaks no rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::tools::emulator) enum Fate {
    Refused,
    Throttled,
    Failed,
    MissingTaken,
    MissingLost,
}

pub(in crate::tools::emulator) struct Armed {
    pub(in crate::tools::emulator) faults: Faults,
    since: Moment,
    seed: u64,
    rng: Rng,
}

/// What a call is, for the choice of its faults.
#[derive(Clone, Copy, Debug)]
pub(in crate::tools::emulator) struct Scope<'a> {
    pub(in crate::tools::emulator) service: &'static str,
    pub(in crate::tools::emulator) operation: &'static str,
    pub(in crate::tools::emulator) destination: &'a str,
}

/// The faults of one call.
pub(in crate::tools::emulator) struct InEffect<'a> {
    pub(in crate::tools::emulator) faults: &'a Faults,
    since: Moment,
    seed: u64,
    rng: &'a mut Rng,
}

impl Armed {
    pub(in crate::tools::emulator) fn new(faults: Faults, seed: u64, now: Moment) -> Self {
        Self { faults, since: now, seed, rng: Rng::with_seed(seed) }
    }

    /// Changes the faults; the generator goes on.
    pub(in crate::tools::emulator) fn change(&mut self, faults: Faults, now: Moment) {
        (self.faults, self.since) = (faults, now);
    }

    /// The faults of a call.
    pub(in crate::tools::emulator) fn of(&mut self, call: Scope<'_>) -> InEffect<'_> {
        let fits = |wanted: &Option<String>, name: &str| wanted.as_ref().is_none_or(|wanted| wanted == name);
        let mut only = self.faults.only.iter();
        let only = only.find(|only| {
            fits(&only.service, call.service)
                && fits(&only.operation, call.operation)
                && fits(&only.destination, call.destination)
        });
        let faults = only.map_or(&self.faults, |only| &only.faults);
        InEffect { faults, since: self.since, seed: self.seed, rng: &mut self.rng }
    }
}

impl InEffect<'_> {
    pub(in crate::tools::emulator) fn latency(&mut self) -> Duration {
        let jitter = self.faults.latency_jitter.map_or(Duration::ZERO, |jitter| jitter.0);
        let fixed = self.faults.latency.map_or(Duration::ZERO, |latency| latency.0);
        if jitter.is_zero() { fixed } else { fixed + jitter.mul_f64(self.rng.f64()) }
    }

    pub(in crate::tools::emulator) fn before(&mut self, now: Moment) -> Option<Before> {
        if let Some(outage) = &self.faults.outage
            && outage.lasts.is_none_or(|lasts| now.since(self.since) < lasts.0)
        {
            return Some(Before::Outage(outage.how.clone()));
        }
        if self.draw(self.faults.throttled) {
            return Some(Before::Throttled);
        }
        self.draw(self.faults.failed).then(|| Before::Failed(if self.rng.bool() { 500 } else { 503 }))
    }

    pub(in crate::tools::emulator) fn after(&mut self) -> Option<After> {
        if self.draw(self.faults.answer_lost) {
            return Some(if self.rng.bool() { After::Closed } else { After::Failed });
        }
        if self.draw(self.faults.answer_broken) {
            return Some(After::Broken);
        }
        self.draw(self.faults.answer_empty).then_some(After::Empty)
    }

    /// The HTTP status of the answer, if something in the call makes all of it fail. `contains` says whether
    /// a text is in the call.
    pub(in crate::tools::emulator) fn call(&self, contains: impl Fn(&str) -> bool) -> Option<u16> {
        self.faults.matching.iter().find_map(|rule| {
            let status = match rule.effect {
                Effect::RefuseCall => 400,
                Effect::FailCall => 500,
                Effect::AnswerCall(status) => status,
                _ => return None,
            };
            contains(&rule.text).then_some(status)
        })
    }

    /// The fate of an endpoint, which is never refused if it is empty.
    pub(in crate::tools::emulator) fn endpoint(
        &mut self,
        empty: bool,
        contains: impl Fn(&str) -> bool,
    ) -> Option<Fate> {
        let mut matching = self.faults.matching.iter().filter(|_| !empty);
        let refused = matching.any(|rule| rule.effect == Effect::RefuseEndpoint && contains(&rule.text));
        if refused { Some(Fate::Refused) } else { self.missing(self.faults.endpoints_missing) }
    }

    /// The fate of an event, which is refused by its `identity`.
    pub(in crate::tools::emulator) fn event(
        &mut self,
        identity: impl Hash,
        contains: impl Fn(&str) -> bool,
    ) -> Option<Fate> {
        let of = |effect: Effect| match effect {
            Effect::RefuseEvent => Some(Fate::Refused),
            Effect::FailEvent => Some(Fate::Failed),
            Effect::ThrottleEvent => Some(Fate::Throttled),
            Effect::OmitEvent => Some(Fate::MissingLost),
            Effect::RefuseCall | Effect::FailCall | Effect::AnswerCall(_) | Effect::RefuseEndpoint => None,
        };
        let mut matching = self.faults.matching.iter().filter(|rule| contains(&rule.text));
        if let Some(fate) = matching.find_map(|rule| of(rule.effect)) {
            return Some(fate);
        }
        if self.refuses(identity) {
            return Some(Fate::Refused);
        }
        if self.draw(self.faults.events_throttled) {
            return Some(Fate::Throttled);
        }
        if self.draw(self.faults.events_failed) {
            return Some(Fate::Failed);
        }
        self.missing(self.faults.events_missing)
    }

    /// Whether the call of an event is to be refused, by a service that refuses no single event.
    pub(in crate::tools::emulator) fn event_spoils_call(
        &self,
        identity: impl Hash,
        contains: impl Fn(&str) -> bool,
    ) -> bool {
        let mut matching = self.faults.matching.iter();
        matching.any(|rule| rule.effect == Effect::RefuseEvent && contains(&rule.text))
            || self.refuses(identity)
    }

    fn refuses(&self, identity: impl Hash) -> bool {
        self.faults.events_refused > 0.0 && self.share_of(identity) < self.faults.events_refused
    }

    fn missing(&mut self, share: f64) -> Option<Fate> {
        self.draw(share).then(|| if self.rng.bool() { Fate::MissingTaken } else { Fate::MissingLost })
    }

    /// A fault that is off draws no number, so that it does not change what others draw.
    fn draw(&mut self, share: f64) -> bool {
        share > 0.0 && self.rng.f64() < share
    }

    /// A number from 0 to 1 that is always the same for the same event.
    fn share_of(&self, identity: impl Hash) -> f64 {
        let mut hasher = DefaultHasher::new();
        (self.seed, identity).hash(&mut hasher);
        Rng::with_seed(hasher.finish()).f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::emulator::faults::{Matching, Only, Outage};

    const CALL: Scope<'_> = Scope { service: "kinesis", operation: "PutRecords", destination: "stream" };

    fn armed(faults: Faults) -> Armed {
        Armed::new(faults, 7, Moment::START)
    }

    fn fate(armed: &mut Armed, id: &str) -> Option<Fate> {
        armed.of(CALL).event(("e", id), |_| false)
    }

    #[test]
    fn nothing_goes_wrong_by_default() {
        let mut armed = armed(Faults::default());
        assert_eq!(armed.of(CALL).latency(), Duration::ZERO);
        assert_eq!(armed.of(CALL).before(Moment::START), None);
        assert_eq!(armed.of(CALL).after(), None);
        assert_eq!(armed.of(CALL).endpoint(true, |_| true), None);
        assert_eq!(fate(&mut armed, "1"), None);
    }

    #[test]
    fn an_outage_ends_when_its_time_is_over() {
        let outage = Outage::unavailable().lasting(Duration::from_secs(5));
        let mut armed = armed(Faults { outage: Some(outage), throttled: 1.0, ..Faults::default() });
        let mut at = |seconds| armed.of(CALL).before(Moment::after_start(Duration::from_secs(seconds)));
        assert_eq!(at(4), Some(Before::Outage(How::Answer { status: 503, code: None })));
        assert_eq!(at(5), Some(Before::Throttled));
    }

    #[test]
    fn shares_are_kept_and_seeded() {
        let faults = Faults { events_throttled: 0.25, ..Faults::default() };
        let throttled = |seed| {
            let mut armed = Armed::new(faults.clone(), seed, Moment::START);
            (0..1000).filter(|_| fate(&mut armed, "1").is_some()).collect::<Vec<_>>()
        };
        assert!((200..300).contains(&throttled(1).len()), "{}", throttled(1).len());
        assert_eq!(throttled(1), throttled(1));
        assert_ne!(throttled(1), throttled(2));
    }

    #[test]
    fn a_refused_event_is_refused_each_time() {
        let mut armed = armed(Faults { events_refused: 0.5, ..Faults::default() });
        let mut refused =
            || (0..1000).filter(|id| fate(&mut armed, &id.to_string()).is_some()).collect::<Vec<_>>();
        let first = refused();
        assert!((400..600).contains(&first.len()), "{}", first.len());
        assert_eq!(first, refused());
        let spoils = |id: &u32| armed.of(CALL).event_spoils_call(("e", &*id.to_string()), |_| false);
        assert_eq!((0..1000).filter(spoils).collect::<Vec<_>>(), first);
    }

    #[track_caller]
    fn check_matching(effect: Effect, call: Option<u16>, endpoint: Option<Fate>, event: Option<Fate>) {
        for (text, found) in [("text", true), ("other", false)] {
            let matching = vec![Matching { text: text.to_owned(), effect }];
            let mut armed = armed(Faults { matching, ..Faults::default() });
            let contains = |text: &str| text == "text";
            let mut of = armed.of(CALL);
            assert_eq!(of.call(contains), call.filter(|_| found));
            assert_eq!(of.endpoint(false, contains), endpoint.filter(|_| found));
            assert_eq!(of.endpoint(true, contains), None);
            assert_eq!(of.event("1", contains), event.filter(|_| found));
            let spoils = found && event == Some(Fate::Refused);
            assert_eq!(of.event_spoils_call("1", contains), spoils);
        }
    }

    #[test]
    fn a_matching_text_has_its_effect() {
        check_matching(Effect::RefuseCall, Some(400), None, None);
        check_matching(Effect::FailCall, Some(500), None, None);
        check_matching(Effect::AnswerCall(451), Some(451), None, None);
        check_matching(Effect::RefuseEndpoint, None, Some(Fate::Refused), None);
        check_matching(Effect::RefuseEvent, None, None, Some(Fate::Refused));
        check_matching(Effect::FailEvent, None, None, Some(Fate::Failed));
        check_matching(Effect::ThrottleEvent, None, None, Some(Fate::Throttled));
        check_matching(Effect::OmitEvent, None, None, Some(Fate::MissingLost));
    }

    #[test]
    fn faults_can_be_those_of_some_calls_only() {
        let only = |service: Option<&str>, operation: Option<&str>, destination: Option<&str>, throttled| {
            let [service, operation, destination] =
                [service, operation, destination].map(|name| name.map(str::to_owned));
            Only { service, operation, destination, faults: Faults { throttled, ..Faults::default() } }
        };
        let mut armed = armed(Faults {
            throttled: 0.1,
            only: vec![
                only(Some("kinesis"), Some("PutRecords"), Some("b"), 0.2),
                only(Some("kinesis"), None, None, 0.3),
                only(None, None, Some("b"), 0.4),
            ],
            ..Faults::default()
        });
        let mut check = |service, operation, destination, expected: f64| {
            let throttled = armed.of(Scope { service, operation, destination }).faults.throttled;
            assert!((throttled - expected).abs() < f64::EPSILON, "{service} {operation} {destination}");
        };
        check("kinesis", "PutRecords", "b", 0.2);
        check("kinesis", "PutRecords", "a", 0.3);
        check("kinesis", "DescribeStreamSummary", "b", 0.3);
        check("firehose", "PutRecordBatch", "b", 0.4);
        check("firehose", "PutRecordBatch", "a", 0.1);
    }
}
