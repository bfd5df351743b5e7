//! This replica's share of a quota, which depends on the partitions that it owns. Replicas do not communicate
//! about it.
//!
//! Knows nothing of time and requests. What always holds: the whole requests per second of all replicas
//! together are within the quota's rate (invariant 5), as long as the rate of each is at least one.
//!
//! Rates are whole numbers, because several replicas may each send their maximum in the same second: two
//! replicas with 7.5 requests each that round up would send 16 in one second. So each partition brings whole
//! requests, or none if there are more partitions than requests, and its owner sends them: the whole rate is
//! used. A replica with a share of less than two requests per second cannot count on such a partition, and
//! sends one at most. A rate below one request per second is one request in a longer time.
//! Because replicas do not communicate, several of them may send such requests in the same second.

use std::{collections::HashMap, sync::Arc};

use crate::core::record::Assignment;

/// 2^64 divided by the golden ratio. Its multiples, modulo 2^64, spread evenly, however many there are
/// (Fibonacci hashing; Knuth, The Art of Computer Programming, volume 3, section 6.4).
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// The requests per second of a replica whose partitions bring none although its share is one or more.
const LESS_THAN_ONE: f64 = 0.5;

/// A share of a quota.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct QuotaShare {
    /// The fraction of the whole quota, 0 to 1.
    pub(super) share: f64,
    /// Requests per second: a whole number, or less than one.
    pub(super) rate: f64,
}

impl QuotaShare {
    /// Creates this share of a quota of `rate` requests per second.
    pub(super) fn of(rate: f64, share: f64) -> Self {
        let whole = whole(rate * share);
        Self { share, rate: if whole >= 1.0 { whole } else { rate * share } }
    }

    /// A share that is too small to depend on which partitions bring a request: `fair` requests per second if
    /// all were equal. It is one request per second at most, and less if no partition brings one.
    fn small(fair: f64, brought: usize, share: f64) -> Self {
        let most = if brought > 0 { 1.0 } else { LESS_THAN_ONE };
        Self { share, rate: if whole(fair) >= 1.0 { most } else { fair } }
    }

    /// No share of a quota.
    const NONE: Self = Self { share: 0.0, rate: 0.0 };
}

/// The partitions of the subscribed topics, in an order that all replicas agree on.
#[derive(Debug, Default)]
pub(super) struct Partitions {
    /// For each topic, the place of its first partition in that order, and the number of its partitions.
    topics: HashMap<Arc<str>, (usize, usize)>,
    /// The rank of each partition in that order. Requests that cannot be shared out evenly go to the lowest
    /// ranks.
    ranks: Vec<usize>,
}

impl Partitions {
    /// Creates the order of the partitions of these topics, each given with its number of partitions.
    pub(super) fn new(mut topics: Vec<(Arc<str>, usize)>) -> Self {
        topics.sort_unstable();
        let mut total = 0;
        let mut place = |(topic, count)| {
            let first = total;
            total += count;
            (topic, (first, count))
        };
        let topics = topics.into_iter().map(&mut place).collect();
        Self { topics, ranks: ranks(total) }
    }

