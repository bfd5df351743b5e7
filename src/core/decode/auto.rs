//! Takes a record for what its shape says it is, or reads it as the format that its topic is said to have.
//!
//! Knows the formats only by name. Keycloak's own shape is tried first, in one pass over the bytes without
//! a tree, because most records have it; the pass gives up on what begins unlike most of them. For all
//! else a tree is built, its envelopes are opened, and the formats are asked in the order of
//! [`Format::ALL`], Keycloak's once more; the first that knows the shape reads it. An array that no format
//! knows as a whole is a batch: each of its parts is opened and recognised for itself.

use crate::core::{
    decode::{
        Choice, Decoded, Item, Items, Wanted,
        bounds::{MOST_EVENTS, bound},
        custom::Filter,
        envelope::{Outside, payload},
        format::Format,
        keycloak, one,
        tree::{Node, parse},
    },
    identity::reason::{Ignored, Refused, Unmapped},
    record::Record,
};

fn refused<'a>(reason: impl Into<Unmapped>) -> Decoded<'a> {
    Decoded { format: None, events: one(Err(reason.into())) }
}

/// How the values of a topic are read.
#[derive(Clone, Copy)]
pub(super) struct Reading<'f> {
    pub(super) choice: Choice,
    /// The filter of the format `custom`.
    pub(super) filter: Option<&'f Filter>,
    pub(super) wanted: Wanted,
}

impl Reading<'_> {
    /// Reads the value of a record.
    pub(super) fn record<'a>(self, record: &'a Record, value: &'a [u8]) -> Decoded<'a> {
        let value = payload(value);
        let outside = Outside::of(record);
        let likely = match self.choice {
            Choice::Auto => keycloak::decode_likely(value, self.wanted),
            Choice::Named(Format::Keycloak) => keycloak::decode_own(value, self.wanted),
            Choice::Named(_) => Ok(None),
        };
        match likely {
            Ok(Some(item)) => return filled(Format::Keycloak, one(item), &outside),
            Ok(None) => {}
            Err(reason) => return refused(reason),
        }
        match (parse(value), self.choice) {
            (Ok(node), _) => self.value(node, outside),
            // A tree has bounds that one pass has not.
            (Err(reason), Choice::Auto) => match keycloak::decode_own(value, self.wanted) {
                Ok(Some(item)) => filled(Format::Keycloak, one(item), &outside),
                Ok(None) => refused(reason),
                Err(reason) => refused(reason),
            },
            (Err(reason), Choice::Named(_)) => refused(reason),
        }
    }

    /// A whole value: one part, or a batch of them.
    fn value<'a>(self, node: Node<'a>, mut outside: Outside<'a>) -> Decoded<'a> {
        let node = match outside.open(node) {
            Ok(node) => node,
            Err(reason) => return refused(reason),
        };
        let Node::List(parts) = node else { return self.bare(&node, &outside) };
        if parts.is_empty() {
            return refused(Ignored::Empty);
        }
        let list = Node::List(parts);
        if !outside.is_batch(&list)
            && let Some(format) = self.format(&list)
        {
            return self.read(format, &list, &outside);
        }
        let Node::List(parts) = list else { return refused(Refused::NotAnEvent) };
        self.batch(parts, &outside)
    }

    fn batch<'a>(self, parts: Vec<Node<'a>>, outside: &Outside<'a>) -> Decoded<'a> {
        let mut all = Decoded { format: None, events: Items::with_capacity(parts.len().min(MOST_EVENTS)) };
        let mut left = outside.left;
        for part in parts {
            let mut outside = outside.clone();
            outside.left = left;
            let decoded = match outside.open(part) {
                Ok(part) => self.bare(&part, &outside),
                Err(reason) => refused(reason),
            };
            left = outside.left;
            all.format = all.format.or(decoded.format);
            all.events.extend(decoded.events);
            if all.events.len() > MOST_EVENTS {
                return refused(Refused::TooManyEvents);
            }
        }
        all
    }

    /// A part without envelopes.
    fn bare<'a>(self, node: &Node<'a>, outside: &Outside<'a>) -> Decoded<'a> {
        match (self.format(node), self.choice) {
            (Some(format), _) => self.read(format, node, outside),
            (None, _) if !matches!(node, Node::Object(_) | Node::List(_)) => refused(Refused::NotAnEvent),
            (None, Choice::Auto) => refused(Refused::Unrecognised),
            (None, Choice::Named(format)) => self.forced(format, node, outside),
        }
    }

    /// A part that has not the shape of the format it is said to have: what the format makes of it, unless
    /// it finds nothing that says of what type it is.
    fn forced<'a>(self, format: Format, node: &Node<'a>, outside: &Outside<'a>) -> Decoded<'a> {
        let decoded = self.read(format, node, outside);
        let is_foreign =
            |item: &Item<'_>| matches!(item, Err(Unmapped::Refused(Refused::NoType | Refused::NotAnEvent)));
        if decoded.events.iter().all(is_foreign) { refused(Refused::NotTheFormat) } else { decoded }
    }

    fn format(self, node: &Node<'_>) -> Option<Format> {
        if self.choice == Choice::Named(Format::Custom) {
            // What the operator's filter makes of it is the filter's affair.
            return Some(Format::Custom);
        }
        let mut formats = Format::ALL.into_iter();
        formats.find(|format| self.choice.allows(*format) && format.recognises(node))
    }

    fn read<'a>(self, format: Format, node: &Node<'a>, outside: &Outside<'a>) -> Decoded<'a> {
        let events = match (format, self.filter) {
            (Format::Custom, Some(filter)) => filter.decode(node),
            _ => format.decode(node, self.wanted),
        };
        filled(format, events.into(), outside)
    }
}

fn filled<'a>(format: Format, mut events: Items<'a>, outside: &Outside<'a>) -> Decoded<'a> {
    if let Err(reason) = bound(&mut events) {
        events = one(Err(reason.into()));
    }
    events.iter_mut().flatten().for_each(|event| outside.fill(event));
    Decoded { format: Some(format), events }
}

#[cfg(test)]
mod tests;
