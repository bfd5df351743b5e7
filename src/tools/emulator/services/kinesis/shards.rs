//! The shards of the streams: which shard a record goes to, and how much a shard takes in a second.
//!
//! Knows nothing of requests. Which shard a key belongs to is not the service's own choice (an MD5), so
//! nobody may rely on it; a key always belongs to the same shard, save in a stream that ignores keys.

use std::{
    collections::{HashMap, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
    num::NonZeroU32,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::wire::Decoded;
use crate::core::{time::Moment, units::Size};

/// The largest request: its records with their keys, before base64.
pub(super) const ACCEPTED_SIZE: usize = 10 << 20;

/// The set-up of the streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Streams {
    /// The shards of each stream.
    pub shards: NonZeroU32,
    /// What a shard takes; `null` switches the limit off.
    pub limit: Option<ShardLimit>,
    /// The largest record: its data before base64, and its key.
    pub max_record: Size,
    /// Whether the key of a record decides its shard.
    pub keys: Keys,
}

/// What a shard takes in a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShardLimit {
    pub records: usize,
    pub bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keys {
    /// The distribution strategy `USER_PARTITION_KEY`.
    Decide,
    /// The distribution strategy `AUTO`.
    Ignored,
}

impl Default for Streams {
    /// As streams are created, with four shards.
    fn default() -> Self {
        Self {
            shards: NonZeroU32::new(4).unwrap_or(NonZeroU32::MIN),
            limit: Some(ShardLimit { records: 1000, bytes: 1_000_000 }),
            max_record: Size(1 << 20),
            keys: Keys::Decide,
        }
    }
}

/// Where a record was put.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) shard: String,
    pub(super) sequence_number: String,
}

/// What decides the shard of a record.
#[derive(Clone, Copy)]
pub(super) enum ShardKey<'a> {
    Key(&'a str),
    Hash(u128),
    None,
}

impl Decoded<'_> {
    pub(super) fn shard_key(&self) -> ShardKey<'_> {
        match (self.explicit_hash_key, &self.key) {
            (Some(hash), _) => ShardKey::Hash(hash),
            (None, Some(key)) => ShardKey::Key(key),
            (None, None) => ShardKey::None,
        }
    }
}

pub(in crate::tools::emulator) struct Shards {
    pub(in crate::tools::emulator) streams: Streams,
    /// What each shard of each stream has taken.
    taken: HashMap<(String, u32), Taken>,
    sequence: u64,
}

/// What a shard has taken within the last second.
#[derive(Default)]
struct Taken {
    records: VecDeque<(Moment, usize)>,
    bytes: usize,
}

impl Shards {
    pub(in crate::tools::emulator) fn new(streams: Streams) -> Self {
        Self { streams, taken: HashMap::new(), sequence: 0 }
    }

    /// Puts a record of `size` bytes into a stream; `None` if its shard takes no more now.
    pub(super) fn put(&mut self, stream: &str, key: ShardKey<'_>, size: usize, now: Moment) -> Option<Place> {
        let number = self.number(key);
        if let Some(limit) = self.streams.limit {
            let taken = self.taken.entry((stream.to_owned(), number)).or_default();
            if !taken.take(limit, size, now) {
                return None;
            }
        }
        self.sequence += 1;
        Some(Place {
            shard: format!("shardId-{number:012}"),
            sequence_number: format!("496{:053}", self.sequence),
        })
    }

    fn number(&self, key: ShardKey<'_>) -> u32 {
        let hash = match (self.streams.keys, key) {
            (Keys::Decide, ShardKey::Hash(hash)) => hash,
            (Keys::Decide, ShardKey::Key(key)) => hashed(&key),
            (Keys::Ignored, _) | (_, ShardKey::None) => hashed(&self.sequence),
        };
        // The range of each shard is equally large.
        let shards = u128::from(self.streams.shards.get());
        u32::try_from(((hash >> 64) * shards) >> 64).unwrap_or_default()
    }
}

