//! Events in Keycloak's own log, which the listener `jboss-logging` writes in every realm, without an
//! extension.
//!
//! Knows nothing of the resulting identity events: it turns a line into the record that a publisher would
//! write for the same event. It follows
//! <https://github.com/keycloak/keycloak/blob/main/services/src/main/java/org/keycloak/events/log/JBossLoggingEventListenerProvider.java>.
//!
//! | form of the record | recognised by |
//! |---|---|
//! | a console line: `2026-11-22 21:20:28,244 INFO  [org.keycloak.events] (executor-thread-1) type="LOGIN", …`, also without the date, as `WildFly` writes it, and with the ids of a trace or the context (`{kc.realmName=shop}`) before the level | its beginning |
//! | only the message: `type="LOGIN", realmId="…", …` | its first two keys |
//! | Keycloak's JSON log, in either format | `loggerName` or `log.logger`; the message is `message` |
//! | a shipper's object around one of the first two | `message` or `log` |
//!
//! Lines of Keycloak's other categories are ignored. Only the beginning of a line determines its category, because
//! other messages may repeat what somebody typed. Some extensions log the JSON of an event, in Keycloak's category or
//! in their own; it is read as if it came from a publisher.
//!
//! | field | source |
//! |---|---|
//! | id | host, process, sequence and time of the JSON log, otherwise a hash of the line |
//! | time | `timestamp`, `@timestamp`, `time` of the JSON. The time in the line has no zone, so it is not read |
//! | the rest | the pairs: first Keycloak's own, in its order, then the details |
//!
//! The realm and the user in an admin event are the administrator's, so they are left out. The event then has
//! no realm, because no line states the realm of the affected user or session.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

use crate::core::{
    decode::{
        EventResult, Wanted,
        keycloak::{event_of, fields::Fields, shape},
        tree::{Node, Tree, first, parse},
    },
    identity::reason::Ignored,
};

mod pairs;

use pairs::Pairs;

/// The category of events.
const CATEGORY: &str = "org.keycloak.events";

/// The keys that Keycloak writes before the details, in its order. A key that comes later belongs to the
/// details, whatever its name.
const OWN: [&str; 11] = [
    "type",
    "operationType",
    "realmId",
    "realmName",
    "clientId",
    "userId",
    "sessionId",
    "ipAddress",
    "resourceType",
    "resourcePath",
    "error",
];

/// The keys of an admin event that are read.
const OF_ADMIN: [&str; 4] = ["operationType", "resourceType", "resourcePath", "error"];

/// The keys that only the log adds to the details.
const OF_LOG: [&str; 2] = ["authSessionParentId", "authSessionTabId"];

/// The maximum number of pairs that are read: many times what any event has.
const MOST_PAIRS: usize = 1_000;

const LEVELS: [&str; 6] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];

/// A record of Keycloak's log.
#[derive(Clone, Copy)]
struct LogRecord<'n> {
    category: &'n str,
    /// The line or the message.
    text: &'n str,
    /// The pairs of an event.
    event: Option<&'n str>,
    /// The JSON of an event, or of anything else.
    json: Option<&'n str>,
    /// Whether the text states when it was written.
    is_dated: bool,
}

/// A tree that holds only this text, if the text is a line of Keycloak's log.
pub(in crate::core::decode) fn log_line(value: &[u8]) -> Option<Tree<'_>> {
    let text = str::from_utf8(value).ok()?;
    LogRecord::of_text(text)?;
    let mut tree = Tree::default();
    tree.push(Node::Text(text));
    Some(tree)
}

/// Whether the value is a record of Keycloak's log, of any category.
pub(super) fn recognises(node: Node<'_, '_>) -> bool {
    LogRecord::of(node).is_some_and(|record| {
        let is_named = || service_name(node) == "keycloak";
        record.event.is_some()
            || record.published().is_some()
            || record.category.starts_with("org.keycloak.")
            || !node.is_object()
            || is_named()
    })
}

/// Decodes a record of Keycloak's log; `None` if the value is not one.
pub(super) fn decode<'a>(node: Node<'_, 'a>) -> Option<EventResult<'a>> {
    let record = LogRecord::of(node)?;
    let logged = record.event.map(|event| tree(event, &id(node, record), time(node)).into_owned());
    let Some(mut tree) = logged.or_else(|| record.published()) else {
        return Some(Err(Ignored::TypeNotMapped.into()));
    };
    tree.wanted = match node {
        Node::Object(object) => object.wanted(),
        // A text has no settings of its tree, so it cannot tell what is wanted.
        _ => Wanted { attributes: true },
    };
    let mut event = event_of(&Fields::of(tree.root()));
    if let Ok(event) = &mut event {
        let written = time(node).time();
        // An equal line at another time is another event.
        if record.is_dated || written.is_some() {
            event.id.get_or_insert_with(|| id(node, record).into());
        }
        event.time = event.time.or(written);
    }
    Some(event)
}

impl<'n> LogRecord<'n> {
    fn of(node: Node<'n, '_>) -> Option<Self> {
        if !node.is_object() {
            return Self::of_text(node.str());
        }
        let messages = ["message", "log"].map(|key| node.get(key).str());
        let logger = [node.get("loggerName"), ecs(node, "log", "logger")].into_iter().find_map(Node::word);
        match logger {
            Some(category) => Some(Self::new(category, messages[0], messages[0])),
            None => messages.into_iter().find_map(Self::of_text),
        }
    }

