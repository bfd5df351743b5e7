//! The oracle: compares the ids that should have arrived with those that did.
//!
//! Knows nothing of what the ids belong to: accepted events, dead letters, anything.

use std::collections::{BTreeMap, BTreeSet};

/// The result of a comparison, empty for a perfect delivery.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Expected ids that never arrived.
    pub(crate) missing: BTreeSet<String>,
    /// Ids that arrived but were not expected.
    pub(crate) unexpected: BTreeSet<String>,
    /// Ids that arrived more than once, with the number of extra arrivals.
    pub(crate) duplicates: BTreeMap<String, usize>,
}

impl Verdict {
    /// Compares the ids that should have arrived, once each, with those that arrived.
    pub(crate) fn of<E: Into<String>, A: Into<String>>(
        expected: impl IntoIterator<Item = E>,
        arrived: impl IntoIterator<Item = A>,
    ) -> Self {
        let expected: BTreeSet<String> = expected.into_iter().map(Into::into).collect();
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for id in arrived {
            *counts.entry(id.into()).or_default() += 1;
        }
        let arrived: BTreeSet<String> = counts.keys().cloned().collect();
        counts.retain(|_, count| *count > 1);
        for count in counts.values_mut() {
            *count -= 1;
        }
        Self { missing: &expected - &arrived, unexpected: &arrived - &expected, duplicates: counts }
    }

    /// How often an id arrived again.
    pub(crate) fn repeated(&self) -> usize {
        self.duplicates.values().sum()
    }

    /// Asserts that everything arrived and nothing else. The test judges duplicates itself.
    #[track_caller]
    pub(crate) fn assert_complete(&self) {
        let few = |ids: &BTreeSet<String>| ids.iter().take(5).cloned().collect::<Vec<_>>();
        let (missing, unexpected) = (&self.missing, &self.unexpected);
        assert!(missing.is_empty(), "{} never arrived, such as {:?}", missing.len(), few(missing));
        assert!(unexpected.is_empty(), "{} never sent, such as {:?}", unexpected.len(), few(unexpected));
    }

    /// Asserts that everything arrived once, and nothing else.
    #[track_caller]
    pub(crate) fn assert_exact(&self) {
        self.assert_complete();
        let few: Vec<_> = self.duplicates.keys().take(5).collect();
        assert_eq!(self.repeated(), 0, "arrived more than once, such as {few:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expected: &str, arrived: &str, missing: &str, unexpected: &str, repeated: usize) {
        let verdict = Verdict::of(expected.split_whitespace(), arrived.split_whitespace());
        let joined = |ids: &BTreeSet<String>| ids.iter().cloned().collect::<Vec<_>>().join(" ");
        assert_eq!(
            (joined(&verdict.missing).as_str(), joined(&verdict.unexpected).as_str()),
            (missing, unexpected)
        );
        assert_eq!(verdict.repeated(), repeated);
    }

    #[test]
    fn missing_unexpected_and_repeated_ids_are_found() {
        check("a b", "b a", "", "", 0);
        check("a b", "b", "a", "", 0);
        check("a", "a b", "", "b", 0);
        check("a b", "a a a b b", "", "", 3);
        check("", "", "", "", 0);
    }
}
