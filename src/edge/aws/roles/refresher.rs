//! The task that asks STS for the roles of all destinations, and renews them in the background.
//!
//! It owns everything that changes: whoever needs credentials only looks at what it has found. Knows nothing
//! of destinations. It never ends by itself; the composition root drops it.

use std::{collections::BTreeMap, convert::Infallible, future::pending};

use tokio::{
    select,
    sync::{mpsc, watch},
    task::{JoinError, JoinSet},
    time::sleep_until,
};
use tracing::{info, warn};

use super::{
    code::{RoleFailure, STS_EXPIRED},
    config::RoleConfig,
    role::{Granted, RoleState, now},
    schedule::{RoleId, Schedule},
    sts::{Grant, Sts},
};
use crate::core::code::Code;

/// Gets the credentials of roles for as long as it runs.
pub struct Refresher {
    /// `None` if there are no roles.
    sts: Option<Sts>,
    roles: Vec<RefreshedRole>,
    /// Roles whose credentials a service refused.
    refused: mpsc::Receiver<RoleId>,
    failures: watch::Sender<BTreeMap<Code, u64>>,
    /// Why STS gives nobody credentials at present.
    trouble: Option<Code>,
    seed: u64,
}

/// A role, and where its state is published.
pub(super) struct RefreshedRole {
    pub(super) config: RoleConfig,
    pub(super) state: watch::Sender<RoleState>,
}

type Answered = (RoleId, Result<Grant, RoleFailure>);

impl Refresher {
    pub(super) fn new(
        sts: Option<Sts>,
        roles: Vec<RefreshedRole>,
        refused: mpsc::Receiver<RoleId>,
        failures: watch::Sender<BTreeMap<Code, u64>>,
    ) -> Self {
        Self { sts, roles, refused, failures, trouble: None, seed: fastrand::u64(..) }
    }

    /// Asks for all roles, and renews each at half of its life.
    pub async fn run(mut self) -> Infallible {
        let Some(sts) = self.sts.take() else { return pending().await };
        let mut schedule = Schedule::new(self.roles.len(), now(), self.seed);
        let mut asked: JoinSet<Answered> = JoinSet::new();
        loop {
            while let Some(id) = schedule.next(now()) {
                let (sts, role) = (sts.clone(), self.roles[id].config.clone());
                asked.spawn(async move { (id, sts.assume(&role).await) });
            }
            let due = async {
                match schedule.wake() {
                    Some(due) => sleep_until(due).await,
                    None => pending().await,
                }
            };
            select! {
                Some(answered) = asked.join_next() => self.answered(&mut schedule, answered),
                Some(id) = self.refused.recv() => schedule.refused(id, now()),
                () = due => {}
            }
        }
    }

    fn answered(&mut self, schedule: &mut Schedule, answered: Result<Answered, JoinError>) {
        let (id, answer) = match answered {
            Ok(answered) => answered,
            // Nothing cancels a request before the end, so it panicked. That is a bug, and the process ends
            // with it.
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => return,
        };
        match answer {
            Ok(Grant { life, .. }) if life.is_zero() => {
                self.refused(schedule, id, RoleFailure::Passing(STS_EXPIRED));
            }
            Ok(Grant { credentials, life }) => {
                self.is_well();
                schedule.granted(id, now(), life);
                let granted = Granted::new(credentials, now(), life);
                self.roles[id].state.send_modify(|state| state.grant(granted));
            }
            Err(failure) => self.refused(schedule, id, failure),
        }
    }

    fn refused(&mut self, schedule: &mut Schedule, id: RoleId, failure: RoleFailure) {
        self.failed(id, failure);
        schedule.failed(id, now(), failure);
        self.roles[id].state.send_modify(|state| state.fail(failure));
    }

    fn is_well(&mut self) {
        if self.trouble.take().is_some() {
            info!("AWS STS gives credentials of roles again");
        }
    }

    /// Counts and logs a failure: once for each role that is refused, and once for all others.
    fn failed(&mut self, id: RoleId, failure: RoleFailure) {
        let code = failure.code();
        self.failures.send_modify(|failures| *failures.entry(code).or_default() += 1);
        let role = &self.roles[id];
        match failure {
            RoleFailure::Refused(_) if role.state.borrow().is_refused() => {}
            RoleFailure::Refused(_) => {
                warn!(role = %role.config.role, %code, "AWS STS refuses a role: nothing is sent with it once it expires");
            }
            _ if self.trouble == Some(code) => {}
            _ => {
                self.trouble = Some(code);
                warn!(%code, "AWS STS gives no credentials of roles: those that are valid stay in use");
            }
        }
    }
}
