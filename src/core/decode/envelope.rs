//! Envelopes that can be around a record of any format, opened before the format is recognised.
//!
//! Knows nothing of formats. At most [`MOST`] lie one in another; what is left then is taken for the record.
//!
//! | envelope | known by | holds |
//! |---|---|---|
//! | CloudEvents, structured | `specversion`, `type`, `source` (or the content type) | `data`, or `data_base64` |
//! | CloudEvents, a batch | an array of those | each |
//! | CloudEvents, binary | the header `ce_specversion` | the record's value |
//! | Confluent's wire format | a first byte 0x00 and four of a schema's id | the rest, where that is JSON |
//! | Debezium | `op` and `before` or `after`; with or without `schema` and `payload` around | `after` |
//! | Debezium in a CloudEvent | `iodebeziumop`, and `before` or `after` in its data | `after` |
//! | Debezium, flattened | `__op` or `__deleted`, or Keycloak's columns in capitals | the columns |
//! | text | a JSON string | the JSON in it |
//!
//! A row that was deleted (`op` is `d`, or `t` for all at once) is no event. A row that was read in a
//! snapshot, inserted or updated (`r`, `c`, `u`) is one: nobody updates events but to repair them, and the
//! id in the row makes the second copy the same event. Columns in capitals are read like small ones. A
//! CloudEvent's id and time stand in where the event has none of its own; the id not if it is so long that
//! to give it to many events would cost much.

use std::borrow::Cow;

use crate::core::{
    decode::{
        bounds::LONGEST_SHARED,
        envelope::base64::from_base64,
        tree::{MOST_NODES, Node, parse_within},
    },
    identity::{
        IdentityEvent,
        reason::{Ignored, Refused, Unmapped},
    },
    record::Record,
    time::Timestamp,
};

mod base64;

/// How many envelopes are opened, one in another.
const MOST: usize = 5;

/// The content types of CloudEvents whose attributes stand in the value.
const STRUCTURED: [&str; 2] = ["application/cloudevents+json", "application/cloudevents-batch+json"];

/// What an envelope says of the event within.
#[derive(Clone)]
pub(super) struct Outside<'a> {
    /// The CloudEvent's id.
    pub(super) id: Option<Cow<'a, str>>,
    /// The CloudEvent's time.
    pub(super) time: Option<Timestamp>,
    /// Whether the headers say that the value is a CloudEvent.
    stated: bool,
    /// What the CloudEvent says was done to the row in it.
    op: Option<Cow<'a, str>>,
    /// How many values what is opened may still have.
    pub(super) left: u32,
}

/// One envelope opened.
enum Step<'a> {
    /// There was one, and this was in it.
    Opened(Node<'a>),
    /// There is none.
    Bare(Node<'a>),
}

/// The bytes within Confluent's wire format, or all of them.
pub(super) fn payload(value: &[u8]) -> &[u8] {
    match value {
        [0, _, _, _, _, payload @ ..] => payload,
        whole => whole,
    }
}

/// Nothing.
impl Default for Outside<'_> {
    fn default() -> Self {
        Self { id: None, time: None, stated: false, op: None, left: MOST_NODES }
    }
}

