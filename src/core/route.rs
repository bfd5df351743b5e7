//! Decides which destinations an app event goes to. The first matching route wins.
//!
//! Each route is indexed by one of its conditions, the one with the rarest values, so that a thousand routes
//! that differ in one condition cost as much as one. Knows nothing of the destinations themselves.

use std::collections::HashMap;

use thiserror::Error;

use crate::core::{
    destination::DestinationId,
    event::{EventType, Origin},
    route::config::{RouteConfig, Unrouted},
    units::text::DestinationName,
};

pub mod config;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route<'r> {
    /// To these destinations; there is at least one. Each must accept the event.
    To(&'r [DestinationId]),
    /// Nowhere: the event is deliberately ignored.
    Ignore,
    /// To the dead letters: no route matches, and the configuration asks for a dead letter.
    DeadLetter,
}

/// All routes, in the order of the configuration.
#[derive(Debug)]
pub struct Router {
    routes: Vec<Compiled>,
    unrouted: Unrouted,
    /// For each field and text, the routes that are indexed by it, in order.
    index: HashMap<ConditionField, HashMap<Box<str>, Vec<usize>>>,
    /// The first route without conditions.
    catch_all: Option<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the routes have {} problems", .0.len())]
pub struct RouteProblems(pub Vec<RouteProblem>);

/// A problem of the routes. A route is identified by its index in the list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RouteProblem {
    /// There are several destinations and no routes.
    NoRoutes,
    /// There are routes, but `unrouted` is not set.
    NoUnrouted,
    /// A route names no destination.
    Nowhere { route: usize },
    /// A destination that a route names, at this index, does not exist.
    Unknown { route: usize, place: usize },
    /// No route leads to the destination, or only routes after one that matches everything.
    Unreached(DestinationName),
}

impl Router {
    /// Creates the router that sends everything to the only destination.
    #[must_use]
    pub fn to_the_only_one() -> Self {
        let everything = Compiled { conditions: Vec::new(), to: vec![DestinationId(0)] };
        Self::of(vec![everything], Unrouted::DeadLetter)
    }

    /// Creates the router for `destinations`, whose ids are their indices.
    ///
    /// # Errors
    /// If anything is wrong with the routes; all problems are listed.
    pub fn new(
        destinations: &[DestinationName],
        routes: &[RouteConfig],
        unrouted: Option<Unrouted>,
    ) -> Result<Self, RouteProblems> {
        let problems = problems(destinations, routes, unrouted);
        if !problems.is_empty() {
            return Err(RouteProblems(problems));
        }
        // Without routes there is one destination.
        let Some(unrouted) = unrouted.filter(|_| !routes.is_empty()) else {
            return Ok(Self::to_the_only_one());
        };
        Ok(Self::of(routes.iter().map(|route| Compiled::new(route, destinations)).collect(), unrouted))
    }

    /// Whether events must carry their [`Origin`].
    #[must_use]
    pub fn needs_origin(&self) -> bool {
        let of_origin = |field: &ConditionField| {
            matches!(field, ConditionField::Realm | ConditionField::Provider | ConditionField::Client)
        };
        self.routes.iter().flat_map(|route| &route.conditions).any(|(field, _)| of_origin(field))
    }

    /// Returns the route of an event from a record of `topic`.
    #[must_use]
    pub fn route(&self, topic: &str, origin: Option<&Origin>, event_type: EventType) -> Route<'_> {
        let properties = EventProperties { topic, origin, event_type };
        let matching =
            |found: &[usize]| found.iter().copied().find(|at| self.routes[*at].matches(&properties));
        match self.found(&properties).filter_map(matching).chain(self.catch_all).min() {
            Some(first) => Route::To(&self.routes[first].to),
            None => match self.unrouted {
                Unrouted::Ignore => Route::Ignore,
                Unrouted::DeadLetter => Route::DeadLetter,
            },
        }
    }

    fn of(routes: Vec<Compiled>, unrouted: Unrouted) -> Self {
        let mut uses: HashMap<(ConditionField, &str), usize> = HashMap::new();
        for (field, text) in routes.iter().flat_map(Compiled::texts) {
            *uses.entry((field, text)).or_default() += 1;
        }
        let mut index: HashMap<ConditionField, HashMap<Box<str>, Vec<usize>>> = HashMap::new();
        for (at, route) in routes.iter().enumerate() {
            let common = |(field, texts): &&(ConditionField, Vec<Box<str>>)| {
                texts.iter().map(|text| uses[&(*field, &**text)]).max()
            };
            let Some((field, texts)) = route.conditions.iter().min_by_key(common) else { continue };
            for text in texts {
                index.entry(*field).or_default().entry(text.clone()).or_default().push(at);
            }
        }
        let catch_all = routes.iter().position(|route| route.conditions.is_empty());
        Self { routes, unrouted, index, catch_all }
    }

    /// The routes that may match: for each text of `properties`, those indexed by it.
    fn found<'s>(&'s self, properties: &'s EventProperties<'_>) -> impl Iterator<Item = &'s [usize]> {
        self.index.iter().flat_map(|(field, by_text)| {
            let texts = properties.texts(*field).into_iter().flatten();
            texts.filter_map(|text| by_text.get(text).map(Vec::as_slice))
        })
    }
}

