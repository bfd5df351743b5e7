//! A plain program for comparison: it reads records and sends events through the SDK's typed input. It does
//! not look into records, and keeps nothing that could be lost.

use std::time::Duration;

use aws_sdk_pinpoint::{
    Client, Config,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig},
    types::{EndpointUser, Event, EventsBatch, EventsRequest, PublicEndpoint, Session},
};
use rdkafka::{
    ClientConfig, Message as _,
    consumer::{BaseConsumer, Consumer as _},
};
use tokio::{select, task::JoinSet, time::sleep};

use crate::{backlog::EVENTS_PER_RECORD, load::id};

const IN_FLIGHT: usize = 16;
const RECORDS_PER_REQUEST: usize = 100 / EVENTS_PER_RECORD;
const TIME: &str = "2026-11-23T10:00:00.000Z";

/// Reads and sends until it is killed.
pub(crate) fn run(brokers: &str, topic: &str, group: &str, url: &str) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("group.id", group).set("auto.offset.reset", "earliest");
    let consumer: BaseConsumer = config.create().expect("a consumer");
    consumer.subscribe(&[topic]).expect("a subscription");
    let client = client(url);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut sends = JoinSet::new();
        for number in 0.. {
            for _ in 0..RECORDS_PER_REQUEST {
                while !is_read(&consumer) {
                    pause(&mut sends, Duration::from_millis(1)).await;
                }
            }
            let first = number * RECORDS_PER_REQUEST;
            let items = (first..first + RECORDS_PER_REQUEST).map(item).collect();
            let request = EventsRequest::builder().set_batch_item(Some(items)).build();
            let put_events = client.put_events().application_id("0123456789abcdef0123456789abcdef");
            let sent = put_events.events_request(request).send();
            sends.spawn(async move {
                let answer = sent.await.expect("an answer");
                assert!(answer.events_response().is_some_and(|response| response.results().is_some()));
            });
            while sends.len() >= IN_FLIGHT {
                pause(&mut sends, Duration::MAX).await;
            }
        }
    });
}

/// Reads a record if there is one.
fn is_read(consumer: &BaseConsumer) -> bool {
    matches!(consumer.poll(Duration::ZERO), Some(Ok(message)) if message.payload().is_some())
}

/// Waits for an answer, but no longer than `longest`.
async fn pause(sends: &mut JoinSet<()>, longest: Duration) {
    select! {
        Some(sent) = sends.join_next() => sent.expect("a send does not panic"),
        () = sleep(longest) => {}
    }
}

/// An endpoint with two events for a record, as long as those that the service makes of one.
fn item(record: usize) -> (String, EventsBatch) {
    let sign_in = event(record, "sign_in", "_userauth.sign_in").build();
    let session = Session::builder().id(id(4, record)).start_timestamp(TIME).build();
    let start = event(record, "session", "_session.start").session(session).build();
    let user = EndpointUser::builder().user_id(id(3, record)).build();
    let batch = EventsBatch::builder()
        .endpoint(PublicEndpoint::builder().user(user).build())
        .events(id(1, record) + ":sign_in", sign_in)
        .events(id(1, record) + ":session", start)
        .build();
    (id(5, record).replace('-', ""), batch)
}

fn event(record: usize, slot: &str, event_type: &str) -> aws_sdk_pinpoint::types::builders::EventBuilder {
    Event::builder()
        .event_type(event_type)
        .timestamp(TIME)
        .attributes("event_id", id(1, record) + ":" + slot)
        .attributes("source_event_id", id(1, record))
        .attributes("realm", id(2, 0))
        .attributes("client_id", "web")
}

fn client(url: &str) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("a", "b", None, None, "bench"))
        .retry_config(RetryConfig::disabled())
        .endpoint_url(url)
        .build();
    Client::from_conf(config)
}
