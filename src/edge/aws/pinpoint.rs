//! Pinpoint's `PutEvents`: the encoder of its requests, and the sender, which makes one attempt.
//!
//! Only this folder names Pinpoint's shapes. It knows nothing of retries and offsets: a failure is an
//! [`Answer`], and the pipeline decides what to do about it.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use aws_sdk_pinpoint::{Client, config::Builder, types::EventsRequest};
use bytes::Bytes;

use self::config::PinpointConfig;
pub use self::encoder::PutEvents;
use super::{
    client::{self, ConnectError},
    code::CREDENTIALS,
    credentials::KeptCredentials,
};
use crate::core::{
    code::Code,
    destination::{Answer, Request, Sender, Sending},
};

mod answer;
mod code;
pub mod config;
mod encoder;
mod results;
#[cfg(test)]
mod scripted;

/// One Pinpoint application. Clones share its connections and credentials.
#[derive(Clone)]
pub struct Pinpoint(Arc<Shared>);

struct Shared {
    client: Client,
    credentials: KeptCredentials,
    application: String,
    endpoint_url: Option<String>,
}

impl Pinpoint {
    /// Connects to the application that `config` names, in the environment of the AWS SDK: its variables
    /// (`AWS_REGION`, `AWS_ENDPOINT_URL_PINPOINT`, …), profiles, and the role of the pod or machine.
    /// Credentials are fetched by [`Pinpoint::credentials`], and connections are made by the first send.
    ///
    /// # Errors
    /// If the environment and `config` together are incomplete.
    pub async fn connect(config: &PinpointConfig) -> Result<Self, ConnectError> {
        Self::new(config, &client::environment(config.region.as_ref()).await)
    }

    /// Connects to the application that `config` names at an emulator of `PutEvents`, with made-up
    /// credentials. Ignores the environment.
    ///
    /// # Errors
    /// If `config` has no usable URL.
    pub fn emulated(config: &PinpointConfig) -> Result<Self, ConnectError> {
        if config.endpoint_url.is_none() {
            return Err(ConnectError::EndpointUrl);
        }
        Self::new(config, &client::no_environment(config.region.as_ref()))
    }

    fn new(config: &PinpointConfig, sdk: &aws_config::SdkConfig) -> Result<Self, ConnectError> {
        let (settings, credentials) = client::settings(sdk, config.timeout.0)?;
        let application = config.application.to_string();
        let endpoint_url = config.endpoint_url.as_ref().map(ToString::to_string);
        let mut client = Builder::from(&settings);
        if endpoint_url.is_some() {
            client.set_endpoint_url(endpoint_url.clone());
        }
        let client = Client::from_conf(client.build());
        Ok(Self(Arc::new(Shared { client, credentials, application, endpoint_url })))
    }

    /// Gets AWS credentials, as a send would.
    ///
    /// # Errors
    /// If there are none within the time for one attempt. A send would then answer a hold with this code.
    pub async fn credentials(&self) -> Result<(), Code> {
        self.0.credentials.resolve().await.map(drop).map_err(|_| CREDENTIALS)
    }
}

impl Sender for Pinpoint {
    fn prepare(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let shared = Arc::clone(&self.0);
        Box::pin(async move { shared.credentials.resolve().await.map_or((), drop) })
    }

    /// Takes at most the time for one attempt, and as long again if it must first get credentials.
    fn send(&self, request: Request) -> Sending {
        let shared = Arc::clone(&self.0);
        Box::pin(async move { shared.attempt(&request).await })
    }
}

impl Shared {
    async fn attempt(&self, request: &Request) -> Answer {
        if self.credentials.resolve().await.is_err() {
            return Answer::Hold(CREDENTIALS);
        }
        let body = Bytes::from(PutEvents.body(request));
        let put_events = self.client.put_events().application_id(&self.application);
        // The SDK first gets an empty request, and the real body before it signs.
        let nothing = EventsRequest::builder().build();
        let customized = put_events.events_request(nothing).customize();
        let sent = customized.mutate_request(move |request| client::put_in(request, &body)).send().await;
        let answer = answer::read(request, sent);
        if matches!(answer, Answer::Hold(_) | Answer::Denied(_)) {
            self.credentials.forget();
        }
        answer
    }
}

