//! The bodies of a custom bus's calls, read strictly, with every limit.
//!
//! Knows nothing of what becomes of an entry.

use std::{
    borrow::Cow,
    hash::{DefaultHasher, Hash, Hasher},
};

use minicbor::Decoder;

use super::{
    super::event::{Event, Flaw, MAX_SIZE, is_json},
    INVALID,
};
use crate::tools::emulator::protocol::{
    Problem,
    cbor::{self, Malformed},
};

/// A request may hold 100 entries.
const MAX_ENTRIES: usize = 100;
/// An entry may have 100 resources.
const MAX_RESOURCES: usize = 100;
/// The id of a group, and one for deduplication, may have 128 characters.
const MAX_ID: usize = 128;

#[derive(Default)]
pub(super) struct PutEvents<'a> {
    pub(super) bus: Option<Cow<'a, str>>,
    /// The account in the bus's ARN.
    pub(super) account: String,
    entries: Option<Vec<Entry<'a>>>,
    pub(super) by_content: bool,
}

#[derive(Default)]
pub(super) struct Entry<'a> {
    pub(super) event: Event<'a>,
    pub(super) group: Option<Cow<'a, str>>,
    pub(super) deduplication_id: Option<Cow<'a, str>>,
}

impl<'a> PutEvents<'a> {
    pub(super) fn read(body: &'a [u8]) -> Result<Self, Problem> {
        let mut call = Self::default();
        let read = cbor::body(body, |decoder, key| {
            match key {
                "EventBusArn" => call.bus = Some(cbor::text(decoder)?),
                "Entries" => call.entries = Some(cbor::list(decoder, entry)?),
                "DeduplicationConfiguration" => {
                    let mut kind = None;
                    cbor::map(decoder, |decoder, key| {
                        kind = Some(cbor::text(decoder)?);
                        Ok(key == "DeduplicationType")
                    })?;
                    if kind.as_deref() != Some("CONTENT_BASED") {
                        return Ok(false);
                    }
                    call.by_content = true;
                }
                _ => return Ok(false),
            }
            Ok(true)
        });
        read.map_err(|malformed| not_the_model(&malformed))?;
        call.check()?;
        Ok(call)
    }

    fn check(&mut self) -> Result<(), Problem> {
        check_bus(self.bus.as_deref())?.clone_into(&mut self.account);
        let entries = self.entries.as_deref().unwrap_or_default();
        match entries.len() {
            0 => return Err(invalid("eventbridgev2.no_entries", "There must be at least one entry.")),
            1..=MAX_ENTRIES => {}
            _ => return Err(invalid("eventbridgev2.entry_count", "There must be at most 100 entries.")),
        }
        entries.iter().try_for_each(Entry::check)?;
        if entries.iter().map(|entry| entry.event.size()).sum::<usize>() > MAX_SIZE {
            return Err(invalid("eventbridgev2.request_size", "The entries take more than 1048576 bytes."));
        }
        Ok(())
    }

    pub(super) fn entries(&self) -> &[Entry<'_>] {
        self.entries.as_deref().unwrap_or_default()
    }
}

/// Reads a call to describe a bus. Returns its ARN.
pub(super) fn described_bus(body: &[u8]) -> Result<Cow<'_, str>, Problem> {
    let mut bus = None;
    let read = cbor::body(body, |decoder, key| {
        bus = Some(cbor::text(decoder)?);
        Ok(key == "EventBusArn")
    });
    read.map_err(|malformed| not_the_model(&malformed))?;
    check_bus(bus.as_deref())?;
    Ok(bus.unwrap_or_default())
}

