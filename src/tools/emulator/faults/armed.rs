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
use crate::{
    core::time::Moment,
    tools::emulator::wire::{Endpoint, Entries, Event},
};

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

impl Armed {
    pub(in crate::tools::emulator) fn new(faults: Faults, seed: u64, now: Moment) -> Self {
        Self { faults, since: now, seed, rng: Rng::with_seed(seed) }
    }

    /// Changes the faults; the generator goes on.
    pub(in crate::tools::emulator) fn change(&mut self, faults: Faults, now: Moment) {
        (self.faults, self.since) = (faults, now);
    }

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

    /// The HTTP status of the answer, if something in the call makes all of it fail.
    pub(in crate::tools::emulator) fn call(
        &self,
        endpoint_id: &str,
        endpoint: &Endpoint<'_>,
        events: &Entries<'_, Event<'_>>,
    ) -> Option<u16> {
        let of = |effect: Effect| match effect {
            Effect::RefuseCall => Some(400),
            Effect::FailCall => Some(500),
            Effect::AnswerCall(status) => Some(status),
            _ => None,
        };
        let mut spoiling =
            self.faults.matching.iter().filter_map(|rule| Some((&*rule.text, of(rule.effect)?)));
        spoiling.find_map(|(text, status)| {
            let found = in_endpoint(text, endpoint_id, endpoint)
                || events.iter().any(|(id, event)| in_event(text, id, event));
            found.then_some(status)
        })
    }

    pub(in crate::tools::emulator) fn endpoint(&mut self, id: &str, endpoint: &Endpoint<'_>) -> Option<Fate> {
        let refused = self.faults.matching.iter().any(|rule| {
            rule.effect == Effect::RefuseEndpoint
                && *endpoint != Endpoint::default()
                && in_endpoint(&rule.text, id, endpoint)
        });
        if refused { Some(Fate::Refused) } else { self.missing(self.faults.endpoints_missing) }
    }

