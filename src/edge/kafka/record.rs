//! Converts a consumed message into a record of ours.

use std::sync::Arc;

use rdkafka::{
    Message as _,
    message::{BorrowedMessage, Headers as _},
};

use crate::core::{
    catch_panic,
    record::{Header, Ownership, Record},
    time::Timestamp,
};

/// Copies a message that was read under `ownership`. `topic` is the name of its topic, shared
/// by all its records.
#[must_use]
pub fn record(message: &BorrowedMessage<'_>, ownership: Ownership, topic: Arc<str>) -> Record {
    Record {
        ownership,
        topic,
        partition: message.partition(),
        offset: message.offset(),
        timestamp: message.timestamp().to_millis().map(Timestamp),
        key: message.key().map(Box::from),
        value: message.payload().map(Box::from),
        headers: headers(message),
        redriven: None,
    }
}

fn headers(message: &BorrowedMessage<'_>) -> Vec<Header> {
    let Some(headers) = message.headers() else { return Vec::new() };
    let header = |index| {
        let header = headers.try_get(index)?;
        Some((header.key.into(), header.value.map(Box::from)))
    };
    // rdkafka panics if a header's name is not UTF-8. No record may end the process, so that header is
    // dropped.
    (0..headers.count()).filter_map(|index| catch_panic::caught(|| header(index))).collect()
}
