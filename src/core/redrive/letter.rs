//! Reads the records of a dead-letter topic: letters, and the receipts of letters that were redriven.
//!
//! A letter's own headers follow those of the original record, and `__connect.errors.topic` is the first of
//! them. Whatever stands before the last header of that name is the original's, whoever wrote it. So a record
//! that carries such headers itself, because somebody copied a letter or wants to be taken for one, becomes a
//! letter about itself. Nothing that a reader of the source topics can be made to write is a receipt.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::core::{
    record::{Header, Record},
    redrive::{OWN_HEADERS, RECEIPT_HEADER, Selection},
    time::Timestamp,
};

/// The first of a letter's own headers.
const FIRST: &str = "__connect.errors.topic";

/// What a record of a dead-letter topic is.
#[derive(Debug)]
pub enum Entry {
    Letter(Letter),
    Receipt(Receipt),
    /// Neither, or of a form that this version does not know.
    Unreadable,
}

/// What a dead letter says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// The place and the time of the original record.
    pub topic: Arc<str>,
    pub partition: i32,
    pub offset: i64,
    pub timestamp: Option<Timestamp>,
    pub reason: Box<str>,
    /// What the letter is about.
    pub selection: Selection,
    /// How often its record had been redriven before.
    pub attempts: u32,
    /// How many of its headers come from the original record.
    theirs: usize,
}

/// Names letters of its own partition that were redriven.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Their offsets.
    pub redriven: Vec<i64>,
}

impl Entry {
    #[must_use]
    pub fn read(record: &Record) -> Self {
        let Some(theirs) = record.headers.iter().rposition(|(name, _)| **name == *FIRST) else {
            return Receipt::read(record).map_or(Self::Unreadable, Self::Receipt);
        };
        Letter::read(&record.headers[theirs..], theirs).map_or(Self::Unreadable, Self::Letter)
    }
}

impl Letter {
    fn read(own: &[Header], theirs: usize) -> Option<Self> {
        let texts = |name: &'static str| {
            let named = own.iter().filter(move |(other, _)| other.strip_prefix(OWN_HEADERS) == Some(name));
            named.filter_map(|(_, value)| std::str::from_utf8(value.as_deref()?).ok())
        };
        let text = |name| texts(name).next();
        let timestamp = match text("timestamp") {
            Some(time) => Some(Timestamp(time.parse().ok()?)),
            None => None,
        };
        Some(Self {
            topic: text("topic")?.into(),
            partition: text("partition")?.parse().ok()?,
            offset: text("offset")?.parse().ok()?,
            timestamp,
            reason: text("reason")?.into(),
            selection: Selection {
                destination: text("destination").map(Into::into),
                events: texts("event_id").map(Into::into).collect(),
            },
            attempts: text("redriven").map_or(Some(0), |attempts| attempts.parse().ok())?,
            theirs,
        })
    }

    /// The headers of the original record. Headers with our own names, which a copied letter has, are left
    /// out.
    #[must_use]
    pub fn original_headers(&self, record: &Record) -> Vec<Header> {
        let theirs = &record.headers[..self.theirs.min(record.headers.len())];
        theirs.iter().filter(|(name, _)| !name.starts_with(OWN_HEADERS)).cloned().collect()
    }
}

impl Receipt {
    fn read(record: &Record) -> Option<Self> {
        record.headers.iter().find(|(name, _)| **name == *RECEIPT_HEADER)?;
        serde_json::from_slice(record.value.as_deref()?).ok()
    }

