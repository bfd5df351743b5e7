//! The routes in words: which events go to which destinations.

use std::fmt::Write;

use crate::{
    config::Config,
    core::route::config::{RouteConfig, Unrouted},
};

/// The routes of `config` for people, in their order; `None` if everything goes to the only destination.
#[must_use]
pub fn routes(config: &Config) -> Option<String> {
    if config.routes.is_empty() {
        return None;
    }
    let mut text = "where events go, by the first matching route:\n".to_owned();
    for route in &config.routes {
        // Writing into a `String` does not fail.
        let _ = writeln!(text, "  {} -> {}", conditions(route), route.to.join(", "));
    }
    let rest = match config.unrouted {
        Some(Unrouted::Ignore) => "ignored",
        Some(Unrouted::DeadLetter) | None => "the dead letters",
    };
    let _ = writeln!(text, "  all others -> {rest}");
    Some(text)
}

fn conditions(route: &RouteConfig) -> String {
    let events: Vec<Box<str>> = route.event.iter().map(|event| event.name().into()).collect();
    let conditions = [
        ("realm", &*route.realm),
        ("provider", &*route.provider),
        ("client", &*route.client),
        ("topic", &*route.topic),
        ("event", &*events),
    ];
    let written = conditions.iter().filter(|(_, texts)| !texts.is_empty());
    let written: Vec<_> = written.map(|(field, texts)| format!("{field} {}", texts.join(" or "))).collect();
    if written.is_empty() { "everything".to_owned() } else { written.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_listed_in_their_order() {
        let mut config = Config::default();
        assert_eq!(routes(&config), None);
        let route = |json: &str| serde_json::from_str::<RouteConfig>(json).unwrap();
        config.routes = vec![
            route(r#"{ "realm": ["a", "b"], "provider": "okta", "to": ["shop", "lab"] }"#),
            route(r#"{ "event": "_session.start", "to": "lab" }"#),
            route(r#"{ "to": "shop" }"#),
        ];
        config.unrouted = Some(Unrouted::Ignore);
        assert_eq!(
            routes(&config).unwrap(),
            "where events go, by the first matching route:\n  realm a or b, provider okta -> shop, lab\n  event \
             _session.start -> lab\n  everything -> shop\n  all others -> ignored\n"
        );
    }
}
