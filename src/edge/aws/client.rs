//! The set-up that the SDK's clients of all services share, without retries of their own: the pipeline
//! decides what is sent again, and when.
//!
//! Everything that an attempt needs is set once; no request sets anything of its own but its body.

use std::time::Duration;

use aws_config::{AppName, BehaviorVersion, Region, SdkConfig, identity::IdentityCache};
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

use super::{config, credentials::KeptCredentials};

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

/// The environment of the SDK: `AWS_*` variables, profiles, the roles of a pod or machine.
pub(super) async fn environment(region: Option<&config::Region>) -> SdkConfig {
    let mut loader = aws_config::defaults(behavior()).http_client(http_client(ProxyConfig::from_env()));
    if let Some(region) = region {
        loader = loader.region(Region::new(region.to_string()));
    }
    loader.load().await
}

/// An environment without AWS: an emulator accepts any region and credentials.
pub(super) fn no_environment(region: Option<&config::Region>) -> SdkConfig {
    let region = region.map_or("us-east-1", config::Region::as_str).to_owned();
    let credentials = Credentials::new("emulator", "emulator", None, None, "emulator");
    SdkConfig::builder()
        .behavior_version(behavior())
        .http_client(http_client(ProxyConfig::disabled()))
        .region(Region::new(region))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}

/// The settings of a client in the environment `sdk`, which makes one attempt within `timeout`; and the
/// credentials that it uses.
///
/// # Errors
/// If the region or the source of credentials is missing.
pub(super) fn settings(
    sdk: &SdkConfig,
    timeout: Duration,
) -> Result<(SdkConfig, KeptCredentials), ConnectError> {
    sdk.region().ok_or(ConnectError::NoRegion)?;
    let provider = sdk.credentials_provider().ok_or(ConnectError::NoCredentials)?;
    let credentials = KeptCredentials::new(provider, timeout);
    let mut settings = sdk
        .to_builder()
        .credentials_provider(SharedCredentialsProvider::new(credentials.clone()))
        // The credentials are kept by our own provider.
        .identity_cache(IdentityCache::no_cache())
        // Plain `disabled()` would open a new connection after every 5xx.
        .retry_config(RetryConfig::disabled().with_reconnect_mode(ReconnectMode::ReuseAllConnections))
        // The SDK has no time-out by default.
        .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(timeout).build())
        // The time-out covers both bodies, and both are small.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    settings.set_app_name(AppName::new(env!("CARGO_PKG_NAME")).ok());
    Ok((settings.build(), credentials))
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