    /// The share of a quota of `rate` requests per second that comes with these partitions. The shares of all
    /// replicas add up to no more than the whole, although no replica knows of the others.
    ///
    /// While the partitions are unknown, the share is one request per second, or the rate if that is lower.
    /// This stays within the rate for as many replicas as the rate has requests, and is enough for a single
    /// replica until then.
    pub(super) fn part<'a>(&self, rate: f64, owned: impl IntoIterator<Item = &'a Assignment>) -> QuotaShare {
        let places: Vec<Option<usize>> = owned.into_iter().map(|partition| self.place(partition)).collect();
        let (owned, total) = (places.len(), self.ranks.len());
        if owned == 0 {
            return QuotaShare::NONE;
        }
        if total == 0 {
            return QuotaShare::of(rate, (1.0 / rate).min(1.0));
        }
        #[expect(clippy::cast_precision_loss, reason = "numbers of partitions are far below 2^52")]
        let share = owned as f64 / total.max(owned) as f64;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate is positive")]
        let requests = whole(rate) as usize;
        let (each, left) = (requests / total, requests % total);
        let brings = |place: usize| each + usize::from(self.ranks[place] < left);
        // A new partition brings nothing until it is known.
        let sum: usize = places.into_iter().flatten().map(brings).sum();
        if total > requests && (sum == 0 || rate * share < 2.0) {
            return QuotaShare::small(rate * share, sum, share);
        }
        #[expect(clippy::cast_precision_loss, reason = "within the rate")]
        let rate = sum.max(1) as f64;
        QuotaShare { share, rate }
    }

    fn place(&self, partition: &Assignment) -> Option<usize> {
        let (first, count) = self.topics.get(&partition.topic)?;
        let number = usize::try_from(partition.partition).ok()?;
        (number < *count).then_some(first + number)
    }
}

/// The rank of each of `total` places. The lowest ranks are spread evenly, both over neighbouring places and
/// over any stride, because assignors give a replica one or the other.
fn ranks(total: usize) -> Vec<usize> {
    let mut places: Vec<usize> = (0..total).collect();
    places.sort_unstable_by_key(|place| (*place as u64).wrapping_mul(GOLDEN));
    let mut ranks = vec![0; total];
    for (rank, place) in places.into_iter().enumerate() {
        ranks[place] = rank;
    }
    ranks
}

