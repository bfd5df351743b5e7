//! Recognises the format of a record by its shape, or reads it in the format configured for its topic.
//!
//! Knows the formats only by the table, except Keycloak's. Most records are Keycloak's, so that format is
//! tried before envelopes are looked for, and gives the same answer as it would afterwards. A record is
//! parsed into a tree once. Its envelopes are opened, and the formats are tried in the order of
//! [`Format::ALL`]; the first one that recognises the shape reads the record. If no format recognises an
//! object, or the object lacks a type that the configured format knows, the search goes on inside it, because a
//! shipper may have put the record there. A value that is not JSON may be a line of Keycloak's log. An array that
//! no format recognises as a whole is a batch: each of its elements is opened and recognised separately.

use std::borrow::Cow;

use crate::core::{
    decode::{
        Choice, Decoded, EventResult, EventResults, Wanted,
        bounds::{MOST_EVENTS, bound},
        custom::Filter,
        envelope::{Outside, Part, has_schema_id, payload},
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

/// Reads the values of a topic.
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
        let mut outside = Outside::of(record);
        outside.for_filter = self.choice == Choice::Named(Format::CUSTOM);
        let payload = match outside.without_prefix(payload(value)) {
            Ok(payload) => payload,
            Err(reason) => return refused(reason),
        };
        let mut tree = match parse_record(payload).or_else(|reason| self.log_line(payload).ok_or(reason)) {
            Ok(tree) => tree,
            Err(Refused::NotJson) if has_schema_id(value) => return refused(Refused::NotJsonInSchema),
            Err(reason) => return refused(reason),
        };
        if tree.is_cut && self.choice == Choice::Named(Format::CUSTOM) {
            // A filter may read any part of the record, so none may be missing.
            return refused(Refused::TooLarge);
        }
        tree.wanted = self.wanted;
        if self.choice.allows(Format::KEYCLOAK)
            && let Some(item) = keycloak::decode_likely(tree.root())
        {
            return filled(Format::KEYCLOAK, one(item), &outside);
        }
        self.value(Part::whole(Cow::Borrowed(&tree)), &mut outside)
    }

    /// The tree of a value that is not JSON but a line of Keycloak's log.
    fn log_line(self, value: &[u8]) -> Option<Tree<'_>> {
        self.choice.allows(Format::KEYCLOAK).then(|| keycloak::log_line(value))?
    }

    /// Reads a value in its envelopes: a single part, or a batch.
    fn value<'a>(self, part: Part<'_, 'a>, outside: &mut Outside<'a>) -> Decoded<'a> {
        let part = match outside.open(part) {
            Ok(part) => part,
            Err(reason) => return refused(reason),
        };
        let Node::List(parts) = part.node() else { return self.bare(&part, outside) };
        if parts.is_empty() {
            return refused(Ignored::Empty);
        }
        match self.format(part.node()) {
            Some(format) if !outside.is_batch(parts) => self.read(format, part.node(), outside),
            _ => self.batch(&part, parts, outside),
        }
    }

    fn batch<'a>(self, whole: &Part<'_, 'a>, parts: List<'_, 'a>, outside: &mut Outside<'a>) -> Decoded<'a> {
        let mut all = Decoded { format: None, events: EventResults::new() };
        for at in parts.places() {
            let (part, mut around) = (whole.part(at), outside.clone());
            let decoded = match part.node() {
                // An array in a batch is a batch only if it is in an envelope.
                Node::List(_) => self.bare(&part, &mut around),
                _ => self.value(part, &mut around),
            };
            outside.left = around.left;
            all.format = all.format.or(decoded.format);
            all.events.extend(decoded.events);
            if all.events.len() > MOST_EVENTS {
                return refused(Refused::TooManyEvents);
            }
        }
        all
    }

    /// Reads a part whose envelopes have been opened.
    fn bare<'a>(self, part: &Part<'_, 'a>, outside: &mut Outside<'a>) -> Decoded<'a> {
        let node = part.node();
        let recognised = self.format(node);
        let decoded = match (recognised, self.choice) {
            (Some(format), _) => self.read(format, node, outside),
            (None, _) if !matches!(node, Node::Object(_) | Node::List(_)) => refused(Refused::NotAnEvent),
            (None, Choice::Auto) => refused(Refused::Unrecognised),
            (None, Choice::Named(format)) => self.forced(format, node, outside),
        };
        // The type may be that of what surrounds an event.
        let surrounds = || {
            (recognised.is_none() && decoded.events.iter().all(is_unmapped))
                || (decoded.format == Some(Format::KEYCLOAK)
                    && decoded.events.iter().all(is_vague)
                    && keycloak::may_surround(node))
        };
        if says_nothing(&decoded) || surrounds() {
            self.shipped(part, outside).unwrap_or(decoded)
        } else {
            decoded
        }
    }

    /// Looks inside a part that is no event itself, and returns the first content that is one.
    fn shipped<'a>(self, part: &Part<'_, 'a>, outside: &mut Outside<'a>) -> Option<Decoded<'a>> {
        part.places_within().find_map(|at| {
            let mut around = outside.shipped(part.node())?;
            let decoded = self.value(part.part(at), &mut around);
            outside.left = around.left;
            (!says_nothing(&decoded)).then_some(decoded)
        })
    }

    /// Reads a part in the configured format although it does not have the shape of that format. The part is
    /// refused if the format finds no type in it.
    fn forced<'a>(self, format: Format, node: Node<'_, 'a>, outside: &Outside<'a>) -> Decoded<'a> {
        let decoded = self.read(format, node, outside);
        let is_foreign = |item: &EventResult<'_>| {
            matches!(item, Err(Unmapped::Refused(Refused::NoType | Refused::NotAnEvent)))
        };
        if decoded.events.iter().all(is_foreign) { refused(Refused::NotTheFormat) } else { decoded }
    }

    fn format(self, node: Node<'_, '_>) -> Option<Format> {
        if self.choice == Choice::Named(Format::CUSTOM) {
            // The operator's filter decides what to do with the part.
            return Some(Format::CUSTOM);
        }
        let mut formats = Format::ALL.into_iter();
        formats.find(|format| self.choice.allows(*format) && format.recognises(node))
    }

    /// Reads a record that a filter handed over to another format.
    fn handed_over<'a>(self, choice: Choice, record: &Tree<'a>) -> EventResults<'a> {
        let reader = Self { choice, filter: None, ..self };
        reader.value(Part::whole(Cow::Borrowed(record)), &mut Outside::default()).events
    }

    fn read<'a>(self, format: Format, node: Node<'_, 'a>, outside: &Outside<'a>) -> Decoded<'a> {
        let events = match (format, self.filter) {
            (Format::CUSTOM, Some(filter)) => {
                filter.decode(node, self.wanted, &|choice, record| self.handed_over(choice, record))
            }
            _ => format.decode(node),
        };
        filled(format, events, outside)
    }
}

/// Whether a part is no event of any type. The answer of the operator's filter is final.
fn says_nothing(decoded: &Decoded<'_>) -> bool {
    let is_foreign = |item: &EventResult<'_>| match item {
        Err(Unmapped::Refused(reason)) => matches!(
            reason,
            Refused::Unrecognised | Refused::NotTheFormat | Refused::NotAnEvent | Refused::NoType
        ),
        Err(Unmapped::Ignored(reason)) => *reason == Ignored::Empty,
        Ok(_) => false,
    };
    decoded.format != Some(Format::CUSTOM) && decoded.events.iter().all(is_foreign)
}

fn is_unmapped(item: &EventResult<'_>) -> bool {
    matches!(item, Err(Unmapped::Ignored(Ignored::TypeNotMapped)))
}

/// Whether an event states nothing but a type.
fn is_vague(item: &EventResult<'_>) -> bool {
    match item {
        Ok(event) => event.user.is_none() && event.session.is_none(),
        Err(Unmapped::Ignored(reason)) => matches!(reason, Ignored::TypeNotMapped | Ignored::AdminEvent),
        Err(Unmapped::Refused(_)) => false,
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