fn entry<'a>(decoder: &mut Decoder<'a>) -> Result<Entry<'a>, Malformed> {
    let mut entry = Entry::default();
    cbor::map(decoder, |decoder, key| {
        match key {
            "Source" => entry.event.source = Some(cbor::text(decoder)?),
            "DetailType" => entry.event.detail_type = Some(cbor::text(decoder)?),
            "Detail" => entry.event.detail = Some(cbor::text(decoder)?),
            "Resources" => entry.event.resources = cbor::list(decoder, cbor::text)?,
            "Time" => entry.event.time = Some(cbor::timestamp(decoder)?),
            "SystemMetadata" => cbor::map(decoder, |decoder, key| {
                match key {
                    "EventGroupId" => entry.group = Some(cbor::text(decoder)?),
                    "DeduplicationId" => entry.deduplication_id = Some(cbor::text(decoder)?),
                    _ => return Ok(false),
                }
                Ok(true)
            })?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(entry)
}

fn invalid(rule: &'static str, message: &'static str) -> Problem {
    Problem::breach(rule, 400, INVALID, message)
}

fn not_the_model(malformed: &Malformed) -> Problem {
    Problem::rule("eventbridgev2.model", 400, "SerializationException", malformed.to_string())
}

/// Checks the ARN of a bus. Returns its account.
fn check_bus(arn: Option<&str>) -> Result<&str, Problem> {
    let wrong = || invalid("eventbridgev2.bus", "EventBusArn is not the ARN of a custom event bus.");
    arn.and_then(account).ok_or_else(wrong)
}

impl Entry<'_> {
    fn check(&self) -> Result<(), Problem> {
        match self.event.flaw(is_json) {
            None => {}
            Some(Flaw::SourceMissing | Flaw::SourceLength) => {
                return Err(invalid("eventbridgev2.source", "Source must have 1 to 256 characters."));
            }
            Some(Flaw::SourceReserved) => {
                return Err(invalid("eventbridgev2.source_reserved", "Source must not begin with aws."));
            }
            Some(Flaw::DetailTypeMissing | Flaw::DetailTypeLength) => {
                return Err(invalid(
                    "eventbridgev2.detail_type",
                    "DetailType must have 1 to 128 characters.",
                ));
            }
            Some(Flaw::DetailMalformed) => {
                return Err(invalid("eventbridgev2.detail", "Detail is not JSON."));
            }
            Some(Flaw::ResourceLength) => {
                return Err(invalid("eventbridgev2.resources", "A resource has more than 2048 characters."));
            }
        }
        if self.event.resources.len() > MAX_RESOURCES {
            return Err(invalid("eventbridgev2.resources", "There must be at most 100 resources."));
        }
        let fits = |id: &Cow<'_, str>| (1..=MAX_ID).contains(&id.chars().count());
        if !self.group.as_ref().is_none_or(fits) {
            return Err(invalid("eventbridgev2.group", "EventGroupId must have 1 to 128 characters."));
        }
        let visible = |id: &Cow<'_, str>| fits(id) && !id.trim().is_empty();
        if !self.deduplication_id.as_ref().is_none_or(visible) {
            let message = "DeduplicationId must have 1 to 128 characters, one of them visible.";
            return Err(invalid("eventbridgev2.deduplication_id", message));
        }
        Ok(())
    }

    pub(super) fn contains(&self, text: &str) -> bool {
        self.event.contains(text) || self.group.as_ref().is_some_and(|group| group.contains(text))
    }

    /// What makes the entry a duplicate of another, within account and group; `None` if nothing does.
    pub(super) fn deduplication_key(&self, account: &str, by_content: bool) -> Option<u64> {
        let mut hasher = DefaultHasher::new();
        (account, &self.group).hash(&mut hasher);
        match &self.deduplication_id {
            Some(id) => (0, id).hash(&mut hasher),
            None if by_content => {
                let Event { source, detail_type, detail, .. } = &self.event;
                (1, source, detail_type, detail).hash(&mut hasher);
            }
            None => return None,
        }
        Some(hasher.finish())
    }
}

/// The account in `arn:aws:events:REGION:ACCOUNT:event-busv2/NAME/ID`.
fn account(arn: &str) -> Option<&str> {
    const MAX_NAME: usize = 256;
    const ID: usize = 25;
    let ["arn", partition, "events", region, account, bus] = arn.split(':').collect::<Vec<_>>()[..] else {
        return None;
    };
    let ["event-busv2", name, id] = bus.split('/').collect::<Vec<_>>()[..] else { return None };
    let lower = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let in_name = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    let valid = partition.starts_with("aws")
        && region.split('-').count() > 1
        && region.bytes().all(|byte| lower(byte) || byte == b'-')
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && (1..=MAX_NAME).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.bytes().all(in_name)
        && id.len() == ID
        && id.bytes().all(lower);
    valid.then_some(account)
}
