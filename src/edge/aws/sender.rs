//! The sender of every destination at AWS: it resolves the credentials, makes one attempt, and forgets
//! credentials that were refused.
//!
//! Knows nothing of any service: what an attempt is, the [`Resource`] says. Knows nothing of retries and
//! offsets: a failure is an [`Answer`], and the pipeline decides what to do about it.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use aws_config::SdkConfig;

use super::{
    client::{self, ConnectError},
    code::CREDENTIALS,
    config::Connection,
    credentials::KeptCredentials,
};
use crate::core::{
    code::Code,
    destination::{Answer, Request, Sender, Sending},
};

/// What a sender delivers to: an application, a stream, a bus.
pub trait Resource: Send + Sync + 'static {
    /// Shows people which one it is, such as `stream identity`.
    fn name(&self) -> String;

    /// Sends a request once. Credentials are present.
    fn attempt(&self, request: &Request) -> impl Future<Output = Answer> + Send;
}

/// Delivers to one resource.
pub struct AwsSender<R>(Arc<Shared<R>>);

struct Shared<R> {
    resource: R,
    credentials: KeptCredentials,
    address: String,
}

impl<R: Resource> AwsSender<R> {
    /// Connects to the resource that `resource` makes from the settings of its client, in the environment of
    /// the AWS SDK: its variables (`AWS_REGION`, `AWS_ENDPOINT_URL_…`), profiles, and the role of the pod or
    /// machine. Credentials are fetched by [`AwsSender::credentials`], and connections are made by the first
    /// send.
    ///
    /// # Errors
    /// If the environment and `connection` together are incomplete.
    pub(super) async fn in_environment(
        connection: &Connection,
        resource: impl FnOnce(&SdkConfig) -> R,
    ) -> Result<Self, ConnectError> {
        Self::new(connection, &client::environment(connection.region.as_ref()).await, resource)
    }

    /// Connects in the environment `sdk`.
    ///
    /// # Errors
    /// If the environment and `connection` together are incomplete.
    pub(super) fn new(
        connection: &Connection,
        sdk: &SdkConfig,
        resource: impl FnOnce(&SdkConfig) -> R,
    ) -> Result<Self, ConnectError> {
        let (settings, credentials) = client::settings(sdk, connection.timeout.0)?;
        let resource = resource(&settings);
        let region = settings.region().map_or("none", AsRef::as_ref);
        let mut address = format!("{} in region {region}", resource.name());
        if let Some(url) = &connection.endpoint_url {
            address = format!("{address} at {url}");
        }
        Ok(Self(Arc::new(Shared { resource, credentials, address })))
    }

    /// Gets AWS credentials, as a send would.
    ///
    /// # Errors
    /// If there are none within the time for one attempt. A send would then answer a hold with this code.
    pub async fn credentials(&self) -> Result<(), Code> {
        self.0.credentials.resolve().await.map(drop).map_err(|_| CREDENTIALS)
    }

    pub(super) fn resource(&self) -> &R {
        &self.0.resource
    }
}

impl<R: Resource> Sender for AwsSender<R> {
    fn prepare(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let shared = Arc::clone(&self.0);
        Box::pin(async move { shared.credentials.resolve().await.map_or((), drop) })
    }

    /// Takes at most the time for one attempt, and as long again if it must first get credentials.
    fn send(&self, request: Request) -> Sending {
        let shared = Arc::clone(&self.0);
        Box::pin(async move { shared.send(&request).await })
    }
}

impl<R: Resource> Shared<R> {
    async fn send(&self, request: &Request) -> Answer {
        if self.credentials.resolve().await.is_err() {
            return Answer::Hold(CREDENTIALS);
        }
        let answer = self.resource.attempt(request).await;
        if matches!(answer, Answer::Hold(_) | Answer::Denied(_)) {
            self.credentials.forget();
        }
        answer
    }
}

