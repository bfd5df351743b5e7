//! Refusals of one record. Those of its events for the same reason by the same destination share a dead letter,
//! because each letter is a copy of the whole record.
//!
//! Knows nothing of how refusals come about, and of how letters are written. What always holds: a letter names
//! ids of about [`IDS`] bytes at most, so that it has room in a topic that takes little more than the record.

use std::sync::Arc;

use crate::core::{event::Refusal, pipeline::ledger::HOLDING, redrive::Selection};

/// The bytes that the ids of a dead letter may take. Further ones are in another letter.
const IDS: usize = 16 * 1024;

/// The refusals of a record, each with what of the record it concerns. Each becomes a dead letter.
#[derive(Default)]
pub(super) struct Refusals(Vec<(Refusal, Selection)>);

impl Refusals {
    /// Adds the refusal of an event by a destination, or by all.
    pub(super) fn add(&mut self, refusal: Refusal, destination: Option<&Arc<str>>, event: Box<str>) {
        let has_room = |(other, selection): &&mut (Refusal, Selection)| {
            *other == refusal
                && selection.destination.as_ref() == destination
                && !selection.events.is_empty()
                && selection.weight() <= IDS
        };
        if let Some((_, selection)) = self.0.iter_mut().rev().find(has_room) {
            selection.events.push(event);
        } else {
            let selection = Selection { destination: destination.cloned(), events: vec![event] };
            self.0.push((refusal, selection));
        }
    }

    /// Adds the refusal of a whole record, or of several of its events.
    pub(super) fn add_all(&mut self, refusal: &Refusal, selection: Selection) {
        if selection.events.is_empty() {
            return self.0.push((refusal.clone(), selection));
        }
        for event in selection.events {
            self.add(refusal.clone(), selection.destination.as_ref(), event);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of dead letters that they become.
    pub(super) fn letters(&self) -> usize {
        self.0.len()
    }

    /// The bytes of memory that they take.
    pub(super) fn weight(&self) -> usize {
        self.0.iter().map(|(refusal, selection)| held(refusal, selection)).sum()
    }
}

/// The bytes of memory that a letter takes while it is kept, besides its record.
pub(super) fn held(refusal: &Refusal, selection: &Selection) -> usize {
    HOLDING + refusal.message.len() + selection.weight()
}

impl FromIterator<(Refusal, Selection)> for Refusals {
    fn from_iter<I: IntoIterator<Item = (Refusal, Selection)>>(refusals: I) -> Self {
        Self(refusals.into_iter().collect())
    }
}

impl IntoIterator for Refusals {
    type Item = (Refusal, Selection);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::code::Code;

    /// Adds refusals, each with its code, its message, its destination and its event, and compares the letters.
    #[track_caller]
    fn check(refused: &[(&'static str, &str, &str, &str)], expected: &[(&str, &str, &str)]) {
        let mut refusals = Refusals::default();
        for &(code, message, destination, event) in refused {
            let refusal = Refusal { code: Code(code), message: message.to_owned() };
            refusals.add(refusal, Some(&destination.into()), event.into());
        }
        let letters: Vec<_> = (refusals.into_iter())
            .map(|(refusal, selection)| {
                let destination = selection.destination.unwrap_or_default();
                (refusal.code.0, destination.to_string(), selection.events.join(" "))
            })
            .collect();
        let letters: Vec<_> = letters.iter().map(|(code, to, events)| (*code, &**to, &**events)).collect();
        assert_eq!(letters, expected);
    }

    #[test]
    fn events_share_a_letter_for_each_reason_message_and_destination() {
        check(
            &[("bad", "a", "shop", "1"), ("bad", "a", "shop", "2"), ("bad", "a", "lab", "3")],
            &[("bad", "shop", "1 2"), ("bad", "lab", "3")],
        );
        check(
            &[("bad", "a", "shop", "1"), ("bad", "b", "shop", "2"), ("bad", "a", "shop", "3")],
            &[("bad", "shop", "1 3"), ("bad", "shop", "2")],
        );
        check(
            &[("bad", "a", "shop", "1"), ("worse", "a", "shop", "2")],
            &[("bad", "shop", "1"), ("worse", "shop", "2")],
        );
    }

    #[test]
    fn no_event_is_added_to_the_letter_of_a_whole_record() {
        let refusal = || Refusal { code: Code("bad"), message: String::new() };
        let mut refusals: Refusals = [(refusal(), Selection::WHOLE)].into_iter().collect();
        refusals.add(refusal(), None, "1".into());
        assert_eq!(refusals.letters(), 2);
    }

    #[test]
    fn refusals_of_several_events_at_once_have_no_more_ids_in_a_letter_than_others() {
        let refusal = Refusal { code: Code("bad"), message: String::new() };
        let events: Vec<Box<str>> = (0..1000).map(|number| format!("{number:0>100}").into()).collect();
        let (mut at_once, mut one_by_one) = (Refusals::default(), Refusals::default());
        at_once.add_all(&refusal, Selection { destination: None, events: events.clone() });
        for event in events {
            one_by_one.add(refusal.clone(), None, event);
        }
        assert_eq!(at_once.0, one_by_one.0);
        assert!(at_once.letters() > 1);
    }

    #[test]
    fn a_letter_has_room_for_some_ids() {
        let mut refusals = Refusals::default();
        for number in 0..1000 {
            let refusal = Refusal { code: Code("bad"), message: String::new() };
            refusals.add(refusal, None, format!("{number:0>100}").into());
        }
        let named: Vec<_> = refusals.into_iter().map(|(_, selection)| selection.events.len()).collect();
        assert_eq!(named.iter().sum::<usize>(), 1000);
        assert!(named.iter().all(|events| events * 116 <= IDS + 200), "{named:?}");
        assert_eq!(named.len(), 8);
    }
}