impl Taken {
    fn take(&mut self, limit: ShardLimit, size: usize, now: Moment) -> bool {
        while let Some((time, size)) = self.records.front()
            && now.since(*time) >= Duration::from_secs(1)
        {
            self.bytes -= size;
            self.records.pop_front();
        }
        // A record that is larger than the limit is taken if nothing else was.
        let fits = self.records.is_empty() || self.bytes + size <= limit.bytes;
        let taken = fits && self.records.len() < limit.records;
        if taken {
            self.records.push_back((now, size));
            self.bytes += size;
        }
        taken
    }
}

/// A hash of 128 bits.
fn hashed(key: &impl Hash) -> u128 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    u128::from(hasher.finish()) << 64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> Moment {
        Moment::after_start(Duration::from_millis(milliseconds))
    }

    /// Puts records of these sizes, at these milliseconds, under one key.
    #[track_caller]
    fn check(records: usize, bytes: usize, puts: &[(u64, usize, bool)]) {
        let limit = Some(ShardLimit { records, bytes });
        let mut shards = Shards::new(Streams { limit, ..Streams::default() });
        for (time, size, expected) in puts {
            let put = shards.put("s", ShardKey::Key("k"), *size, at(*time));
            assert_eq!(put.is_some(), *expected, "{size} at {time} ms");
        }
    }

    #[test]
    fn a_shard_takes_so_much_in_any_second() {
        check(2, 100, &[(0, 1, true), (500, 1, true), (999, 1, false), (1000, 1, true), (1499, 1, false)]);
        check(9, 100, &[(0, 60, true), (1, 41, false), (2, 40, true), (999, 1, false), (1000, 60, true)]);
        check(9, 100, &[(0, 101, true), (1, 1, false), (1000, 1, true), (1001, 101, false)]);
    }

    #[test]
    fn shards_and_streams_have_limits_of_their_own() {
        let limit = Some(ShardLimit { records: 1, bytes: 100 });
        let mut shards = Shards::new(Streams { limit, ..Streams::default() });
        let mut put =
            |stream, hash: u128| shards.put(stream, ShardKey::Hash(hash), 1, at(0)).map(|place| place.shard);
        assert_eq!(put("s", 0).as_deref(), Some("shardId-000000000000"));
        assert_eq!(put("s", 1), None);
        assert_eq!(put("t", 1).as_deref(), Some("shardId-000000000000"));
        assert_eq!(put("s", 1 << 126).as_deref(), Some("shardId-000000000001"));
        assert_eq!(put("s", u128::MAX).as_deref(), Some("shardId-000000000003"));
    }

    #[test]
    fn a_key_lives_on_one_shard_unless_keys_are_ignored() {
        let shards_of = |keys| {
            let mut shards = Shards::new(Streams { keys, limit: None, ..Streams::default() });
            let mut put = || shards.put("s", ShardKey::Key("k"), 1, at(0)).unwrap().shard;
            let mut found: Vec<_> = (0..100).map(|_| put()).collect();
            found.sort();
            found.dedup();
            found.len()
        };
        assert_eq!(shards_of(Keys::Decide), 1);
        assert_eq!(shards_of(Keys::Ignored), 4);
    }

    #[test]
    fn one_shard_takes_everything() {
        let mut shards = Shards::new(Streams { shards: NonZeroU32::MIN, ..Streams::default() });
        for hash in [0, u128::MAX] {
            let place = shards.put("s", ShardKey::Hash(hash), 1, at(0)).unwrap();
            assert_eq!(place.shard, "shardId-000000000000");
        }
    }

    #[test]
    fn sequence_numbers_grow() {
        let mut shards = Shards::new(Streams { limit: None, ..Streams::default() });
        let mut put = || shards.put("s", ShardKey::None, 1, at(0)).unwrap().sequence_number;
        let numbers = [put(), put()];
        assert!(numbers[0] < numbers[1] && numbers.iter().all(|number| number.len() == 56));
    }
}
