//! The credentials of a role, as the destinations that it is for see them. The [`Refresher`] gets them.
//!
//! Knows nothing of STS. What always holds: nobody who asks for credentials makes a request; as long as they
//! are valid nobody waits; and credentials that a service refused stay in use until there are others, because
//! another destination's may be the only refusal.
//!
//! [`Refresher`]: super::Refresher

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, error::CredentialsError, future},
};
use tokio::{
    sync::{mpsc, watch},
    time::{self, Instant},
};

use super::{
    code::{RoleFailure, STS_TIMEOUT},
    schedule::RoleId,
};
use crate::core::code::Code;

/// The part of their life for which credentials are not used any more: a minute of an hour, in which a
/// request that has just been signed still arrives.
const UNUSED: u32 = 60;

/// The credentials of one role. Clones share them.
#[derive(Clone)]
pub(in crate::edge::aws) struct RoleCredentials {
    id: RoleId,
    state: watch::Receiver<RoleState>,
    refused: mpsc::Sender<RoleId>,
}

/// What is known of a role.
#[derive(Clone, Default)]
pub(super) struct RoleState {
    granted: Option<Granted>,
    /// Why the last request failed.
    failure: Option<RoleFailure>,
}

/// Credentials that were granted.
#[derive(Clone)]
pub(super) struct Granted {
    credentials: Credentials,
    /// How long they are used, by the monotonic clock.
    until: Instant,
}

impl Granted {
    /// Credentials that live for so long from now.
    pub(super) fn new(credentials: Credentials, now: Instant, life: Duration) -> Self {
        Self { credentials, until: now + life.saturating_sub(life / UNUSED) }
    }
}

impl RoleState {
    pub(super) fn grant(&mut self, granted: Granted) {
        *self = Self { granted: Some(granted), failure: None };
    }

    pub(super) fn fail(&mut self, failure: RoleFailure) {
        self.failure = Some(failure);
    }

    /// Whether the last request was refused because of this role.
    pub(super) fn is_refused(&self) -> bool {
        matches!(self.failure, Some(RoleFailure::Refused(_)))
    }

    fn valid(&self, now: Instant) -> Option<&Credentials> {
        self.granted.as_ref().filter(|granted| now < granted.until).map(|granted| &granted.credentials)
    }

    /// What is to be said to whoever needs credentials; `None` if they had better wait.
    fn outcome(&self, now: Instant) -> Option<Result<Credentials, Code>> {
        let failure = || self.failure.filter(|failure| !failure.passes()).map(|failure| Err(failure.code()));
        self.valid(now).cloned().map(Ok).or_else(failure)
    }
}

impl RoleCredentials {
    pub(super) fn new(id: RoleId, state: watch::Receiver<RoleState>, refused: mpsc::Sender<RoleId>) -> Self {
        Self { id, state, refused }
    }

    /// The credentials. If there are none yet, waits for them for at most `limit`.
    ///
    /// # Errors
    /// If the role is refused, or there are none in time.
    pub(in crate::edge::aws) async fn resolve(&self, limit: Duration) -> Result<Credentials, Code> {
        if let Some(outcome) = self.state.borrow().outcome(now()) {
            return outcome;
        }
        let mut state = self.state.clone();
        let resolved = time::timeout(limit, async {
            state.wait_for(|state| state.outcome(now()).is_some()).await.ok()?.outcome(now())
        });
        let in_time = resolved.await.ok().flatten();
        in_time.unwrap_or_else(|| Err(self.state.borrow().failure.map_or(STS_TIMEOUT, RoleFailure::code)))
    }

    /// Says that a service refused the credentials.
    pub(in crate::edge::aws) fn refuse(&self) {
        // If the channel is full or its end is gone, nobody is worse off: the next refusal says it again.
        let _ = self.refused.try_send(self.id);
    }

    /// How long the credentials can still be used: zero if there are none, and `None` if the role is refused.
    pub(super) fn remaining(&self) -> Option<Duration> {
        let state = self.state.borrow();
        let until = state.granted.as_ref().map(|granted| granted.until);
        let remaining = until.map(|until| until.saturating_duration_since(now())).unwrap_or_default();
        Some(remaining).filter(|_| !state.is_refused())
    }
}

/// For the SDK, which asks during a send.
impl ProvideCredentials for RoleCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let credentials = self.state.borrow().valid(now()).cloned();
        future::ProvideCredentials::ready(credentials.ok_or_else(CredentialsError::not_loaded_no_source))
    }
}

/// Shows nothing, because the SDK may log its providers.
impl fmt::Debug for RoleCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoleCredentials").finish_non_exhaustive()
    }
}

#[expect(clippy::disallowed_methods, reason = "an edge: credentials are used until a time")]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// How long credentials that expire then live from now, at most as long as they were asked for: our clock may
/// be slow.
#[expect(clippy::disallowed_methods, reason = "an edge: credentials expire by the wall clock")]
pub(super) fn life(expiry: SystemTime, asked: Duration) -> Duration {
    expiry.duration_since(SystemTime::now()).unwrap_or_default().min(asked)
}
