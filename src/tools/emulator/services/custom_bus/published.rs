//! The deduplication ids that were published within the last five minutes.
//!
//! Knows only hashes of them. Its memory is bounded by the rate of events.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use crate::core::time::Moment;

/// How long an id is remembered.
const REMEMBERED: Duration = Duration::from_mins(5);

#[derive(Default)]
pub(in crate::tools::emulator) struct Published {
    /// The sequence number that each id was published with.
    ids: HashMap<u64, u64>,
    /// The ids and when they were published, oldest first.
    order: VecDeque<(Moment, u64)>,
    sequence: u64,
}

/// Whether an id was published before, and the sequence number that it has.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Earlier {
    None(u64),
    Published(u64),
}

impl Published {
    /// Publishes an event, unless its id was published within the last five minutes.
    pub(super) fn publish(&mut self, id: Option<u64>, now: Moment) -> Earlier {
        while let Some((time, oldest)) = self.order.front()
            && now.since(*time) >= REMEMBERED
        {
            self.ids.remove(oldest);
            self.order.pop_front();
        }
        if let Some(sequence) = id.and_then(|id| self.ids.get(&id)) {
            return Earlier::Published(*sequence);
        }
        self.sequence += 1;
        if let Some(id) = id {
            self.ids.insert(id, self.sequence);
            self.order.push_back((now, id));
        }
        Earlier::None(self.sequence)
    }

    /// Forgets the ids; the sequence goes on.
    pub(in crate::tools::emulator) fn clear(&mut self) {
        self.ids.clear();
        self.order.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_remembered_for_five_minutes() {
        let mut published = Published::default();
        let mut publish =
            |id, seconds| published.publish(id, Moment::after_start(Duration::from_secs(seconds)));
        assert_eq!(publish(Some(1), 0), Earlier::None(1));
        assert_eq!(publish(Some(1), 0), Earlier::Published(1));
        assert_eq!(publish(Some(2), 10), Earlier::None(2));
        assert_eq!(publish(None, 10), Earlier::None(3));
        assert_eq!(publish(None, 10), Earlier::None(4));
        assert_eq!(publish(Some(1), 299), Earlier::Published(1));
        // A duplicate does not make the id young again.
        assert_eq!(publish(Some(1), 300), Earlier::None(5));
        assert_eq!(publish(Some(2), 309), Earlier::Published(2));
        assert_eq!(publish(Some(2), 310), Earlier::None(6));
        assert_eq!(publish(Some(1), 310), Earlier::Published(5));
        published.clear();
        assert_eq!(published.publish(Some(1), Moment::START), Earlier::None(7));
    }
}
