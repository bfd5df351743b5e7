//! Members join and leave the group while there is more to send than the quota allows.

use std::time::Duration;

use pinpoint_sidecar::{
    core::units::Span,
    tools::emulator::{Faults, Options, Quota},
};

use super::{
    load::Load,
    scene::{SOON, Scene},
};
use crate::support::{service::Service, wait::eventually};

/// Produces as much as is needed for members to have a backlog.
struct Feed<'a> {
    scene: &'a Scene,
    load: Load,
    produced: usize,
    /// The number of events that the produced records become.
    events: usize,
}

impl<'a> Feed<'a> {
    /// At least this many events wait: more than a second's worth.
    const BACKLOG: u64 = 300;

    /// Sets up a feed for a group of several members.
    ///
    /// The embedded coordinator refuses a follower's `SyncGroup` that arrives after the leader's (a real
    /// broker answers it), and the follower joins again while the others drain. A leader asks for metadata
    /// first; with a slow round trip it is the last.
    fn new(scene: &'a Scene) -> Self {
        scene.kafka.set_round_trip(Duration::from_millis(100));
        Self { scene, load: Load::generate(10_000, 0.0), produced: 0, events: 0 }
    }

    /// Keeps up the backlog until `done`.
    #[track_caller]
    fn until(&mut self, what: &str, done: impl Fn() -> bool) {
        eventually(SOON, what, || {
            let accepted = self.scene.putevents.control.counts().events_accepted;
            if (self.events as u64) < accepted + Self::BACKLOG {
                let next = (self.produced + 200).min(self.load.len());
                self.scene.produce(&self.load, self.produced..next);
                self.produced = next;
                self.events = self.load.first(next).event_ids().count();
            }
            done().then_some(())
        });
    }
}

#[test]
fn a_member_that_joins_and_leaves_under_load_makes_nothing_be_sent_twice() {
    // A hundred events a second, of which two and a half seconds' worth may be outstanding.
    let scene = Scene::start()
        .set("batch.max_events", "10")
        .set("quota", "{ requests_per_second: 10, in_flight: 4 }")
        .set("shutdown.deadline", "30s");
    scene.fault(Faults { latency: Some(Span(Duration::from_millis(50))), ..Faults::default() });
    let mut feed = Feed::new(&scene);
    let first = scene.setup.start();
    feed.until("the first delivers", || delivers(&first));

    let second = scene.setup.start();
    feed.until("each owns half", || half(&first) && half(&second));
    feed.until("both deliver", || delivers(&second));

    assert_eq!(first.metrics().count("records_released_total"), 0, "what it gave up was settled");
    // The whole backlog may belong to the second member, which read nothing until it owned its half.
    feed.until("it leaves under load", || first.metrics().count("records_outstanding") > 0);
    assert_eq!(first.stop(), Some(0));
    feed.until("the second owns everything", || owned(&second) == 4);
    scene.wait_committed();
    feed.load.first(feed.produced).assert_exact(&scene.arrived());
    second.metrics().assert_balanced();
    assert_eq!((scene.letters().len(), second.stop()), (0, Some(0)));
}

#[test]
fn the_quota_is_kept_by_members_that_come_and_go() {
    // The server counts a sliding second, and the members each know the same quota but not each other.
    let scene = Scene::with(Options { quota: Some(Quota::default()), ..Options::default() })
        .set("batch.max_events", "10")
        .set("shutdown.deadline", "30s");
    let mut feed = Feed::new(&scene);
    let first = scene.setup.start();
    feed.until("the first delivers", || delivers(&first));
    // A half and two quarters of fifteen are not whole numbers: rounded up, they would be one too many.
    let (second, third) = (scene.setup.start(), scene.setup.start());
    feed.until("each has its part", || [&first, &second, &third].into_iter().all(|it| owned(it) > 0));
    let before = scene.putevents.control.counts().requests;
    feed.until("all deliver", || delivers(&second) && delivers(&third));
    feed.until("many seconds are counted", || scene.putevents.control.counts().requests > before + 45);
    assert_eq!(first.stop(), Some(0));
    feed.until("the others share its part", || owned(&second) + owned(&third) == 4);
    let before = scene.putevents.control.counts().requests;
    feed.until("the others go on", || scene.putevents.control.counts().requests > before + 30);
    let counts = scene.putevents.control.counts();
    assert_eq!(counts.over_quota, 0, "{counts:?}");
    assert_eq!((second.metrics().count("throttled_total"), second.stop()), (0, Some(0)));
    // Unlike a real broker, the embedded coordinator accepts no commit before the last member has joined
    // again.
    eventually(SOON, "the last has it all", || (owned(&third) == 4).then_some(()));
    assert_eq!((third.metrics().count("throttled_total"), third.stop()), (0, Some(0)));
}

fn owned(member: &Service) -> u64 {
    member.metrics().count("partitions_owned")
}

/// Whether it owns half of the partitions, and with them half of the quota.
fn half(member: &Service) -> bool {
    let metrics = member.metrics();
    metrics.count("partitions_owned") == 2 && (metrics.value("quota_share") - 0.5).abs() < 1e-9
}

fn delivers(member: &Service) -> bool {
    member.metrics().count("events_accepted_total") > 0
}
