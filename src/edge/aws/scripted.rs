//! A scripted service for the tests of destinations, which answers below the SDK and without a socket.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, SharedCredentialsProvider},
};
use aws_smithy_http_client::test_util::infallible_client_fn;
use aws_smithy_runtime_api::client::http::HttpClient;
use aws_smithy_types::body::SdkBody;
use hyper::Response;

/// A client that gets this response to every request.
pub(super) fn responding(
    status: u16,
    headers: &[(&'static str, &'static str)],
    body: &'static str,
) -> impl HttpClient + 'static {
    responding_bytes(status, headers, body.into())
}

/// A client that gets this response to every request, whatever its format.
pub(super) fn responding_bytes(
    status: u16,
    headers: &[(&'static str, &'static str)],
    body: Vec<u8>,
) -> impl HttpClient + 'static {
    let headers = headers.to_vec();
    infallible_client_fn(move |_| {
        let response = headers.iter().fold(Response::builder().status(status), |response, (name, value)| {
            response.header(*name, *value)
        });
        response.body(SdkBody::from(body.clone())).unwrap()
    })
}

/// The SDK over `http_client`, with the credentials of `provider`.
pub(super) fn sdk(
    http_client: impl HttpClient + 'static,
    provider: impl ProvideCredentials + 'static,
) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("eu-central-1"))
        .credentials_provider(SharedCredentialsProvider::new(provider))
        .http_client(http_client)
        .build()
}

pub(super) fn made_up() -> Credentials {
    Credentials::new("a", "b", None, None, "test")
}

/// Runs `future` on a clock that advances by itself whenever everything waits.
pub(super) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.unwrap().block_on(future)
}
