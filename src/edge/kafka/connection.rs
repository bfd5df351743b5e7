//! The trouble between a client and the brokers: at most one of each kind, of which the first is shown.
//!
//! No trouble ends the service. librdkafka retries everything, and what only a person can fix (credentials,
//! rights) may be fixed while the service waits.

use std::collections::BTreeMap;

use rdkafka::error::RDKafkaErrorCode as Error;

use super::codes;
use crate::core::code::Code;

/// What is affected, and so what shows that the trouble is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Affected {
    /// No broker can be reached, until one answers a question.
    Brokers,
    /// The group refuses this member, until it assigns partitions.
    Group,
    /// A topic is missing or may not be read, until its metadata says otherwise.
    Topics,
    /// A broker refuses to send records, until one is read.
    Fetches,
}

#[derive(Debug, Default)]
pub struct Connection {
    troubles: BTreeMap<Affected, Code>,
    /// Why a broker could not be reached last, which is more precise than that none can be reached.
    cause: Option<Code>,
    reported: Option<Code>,
}

impl Connection {
    /// Notes an error from librdkafka. Returns whether it was about the connection.
    pub fn note(&mut self, error: Error) -> bool {
        let code = codes::named(error);
        match error {
            Error::AllBrokersDown => self.trouble(Affected::Brokers, code),
            Error::GroupAuthorizationFailed
            | Error::GroupMaxSizeReached
            | Error::InconsistentGroupProtocol
            | Error::InvalidSessionTimeout
            | Error::PollExceeded => self.trouble(Affected::Group, code),
            Error::TopicAuthorizationFailed => self.trouble(Affected::Topics, code),
            // One broker of several: if it was the last one, `AllBrokersDown` follows.
            _ if codes::explains_unreachable(error).is_some() => self.cause = Some(code),
            _ => return false,
        }
        true
    }

    pub fn trouble(&mut self, affected: Affected, code: Code) {
        let cause = self.cause.filter(|_| affected == Affected::Brokers);
        self.troubles.insert(affected, cause.unwrap_or(code));
    }

    pub fn well(&mut self, affected: Affected) {
        self.troubles.remove(&affected);
        if affected == Affected::Brokers {
            self.cause = None;
        }
    }

    #[must_use]
    pub fn is_troubled(&self) -> bool {
        !self.troubles.is_empty()
    }

    #[must_use]
    pub fn affects(&self, affected: Affected) -> bool {
        self.troubles.contains_key(&affected)
    }

    /// The trouble to show now, or `Ok`; `None` if it has not changed since the last call.
    pub fn change(&mut self) -> Option<Result<(), Code>> {
        let shown = self.troubles.values().next().copied();
        let is_new = std::mem::replace(&mut self.reported, shown) != shown;
        is_new.then_some(shown.map_or(Ok(()), Err))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(connection: &mut Connection, expected: Option<&'static str>) {
        assert_eq!(connection.change(), Some(expected.map_or(Ok(()), |code| Err(Code(code)))));
    }

    #[track_caller]
    fn check_no_change(connection: &mut Connection) {
        assert!(connection.change().is_none());
    }

    #[test]
    fn the_loss_of_all_brokers_is_reported_once_with_its_cause() {
        let mut connection = Connection::default();
        assert!(connection.note(Error::Resolve));
        check_no_change(&mut connection);
        assert!(connection.note(Error::AllBrokersDown));
        check(&mut connection, Some("resolve_failed"));
        connection.note(Error::AllBrokersDown);
        check_no_change(&mut connection);
        connection.well(Affected::Brokers);
        check(&mut connection, None);
        connection.note(Error::AllBrokersDown);
        check(&mut connection, Some("all_brokers_down"));
    }

    #[test]
    fn each_kind_of_trouble_ends_in_its_own_way() {
        let mut connection = Connection::default();
        connection.note(Error::GroupAuthorizationFailed);
        connection.note(Error::AllBrokersDown);
        check(&mut connection, Some("all_brokers_down"));
        connection.well(Affected::Topics);
        check_no_change(&mut connection);
        connection.well(Affected::Brokers);
        check(&mut connection, Some("group_authorization_failed"));
        assert!(connection.is_troubled());
        connection.well(Affected::Group);
        check(&mut connection, None);
    }

    #[test]
    fn an_error_of_a_record_is_not_about_the_connection() {
        let mut connection = Connection::default();
        assert!(!connection.note(Error::BadMessage));
        assert!(!connection.note(Error::AutoOffsetReset));
        check_no_change(&mut connection);
    }
}
