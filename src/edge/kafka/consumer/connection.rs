//! What is wrong between this consumer and the brokers: one trouble of each kind, the first of which
//! is shown.
//!
//! Nothing here ends the service. librdkafka retries all of it, and what only a person can mend
//! (credentials, rights) may be mended while we wait.

use std::collections::BTreeMap;

use rdkafka::error::RDKafkaErrorCode as Error;

use crate::{
    core::{code::Code, source::SourceEvent},
    edge::kafka::codes,
};

/// What is affected, and so what shows that it is well again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Affected {
    /// No broker can be reached; an answered question shows the end of it.
    Brokers,
    /// The group does not let us in; an assignment shows the end of it.
    Group,
    /// A topic may not be read; a survey without complaints shows the end of it.
    Topics,
}

/// The troubles there are.
#[derive(Debug, Default)]
pub(super) struct Connection {
    troubles: BTreeMap<Affected, Code>,
    /// Why a broker could not be reached last: a better word than that none can be.
    cause: Option<Code>,
    told: Option<Code>,
}

impl Connection {
    /// Judges an error of librdkafka's; says whether it was about the connection.
    pub(super) fn judge(&mut self, error: Error) -> bool {
        let code = codes::named(error);
        match error {
            // One broker of several; librdkafka says so when it was the last one.
            Error::BrokerTransportFailure
            | Error::Resolve
            | Error::SSL
            | Error::Authentication
            | Error::SaslAuthenticationFailed
            | Error::UnsupportedSASLMechanism => self.cause = Some(code),
            Error::AllBrokersDown => self.trouble(Affected::Brokers, code),
            Error::GroupAuthorizationFailed
            | Error::GroupMaxSizeReached
            | Error::InconsistentGroupProtocol
            | Error::InvalidSessionTimeout
            | Error::PollExceeded => self.trouble(Affected::Group, code),
            Error::TopicAuthorizationFailed => self.trouble(Affected::Topics, code),
            _ => return false,
        }
        true
    }

    /// Notes a trouble.
    pub(super) fn trouble(&mut self, affected: Affected, code: Code) {
        let better = (affected == Affected::Brokers).then_some(self.cause).flatten();
        self.troubles.insert(affected, better.unwrap_or(code));
    }

    /// Notes that there is no such trouble.
    pub(super) fn well(&mut self, affected: Affected) {
        self.troubles.remove(&affected);
        if affected == Affected::Brokers {
            self.cause = None;
        }
    }

    /// Whether there is any trouble.
    pub(super) fn is_troubled(&self) -> bool {
        !self.troubles.is_empty()
    }

    /// What to tell, where that has changed.
    pub(super) fn news(&mut self) -> Option<SourceEvent> {
        let now = self.troubles.values().next().copied();
        let is_news = now != self.told;
        self.told = now;
        is_news.then_some(SourceEvent::Connection(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(connection: &mut Connection, expected: Option<&'static str>) {
        match connection.news() {
            Some(SourceEvent::Connection(told)) => assert_eq!(told, expected.map(Code)),
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn check_no_news(connection: &mut Connection) {
        assert!(connection.news().is_none());
    }

    #[test]
    fn the_loss_of_all_brokers_is_told_once_with_its_cause() {
        let mut connection = Connection::default();
        assert!(connection.judge(Error::Resolve));
        check_no_news(&mut connection);
        assert!(connection.judge(Error::AllBrokersDown));
        check(&mut connection, Some("resolve_failed"));
        connection.judge(Error::AllBrokersDown);
        check_no_news(&mut connection);
        connection.well(Affected::Brokers);
        check(&mut connection, None);
        connection.judge(Error::AllBrokersDown);
        check(&mut connection, Some("all_brokers_down"));
    }

    #[test]
    fn troubles_of_different_kinds_end_each_in_its_own_way() {
        let mut connection = Connection::default();
        connection.judge(Error::GroupAuthorizationFailed);
        connection.judge(Error::AllBrokersDown);
        check(&mut connection, Some("all_brokers_down"));
        connection.well(Affected::Topics);
        check_no_news(&mut connection);
        connection.well(Affected::Brokers);
        check(&mut connection, Some("group_authorization_failed"));
        assert!(connection.is_troubled());
        connection.well(Affected::Group);
        check(&mut connection, None);
    }

    #[test]
    fn an_error_of_a_record_is_no_trouble_of_the_connection() {
        let mut connection = Connection::default();
        assert!(!connection.judge(Error::BadMessage));
        assert!(!connection.judge(Error::AutoOffsetReset));
        check_no_news(&mut connection);
    }
}
