//! The calls of a custom event bus: their limits, their results, and what faults make of them.

use minicbor::{Decoder, Encoder, data::Type};

use super::{
    super::sample::{serve, state},
    *,
};
use crate::tools::emulator::faults::{Effect, Faults, Matching};

const ARN: &str = "arn:aws:events:eu-west-1:111122223333:event-busv2/identity/abcdefghij0123456789abcde";

/// A CBOR value, to write calls with.
#[derive(Clone)]
enum Value {
    Text(String),
    Time(f64),
    Number(u8),
    List(Vec<Value>),
    Map(Vec<(&'static str, Value)>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl Value {
    fn write(&self, encoder: &mut Encoder<Vec<u8>>) {
        match self {
            Self::Text(text) => drop(encoder.str(text)),
            Self::Time(time) => drop(encoder.tag(minicbor::data::IanaTag::Timestamp).unwrap().f64(*time)),
            Self::Number(number) => drop(encoder.u8(*number)),
            Self::List(items) => {
                encoder.array(items.len() as u64).unwrap();
                for item in items {
                    item.write(encoder);
                }
            }
            Self::Map(fields) => {
                encoder.begin_map().unwrap();
                for (key, value) in fields {
                    encoder.str(key).unwrap();
                    value.write(encoder);
                }
                encoder.end().unwrap();
            }
        }
    }

    /// This map with a field more, or with another value for it.
    fn with(self, key: &'static str, value: impl Into<Value>) -> Self {
        let Self::Map(mut fields) = self else { panic!("not a map") };
        fields.retain(|(other, _)| *other != key);
        fields.push((key, value.into()));
        Self::Map(fields)
    }
}

fn entry() -> Value {
    Value::Map(vec![("Source", "a".into()), ("DetailType", "t".into()), ("Detail", "{}".into())])
}

fn metadata(key: &'static str, id: &str) -> Value {
    entry().with("SystemMetadata", Value::Map(vec![(key, id.into())]))
}

fn call(entries: Vec<Value>) -> Value {
    Value::Map(vec![("EventBusArn", ARN.into()), ("Entries", Value::List(entries))])
}

/// The code of each result: success or error.
fn put(call: &Value, state: &mut ServerState) -> Result<Vec<String>, Problem> {
    let mut encoder = Encoder::new(Vec::new());
    call.write(&mut encoder);
    let served = serve(&SERVICE, "PutEvents", &encoder.into_writer(), state)?;
    Ok(codes(&served.answer.body))
}

fn codes(body: &[u8]) -> Vec<String> {
    let mut decoder = Decoder::new(body);
    let mut codes = Vec::new();
    while let Ok(kind) = decoder.datatype() {
        match kind {
            Type::Map => drop(decoder.map().unwrap()),
            Type::Array => drop(decoder.array().unwrap()),
            Type::String => match decoder.str().unwrap() {
                "SuccessCode" | "ErrorCode" => codes.push(decoder.str().unwrap().to_owned()),
                _ => {}
            },
            _ => decoder.skip().unwrap(),
        }
    }
    codes
}

#[track_caller]
fn check(call: &Value, rule: Option<&str>) {
    let problem = put(call, &mut state(Faults::default())).err();
    assert_eq!(problem.as_ref().and_then(|problem| problem.rule), rule);
    let code = problem.map_or(INVALID, |problem| problem.code);
    assert!([INVALID, "SerializationException"].contains(&code));
}

#[track_caller]
fn check_entry(entry: Value, rule: Option<&str>) {
    check(&call(vec![self::entry(), entry]), rule);
}

#[test]
fn a_call_keeps_its_limits() {
    check(&call(vec![entry(); 100]), None);
    check(&call(vec![entry(); 101]), Some("eventbridgev2.entry_count"));
    check(&call(vec![]), Some("eventbridgev2.no_entries"));
    check(&Value::Map(vec![("EventBusArn", ARN.into())]), Some("eventbridgev2.no_entries"));
    let sized = |size: usize| entry().with("Detail", &*format!("\"{}\"", "x".repeat(size - 4)));
    check(&call(vec![sized(1 << 20)]), None);
    check(&call(vec![sized((1 << 20) + 1)]), Some("eventbridgev2.request_size"));
    check(&call(vec![sized(1 << 19), sized((1 << 19) + 1)]), Some("eventbridgev2.request_size"));
    let bus = |arn: &str| call(vec![entry()]).with("EventBusArn", arn);
    check(&bus("identity"), Some("eventbridgev2.bus"));
    check(&bus(&ARN.replace("event-busv2", "event-bus")), Some("eventbridgev2.bus"));
    check(&bus(&ARN[..ARN.len() - 1]), Some("eventbridgev2.bus"));
    check(&bus(&ARN.replace("1111", "111")), Some("eventbridgev2.bus"));
    check(&bus(&ARN.replace("abcde", "ABCDE")), Some("eventbridgev2.bus"));
    check(&bus(&ARN.replace("aws", "aws-cn")), None);
    let configuration = |kind: &str| Value::Map(vec![("DeduplicationType", kind.into())]);
    check(&call(vec![entry()]).with("DeduplicationConfiguration", configuration("CONTENT_BASED")), None);
    let other = call(vec![entry()]).with("DeduplicationConfiguration", configuration("OTHER"));
    check(&other, Some("eventbridgev2.model"));
    check(&call(vec![entry()]).with("Other", "x"), Some("eventbridgev2.model"));
    check(&call(vec![entry()]).with("EventBusArn", Value::Number(1)), Some("eventbridgev2.model"));
}

#[test]
fn an_entry_keeps_its_limits() {
    check_entry(entry().with("Source", ""), Some("eventbridgev2.source"));
    check_entry(entry().with("Source", &*"s".repeat(256)), None);
    check_entry(entry().with("Source", &*"s".repeat(257)), Some("eventbridgev2.source"));
    check_entry(entry().with("Source", "aws.ec2"), Some("eventbridgev2.source_reserved"));
    check_entry(Value::Map(vec![("Source", "a".into())]), Some("eventbridgev2.detail_type"));
    check_entry(entry().with("DetailType", &*"t".repeat(128)), None);
    check_entry(entry().with("DetailType", &*"t".repeat(129)), Some("eventbridgev2.detail_type"));
    check_entry(entry().with("Detail", "[1]"), None);
    check_entry(entry().with("Detail", "{"), Some("eventbridgev2.detail"));
    check_entry(entry().with("Detail", ""), Some("eventbridgev2.detail"));
    check_entry(Value::Map(vec![("Source", "a".into()), ("DetailType", "t".into())]), None);
    let resources = |count: usize, length: usize| {
        entry().with("Resources", Value::List(vec![(&*"r".repeat(length)).into(); count]))
    };
    check_entry(resources(100, 2048), None);
    check_entry(resources(101, 1), Some("eventbridgev2.resources"));
    check_entry(resources(1, 2049), Some("eventbridgev2.resources"));
    check_entry(metadata("EventGroupId", &"ä".repeat(128)), None);
    check_entry(metadata("EventGroupId", &"g".repeat(129)), Some("eventbridgev2.group"));
    check_entry(metadata("EventGroupId", ""), Some("eventbridgev2.group"));
    check_entry(metadata("DeduplicationId", &"d".repeat(128)), None);
    check_entry(metadata("DeduplicationId", &"d".repeat(129)), Some("eventbridgev2.deduplication_id"));
    check_entry(metadata("DeduplicationId", " \t"), Some("eventbridgev2.deduplication_id"));
    check_entry(metadata("ContentType", "x"), Some("eventbridgev2.model"));
    check_entry(entry().with("Time", Value::Time(1.5)), None);
    check_entry(entry().with("Time", "2026"), Some("eventbridgev2.model"));
}

#[test]
fn an_event_is_published_once_within_account_and_group() {
    let mut state = state(Faults::default());
    let of = |group: &str, id: &str| {
        let metadata = vec![("EventGroupId", group.into()), ("DeduplicationId", id.into())];
        entry().with("SystemMetadata", Value::Map(metadata))
    };
    let entries =
        vec![of("g", "1"), of("g", "2"), of("h", "1"), of("g", "1"), metadata("DeduplicationId", "1")];
    let codes = put(&call(entries.clone()), &mut state).unwrap();
    assert_eq!(codes, ["PUBLISHED", "PUBLISHED", "PUBLISHED", "DEDUPLICATED", "PUBLISHED"]);
    let other_bus = call(vec![of("g", "1")]).with("EventBusArn", &*ARN.replace("identity", "other"));
    assert_eq!(put(&other_bus, &mut state).unwrap(), ["DEDUPLICATED"]);
    let other_account = call(vec![of("g", "1")]).with("EventBusArn", &*ARN.replace("1111", "9999"));
    assert_eq!(put(&other_account, &mut state).unwrap(), ["PUBLISHED"]);
    let counts = &state.journal.counts;
    assert_eq!((counts.events_accepted, counts.events_deduplicated), (5, 2));
    assert_eq!(put(&call(vec![entry(), entry()]), &mut state).unwrap(), ["PUBLISHED", "PUBLISHED"]);
}

#[test]
fn the_content_can_be_what_a_duplicate_is_known_by() {
    let mut state = state(Faults::default());
    let configuration = Value::Map(vec![("DeduplicationType", "CONTENT_BASED".into())]);
    let entries = vec![entry(), entry().with("Detail", "[]"), entry()];
    let call = call(entries).with("DeduplicationConfiguration", configuration);
    assert_eq!(put(&call, &mut state).unwrap(), ["PUBLISHED", "PUBLISHED", "DEDUPLICATED"]);
}

#[test]
fn an_event_is_kept_with_its_group() {
    let mut state = state(Faults::default());
    put(&call(vec![metadata("EventGroupId", "g").with("Time", Value::Time(1.5))]), &mut state).unwrap();
    let event = &state.journal.events(0)[0];
    assert_eq!(&*event.destination, format!("eventbridgev2/{ARN}"));
    let sent = event.entry.as_ref().unwrap();
    assert_eq!((&sent["group"], &sent["time"], &sent["source"]), (&"g".into(), &1.5.into(), &"a".into()));
    assert_eq!(event.record, Some(serde_json::json!({})));
}

#[test]
fn entries_go_wrong_as_asked() {
    let of = |effect| {
        let text = "spoiled".to_owned();
        let mut state = state(Faults { matching: vec![Matching { text, effect }], ..Faults::default() });
        let codes = put(&call(vec![entry(), metadata("EventGroupId", "spoiled")]), &mut state);
        (codes.map_err(|problem| problem.code), state.journal.counts.events_accepted)
    };
    let second = |code: &str| (Ok(vec!["PUBLISHED".to_owned(), code.to_owned()]), 1);
    assert_eq!(of(Effect::RefuseEvent), second("InvalidInputException"));
    assert_eq!(of(Effect::ThrottleEvent), second("ThrottlingException"));
    assert_eq!(of(Effect::FailEvent), second("InternalException"));
    assert_eq!(of(Effect::OmitEvent), (Ok(vec!["PUBLISHED".to_owned()]), 1));
    assert_eq!(of(Effect::RefuseCall), (Err("InvalidInputException"), 0));
    assert_eq!(of(Effect::FailCall), (Err("InternalException"), 0));
}

#[test]
fn a_bus_describes_itself() {
    let describe = |arn: &str| {
        let mut encoder = Encoder::new(Vec::new());
        Value::Map(vec![("EventBusArn", arn.into())]).write(&mut encoder);
        let mut state = state(Faults::default());
        let served = serve(&SERVICE, "DescribeEventBus", &encoder.into_writer(), &mut state);
        served.map(|served| served.answer.body).map_err(|problem| problem.rule)
    };
    let body = describe(ARN).unwrap();
    for text in [ARN, "identity", "ACTIVE"] {
        assert!(String::from_utf8_lossy(&body).contains(text));
    }
    assert_eq!(describe("identity"), Err(Some("eventbridgev2.bus")));
}
