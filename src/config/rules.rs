//! Settings that must agree with one another, and settings whose problems need words of their own.
//!
//! Knows where each value was written, and nothing else about the file.

use crate::{
    config::{Config, Purpose, problem::Problems, tree::YamlNode},
    core::{
        dead_letter::config::DeadLetterConfig,
        decode::{Format, config::Choice, custom::Filter},
        map::config::{
            endpoint::PlaceSource,
            event::{LONGEST_KEY, MOST_KEYS, OWN_ATTRIBUTES},
        },
    },
    edge::kafka::properties,
};

mod destinations;

/// Adds the problems of `config`, which was read from `tree`.
pub(super) fn check(config: &Config, tree: &YamlNode, purpose: Purpose, problems: &mut Problems) {
    let mut rules = Rules { tree, purpose, problems };
    rules.source(config);
    rules.formats(config);
    rules.destinations(config);
    rules.dead_letters(config);
    rules.redrive(config);
    rules.table(config);
    rules.times(config);
    rules.endpoint(config);
    rules.event(config);
}

struct Rules<'a> {
    tree: &'a YamlNode,
    purpose: Purpose,
    problems: &'a mut Problems,
}

impl Rules<'_> {
    fn source(&mut self, config: &Config) {
        let source = &config.source;
        self.brokers(&["source", "brokers"], &source.brokers);
        if source.group.is_empty() || source.group.len() > 255 {
            self.problem(&["source", "group"], "must be a name of 1 to 255 characters");
        }
        for (name, value) in &source.properties {
            if let Err(refused) = properties::check(name, value) {
                self.problem(&["source", "properties", name], &refused.to_string());
            }
        }
    }

    fn brokers(&mut self, path: &[&str], brokers: &str) {
        let broker = |broker: &str| !broker.trim().is_empty() && !broker.trim().contains(char::is_whitespace);
        if !brokers.split(',').all(broker) {
            self.problem(path, "must be host:port, several separated by commas");
        }
    }

    fn formats(&mut self, config: &Config) {
        let source = &config.source;
        for topic in source.formats.keys().filter(|topic| !source.topics.iter().any(|one| **one == ***topic))
        {
            self.problem(&["source", "formats", topic], "is not one of `source.topics`");
        }
        let path = ["source", "custom"];
        let custom = Choice::Named(Format::CUSTOM);
        let is_custom = source.format == custom || source.formats.values().any(|format| *format == custom);
        match source.custom.as_deref().map(Filter::compile) {
            None if is_custom => self.problem(&path, "must be given with the format `custom`: a jq filter"),
            Some(Ok(_)) if !is_custom => self.problem(&path, "is used only by the format `custom`"),
            Some(Err(refused)) => self.problem(&path, &refused.to_string()),
            None | Some(Ok(_)) => {}
        }
    }

    fn dead_letters(&mut self, config: &Config) {
        let DeadLetterConfig::Topic(topic) = &config.dead_letter.target else { return };
        let path = ["dead_letter", "topic"];
        if config.source.topics.contains(topic) {
            self.problem(&path, "must not be one of `source.topics`: dead letters would be read as records");
        }
    }

    fn redrive(&mut self, config: &Config) {
        let redrive = &config.redrive;
        if redrive.secret.as_ref().is_some_and(|secret| secret.0.chars().count() < 16) {
            self.problem(&["redrive", "secret"], "must be a text of at least 16 characters");
        }
        if redrive.topic.as_ref().is_some_and(|topic| !config.source.topics.contains(topic)) {
            self.problem(
                &["redrive", "topic"],
                "must be one of `source.topics`: nobody reads what is redriven",
            );
        }
    }

    fn table(&mut self, config: &Config) {
        let Some(table) = &config.sessions.table else { return };
        let path = ["sessions", "table", "topic"];
        if config.source.topics.contains(&table.topic) {
            self.problem(&path, "must not be one of `source.topics`: sessions would be read as records");
        } else if config.dead_letter.target == DeadLetterConfig::Topic(table.topic.clone()) {
            self.problem(&path, "must not be `dead_letter.topic`: dead letters would be compacted away");
        }
    }

    fn times(&mut self, config: &Config) {
        let sessions = &config.sessions;
        if sessions.timeout.is_some_and(|timeout| sessions.pause_after.is_some_and(|pause| timeout <= pause))
        {
            self.problem(&["sessions", "timeout"], "must be longer than `sessions.pause_after`");
        }
        let longest = sessions.timeout.max(sessions.pause_after);
        if longest.is_some_and(|longest| longest > sessions.max_age) {
            let text = "must not be shorter than `sessions.pause_after` and `sessions.timeout`";
            self.problem(&["sessions", "max_age"], text);
        }
        let properties = &config.source.properties;
        let poll = properties.get("max.poll.interval.ms").and_then(|millis| millis.parse().ok());
        if config.source.revoke_timeout.0.as_millis() >= poll.unwrap_or(MAX_POLL_INTERVAL_MS) {
            self.problem(
                &["source", "revoke_timeout"],
                "must be shorter than the property `max.poll.interval.ms` (5 minutes by default), \
                 after which the group removes a member",
            );
        }
    }

    fn endpoint(&mut self, config: &Config) {
        let endpoint = &config.endpoint;
        if endpoint.secret.as_ref().is_some_and(|secret| secret.0.chars().count() < 16) {
            self.problem(&["endpoint", "secret"], "must be a text of at least 16 characters");
        }
        self.keys(&["endpoint", "attributes"], endpoint.attributes.keys(), &[]);
        self.keys(&["endpoint", "user_attributes"], endpoint.user_attributes.keys(), &[]);
        if let Some(opt_out) = &endpoint.opt_out {
            let same = |one: &String| opt_out.none.iter().any(|other| other.eq_ignore_ascii_case(one));
            if opt_out.all.is_empty() && opt_out.none.is_empty() || opt_out.all.iter().any(same) {
                let text = "needs values in `all` or `none`, and no value in both";
                self.problem(&["endpoint", "opt_out"], text);
            }
        }
        if let Some(location) = &endpoint.location {
            let asked = location.from.contains(&PlaceSource::Ip);
            let named = location.database.as_ref().is_some_and(|path| !path.is_empty());
            let path = ["endpoint", "location", "database"];
            match (asked, named) {
                (true, false) => self.problem(&path, "must be given, because `from` has `ip`"),
                (false, true) => self.problem(&path, "has no effect unless `from` has `ip`"),
                _ => {}
            }
        }
    }

    fn event(&mut self, config: &Config) {
        let event = &config.event;
        self.keys(&["event", "attributes"], event.attributes.keys(), &OWN_ATTRIBUTES);
        self.keys(&["event", "metrics"], event.metrics.keys(), &[]);
        if event.attributes.len() + event.metrics.len() + OWN_ATTRIBUTES.len() > MOST_KEYS {
            self.problem(
                &["event"],
                "may have 32 attributes and metrics in total: an event can hold 40, and the service uses 8",
            );
        }
    }

    /// Checks the names of attributes and metrics, of which the service reserves `own`.
    fn keys<'k>(&mut self, path: &[&str], keys: impl Iterator<Item = &'k String>, own: &[&str]) {
        for key in keys {
            let path: Vec<_> = path.iter().copied().chain([&**key]).collect();
            if key.is_empty() || key.chars().count() > LONGEST_KEY {
                self.problem(&path, "must have a name of 1 to 50 characters");
            } else if own.contains(&&**key) {
                self.problem(&path, "is reserved by the service: choose another name");
            }
        }
    }

    fn problem(&mut self, path: &[&str], text: &str) {
        self.problems.add(path, self.tree.origin_of(path), text);
    }
}

/// The default of librdkafka.
const MAX_POLL_INTERVAL_MS: u128 = 300_000;
