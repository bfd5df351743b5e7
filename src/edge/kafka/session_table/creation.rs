//! Creates the table's topic if it is missing and the service may create it.

use std::time::{Duration, Instant};

use super::topic::{self, PARTITIONS};
use crate::{
    core::code::Code,
    edge::kafka::{admin::Admin, cluster::Cluster, codes},
};

/// How long to wait before the next attempt. Somebody may grant the right meanwhile.
const PAUSE: Duration = Duration::from_secs(5);

pub(super) struct TopicCreation {
    topic: String,
    cluster: Cluster,
    max_age: Duration,
    not_before: Option<Instant>,
    /// Why the last attempt failed, so that each reason is logged once.
    logged: Option<Code>,
}

impl TopicCreation {
    pub(super) fn new(topic: &str, cluster: &Cluster, max_age: Duration) -> Self {
        let (topic, cluster) = (topic.to_owned(), cluster.clone());
        Self { topic, cluster, max_age, not_before: None, logged: None }
    }

    /// Creates the topic, unless that was tried a moment ago. Returns whether it exists now.
    pub(super) fn attempt(&mut self, now: Instant) -> bool {
        if self.not_before.is_some_and(|at| now < at) {
            return false;
        }
        self.not_before = Some(now + PAUSE);
        let created = self.create();
        match created {
            Ok(()) => tracing::info!(topic = self.topic, "session table is created"),
            Err(code) if self.logged != Some(code) => tracing::warn!(
                topic = self.topic, %code,
                "session table does not exist and cannot be created; create it, or allow the service to"
            ),
            Err(_) => {}
        }
        self.logged = created.err();
        created.is_ok()
    }

    fn create(&self) -> Result<(), Code> {
        let admin = Admin::new(&self.cluster).map_err(|_| Code("set_up"))?;
        let settings = topic::settings(self.max_age);
        let settings = settings.each_ref().map(|(name, value)| (*name, value.as_str()));
        admin.create(&self.topic, PARTITIONS, &settings).map_err(|error| codes::code(&error))
    }
}
