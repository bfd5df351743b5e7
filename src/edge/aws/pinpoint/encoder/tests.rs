//! Tests of what `PutEvents` accepts: both sides of each limit, and the mapping and the encoder together.

use std::sync::Arc;

use proptest::prelude::*;
use smallvec::smallvec;

use super::*;
use crate::core::{
    destination::sample,
    event::{AppEvent, Demographic, Endpoint, Location, Mapped, Session, Text},
    map::{
        config::event::{LONGEST_KEY, MOST_KEYS},
        endpoint::tests::stated,
        tests::{event as record_of, line, mapper, record},
    },
    record::Record,
    time::{Moment, Timestamp},
};

mod fuzz;
mod hostile;
mod merge;
mod privacy;
mod requests;
mod sdk;

/// An event without attributes, on an endpoint without any fields.
fn delivery() -> Delivery {
    let batch = sample::request(&[("e", &["a"])]).endpoints.remove(0);
    Delivery {
        origin: None,
        endpoint_id: batch.endpoint_id,
        endpoint: batch.endpoint,
        event: Arc::clone(&batch.events[0]),
    }
}

/// Changes a delivery and fits it. Returns the result and the counts.
#[track_caller]
fn fit(change: impl FnOnce(&mut Endpoint, &mut AppEvent)) -> (Endpoint, AppEvent, String) {
    let mut delivery = delivery();
    change(Arc::make_mut(&mut delivery.endpoint), Arc::make_mut(&mut delivery.event));
    let mut counts = FieldCounts::new(PutEvents.fields());
    let first = PutEvents.fit(delivery, &mut counts).unwrap();
    let again = PutEvents.fit(first.delivery.clone(), &mut FieldCounts::default()).unwrap();
    assert!(
        again.delivery.endpoint == first.delivery.endpoint && again.delivery.event == first.delivery.event
    );
    assert!(again.bytes <= first.bytes);
    let Delivery { endpoint, event, .. } = first.delivery;
    (Endpoint::clone(&endpoint), AppEvent::clone(&event), counted(&counts))
}

/// The counts, as `field: shortened/left out`.
fn counted(counts: &FieldCounts) -> String {
    assert!(counts.shortened.keys().eq(counts.left_out.keys()), "all fields are listed from the start");
    let both = counts.shortened.iter().zip(counts.left_out.values());
    let counts = both.filter(|((_, cut), out)| *cut + *out > 0);
    counts.map(|((field, cut), out)| format!("{field}: {cut}/{out}")).collect::<Vec<_>>().join(", ")
}

#[track_caller]
fn check_text(
    name: &str,
    longest: usize,
    place: for<'p> fn(&'p mut Endpoint, &'p mut AppEvent) -> &'p mut Text,
) {
    let fitting = "ü".repeat(longest);
    for (text, counts) in [(fitting.clone(), String::new()), (format!("{fitting}ü"), format!("{name}: 1/0"))]
    {
        let (mut endpoint, mut event, counted) =
            fit(|endpoint, event| *place(endpoint, event) = Some(text.into()));
        assert_eq!(place(&mut endpoint, &mut event).as_deref(), Some(&*fitting));
        assert_eq!(counted, counts);
    }
}

fn device(endpoint: &mut Endpoint) -> &mut Demographic {
    endpoint.demographic.get_or_insert_default()
}

fn place(endpoint: &mut Endpoint) -> &mut Location {
    endpoint.location.get_or_insert_default()
}

#[test]
fn texts_are_cut_between_characters() {
    check_text("Endpoint.Demographic.AppVersion", 50, |endpoint, _| &mut device(endpoint).app_version);
    check_text("Endpoint.Demographic.Locale", 100, |endpoint, _| &mut device(endpoint).locale);
    check_text("Endpoint.Demographic.Make", 50, |endpoint, _| &mut device(endpoint).make);
    check_text("Endpoint.Demographic.Model", 100, |endpoint, _| &mut device(endpoint).model);
    check_text("Endpoint.Demographic.ModelVersion", 50, |endpoint, _| &mut device(endpoint).model_version);
    check_text("Endpoint.Demographic.Platform", 50, |endpoint, _| &mut device(endpoint).platform);
    check_text("Endpoint.Demographic.PlatformVersion", 50, |endpoint, _| {
        &mut device(endpoint).platform_version
    });
    check_text("Endpoint.Demographic.Timezone", 100, |endpoint, _| &mut device(endpoint).timezone);
    check_text("Endpoint.Location.City", 75, |endpoint, _| &mut place(endpoint).city);
    check_text("Endpoint.Location.PostalCode", 100, |endpoint, _| &mut place(endpoint).postal_code);
    check_text("Endpoint.Location.Region", 75, |endpoint, _| &mut place(endpoint).region);
    check_text("Event.App", 100, |_, event| &mut Arc::make_mut(event.app.get_or_insert_default()).title);
    check_text("Event.App", 100, |_, event| {
        &mut Arc::make_mut(event.app.get_or_insert_default()).version_code
    });
}

