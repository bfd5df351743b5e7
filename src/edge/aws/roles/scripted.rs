//! A scripted AWS STS, which answers below the SDK and without a socket.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_credential_types::provider::ProvideCredentials;
use aws_smithy_runtime_api::{
    client::{
        http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
        orchestrator::{HttpRequest, HttpResponse},
        runtime_components::RuntimeComponents,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;
use tokio::time;

use super::{Refresher, RolesView, config::RoleConfig};
use crate::edge::aws::{
    client::AwsEnvironment,
    config::Connection,
    identity::Identity,
    scripted::{block_on, sdk},
};

/// What STS does with a request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Does {
    /// Grants the role for an hour. The access key is the number of the request, from 0.
    Grant,
    /// Grants it for so long.
    GrantFor(Duration),
    Refuse(u16, &'static str),
    Hang,
}

/// Clones share the script and what they have seen.
#[derive(Clone, Default)]
pub(super) struct ScriptedSts(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    does: BTreeMap<String, Does>,
    otherwise: Option<Does>,
    takes: Duration,
    asked: Vec<String>,
    /// The access keys that requests to other services were signed with.
    signed: Vec<String>,
    in_flight: usize,
    most_in_flight: usize,
}

impl ScriptedSts {
    /// From now on does this with the role of this name.
    pub(super) fn with(&self, role: &str, does: Does) {
        self.0.lock().unwrap().does.insert(role.to_owned(), does);
    }

    /// From now on does this with all other roles.
    pub(super) fn with_all(&self, does: Does) {
        let mut state = self.0.lock().unwrap();
        state.does.clear();
        state.otherwise = Some(does);
    }

    /// How long each answer takes.
    pub(super) fn takes(&self, time: Duration) {
        self.0.lock().unwrap().takes = time;
    }

    /// The bodies of the requests.
    pub(super) fn asked(&self) -> Vec<String> {
        self.0.lock().unwrap().asked.clone()
    }

    /// The access keys that requests to other services were signed with.
    pub(super) fn signed(&self) -> Vec<String> {
        self.0.lock().unwrap().signed.clone()
    }

    /// How often this role was asked for.
    pub(super) fn asked_for(&self, role: &str) -> usize {
        let role = format!("%2F{role}&");
        self.asked().iter().filter(|body| body.contains(&role)).count()
    }

    pub(super) fn most_in_flight(&self) -> usize {
        self.0.lock().unwrap().most_in_flight
    }

    /// Begins a request: its number, what to do, and how long it takes.
    fn begin(&self, body: &str) -> (usize, Does, Duration) {
        let mut state = self.0.lock().unwrap();
        let number = state.asked.len();
        state.asked.push(body.to_owned());
        state.in_flight += 1;
        state.most_in_flight = state.most_in_flight.max(state.in_flight);
        let named = state.does.iter().find(|(role, _)| body.contains(&format!("%2F{role}&")));
        let does = named.map(|(_, does)| *does).or(state.otherwise);
        (number, does.unwrap_or(Does::Grant), state.takes)
    }

    async fn answer(self, body: String) -> HttpResponse {
        let (number, does, takes) = self.begin(&body);
        time::sleep(takes).await;
        if matches!(does, Does::Hang) {
            std::future::pending::<()>().await;
        }
        self.0.lock().unwrap().in_flight -= 1;
        match does {
            Does::Grant | Does::Hang => granted(number, Duration::from_hours(1)),
            Does::GrantFor(life) => granted(number, life),
            Does::Refuse(status, code) => refused(status, code),
        }
    }
}

fn granted(number: usize, life: Duration) -> HttpResponse {
    let expiration = jiff::Timestamp::now() + life;
    let body = format!(
        r#"<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
           <AccessKeyId>{number}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>
           <SessionToken>token</SessionToken><Expiration>{expiration}</Expiration>
           </Credentials></AssumeRoleResult></AssumeRoleResponse>"#
    );
    HttpResponse::new(StatusCode::try_from(200).unwrap(), SdkBody::from(body))
}

fn refused(status: u16, code: &str) -> HttpResponse {
    let body = format!(
        r#"<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
           <Code>{code}</Code><Message>user@example.com</Message></Error></ErrorResponse>"#
    );
    HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body))
}

impl HttpConnector for ScriptedSts {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = String::from_utf8(request.body().bytes().unwrap_or_default().to_vec()).unwrap();
        let sts = self.clone();
        if !body.starts_with("Action=") {
            let signature = request.headers().get("authorization").unwrap_or_default();
            let (_, credential) = signature.split_once("Credential=").unwrap();
            let key = credential.split('/').next().unwrap().to_owned();
            self.0.lock().unwrap().signed.push(key);
            return HttpConnectorFuture::ready(Ok(refused(503, "ServiceUnavailable")));
        }
        HttpConnectorFuture::new(async move { Ok(sts.answer(body).await) })
    }
}

impl HttpClient for ScriptedSts {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl fmt::Debug for ScriptedSts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedSts").finish_non_exhaustive()
    }
}

/// A role of this name, in an account of its own.
pub(super) fn role(name: &str) -> RoleConfig {
    let role = format!("arn:aws:iam::111122223333:role/{name}");
    serde_json::from_value(serde_json::json!({ "role": role, "external_id": "acme-7f3c" })).unwrap()
}

/// The environment in which STS is `sts`, with the process's own credentials from `own`.
pub(super) fn environment(sts: &ScriptedSts, own: impl ProvideCredentials + 'static) -> AwsEnvironment {
    AwsEnvironment::over(sdk(sts.clone(), own))
}

/// The identity of a destination with a role, whose attempts may take ten seconds.
pub(super) fn identity(environment: &mut AwsEnvironment, role: RoleConfig) -> Identity {
    let connection = Connection {
        region: None,
        endpoint_url: None,
        timeout: crate::core::units::Span(Duration::from_secs(10)),
        credentials: Some(role),
    };
    environment.access(&connection).unwrap().1
}

/// Runs the refresher of `environment` beside `scene`, on a clock that advances by itself.
pub(super) fn beside<T>(environment: AwsEnvironment, scene: impl AsyncFnOnce(RolesView) -> T) -> T {
    let (refresher, view): (Refresher, _) = environment.refresher();
    block_on(async {
        tokio::select! {
            never = refresher.run() => match never {},
            result = scene(view) => result,
        }
    })
}
