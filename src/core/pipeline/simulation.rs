//! A seeded simulation of the whole pipeline against a model of the world: a log for each partition, a group
//! that assigns, revokes and loses partitions, one to five destinations in up to three quota domains, a
//! broker with every kind of fault, and restarts at any step. If there are several destinations, one of them
//! may be ill until the world heals. In half of the schedules there is a session table with faults of its
//! own. No event may be sent before the entries of its record, and of all records read before it, are
//! acknowledged.
//!
//! In some schedules there are 20 to 40 tenants, each with a destination and a quota domain of its own, of which
//! four are ill in different ways. What they spill is brought back as `redrive` does it.
//!
//! After each step, the invariants are checked by name. At the end of each schedule, the world heals and
//! everything must settle. One seed determines a schedule. A failing schedule prints its seed:
//!
//! ```sh
//! SIMULATION_SEED=4711 cargo test --lib simulation
//! ```
//!
//! Invariant 9 (the poll loop) belongs to the source, and invariant 11 (ids and content) to the mapping. Both
//! are tested there.

use std::{num::NonZeroUsize, time::Duration};

mod world;

use world::World;

/// The number of schedules in a run. `SIMULATION_SCHEDULES` overrides it.
const SCHEDULES: u64 = 100_000;

/// One in so many schedules has tenants: it costs more than the others. The number is odd, so that all threads get
/// some of them.
const TENANTS: u64 = 499;

/// Prints the failing seed when a schedule panics.
struct Replay(u64);

impl Drop for Replay {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("replay with: SIMULATION_SEED={} cargo test --lib simulation", self.0);
        }
    }
}

/// Runs one schedule: a life with faults, then healing, then a drain.
fn run(seed: u64) {
    let _replay = Replay(seed);
    let mut world = if seed.is_multiple_of(TENANTS) { World::tenants(seed) } else { World::new(seed) };
    for _ in 0..world.length() {
        world.step();
    }
    world.heal();
    world.drain();
}

#[expect(clippy::disallowed_methods, reason = "a test reads how it is to be replayed")]
fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Checks invariants 1, 2, 3, 4, 5, 6, 7, 8, 10 and 12, in 100,000 schedules with faults.
#[test]
fn invariants_hold_in_every_schedule() {
    if let Some(seed) = setting("SIMULATION_SEED") {
        return run(seed);
    }
    let schedules = setting("SIMULATION_SCHEDULES").unwrap_or(SCHEDULES);
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get) as u64;
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                (thread..schedules).step_by(usize::try_from(threads).unwrap_or(1)).for_each(run);
            });
        }
    });
}

/// Checks that without faults nothing is sent twice, and requests are as full as the batch limits allow.
#[test]
fn nothing_is_sent_twice_without_faults() {
    for seed in 0..200 {
        let _replay = Replay(seed);
        let mut world = World::calm(seed);
        for _ in 0..world.length() {
            world.step();
        }
        world.heal();
        assert_eq!(world.sent_again(), 0, "an event was sent twice");
        world.drain();
    }
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
