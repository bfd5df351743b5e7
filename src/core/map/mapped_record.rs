//! The app events that a record becomes, and the portions in which they are sent if there are very many.
//!
//! Knows nothing of the session index. One record may end all sessions of a user, and there may be tens of
//! thousands of them. Which ones they are is decided where the record is read; their events and their entries
//! of the session table are made a portion at a time.

use std::sync::Arc;

use arcstr::Substr;

use crate::core::{
    code::Code,
    event::{Attribute, Attributes, Delivery, EventType, Mapped, PORTION, Portions, Refusal},
    identity::IdentityEvent,
    map::{
        endpoint::Additions,
        endpoint_owner,
        outputs::Outputs,
        session_event::{completed, push_end, reason, session},
        sessions::{Cause, EndedSession},
    },
    session_table::Entry,
};

/// The result of one identity event.
pub(super) enum MappedEvent {
    Events(Vec<Delivery>),
    Stops(Arc<Stops>),
}

/// The ends of all sessions that a user had open.
pub(super) struct Stops {
    pub(super) additions: Arc<Additions>,
    pub(super) event: IdentityEvent<'static>,
    /// The key of the source event.
    pub(super) key: String,
    pub(super) by: Cause,
    pub(super) ended: Vec<EndedSession>,
}

/// What the events of a record become, in their order.
#[derive(Default)]
pub(super) struct MappedRecord {
    /// The events that are made.
    made: Vec<Delivery>,
    /// The results that follow, which are made later.
    later: Vec<MappedEvent>,
}

impl Stops {
    /// The entries that the session table must hold before the ends are reported.
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry> {
        self.ended.iter().filter_map(|ended| ended.entry(self.by.event))
    }

    /// One event for each session.
    pub(super) fn into_deliveries(self: Arc<Self>) -> impl Iterator<Item = Delivery> {
        let mut before = Attributes::new();
        (0..self.ended.len()).filter_map(move |index| {
            let mut delivery = self.delivery(&self.ended[index])?;
            let attributes = &mut Arc::make_mut(&mut delivery.event).attributes;
            share_texts(attributes, &before);
            before.clone_from(attributes);
            Some(delivery)
        })
    }

    /// Every session that is remembered with its owner has a user and an id.
    fn delivery(&self, EndedSession { owner, end, .. }: &EndedSession) -> Option<Delivery> {
        let event = completed(&self.event, owner);
        let owner = endpoint_owner(&event).ok()?;
        let outputs = Outputs::new(&event, (&*self.key).into(), &owner, self.by.time, &self.additions);
        let mut outputs = outputs.for_each_session();
        let (id, _) = session(&event)?;
        push_end(EventType::SessionStop, &id, end.start, end.stop, reason(&event), &mut outputs);
        outputs.finish().pop()
    }
}

impl MappedRecord {
    /// Adds what the next event becomes. Ends of sessions are made at once only if a portion holds them; the entries that they
    /// need then go to `write`.
    pub(super) fn push(&mut self, mapped: MappedEvent, write: impl FnOnce(&Stops)) {
        match mapped {
            MappedEvent::Events(events) if self.later.is_empty() && self.made.is_empty() => {
                self.made = events;
            }
            MappedEvent::Events(events) if self.later.is_empty() => self.made.extend(events),
            MappedEvent::Stops(stops)
                if self.later.is_empty() && self.made.len() + stops.ended.len() <= PORTION =>
            {
                write(&stops);
                self.made.extend(stops.into_deliveries());
            }
            mapped => self.later.push(mapped),
        }
    }

    /// The result for the record; `nothing` if it has no events and no refusal.
    pub(super) fn finish(self, refusal: Option<Refusal>, nothing: Code) -> Mapped {
        let Self { made, later } = self;
        if !later.is_empty() {
            return Mapped::InPortions(portions(made, later, refusal));
        }
        match refusal {
            None if made.is_empty() => Mapped::Ignored(nothing),
            None => Mapped::Deliver(made),
            Some(refusal) if made.is_empty() => Mapped::Refused(refusal),
            Some(refusal) => Mapped::Partly(made, refusal),
        }
    }
}

fn portions(made: Vec<Delivery>, later: Vec<MappedEvent>, refusal: Option<Refusal>) -> Portions {
    let (mut events, mut bytes, mut stops) = (made.len(), 0, Vec::new());
    let mut parts: Vec<Box<dyn Iterator<Item = Delivery> + Send>> = vec![Box::new(made.into_iter())];
    for mapped in later {
        match mapped {
            MappedEvent::Events(made) => {
                events += made.len();
                bytes += made.iter().map(Delivery::text_bytes).sum::<usize>();
                parts.push(Box::new(made.into_iter()));
            }
            MappedEvent::Stops(all) => {
                events += all.ended.len();
                bytes += size_of_val(&*all.ended);
                stops.push(Arc::clone(&all));
                parts.push(Box::new(all.into_deliveries()));
            }
        }
    }
    let entries = stops.into_iter().flat_map(|stops| {
        (0..stops.ended.len()).filter_map(move |index| stops.ended[index].entry(stops.by.event))
    });
    Portions::new(PORTION, (events, bytes), entries, parts.into_iter().flatten(), refusal)
}

/// Lets an event share the texts with an allocation of their own that it has in common with the one before: thousands
/// of sessions may end for one reason, whose length is unbounded.
fn share_texts(attributes: &mut [Attribute], before: &[Attribute]) {
    for (key, text) in attributes {
        let same = before.iter().find(|(other, shared)| other == key && shared == text && is_alone(shared));
        if let Some((_, shared)) = same {
            *text = shared.clone();
        }
    }
}

/// Whether a text has an allocation of its own.
fn is_alone(text: &Substr) -> bool {
    text.parent().len() == text.len()
}
