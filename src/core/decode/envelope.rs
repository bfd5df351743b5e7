//! Opens the envelopes that a record of any format may be in.
//!
//! Knows nothing of formats. At most [`MOST`] nested envelopes are opened; whatever is inside then counts as
//! the record. These envelopes have an unmistakable shape, and are opened before the format is recognised:
//!
//! | envelope | recognised by | content |
//! |---|---|---|
//! | CloudEvents, structured | `specversion`, `type`, `source` (or the content type) | `data` or `data_base64` |
//! | CloudEvents, a batch | an array of those | each element |
//! | CloudEvents, binary | the header `ce_specversion` | the record's value |
//! | Confluent's wire format | a first byte of 0x00 and four bytes of a schema id | the remaining bytes, if they are JSON |
//! | Debezium | `op` and `before` or `after`; with or without `schema` and `payload` around them | `after` |
//! | Debezium in a CloudEvent | `iodebeziumop`, and `before` or `after` in its data | `after` |
//! | Debezium, flattened | `__op` or `__deleted`, or Keycloak's columns in upper case | the columns |
//! | Kafka Connect's JSON | `payload`, and no other key than `schema` | `payload`, or the bytes in it if the schema is `bytes`; null is a tombstone |
//! | a notification of Amazon SNS | `Type` is `Notification`, `MessageId`, `Message` | the text in `Message` |
//! | an event of Amazon `EventBridge` | `detail-type`, `source`, `detail` | `detail` |
//! | an event of Azure Event Grid, in its own schema | `eventType`, `eventTime`, `subject`, `dataVersion`, `data` | `data` |
//! | the input of a Lambda function | `Records`, the first with an `eventSource` | each element |
//! | a record in such an input | `eventSource` is that of Amazon SNS, SQS or Kinesis | the message, see `envelope/aws.rs` |
//! | a delivery of Amazon `CloudWatch` Logs | `logEvents`, and `messageType` is `DATA_MESSAGE` | each element |
//! | text | a JSON string | the JSON in it |
//! | a line of a container's log | its beginning, see `envelope/container.rs`; in a text too | the rest |
//!
//! Log shippers (Logstash, Filebeat, Fluent Bit, Vector), and listeners that add their own fields, put a
//! record into one of the keys of [`WITHIN`], as an object or as text. These keys are common, so they are
//! looked into only if no format recognises the object around them.
//!
//! A deleted row (`op` is `d`, or `t` for all rows at once) is no event. A row that was read in a snapshot,
//! inserted or updated (`r`, `c`, `u`) is an event: events are updated only to repair them, and because the
//! row contains the id, the second copy becomes the same event. Upper-case columns are read like lower-case
//! ones. The id and the time of a CloudEvent or a message, and the time that a shipper or a container runtime
//! adds, are used if the event has none of its own. An id is not used if it is so long that giving it to many
//! events would be expensive.
//!
//! A container runtime splits long lines. No event can be read from a part, so each part is refused: whoever
//! sees the dead letters learns that the shipper must join the parts.

use std::borrow::Cow;

use crate::core::{
    decode::{
        base64::from_base64,
        bounds::LONGEST_SHARED,
        tree::{List, MOST_VALUES, Node, Object, Tree, parse_within},
    },
    identity::{
        IdentityEvent,
        reason::{Ignored, Refused, Unmapped},
    },
    record::Record,
    time::Timestamp,
};

mod aws;
mod container;

use aws::EventSource;
use container::{ContainerLine, Extent};

/// The maximum number of nested envelopes that are opened.
const MOST: usize = 5;

/// The number of bytes before the payload in Confluent's wire format.
const SCHEMA_ID: usize = 5;

/// The content types of CloudEvents whose attributes are in the value.
const STRUCTURED: [&str; 2] = ["application/cloudevents+json", "application/cloudevents-batch+json"];

/// The paths at which an object that no format recognises may contain the record.
const WITHIN: [&[&str]; 6] =
    [&["message"], &["log"], &["event", "original"], &["event.original"], &["event"], &["adminEvent"]];

/// The keys of the time at which a shipper read a record.
const SHIPPED_AT: [&str; 3] = ["@timestamp", "timestamp", "time"];

