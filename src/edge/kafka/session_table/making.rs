//! Makes the table's topic where there is none and the service may.

use std::time::{Duration, Instant};

use super::topic::{self, PARTITIONS};
use crate::{
    core::{code::Code, session_table::config::TableConfig},
    edge::kafka::{admin::Admin, client::Cluster, codes, config::SourceConfig},
};

/// How long to wait before it is tried again: somebody may have given the right to.
const PAUSE: Duration = Duration::from_secs(5);

/// Who makes the topic.
pub(super) struct Maker {
    topic: String,
    source: SourceConfig,
    max_age: Duration,
    not_before: Option<Instant>,
    /// Why it could not be made, as was told last.
    told: Option<Code>,
}

impl Maker {
    pub(super) fn new(config: &TableConfig, source: &SourceConfig, max_age: Duration) -> Self {
        let topic = config.topic.to_string();
        Self { topic, source: source.clone(), max_age, not_before: None, told: None }
    }

    /// Makes the topic, unless that was tried a moment ago; says whether it was made, by whomever.
    pub(super) fn make(&mut self, now: Instant) -> bool {
        if self.not_before.is_some_and(|at| now < at) {
            return false;
        }
        self.not_before = Some(now + PAUSE);
        match self.try_to() {
            Ok(()) => {
                tracing::info!(topic = self.topic, "sessions' table is made");
                self.told = None;
                true
            }
            Err(code) => {
                if self.told.replace(code) != Some(code) {
                    tracing::warn!(
                        topic = self.topic, %code,
                        "sessions' table does not exist and cannot be made; make it, or allow the service to"
                    );
                }
                false
            }
        }
    }

    fn try_to(&self) -> Result<(), Code> {
        let admin = Admin::new(&Cluster::from(&self.source)).map_err(|_| Code("set_up"))?;
        let settings = topic::settings(self.max_age);
        let settings = settings.each_ref().map(|(name, value)| (*name, value.as_str()));
        admin.create(&self.topic, PARTITIONS, &settings).map_err(|error| codes::code(&error))
    }
}