#[test]
fn values_of_attributes_are_cut_between_characters() {
    let long = |characters: usize| "ü".repeat(characters);
    for (characters, cut, counts) in [(100, 100, ""), (101, 100, ": 1/0")] {
        let values = || [("k".into(), vec![long(characters).into()])].into();
        let expected = || [("k".into(), vec![long(cut).into()])].into();
        let name = |name: &str| if counts.is_empty() { String::new() } else { format!("{name}{counts}") };
        let (endpoint, _, counted) = fit(|endpoint, _| endpoint.attributes = values());
        assert_eq!(endpoint.attributes, expected());
        assert_eq!(counted, name("Endpoint.Attributes"));
        let (endpoint, _, counted) = fit(|endpoint, _| endpoint.user_attributes = values());
        assert_eq!(endpoint.user_attributes, expected());
        assert_eq!(counted, name("Endpoint.User.UserAttributes"));
    }
    for (characters, counts) in [(200, ""), (201, "Event.Attributes: 1/0")] {
        let (_, event, counted) =
            fit(|_, event| event.attributes = smallvec![("k".into(), long(characters).into())]);
        assert_eq!(&*event.attributes[0].1, long(200));
        assert_eq!(counted, counts);
    }
}

#[test]
fn an_attribute_has_fifty_values() {
    let values = |count| [("k".into(), vec!["v".into(); count])].into();
    let (endpoint, _, counted) = fit(|endpoint, _| endpoint.attributes = values(52));
    assert_eq!(endpoint.attributes, values(50));
    assert_eq!(counted, "Endpoint.Attributes: 0/2");
    assert_eq!(fit(|endpoint, _| endpoint.user_attributes = values(50)).2, "");
}

#[test]
fn an_event_has_forty_attributes_and_metrics() {
    let filled = |attributes: usize, metrics: usize| {
        fit(|_, event| {
            event.attributes = (0..attributes).map(|key| (format!("a{key}").into(), "v".into())).collect();
            event.metrics = (0..metrics).map(|key| (format!("m{key}").into(), 1.0)).collect();
        })
    };
    assert_eq!(filled(38, 2).2, "");
    let (_, event, counted) = filled(39, 3);
    assert_eq!((event.attributes.len(), event.metrics.len()), (39, 1));
    assert_eq!(counted, "Event.Metrics: 0/2");
    assert_eq!(filled(41, 0).2, "Event.Attributes: 0/1");
}

#[test]
fn the_configuration_keeps_to_the_limits_of_names() {
    assert_eq!((limits::KEYS, limits::LONGEST_KEY), (MOST_KEYS, LONGEST_KEY));
}

#[test]
fn a_key_has_fifty_characters() {
    let key = |length| "ü".repeat(length);
    let filled = |length: usize| {
        fit(|endpoint, event| {
            endpoint.attributes = [(key(length).into(), vec!["a".into(), "b".into()])].into();
            event.attributes = smallvec![(key(length).into(), "v".into())];
            event.metrics = vec![(key(length).into(), 1.0)];
        })
    };
    assert_eq!(filled(50).2, "");
    let (endpoint, event, counted) = filled(51);
    assert!(endpoint.attributes.is_empty() && event.attributes.is_empty() && event.metrics.is_empty());
    assert_eq!(counted, "Endpoint.Attributes: 0/2, Event.Attributes: 0/1, Event.Metrics: 0/1");
}

#[test]
fn a_country_is_a_code() {
    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let (mut endpoint, _, counted) = fit(|endpoint, _| place(endpoint).country = Some(text.into()));
        assert_eq!(endpoint.location.is_some(), expected.is_some(), "an empty location is left out");
        assert_eq!(place(&mut endpoint).country.as_deref(), expected);
        assert_eq!(counted, if expected.is_none() { "Endpoint.Location.Country: 0/1" } else { "" });
    }
    check("US", Some("US"));
    check("DEU", Some("DEU"));
    for name in ["United States", "U", "", "U1", "ÖS", "DEUT"] {
        check(name, None);
    }
}

