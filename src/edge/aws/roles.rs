//! The roles that destinations are delivered to with: one request to AWS STS for all destinations of a role,
//! renewed at half of its life in the background.
//!
//! ```text
//! destinations ─► RoleCredentials ◄─ state ─ Refresher ─► AWS STS
//!                        └────── refused ──────►┘  └ Schedule: when, and how many at a time
//! ```
//!
//! So 25 minutes without STS hold nobody, and a role that is refused holds its own destinations. The SDK's
//! cache of identities is not used: it holds 64 of them and then drops any, it renews one in the path of a
//! request, and whoever finds it expired waits. What is kept here is as many as there are roles.
//!
//! Knows nothing of the services that the credentials are for.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    time::Duration,
};

use aws_config::SdkConfig;
use tokio::sync::{mpsc, watch};

pub use self::refresher::Refresher;
pub(super) use self::role::RoleCredentials;
use self::{config::RoleConfig, refresher::RefreshedRole, role::RoleState, schedule::RoleId, sts::Sts};
use super::credentials::KeptCredentials;
use crate::core::code::Code;

mod code;
pub mod config;
mod refresher;
mod role;
mod schedule;
#[cfg(test)]
mod scripted;
mod sts;
#[cfg(test)]
mod tests;

/// How many refusals of credentials may wait for the refresher.
const REFUSALS: usize = 64;

/// The roles of the destinations, each once.
pub(super) struct Roles {
    credentials: BTreeMap<RoleConfig, RoleCredentials>,
    refreshed: Vec<RefreshedRole>,
    refused: (mpsc::Sender<RoleId>, mpsc::Receiver<RoleId>),
}

impl Default for Roles {
    fn default() -> Self {
        let refused = mpsc::channel(REFUSALS);
        Self { credentials: BTreeMap::new(), refreshed: Vec::new(), refused }
    }
}

impl Roles {
    /// The credentials of a role, which all its destinations share.
    pub(super) fn credentials(&mut self, role: &RoleConfig) -> RoleCredentials {
        match self.credentials.entry(role.clone()) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(place) => {
                let (state, watched) = watch::channel(RoleState::default());
                let id = self.refreshed.len();
                self.refreshed.push(RefreshedRole { config: role.clone(), state });
                place.insert(RoleCredentials::new(id, watched, self.refused.0.clone())).clone()
            }
        }
    }

    /// The task that gets all of these credentials, from AWS STS with these settings and credentials; and a
    /// view of it.
    pub(super) fn refresher(self, sts: Option<(SdkConfig, KeptCredentials)>) -> (Refresher, RolesView) {
        let (failures, counted) = watch::channel(BTreeMap::new());
        let view = RolesView { roles: self.credentials.into_values().collect(), failures: counted };
        let sts = sts.filter(|_| !view.roles.is_empty());
        let sts = sts.map(|(settings, own)| Sts::new(&settings, own));
        (Refresher::new(sts, self.refreshed, self.refused.1, failures), view)
    }
}

/// Shows how the roles are.
#[derive(Clone)]
pub struct RolesView {
    roles: Vec<RoleCredentials>,
    failures: watch::Receiver<BTreeMap<Code, u64>>,
}

/// How the roles are at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolesSummary {
    pub roles: usize,
    /// How many of them AWS STS refuses.
    pub refused: usize,
    /// How long the credentials of the others can still be used: those of the first to expire.
    pub remaining: Option<Duration>,
    /// How often AWS STS gave no credentials, by code.
    pub failures: BTreeMap<Code, u64>,
}

impl RolesView {
    /// How the roles are now; `None` if there are none.
    #[must_use]
    pub fn summary(&self) -> Option<RolesSummary> {
        let roles = self.roles.len();
        let remaining: Vec<_> = self.roles.iter().filter_map(RoleCredentials::remaining).collect();
        let summary = RolesSummary {
            roles,
            refused: roles - remaining.len(),
            remaining: remaining.into_iter().min(),
            failures: self.failures.borrow().clone(),
        };
        Some(summary).filter(|_| roles > 0)
    }
}

/// The ARN of whoever the process's own credentials belong to, if STS says it.
pub(super) async fn caller(settings: &SdkConfig, own: KeptCredentials) -> Option<String> {
    Sts::new(settings, own).caller().await
}
