//! The destinations of each app event, according to the routes of the configuration.
//!
//! Knows nothing of how events are shown, nor of what a destination is.

use serde_json::Value;

use crate::{
    config::Config,
    core::{
        event::Delivery,
        route::{Route, RouteProblems, Router},
        units::text::DestinationName,
    },
};

pub(super) struct Routes {
    router: Router,
    names: Vec<DestinationName>,
}

impl Routes {
    /// The routes of `config`; `None` if everything goes to the only destination.
    ///
    /// # Errors
    /// If the routes are wrong.
    pub(super) fn new(config: &Config) -> Result<Option<Self>, RouteProblems> {
        if config.routes.is_empty() {
            return Ok(None);
        }
        let names = config.destinations().into_iter().map(|destination| destination.name).collect();
        Ok(Some(Self { router: config.router()?, names }))
    }

    /// The names of the destinations of each event, by the event's id. `ignored` or
    /// `dead_letter` stands for none.
    pub(super) fn of(&self, topic: &str, deliveries: &[Delivery]) -> Value {
        deliveries
            .iter()
            .map(|delivery| (delivery.event.id.to_string(), self.route(topic, delivery)))
            .collect()
    }

    fn route(&self, topic: &str, delivery: &Delivery) -> Value {
        match self.router.route(topic, delivery.origin.as_deref(), delivery.event.event_type) {
            Route::To(ids) => {
                ids.iter().filter_map(|id| self.names.get(usize::from(id.0))?.as_str().into()).collect()
            }
            Route::Ignore => "ignored".into(),
            Route::DeadLetter => "dead_letter".into(),
        }
    }
}
