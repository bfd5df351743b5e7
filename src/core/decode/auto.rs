//! Takes a record for what its shape says it is, or reads it as the format that its topic is said to have.
//!
//! Knows the formats only by the table, but for Keycloak's, which most records have: it is asked for before
//! the envelopes are looked for, and answers as it would afterwards. A record is read into a tree once. Its
//! envelopes are opened, and the formats are asked in the order of [`Format::ALL`]; the first that knows the
//! shape reads it. A value that is no JSON may be a line of Keycloak's log. An array that no format knows as
//! a whole is a batch: each of its parts is opened and recognised for itself.

use std::borrow::Cow;

use crate::core::{
    decode::{
        Choice, Decoded, EventResult, EventResults, Wanted,
        bounds::{MOST_EVENTS, bound},
        custom::Filter,
        envelope::{Outside, Part, payload},
        format::Format,
        keycloak, one,
        tree::{List, Node, Tree, parse_record},
    },
    identity::reason::{Ignored, Refused, Unmapped},
    record::Record,
};

fn refused<'a>(reason: impl Into<Unmapped>) -> Decoded<'a> {
    Decoded { format: None, events: one(Err(reason.into())) }
}

/// How the values of a topic are read.
#[derive(Clone, Copy)]
pub(super) struct ValueReader<'f> {
    pub(super) choice: Choice,
    /// The filter of the format `custom`.
    pub(super) filter: Option<&'f Filter>,
    pub(super) wanted: Wanted,
}

impl ValueReader<'_> {
    /// Reads the value of a record.
    pub(super) fn record<'a>(self, record: &'a Record, value: &'a [u8]) -> Decoded<'a> {
        let value = payload(value);
        let mut tree = match parse_record(value).or_else(|reason| self.log_line(value).ok_or(reason)) {
            Ok(tree) => tree,
            Err(reason) => return refused(reason),
        };
        if tree.is_cut && self.choice == Choice::Named(Format::CUSTOM) {
            // A filter may look anywhere.
            return refused(Refused::TooLarge);
        }
        tree.wanted = self.wanted;
        let outside = Outside::of(record);
        if self.choice.allows(Format::KEYCLOAK)
            && let Some(item) = keycloak::decode_likely(tree.root())
        {
            return filled(Format::KEYCLOAK, one(item), &outside);
        }
        self.value(&tree, outside)
    }

    /// The tree of a value that is no JSON: a line of Keycloak's log.
    fn log_line(self, value: &[u8]) -> Option<Tree<'_>> {
        self.choice.allows(Format::KEYCLOAK).then(|| keycloak::log_line(value))?
    }

    /// A whole value: one part, or a batch of them.
    fn value<'a>(self, tree: &Tree<'a>, mut outside: Outside<'a>) -> Decoded<'a> {
        let part = match outside.open(Part::whole(Cow::Borrowed(tree))) {
            Ok(part) => part,
            Err(reason) => return refused(reason),
        };
        let Node::List(parts) = part.node() else { return self.bare(part.node(), &outside) };
        if parts.is_empty() {
            return refused(Ignored::Empty);
        }
        match self.format(part.node()) {
            Some(format) if !outside.is_batch(parts) => self.read(format, part.node(), &outside),
            _ => self.batch(&part, parts, &outside),
        }
    }

    fn batch<'a>(self, whole: &Part<'_, 'a>, parts: List<'_, 'a>, outside: &Outside<'a>) -> Decoded<'a> {
        let mut all = Decoded { format: None, events: EventResults::new() };
        let mut left = outside.left;
        for at in parts.places() {
            let mut outside = outside.clone();
            outside.left = left;
            let decoded = match outside.open(whole.part(at)) {
                Ok(part) => self.bare(part.node(), &outside),
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
    fn bare<'a>(self, node: Node<'_, 'a>, outside: &Outside<'a>) -> Decoded<'a> {
        match (self.format(node), self.choice) {
            (Some(format), _) => self.read(format, node, outside),
            (None, _) if !matches!(node, Node::Object(_) | Node::List(_)) => refused(Refused::NotAnEvent),
            (None, Choice::Auto) => refused(Refused::Unrecognised),
            (None, Choice::Named(format)) => self.forced(format, node, outside),
        }
    }

    /// A part that has not the shape of the format it is said to have: what the format makes of it, unless
    /// it finds nothing that says of what type it is.
    fn forced<'a>(self, format: Format, node: Node<'_, 'a>, outside: &Outside<'a>) -> Decoded<'a> {
        let decoded = self.read(format, node, outside);
        let is_foreign = |item: &EventResult<'_>| {
            matches!(item, Err(Unmapped::Refused(Refused::NoType | Refused::NotAnEvent)))
        };
        if decoded.events.iter().all(is_foreign) { refused(Refused::NotTheFormat) } else { decoded }
    }

    fn format(self, node: Node<'_, '_>) -> Option<Format> {
        if self.choice == Choice::Named(Format::CUSTOM) {
            // What the operator's filter makes of it is the filter's affair.
            return Some(Format::CUSTOM);
        }
        let mut formats = Format::ALL.into_iter();
        formats.find(|format| self.choice.allows(*format) && format.recognises(node))
    }

    fn read<'a>(self, format: Format, node: Node<'_, 'a>, outside: &Outside<'a>) -> Decoded<'a> {
        let events = match (format, self.filter) {
            (Format::CUSTOM, Some(filter)) => filter.decode(node, self.wanted),
            _ => format.decode(node),
        };
        filled(format, events, outside)
    }
}

#[inline]
fn filled<'a>(format: Format, events: EventResults<'a>, outside: &Outside<'a>) -> Decoded<'a> {
    let mut decoded = Decoded { format: Some(format), events };
    if let Err(reason) = bound(&mut decoded.events) {
        decoded.events = one(Err(reason.into()));
    }
    decoded.events.iter_mut().flatten().for_each(|event| outside.fill(event));
    decoded
}

#[cfg(test)]
mod tests;
