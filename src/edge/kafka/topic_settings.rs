//! The configuration of a topic, as the brokers report it.

use std::{collections::BTreeMap, time::Duration};

#[derive(Debug, Default)]
pub struct TopicSettings(BTreeMap<String, String>);

impl TopicSettings {
    /// Whether `cleanup.policy` has `policy`. Kafka's default is `delete` alone.
    #[must_use]
    pub fn cleans_up_by(&self, policy: &str) -> bool {
        let policies = self.get("cleanup.policy").unwrap_or("delete");
        policies.split(',').any(|one| one.trim() == policy)
    }

    /// How long records are kept by `retention.ms`; `None` means for ever.
    #[must_use]
    pub fn retention(&self) -> Option<Duration> {
        // A negative number means for ever.
        self.get("retention.ms")?.parse().ok().map(Duration::from_millis)
    }

    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for TopicSettings {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(settings: I) -> Self {
        Self(settings.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}
