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
//! | Debezium, flattened | `__op` or `__deleted` | the columns beside it |
//! | text | a JSON string | the JSON in it |
//!
//! A row that was deleted (`op` is `d`, or `t` for all at once) is no event. A row that was read in a
//! snapshot, inserted or updated (`r`, `c`, `u`) is one: nobody updates events but to repair them, and the
//! id in the row makes the second copy the same event. Columns in capitals are read like small ones. A
//! CloudEvent's id and time stand in where the event has none of its own.

use std::borrow::Cow;

use crate::{
    decode::{
        envelope::base64::from_base64,
        tree::{Node, parse},
    },
    identity::{
        IdentityEvent,
        reason::{Ignored, Unmapped},
    },
    moment::Timestamp,
    record::Record,
};

mod base64;

/// How many envelopes are opened, one in another.
const MOST: usize = 3;

/// The content types of CloudEvents whose attributes stand in the value.
const STRUCTURED: [&str; 2] = ["application/cloudevents+json", "application/cloudevents-batch+json"];

/// What an envelope says of the event within.
#[derive(Clone, Default)]
pub(super) struct Outside<'a> {
    /// The CloudEvent's id.
    pub(super) id: Option<Cow<'a, str>>,
    /// The CloudEvent's time.
    pub(super) time: Option<Timestamp>,
    /// Whether the headers say that the value is a CloudEvent.
    stated: bool,
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
        Self { id: text("ce_id").map(Cow::Borrowed), time, stated }
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
            Node::Text(text) => Ok(of_text(text)),
            node if self.is_cloud_event(&node) => Ok(Step::Opened(self.cloud_event(node)?)),
            node if is_with_schema(&node) => Ok(Step::Opened(take(node, "payload"))),
            node if is_change(&node) => Ok(Step::Opened(row_of(node)?)),
            node if is_flattened(&node) => flattened(node),
            node => Ok(Step::Bare(node)),
        }
    }

    fn is_cloud_event(&self, node: &Node<'_>) -> bool {
        let text = |key: &str| !node.get(key).str().is_empty();
        text("specversion") && (self.stated || (text("type") && text("source")))
    }

    fn cloud_event(&mut self, node: Node<'a>) -> Result<Node<'a>, Ignored> {
        self.id = node.get("id").text().or(self.id.take());
        self.time = node.get("time").time().or(self.time);
        let encoded = node.get("data_base64").str();
        if encoded.is_empty() {
            return Some(take(node, "data")).filter(Node::is_some).ok_or(Ignored::Empty);
        }
        let bytes = from_base64(encoded).unwrap_or_default();
        Ok(parse(payload(&bytes)).map_or(Node::Null, Node::into_owned))
    }
}

/// A text that holds JSON: whatever that is but another text that holds none.
fn of_text(text: Cow<'_, str>) -> Step<'_> {
    match parse(text.as_bytes()).map(Node::into_owned) {
        Ok(inner) => Step::Opened(inner),
        Err(_) => Step::Bare(Node::Text(text)),
    }
}

fn is_with_schema(node: &Node<'_>) -> bool {
    let keys = node.entries().iter().map(|(key, _)| &**key);
    node.get("payload").is_object() && keys.into_iter().all(|key| matches!(key, "schema" | "payload"))
}

fn is_change(node: &Node<'_>) -> bool {
    let has = |key: &str| node.entries().iter().any(|(name, _)| name == key);
    !node.get("op").str().is_empty() && (has("after") || has("before"))
}

fn row_of(node: Node<'_>) -> Result<Node<'_>, Ignored> {
    if matches!(node.get("op").str(), "d" | "t") {
        return Err(Ignored::DeletedRow);
    }
    let row = take(node, "after");
    if row.is_object() { Ok(in_small_letters(row)) } else { Err(Ignored::Empty) }
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