/// The whole requests of a rate. A rate that should be a whole number may have come out slightly smaller.
fn whole(rate: f64) -> f64 {
    (rate + 1e-6).floor()
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::core::record::Ownership;

    fn of(topic: &str, partition: usize) -> Assignment {
        let partition = i32::try_from(partition).expect("a few");
        Assignment::new(Ownership(0), topic.into(), partition)
    }

    /// The rates of `replicas` replicas, each of which owns every `replicas`-th one of `total` partitions.
    fn rates(rate: f64, total: usize, replicas: usize) -> Vec<f64> {
        let partitions = Partitions::new(vec![("a".into(), total)]);
        let part = |replica| {
            let owned: Vec<_> = (replica..total).step_by(replicas).map(|number| of("a", number)).collect();
            partitions.part(rate, &owned).rate
        };
        (0..replicas).map(part).collect()
    }

    #[track_caller]
    fn check(rates: &[f64], expected: &[f64]) {
        assert!(
            rates.len() == expected.len() && rates.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9),
            "{rates:?} for {expected:?}"
        );
    }

    #[test]
    fn the_whole_of_the_rate_is_shared_out() {
        check(&rates(15.0, 4, 1), &[15.0]);
        check(&rates(15.0, 2, 2), &[8.0, 7.0]);
        check(&rates(15.0, 4, 4), &[4.0, 4.0, 4.0, 3.0]);
        check(&rates(15.0, 12, 2), &[8.0, 7.0]);
        check(&rates(15.0, 15, 2), &[8.0, 7.0]);
        check(&rates(2.5, 1, 1), &[2.0]);
    }

    #[test]
    fn more_partitions_than_requests_share_out_the_whole_rate_too() {
        check(&rates(15.0, 16, 2), &[7.0, 8.0]);
        check(&rates(15.0, 64, 3), &[5.0, 5.0, 5.0]);
        check(&rates(15.0, 1000, 1), &[15.0]);
    }

    #[test]
    fn a_small_part_is_one_request_a_second_or_less() {
        check(&rates(15.0, 30, 10)[..4], &[1.0, LESS_THAN_ONE, 1.0, 1.0]);
        check(&rates(15.0, 30, 30)[..2], &[0.5, 0.5]);
        check(&rates(0.5, 1, 1), &[0.5]);
    }

    #[test]
    fn one_request_a_second_is_sent_until_the_partitions_are_known() {
        for (rate, expected) in [(15.0, 1.0), (1000.0, 1.0), (0.5, 0.5)] {
            check(&[Partitions::default().part(rate, &[of("a", 0), of("a", 1)]).rate], &[expected]);
        }
        let older = Partitions::new(vec![("a".into(), 2)]);
        check(&[older.part(15.0, &[of("a", 2)]).rate, older.part(15.0, &[of("b", 0)]).rate], &[1.0, 1.0]);
    }

    #[test]
    fn nothing_comes_with_nothing() {
        assert_eq!(Partitions::new(vec![("a".into(), 2)]).part(15.0, &[]), QuotaShare::NONE);
        assert_eq!(Partitions::default().part(15.0, &[]), QuotaShare::NONE);
    }

    #[test]
    fn a_share_is_of_all_partitions() {
        let partitions = Partitions::new(vec![("a".into(), 1), ("b".into(), 3)]);
        let share = partitions.part(15.0, &[of("b", 1)]).share;
        assert!((share - 0.25).abs() < 1e-9, "{share}");
    }

    proptest! {
        /// No matter how partitions are assigned, all replicas together send the rate: never more, and not
        /// less without need.
        #[test]
        fn invariant_5_all_parts_add_up_to_the_rate(
            rate in 1_u32..60,
            topics in vec(1_usize..6, 1..5),
            owners in vec(0_usize..5, 32),
        ) {
            let mut topics: Vec<(Arc<str>, usize)> =
                topics.into_iter().enumerate().map(|(topic, count)| (topic.to_string().into(), count)).collect();
            let all: Vec<_> =
                topics.iter().flat_map(|(topic, count)| (0..*count).map(|number| of(topic, number))).collect();
            let owned = |replica| {
                let mine = |(partition, owner)| (owner == replica).then_some(partition);
                all.iter().zip(owners.iter().copied()).filter_map(mine).collect::<Vec<_>>()
            };
            let mut sum = 0.0;
            for replica in 0..5 {
                // Each replica may list the topics in a different order.
                topics.rotate_left(1);
                let part = Partitions::new(topics.clone()).part(f64::from(rate), owned(replica));
                prop_assert!(part.rate <= 0.0 || part.rate >= 1.0 || all.len() > rate as usize);
                sum += if part.rate < 1.0 { 0.0 } else { part.rate };
            }
            prop_assert!(sum <= f64::from(rate));
            prop_assert!(all.len() > rate as usize || sum >= f64::from(rate));
        }

        /// Assignors give a replica neighbouring partitions or every n-th one.
        #[test]
        fn a_few_replicas_send_the_whole_rate_however_many_partitions_there_are(
            rate in 10_u32..60,
            each in 1_usize..50,
            replicas in 1_usize..5,
        ) {
            let sum: f64 = rates(f64::from(rate), each * replicas, replicas).iter().sum();
            prop_assert!((sum - f64::from(rate)).abs() < 1e-9, "{sum}");
        }

        /// Replicas with the same number of partitions send the same number of requests, give or take a few.
        #[test]
        fn what_is_left_is_spread_evenly(rate in 2_u32..60, each in 1_usize..16, replicas in 2_usize..5) {
            let total = each * replicas;
            prop_assume!(total <= rate as usize);
            let partitions = Partitions::new(vec![("a".into(), total)]);
            let apart = rates(f64::from(rate), total, replicas);
            let side_by_side = (0..replicas).map(|replica| {
                let owned: Vec<_> = (replica * each..(replica + 1) * each).map(|number| of("a", number)).collect();
                partitions.part(f64::from(rate), &owned).rate
            });
            for rates in [apart, side_by_side.collect()] {
                let least = rates.iter().copied().fold(f64::MAX, f64::min);
                let most = rates.iter().copied().fold(0.0, f64::max);
                prop_assert!(most - least <= 4.0, "{rates:?}");
            }
        }
    }
}
