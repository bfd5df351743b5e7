//! Tenants with roles of their own: a server in the test process answers `AssumeRole`, `GetCallerIdentity` and
//! `PutRecords`.
//!
//! It knows a tenant by the name of its role, and of its stream.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::{Arc, Mutex},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::{
    load::{Load, PARTITIONS},
    scene::{LETTERS, SOON, TOPIC, wait_metrics},
};
use crate::support::{
    answering::Answering,
    mock::MockKafka,
    service::{self, Setup},
    wait::eventually,
};

/// What the server has seen, and how it answers.
#[derive(Default)]
struct Aws {
    /// The role that is refused.
    refused: Option<&'static str>,
    /// How often each role was asked for.
    asked: BTreeMap<String, usize>,
    /// The event ids that each stream got, and the accounts that its records name.
    streams: BTreeMap<String, (Vec<String>, BTreeSet<String>)>,
}

impl Aws {
    /// The whole response to a request.
    fn answer(&mut self, body: &[u8]) -> String {
        let text = String::from_utf8(body.to_vec()).expect("a text");
        let (status, body) = if text.starts_with("Action=GetCallerIdentity") {
            let arn = "arn:aws:sts::999988887777:assumed-role/pinpoint-sidecar/pod-1";
            (200, result("GetCallerIdentity", &format!("<Arn>{arn}</Arn>")))
        } else if text.starts_with("Action=AssumeRole") {
            self.assume(&text)
        } else {
            self.put(&serde_json::from_slice(body).expect("JSON"))
        };
        format!(
            "HTTP/1.1 {status} Answer\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )
    }

    fn assume(&mut self, form: &str) -> (u16, String) {
        let field = |name: &str| {
            let fields = form.split('&').filter_map(|field| field.split_once('='));
            fields.clone().find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
        };
        let role = field("RoleArn").expect("a role").rsplit("%2F").next().expect("a name").to_owned();
        *self.asked.entry(role.clone()).or_default() += 1;
        if self.refused == Some(&role) || field("ExternalId") != Some(format!("{role}-7f3c")) {
            let error = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>";
            return (403, error.to_owned());
        }
        let granted = "<Credentials><AccessKeyId>a</AccessKeyId><SecretAccessKey>b</SecretAccessKey>\
                       <SessionToken>c</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>";
        (200, result("AssumeRole", granted))
    }

    fn put(&mut self, request: &Value) -> (u16, String) {
        let Some(records) = request["Records"].as_array() else {
            return (400, json!({ "__type": "AccessDeniedException" }).to_string());
        };
        let stream = request["StreamName"].as_str().expect("a name").to_owned();
        let (ids, accounts) = self.streams.entry(stream).or_default();
        for record in records {
            let data = BASE64_STANDARD.decode(record["Data"].as_str().expect("a text")).expect("base64");
            let record: Value = serde_json::from_slice(&data).expect("JSON");
            ids.push(record["attributes"]["event_id"].as_str().expect("a text").to_owned());
            accounts.insert(record["awsAccountId"].as_str().expect("an account").to_owned());
        }
        let taken = vec![json!({ "SequenceNumber": "1", "ShardId": "s" }); records.len()];
        (200, json!({ "Records": taken }).to_string())
    }
}

fn result(operation: &str, content: &str) -> String {
    format!("<{operation}Response><{operation}Result>{content}</{operation}Result></{operation}Response>")
}

struct Scene {
    kafka: MockKafka,
    server: Answering,
    aws: Arc<Mutex<Aws>>,
}

impl Scene {
    #[track_caller]
    fn start() -> Self {
        let kafka = MockKafka::start();
        kafka.create_topic(TOPIC, PARTITIONS);
        kafka.create_topic(LETTERS, 1);
        let aws: Arc<Mutex<Aws>> = Arc::default();
        let answering = Arc::clone(&aws);
        let server = Answering::start(move |body| answering.lock().unwrap().answer(body));
        Self { kafka, server, aws }
    }

    fn refuse(&self, role: Option<&'static str>) {
        self.aws.lock().unwrap().refused = role;
    }

    fn got(&self, stream: &str) -> Vec<String> {
        self.aws.lock().unwrap().streams.get(stream).map(|(ids, _)| ids.clone()).unwrap_or_default()
    }

