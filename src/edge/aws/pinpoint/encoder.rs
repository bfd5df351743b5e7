//! The encoder of `PutEvents`: fits events to what the service accepts, and writes the body of a request.
//!
//! Pure: nothing here or below names the SDK or HTTP. A body of fitted events keeps the service's limits, and
//! is never longer than the sum of their bytes and the overhead.

use serde_json::{Value, json};

use crate::core::{
    destination::{Encoder, FieldCounts, Fitted, Merge, Request, RequestLimits},
    event::{Delivery, Refusal},
    time::Timestamp,
};

mod address;
mod body;
mod endpoint;
mod event;
mod limits;

/// Encodes requests of Pinpoint's `PutEvents`.
#[derive(Clone, Copy, Debug, Default)]
pub struct PutEvents;

impl PutEvents {
    /// Encodes the body of a request, whose events must have been fitted.
    #[must_use]
    pub fn body(self, request: &Request) -> Vec<u8> {
        body::write(request)
    }
}

impl Encoder for PutEvents {
    fn limits(&self) -> RequestLimits {
        RequestLimits { events: limits::EVENTS, bytes: limits::BYTES, overhead: body::ENVELOPE }
    }

    fn fields(&self) -> &'static [&'static str] {
        &limits::FIELDS
    }

    fn fit(&self, mut delivery: Delivery, counts: &mut FieldCounts) -> Result<Fitted, Refusal> {
        let endpoint_bytes = endpoint::fit(&mut delivery.endpoint, counts)?;
        event::fit(&mut delivery.event, counts);
        let bytes = body::measure(&delivery, endpoint_bytes);
        Ok(Fitted { delivery, bytes })
    }

    fn merge(&self) -> Option<Merge> {
        Some(endpoint::merge)
    }

    /// A body states no time of sending.
    fn body(&self, request: &Request, _: Timestamp) -> Vec<u8> {
        Self::body(*self, request)
    }

    /// A heading for each endpoint and each of its events.
    fn outline(&self, request: &Request, at: Timestamp) -> Vec<(String, Value)> {
        let mut body: Value = serde_json::from_slice(&self.body(request, at)).unwrap_or_default();
        let mut outline = Vec::new();
        for batch in &request.endpoints {
            let item = &mut body["BatchItem"][&*batch.endpoint_id.0];
            outline.push((format!("endpoint {}", batch.endpoint_id.0), item["Endpoint"].take()));
            for event in &batch.events {
                let mut fields = json!({ "id": *event.id });
                if let (Some(fields), Value::Object(more)) =
                    (fields.as_object_mut(), item["Events"][&*event.id].take())
                {
                    fields.extend(more);
                }
                outline.push(("app event".to_owned(), fields));
            }
        }
        outline
    }
}

#[cfg(test)]
mod tests;
