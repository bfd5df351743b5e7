//! Every operation by the official SDK of its service: what the SDK makes of the answers.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_eventbridge as classic;
use aws_sdk_eventbridgev2 as custom;
use aws_sdk_firehose as firehose;
use aws_sdk_kinesis as kinesis;
use aws_sdk_sts as sts;
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::{Blob, DateTime, retry::RetryConfig};

use super::*;

const BUS: &str = "arn:aws:events:eu-west-1:111122223333:event-busv2/identity/abcdefghij0123456789abcde";
const ROLE: &str = "arn:aws:iam::444455556666:role/events/identity";

/// The settings of an SDK client that makes one attempt.
fn sdk(address: SocketAddr, credentials: Credentials) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .endpoint_url(format!("http://{address}"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(RetryConfig::disabled())
        .build()
}

fn any() -> Credentials {
    Credentials::new("any", "any", None, None, "test")
}

/// The HTTP status and the code of an error.
fn failure<T, E>(sent: Result<T, SdkError<E, HttpResponse>>) -> (u16, String)
where
    E: aws_smithy_types::error::metadata::ProvideErrorMetadata,
{
    let error = sent.err().expect("an error");
    let status = error.raw_response().expect("an answer").status().as_u16();
    let code = error.as_service_error().and_then(|error| error.code()).unwrap_or_default();
    (status, code.to_owned())
}

fn denied() -> Faults {
    outage(Outage::access_denied())
}

fn throttling() -> Faults {
    Faults { throttled: 1.0, ..Faults::default() }
}

fn broken() -> Faults {
    Faults { answer_broken: 1.0, ..Faults::default() }
}

fn empty() -> Faults {
    Faults { answer_empty: 1.0, ..Faults::default() }
}

#[tokio::test]
async fn a_custom_bus_publishes() {
    with_server(unlimited(), async |address, control| {
        let client = custom::Client::new(&sdk(address, any()));
        let entry = |source: &str, id: &str| {
            let metadata = custom::types::PutEventsSystemMetadata::builder();
            let metadata = metadata.event_group_id("g").deduplication_id(id).build();
            let entry = custom::types::PutEventsRequestEntry::builder().source(source).detail_type("t");
            let entry = entry.detail(r#"{"ä":1}"#).time(DateTime::from_millis(1_795_341_600_123));
            entry.resources("arn:r").system_metadata(metadata).build().unwrap()
        };
        let put = |source: &str, ids: &[&str]| {
            let entries = ids.iter().map(|id| entry(source, id)).collect();
            client.put_events().event_bus_arn(BUS).set_entries(Some(entries)).send()
        };
        let answer = put("a", &["1", "2", "1"]).await.unwrap();
        let codes = answer.entries().iter().map(|entry| entry.success_code().unwrap().as_str());
        assert_eq!(codes.collect::<Vec<_>>(), ["PUBLISHED", "PUBLISHED", "DEDUPLICATED"]);
        assert_eq!(answer.failed_entry_count(), 0);
        assert!(answer.entries().iter().all(|entry| entry.event_id().is_some()));
        let event = &control.events(0)[0];
        assert_eq!(event.record, Some(json!({ "ä": 1 })));
        assert_eq!(event.entry.as_ref().unwrap()["time"], 1_795_341_600.123);

        let described = client.describe_event_bus().event_bus_arn(BUS).send().await.unwrap();
        assert_eq!(described.state(), Some(&custom::types::BusState::Active));

        assert_eq!(failure(put("aws.ec2", &["3"]).await), (400, "InvalidInputException".to_owned()));
        assert_eq!(control.counts().violations, [("eventbridgev2.source_reserved", 1)].into());
        control.set_faults(denied());
        assert_eq!(failure(put("a", &["3"]).await), (403, "AccessDeniedException".to_owned()));
        control.set_faults(throttling());
        assert_eq!(failure(put("a", &["3"]).await), (429, "ThrottlingException".to_owned()));
        control.set_faults(outage(Outage::unavailable()));
        assert_eq!(failure(put("a", &["3"]).await).0, 503);
        control.set_faults(broken());
        assert_eq!(failure(put("a", &["3"]).await).0, 200);
        control.set_faults(empty());
        assert!(put("a", &["4"]).await.unwrap().entries().is_empty());
        control.set_faults(Faults { events_throttled: 1.0, ..Faults::default() });
        let answer = put("a", &["5"]).await.unwrap();
        assert_eq!(answer.entries()[0].error_code(), Some("ThrottlingException"));
        assert_eq!(answer.failed_entry_count(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_classic_bus_takes_events() {
    with_server(unlimited(), async |address, control| {
        let client = classic::Client::new(&sdk(address, any()));
        let put = |sources: &[&str]| {
            let entry = |source: &&str| {
                let entry = classic::types::PutEventsRequestEntry::builder().source(*source).detail_type("t");
                let entry = entry.detail(r#"{"a":1}"#).event_bus_name("identity").resources("arn:r");
                entry.time(DateTime::from_millis(1_795_341_600_123)).build()
            };
            client.put_events().set_entries(Some(sources.iter().map(entry).collect())).send()
        };
        let answer = put(&["a", "aws.ec2"]).await.unwrap();
        assert_eq!(answer.failed_entry_count(), 1);
        assert!(answer.entries()[0].event_id().is_some());
        assert_eq!(answer.entries()[1].error_code(), Some("NotAuthorizedForSourceException"));
        assert_eq!(control.events(0)[0].entry.as_ref().unwrap()["time"], 1_795_341_600.123);
        let described = client.describe_event_bus().name("identity").send().await.unwrap();
        assert_eq!(described.name(), Some("identity"));
        assert_eq!(failure(put(&["a"; 11]).await), (400, "ValidationException".to_owned()));
        control.set_faults(denied());
        assert_eq!(failure(put(&["a"]).await), (403, "AccessDeniedException".to_owned()));
        control.set_faults(throttling());
        assert_eq!(failure(put(&["a"]).await), (400, "ThrottlingException".to_owned()));
        control.set_faults(empty());
        assert!(put(&["a"]).await.unwrap().entries().is_empty());
    })
    .await;
}

#[tokio::test]
async fn kinesis_takes_records_and_describes_streams() {
    with_server(unlimited(), async |address, control| {
        let client = kinesis::Client::new(&sdk(address, any()));
        let put = |keys: &[&str], dry_run: bool| {
            let record = |key: &&str| {
                let record = kinesis::types::PutRecordsRequestEntry::builder().data(Blob::new("{\"a\":1}\n"));
                record.partition_key(*key).build().unwrap()
            };
            let records = keys.iter().map(record).collect();
            client.put_records().stream_name("identity").set_records(Some(records)).dry_run(dry_run).send()
        };
        let answer = put(&["k", "l"], false).await.unwrap();
        assert_eq!(answer.failed_record_count(), Some(0));
        assert!(answer.records().iter().all(|record| record.sequence_number().is_some()));
        assert_eq!(control.events(0)[1].record, Some(json!({ "a": 1 })));
        assert_eq!(failure(put(&["k"], true).await), (400, "DryRunOperationException".to_owned()));
        assert_eq!(failure(put(&["k"; 501], false).await), (400, "ValidationException".to_owned()));
        let limit = Some(ShardLimit { records: 1, bytes: 1 << 20 });
        control.set_streams(Streams { shards: std::num::NonZeroU32::MIN, limit, ..Streams::default() });
        let answer = put(&["k", "l"], false).await.unwrap();
        let throttled = "ProvisionedThroughputExceededException";
        assert_eq!(answer.failed_record_count(), Some(1));
        assert_eq!(answer.records()[1].error_code(), Some(throttled));
        control.set_faults(throttling());
        assert_eq!(failure(put(&["k"], false).await), (400, throttled.to_owned()));
        control.set_faults(broken());
        assert_eq!(failure(put(&["k"], false).await).0, 200);
        control.set_faults(empty());
        assert!(put(&["k"], false).await.unwrap().records().is_empty());

        control.set_faults(Faults::default());
        let arn = "arn:aws:kinesis:eu-west-1:111122223333:stream/identity";
        let answer = client.describe_stream_summary().stream_arn(arn).send().await.unwrap();
        let summary = answer.stream_description_summary().unwrap();
        assert_eq!((summary.stream_name(), summary.open_shard_count()), ("identity", 1));
        assert_eq!(summary.max_record_size_in_kib(), Some(1024));
        let strategy = kinesis::types::RecordDistributionStrategy::UserPartitionKey;
        assert_eq!(summary.record_distribution_strategy(), Some(&strategy));
    })
    .await;
}

#[tokio::test]
async fn firehose_takes_records_and_describes_streams() {
    with_server(unlimited(), async |address, control| {
        let client = firehose::Client::new(&sdk(address, any()));
        let put = |data: &[&str]| {
            let record =
                |data: &&str| firehose::types::Record::builder().data(Blob::new(*data)).build().unwrap();
            let records = data.iter().map(record).collect();
            client.put_record_batch().delivery_stream_name("lake").set_records(Some(records)).send()
        };
        let answer = put(&["{\"a\":1}\n{\"a\":2}\n", "x"]).await.unwrap();
        assert_eq!(answer.failed_put_count(), 0);
        assert!(answer.request_responses().iter().all(|response| response.record_id().is_some()));
        assert_eq!(control.counts().events_accepted, 3);
        assert_eq!(failure(put(&["x"; 501]).await), (400, "ValidationException".to_owned()));
        control.set_faults(throttling());
        assert_eq!(failure(put(&["x"]).await), (503, "ServiceUnavailableException".to_owned()));
        control.set_faults(Faults { events_failed: 1.0, ..Faults::default() });
        let answer = put(&["x"]).await.unwrap();
        assert_eq!(answer.failed_put_count(), 1);
        assert_eq!(answer.request_responses()[0].error_code(), Some("InternalFailure"));
        control.set_faults(empty());
        assert!(put(&["x"]).await.unwrap().request_responses().is_empty());

        control.set_faults(Faults::default());
        let answer = client.describe_delivery_stream().delivery_stream_name("lake").send().await.unwrap();
        let status = answer.delivery_stream_description().unwrap().delivery_stream_status().as_str();
        assert_eq!(status, "ACTIVE");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_role_is_assumed_used_and_expires() {
    with_server(unlimited(), async |address, control| {
        let assume = |external_id: Option<&str>, faults: Faults| {
            control.set_faults(faults);
            let client = sts::Client::new(&sdk(address, any()));
            let assume = client.assume_role().role_arn(ROLE).role_session_name("pinpoint-sidecar");
            assume.set_external_id(external_id.map(str::to_owned)).duration_seconds(900).send()
        };
        let short = Faults { role_lasts: Some(Span(Duration::from_secs(10))), ..Faults::default() };
        let answer = assume(None, short).await.unwrap();
        let issued = answer.credentials().unwrap();
        let arn = "arn:aws:sts::444455556666:assumed-role/identity/pinpoint-sidecar";
        assert_eq!(answer.assumed_role_user().unwrap().arn(), arn);

        let token = Some(issued.session_token().to_owned());
        let (key, secret) = (issued.access_key_id(), issued.secret_access_key());
        let role = Credentials::new(key, secret, token, None, "test");
        let who = sts::Client::new(&sdk(address, role.clone())).get_caller_identity().send().await.unwrap();
        assert_eq!((who.account(), who.arn()), (Some("444455556666"), Some(arn)));
        let who = sts::Client::new(&sdk(address, any())).get_caller_identity().send().await.unwrap();
        assert_eq!(who.account(), Some("111122223333"));

        let stream = |credentials: &Credentials| {
            let client = kinesis::Client::new(&sdk(address, credentials.clone()));
            client.describe_stream_summary().stream_name("identity").send()
        };
        let summary = stream(&role).await.unwrap().stream_description_summary.unwrap();
        assert_eq!(summary.stream_arn(), "arn:aws:kinesis:eu-west-1:444455556666:stream/identity");
        let wrong = Credentials::new(key, secret, Some("other".to_owned()), None, "test");
        assert_eq!(failure(stream(&wrong).await), (400, "UnrecognizedClientException".to_owned()));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(failure(stream(&role).await), (400, "ExpiredTokenException".to_owned()));
        let who = sts::Client::new(&sdk(address, role)).get_caller_identity().send().await;
        assert_eq!(failure(who), (403, "ExpiredToken".to_owned()));

        let refused = (403, "AccessDenied".to_owned());
        let demands = Faults { role_external_id: Some("acme".to_owned()), ..Faults::default() };
        assert_eq!(failure(assume(None, demands.clone()).await), refused);
        assert_eq!(failure(assume(Some("other"), demands.clone()).await), refused);
        assert!(assume(Some("acme"), demands).await.is_ok());
        let gone = Only {
            service: Some("sts".to_owned()),
            destination: Some(ROLE.to_owned()),
            faults: outage(Outage::answer(403, "AccessDenied")),
            ..Only::default()
        };
        assert_eq!(failure(assume(None, Faults { only: vec![gone], ..Faults::default() }).await), refused);
    })
    .await;
}

#[tokio::test]
async fn an_operation_that_is_not_emulated_says_so() {
    with_server(unlimited(), async |address, control| {
        let settings = sdk(address, any());
        let listed = kinesis::Client::new(&settings).list_streams().send().await;
        assert_eq!(failure(listed), (400, "UnknownOperationException".to_owned()));
        let listed = custom::Client::new(&settings).list_event_buses().send().await;
        assert_eq!(failure(listed), (400, "UnknownOperationException".to_owned()));
        let token = sts::Client::new(&settings).get_session_token().send().await;
        assert_eq!(failure(token), (400, "InvalidAction".to_owned()));
        assert_eq!(control.counts().violations, [("operation", 3)].into());
    })
    .await;
}

#[tokio::test]
async fn a_lost_answer_is_no_answer_and_yet_the_events_are_taken() {
    let lost = Faults { answer_lost: 1.0, ..Faults::default() };
    with_server(failing(lost), async |address, control| {
        let client = kinesis::Client::new(&sdk(address, any()));
        for _ in 0..20 {
            let record = kinesis::types::PutRecordsRequestEntry::builder().data(Blob::new("{}"));
            let record = record.partition_key("k").build().unwrap();
            assert!(client.put_records().stream_name("s").records(record).send().await.is_err());
        }
        let counts = control.counts();
        assert_eq!((counts.events_accepted, counts.events_unconfirmed), (20, 20));
        assert!(counts.closed > 0 && counts.answers.keys().eq(&[500]), "{counts:?}");
        let destination = &counts.by_destination["kinesis/s"];
        assert_eq!((destination.requests, destination.events_accepted), (20, 20));
    })
    .await;
}
