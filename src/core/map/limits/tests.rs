//! Each limit, on both of its sides.

use super::*;

/// What was counted, as `field: shortened/left out`.
fn counted(limits: &Limits) -> String {
    let both = limits.shortened().zip(limits.left_out());
    let counts = both.filter(|((_, cut), (_, out))| cut + out > 0);
    counts.map(|((field, cut), (_, out))| format!("{field}: {cut}/{out}")).collect::<Vec<_>>().join(", ")
}

#[track_caller]
fn check_text(field: Limited, longest: usize, name: &str) {
    let mut limits = Limits::default();
    let fitting = "ü".repeat(longest);
    assert_eq!(limits.text(field, &fitting), Some(&*fitting));
    assert_eq!(limits.text(field, ""), None);
    assert_eq!(counted(&limits), "");
    assert_eq!(limits.text(field, &"ü".repeat(longest + 1)), Some(&*fitting));
    assert_eq!(counted(&limits), format!("{name}: 1/0"));
}

#[test]
fn texts_are_cut_between_characters() {
    check_text(Limited::AppVersion, 50, "Endpoint.Demographic.AppVersion");
    check_text(Limited::Make, 50, "Endpoint.Demographic.Make");
    check_text(Limited::Model, 100, "Endpoint.Demographic.Model");
    check_text(Limited::ModelVersion, 50, "Endpoint.Demographic.ModelVersion");
    check_text(Limited::Platform, 50, "Endpoint.Demographic.Platform");
    check_text(Limited::PlatformVersion, 50, "Endpoint.Demographic.PlatformVersion");
    check_text(Limited::City, 75, "Endpoint.Location.City");
    check_text(Limited::Region, 75, "Endpoint.Location.Region");
    check_text(Limited::Attributes, 100, "Endpoint.Attributes");
    check_text(Limited::UserAttributes, 100, "Endpoint.User.UserAttributes");
    check_text(Limited::EventAttributes, 200, "Event.Attributes");
}

#[test]
fn fields_are_counted_each_in_its_place() {
    for (index, field) in Limited::ALL.into_iter().enumerate() {
        assert_eq!(field as usize, index);
    }
}

#[test]
fn an_attribute_has_fifty_values() {
    let mut limits = Limits::default();
    let values = vec!["v"; 52];
    assert_eq!(limits.values(Limited::Attributes, values.into_iter()).len(), 50);
    assert_eq!(limits.values(Limited::UserAttributes, ["", "a", ""].into_iter()), [Box::from("a")]);
    assert_eq!(counted(&limits), "Endpoint.Attributes: 0/2");
}

#[test]
fn a_country_is_a_code() {
    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let mut limits = Limits::default();
        assert_eq!(limits.country(text).as_deref(), expected);
        let counted = counted(&limits);
        assert_eq!(counted, if expected.is_none() { "Endpoint.Location.Country: 0/1" } else { "" });
    }
    check("US", Some("US"));
    check("us", Some("US"));
    check("Deu", Some("DEU"));
    for name in ["United States", "U", "", "U1", "ÖS", "DEUT"] {
        check(name, None);
    }
}

#[test]
fn coordinates_are_a_pair_on_earth() {
    #[track_caller]
    fn check(latitude: Option<f64>, longitude: Option<f64>, passes: bool, counts: &str) {
        let mut limits = Limits::default();
        assert_eq!(limits.coordinates(latitude, longitude).is_some(), passes);
        assert_eq!(counted(&limits), counts);
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
    let mut limits = Limits::default();
    for (text, expected) in [("1", Some(1.0)), (" -0.5 ", Some(-0.5)), ("1e300", Some(1e300))] {
        assert_eq!(limits.metric(text), expected);
    }
    assert_eq!(counted(&limits), "");
    for text in ["", "NaN", "inf", "1e999", "many", "1,5"] {
        assert_eq!(limits.metric(text), None, "{text}");
    }
    assert_eq!(counted(&limits), "Event.Metrics: 0/6");
}

#[track_caller]
fn check_address(channel: Channel, text: &str, expected: Option<&str>) {
    let mut limits = Limits::default();
    assert_eq!(limits.address(channel, text).as_deref(), expected);
    assert_eq!(counted(&limits), if expected.is_none() { "Endpoint.Address: 0/1" } else { "" });
}

#[test]
fn an_email_address_is_plausible() {
    for address in
        ["customer@example.com", "a.b+c@sub.example.com", "jürgen@müller.example", "o'neill@example.org"]
    {
        check_address(Channel::Email, address, Some(address));
    }
    check_address(Channel::Email, " customer@example.com\n", Some("customer@example.com"));
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
        check_address(Channel::Email, text, None);
    }
}

#[test]
fn a_telephone_number_is_in_e164() {
    for channel in [Channel::Sms, Channel::Voice] {
        check_address(channel, "+12065550142", Some("+12065550142"));
        check_address(channel, " +1 (206) 555-0142 ", Some("+12065550142"));
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
fn an_endpoint_that_is_too_large_loses_its_last_attributes_first() {
    let value = || vec!["v".repeat(100).into(); 50];
    let attributes = |names: &[&str]| names.iter().map(|name| ((*name).into(), value())).collect();
    let mut endpoint = Endpoint {
        user_id: Some("u".into()),
        attributes: attributes(&["a", "b"]),
        user_attributes: attributes(&["c", "d", "e"]),
        ..Endpoint::default()
    };
    let mut limits = Limits::default();
    limits.fit(&mut endpoint);
    assert!(endpoint.size() <= Endpoint::LARGEST);
    assert_eq!(endpoint.attributes.len(), 0);
    assert_eq!(endpoint.user_attributes.keys().map(|key| &**key).collect::<Vec<_>>(), ["c", "d"]);
    assert_eq!(counted(&limits), "Endpoint.Attributes: 0/2, Endpoint.User.UserAttributes: 0/1");
    let before = endpoint.clone();
    limits.fit(&mut endpoint);
    assert!(endpoint == before);
}