    pub(in crate::tools::emulator) fn event(
        &mut self,
        endpoint_id: &str,
        id: &str,
        event: &Event<'_>,
    ) -> Option<Fate> {
        let of = |effect: Effect| match effect {
            Effect::RefuseEvent => Some(Fate::Refused),
            Effect::FailEvent => Some(Fate::Failed),
            Effect::ThrottleEvent => Some(Fate::Throttled),
            Effect::OmitEvent => Some(Fate::MissingLost),
            Effect::RefuseCall | Effect::FailCall | Effect::AnswerCall(_) | Effect::RefuseEndpoint => None,
        };
        let mut matching = self
            .faults
            .matching
            .iter()
            .filter(|rule| endpoint_id.contains(&rule.text) || in_event(&rule.text, id, event));
        if let Some(fate) = matching.find_map(|rule| of(rule.effect)) {
            return Some(fate);
        }
        if self.faults.events_refused > 0.0 && self.share_of(endpoint_id, id) < self.faults.events_refused {
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

    fn missing(&mut self, share: f64) -> Option<Fate> {
        self.draw(share).then(|| if self.rng.bool() { Fate::MissingTaken } else { Fate::MissingLost })
    }

    /// A fault that is off draws no number, so that it does not change what others draw.
    fn draw(&mut self, share: f64) -> bool {
        share > 0.0 && self.rng.f64() < share
    }

    /// A number from 0 to 1 that is always the same for the same event.
    fn share_of(&self, endpoint_id: &str, id: &str) -> f64 {
        let mut hasher = DefaultHasher::new();
        (self.seed, endpoint_id, id).hash(&mut hasher);
        Rng::with_seed(hasher.finish()).f64()
    }
}

fn in_endpoint(text: &str, id: &str, endpoint: &Endpoint<'_>) -> bool {
    let user_id = endpoint.user.as_ref().and_then(|user| user.user_id.as_ref());
    id.contains(text) || user_id.is_some_and(|id| id.contains(text))
}

fn in_event(text: &str, id: &str, event: &Event<'_>) -> bool {
    let mut values = event.attributes.iter().flat_map(Entries::iter);
    id.contains(text) || values.any(|(_, value)| value.contains(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::emulator::faults::{Matching, Outage};

    fn armed(faults: Faults) -> Armed {
        Armed::new(faults, 7, Moment::START)
    }

    fn event<'a>() -> Event<'a> {
        serde_json::from_str(r#"{"Attributes":{"source_event_id":"abc"}}"#).unwrap()
    }

    #[test]
    fn nothing_goes_wrong_by_default() {
        let mut armed = armed(Faults::default());
        assert_eq!(armed.latency(), Duration::ZERO);
        assert_eq!(armed.before(Moment::START), None);
        assert_eq!(armed.after(), None);
        assert_eq!(armed.endpoint("e", &Endpoint::default()), None);
        assert_eq!(armed.event("e", "1", &event()), None);
    }

    #[test]
    fn an_outage_ends_when_its_time_is_over() {
        let outage = Outage::unavailable().lasting(Duration::from_secs(5));
        let mut armed = armed(Faults { outage: Some(outage), throttled: 1.0, ..Faults::default() });
        let mut at = |seconds| armed.before(Moment::after_start(Duration::from_secs(seconds)));
        assert_eq!(at(4), Some(Before::Outage(How::Answer { status: 503, code: None })));
        assert_eq!(at(5), Some(Before::Throttled));
    }

    #[test]
    fn shares_are_kept_and_seeded() {
        let faults = Faults { events_throttled: 0.25, ..Faults::default() };
        let throttled = |seed| {
            let mut armed = Armed::new(faults.clone(), seed, Moment::START);
            (0..1000).filter(|_| armed.event("e", "1", &event()).is_some()).collect::<Vec<_>>()
        };
        assert!((200..300).contains(&throttled(1).len()), "{}", throttled(1).len());
        assert_eq!(throttled(1), throttled(1));
        assert_ne!(throttled(1), throttled(2));
    }

    #[test]
    fn a_refused_event_is_refused_each_time() {
        let mut armed = armed(Faults { events_refused: 0.5, ..Faults::default() });
        let mut refused = || {
            (0..1000).filter(|id| armed.event("e", &id.to_string(), &event()).is_some()).collect::<Vec<_>>()
        };
        let first = refused();
        assert!((400..600).contains(&first.len()), "{}", first.len());
        assert_eq!(first, refused());
    }

    #[track_caller]
    fn check_matching(
        text: &str,
        effect: Effect,
        call: Option<u16>,
        endpoint: Option<Fate>,
        fate: Option<Fate>,
    ) {
        let matching = vec![Matching { text: text.to_owned(), effect }];
        let mut armed = armed(Faults { matching, ..Faults::default() });
        let endpoint_fields: Endpoint<'_> = serde_json::from_str(r#"{"User":{"UserId":"user-1"}}"#).unwrap();
        let events = serde_json::from_str(r#"{"id-1":{"Attributes":{"a":"value-1"}}}"#).unwrap();
        assert_eq!(armed.call("endpoint-1", &endpoint_fields, &events), call);
        assert_eq!(armed.endpoint("endpoint-1", &endpoint_fields), endpoint);
        assert_eq!(armed.endpoint("endpoint-1", &Endpoint::default()), None);
        assert_eq!(armed.event("endpoint-1", "id-1", &events.0[0].1), fate);
    }

    #[test]
    fn a_matching_text_has_its_effect() {
        check_matching("id-1", Effect::RefuseCall, Some(400), None, None);
        check_matching("value-1", Effect::FailCall, Some(500), None, None);
        check_matching("user-1", Effect::RefuseCall, Some(400), None, None);
        check_matching("user-1", Effect::RefuseEndpoint, None, Some(Fate::Refused), None);
        check_matching("endpoint-1", Effect::RefuseEndpoint, None, Some(Fate::Refused), None);
        check_matching("id-1", Effect::RefuseEndpoint, None, None, None);
        check_matching("id-1", Effect::RefuseEvent, None, None, Some(Fate::Refused));
        check_matching("value-1", Effect::FailEvent, None, None, Some(Fate::Failed));
        check_matching("endpoint-1", Effect::ThrottleEvent, None, None, Some(Fate::Throttled));
        check_matching("id-1", Effect::OmitEvent, None, None, Some(Fate::MissingLost));
        check_matching("nothing", Effect::RefuseCall, None, None, None);
    }
}
