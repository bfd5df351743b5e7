//! Sessions that replicas share through a table: mappers that read one log of entries, each at its own pace.

use std::collections::HashMap;

use proptest::{collection::vec, prelude::*};

use super::*;

/// Replicas, the table's log, and how far each has read it.
struct Group {
    replicas: Vec<(Mapper, usize)>,
    log: Vec<Entry>,
}

impl Group {
    fn new(replicas: usize) -> Self {
        let replica = |_| (mapper().sharing(), 0);
        Self { replicas: (0..replicas).map(replica).collect(), log: Vec::new() }
    }

    /// Lets a replica read a record; its entries are acknowledged at once.
    fn read(&mut self, replica: usize, record: &Record) -> String {
        let Mapping { mapped, entries } = self.replicas[replica].0.map(record, Moment::START);
        self.log.extend(entries);
        line(&mapped)
    }

    /// Lets a replica read the table to its end, and write what must be written again.
    fn follow(&mut self, replica: usize) {
        let (mapper, read) = &mut self.replicas[replica];
        while *read < self.log.len() {
            let again = mapper.learn(&self.log[*read], Moment::START);
            *read += 1;
            self.log.extend(again);
        }
        mapper.sessions.check_groups();
    }

    fn restart(&mut self, replica: usize) {
        self.replicas[replica] = (mapper().sharing(), 0);
        self.follow(replica);
    }

    /// Lets all replicas read the table until nothing more is written.
    fn settle(&mut self) {
        for _ in 0..4 {
            (0..self.replicas.len()).for_each(|replica| self.follow(replica));
        }
        let read_all = self.replicas.iter().all(|(_, read)| *read == self.log.len());
        assert!(read_all, "the replicas write to each other without end");
    }

    /// The newest value of each key.
    fn compacted(&self) -> HashMap<&str, &str> {
        self.log.iter().map(|entry| (&*entry.key, &*entry.value)).collect()
    }
}

#[test]
fn a_logout_on_another_replica_knows_the_start() {
    let mut group = Group::new(2);
    assert_eq!(group.read(0, &login("a", 0, "s")), "_userauth.sign_in + _session.start s 0");
    group.follow(1);
    assert_eq!(group.read(1, &login("b", 4, "s")), "_userauth.sign_in + _session.resume s 0");
    assert_eq!(group.read(1, &logout("c", 9, "s")), "_session.stop s 0..9000 = 9000 reason=logout");
    group.follow(0);
    assert_eq!(group.read(0, &logout("d", 9, "s")), "ignored: session_already_closed");
    assert_eq!(group.read(0, &logout("c", 9, "s")), "_session.stop s 0..9000 = 9000 reason=logout");
}

#[test]
fn a_restart_forgets_nothing() {
    let mut group = Group::new(1);
    group.read(0, &login("a", 0, "s"));
    group.restart(0);
    assert_eq!(group.read(0, &login("b", 4, "s")), "_userauth.sign_in + _session.resume s 0");
    assert_eq!(group.read(0, &login("a", 0, "s")), "_userauth.sign_in + _session.start s 0");
    assert_eq!(group.read(0, &logout("c", 9, "s")), "_session.stop s 0..9000 = 9000 reason=logout");
    group.restart(0);
    assert_eq!(group.read(0, &logout("c", 9, "s")), "_session.stop s 0..9000 = 9000 reason=logout");
}

#[test]
fn the_end_of_a_session_that_another_replica_opened_has_its_owner() {
    let mut group = Group::new(2);
    group.read(0, &login("a", 0, "s\\\"ü"));
    group.follow(1);
    let deleted = IdentityEvent {
        id: Some("x".into()),
        time: Some(Timestamp(T + 1000)),
        realm: Some("r".into()),
        session: Some("s\"ü".into()),
        ..IdentityEvent::new(Kind::SessionStopped, "keycloak")
    };
    let stop = group.replicas[1].0.deliveries(&deleted, "x".into(), &record(""), Moment::START);
    assert_eq!(stop.ok().unwrap()[0].endpoint.user_id.as_deref(), Some("u"));
}