/// The properties that the envelopes state of the event in them.
#[derive(Clone)]
pub(super) struct Outside<'a> {
    /// The id of the innermost CloudEvent or message.
    pub(super) id: Option<Cow<'a, str>>,
    /// The time of the innermost envelope that has one.
    pub(super) time: Option<Timestamp>,
    /// Whether the headers say that the value is a CloudEvent.
    stated: bool,
    /// Whether an object was looked into that a shipper may have written.
    shipped: bool,
    /// Whether an operator's filter reads the content. The filter gets the whole events of `EventBridge` and Event Grid,
    /// because often only their `detail-type` or `eventType` tells what happened, and the whole deliveries of
    /// `CloudWatch` Logs.
    pub(super) for_filter: bool,
    /// The operation on the row in a CloudEvent, as the CloudEvent states it.
    op: Option<Cow<'a, str>>,
    /// How many more envelopes may be opened.
    unopened: usize,
    /// How many more values the opened content may have.
    pub(super) left: u32,
}

/// A value in the tree of the record, or in a tree of its own.
pub(super) struct Part<'t, 'a> {
    tree: Cow<'t, Tree<'a>>,
    at: usize,
}

/// What surrounds a value.
enum Step<'a> {
    /// An envelope in the same tree, whose content is at this place.
    Within(usize),
    /// An envelope whose content has a tree of its own.
    Opened(Tree<'a>),
    /// No envelope, but this tree is to be read: the keys are spelt differently, or a line has its time beside
    /// it.
    Spelt(Tree<'a>),
    Bare,
}

impl<'t, 'a> Part<'t, 'a> {
    pub(super) fn whole(tree: Cow<'t, Tree<'a>>) -> Self {
        Self { tree, at: 0 }
    }

    /// The value at a place within this one.
    pub(super) fn part(&self, at: usize) -> Part<'_, 'a> {
        Part { tree: Cow::Borrowed(&self.tree), at }
    }

    pub(super) fn node(&self) -> Node<'_, 'a> {
        self.tree.node(self.at)
    }

    /// The places within this value that may contain the record if no format recognises the value itself.
    pub(super) fn places_within(&self) -> impl Iterator<Item = usize> {
        let step = |at: usize, key: &&str| match self.tree.node(at) {
            Node::Object(object) => object.find(key),
            _ => None,
        };
        WITHIN.iter().filter_map(move |path| path.iter().try_fold(self.at, step))
    }
}

/// The bytes within Confluent's wire format, or else all bytes, without a byte order mark.
pub(super) fn payload(value: &[u8]) -> &[u8] {
    without_mark(if has_schema_id(value) { &value[SCHEMA_ID..] } else { value })
}

/// The bytes without a byte order mark, which a parser may ignore (RFC 8259, section 8.1).
fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes)
}

/// Whether the bytes begin as Confluent's wire format does.
pub(super) fn has_schema_id(value: &[u8]) -> bool {
    value.len() >= SCHEMA_ID && value[0] == 0
}

impl Default for Outside<'_> {
    fn default() -> Self {
        Self {
            id: None,
            time: None,
            stated: false,
            shipped: false,
            for_filter: false,
            op: None,
            unopened: MOST,
            left: MOST_VALUES,
        }
    }
}

