//! Groups the letters of one original record, which may lie far apart in their topic, in bounded memory.
//!
//! A run reads the letters twice. The first time it fills a plan: for each original record, the events to
//! send and the places of its letters, but not its content. The second time each record is written when the
//! first of its letters comes by, because all letters of a record hold its content. If a plan is full, further
//! records are left to the next plan, for which the letters are read twice again. Knows nothing of clients.
//!
//! What always holds: all letters that were added for a record are in one group, and a group names no event
//! twice.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use sha2::{Digest as _, Sha256};

use crate::core::{
    record::Record,
    redrive::{Redriven, Selection, letter::Letter},
    time::Timestamp,
};

/// How many bytes the selections of one record may have. Its header must fit beside the record into the limit
/// of the topic.
const LONGEST: usize = 32 * 1024;

/// The bounds of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    pub records: usize,
    /// The bytes that it may take, roughly.
    pub bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { records: 100_000, bytes: 64 << 20 }
    }
}

/// The records to write next.
#[derive(Default)]
pub struct Plan {
    bounds: Bounds,
    groups: HashMap<OriginalRecord, Group>,
    bytes: usize,
}

/// Identifies an original record. A topic that is deleted and created again repeats its offsets, so its time
/// and its content belong to it.
#[derive(Clone, PartialEq, Eq, Hash)]
struct OriginalRecord {
    topic: Arc<str>,
    partition: i32,
    offset: i64,
    timestamp: Option<Timestamp>,
    content: [u8; 16],
}

#[derive(Default)]
struct Group {
    /// The events by destination; `None` stands for all events.
    send: BTreeMap<Option<Arc<str>>, Option<BTreeSet<Box<str>>>>,
    letters: Vec<(i32, i64)>,
    attempts: u32,
}

/// What is written of an original record.
#[derive(Debug, PartialEq, Eq)]
pub struct Planned {
    /// The header of each record to write. There are several only if one cannot name all events.
    pub records: Vec<Redriven>,
    /// The partitions and offsets of the letters.
    pub letters: Vec<(i32, i64)>,
}

impl Plan {
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, ..Self::default() }
    }

    /// Adds the letter that lies in `record`. Returns whether there was room for it.
    pub fn add(&mut self, record: &Record, letter: &Letter) -> bool {
        let is_full = self.groups.len() >= self.bounds.records || self.bytes >= self.bounds.bytes;
        let original = OriginalRecord::new(record, letter);
        if is_full && !self.groups.contains_key(&original) {
            return false;
        }
        let group = self.groups.entry(original).or_default();
        self.bytes += Group::LETTER + letter.selection.weight();
        group.add(&letter.selection);
        group.letters.push((record.partition, record.offset));
        group.attempts = group.attempts.max(letter.attempts);
        true
    }

    /// Takes out what is to be written of the record whose letter lies in `record`. Later letters of it get
    /// nothing.
    pub fn take(&mut self, record: &Record, letter: &Letter) -> Option<Planned> {
        let group = self.groups.remove(&OriginalRecord::new(record, letter))?;
        let selections = group.selections();
        let one = |send| Redriven {
            topic: Arc::clone(&letter.topic),
            partition: letter.partition,
            offset: letter.offset,
            timestamp: letter.timestamp,
            attempts: group.attempts.saturating_add(1),
            send,
        };
        Some(Planned { records: selections.into_iter().map(one).collect(), letters: group.letters })
    }

    /// The number of records that are to be written.
    #[must_use]
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }
}

impl OriginalRecord {
    fn new(record: &Record, letter: &Letter) -> Self {
        let mut hash = Sha256::new();
        for part in [&record.key, &record.value] {
            let length = part.as_ref().map_or(u64::MAX, |part| part.len() as u64);
            hash.update(length.to_be_bytes());
            hash.update(part.as_deref().unwrap_or_default());
        }
        let mut content = [0; 16];
        content.copy_from_slice(&hash.finalize()[..16]);
        Self {
            topic: Arc::clone(&letter.topic),
            partition: letter.partition,
            offset: letter.offset,
            timestamp: letter.timestamp,
            content,
        }
    }
}

impl Group {
    /// About the bytes of memory that a letter takes.
    const LETTER: usize = 200;

    fn add(&mut self, selection: &Selection) {
        let events = self.send.entry(selection.destination.clone()).or_insert_with(|| Some(BTreeSet::new()));
        match events {
            _ if selection.events.is_empty() => *events = None,
            Some(events) => events.extend(selection.events.iter().cloned()),
            None => {}
        }
    }

    /// The selections of each record to write.
    fn selections(&self) -> Vec<Vec<Selection>> {
        if self.send.get(&None).is_some_and(Option::is_none) {
            // The record could not be read: everything is sent.
            return vec![Vec::new()];
        }
        let mut parts = vec![Vec::new()];
        let mut bytes = 0;
        for (destination, events) in &self.send {
            let mut selection = Selection { destination: destination.clone(), events: Vec::new() };
            for event in events.iter().flatten() {
                if bytes > 0 && bytes + event.len() > LONGEST {
                    // Without events it would stand for all of them.
                    if !selection.events.is_empty() {
                        push(&mut parts, &mut selection);
                    }
                    parts.push(Vec::new());
                    bytes = 0;
                }
                bytes += event.len() + 3;
                selection.events.push(event.clone());
            }
            if events.is_none() || !selection.events.is_empty() {
                push(&mut parts, &mut selection);
            }
        }
        parts
    }
}