/// A route with its conditions as sorted texts and its destinations as ids.
#[derive(Debug)]
struct Compiled {
    conditions: Vec<(ConditionField, Vec<Box<str>>)>,
    to: Vec<DestinationId>,
}

impl Compiled {
    fn new(route: &RouteConfig, destinations: &[DestinationName]) -> Self {
        let events: Vec<Box<str>> = route.event.iter().map(|event| event.name().into()).collect();
        let conditions = [
            (ConditionField::Realm, route.realm.to_vec()),
            (ConditionField::Provider, route.provider.to_vec()),
            (ConditionField::Client, route.client.to_vec()),
            (ConditionField::Topic, route.topic.to_vec()),
            (ConditionField::Event, events),
        ];
        let mut conditions: Vec<_> = conditions.into_iter().filter(|(_, texts)| !texts.is_empty()).collect();
        for (_, texts) in &mut conditions {
            texts.sort_unstable();
            texts.dedup();
        }
        let mut to: Vec<_> = route.to.iter().filter_map(|name| id(name, destinations)).collect();
        to.sort_unstable();
        to.dedup();
        Self { conditions, to }
    }

    fn texts(&self) -> impl Iterator<Item = (ConditionField, &str)> {
        self.conditions.iter().flat_map(|(field, texts)| texts.iter().map(|text| (*field, &**text)))
    }

    fn matches(&self, properties: &EventProperties<'_>) -> bool {
        let has = |texts: &[Box<str>], text: &str| texts.binary_search_by(|one| (**one).cmp(text)).is_ok();
        self.conditions
            .iter()
            .all(|(field, texts)| properties.texts(*field).into_iter().flatten().any(|text| has(texts, text)))
    }
}

/// The field that a condition tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum ConditionField {
    Realm,
    Provider,
    Client,
    Topic,
    Event,
}

/// The properties of an event that routes test.
struct EventProperties<'s> {
    topic: &'s str,
    origin: Option<&'s Origin>,
    event_type: EventType,
}

impl<'s> EventProperties<'s> {
    /// The texts of a field. A condition holds if it lists one of them.
    fn texts(&self, field: ConditionField) -> [Option<&'s str>; 2] {
        let origin = self.origin;
        match field {
            ConditionField::Realm => [
                origin.and_then(|origin| origin.realm_id.as_deref()),
                origin.and_then(|origin| origin.realm_name.as_deref()),
            ],
            ConditionField::Provider => [origin.map(|origin| &*origin.provider), None],
            ConditionField::Client => [origin.and_then(|origin| origin.client.as_deref()), None],
            ConditionField::Topic => [Some(self.topic), None],
            ConditionField::Event => [Some(self.event_type.name()), None],
        }
    }
}

fn id(name: &DestinationName, destinations: &[DestinationName]) -> Option<DestinationId> {
    let place = destinations.iter().position(|one| one == name)?;
    u16::try_from(place).ok().map(DestinationId)
}

fn problems(
    destinations: &[DestinationName],
    routes: &[RouteConfig],
    unrouted: Option<Unrouted>,
) -> Vec<RouteProblem> {
    if routes.is_empty() {
        return if destinations.len() > 1 { vec![RouteProblem::NoRoutes] } else { Vec::new() };
    }
    let mut problems = Vec::new();
    if unrouted.is_none() {
        problems.push(RouteProblem::NoUnrouted);
    }
    for (at, route) in routes.iter().enumerate() {
        if route.to.is_empty() {
            problems.push(RouteProblem::Nowhere { route: at });
        }
        let unknown = route.to.iter().enumerate().filter(|(_, name)| id(name, destinations).is_none());
        problems.extend(unknown.map(|(place, _)| RouteProblem::Unknown { route: at, place }));
    }
    let last = routes.iter().position(RouteConfig::matches_everything).map_or(routes.len(), |at| at + 1);
    let is_reached = |name: &&DestinationName| routes[..last].iter().any(|route| route.to.contains(name));
    let unreached = destinations.iter().filter(|name| !is_reached(name));
    problems.extend(unreached.cloned().map(RouteProblem::Unreached));
    problems
}

#[cfg(test)]
mod tests;
