//! Counts the endpoints of each user.
//!
//! Only some kinds of endpoint count. The others have no limit here, because Pinpoint replaces the oldest of
//! them. An endpoint that moves to another user still counts for the first.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use crate::tools::emulator::services::pinpoint::wire::Endpoint;

/// A user may have 15 endpoints of the kinds that count.
const MAX: usize = 15;
const COUNTED_CHANNELS: [&str; 6] = ["EMAIL", "SMS", "VOICE", "PUSH", "CUSTOM", "IN_APP"];

/// The endpoints that count, by application and user.
#[derive(Default)]
pub(in crate::tools::emulator) struct UserEndpoints(HashMap<(Arc<str>, String), HashSet<String>>);

impl UserEndpoints {
    /// Whether an endpoint may belong to the user that it names. If so, it is remembered.
    pub(in crate::tools::emulator::services::pinpoint) fn admit(
        &mut self,
        application: &Arc<str>,
        id: &str,
        endpoint: &Endpoint<'_>,
    ) -> bool {
        let user_id = endpoint.user.as_ref().and_then(|user| user.user_id.as_deref());
        let (Some(user_id), Some(channel)) = (user_id, endpoint.channel_type.as_deref()) else { return true };
        if !COUNTED_CHANNELS.contains(&channel) {
            return true;
        }
        let endpoints = self.0.entry((application.clone(), user_id.to_owned())).or_default();
        let admitted = endpoints.len() < MAX || endpoints.contains(id);
        if admitted {
            endpoints.insert(id.to_owned());
        }
        admitted
    }

    pub(in crate::tools::emulator) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sixteenth_endpoint_is_one_too_many() {
        let mut users = UserEndpoints::default();
        let mut check = |application: &str, user: &str, id: &str, channel: &str, expected| {
            let endpoint = format!(r#"{{"ChannelType":"{channel}","User":{{"UserId":"{user}"}}}}"#);
            let endpoint = serde_json::from_str(&endpoint).unwrap();
            assert_eq!(users.admit(&application.into(), id, &endpoint), expected, "{user} {id} {channel}");
        };
        for id in 0..15 {
            check("a", "u", &id.to_string(), "EMAIL", true);
        }
        for channel in COUNTED_CHANNELS {
            check("a", "u", "15", channel, false);
        }
        check("a", "u", "0", "EMAIL", true);
        check("a", "u", "15", "GCM", true);
        check("a", "v", "15", "EMAIL", true);
        check("b", "u", "15", "EMAIL", true);
    }

    #[test]
    fn an_endpoint_without_user_or_kind_is_not_counted() {
        let mut users = UserEndpoints::default();
        for text in ["{}", r#"{"ChannelType":"EMAIL"}"#, r#"{"User":{"UserId":"u"}}"#] {
            let endpoint = serde_json::from_str(text).unwrap();
            assert!((0..20).all(|id| users.admit(&"a".into(), &id.to_string(), &endpoint)), "{text}");
        }
    }
}
