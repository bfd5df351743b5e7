//! What a configuration adds to one identity event, each key by itself and all of them against everything.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::core::map::config::{endpoint::Channel, value::Constant};

const SAFARI: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 \
                      (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1";

#[expect(clippy::unnecessary_wraps, reason = "most fields may be absent")]
fn some(text: &str) -> Option<Cow<'static, str>> {
    Some(text.to_owned().into())
}

/// An event that says all that one can, each text with `mark` in it.
fn full(mark: &str) -> IdentityEvent<'static> {
    let text = |name: &str| some(&format!("{mark}{name}"));
    let said = |name: &str, value: &str| (Cow::Owned(name.to_owned()), vec![Cow::Owned(value.to_owned())]);
    IdentityEvent {
        id: some("e"),
        realm: some("r"),
        realm_name: text("shop"),
        user: some("u"),
        user_name: text("anna"),
        session: some("s"),
        client: some("web"),
        ip: text("198.51.100.7"),
        user_agent: some(&format!("{SAFARI} {mark}")),
        device: Some(Box::new(Device {
            id: text("device"),
            make: text("make"),
            model: text("model"),
            platform: text("platform"),
            platform_version: text("platform version"),
            browser: text("browser"),
            app_version: text("app version"),
            locale: text("locale"),
            timezone: text("timezone"),
        })),
        place: Some(Box::new(Place {
            city: text("Los Angeles"),
            country: some("us"),
            region: text("California"),
            postal_code: text("90012"),
            latitude: Some(34.0544),
            longitude: Some(-118.2441),
        })),
        person: vec![
            said("email", &format!("{mark}customer@example.com")),
            said("phone_number", "+1 206 555 0142"),
            said("given_name", &format!("{mark}John")),
            (Cow::Borrowed("groups"), vec![some("a").unwrap(), some("b").unwrap()]),
            said("opt_out", "True"),
        ],
        attributes: vec![
            (Cow::Borrowed("score"), some("0.5").unwrap()),
            (Cow::Borrowed("note"), text("note").unwrap()),
        ],
        ..IdentityEvent::new(Kind::SignIn, "keycloak")
    }
}

fn of(text: &str) -> Value {
    match text.strip_prefix('=') {
        Some(constant) => Value::Constant(Constant { value: constant.to_owned() }),
        None => Value::Field(text.parse().unwrap()),
    }
}

fn mapping(entries: &[(&str, &str)]) -> BTreeMap<String, Value> {
    entries.iter().map(|(key, value)| ((*key).to_owned(), of(value))).collect()
}

fn additions(endpoint: EndpointConfig, event: EventConfig) -> Additions {
    let place = Place { city: some("Springfield"), ..Place::default() };
    Additions::new(endpoint, event, Box::new(move |ip| (ip == "198.51.100.7").then(|| place.clone())))
}

fn endpoint_of(config: EndpointConfig, event: &IdentityEvent<'_>) -> Endpoint {
    additions(config, EventConfig::default()).endpoint(event, &Whose::User("u"))
}

fn bare() -> Endpoint {
    Endpoint { user_id: Some("u".into()), ..Endpoint::default() }
}

#[test]
fn without_a_key_only_the_users_id_is_said() {
    assert!(endpoint_of(EndpointConfig::default(), &full("")) == bare());
    let common = Additions::default().common(&full(""));
    assert!(common.attributes.is_empty() && common.metrics.is_empty() && common.app.is_none());
}

#[track_caller]
fn check_address(from: &str, channel: Channel, expected: Option<(&str, &str)>) {
    let address = Some(AddressConfig { from: from.parse().unwrap(), channel });
    let endpoint = endpoint_of(EndpointConfig { address, ..EndpointConfig::default() }, &full(""));
    let found = endpoint.address.as_deref().zip(endpoint.channel_type.as_deref());
    assert_eq!(found, expected);
    assert_eq!(endpoint.address.is_some(), endpoint.channel_type.is_some());
}

#[test]
fn an_address_comes_with_its_channel_or_not_at_all() {
    check_address("person.email", Channel::Email, Some(("customer@example.com", "EMAIL")));
    check_address("person.phone_number", Channel::Sms, Some(("+12065550142", "SMS")));
    check_address("person.phone_number", Channel::Voice, Some(("+12065550142", "VOICE")));
    check_address("person.phone_number", Channel::Email, None);
    check_address("person.email", Channel::Sms, None);
    check_address("person.other", Channel::Email, None);
}