impl<'a> Outside<'a> {
    /// Reads the headers of a record.
    pub(super) fn of(record: &'a Record) -> Self {
        let text = |name: &str| {
            let header = record.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name))?;
            str::from_utf8(header.1.as_deref()?).ok().filter(|text| !text.is_empty())
        };
        if record.headers.is_empty() {
            return Self::default();
        }
        let media = text("content-type").and_then(|media| media.split(';').next()).unwrap_or_default();
        let stated = STRUCTURED.iter().any(|name| media.trim().eq_ignore_ascii_case(name));
        if text("ce_specversion").is_none() {
            return Self { stated, ..Self::default() };
        }
        let time = text("ce_time").and_then(|time| Node::Text(time).time());
        let id = text("ce_id").filter(|id| is_short(id)).map(Cow::Borrowed);
        Self { id, time, stated, ..Self::default() }
    }

    /// Opens the envelopes around `part`, and notes what they state of the event.
    ///
    /// # Errors
    ///
    /// If an envelope shows that there is no event.
    pub(super) fn open<'t>(&mut self, mut part: Part<'t, 'a>) -> Result<Part<'t, 'a>, Unmapped> {
        while self.unopened > 0 {
            match self.step(&part)? {
                Step::Within(at) => part.at = at,
                Step::Opened(tree) => part = Part::whole(Cow::Owned(tree)),
                Step::Spelt(tree) => return Ok(Part::whole(Cow::Owned(tree))),
                Step::Bare => return Ok(part),
            }
            self.unopened -= 1;
        }
        Ok(part)
    }

    /// The properties for the content of an object that a shipper may have written; `None` if no more
    /// envelopes may be opened.
    pub(super) fn shipped(&self, object: Node<'_, 'a>) -> Option<Self> {
        let unopened = self.unopened.checked_sub(1)?;
        let time = SHIPPED_AT.iter().find_map(|key| object.get(key).time()).or(self.time);
        Some(Self { time, unopened, shipped: true, ..self.clone() })
    }

    /// Whether `list` is a batch of envelopes, which must not be read as one value of a format.
    pub(super) fn is_batch(&self, list: List<'_, '_>) -> bool {
        list.first().is_some_and(|first| {
            self.is_cloud_event(first)
                || aws::is_record(first)
                || aws::detail(first).is_some()
                || (!self.for_filter && event_grid_data(first).is_some())
        })
    }

    /// The bytes without what a container runtime wrote in front of them, whose time is noted.
    ///
    /// # Errors
    ///
    /// If nothing follows, or only a part of a line.
    pub(super) fn without_prefix<'b>(&mut self, bytes: &'b [u8]) -> Result<&'b [u8], Unmapped> {
        let Some(line) = ContainerLine::of(bytes) else { return Ok(bytes) };
        match (line.extent, line.content) {
            (Extent::Partial, _) => return Err(Refused::PartialLine.into()),
            (Extent::Full, []) => return Err(Ignored::Tombstone.into()),
            (Extent::Full, _) => {}
        }
        self.time = Some(line.time);
        Ok(line.content)
    }

    /// Gives an event the envelope's id and time if it has none of its own.
    pub(super) fn fill(&self, event: &mut IdentityEvent<'a>) {
        if event.id.is_none() {
            event.id.clone_from(&self.id);
        }
        event.time = event.time.or(self.time);
    }

    fn step(&mut self, part: &Part<'_, 'a>) -> Result<Step<'a>, Unmapped> {
        let node = part.node();
        let object = match node {
            Node::Text(text) | Node::Escaped(text) => return self.text(text, part),
            Node::Object(object) if object.find_by(is_of_an_envelope).is_some() => object,
            _ => return Ok(Step::Bare),
        };
        if self.is_cloud_event(node) {
            self.cloud_event(part, object)
        } else if is_with_schema(object, node) {
            self.with_schema(part, object)
        } else if is_notification(node) {
            self.notification(part)
        } else if let Some(at) = aws::detail(node).filter(|_| !self.for_filter) {
            self.note(node.get("id"), node.get("time"));
            Ok(Step::Within(at))
        } else if let Some(at) = event_grid_data(node).filter(|_| !self.for_filter) {
            self.note(node.get("id"), node.get("eventTime"));
            Ok(Step::Within(at))
        } else if aws::is_control_message(node) && !self.for_filter {
            Err(Ignored::Empty.into())
        } else if let Some(at) = aws::log_events(node).filter(|_| !self.for_filter) {
            Ok(Step::Within(at))
        } else if let Some(at) = aws::records(object) {
            Ok(Step::Within(at))
        } else if let Some(source) = EventSource::of(node) {
            self.delivered(part, source)
        } else if self.is_change(object, node) {
            Ok(Step::Opened(self.row_of(part, object)?))
        } else if is_flattened(object) {
            if is_deleted(node) {
                Err(Ignored::DeletedRow.into())
            } else {
                Ok(Step::Spelt(in_small_letters(part, part.at)))
            }
        } else if is_in_capitals(node) {
            Ok(Step::Spelt(in_small_letters(part, part.at)))
        } else {
            Ok(Step::Bare)
        }
    }

    fn is_cloud_event(&self, node: Node<'_, '_>) -> bool {
        let text = |key: &str| !node.get(key).str().is_empty();
        text("specversion") && (self.stated || (text("type") && text("source")))
    }

    fn cloud_event(&mut self, part: &Part<'_, 'a>, event: Object<'_, 'a>) -> Result<Step<'a>, Unmapped> {
        let node = part.node();
        self.note(node.get("id"), node.get("time"));
        self.op = node.get("iodebeziumop").text();
        let encoded = node.get("data_base64").str();
        if encoded.is_empty() {
            let data = event.find("data").filter(|at| part.tree.node(*at).is_some());
            return data.map(Step::Within).ok_or(Ignored::Empty.into());
        }
        self.bytes(&from_base64(encoded).unwrap_or_default(), part)
    }

    fn with_schema(&mut self, part: &Part<'_, 'a>, message: Object<'_, 'a>) -> Result<Step<'a>, Unmapped> {
        let at = message.find("payload").filter(|at| part.tree.node(*at).is_some());
        let at = at.ok_or(Ignored::Tombstone)?;
        let bytes = match (part.node().at(&["schema", "type"]).str(), part.tree.node(at)) {
            ("bytes", text @ (Node::Text(_) | Node::Escaped(_))) => from_base64(text.str()),
            _ => None,
        };
        match bytes.as_deref() {
            None => Ok(Step::Within(at)),
            Some([]) => Err(Ignored::Tombstone.into()),
            Some(bytes) => self.bytes(bytes, part),
        }
    }

    fn notification(&mut self, part: &Part<'_, 'a>) -> Result<Step<'a>, Unmapped> {
        let node = part.node();
        self.note(node.get("MessageId"), node.get("Timestamp"));
        self.bytes(node.get("Message").str().as_bytes(), part)
    }

    fn delivered(&mut self, part: &Part<'_, 'a>, source: &EventSource) -> Result<Step<'a>, Unmapped> {
        let node = part.node();
        self.note(node.at(source.id), node.at(source.time));
        self.bytes(&source.content(node), part)
    }

    /// Opens a text that contains JSON, or a line of a container's log.
    fn text(&mut self, text: &str, part: &Part<'_, 'a>) -> Result<Step<'a>, Unmapped> {
        let content = self.without_prefix(without_mark(text.as_bytes()))?;
        if content.len() < text.len() {
            return self.bytes(content, part);
        }
        if let Some(tree) = self.inner(content, part)? {
            return Ok(Step::Opened(tree));
        }
        Ok(self.dated(text, part).map_or(Step::Bare, Step::Spelt))
    }

    /// A line of a log with the time that a shipper wrote beside it, which tells the line from an equal one;
    /// `None` if there is no such time.
    fn dated(&mut self, line: &str, part: &Part<'_, 'a>) -> Option<Tree<'a>> {
        let time = self.time.filter(|_| self.shipped)?;
        // If no format recognises the object, the line is read without its time, and nothing else is opened.
        self.unopened = 1;
        let mut tree = Tree::new(part.tree.wanted);
        let object = tree.open();
        tree.push(Node::Text("time"));
        tree.push(Node::Integer(time.0));
        tree.push(Node::Text("message"));
        tree.push(Node::Escaped(line));
        tree.close_object(object);
        Some(tree)
    }

    /// Opens the bytes of a record: JSON, or else text, which may be a line of a log.
    fn bytes(&mut self, bytes: &[u8], part: &Part<'_, 'a>) -> Result<Step<'a>, Unmapped> {
        let content = payload(bytes);
        if let Some(tree) = self.inner(content, part)? {
            return Ok(Step::Opened(tree));
        }
        if has_schema_id(bytes) {
            return Err(Refused::NotJsonInSchema.into());
        }
        let mut tree = Tree::new(part.tree.wanted);
        tree.push(Node::Escaped(str::from_utf8(content).map_err(|_| Refused::NotJson)?));
        Ok(Step::Opened(tree))
    }

    /// Parses bytes within the record; `None` if they are not JSON.
    fn inner(&mut self, bytes: &[u8], part: &Part<'_, 'a>) -> Result<Option<Tree<'a>>, Refused> {
        match parse_within(bytes, &mut self.left) {
            Ok(tree) => {
                let mut tree = tree.into_owned();
                tree.wanted = part.tree.wanted;
                Ok(Some(tree))
            }
            Err(Refused::TooLarge) => Err(Refused::TooLarge),
            Err(_) => Ok(None),
        }
    }

    /// Notes the id and the time that an envelope states.
    fn note(&mut self, id: Node<'_, 'a>, time: Node<'_, 'a>) {
        self.id = id.text().filter(|id| is_short(id)).or(self.id.take());
        self.time = time.time().or(self.time);
    }

    /// The operation on the row in `node`.
    fn op<'n>(&'n self, node: Node<'n, '_>) -> &'n str {
        match node.get("op").str() {
            "" => self.op.as_deref().unwrap_or_default(),
            own => own,
        }
    }

    fn is_change(&self, object: Object<'_, '_>, node: Node<'_, '_>) -> bool {
        !self.op(node).is_empty() && (object.find("after").or(object.find("before")).is_some())
    }

    fn row_of(&self, part: &Part<'_, 'a>, change: Object<'_, 'a>) -> Result<Tree<'a>, Ignored> {
        if matches!(self.op(part.node()), "d" | "t") {
            return Err(Ignored::DeletedRow);
        }
        let row = change.find("after").filter(|at| part.tree.node(*at).is_some()).ok_or(Ignored::Empty)?;
        Ok(in_small_letters(part, row))
    }
}

