//! A map of the most recently touched entries, bounded by number and by age.
//!
//! Knows nothing of sessions. The entries form a list in the order in which they were last touched. Every
//! operation takes constant time. Entries stay where they are in memory, in blocks, so that a growing map
//! never copies them. The links and the index are numbers of entries, so neither repeats a key. `now` must
//! not go back from call to call.

use std::{
    hash::BuildHasher as _,
    num::NonZeroUsize,
    ops::{Index, IndexMut},
    time::Duration,
};

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::core::{map::ids::Fingerprint, time::Moment};

/// The end of the list, and the number of no entry.
const NONE: u32 = u32::MAX;

/// The number of entries in a block of memory.
const BLOCK: usize = 1024;

/// The place of an entry, which is its own until it is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot(u32);

impl Slot {
    pub(super) const FIRST: Self = Self(0);
    pub(super) const LAST: Self = Self(u32::MAX);
}

/// An entry that is no longer in the map.
pub(super) struct Removed<V> {
    pub(super) slot: Slot,
    pub(super) key: Fingerprint,
    pub(super) value: V,
}

pub(super) struct Recent<V> {
    max: usize,
    max_age: Duration,
    /// The numbers of the entries, by key.
    index: HashTable<u32>,
    /// Keys are digests, and it has a random seed, so nobody can choose keys that fall into one bucket.
    hasher: DefaultHashBuilder,
    entries: Entries<V>,
    free: Vec<u32>,
    newest: u32,
    oldest: u32,
}

struct ListEntry<V> {
    key: Fingerprint,
    value: V,
    /// In whole seconds.
    touched: u32,
    newer: u32,
    older: u32,
}

/// The entries by number, in blocks of [`BLOCK`].
struct Entries<V>(Vec<Vec<ListEntry<V>>>);

impl<V> Entries<V> {
    fn get(&self, at: u32) -> &ListEntry<V> {
        &self.0[at as usize / BLOCK][at as usize % BLOCK]
    }

    fn get_mut(&mut self, at: u32) -> &mut ListEntry<V> {
        &mut self.0[at as usize / BLOCK][at as usize % BLOCK]
    }

    fn len(&self) -> usize {
        self.0.last().map_or(0, |last| (self.0.len() - 1) * BLOCK + last.len())
    }

    /// Adds an entry and returns its number.
    #[expect(clippy::cast_possible_truncation, reason = "there are never more than u32::MAX entries")]
    fn push(&mut self, entry: ListEntry<V>) -> u32 {
        let at = self.len();
        if at.is_multiple_of(BLOCK) {
            self.0.push(Vec::with_capacity(BLOCK));
        }
        if let Some(last) = self.0.last_mut() {
            last.push(entry);
        }
        at as u32
    }
}

