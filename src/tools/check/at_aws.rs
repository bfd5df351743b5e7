//! Tries the destinations at AWS, several at a time: their credentials, and where they are delivered to.
//!
//! Sends nothing. Knows nothing of how credentials are found.

use std::{collections::BTreeMap, time::Duration};

use tokio::{select, task::JoinSet};

use super::{Finding, Looking, credentials, policies::Policies, resource, roles};
use crate::{
    app::kinds::{self, Resolving},
    config::{Config, destinations::DestinationConfig},
    edge::aws::client::AwsEnvironment,
};

/// How many destinations are tried at once.
const AT_ONCE: usize = 16;

/// How long credentials may take. They come from one service, so a thousand roles take their turns.
const LIMIT: Duration = Duration::from_mins(1);

/// What was found, and what to do about roles.
#[derive(Debug, Default)]
pub struct Tried {
    pub findings: Vec<Finding>,
    /// For each destination that its role does not serve, the policies to paste; empty if there is none.
    pub policies: String,
}

/// The attempt at one destination, which waits for nothing until it is polled.
struct Trial {
    destination: DestinationConfig,
    credentials: Resolving,
    /// The finding about where it is delivered to, if more than credentials can be tried.
    resource: Option<Looking>,
}

/// What was found at one destination.
struct TriedOne {
    findings: Vec<Finding>,
    /// Whether its role is refused, or cannot deliver.
    fails: bool,
}

/// Tries these destinations of `config`, as far as they are at AWS.
pub async fn at_aws(config: &Config, destinations: Vec<DestinationConfig>) -> Tried {
    let mut aws = kinds::aws(config).await;
    let trials: Vec<_> = destinations.into_iter().filter_map(|one| Trial::new(one, &mut aws)).collect();
    let destinations: Vec<_> = trials.iter().map(|trial| trial.destination.clone()).collect();
    let caller = aws.caller();
    let (refresher, _) = aws.refresher();
    let tried = select! {
        never = refresher.run() => match never {},
        tried = all(trials) => tried,
    };
    let failing = destinations.iter().zip(&tried).filter(|(_, one)| one.fails).map(|(one, _)| one);
    let failing: Vec<_> = failing.filter(|destination| destination.kind.role().is_some()).collect();
    let policies = if failing.is_empty() {
        String::new()
    } else {
        let policies = Policies::new(caller.await.as_deref());
        failing.into_iter().map(|destination| policies.of(destination)).collect()
    };
    Tried { findings: tried.into_iter().flat_map(|one| one.findings).collect(), policies }
}

/// Tries some at a time; what was found is in the order of the trials.
async fn all(trials: Vec<Trial>) -> Vec<TriedOne> {
    let mut found = BTreeMap::new();
    let mut tried = JoinSet::new();
    for (place, trial) in trials.into_iter().enumerate() {
        if tried.len() == AT_ONCE {
            found.extend(tried.join_next().await.and_then(Result::ok));
        }
        tried.spawn(async move { (place, trial.run().await) });
    }
    found.extend(tried.join_all().await);
    found.into_values().collect()
}

impl Trial {
    /// `None` if the destination is not at AWS.
    fn new(destination: DestinationConfig, aws: &mut AwsEnvironment) -> Option<Self> {
        let credentials = kinds::credentials(&destination, LIMIT, aws)?;
        let resource = resource(&destination, aws);
        Some(Self { destination, credentials, resource })
    }

    async fn run(self) -> TriedOne {
        let Self { destination, credentials: resolving, resource } = self;
        let outcome = resolving.await;
        let is_refused = outcome.is_err_and(roles::is_refusal);
        let finding = match destination.kind.role() {
            Some(role) => roles::role(&destination, &role, outcome),
            None => credentials(&destination, outcome),
        };
        let mut findings = vec![finding];
        if let Some(resource) = resource.filter(|_| outcome.is_ok()) {
            findings.push(resource.await);
        }
        let fails = is_refused || findings[1..].iter().any(|finding| finding.result.is_err());
        TriedOne { findings, fails }
    }
}
