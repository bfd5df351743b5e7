//! The requests to AWS STS, each of which is one attempt.
//!
//! Knows nothing of when they are made.

use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_sdk_sts::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    operation::assume_role::AssumeRoleOutput,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::{
    code::{RoleFailure, STS_FAILED, STS_TIMEOUT, STS_UNREACHABLE},
    config::RoleConfig,
    role,
};
use crate::edge::aws::{code::CREDENTIALS, credentials::KeptCredentials};

/// How long credentials are to live: as long as a role that is assumed by a role allows.
const LIFE: Duration = Duration::from_hours(1);

/// A client of STS, with the process's own credentials.
#[derive(Clone)]
pub(super) struct Sts {
    client: Client,
    own: KeptCredentials,
}

/// What STS grants.
pub(super) struct Grant {
    pub(super) credentials: Credentials,
    /// How long they live from now.
    pub(super) life: Duration,
}

impl Sts {
    /// A client with these settings, whose credentials are `own`.
    pub(super) fn new(settings: &SdkConfig, own: KeptCredentials) -> Self {
        Self { client: Client::new(settings), own }
    }

    /// Asks for credentials of a role.
    pub(super) async fn assume(&self, role: &RoleConfig) -> Result<Grant, RoleFailure> {
        if self.own.resolve().await.is_err() {
            return Err(RoleFailure::Caller(CREDENTIALS));
        }
        let request = self.client.assume_role();
        let request = request.role_arn(&*role.role).role_session_name(&*role.session_name);
        let request = request.set_external_id(role.external_id.as_ref().map(ToString::to_string));
        let request = request.duration_seconds(i32::try_from(LIFE.as_secs()).unwrap_or(i32::MAX));
        match request.send().await {
            Ok(output) => grant(&output, role).ok_or(RoleFailure::Passing(STS_FAILED)),
            Err(error) => {
                let failure = failure(&error);
                if matches!(failure, RoleFailure::Caller(_)) {
                    self.own.refuse();
                }
                Err(failure)
            }
        }
    }

    /// The ARN of whoever the process's own credentials belong to, if STS says it.
    pub(super) async fn caller(&self) -> Option<String> {
        let identity = self.client.get_caller_identity().send().await.ok()?;
        identity.arn().map(str::to_owned)
    }
}

fn grant(output: &AssumeRoleOutput, role: &RoleConfig) -> Option<Grant> {
    let granted = output.credentials()?;
    let expiry = SystemTime::try_from(*granted.expiration()).ok()?;
    let mut credentials = Credentials::builder()
        .access_key_id(granted.access_key_id())
        .secret_access_key(granted.secret_access_key())
        .session_token(granted.session_token())
        .provider_name("AssumeRole");
    credentials.set_account_id(role.account().map(|account| account.to_string().into()));
    Some(Grant { credentials: credentials.build(), life: role::life(expiry, LIFE) })
}

fn failure<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> RoleFailure {
    match (error.raw_response(), error) {
        (Some(response), _) => RoleFailure::of_answer(error.code(), response.status().as_u16()),
        (None, SdkError::TimeoutError(_)) => RoleFailure::Passing(STS_TIMEOUT),
        (None, SdkError::DispatchFailure(failure)) if failure.is_timeout() => {
            RoleFailure::Passing(STS_TIMEOUT)
        }
        (None, _) => RoleFailure::Passing(STS_UNREACHABLE),
    }
}