impl<V: Default> Recent<V> {
    /// An empty map that holds at most `max` entries and none untouched for longer than `max_age`, both to
    /// the second.
    pub(super) fn new(max: NonZeroUsize, max_age: Duration) -> Self {
        Self {
            max: max.get().min(NONE as usize),
            max_age,
            index: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            entries: Entries(Vec::new()),
            free: Vec::new(),
            newest: NONE,
            oldest: NONE,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    /// The entry of `key`, if there is one. Does not touch it.
    pub(super) fn find(&self, key: Fingerprint) -> Option<Slot> {
        self.index.find(self.hasher.hash_one(key), |at| self.entries.get(*at).key == key).map(|at| Slot(*at))
    }

    /// Touches the entry of `key`, if there is one.
    pub(super) fn touch(&mut self, key: Fingerprint, now: Moment) {
        if let Some(Slot(at)) = self.find(key) {
            self.unlink(at);
            self.link(at, now);
        }
    }

    /// Removes the oldest entry if there is no room for `key`, and returns it.
    pub(super) fn make_room(&mut self, key: Fingerprint) -> Option<Removed<V>> {
        let full = self.len() >= self.max && self.find(key).is_none();
        full.then(|| self.remove_oldest())
    }

    /// Touches the entry of `key`, which gets a default value if there was none. There must be room for it;
    /// see [`Recent::make_room`].
    pub(super) fn touch_or_insert(&mut self, key: Fingerprint, now: Moment) -> Slot {
        let at = if let Some(Slot(at)) = self.find(key) {
            self.unlink(at);
            at
        } else {
            let at = self.place(key);
            let (hasher, entries) = (&self.hasher, &self.entries);
            let hash = |at: &u32| hasher.hash_one(entries.get(*at).key);
            self.index.insert_unique(hasher.hash_one(key), at, hash);
            at
        };
        self.link(at, now);
        Slot(at)
    }

    /// The value of `key`, if there is one. Does not touch it.
    pub(super) fn peek(&self, key: Fingerprint) -> Option<&V> {
        self.find(key).map(|slot| &self[slot])
    }

    pub(super) fn key(&self, slot: Slot) -> Fingerprint {
        self.entries.get(slot.0).key
    }

    #[cfg(test)]
    pub(super) fn slots(&self) -> impl Iterator<Item = Slot> {
        self.index.iter().copied().map(Slot)
    }

    /// Removes and returns the entries that have not been touched for longer than the greatest age.
    pub(super) fn remove_aged(&mut self, now: Moment) -> Vec<Removed<V>> {
        let mut removed = Vec::new();
        let (now, max_age) = (seconds(now), self.max_age.as_secs());
        let is_aged = |entry: &ListEntry<V>| u64::from(now.saturating_sub(entry.touched)) > max_age;
        while self.oldest != NONE && is_aged(self.entries.get(self.oldest)) {
            removed.push(self.remove_oldest());
        }
        removed
    }

    fn remove_oldest(&mut self) -> Removed<V> {
        let at = self.oldest;
        self.unlink(at);
        let entry = self.entries.get_mut(at);
        let (key, value) = (entry.key, std::mem::take(&mut entry.value));
        if let Ok(found) = self.index.find_entry(self.hasher.hash_one(key), |other| *other == at) {
            found.remove();
        }
        self.free.push(at);
        Removed { slot: Slot(at), key, value }
    }

    /// Puts an entry for `key` into a free slot or a new one, and returns its number.
    fn place(&mut self, key: Fingerprint) -> u32 {
        let entry = ListEntry { key, value: V::default(), touched: 0, newer: NONE, older: NONE };
        if let Some(at) = self.free.pop() {
            *self.entries.get_mut(at) = entry;
            return at;
        }
        self.entries.push(entry)
    }

    fn link(&mut self, at: u32, now: Moment) {
        let older = self.newest;
        let entry = self.entries.get_mut(at);
        (entry.touched, entry.newer, entry.older) = (seconds(now), NONE, older);
        match older {
            NONE => self.oldest = at,
            older => self.entries.get_mut(older).newer = at,
        }
        self.newest = at;
    }

    fn unlink(&mut self, at: u32) {
        let ListEntry { newer, older, .. } = *self.entries.get(at);
        match newer {
            NONE => self.newest = older,
            newer => self.entries.get_mut(newer).older = older,
        }
        match older {
            NONE => self.oldest = newer,
            older => self.entries.get_mut(older).newer = newer,
        }
    }
}

impl<V> Index<Slot> for Recent<V> {
    type Output = V;

    fn index(&self, Slot(at): Slot) -> &V {
        &self.entries.get(at).value
    }
}

impl<V> IndexMut<Slot> for Recent<V> {
    fn index_mut(&mut self, Slot(at): Slot) -> &mut V {
        &mut self.entries.get_mut(at).value
    }
}

fn seconds(moment: Moment) -> u32 {
    u32::try_from(moment.elapsed().as_secs()).unwrap_or(u32::MAX)
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
                    let slot = recent.touch_or_insert(key(name), at(now));
                    if expected.is_none() {
                        prop_assert_eq!(evicted, model.0.len() == max);
                        model.0.drain(..model.0.len().saturating_sub(max - 1));
                        model.0.push((name, now, number));
                        recent[slot] = number;
                        expected = Some(number);
                    }
                    Some(recent[slot])
                } else {
                    recent.touch(key(name), at(now));
                    recent.peek(key(name)).copied()
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
