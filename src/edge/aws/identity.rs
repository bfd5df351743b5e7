//! Whose credentials the requests of a destination are signed with: the process's own, or a role's.
//!
//! Knows nothing of requests. A failure is a code, with which the destination is held.

use std::time::Duration;

use aws_credential_types::provider::SharedCredentialsProvider;
use tokio::time;

use super::{code::CREDENTIALS, credentials::KeptCredentials, roles::RoleCredentials};
use crate::core::code::Code;

pub(super) struct Identity {
    source: Source,
    /// How long a send waits for credentials if there are none.
    limit: Duration,
}

enum Source {
    Own(KeptCredentials),
    Role(RoleCredentials),
}

impl Identity {
    /// The process's own.
    pub(super) fn own(credentials: KeptCredentials, limit: Duration) -> Self {
        Self { source: Source::Own(credentials), limit }
    }

    pub(super) fn role(credentials: RoleCredentials, limit: Duration) -> Self {
        Self { source: Source::Role(credentials), limit }
    }

    /// What the SDK asks for credentials.
    pub(super) fn provider(&self) -> SharedCredentialsProvider {
        match &self.source {
            Source::Own(credentials) => SharedCredentialsProvider::new(credentials.clone()),
            Source::Role(credentials) => SharedCredentialsProvider::new(credentials.clone()),
        }
    }

    /// Sees to it that there are credentials, within the time for one attempt.
    ///
    /// # Errors
    /// If there are none; the code says why.
    pub(super) async fn resolve(&self) -> Result<(), Code> {
        self.resolve_within(self.limit).await
    }

    /// Like [`Identity::resolve`], within `limit`.
    ///
    /// # Errors
    /// If there are none; the code says why.
    pub(super) async fn resolve_within(&self, limit: Duration) -> Result<(), Code> {
        match &self.source {
            Source::Own(credentials) => {
                match time::timeout(limit, credentials.resolve()).await {
                    Ok(Ok(_)) => Ok(()),
                    // To replace valid ones may take longer than an attempt.
                    Err(_) if credentials.are_valid() => Ok(()),
                    Ok(Err(_)) | Err(_) => Err(CREDENTIALS),
                }
            }
            Source::Role(credentials) => credentials.resolve(limit).await.map(drop),
        }
    }

    /// Says that the service refused the credentials.
    pub(super) fn refuse(&self) {
        match &self.source {
            Source::Own(credentials) => credentials.refuse(),
            Source::Role(credentials) => credentials.refuse(),
        }
    }
}