    /// Its value in the topic.
    #[must_use]
    pub fn value(&self) -> Vec<u8> {
        // Serialising whole numbers never fails.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::core::{dead_letter::tests::dead_letter, redrive::tests::selection};

    /// A letter as it lies in its topic: the headers of the original record, and those of the letter.
    pub(crate) fn written(original: &[(&str, &str)], own: &[(&str, &str)]) -> Record {
        let first = [("__connect.errors.topic", "logins")];
        let own = own.iter().map(|(name, value)| (format!("{OWN_HEADERS}{name}"), *value));
        let headers =
            original.iter().chain(&first).map(|(name, value)| ((*name).to_owned(), *value)).chain(own);
        let headers = headers.map(|(name, value)| (name.into(), Some(value.as_bytes().into()))).collect();
        Record { headers, ..(*dead_letter(1).record).clone() }
    }

    pub(crate) const PLACE: [(&str, &str); 4] =
        [("topic", "logins"), ("partition", "3"), ("offset", "42"), ("reason", "spilled")];

    #[track_caller]
    pub(crate) fn letter(record: &Record) -> Letter {
        match Entry::read(record) {
            Entry::Letter(letter) => letter,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_letter_names_its_record_and_its_events() {
        let more = [("timestamp", "1700000000000"), ("destination", "shop"), ("event_id", "e:session")];
        let record = written(&[("trace", "1")], &[&PLACE[..], &more].concat());
        let letter = letter(&record);
        assert_eq!((&*letter.topic, letter.partition, letter.offset), ("logins", 3, 42));
        assert_eq!(letter.timestamp, Some(Timestamp(1_700_000_000_000)));
        assert_eq!((&*letter.reason, letter.attempts), ("spilled", 0));
        assert_eq!(letter.selection, selection(Some("shop"), &["e:session"]));
        let headers = letter.original_headers(&record);
        assert_eq!(headers, [("trace".into(), Some((*b"1").into()))]);
    }

    #[test]
    fn a_letter_may_name_many_events_or_none() {
        let many = [("destination", "shop"), ("event_id", "a"), ("event_id", "b"), ("redriven", "2")];
        let letter_of = |own: &[(&str, &str)]| letter(&written(&[], &[&PLACE[..], own].concat()));
        assert_eq!(letter_of(&many).selection, selection(Some("shop"), &["a", "b"]));
        assert_eq!(letter_of(&many).attempts, 2);
        assert!(letter_of(&[]).selection.is_whole());
        // As versions wrote it that did not name the destination.
        assert_eq!(letter_of(&[("event_id", "a")]).selection, selection(None, &["a"]));
    }

    #[test]
    fn headers_of_the_original_record_say_nothing_about_the_letter() {
        let forged = [
            ("__connect.errors.topic", "theirs"),
            ("pinpoint_sidecar.topic", "theirs"),
            ("pinpoint_sidecar.destination", "theirs"),
            ("pinpoint_sidecar.event_id", "theirs"),
            ("pinpoint_sidecar.redriven", "9"),
            ("pinpoint_sidecar.redrive", "theirs"),
            ("pinpoint_sidecar.receipt", ""),
        ];
        let record = Record { value: Some((*br#"{"redriven":[1]}"#).into()), ..written(&forged, &PLACE) };
        let letter = letter(&record);
        assert_eq!((&*letter.topic, letter.attempts), ("logins", 0));
        assert!(letter.selection.is_whole());
        let headers = letter.original_headers(&record);
        assert_eq!(headers, [("__connect.errors.topic".into(), Some((*b"theirs").into()))]);
    }

    #[test]
    fn other_records_are_unreadable() {
        let unreadable = |record: &Record| matches!(Entry::read(record), Entry::Unreadable);
        assert!(unreadable(&dead_letter(1).record));
        assert!(unreadable(&written(&[], &PLACE[..3])));
        assert!(unreadable(&written(&[], &[&PLACE[..], &[("redriven", "x")]].concat())));
        assert!(unreadable(&written(&[], &[&PLACE[..], &[("timestamp", "x")]].concat())));
    }

    #[test]
    fn a_receipt_is_read_as_it_was_written() {
        let receipt = Receipt { redriven: vec![3, 5] };
        let headers = vec![(RECEIPT_HEADER.into(), None)];
        let value = Some(receipt.value().into());
        let record = Record { value, headers, ..(*dead_letter(1).record).clone() };
        assert!(matches!(Entry::read(&record), Entry::Receipt(read) if read == receipt));
        let broken = Record { value: Some((*b"{").into()), ..record };
        assert!(matches!(Entry::read(&broken), Entry::Unreadable));
    }
}