    /// Reads a console line, or an event's message alone.
    fn of_text(text: &'n str) -> Option<Self> {
        let text = text.trim();
        if is_event(text) {
            return Some(Self::new(CATEGORY, text, text));
        }
        let (beginning, rest) = text.split_once('[')?;
        let (category, rest) = rest.split_once("] (")?;
        let (_thread, message) = rest.split_once(") ")?;
        let is_dated = has_date(beginning)?;
        Some(Self { is_dated, ..Self::new(category, text, message) })
    }

    fn new(category: &'n str, text: &'n str, message: &'n str) -> Self {
        let event = Some(message).filter(|message| category == CATEGORY && is_event(message));
        let is_keycloaks = category.starts_with("org.keycloak.") && category != CATEGORY;
        let json = Some(message).filter(|message| !is_keycloaks && message.starts_with('{'));
        Self { category, text, event, json, is_dated: false }
    }

    /// The event in the message, as a publisher writes it.
    fn published(self) -> Option<Tree<'static>> {
        let tree = parse(self.json?.as_bytes()).ok()?.into_owned();
        shape::recognises(tree.root()).then_some(tree)
    }
}

/// Whether these are the pairs of an event.
fn is_event(message: &str) -> bool {
    let mut keys = Pairs::of(message).map(|(key, _)| key);
    matches!(keys.next(), Some("type" | "operationType")) && keys.next() == Some("realmId")
}

/// Whether the beginning of a line has a date before its time, which `WildFly`'s console does not write; `None` if this
/// is no beginning of a line. Between the time and the level may be the ids of a trace and the context, in this form:
/// <https://github.com/keycloak/keycloak/blob/main/quarkus/runtime/src/main/java/org/keycloak/quarkus/runtime/configuration/mappers/LoggingPropertyMappers.java>.
fn has_date(beginning: &str) -> Option<bool> {
    let has_digit = |word: &&str| word.starts_with(|digit: char| digit.is_ascii_digit());
    let mut words = beginning.split_whitespace();
    let level = words.next_back()?;
    let times = words.clone().take_while(has_digit).count();
    let context = words.nth(times);
    let is_context = |word: &str| word.starts_with('{') || word.contains('=');
    let is_beginning = LEVELS.contains(&level) && matches!(times, 1 | 2) && context.is_none_or(is_context);
    is_beginning.then_some(times == 2)
}

/// The event in the form that a publisher writes.
fn tree<'l>(event: &'l str, id: &str, time: Node<'_, 'l>) -> Tree<'l> {
    let is_admin = event.starts_with("operationType");
    let mut tree = Tree::default();
    let whole = tree.open();
    tree.push(Node::Text("id"));
    tree.push(Node::Escaped(id));
    tree.push(Node::Text("time"));
    tree.push(time);
    let mut pairs = Pairs::of(event).take(MOST_PAIRS).peekable();
    let mut own = OWN.iter();
    while let Some((key, value)) = pairs.next_if(|(key, _)| own.any(|own| own == key)) {
        if !is_admin || OF_ADMIN.contains(&key) {
            push(&mut tree, key, &value);
        }
    }
    tree.push(Node::Text("details"));
    let details = tree.open();
    for (key, value) in pairs.filter(|(key, _)| !OF_LOG.contains(key)) {
        push(&mut tree, key, &value);
    }
    tree.close_object(details);
    tree.close_object(whole);
    tree
}

fn push<'l>(tree: &mut Tree<'l>, key: &'l str, value: &str) {
    tree.push(Node::Text(key));
    tree.push(Node::Escaped(value));
}

/// Makes an id for an event, because the log gives it none.
fn id(node: Node<'_, '_>, record: LogRecord<'_>) -> String {
    let time = first(times(node));
    let parts = [
        first([node.get("hostName"), ecs(node, "host", "hostname")]),
        first([node.get("processId"), ecs(node, "process", "pid")]),
        first([node.get("sequence"), ecs(node, "event", "sequence")]),
        time.clone(),
    ];
    if let [Some(host), Some(process), Some(sequence), Some(time)] = parts {
        return format!("{host}-{process}-{sequence}-{time}");
    }
    let mut hash = Sha256::new().chain_update(record.text);
    if !record.is_dated {
        // A number with a fraction is no text.
        let number = || self::time(node).time().map(|time| Cow::Owned(time.0.to_string()));
        hash.update(time.or_else(number).unwrap_or_default().as_bytes());
    }
    hex::encode(&hash.finalize()[..16])
}

fn time<'n, 'a>(node: Node<'n, 'a>) -> Node<'n, 'a> {
    times(node).into_iter().find(|time| time.time().is_some()).unwrap_or_default()
}

/// The times at which the record was written: its own first, then a shipper's, which is close to it.
fn times<'n, 'a>(node: Node<'n, 'a>) -> [Node<'n, 'a>; 3] {
    ["timestamp", "@timestamp", "time"].map(|key| node.get(key))
}

fn service_name<'n>(node: Node<'n, '_>) -> &'n str {
    ecs(node, "service", "name").str()
}

/// A field of the Elastic Common Schema, whose name may be one key or a path of two.
fn ecs<'n, 'a>(node: Node<'n, 'a>, outer: &str, inner: &str) -> Node<'n, 'a> {
    let is_it = |key: &str| key.strip_prefix(outer).and_then(|rest| rest.strip_prefix('.')) == Some(inner);
    match node.get_by(is_it) {
        Node::Null => node.get(outer).get(inner),
        found => found,
    }
}

#[cfg(test)]
mod tests;
