//! The set-up that the SDK's clients of all services share, without retries of their own: the pipeline
//! decides what is sent again, and when.
//!
//! Everything that an attempt needs is set once; no request sets anything of its own but its body and its
//! credentials. There is one environment in a process, so all clients share one HTTP client, destinations with
//! the same region, address and time-out share a client, and those without a role share the process's own
//! credentials.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    time::Duration,
};

use aws_config::{
    AppName, BehaviorVersion, Region, SdkConfig, environment::EnvironmentVariableRegionProvider,
    identity::IdentityCache, meta::region::RegionProviderChain, profile::ProfileFileRegionProvider,
};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_http_client::{
    Builder as HttpClientBuilder, Connector,
    proxy::ProxyConfig,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{
    http::SharedHttpClient, orchestrator::HttpRequest, runtime_components::RuntimeComponents,
    stalled_stream_protection::StalledStreamProtectionConfig,
};
use aws_smithy_types::{
    body::SdkBody,
    retry::{ReconnectMode, RetryConfig},
    timeout::TimeoutConfig,
};
use bytes::Bytes;
use thiserror::Error;

use super::{
    config::{self, Connection, EndpointUrl},
    credentials::KeptCredentials,
    identity::Identity,
    roles::{self, Refresher, Roles, RolesView},
};

/// How long a connection may be idle. Load balancers and proxies on the way allow more, so no request is
/// written into a connection that they have just closed.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(15);

/// Why no client can be built: the set-up is wrong, and another attempt would fail as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ConnectError {
    #[error("no AWS region: set the destination's `region`, or AWS_REGION")]
    NoRegion,
    #[error("no source of AWS credentials")]
    NoCredentials,
    /// The configuration does not name the address of the emulator.
    #[error("an emulator's address is missing: set endpoint_url")]
    EndpointUrl,
}

/// How long the process's own credentials, or an answer of AWS STS, may take.
const OWN_TIMEOUT: Duration = Duration::from_secs(10);

/// What the clients of all destinations share.
pub struct AwsEnvironment {
    sdk: SdkConfig,
    /// The process's own credentials, if there is a source of any.
    own: Option<KeptCredentials>,
    roles: Roles,
    clients: Clients,
    /// An address to use instead of that of AWS STS.
    sts: Option<String>,
}

impl AwsEnvironment {
    /// The environment of the SDK: `AWS_*` variables, profiles, the roles of a pod or machine. If neither
    /// variables nor profiles name a region, it is `region`, or if there is none, that of the machine.
    pub async fn load(region: Option<&config::Region>) -> Self {
        let mut loader = aws_config::defaults(behavior()).http_client(http_client(ProxyConfig::from_env()));
        if let Some(region) = region {
            let written = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
                .or_else(ProfileFileRegionProvider::new())
                .or_else(Region::new(region.to_string()));
            loader = loader.region(written);
        }
        Self::over(loader.load().await)
    }

    /// An environment without AWS: an emulator accepts any region and credentials. Roles are granted at the
    /// address `sts`.
    #[must_use]
    pub fn emulated(sts: Option<&EndpointUrl>) -> Self {
        let credentials = Credentials::new("emulator", "emulator", None, None, "emulator");
        let sdk = SdkConfig::builder()
            .behavior_version(behavior())
            .http_client(http_client(ProxyConfig::disabled()))
            .region(Region::from_static("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build();
        Self { sts: sts.map(ToString::to_string), ..Self::over(sdk) }
    }

    /// The region of whatever names none.
    #[must_use]
    pub fn region(&self) -> Option<config::Region> {
        self.sdk.region()?.as_ref().parse().ok()
    }

    pub(super) fn over(sdk: SdkConfig) -> Self {
        let own = sdk.credentials_provider().map(|provider| KeptCredentials::new(provider, OWN_TIMEOUT));
        Self { sdk, own, roles: Roles::default(), clients: Clients::new(), sts: None }
    }

    /// The access of a destination to its service, and whose credentials it uses.
    ///
    /// # Errors
    /// If the region or the source of credentials is missing.
    pub(super) fn access(&mut self, connection: &Connection) -> Result<(Access<'_>, Identity), ConnectError> {
        let written = connection.region.as_ref().map(|region| Region::new(region.to_string()));
        let region = written.or_else(|| self.sdk.region().cloned()).ok_or(ConnectError::NoRegion)?;
        let own = self.own.clone().ok_or(ConnectError::NoCredentials)?;
        let limit = connection.timeout.0;
        let identity = match &connection.credentials {
            Some(role) => Identity::role(self.roles.credentials(role), limit),
            None => Identity::own(own, limit),
        };
        // The credentials come with each request.
        let settings = self.one_attempt(limit, None).into_builder().region(region.clone()).build();
        let shared = (region, connection.endpoint_url.clone(), limit);
        let credentials = identity.provider();
        Ok((Access { settings, shared, clients: &mut self.clients, credentials }, identity))
    }

    /// The task that gets the credentials of all roles, without which they have none; and a view of it.
    #[must_use]
    pub fn refresher(self) -> (Refresher, RolesView) {
        let sts = self.sts_settings();
        self.roles.refresher(sts)
    }

    /// Asks AWS STS whom the process's own credentials belong to: the ARN of a user or of a role's session.
    pub fn caller(&self) -> impl Future<Output = Option<String>> + use<> {
        let sts = self.sts_settings();
        async move {
            let (settings, own) = sts?;
            roles::caller(&settings, own).await
        }
    }

    /// The settings of a client of AWS STS in the environment's region, and its credentials.
    fn sts_settings(&self) -> Option<(SdkConfig, KeptCredentials)> {
        let own = self.own.clone()?;
        let settings = self.one_attempt(OWN_TIMEOUT, Some(SharedCredentialsProvider::new(own.clone())));
        let settings = match &self.sts {
            Some(sts) => settings.into_builder().endpoint_url(sts).build(),
            None => settings,
        };
        Some((settings, own))
    }

    /// The settings of a client that makes one attempt within `timeout`.
    fn one_attempt(&self, timeout: Duration, provider: Option<SharedCredentialsProvider>) -> SdkConfig {
        let mut settings = self
            .sdk
            .to_builder()
            // Credentials are kept by our own providers.
            .identity_cache(IdentityCache::no_cache())
            // Plain `disabled()` would open a new connection after every 5xx.
            .retry_config(RetryConfig::disabled().with_reconnect_mode(ReconnectMode::ReuseAllConnections))
            // The SDK has no time-out by default.
            .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(timeout).build())
            // The time-out covers both bodies, and both are small.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        settings.set_app_name(AppName::new(env!("CARGO_PKG_NAME")).ok());
        settings.set_credentials_provider(provider);
        settings.build()
    }
}

/// The access of a destination to its service.
pub(super) struct Access<'a> {
    settings: SdkConfig,
    shared: Shared,
    clients: &'a mut Clients,
    credentials: SharedCredentialsProvider,
}