#[test]
fn coordinates_are_a_pair_on_earth() {
    #[track_caller]
    fn check(latitude: Option<f64>, longitude: Option<f64>, passes: bool, counts: &str) {
        let (mut endpoint, _, counted) = fit(|endpoint, _| {
            (place(endpoint).latitude, place(endpoint).longitude) = (latitude, longitude);
            place(endpoint).city = Some("c".into());
        });
        let place = place(&mut endpoint);
        assert_eq!((place.latitude.is_some(), place.longitude.is_some()), (passes, passes));
        assert_eq!(counted, counts);
    }
    let out = "Endpoint.Location.Latitude: 0/1";
    check(Some(-90.0), Some(180.0), true, "");
    check(None, None, false, "");
    check(Some(1.0), None, false, out);
    check(None, Some(1.0), false, out);
    check(Some(123.0), Some(123.0), false, out);
    check(Some(1.0), Some(180.1), false, out);
    check(Some(f64::NAN), Some(1.0), false, out);
}

#[test]
fn a_metric_is_a_finite_number() {
    for (number, passes) in
        [(1.0, true), (-0.5, true), (1e300, true), (f64::NAN, false), (f64::INFINITY, false)]
    {
        let (_, event, counted) = fit(|_, event| event.metrics = vec![("m".into(), number)]);
        assert_eq!(event.metrics.len(), usize::from(passes));
        assert_eq!(counted, if passes { "" } else { "Event.Metrics: 0/1" });
    }
}

#[track_caller]
fn check_address(channel: &str, text: &str, expected: Option<&str>) {
    let (endpoint, _, counted) = fit(|endpoint, _| {
        endpoint.address = Some(text.into());
        endpoint.channel_type = Some(channel.into());
    });
    assert_eq!(endpoint.address.as_deref(), expected);
    assert_eq!(endpoint.channel_type.as_deref(), expected.map(|_| channel));
    assert_eq!(counted, if expected.is_none() { "Endpoint.Address: 0/1" } else { "" });
}

#[test]
fn an_email_address_is_plausible() {
    for address in
        ["customer@example.com", "a.b+c@sub.example.com", "jürgen@müller.example", "o'neill@example.org"]
    {
        check_address("EMAIL", address, Some(address));
    }
    let long = format!("{}@example.com", "a".repeat(65));
    let longer = format!("a@{}.com", "b.".repeat(126));
    for text in [
        "",
        "@",
        "customer",
        "customer@",
        "@example.com",
        "a@b",
        "a@b@example.com",
        "a b@example.com",
        "a@exam ple.com",
        "a@.com",
        "a@example.",
        "a@-example.com",
        "a,b@example.com",
        "<a@example.com>",
        "+491701234567",
        &long,
        &longer,
    ] {
        check_address("EMAIL", text, None);
    }
}

#[test]
fn a_telephone_number_is_in_e164() {
    for channel in ["SMS", "VOICE"] {
        check_address(channel, "+12065550142", Some("+12065550142"));
        check_address(channel, "+1 (206) 555-0142", Some("+12065550142"));
        check_address(channel, "+1/206.555.0142", Some("+12065550142"));
        check_address(channel, "+123456789012345", Some("+123456789012345"));
        check_address(channel, "+1234567", Some("+1234567"));
        for text in [
            "",
            "+",
            "12065550142",
            "0012065550142",
            "+0123456789",
            "+123456",
            "+1234567890123456",
            "+1206555014x",
            "+1 206 555 0142 ext 5",
            "customer@example.com",
            "++12065550142",
        ] {
            check_address(channel, text, None);
        }
    }
}

#[test]
fn an_address_without_a_channel_goes_out_as_it_is() {
    let (endpoint, ..) = fit(|endpoint, _| endpoint.address = Some("a token".into()));
    assert_eq!(endpoint.address.as_deref(), Some("a token"));
}

#[test]
fn an_endpoint_that_is_too_large_loses_its_last_attributes_first() {
    let value = || vec!["v".repeat(100).into(); 50];
    let attributes = |names: &[&str]| names.iter().map(|name| ((*name).into(), value())).collect();
    let (endpoint, _, counted) = fit(|endpoint, _| {
        endpoint.user_id = Some("u".into());
        endpoint.attributes = attributes(&["a", "b"]);
        endpoint.user_attributes = attributes(&["c", "d", "e"]);
    });
    assert!(body::endpoint_bytes(&endpoint) <= limits::ENDPOINT_BYTES);
    assert_eq!(endpoint.attributes.len(), 0);
    assert_eq!(endpoint.user_attributes.keys().map(|key| &**key).collect::<Vec<_>>(), ["c", "d"]);
    assert_eq!(counted, "Endpoint.Attributes: 0/2, Endpoint.User.UserAttributes: 0/1");
}