#[test]
fn of_two_openings_the_earlier_one_stands_and_both_went_out() {
    let mut group = Group::new(3);
    assert_eq!(group.read(0, &login("a", 5, "s")), "_userauth.sign_in + _session.start s 5000");
    assert_eq!(group.read(1, &login("b", 3, "s")), "_userauth.sign_in + _session.start s 3000");
    group.settle();
    for replica in 0..3 {
        assert_eq!(group.read(replica, &login("b", 3, "s")), "_userauth.sign_in + _session.start s 3000");
        assert_eq!(group.read(replica, &login("c", 9, "s")), "_userauth.sign_in + _session.resume s 3000");
    }
    let replaced = |replica: usize| group.replicas[replica].0.counts().openings_replaced;
    assert_eq!([replaced(0), replaced(1), replaced(2)], [1, 0, 0]);
    group.restart(2);
    assert_eq!(group.read(2, &login("c", 9, "s")), "_userauth.sign_in + _session.resume s 3000");
}

#[test]
fn of_two_closings_the_earlier_one_stands() {
    let mut group = Group::new(2);
    group.read(0, &logout("a", 5, "s"));
    group.read(1, &logout("b", 3, "s"));
    group.settle();
    let unknown = "_session.stop reason=logout session_id=s session_start_unknown=true";
    for replica in 0..2 {
        assert_eq!(group.read(replica, &logout("a", 5, "s")), "ignored: session_already_closed");
        assert_eq!(group.read(replica, &logout("b", 3, "s")), unknown);
    }
    assert_eq!(group.replicas[0].0.counts().closings_replaced, 1);
}

#[test]
fn an_entry_is_written_again_until_it_was_seen_in_the_table() {
    let mut mapper = mapper().sharing();
    let mut written = |record: &Record| mapper.map(record, Moment::START).entries;
    let [entry] = written(&login("a", 0, "s")).try_into().ok().unwrap();
    assert!(written(&login("a", 0, "s")) == [entry.clone()], "its write may have been given up");
    assert!(written(&login("b", 1, "s")).is_empty());
    assert!(mapper.learn(&entry, Moment::START).is_none());
    assert!(mapper.map(&login("a", 0, "s"), Moment::START).entries.is_empty());
}

#[test]
fn the_entries_of_any_record_fit_into_the_table() {
    let session = "s".repeat(2_000_000);
    let mut mapper = mapper().sharing();
    let mut written = |record: &Record| mapper.map(record, Moment::START).entries;
    let entries = [written(&login("a", 0, &session)), written(&logout("b", 1, &session))].concat();
    assert_eq!(entries.len(), 2);
    assert!(entries.iter().all(|entry| entry.weight() < 1000));
    assert_eq!(mapper.counts().owners_left_out, 1);
    let mut fresh = super::mapper().sharing();
    for entry in &entries {
        assert!(fresh.learn(entry, Moment::START).is_none());
    }
    let stopped = map(&mut fresh, &logout("b", 1, &session));
    assert!(stopped.ends_with("0..1000 = 1000 reason=logout"), "its start is known all the same: {stopped}");
}

