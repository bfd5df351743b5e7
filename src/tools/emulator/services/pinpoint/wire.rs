//! The body of a `PutEvents` call and of its answer, read strictly and without copying.
//!
//! Knows only the model (names and types of fields); the rules that the model does not state are in `rules`.
//! Nothing is skipped silently: an unknown field is an error, and a repeated key is kept twice.

use std::{fmt, marker::PhantomData, slice};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::error::Category;

pub(super) use crate::tools::emulator::protocol::json::JsonText;

/// Why a body is not a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Malformed {
    NotJson,
    NotTheModel,
}

/// The root of a request's body.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct EventsRequest<'a> {
    /// SDKs give the body's parameter this name; no such object exists on the wire.
    pub(super) events_request: Option<IgnoredAny>,
    #[serde(borrow)]
    pub(super) batch_item: Option<Entries<'a, EventsBatch<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct EventsBatch<'a> {
    #[serde(borrow)]
    pub(super) endpoint: Endpoint<'a>,
    pub(super) events: Entries<'a, Event<'a>>,
}

#[derive(Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "the model's names")]
pub(super) struct Endpoint<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) address: Option<JsonText<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) attributes: Option<Entries<'a, Vec<JsonText<'a>>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) channel_type: Option<JsonText<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) demographic: Option<Demographic<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) effective_date: Option<JsonText<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) endpoint_status: Option<JsonText<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) location: Option<Location<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) metrics: Option<Entries<'a, f64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) opt_out: Option<JsonText<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) request_id: Option<JsonText<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user: Option<User<'a>>,
}

#[derive(Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Demographic<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) app_version: Option<JsonText<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) locale: Option<JsonText<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) make: Option<JsonText<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) model: Option<JsonText<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) model_version: Option<JsonText<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) platform: Option<JsonText<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) platform_version: Option<JsonText<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) timezone: Option<JsonText<'a>>,
}

#[derive(Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Location<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) city: Option<JsonText<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) country: Option<JsonText<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) latitude: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) longitude: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) postal_code: Option<JsonText<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) region: Option<JsonText<'a>>,
}

#[derive(Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct User<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) user_attributes: Option<Entries<'a, Vec<JsonText<'a>>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user_id: Option<JsonText<'a>>,
}

#[derive(Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "the model's names")]
pub(super) struct Event<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) app_package_name: Option<JsonText<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) app_title: Option<JsonText<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) app_version_code: Option<JsonText<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) attributes: Option<Entries<'a, JsonText<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) client_sdk_version: Option<JsonText<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) event_type: Option<JsonText<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) metrics: Option<Entries<'a, f64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sdk_name: Option<JsonText<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) session: Option<Session<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) timestamp: Option<JsonText<'a>>,
}

#[derive(Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Session<'a> {
    /// In milliseconds. The model says 32 bits; here that is a rule, so that breaking it has a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) duration: Option<i64>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<JsonText<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) start_timestamp: Option<JsonText<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stop_timestamp: Option<JsonText<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct EventsResponse<'a> {
    pub(super) results: Entries<'a, ItemResponse<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ItemResponse<'a> {
    pub(super) endpoint_item_response: Item,
    pub(super) events_item_response: Entries<'a, Item>,
}

/// The answer for one endpoint or event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Item {
    pub(super) status_code: u16,
    pub(super) message: &'static str,
}

/// A JSON object used as a map: all its entries in order, including repeated keys.
#[derive(PartialEq)]
pub(super) struct Entries<'a, T>(pub(super) Vec<(JsonText<'a>, T)>);

impl<'a> EventsRequest<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        serde_json::from_slice(body).map_err(|error| match error.classify() {
            Category::Data => Malformed::NotTheModel,
            Category::Io | Category::Syntax | Category::Eof => Malformed::NotJson,
        })
    }
}

impl EventsResponse<'_> {
    /// How many events the answer reports as accepted.
    pub(super) fn confirmed(&self) -> u64 {
        let events = self.results.iter().flat_map(|(_, endpoint)| endpoint.events_item_response.iter());
        events.filter(|(_, item)| item.status_code == 202).count() as u64
    }
}

impl<T> Entries<'_, T> {
    pub(super) fn iter(&self) -> slice::Iter<'_, (JsonText<'_>, T)> {
        self.0.iter()
    }
}

impl<T> Default for Entries<'_, T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de: 'a, 'a, T: Deserialize<'de>> Deserialize<'de> for Entries<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor(PhantomData))
    }
}

struct EntriesVisitor<'a, T>(PhantomData<Entries<'a, T>>);

impl<'de: 'a, 'a, T: Deserialize<'de>> Visitor<'de> for EntriesVisitor<'a, T> {
    type Value = Entries<'a, T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Entries(entries))
    }
}

impl<T: Serialize> Serialize for Entries<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}
