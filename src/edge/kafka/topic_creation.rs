//! Creates a missing topic of the service's own, if the service may.

use std::{
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use rdkafka::{consumer::BaseConsumer, error::KafkaResult};

use super::{
    admin::Admin,
    cluster::{Cluster, StartError, Take},
    codes,
    log::Silent,
    lookups::{Lookups, TopicState},
};
use crate::core::code::Code;

/// How long to wait before the next attempt. Somebody may grant the right meanwhile.
const PAUSE: Duration = Duration::from_secs(5);

/// How long the brokers may take to say whether the topic exists.
const TIMEOUT: Duration = Duration::from_secs(10);

pub struct NewTopic {
    pub name: String,
    /// What it is for, as the log calls it.
    pub purpose: &'static str,
    pub partitions: i32,
    pub settings: Vec<(&'static str, String)>,
}

pub struct TopicCreation {
    topic: NewTopic,
    cluster: Cluster,
    not_before: Option<Instant>,
    /// Why the last attempt failed, so that each reason is logged once.
    logged: Option<Code>,
}

/// Ends the attempts in the background when it is dropped.
pub struct Background {
    _stop: mpsc::SyncSender<()>,
}

impl TopicCreation {
    #[must_use]
    pub fn new(topic: NewTopic, cluster: &Cluster) -> Self {
        Self { topic, cluster: cluster.clone(), not_before: None, logged: None }
    }

    /// Creates the topic, unless that was tried a moment ago. Returns whether it exists now.
    pub fn attempt(&mut self, now: Instant) -> bool {
        if self.not_before.is_some_and(|at| now < at) {
            return false;
        }
        self.not_before = Some(now + PAUSE);
        let created = self.create();
        let NewTopic { name, purpose, .. } = &self.topic;
        match created {
            Ok(()) => tracing::info!(topic = name, purpose, "topic is created"),
            Err(code) if self.logged != Some(code) => tracing::warn!(
                topic = name, purpose, %code,
                "topic does not exist and cannot be created; create it, or allow the service to"
            ),
            Err(_) => {}
        }
        self.logged = created.err();
        created.is_ok()
    }

    /// Creates the topic in a thread of its own, if it does not exist, with attempts until it does.
    ///
    /// # Errors
    /// If librdkafka refuses a property, or no thread can be started.
    pub fn in_background(mut self) -> Result<Background, StartError> {
        let owned = [("allow.auto.create.topics", "false"), ("group.id", "pinpoint-sidecar")];
        let client = self.cluster.client(&[], Take::Connection, &owned);
        let consumer: BaseConsumer<Silent> = client.create_with_context(Silent)?;
        let (stop, stopped) = mpsc::sync_channel(0);
        thread::Builder::new()
            .name("topic-creation".to_owned())
            .spawn(move || self.keep_trying(&consumer, &stopped))
            .map_err(StartError::Thread)?;
        Ok(Background { _stop: stop })
    }

    fn keep_trying(&mut self, consumer: &BaseConsumer<Silent>, stopped: &Receiver<()>) {
        loop {
            match self.is_missing(consumer) {
                Ok(false) => return,
                #[expect(clippy::disallowed_methods, reason = "an edge reads the clock")]
                Ok(true) if self.attempt(Instant::now()) => return,
                // Unreachable brokers show in many other places.
                Ok(true) | Err(_) => {}
            }
            if stopped.recv_timeout(PAUSE) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
    }

    fn is_missing(&self, consumer: &BaseConsumer<Silent>) -> KafkaResult<bool> {
        Ok(Lookups::new(consumer, TIMEOUT).topic(&self.topic.name)? == TopicState::Missing)
    }

    fn create(&self) -> Result<(), Code> {
        let admin = Admin::new(&self.cluster).map_err(|_| Code("set_up"))?;
        let settings: Vec<_> =
            self.topic.settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let created = admin.create(&self.topic.name, self.topic.partitions, &settings);
        created.map_err(|error| codes::code(&error))
    }
}