#[test]
fn the_opening_of_a_session_in_use_is_written_again_before_it_is_forgotten() {
    let mut group = Group::new(2);
    let tell = |group: &mut Group, hours: i64| {
        group
            .replicas
            .iter_mut()
            .for_each(|(mapper, _)| mapper.set_wall_clock(Timestamp(T + hours * 3_600_000)));
    };
    let refresh = event("r", 5, "REFRESH_TOKEN", r#""userId":"u","sessionId":"s""#);
    tell(&mut group, 0);
    group.read(0, &login("a", 0, "s"));
    group.settle();
    for (hours, written) in [(11, 1), (12, 2), (23, 2), (24, 3)] {
        tell(&mut group, hours);
        for replica in [1, 0] {
            group.read(replica, &refresh);
            group.settle();
        }
        assert_eq!(group.log.len(), written, "after {hours} hours");
    }
    assert!(group.log[1].key == group.log[0].key);
}

#[test]
fn without_a_table_nothing_is_written() {
    assert!(mapper().map(&login("a", 0, "s"), Moment::START).entries.is_empty());
}

#[test]
fn the_entries_of_the_table_are_a_contract() {
    let mut group = Group::new(1);
    group.read(0, &login("a", 0, "s"));
    group.read(0, &logout("b", 1, "s"));
    let lines: Vec<_> = group.log.iter().map(|entry| format!("{} {}", entry.key, entry.value)).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn entries_that_cannot_be_read_are_counted_and_change_nothing() {
    let mut mapper = mapper().sharing();
    let mut learn = |key: &str, value: &str| {
        assert!(mapper.learn(&Entry { key: key.into(), value: value.into() }, Moment::START).is_none());
    };
    let session = "00112233445566778899aabbccddeeff";
    let event = "ffeeddccbbaa99887766554433221100";
    learn("", "");
    learn("o:", "{}");
    learn(&format!("x:{session}"), "{}");
    learn(&format!("o:{session}"), "not json");
    learn(&format!("ü:{session}"), "{}");
    learn(&format!("o:{session}"), &format!(r#"{{"v":2,"t":1,"e":"{event}"}}"#));
    for time in [0, -1, i64::MIN, i64::MAX] {
        learn(&format!("o:{session}"), &format!(r#"{{"v":1,"t":{time},"e":"{event}"}}"#));
        learn(&format!("c:{session}"), &format!(r#"{{"v":1,"t":1,"e":"{event}","s":{time}}}"#));
        learn(&format!("u:{session}"), &format!(r#"{{"v":1,"t":{time}}}"#));
        learn(&format!("u:{session}"), &format!(r#"{{"v":1,"t":1,"p":[{time},"{event}"]}}"#));
    }
    assert_eq!(mapper.counts().entries_unreadable, 22);
    assert_eq!(mapper.counts().sessions, 0);
    learn2(&mut mapper, &format!("o:{session}"), &format!(r#"{{"v":1,"t":1,"e":"{event}","new":[1]}}"#));
    assert_eq!((mapper.counts().entries_unreadable, mapper.counts().sessions), (22, 1));
}

fn learn2(mapper: &mut Mapper, key: &str, value: &str) {
    mapper.learn(&Entry { key: key.into(), value: value.into() }, Moment::START);
}

/// A step in a group of three replicas.
#[derive(Clone, Debug)]
enum Step {
    Read(usize, prop::sample::Index),
    Follow(usize),
    Restart(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..3_usize, any::<prop::sample::Index>()).prop_map(|(replica, record)| Step::Read(replica, record)),
        2 => (0..3_usize).prop_map(Step::Follow),
        1 => (0..3_usize).prop_map(Step::Restart),
    ];
    vec(step, 1..60)
}

proptest! {
    #[test]
    fn invariant_11_replicas_agree_in_the_end_and_nothing_changes_afterwards(
        events in vec((prop::bool::ANY, 0..2_u8, 0..20_i64), 1..8),
        steps in steps(),
    ) {
        let record = |(number, (opens, session, seconds)): (usize, &(bool, u8, i64))| {
            let (id, session) = (format!("e{number}"), format!("s{session}"));
            if *opens { login(&id, *seconds, &session) } else { logout(&id, *seconds, &session) }
        };
        let records: Vec<_> = events.iter().enumerate().map(record).collect();
        let mut group = Group::new(3);
        for step in steps {
            match step {
                Step::Read(replica, which) => {
                    group.read(replica, &records[which.index(records.len())]);
                }
                Step::Follow(replica) => group.follow(replica),
                Step::Restart(replica) => group.restart(replica),
            }
        }
        group.settle();
        let table = group.log.len();
        let expected: Vec<_> = records.iter().map(|record| group.read(0, record)).collect();
        group.settle();
        for replica in 1..3 {
            for (record, expected) in records.iter().zip(&expected) {
                prop_assert_eq!(&group.read(replica, record), expected);
            }
        }
        // A replica that starts from the compacted table gives the same answers.
        let compacted: Vec<_> = group
            .compacted()
            .into_iter()
            .map(|(key, value)| Entry { key: key.into(), value: value.into() })
            .collect();
        let mut fresh = mapper().sharing();
        for entry in &compacted {
            prop_assert!(fresh.learn(entry, Moment::START).is_none());
        }
        for (record, expected) in records.iter().zip(&expected) {
            prop_assert_eq!(&line(&fresh.map(record, Moment::START).mapped), expected);
        }
        prop_assert!(group.log.len() - table <= 2 * records.len(), "what is known is not written again");
    }
}
