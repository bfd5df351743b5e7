//! The records that AWS hands to a Lambda function: `{"Records": […]}`, and where each event source puts the
//! content; the events of Amazon `EventBridge`; and what a subscription of Amazon `CloudWatch` Logs delivers.
//!
//! Knows nothing of the content. It follows <https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html>,
//! `with-sqs.html` and `with-kinesis.html` next to it,
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html>, `eb-pipes-kinesis.html` and
//! `eb-pipes-sqs.html` next to it, and
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html>. Records of other event
//! sources have no content of their own: Amazon S3 only names an object, and a record of `CloudTrail` is an
//! event itself. An event of a log is read like what a shipper of logs writes.

use std::borrow::Cow;

use crate::core::decode::{
    base64::from_base64,
    tree::{Node, Object},
};

/// An event source whose records are envelopes, with the paths of what they hold.
pub(super) struct EventSource {
    name: &'static str,
    content: &'static [&'static str],
    encoding: Encoding,
    pub(super) id: &'static [&'static str],
    pub(super) time: &'static [&'static str],
}

#[derive(Clone, Copy)]
enum Encoding {
    Text,
    Base64,
}

const EVENT_SOURCES: [EventSource; 4] = [
    EventSource {
        name: "aws:sns",
        content: &["Sns", "Message"],
        encoding: Encoding::Text,
        id: &["Sns", "MessageId"],
        time: &["Sns", "Timestamp"],
    },
    EventSource {
        name: "aws:sqs",
        content: &["body"],
        encoding: Encoding::Text,
        id: &["messageId"],
        time: &["attributes", "SentTimestamp"],
    },
    EventSource {
        name: "aws:kinesis",
        content: &["kinesis", "data"],
        encoding: Encoding::Base64,
        id: &["eventID"],
        time: &["kinesis", "approximateArrivalTimestamp"],
    },
    // As a pipe of EventBridge writes it.
    EventSource {
        name: "aws:kinesis",
        content: &["data"],
        encoding: Encoding::Base64,
        id: &["eventID"],
        time: &["approximateArrivalTimestamp"],
    },
];

impl EventSource {
    /// The source of a record that is an envelope.
    pub(super) fn of(record: Node<'_, '_>) -> Option<&'static Self> {
        let name = name(record);
        let mut sources = EVENT_SOURCES.iter();
        sources.find(|source| source.name == name && !record.at(source.content).str().is_empty())
    }

    /// The content of a record from this source; empty if it cannot be decoded.
    pub(super) fn content<'t>(&self, record: Node<'t, '_>) -> Cow<'t, [u8]> {
        let text = record.at(self.content).str();
        match self.encoding {
            Encoding::Text => text.as_bytes().into(),
            Encoding::Base64 => from_base64(text).unwrap_or_default().into(),
        }
    }
}

/// Whether this is a record of any event source.
pub(super) fn is_record(node: Node<'_, '_>) -> bool {
    !name(node).is_empty()
}

/// The place of the records in the input of a function.
pub(super) fn records(input: Object<'_, '_>) -> Option<usize> {
    let at = input.find("Records")?;
    input.node(at).first().is_some_and(is_record).then_some(at)
}

/// The place of the events in what a subscription of `CloudWatch` Logs delivers.
pub(super) fn log_events(delivery: Node<'_, '_>) -> Option<usize> {
    let Node::Object(object) = delivery else { return None };
    let at = object.find("logEvents").filter(|at| matches!(object.node(*at), Node::List(_)))?;
    (delivery.get("messageType").str() == "DATA_MESSAGE").then_some(at)
}

/// Whether this is how `CloudWatch` Logs tries whether the destination of a subscription is there.
pub(super) fn is_control_message(delivery: Node<'_, '_>) -> bool {
    delivery.get("messageType").str() == "CONTROL_MESSAGE" && delivery.get("logEvents").is_some()
}

/// The place of the content of an event of `EventBridge`, which is an object or a text.
pub(super) fn detail(event: Node<'_, '_>) -> Option<usize> {
    let has = |key: &str| !event.get(key).str().is_empty();
    let Node::Object(object) = event else { return None };
    let is_event = has("detail-type") && has("source") && (has("detail") || event.get("detail").is_object());
    object.find("detail").filter(|_| is_event)
}

/// The name of a record's event source, whose key Amazon SNS capitalises.
fn name<'t>(record: Node<'t, '_>) -> &'t str {
    record.get_by(|key| matches!(key, "eventSource" | "EventSource")).str()
}
