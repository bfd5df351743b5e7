//! Leaves out the values that a stream record cannot hold. Only these change an event: a record has no limits
//! of length.

use std::sync::Arc;

use super::{StreamRecord, config::RecordConfig};
use crate::core::{
    destination::{FieldCounts, Fitted},
    event::{Delivery, Location},
};

const COORDINATES: &str = "Endpoint.Location.Latitude";
const METRICS: &str = "Event.Metrics";

/// The fields that [`fit`] counts.
pub const FIELDS: [&str; 2] = [COORDINATES, METRICS];

/// Leaves out metrics that are not finite numbers, and coordinates that are incomplete or out of range. The
/// bytes of the result are those of the record alone.
pub fn fit(config: &RecordConfig, mut delivery: Delivery, counts: &mut FieldCounts) -> Fitted {
    leave_out(&mut delivery, counts);
    let Delivery { endpoint_id, endpoint, event, .. } = &delivery;
    let bytes = StreamRecord { config, endpoint_id, endpoint, event }.max_bytes();
    Fitted { delivery, bytes }
}

fn leave_out(delivery: &mut Delivery, counts: &mut FieldCounts) {
    if delivery.event.metrics.iter().any(|(_, value)| !value.is_finite()) {
        Arc::make_mut(&mut delivery.event).metrics.retain(|(_, value)| {
            if !value.is_finite() {
                counts.leave_out(METRICS);
            }
            value.is_finite()
        });
    }
    if delivery.endpoint.location.as_deref().is_some_and(has_wrong_coordinates) {
        let location = &mut Arc::make_mut(&mut delivery.endpoint).location;
        if let Some(place) = location {
            (place.latitude, place.longitude) = (None, None);
        }
        location.take_if(|place| **place == Location::default());
        counts.leave_out(COORDINATES);
    }
}

fn has_wrong_coordinates(place: &Location) -> bool {
    (place.latitude.is_some() || place.longitude.is_some()) && place.coordinates().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{
        destination::sample,
        event::{AppEvent, Endpoint},
    };

    /// Fits a changed delivery, twice. Returns the result and what was left out.
    fn fitted(change: impl FnOnce(&mut Endpoint, &mut AppEvent)) -> (Delivery, String) {
        let batch = sample::request(&[("e", &["a"])]).endpoints.remove(0);
        let (endpoint_id, event) = (batch.endpoint_id, Arc::clone(&batch.events[0]));
        let mut delivery = Delivery { origin: None, endpoint_id, endpoint: batch.endpoint, event };
        change(Arc::make_mut(&mut delivery.endpoint), Arc::make_mut(&mut delivery.event));
        let mut counts = FieldCounts::default();
        let delivery = fit(&RecordConfig::default(), delivery, &mut counts).delivery;
        assert!(counts.shortened.is_empty());
        let left_out: Vec<_> =
            counts.left_out.iter().map(|(field, count)| format!("{field}: {count}")).collect();
        let mut again = FieldCounts::default();
        let delivery = fit(&RecordConfig::default(), delivery, &mut again).delivery;
        assert_eq!(again, FieldCounts::default(), "fitting is idempotent");
        (delivery, left_out.join(", "))
    }

    #[test]
    fn metrics_are_finite() {
        let (delivery, left_out) = fitted(|_, event| {
            event.metrics = vec![
                ("a".into(), f64::NAN),
                ("b".into(), 1.5),
                ("c".into(), f64::INFINITY),
                ("d".into(), -0.0),
            ];
        });
        assert_eq!(delivery.event.metrics, [("b".into(), 1.5), ("d".into(), 0.0)]);
        assert_eq!(left_out, "Event.Metrics: 2");
    }

    #[track_caller]
    fn check_coordinates(latitude: Option<f64>, longitude: Option<f64>, left_out: &str) {
        let place = |city: Option<&str>| Location {
            city: city.map(Into::into),
            latitude,
            longitude,
            ..Location::default()
        };
        let (delivery, counted) =
            fitted(|endpoint, _| endpoint.location = Some(Box::new(place(Some("Berlin")))));
        let location = delivery.endpoint.location.as_deref().unwrap();
        assert_eq!((location.city.as_deref(), counted.as_str()), (Some("Berlin"), left_out));
        assert_eq!(location.latitude.is_some(), left_out.is_empty() && latitude.is_some());
        let (delivery, _) = fitted(|endpoint, _| endpoint.location = Some(Box::new(place(None))));
        assert_eq!(delivery.endpoint.location.is_some(), left_out.is_empty());
    }

    #[test]
    fn coordinates_come_as_a_pair_and_in_range() {
        check_coordinates(Some(-90.0), Some(180.0), "");
        for (latitude, longitude) in [
            (Some(123.0), Some(1.0)),
            (Some(1.0), Some(-180.5)),
            (Some(f64::NAN), Some(1.0)),
            (Some(1.0), None),
            (None, Some(1.0)),
        ] {
            check_coordinates(latitude, longitude, "Endpoint.Location.Latitude: 1");
        }
    }
}
