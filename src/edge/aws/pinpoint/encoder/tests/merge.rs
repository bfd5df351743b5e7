//! Snapshots of endpoints: each field that a newer event states replaces the older value.

use super::*;

/// An endpoint with this many attributes of 100 characters, each named after `mark`.
fn stating(mark: &str, attributes: usize) -> Arc<Endpoint> {
    let attribute = |number| (format!("{mark}-{number}").into(), vec!["v".repeat(100).into()]);
    Arc::new(Endpoint { attributes: (0..attributes).map(attribute).collect(), ..Endpoint::default() })
}

#[test]
fn the_newest_statement_wins_field_by_field() {
    let device = |make: Option<&str>, model: Option<&str>| {
        let (make, model) = (make.map(Into::into), model.map(Into::into));
        Some(Box::new(Demographic { make, model, ..Demographic::default() }))
    };
    let city = |city: &str, latitude| {
        Some(Box::new(Location {
            city: Some(city.into()),
            latitude,
            longitude: latitude,
            ..Location::default()
        }))
    };
    let mut snapshot = Arc::new(Endpoint {
        user_id: Some("u".into()),
        opt_out: Some("ALL".into()),
        attributes: [("a".into(), vec!["1".into()]), ("b".into(), vec!["1".into()])].into(),
        demographic: device(Some("1"), Some("1")),
        location: city("1", Some(1.0)),
        ..Endpoint::default()
    });
    let newer = Arc::new(Endpoint {
        opt_out: Some("NONE".into()),
        attributes: [("b".into(), vec!["2".into()])].into(),
        demographic: device(None, Some("2")),
        location: city("2", None),
        ..Endpoint::default()
    });
    let bytes = endpoint::merge(&mut snapshot, &newer);
    let expected = Endpoint {
        user_id: Some("u".into()),
        opt_out: Some("NONE".into()),
        attributes: [("a".into(), vec!["1".into()]), ("b".into(), vec!["2".into()])].into(),
        demographic: device(Some("1"), Some("2")),
        location: city("2", None),
        ..Endpoint::default()
    };
    assert!(*snapshot == expected);
    assert_eq!(bytes, body::endpoint_bytes(&snapshot));
}

#[test]
fn a_snapshot_never_outgrows_the_limit_of_an_endpoint() {
    let mut snapshot = stating("a", 80);
    let bytes = endpoint::merge(&mut snapshot, &stating("b", 80));
    assert!(bytes <= limits::ENDPOINT_BYTES);
    assert_eq!(bytes, body::endpoint_bytes(&snapshot));
    assert!(snapshot.attributes.keys().all(|key| key.starts_with('b')), "the newest is kept");
}
