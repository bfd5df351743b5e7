//! A scripted service for the tests of this destination, which answers below the SDK and without a socket.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, SharedCredentialsProvider},
};
use aws_smithy_http_client::test_util::infallible_client_fn;
use aws_smithy_runtime_api::client::http::HttpClient;
use aws_smithy_types::body::SdkBody;
use hyper::Response;

use super::{Pinpoint, PinpointConfig};
use crate::core::{
    destination::{Answer, Request, Sender as _},
    units::Span,
};

/// The answer to `request` if the service responds like this.
pub(super) fn answer(
    request: Request,
    status: u16,
    headers: &[(&'static str, &'static str)],
    body: &'static str,
) -> Answer {
    let headers = headers.to_vec();
    let http_client = infallible_client_fn(move |_| {
        let response = headers.iter().fold(Response::builder().status(status), |response, (name, value)| {
            response.header(*name, *value)
        });
        response.body(SdkBody::from(body)).unwrap()
    });
    let pinpoint = pinpoint(http_client, Credentials::new("a", "b", None, None, "test"));
    block_on(pinpoint.send(request))
}

/// The destination over `http_client`, with the credentials of `provider`.
pub(super) fn pinpoint(
    http_client: impl HttpClient + 'static,
    provider: impl ProvideCredentials + 'static,
) -> Pinpoint {
    let sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("eu-central-1"))
        .credentials_provider(SharedCredentialsProvider::new(provider))
        .http_client(http_client)
        .build();
    Pinpoint::new(&config(None), &sdk).unwrap()
}

/// A configuration with `endpoint_url`.
pub(super) fn config(endpoint_url: Option<&str>) -> PinpointConfig {
    PinpointConfig {
        application: "0123456789abcdef0123456789abcdef".parse().unwrap(),
        region: None,
        endpoint_url: endpoint_url.map(|url| url.parse().unwrap()),
        timeout: Span(std::time::Duration::from_secs(10)),
    }
}

/// Runs `future` on a clock that advances by itself whenever everything waits.
pub(in crate::edge::aws) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.unwrap().block_on(future)
}