#[test]
fn attributes_are_filled_from_fields_and_constants() {
    let config = EndpointConfig {
        user_attributes: mapping(&[
            ("FirstName", "person.given_name"),
            ("Plan", "=gold"),
            ("None", "person.x"),
        ]),
        attributes: mapping(&[("Groups", "person.groups"), ("Empty", "="), ("Latitude", "place.latitude")]),
        ..EndpointConfig::default()
    };
    let endpoint = endpoint_of(config, &full(""));
    let shown = |attributes: &BTreeMap<Box<str>, Vec<Box<str>>>| format!("{attributes:?}");
    assert_eq!(shown(&endpoint.user_attributes), r#"{"FirstName": ["John"], "Plan": ["gold"]}"#);
    assert_eq!(shown(&endpoint.attributes), r#"{"Groups": ["a", "b"], "Latitude": ["34.0544"]}"#);
}

#[track_caller]
fn check_opt_out(all: &[&str], none: &[&str], from: &str, expected: Option<&str>) {
    let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let opt_out = Some(OptOutConfig { from: from.parse().unwrap(), all: list(all), none: list(none) });
    let endpoint = endpoint_of(EndpointConfig { opt_out, ..EndpointConfig::default() }, &full(""));
    assert_eq!(endpoint.opt_out.as_deref(), expected);
}

#[test]
fn an_opt_out_is_said_only_where_a_field_states_it() {
    check_opt_out(&["true"], &["false"], "person.opt_out", Some("ALL"));
    check_opt_out(&["false"], &["TRUE"], "person.opt_out", Some("NONE"));
    check_opt_out(&["yes"], &["no"], "person.opt_out", None);
    check_opt_out(&["true"], &["false"], "person.missing", None);
    check_opt_out(&["b"], &["a"], "person.groups", Some("ALL"));
}

fn demographic_of(config: DemographicConfig, event: &IdentityEvent<'_>) -> [String; 8] {
    let demographic = Some(config);
    let endpoint = endpoint_of(EndpointConfig { demographic, ..EndpointConfig::default() }, event);
    let about = endpoint.demographic.map(|about| *about).unwrap_or_default();
    let parts = [
        about.app_version,
        about.locale,
        about.make,
        about.model,
        about.model_version,
        about.platform,
        about.platform_version,
        about.timezone,
    ];
    parts.map(|part| part.unwrap_or_default().into())
}

#[test]
fn a_device_is_described_by_keys_then_by_the_first_that_knows() {
    use DeviceSource::{Event, UserAgent};
    let asked =
        |from: &[DeviceSource]| DemographicConfig { from: from.to_vec(), ..DemographicConfig::default() };
    let device = ["app version", "locale", "make", "model", "", "platform", "platform version", "timezone"];
    let agent = ["", "", "Apple", "Safari", "17.5", "iOS", "17.5", ""];
    assert_eq!(demographic_of(asked(&[Event]), &full("")), device);
    assert_eq!(demographic_of(asked(&[UserAgent]), &full("")), agent);
    let mut both = device;
    both[4] = "17.5";
    assert_eq!(demographic_of(asked(&[Event, UserAgent]), &full("")), both);
    let own = DemographicConfig {
        app_version: Some(of("=1.0")),
        locale: Some(of("person.locale")),
        timezone: Some(of("client")),
        ..asked(&[UserAgent])
    };
    assert_eq!(demographic_of(own, &full("")), ["1.0", "", "Apple", "Safari", "17.5", "iOS", "17.5", "web"]);
    let browser = Box::new(Device { browser: some("a browser"), ..Device::default() });
    let event = IdentityEvent { device: Some(browser), ..full("") };
    assert_eq!(demographic_of(asked(&[Event]), &event)[3], "a browser");
    assert_eq!(demographic_of(asked(&[]), &full("")), [""; 8]);
}

#[track_caller]
fn check_city(from: &[PlaceSource], event: &IdentityEvent<'_>, expected: &str) {
    let location = Some(LocationConfig { from: from.to_vec(), database: Some("x".to_owned()) });
    let endpoint = endpoint_of(EndpointConfig { location, ..EndpointConfig::default() }, event);
    let city = endpoint.location.and_then(|location| location.city).unwrap_or_default();
    assert_eq!(&*city, expected);
}

#[test]
fn a_place_is_that_of_the_first_that_knows_one() {
    use PlaceSource::{Event, Ip};
    check_city(&[Event, Ip], &full(""), "Los Angeles");
    check_city(&[Ip, Event], &full(""), "Springfield");
    check_city(&[Ip], &IdentityEvent { ip: None, ..full("") }, "");
    check_city(&[Event, Ip], &IdentityEvent { place: None, ..full("") }, "Springfield");
    let nowhere = Place {
        country: some("Atlantis"),
        latitude: Some(123.0),
        longitude: Some(123.0),
        ..Place::default()
    };
    let event = IdentityEvent { place: Some(Box::new(nowhere)), ..full("") };
    check_city(&[Event, Ip], &event, "Springfield");
    check_city(&[Event], &event, "");
}

#[test]
fn events_carry_attributes_metrics_and_the_application() {
    let config = EventConfig {
        attributes: mapping(&[
            ("tenant", "realm_name"),
            ("Source", "=keycloak"),
            ("groups", "person.groups"),
        ]),
        metrics: [
            ("score".to_owned(), "attributes.score".parse().unwrap()),
            ("note".to_owned(), "attributes.note".parse().unwrap()),
        ]
        .into(),
        app: crate::core::map::config::event::AppConfig {
            title: Some(of("=Shop")),
            version_code: Some(of("device.app_version")),
            package_name: Some(of("person.missing")),
        },
    };
    let mut additions = additions(EndpointConfig::default(), config);
    let common = additions.common(&full(""));
    let attributes: Vec<_> = common.attributes.iter().map(|(key, value)| (&**key, &**value)).collect();
    assert_eq!(attributes, [("Source", "keycloak"), ("groups", "a,b"), ("tenant", "shop")]);
    assert_eq!(common.metrics, [("score".into(), 0.5)]);
    let app = common.app.unwrap();
    assert_eq!(app.title.as_deref(), Some("Shop"));
    assert_eq!(app.version_code.as_deref(), Some("app version"));
    assert_eq!(app.package_name, None);
    let left_out: Vec<_> = additions.limits.left_out().filter(|(_, count)| *count > 0).collect();
    assert_eq!(left_out, [("Event.Metrics", 1)]);
}

/// All that can be asked for.
fn everything() -> (EndpointConfig, EventConfig) {
    let fields = ["user_name", "person.email", "person.given_name", "attributes.note", "ip", "user_agent"];
    let entries: Vec<_> = fields.iter().map(|field| (*field, *field)).collect();
    let endpoint = EndpointConfig {
        address: Some(AddressConfig { from: "person.email".parse().unwrap(), channel: Channel::Email }),
        user_attributes: mapping(&entries),
        attributes: mapping(&entries),
        demographic: Some(DemographicConfig {
            from: vec![DeviceSource::Event, DeviceSource::UserAgent],
            ..DemographicConfig::default()
        }),
        location: Some(LocationConfig::default()),
        ..EndpointConfig::default()
    };
    (endpoint, EventConfig { attributes: mapping(&entries), ..EventConfig::default() })
}

#[test]
fn of_an_endpoint_that_is_not_surely_the_persons_nothing_is_said() {
    let (endpoint, event) = everything();
    let mut additions = additions(endpoint, event);
    assert!(additions.endpoint(&full(""), &Whose::User("u")) != bare());
    assert!(additions.endpoint(&full(""), &Whose::Failed("anna")) == Endpoint::default());
    let failed = IdentityEvent { kind: Kind::SignInFailed, ..full("") };
    assert!(additions.endpoint(&failed, &Whose::User("u")) == bare());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_said_keeps_the_limits(mark in "\\PC{0,300}|[\"\\\\\\x00-\\x1f]{0,30000}") {
        let (config, event) = everything();
        let mut additions = additions(config, event);
        let endpoint = additions.endpoint(&full(&mark), &Whose::User("u"));
        prop_assert!(endpoint.size() <= Endpoint::LARGEST);
        let fits = |text: &str, most: usize| !text.is_empty() && text.chars().count() <= most;
        for values in endpoint.attributes.values().chain(endpoint.user_attributes.values()) {
            prop_assert!(!values.is_empty() && values.iter().all(|value| fits(value, 100)));
        }
        if let Some(about) = &endpoint.demographic {
            for text in [&about.app_version, &about.make, &about.model_version, &about.platform] {
                prop_assert!(text.as_ref().is_none_or(|text| fits(text, 50)));
            }
        }
        for (_, value) in additions.common(&full(&mark)).attributes {
            prop_assert!(fits(&value, 200));
        }
    }
}