/// Moves a selection to the last part.
fn push(parts: &mut [Vec<Selection>], selection: &mut Selection) {
    let next = Selection { destination: selection.destination.clone(), events: Vec::new() };
    let full = std::mem::replace(selection, next);
    if let Some(part) = parts.last_mut() {
        part.push(full);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::redrive::{
        letter::tests::{PLACE, letter, written},
        tests::selection,
    };

    /// A letter at this offset of its topic, about the record at `of`.
    fn about(at: i64, of: &str, own: &[(&str, &str)]) -> (Record, Letter) {
        let mut place = PLACE.to_vec();
        place[2].1 = of;
        let record = Record { partition: 0, offset: at, ..written(&[], &[&place[..], own].concat()) };
        let letter = letter(&record);
        (record, letter)
    }

    #[track_caller]
    fn check(letters: &[&[(&str, &str)]], expected: &[&[Selection]]) {
        let mut plan = Plan::default();
        let letters: Vec<_> = (0..).zip(letters).map(|(at, own)| about(at, "42", own)).collect();
        assert!(letters.iter().all(|(record, letter)| plan.add(record, letter)));
        let planned = plan.take(&letters[0].0, &letters[0].1).unwrap();
        assert_eq!(planned.records.iter().map(|record| &*record.send).collect::<Vec<_>>(), expected);
        assert_eq!(planned.letters.len(), letters.len());
        assert!(plan.is_empty());
    }

    #[test]
    fn the_letters_of_a_record_become_one_record() {
        let (shop, lab) = (("destination", "shop"), ("destination", "lab"));
        let (a, b) = (("event_id", "a"), ("event_id", "b"));
        check(&[&[shop, a]], &[&[selection(Some("shop"), &["a"])]]);
        check(
            &[&[shop, b], &[lab, a], &[shop, a], &[shop, b]],
            &[&[selection(Some("lab"), &["a"]), selection(Some("shop"), &["a", "b"])]],
        );
        check(&[&[shop, a], &[shop]], &[&[selection(Some("shop"), &[])]]);
        check(&[&[a], &[shop, b]], &[&[selection(None, &["a"]), selection(Some("shop"), &["b"])]]);
        check(&[&[shop, a], &[]], &[&[]]);
    }

    #[test]
    fn letters_of_other_records_stay_apart() {
        let mut plan = Plan::default();
        let one = about(0, "42", &[("event_id", "a")]);
        let other = about(1, "43", &[("event_id", "a")]);
        let mut anew = about(2, "42", &[("event_id", "b")]);
        anew.0.value = Some((*b"of a topic that was created again").into());
        let mut later = about(3, "42", &[("event_id", "b")]);
        later.1.timestamp = Some(Timestamp(7));
        for (record, letter) in [&one, &other, &anew, &later] {
            assert!(plan.add(record, letter));
        }
        assert_eq!(plan.len(), 4);
        assert_eq!(plan.take(&one.0, &one.1).unwrap().letters, [(0, 0)]);
        assert!(plan.take(&one.0, &one.1).is_none(), "it is written once");
    }

    #[test]
    fn attempts_are_counted() {
        let mut plan = Plan::default();
        let first = about(0, "42", &[("event_id", "a")]);
        let third = about(1, "42", &[("event_id", "b"), ("redriven", "2")]);
        assert!(plan.add(&first.0, &first.1) && plan.add(&third.0, &third.1));
        assert_eq!(plan.take(&third.0, &third.1).unwrap().records[0].attempts, 3);
    }

    #[test]
    fn a_full_plan_leaves_other_records_and_takes_their_siblings() {
        let mut plan = Plan::new(Bounds { records: 1, ..Bounds::default() });
        let add = |plan: &mut Plan, (record, letter): &(Record, Letter)| plan.add(record, letter);
        assert!(add(&mut plan, &about(0, "42", &[("event_id", "a")])));
        assert!(!add(&mut plan, &about(1, "43", &[("event_id", "a")])));
        assert!(add(&mut plan, &about(2, "42", &[("event_id", "b")])));
        let mut plan = Plan::new(Bounds { bytes: 1, ..Bounds::default() });
        assert!(add(&mut plan, &about(0, "42", &[("event_id", "a")])));
        assert!(!add(&mut plan, &about(1, "43", &[("event_id", "a")])));
    }

    #[test]
    fn a_record_with_very_many_events_becomes_several_that_name_each_once() {
        let mut plan = Plan::default();
        let id = |number: usize| format!("{number:0>199}");
        let mut first = None;
        for number in 0..400 {
            let destination = if number % 2 == 0 { "shop" } else { "lab" };
            let own = [("destination", destination), ("event_id", &*id(number))];
            let (record, letter) = about(i64::try_from(number).unwrap(), "42", &own);
            assert!(plan.add(&record, &letter));
            first.get_or_insert((record, letter));
        }
        let (record, letter) = first.unwrap();
        let planned = plan.take(&record, &letter).unwrap();
        assert_eq!(planned.records.len(), 3);
        let mut named = BTreeSet::new();
        for record in &planned.records {
            let size: usize = record.send.iter().flat_map(|it| &it.events).map(|event| event.len()).sum();
            assert!(0 < size && size <= LONGEST, "{size}");
            for selection in &record.send {
                assert!(!selection.events.is_empty());
                assert!(
                    selection
                        .events
                        .iter()
                        .all(|event| named.insert((selection.destination.clone(), event.clone())))
                );
            }
        }
        assert_eq!(named.len(), 400);
    }
}