#[test]
fn an_event_that_fits_is_not_copied() {
    let mut delivery = delivery();
    Arc::make_mut(&mut delivery.event).attributes.push(("k".into(), "v".into()));
    let fitted = PutEvents.fit(delivery.clone(), &mut FieldCounts::default()).unwrap().delivery;
    assert!(Arc::ptr_eq(&fitted.event, &delivery.event) && Arc::ptr_eq(&fitted.endpoint, &delivery.endpoint));
}

#[test]
fn another_destinations_copy_is_not_cut() {
    let mut delivery = delivery();
    Arc::make_mut(&mut delivery.event).attributes.push(("k".into(), "v".repeat(201).into()));
    let fitted = PutEvents.fit(delivery.clone(), &mut FieldCounts::default()).unwrap().delivery;
    assert_eq!((delivery.event.attributes[0].1.len(), fitted.event.attributes[0].1.len()), (201, 200));
}

/// Maps a record with an empty mapper, fits the deliveries, and shows the result.
#[track_caller]
fn taken(record: &Record) -> String {
    let mapped = mapper().map(record, Moment::START).mapped;
    let Mapped::Deliver(deliveries) = mapped else { panic!("{}", line(&mapped)) };
    let fitted = deliveries
        .into_iter()
        .map(|delivery| PutEvents.fit(delivery, &mut FieldCounts::default()).map(|fitted| fitted.delivery));
    line(&fitted.collect::<Result<_, _>>().map_or_else(Mapped::Refused, Mapped::Deliver))
}

#[test]
fn a_user_id_that_no_endpoint_may_have_is_refused() {
    let with = |id: &str| taken(&record_of("e", 0, "LOGIN", &format!(r#""userId":"{id}""#)));
    for id in ["a$", "{a", "a}b", r"a\u0000", r"a\n", &"u".repeat(256), &"x".repeat(2_000_000)] {
        assert_eq!(with(id), "refused: user_id_not_allowed");
    }
    for id in ["a", "ü", "f:0b1e:anna smith", &"ü".repeat(255)] {
        assert_eq!(with(id), "_userauth.sign_in");
    }
}

#[test]
fn a_stop_goes_out_only_with_a_duration_that_the_wire_holds() {
    let ended = |duration| {
        let stop = Some((Timestamp(duration), duration));
        let (_, event, counted) = fit(|_, event| {
            event.session = Some(Session { id: "s".into(), start: Timestamp(0), stop });
        });
        assert_eq!(counted, "");
        event.session.unwrap().stop
    };
    assert_eq!(ended(2_147_483_647), Some((Timestamp(2_147_483_647), 2_147_483_647)));
    assert_eq!(ended(2_147_483_648), None);
}

#[test]
fn values_that_are_too_long_are_shortened() {
    let failed =
        |error: &str| taken(&record_of("e", 0, "LOGIN_ERROR", &format!(r#""userId":"u","error":"{error}""#)));
    assert_eq!(failed(&"ü".repeat(201)), format!("_userauth.auth_fail error={}", "ü".repeat(200)));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn any_event_keeps_the_limits(mark in "\\PC{0,300}|[\"\\\\\\x00-\\x1f]{0,30000}") {
        let (whole, attributes) = stated(&mark);
        let (endpoint, event, _) = fit(|endpoint, event| {
            *endpoint = whole;
            event.attributes = attributes.into();
        });
        prop_assert!(body::endpoint_bytes(&endpoint) <= limits::ENDPOINT_BYTES);
        let fits = |text: &str, most: usize| !text.is_empty() && text.chars().count() <= most;
        for values in endpoint.attributes.values().chain(endpoint.user_attributes.values()) {
            prop_assert!(!values.is_empty() && values.iter().all(|value| fits(value, 100)));
        }
        if let Some(about) = &endpoint.demographic {
            for text in [&about.app_version, &about.make, &about.model_version, &about.platform] {
                prop_assert!(text.as_ref().is_none_or(|text| fits(text, 50)));
            }
        }
        for (_, value) in event.attributes {
            prop_assert!(fits(&value, 200));
        }
    }
}