/// Shows where events go: the resource, the region and the configured address, if any.
impl<R> fmt::Display for AwsSender<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.address)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicU32, Ordering},
        time::Duration,
    };

    use aws_config::Region;
    use aws_credential_types::provider::{self, ProvideCredentials, error::CredentialsError, future};
    use aws_smithy_http_client::test_util::NeverClient;

    use super::*;
    use crate::{
        core::{destination::sample, event::Refusal, units::Span},
        edge::aws::scripted::{block_on, made_up, sdk},
    };

    /// Gives the same answer to every attempt, and counts them.
    struct Answering {
        answer: Answer,
        attempts: Arc<AtomicU32>,
    }

    impl Resource for Answering {
        fn name(&self) -> String {
            "stream a".to_owned()
        }

        async fn attempt(&self, _: &Request) -> Answer {
            self.attempts.fetch_add(1, Ordering::Relaxed);
            self.answer.clone()
        }
    }

    /// Provides credentials or fails, and counts the calls.
    #[derive(Clone, Debug, Default)]
    struct Counting {
        calls: Arc<AtomicU32>,
        failure: Option<fn() -> CredentialsError>,
    }

    impl ProvideCredentials for Counting {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            self.calls.fetch_add(1, Ordering::Relaxed);
            let failed = self.failure.map(|error| provider::Result::Err(error()));
            future::ProvideCredentials::ready(failed.unwrap_or_else(|| Ok(made_up())))
        }
    }

    fn connection(endpoint_url: Option<&str>) -> Connection {
        let endpoint_url = endpoint_url.map(|url| url.parse().unwrap());
        Connection { region: None, endpoint_url, timeout: Span(Duration::from_secs(10)) }
    }

    fn request() -> Request {
        sample::request(&[("e", &["a"])])
    }

    /// Sends two requests that get this answer. Checks how many times credentials were asked for.
    #[track_caller]
    fn check_provided(answer: &Answer, expected: u32) {
        let (provider, attempts) = (Counting::default(), Arc::default());
        let resource = Answering { answer: answer.clone(), attempts: Arc::clone(&attempts) };
        let sdk = sdk(NeverClient::new(), provider.clone());
        let sender = AwsSender::new(&connection(None), &sdk, |_| resource).unwrap();
        block_on(async {
            for _ in 0..2 {
                assert_eq!(sender.send(request()).await, *answer);
            }
        });
        let calls = provider.calls.load(Ordering::Relaxed);
        assert_eq!((calls, attempts.load(Ordering::Relaxed)), (expected, 2), "{answer:?}");
    }

    #[test]
    fn credentials_are_got_anew_after_a_hold_or_a_denial() {
        let refusal = Refusal { code: Code("http_403"), message: String::new() };
        check_provided(&Answer::Hold(Code("AccessDeniedException")), 2);
        check_provided(&Answer::Denied(refusal.clone()), 2);
        check_provided(&Answer::Refused(refusal), 1);
        check_provided(&Answer::unknown(Code("http_503")), 1);
        check_provided(&Answer::Throttled { retry_after: None }, 1);
    }

    #[test]
    fn a_failure_to_get_credentials_is_a_hold_and_nothing_is_sent() {
        let errors: [fn() -> CredentialsError; 3] = [
            CredentialsError::not_loaded_no_source,
            || CredentialsError::provider_error("secret"),
            || CredentialsError::provider_timed_out(Duration::from_secs(5)),
        ];
        for error in errors {
            let (provider, attempts) =
                (Counting { failure: Some(error), ..Counting::default() }, Arc::default());
            let resource =
                Answering { answer: Answer::unknown(Code("sent")), attempts: Arc::clone(&attempts) };
            let sender =
                AwsSender::new(&connection(None), &sdk(NeverClient::new(), provider), |_| resource).unwrap();
            assert_eq!(block_on(sender.send(request())), Answer::Hold(Code("credentials")));
            assert_eq!(block_on(sender.credentials()), Err(Code("credentials")));
            assert_eq!(attempts.load(Ordering::Relaxed), 0);
        }
    }

    #[track_caller]
    fn check(endpoint_url: Option<&str>, sdk: &SdkConfig, expected: Result<&str, ConnectError>) {
        let resource =
            |_: &SdkConfig| Answering { answer: Answer::unknown(Code("sent")), attempts: Arc::default() };
        let shown = AwsSender::new(&connection(endpoint_url), sdk, resource).map(|sender| sender.to_string());
        assert_eq!(shown.as_deref(), expected.as_ref().map(|shown| *shown));
    }

    #[test]
    fn a_sender_shows_where_events_go() {
        let sdk = sdk(NeverClient::new(), made_up());
        check(None, &sdk, Ok("stream a in region eu-central-1"));
        let url = "http://127.0.0.1:4566";
        check(Some(url), &sdk, Ok("stream a in region eu-central-1 at http://127.0.0.1:4566"));
    }

    #[test]
    fn a_region_and_a_source_of_credentials_are_needed() {
        check(None, &SdkConfig::builder().build(), Err(ConnectError::NoRegion));
        let region = SdkConfig::builder().region(Region::from_static("eu-west-1"));
        check(None, &region.build(), Err(ConnectError::NoCredentials));
    }
}