/// Shows where events go: the application, the region and the configured address, if any.
impl fmt::Display for Pinpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let region = self.0.client.config().region().map_or("none", AsRef::as_ref);
        write!(f, "application {} in region {region}", self.0.application)?;
        match self.0.endpoint_url.as_deref().map(without_user) {
            Some(url) => write!(f, " at {url}"),
            None => Ok(()),
        }
    }
}

/// A URL without the user and password that may be in it.
fn without_user(url: &str) -> String {
    match url.split_once("://").map(|(scheme, rest)| (scheme, rest.split_once('@'))) {
        Some((scheme, Some((_, host)))) => format!("{scheme}://{host}"),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use aws_credential_types::provider::{self, ProvideCredentials, error::CredentialsError, future};
    use aws_smithy_http_client::test_util::{NeverClient, capture_request};
    use aws_smithy_runtime_api::client::http::HttpClient;

    use super::*;
    use crate::core::destination::sample;

    #[track_caller]
    fn check(
        http_client: impl HttpClient + 'static,
        provider: impl ProvideCredentials + 'static,
        expected: &Answer,
    ) {
        let pinpoint = scripted::pinpoint(http_client, provider);
        let answer = scripted::block_on(pinpoint.send(sample::request(&[("e", &["a"])])));
        assert_eq!(&answer, expected);
    }

    #[derive(Debug)]
    struct Failing(fn() -> CredentialsError);

    impl ProvideCredentials for Failing {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            future::ProvideCredentials::ready(provider::Result::Err(self.0()))
        }
    }

    #[test]
    fn a_failure_to_get_credentials_is_a_hold_and_nothing_is_sent() {
        let errors: [fn() -> CredentialsError; 3] = [
            CredentialsError::not_loaded_no_source,
            || CredentialsError::provider_error("secret"),
            || CredentialsError::provider_timed_out(std::time::Duration::from_secs(5)),
        ];
        for error in errors {
            let (http_client, captured) = capture_request(None);
            check(http_client, Failing(error), &Answer::Hold(Code("credentials")));
            captured.expect_no_request();
        }
    }

    #[test]
    fn no_answer_in_time_is_unknown() {
        check(NeverClient::new(), scripted::made_up(), &Answer::unknown(Code("timeout")));
    }

    #[tokio::test]
    async fn no_connection_is_unknown() {
        // Nobody listens on a port that was free just now.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let pinpoint = Pinpoint::emulated(&scripted::config(Some(&url))).unwrap();
        let answer = pinpoint.send(sample::request(&[("e", &["a"])])).await;
        assert_eq!(answer, Answer::unknown(Code("connection")));
    }

    #[track_caller]
    fn check_set_up(endpoint_url: Option<&str>, expected: Result<&str, ConnectError>) {
        let pinpoint = Pinpoint::emulated(&scripted::config(endpoint_url));
        let shown = pinpoint.map(|pinpoint| pinpoint.to_string());
        let place = "application 0123456789abcdef0123456789abcdef in region us-east-1";
        assert_eq!(shown, expected.map(|url| format!("{place} at {url}")));
    }

    #[test]
    fn a_set_up_is_shown_without_secrets_or_refused() {
        check_set_up(Some("http://127.0.0.1:8081"), Ok("http://127.0.0.1:8081"));
        check_set_up(Some("https://example.com/a"), Ok("https://example.com/a"));
        check_set_up(None, Err(ConnectError::EndpointUrl));
    }

    #[test]
    fn a_region_and_a_source_of_credentials_are_needed() {
        let nothing = aws_config::SdkConfig::builder();
        let made = Pinpoint::new(&scripted::config(None), &nothing.build()).map(drop);
        assert_eq!(made, Err(ConnectError::NoRegion));
        let region = aws_config::SdkConfig::builder().region(aws_config::Region::from_static("eu-west-1"));
        let made = Pinpoint::new(&scripted::config(None), &region.build()).map(drop);
        assert_eq!(made, Err(ConnectError::NoCredentials));
    }
}
