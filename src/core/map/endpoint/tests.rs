//! The additions of a configuration to one identity event: each key by itself, and all keys together.

use std::collections::BTreeMap;

use super::*;
use crate::core::map::config::{
    endpoint::{Channel, UserIdForm},
    value::Constant,
};

const SAFARI: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 \
                      (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1";

#[expect(clippy::unnecessary_wraps, reason = "most fields may be absent")]
fn some(text: &str) -> Option<Cow<'static, str>> {
    Some(text.to_owned().into())
}

/// An event with all fields, each text with `mark` in it.
fn full(mark: &str) -> IdentityEvent<'static> {
    let text = |name: &str| some(&format!("{mark}{name}"));
    let detail = |name: &str, value: &str| (Cow::Owned(name.to_owned()), vec![Cow::Owned(value.to_owned())]);
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
        place: Some(Box::new(GeoLocation {
            city: text("Los Angeles"),
            country: some("us"),
            region: text("California"),
            postal_code: text("90012"),
            latitude: Some(34.0544),
            longitude: Some(-118.2441),
        })),
        person: vec![
            detail("email", &format!("{mark}customer@example.com")),
            detail("phone_number", "+1 206 555 0142"),
            detail("given_name", &format!("{mark}John")),
            (Cow::Borrowed("groups"), vec![some("a").unwrap(), some("b").unwrap()]),
            detail("opt_out", "True"),
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
    let place = GeoLocation { city: some("Springfield"), ..GeoLocation::default() };
    Additions::new(endpoint, event, Box::new(move |ip| (ip == "198.51.100.7").then(|| place.clone())))
}

fn endpoint_of(config: EndpointConfig, event: &IdentityEvent<'_>) -> Endpoint {
    additions(config, EventConfig::default()).endpoint(event, &EndpointOwner::User("u"))
}

fn bare() -> Endpoint {
    Endpoint { user_id: Some("u".into()), ..Endpoint::default() }
}

#[test]
fn without_a_key_only_the_users_id_is_stated() {
    assert!(endpoint_of(EndpointConfig::default(), &full("")) == bare());
    let common = Additions::default().common(&full(""));
    assert!(common.attributes.is_empty() && common.metrics.is_empty() && common.app.is_none());
}

#[test]
fn a_users_id_is_stated_as_a_hash_where_the_configuration_says_so() {
    let config = EndpointConfig { user_id: UserIdForm::Hash, ..EndpointConfig::default() };
    let additions = additions(config, EventConfig::default());
    let of = |user: &str| {
        let event = IdentityEvent { kind: Kind::SignInFailed, ..full("") };
        additions.endpoint(&event, &EndpointOwner::User(user)).user_id.unwrap()
    };
    let hash = of("f:component:anna@example.com");
    assert!(hash.len() == 32 && hash.bytes().all(|digit| digit.is_ascii_hexdigit()), "{hash}");
    assert_ne!(of("HOST01$"), hash);
    assert!(additions.endpoint(&full(""), &EndpointOwner::UnknownUser("anna")) == Endpoint::default());
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
    check_address("person.phone_number", Channel::Sms, Some(("+1 206 555 0142", "SMS")));
    check_address("person.phone_number", Channel::Voice, Some(("+1 206 555 0142", "VOICE")));
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
fn an_opt_out_is_stated_only_if_a_field_states_it() {
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
    let nowhere = GeoLocation {
        country: some("Atlantis"),
        latitude: Some(123.0),
        longitude: Some(123.0),
        ..GeoLocation::default()
    };
    let event = IdentityEvent { place: Some(Box::new(nowhere)), ..full("") };
    check_city(&[Event, Ip], &event, "Springfield");
    check_city(&[Event], &event, "");
}

#[test]
fn a_metric_is_read_as_a_number() {
    let metrics = [("m".to_owned(), "attributes.m".parse().unwrap())].into();
    let additions = additions(EndpointConfig::default(), EventConfig { metrics, ..EventConfig::default() });
    let read = |text: &'static str| {
        let attributes = vec![("m".into(), text.into())];
        additions.common(&IdentityEvent { attributes, ..full("") }).metrics[0].1
    };
    for (text, expected) in [("1", 1.0), (" -0.5 ", -0.5), ("1e300", 1e300), ("1e999", f64::INFINITY)] {
        assert_eq!(read(text).to_bits(), f64::to_bits(expected), "{text}");
    }
    for text in ["NaN", "many", "1,5"] {
        assert!(read(text).is_nan(), "{text}");
    }
}

#[test]
fn the_code_of_a_country_is_in_capitals_and_its_name_as_it_is() {
    for (country, expected) in [("us", "US"), ("Deu", "DEU"), ("United States", "United States")] {
        let place = GeoLocation { country: some(country), city: some("c"), ..GeoLocation::default() };
        let event = IdentityEvent { place: Some(Box::new(place)), ..full("") };
        let location = Some(LocationConfig { from: vec![PlaceSource::Event], database: None });
        let endpoint = endpoint_of(EndpointConfig { location, ..EndpointConfig::default() }, &event);
        assert_eq!(endpoint.location.unwrap().country.as_deref(), Some(expected));
    }
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
    let additions = additions(EndpointConfig::default(), config);
    let common = additions.common(&full(""));
    let attributes: Vec<_> = common.attributes.iter().map(|(key, value)| (&**key, &**value)).collect();
    assert_eq!(attributes, [("Source", "keycloak"), ("groups", "a,b"), ("tenant", "shop")]);
    let [(note, no_number), (score, number)] = &*common.metrics else { panic!("both are stated") };
    assert_eq!((&**note, &**score, *number), ("note", "score", 0.5));
    assert!(no_number.is_nan(), "a text that is not a number");
    let app = common.app.unwrap();
    assert_eq!(app.title.as_deref(), Some("Shop"));
    assert_eq!(app.version_code.as_deref(), Some("app version"));
    assert_eq!(app.package_name, None);
}

/// A configuration that adds every field that can be added.
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
fn nothing_is_stated_about_an_endpoint_that_may_not_be_the_persons() {
    let (endpoint, event) = everything();
    let additions = additions(endpoint, event);
    assert!(additions.endpoint(&full(""), &EndpointOwner::User("u")) != bare());
    assert!(additions.endpoint(&full(""), &EndpointOwner::UnknownUser("anna")) == Endpoint::default());
    let failed = IdentityEvent { kind: Kind::SignInFailed, ..full("") };
    assert!(additions.endpoint(&failed, &EndpointOwner::User("u")) == bare());
}

/// Everything that can be stated about an endpoint and an event, each text with `mark` in it.
pub(crate) fn stated(mark: &str) -> (Endpoint, Vec<Attribute>) {
    let (config, event) = everything();
    let additions = additions(config, event);
    let endpoint = additions.endpoint(&full(mark), &EndpointOwner::User("u"));
    (endpoint, additions.common(&full(mark)).attributes)
}

#[test]
fn values_are_stated_whole() {
    let mark = "m".repeat(20_000);
    let (endpoint, attributes) = stated(&mark);
    let whole = format!("{mark}anna");
    assert_eq!(&*endpoint.attributes["user_name"][0], whole);
    assert_eq!(&*endpoint.user_attributes["user_name"][0], whole);
    assert_eq!(attributes.iter().find(|(key, _)| key == "user_name").map(|(_, text)| &**text), Some(&*whole));
    assert_eq!(endpoint.location.unwrap().city.unwrap().len(), mark.len() + "Los Angeles".len());
}