/// What destinations have in common that share a client: region, address and time-out.
type Shared = (Region, Option<EndpointUrl>, Duration);

/// The clients of all services, by their types.
type Clients = HashMap<(TypeId, Shared), Box<dyn Any + Send>>;

impl Access<'_> {
    /// The client that `make` makes, if no destination with the same region, address and time-out has made one
    /// yet: a client of the SDK takes more memory than all else of a destination. It has no credentials, so
    /// each request must bring [`Access::credentials`].
    pub(super) fn client<C: Clone + Send + 'static>(&mut self, make: impl FnOnce(&SdkConfig) -> C) -> C {
        let key = (TypeId::of::<C>(), self.shared.clone());
        if let Some(client) = self.clients.get(&key).and_then(|client| client.downcast_ref::<C>()) {
            return client.clone();
        }
        let client = make(&self.settings);
        self.clients.insert(key, Box::new(client.clone()));
        client
    }

    /// The credentials that each request must bring.
    pub(super) fn credentials(&self) -> SharedCredentialsProvider {
        self.credentials.clone()
    }

    pub(super) fn region(&self) -> &str {
        self.shared.0.as_ref()
    }
}

/// Puts `body` into a request, and corrects the length that the SDK has set for its own body.
pub(super) fn put_in(request: &mut HttpRequest, body: &Bytes) {
    request.headers_mut().insert("content-length", body.len().to_string());
    *request.body_mut() = SdkBody::from(body.clone());
}

/// The SDK's defaults of one date, so that an update of the crates does not change them.
fn behavior() -> BehaviorVersion {
    BehaviorVersion::v2026_01_12()
}

/// The SDK's default HTTP client with another idle time-out.
fn http_client(proxy: ProxyConfig) -> SharedHttpClient {
    HttpClientBuilder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = Connector::builder()
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .proxy_config(proxy.clone())
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc));
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        connector.build()
    })
}

#[cfg(test)]
mod tests {
    use aws_smithy_http_client::test_util::NeverClient;

    use super::*;
    use crate::{
        core::units::Span,
        edge::aws::scripted::{made_up, sdk},
    };

    #[test]
    fn clients_are_shared_by_region_address_and_time_out() {
        let mut aws = AwsEnvironment::over(sdk(NeverClient::new(), made_up()));
        let (here, there) = (None, Some("http://127.0.0.1:4566"));
        let (mut made, mut expected) = (0, 0);
        for (region, url, seconds, is_new) in [
            ("eu-west-1", here, 10, true),
            ("eu-west-1", here, 10, false),
            ("us-east-1", here, 10, true),
            ("eu-west-1", there, 10, true),
            ("eu-west-1", here, 5, true),
            ("eu-west-1", there, 10, false),
        ] {
            let connection = Connection {
                region: Some(region.parse().unwrap()),
                endpoint_url: url.map(|url| url.parse().unwrap()),
                timeout: Span(Duration::from_secs(seconds)),
                credentials: None,
            };
            let (mut access, _) = aws.access(&connection).unwrap();
            assert_eq!(access.region(), region);
            access.client(|_| made += 1);
            expected += i32::from(is_new);
            assert_eq!(made, expected, "{region} {url:?} {seconds}");
        }
    }
}