    /// The set-up of a service with two tenants, one of which has two destinations.
    fn setup(&self) -> Setup {
        let url = &self.server.url;
        let tenant = |account: &str, role: &str, stream: &str| {
            let role = format!("{{ role: 'arn:aws:iam::{account}:role/{role}', external_id: {role}-7f3c }}");
            format!(
                "{{ kinesis: {{ stream: {stream}, region: eu-west-1, endpoint_url: {url}, timeout: 5s, credentials: \
                 {role} }} }}"
            )
        };
        let setup = Setup::new(format!(
            "source:
  brokers: {}
  topics: [{TOPIC}]
  group: {TOPIC}
  properties: {{ session.timeout.ms: 6000, topic.metadata.refresh.interval.ms: 500 }}
destinations:
  acme: {}
  globex: {}
  globex-2: {}
routes: [{{ to: [acme, globex, globex-2] }}]
unrouted: ignore
batch: {{ linger: 50ms }}
retry: {{ initial: 50ms, max: 300ms }}
dead_letter: {{ topic: {LETTERS}, circuit_breaker: off }}
commit: {{ interval: 200ms }}
shutdown: {{ deadline: 8s }}
log: {{ format: text, level: info }}
",
            self.kafka.client.bootstrap,
            tenant("111122223333", "acme", "acme"),
            tenant("444455556666", "globex", "globex"),
            tenant("444455556666", "globex", "globex-2"),
        ));
        setup.with_sts(url)
    }
}

#[test]
fn a_role_that_is_refused_holds_its_destination_until_it_is_granted() {
    let scene = Scene::start();
    scene.refuse(Some("acme"));
    let load = Load::generate(300, 0.0);
    scene.kafka.client.produce(TOPIC, load.messages(0..load.len()));
    let service = scene.setup().start();
    eventually(SOON, "the others get everything", || {
        let done = ["globex", "globex-2"].iter().all(|stream| load.is_complete(&scene.got(stream)));
        done.then_some(())
    });
    wait_metrics(&service, "a hold", |metrics| metrics.count(r#"destination_held{destination="acme"}"#) == 1);
    let (status, metrics) = (service.status(), service.metrics());
    assert_eq!(
        (&status["holds"][0]["code"], &status["roles"]["refused"]),
        (&json!("role_refused"), &json!(1))
    );
    assert_eq!(metrics.count(r#"destination_held{destination="globex"}"#), 0);
    assert!(metrics.count(r#"role_failures_total{code="role_refused"}"#) > 0);
    let remaining = metrics.value("role_credentials_remaining_seconds");
    assert!(remaining > 3000.0 && remaining < 3600.0, "{remaining}");
    assert!(scene.got("acme").is_empty());
    scene.refuse(None);
    eventually(SOON, "it gets everything, too", || load.is_complete(&scene.got("acme")).then_some(()));
    for stream in ["acme", "globex", "globex-2"] {
        load.assert_exact(&scene.got(stream));
    }
    {
        let aws = scene.aws.lock().unwrap();
        assert_eq!(aws.asked["globex"], 1, "two destinations share one role");
        let accounts = |stream: &str| aws.streams[stream].1.iter().cloned().collect::<Vec<_>>();
        assert_eq!(
            (accounts("acme"), accounts("globex")),
            (vec!["111122223333".into()], vec!["444455556666".into()])
        );
    }
    assert_eq!(service.stop(), Some(0));
    assert_eq!(scene.kafka.client.read_all(LETTERS), []);
}

/// Checks the code and the output of `check`.
#[track_caller]
fn check(scene: &Scene, arguments: &[&str], code: i32) -> String {
    let Setup { config, environment } = scene.setup();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config.yaml");
    fs::write(&file, config).expect("a file");
    let file = file.to_str().expect("a path in UTF-8");
    let output = service::run_with(&environment, &[&["check", "--config", file], arguments].concat());
    let found = String::from_utf8(output.stdout).expect("a text");
    assert_eq!(output.status.code(), Some(code), "{found}{}", String::from_utf8_lossy(&output.stderr));
    found
}

#[test]
fn check_assumes_each_role_and_prints_the_policies_of_one_that_is_refused() {
    let scene = Scene::start();
    let found = check(&scene, &[], 0);
    for name in ["acme", "globex", "globex-2"] {
        assert!(found.contains(&format!("ok     AWS role of {name}: assumed\n")), "{found}");
    }
    assert!(!found.contains("policy"), "{found}");
    scene.refuse(Some("acme"));
    let found = check(&scene, &["--destination", "acme"], 69);
    insta::assert_snapshot!(found);
    let found = check(&scene, &["--destination", "globex"], 0);
    assert!(found.starts_with("ok     AWS role of globex: assumed\n") && !found.contains("acme"), "{found}");
    check(&scene, &["--destination", "initech"], 64);
}
