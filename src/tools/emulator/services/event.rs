//! What both kinds of event bus demand of an event, and how they measure it.
//!
//! Knows nothing of how an event is written on the wire, and of what a broken rule means for its call.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::tools::emulator::{
    journal::{Accepted, Names},
    record,
};

/// The events of a request may take 1 MiB together.
pub(super) const MAX_SIZE: usize = 1 << 20;
/// A source may have 256 characters.
const MAX_SOURCE: usize = 256;
/// A detail type may have 128 characters.
const MAX_DETAIL_TYPE: usize = 128;
/// A resource may have 2048 characters.
const MAX_RESOURCE: usize = 2048;
/// The prefix of the sources of AWS' own services.
const RESERVED: &str = "aws.";

#[derive(Default)]
pub(super) struct Event<'a> {
    pub(super) source: Option<Cow<'a, str>>,
    pub(super) detail_type: Option<Cow<'a, str>>,
    pub(super) detail: Option<Cow<'a, str>>,
    pub(super) resources: Vec<Cow<'a, str>>,
    /// In seconds since 1970.
    pub(super) time: Option<f64>,
}

/// What is wrong with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    SourceMissing,
    SourceLength,
    SourceReserved,
    DetailTypeMissing,
    DetailTypeLength,
    DetailMalformed,
    ResourceLength,
}

impl Event<'_> {
    /// The first flaw of the event. `is_detail` says whether a text can be a detail. A detail that is absent
    /// is no flaw.
    pub(super) fn flaw(&self, is_detail: impl Fn(&str) -> bool) -> Option<Flaw> {
        let source = self.source.as_deref().filter(|source| !source.is_empty());
        let detail_type = self.detail_type.as_deref().filter(|detail_type| !detail_type.is_empty());
        let longer = |text: &str, most: usize| text.chars().count() > most;
        Some(match (source, detail_type) {
            (None, _) => Flaw::SourceMissing,
            (_, None) => Flaw::DetailTypeMissing,
            (Some(source), _) if longer(source, MAX_SOURCE) => Flaw::SourceLength,
            (Some(source), _) if source.starts_with(RESERVED) => Flaw::SourceReserved,
            (_, Some(detail_type)) if longer(detail_type, MAX_DETAIL_TYPE) => Flaw::DetailTypeLength,
            _ if self.resources.iter().any(|resource| longer(resource, MAX_RESOURCE)) => Flaw::ResourceLength,
            _ if self.detail.as_deref().is_some_and(|detail| !is_detail(detail)) => Flaw::DetailMalformed,
            _ => return None,
        })
    }

    /// The size as the service counts it: 14 bytes for the time, and the bytes of all texts.
    pub(super) fn size(&self) -> usize {
        let texts = [&self.source, &self.detail_type, &self.detail].into_iter().flatten();
        let texts = texts.chain(&self.resources).map(|text| text.len()).sum::<usize>();
        texts + if self.time.is_some() { 14 } else { 0 }
    }

    pub(super) fn contains(&self, text: &str) -> bool {
        let mut texts = [&self.source, &self.detail_type, &self.detail].into_iter().flatten();
        texts.any(|found| found.contains(text))
    }

    /// Its detail, which may be a record of Pinpoint's event stream.
    pub(super) fn record(&self) -> &[u8] {
        self.detail.as_deref().unwrap_or_default().as_bytes()
    }

    /// The event for the journal. `more` is what only one kind of bus knows.
    pub(super) fn accepted(&self, names: Names<'_>, event_id: &str, more: Value) -> Accepted {
        let mut entry = json!({
            "source": self.source, "detail_type": self.detail_type, "resources": self.resources,
            "time": self.time, "event_id": event_id,
        });
        if let (Value::Object(entry), Value::Object(more)) = (&mut entry, more) {
            entry.extend(more);
        }
        record::event(names, self.record(), entry)
    }
}

pub(super) fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

pub(super) fn is_json_object(text: &str) -> bool {
    text.trim_start().starts_with('{') && is_json(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(source: &str, detail_type: &str, detail: &str) -> Event<'static> {
        let [source, detail_type, detail] =
            [source, detail_type, detail].map(|it| Some(Cow::Owned(it.into())));
        Event { source, detail_type, detail, ..Event::default() }
    }

    #[track_caller]
    fn check(event: &Event<'_>, expected: Option<Flaw>) {
        assert_eq!(event.flaw(is_json_object), expected);
    }

    #[test]
    fn an_event_keeps_its_limits() {
        check(&event("a", "t", "{}"), None);
        check(&event("", "t", "{}"), Some(Flaw::SourceMissing));
        check(&event("a", "", "{}"), Some(Flaw::DetailTypeMissing));
        check(&Event { source: None, ..event("a", "t", "{}") }, Some(Flaw::SourceMissing));
        check(&Event { detail_type: None, ..event("a", "t", "{}") }, Some(Flaw::DetailTypeMissing));
        check(&event(&"ä".repeat(256), "t", "{}"), None);
        check(&event(&"a".repeat(257), "t", "{}"), Some(Flaw::SourceLength));
        check(&event("aws.identity", "t", "{}"), Some(Flaw::SourceReserved));
        check(&event("awsome", "t", "{}"), None);
        check(&event("a", &"ä".repeat(128), "{}"), None);
        check(&event("a", &"t".repeat(129), "{}"), Some(Flaw::DetailTypeLength));
        check(&event("a", "t", "{"), Some(Flaw::DetailMalformed));
        check(&event("a", "t", ""), Some(Flaw::DetailMalformed));
        check(&event("a", "t", "[]"), Some(Flaw::DetailMalformed));
        check(&event("a", "t", "{} {}"), Some(Flaw::DetailMalformed));
        check(&event("a", "t", " {\"a\": [1]} "), None);
        check(&Event { detail: None, ..event("a", "t", "{}") }, None);
        let resources = |length| vec!["r".repeat(length).into()];
        check(&Event { resources: resources(2048), ..event("a", "t", "{}") }, None);
        check(&Event { resources: resources(2049), ..event("a", "t", "{}") }, Some(Flaw::ResourceLength));
    }

    #[test]
    fn an_event_is_measured_in_bytes() {
        let resources = vec!["r".into(), "rs".into()];
        let event = Event { resources, ..event("ä", "t", "{}") };
        assert_eq!(event.size(), 8);
        assert_eq!(Event { time: Some(1.0), ..event }.size(), 22);
    }
}
