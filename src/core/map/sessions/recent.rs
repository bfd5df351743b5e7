//! A map of the most recently touched entries, bounded by number and by age.
//!
//! Knows nothing of sessions. The entries form a list in the order in which they were last touched. Every
//! operation takes constant time. Entries stay where they are in memory and the links are indices, so the
//! list needs no pointers. `now` must not go back from call to call.

use std::{collections::HashMap, num::NonZeroUsize, time::Duration};

use crate::core::{map::ids::Fingerprint, time::Moment};

/// The end of the list, and the index of no entry.
const NONE: u32 = u32::MAX;

pub(super) struct Recent<V> {
    max: usize,
    max_age: Duration,
    /// The standard hasher, with a random key: nobody can choose keys that fall into one bucket.
    index: HashMap<Fingerprint, u32>,
    entries: Vec<ListEntry<V>>,
    free: Vec<u32>,
    newest: u32,
    oldest: u32,
}

struct ListEntry<V> {
    key: Fingerprint,
    value: V,
    touched: Moment,
    newer: u32,
    older: u32,
}

impl<V: Default> Recent<V> {
    /// An empty map that holds at most `max` entries and none untouched for longer than `max_age`.
    pub(super) fn new(max: NonZeroUsize, max_age: Duration) -> Self {
        Self {
            max: max.get().min(NONE as usize),
            max_age,
            index: HashMap::new(),
            entries: Vec::new(),
            free: Vec::new(),
            newest: NONE,
            oldest: NONE,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    /// Touches `key` and returns its value, if there is one.
    pub(super) fn touch(&mut self, key: Fingerprint, now: Moment) -> Option<&mut V> {
        let at = *self.index.get(&key)?;
        self.unlink(at);
        self.link(at, now);
        Some(&mut self.entries[at as usize].value)
    }

    /// Removes the oldest entry if there is no room for `key`, and returns it.
    pub(super) fn make_room(&mut self, key: Fingerprint) -> Option<(Fingerprint, V)> {
        let full = self.len() >= self.max && !self.index.contains_key(&key);
        full.then(|| self.remove_oldest())
    }

    /// Touches `key` and returns its value, which is a default one if there was none. There must be room
    /// for it; see [`Recent::make_room`].
    pub(super) fn touch_or_insert(&mut self, key: Fingerprint, now: Moment) -> &mut V {
        let at = if let Some(at) = self.index.get(&key) {
            let at = *at;
            self.unlink(at);
            at
        } else {
            let at = self.place(key);
            self.index.insert(key, at);
            at
        };
        self.link(at, now);
        &mut self.entries[at as usize].value
    }

    /// The value of `key`, if there is one. Does not touch it.
    pub(super) fn peek(&self, key: Fingerprint) -> Option<&V> {
        Some(&self.entries[*self.index.get(&key)? as usize].value)
    }

    /// Like [`Recent::peek`], but mutable.
    pub(super) fn peek_mut(&mut self, key: Fingerprint) -> Option<&mut V> {
        Some(&mut self.entries[*self.index.get(&key)? as usize].value)
    }

    #[cfg(test)]
    pub(super) fn keys(&self) -> impl Iterator<Item = Fingerprint> {
        self.index.keys().copied()
    }

    /// Removes and returns the entries that have not been touched for longer than the greatest age.
    pub(super) fn remove_aged(&mut self, now: Moment) -> Vec<(Fingerprint, V)> {
        let mut removed = Vec::new();
        while self.oldest != NONE && now.since(self.entries[self.oldest as usize].touched) > self.max_age {
            removed.push(self.remove_oldest());
        }
        removed
    }

    fn remove_oldest(&mut self) -> (Fingerprint, V) {
        let at = self.oldest;
        self.unlink(at);
        let ListEntry { key, value, .. } = &mut self.entries[at as usize];
        let removed = (*key, std::mem::take(value));
        self.index.remove(&removed.0);
        self.free.push(at);
        removed
    }

    /// Puts an entry for `key` into a free slot or a new one, and returns its index.
    #[expect(clippy::cast_possible_truncation, reason = "there are never more than u32::MAX entries")]
    fn place(&mut self, key: Fingerprint) -> u32 {
        let entry = ListEntry { key, value: V::default(), touched: Moment::START, newer: NONE, older: NONE };
        if let Some(at) = self.free.pop() {
            self.entries[at as usize] = entry;
            return at;
        }
        self.entries.push(entry);
        (self.entries.len() - 1) as u32
    }

    fn link(&mut self, at: u32, now: Moment) {
        let older = self.newest;
        let entry = &mut self.entries[at as usize];
        (entry.touched, entry.newer, entry.older) = (now, NONE, older);
        match older {
            NONE => self.oldest = at,
            older => self.entries[older as usize].newer = at,
        }
        self.newest = at;
    }

    fn unlink(&mut self, at: u32) {
        let ListEntry { newer, older, .. } = self.entries[at as usize];
        match newer {
            NONE => self.newest = older,
            newer => self.entries[newer as usize].older = older,
        }
        match older {
            NONE => self.oldest = newer,
            older => self.entries[older as usize].newer = newer,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(number: u8) -> Fingerprint {
        Fingerprint::of(&[&number.to_string()])
    }

    fn at(seconds: u64) -> Moment {
        Moment::after_start(Duration::from_secs(seconds))
    }

    /// A list in the order of the last touch, oldest first: `Recent` must equal it.
    #[derive(Default)]
    struct Model(Vec<(u8, u64, u32)>);

    impl Model {
        fn touch(&mut self, key: u8, now: u64) -> Option<u32> {
            let place = self.0.iter().position(|entry| entry.0 == key)?;
            let (_, _, value) = self.0.remove(place);
            self.0.push((key, now, value));
            Some(value)
        }
    }

    proptest! {
        #[test]
        fn holds_the_entries_that_were_touched_last(
            max in 1_usize..6,
            steps in proptest::collection::vec((0_u8..8, 0_u64..4, any::<bool>()), 0..200),
        ) {
            let mut recent = Recent::<u32>::new(NonZeroUsize::new(max).unwrap(), Duration::from_secs(5));
            let mut model = Model::default();
            let mut now = 0;
            for (number, (name, wait, insert)) in (1..).zip(steps) {
                now += wait;
                let before = model.0.len();
                model.0.retain(|entry| now - entry.1 <= 5);
                prop_assert_eq!(recent.remove_aged(at(now)).len(), before - model.0.len());
                let mut expected = model.touch(name, now);
                let found = if insert {
                    let evicted = recent.make_room(key(name)).is_some();
                    let value = recent.touch_or_insert(key(name), at(now));
                    if expected.is_none() {
                        prop_assert_eq!(evicted, model.0.len() == max);
                        model.0.drain(..model.0.len().saturating_sub(max - 1));
                        model.0.push((name, now, number));
                        *value = number;
                        expected = Some(number);
                    }
                    Some(*value)
                } else {
                    recent.touch(key(name), at(now)).copied()
                };
                prop_assert_eq!(found, expected);
                prop_assert_eq!(recent.len(), model.0.len());
            }
            // Every slot is in use or free, and there are no more slots than entries allowed.
            prop_assert_eq!(recent.entries.len(), recent.len() + recent.free.len());
            prop_assert!(recent.entries.len() <= max);
        }
    }
}