impl<'a> Outside<'a> {
    /// What the headers of a record say.
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
        let time = text("ce_time").and_then(|time| Node::Text(time.into()).time());
        let id = text("ce_id").filter(|id| is_short(id)).map(Cow::Borrowed);
        Self { id, time, stated, ..Self::default() }
    }

    /// What is in the envelopes around `node`, noting what they say.
    ///
    /// # Errors
    ///
    /// They say that it is no event.
    pub(super) fn open(&mut self, mut node: Node<'a>) -> Result<Node<'a>, Unmapped> {
        for _ in 0..MOST {
            match self.step(node)? {
                Step::Opened(inner) => node = inner,
                Step::Bare(bare) => return Ok(bare),
            }
        }
        Ok(node)
    }

    /// Whether `list` is a batch of CloudEvents, which no format takes for its own.
    pub(super) fn is_batch(&self, list: &Node<'_>) -> bool {
        list.list().first().is_some_and(|first| self.is_cloud_event(first))
    }

    /// Gives an event the envelope's id and time where it has none.
    pub(super) fn fill(&self, event: &mut IdentityEvent<'a>) {
        if event.id.is_none() {
            event.id.clone_from(&self.id);
        }
        event.time = event.time.or(self.time);
    }

    fn step(&mut self, node: Node<'a>) -> Result<Step<'a>, Unmapped> {
        match node {
            Node::Text(text) => self.text(text),
            node if self.is_cloud_event(&node) => Ok(Step::Opened(self.cloud_event(node)?)),
            node if is_with_schema(&node) => Ok(Step::Opened(take(node, "payload"))),
            node if self.is_change(&node) => Ok(Step::Opened(self.row_of(node)?)),
            node if is_flattened(&node) => flattened(node),
            node if is_in_capitals(&node) => Ok(Step::Bare(in_small_letters(node))),
            node => Ok(Step::Bare(node)),
        }
    }

    fn is_cloud_event(&self, node: &Node<'_>) -> bool {
        let text = |key: &str| !node.get(key).str().is_empty();
        text("specversion") && (self.stated || (text("type") && text("source")))
    }

    fn cloud_event(&mut self, node: Node<'a>) -> Result<Node<'a>, Unmapped> {
        self.id = node.get("id").text().filter(|id| is_short(id)).or(self.id.take());
        self.time = node.get("time").time().or(self.time);
        self.op = node.get("iodebeziumop").text();
        let encoded = node.get("data_base64").str();
        if encoded.is_empty() {
            return Some(take(node, "data")).filter(Node::is_some).ok_or(Ignored::Empty.into());
        }
        let bytes = from_base64(encoded).unwrap_or_default();
        Ok(self.inner(payload(&bytes))?.unwrap_or_default())
    }

    /// A text that holds JSON: whatever that is but another text that holds none.
    fn text(&mut self, text: Cow<'a, str>) -> Result<Step<'a>, Unmapped> {
        let inner = self.inner(text.as_bytes())?;
        Ok(inner.map_or(Step::Bare(Node::Text(text)), Step::Opened))
    }

    /// The JSON that bytes within the record hold, if they do.
    fn inner(&mut self, bytes: &[u8]) -> Result<Option<Node<'a>>, Refused> {
        match parse_within(bytes, &mut self.left) {
            Ok(node) => Ok(Some(node.into_owned())),
            Err(Refused::TooLarge) => Err(Refused::TooLarge),
            Err(_) => Ok(None),
        }
    }

    /// What was done to the row in `node`.
    fn op<'n>(&'n self, node: &'n Node<'_>) -> &'n str {
        match node.get("op").str() {
            "" => self.op.as_deref().unwrap_or_default(),
            own => own,
        }
    }

    fn is_change(&self, node: &Node<'_>) -> bool {
        let has = |key: &str| node.entries().iter().any(|(name, _)| name == key);
        !self.op(node).is_empty() && (has("after") || has("before"))
    }

    fn row_of(&self, node: Node<'a>) -> Result<Node<'a>, Ignored> {
        if matches!(self.op(&node), "d" | "t") {
            return Err(Ignored::DeletedRow);
        }
        Some(take(node, "after")).filter(Node::is_some).map(in_small_letters).ok_or(Ignored::Empty)
    }
}

/// Whether an id may be given to each of many events.
fn is_short(id: &str) -> bool {
    id.len() <= LONGEST_SHARED
}

fn is_with_schema(node: &Node<'_>) -> bool {
    let keys = node.entries().iter().map(|(key, _)| &**key);
    node.get("payload").is_object() && keys.into_iter().all(|key| matches!(key, "schema" | "payload"))
}

fn is_flattened(node: &Node<'_>) -> bool {
    let mut keys = node.entries().iter().map(|(key, _)| &**key);
    keys.any(|key| matches!(key, "__op" | "__deleted"))
}

fn flattened(node: Node<'_>) -> Result<Step<'_>, Unmapped> {
    let deleted = node.get("__deleted");
    if deleted.str() == "true" || deleted.flag() == Some(true) || matches!(node.get("__op").str(), "d" | "t")
    {
        return Err(Ignored::DeletedRow.into());
    }
    Ok(Step::Bare(in_small_letters(node)))
}

/// A row of Keycloak's tables, as a database writes it that knows capitals alone.
fn is_in_capitals(node: &Node<'_>) -> bool {
    let has = |key: &str| node.get(key).is_some();
    has("REALM_ID") && (has("TYPE") || has("OPERATION_TYPE"))
}

/// The row with its columns as most databases spell them.
fn in_small_letters(mut row: Node<'_>) -> Node<'_> {
    if let Node::Object(columns) = &mut row {
        for (name, _) in columns {
            if name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_') {
                *name = name.to_ascii_lowercase().into();
            }
        }
    }
    row
}

/// The last value of a key, taken out of its object.
fn take<'a>(node: Node<'a>, key: &str) -> Node<'a> {
    let Node::Object(entries) = node else { return Node::Null };
    let found = entries.into_iter().rev().find(|(name, _)| name == key);
    found.map(|(_, value)| value).unwrap_or_default()
}