/// Whether an id is short enough to be given to many events.
fn is_short(id: &str) -> bool {
    id.len() <= LONGEST_SHARED
}

/// Whether a key is one by which envelopes are recognised. Most records have no such key.
pub(super) fn is_of_an_envelope(key: &str) -> bool {
    matches!(
        key,
        "specversion"
            | "payload"
            | "after"
            | "before"
            | "__op"
            | "__deleted"
            | "REALM_ID"
            | "MessageId"
            | "detail-type"
            | "logEvents"
            | "Records"
            | "eventSource"
            | "EventSource"
            | "dataVersion"
    )
}

/// Without a schema, the value is certainly Connect's only if its payload is an object.
fn is_with_schema(object: Object<'_, '_>, node: Node<'_, '_>) -> bool {
    let has = |key: &str| object.find(key).is_some();
    node.entries().all(|(key, _)| matches!(key.str(), "schema" | "payload"))
        && (node.get("payload").is_object() || (has("schema") && has("payload")))
}

/// Whether this is a notification without raw delivery.
fn is_notification(node: Node<'_, '_>) -> bool {
    let has_message = !node.get("Message").str().is_empty();
    node.get("Type").str() == "Notification" && node.get("MessageId").is_some() && has_message
}

/// The place of the content of an event in the schema of Azure Event Grid:
/// <https://learn.microsoft.com/en-us/azure/event-grid/event-schema>.
fn event_grid_data(event: Node<'_, '_>) -> Option<usize> {
    let has = |key: &str| !event.get(key).str().is_empty();
    let Node::Object(object) = event else { return None };
    let is_event =
        has("eventType") && has("eventTime") && has("subject") && object.find("dataVersion").is_some();
    object.find("data").filter(|at| is_event && object.node(*at).is_some())
}

fn is_flattened(row: Object<'_, '_>) -> bool {
    row.find("__op").or(row.find("__deleted")).is_some()
}

fn is_deleted(row: Node<'_, '_>) -> bool {
    let deleted = row.get("__deleted");
    deleted.str() == "true" || deleted.flag() == Some(true) || matches!(row.get("__op").str(), "d" | "t")
}

/// Whether this is a row of Keycloak's tables from a database that writes names in upper case.
fn is_in_capitals(node: Node<'_, '_>) -> bool {
    let has = |key: &str| node.get(key).is_some();
    has("REALM_ID") && (has("TYPE") || has("OPERATION_TYPE"))
}

/// The row at a place, with the names of its columns in lower case, as most databases write them.
fn in_small_letters<'a>(part: &Part<'_, 'a>, at: usize) -> Tree<'a> {
    let mut row = part.tree.part(at);
    row.rename(|name| {
        let is_in_capitals = name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
        is_in_capitals.then(|| name.to_ascii_lowercase())
    });
    row
}
