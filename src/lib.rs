//! `pinpoint-sidecar` reads an identity provider's sign-in and session events from Kafka and delivers them to
//! their destinations, at least once. This page describes its architecture; README.md is for those who run
//! it.
//!
//! # Bird's eye
//!
//! One idea: decide in pure code, act at the edges. Everything that can lose an event (what is outstanding,
//! what goes into which request, what is sent again, what may be committed) is a state machine without I/O,
//! clock, environment and logging. Time is an argument, and random numbers come from a seeded generator. The
//! state machine takes in what happened and returns what to do. Around it, thin edges talk to Kafka, AWS and
//! the operator.
//!
//! ```text
//! Kafka ─► read ─► decode ─► map ─► ledger ─► session barrier ─► route ─► dispatcher ─► encode ─► send
//!                                     ▲                            │         ▲   │                  │
//!                                     │                            │         └───│──── answer ◄─────┘
//!                                     │                         refused        verdict
//!                                     │                            ▼             │
//!                                     │                       dead letters ◄─────┤ refused
//!                                     │                            │ written     │ accepted
//!      position and settled tail ◄── settled ◄─────────────────────┴─────────────┘
//!
//! dispatcher: endpoint queues ─► batcher ─► request, when its quota domain lets it start; hold; quarantine
//! ```
//!
//! # The path of a record
//!
//! 1. The consumer **reads** a record, and `decode` turns its bytes into identity events. `map` turns these
//!    into app events on endpoints, ignores them on purpose, or refuses them with a reason.
//! 2. The **ledger** holds the record until all its obligations are fulfilled: every destination that an
//!    event is routed to has accepted it, or its dead letter was acknowledged; and the record's entries of
//!    the session table were acknowledged. Then the record is **settled**. If the tail of the last commit
//!    names the record, an earlier owner of the partition settled it: `map` learns of its sessions, and
//!    nothing of it is sent.
//! 3. At the **session barrier** the record waits until its own entries of the session table and those of all
//!    earlier records are acknowledged. So whoever reads about a session finds it in the table.
//! 4. `route` finds the destinations of each event, and each encoder fits its own copy to the limits of its
//!    service. If a destination has no **room**, the record makes its partition wait, and no other:
//!    destinations share the memory by dynamic thresholds. A destination that has been held or full for
//!    longer than `spill.after` gives its events to the dead letters. A record that becomes very many events
//!    (the ends of all sessions of a user) becomes them a **portion** at a time, each when there is room.
//! 5. The **dispatcher** of a destination keeps a queue for each endpoint. Its batcher fills the next
//!    request, and the **quota domain** says when it may start; dispatchers of one domain take turns.
//! 6. The sender makes one attempt, and turns the **answer** into an outcome for each event. Events to be
//!    sent again return to the front of their queue and join the next request; there is no loop around the
//!    send. A request that is refused, or keeps failing, goes into **quarantine** and is halved until the
//!    culprit stands alone. If the set-up is wrong, the destination is on **hold**: it keeps everything and
//!    sends only probes.
//! 7. A refused event or record becomes a **dead letter**. If most of a topic is refused, its circuit breaker
//!    opens. `redrive` writes the original record back, with a sealed header that names the original and the
//!    refused events. It takes the same path again. `map` takes ids and times from the original and only asks
//!    the session index, and of its events only those that the header names are routed, each without its
//!    endpoint's data.
//! 8. Settled records move the **position**. The commit carries the settled tail: the records above the
//!    position that are settled already.
//!
//! There are four kinds of threads: those of the runtime, which run everything but Kafka; the consumer's poll
//! loop, which must never wait for longer than the group allows, with a commit thread and a lookup thread
//! beside it; those of the dead letters and the session table; and one that watches the location database.
//!
//! # The rooms
//!
//! | room | holds |
//! |---|---|
//! | [`core`] | all decisions; it is pure: no tokio, rdkafka, AWS, HTTP, clock, environment, logging |
//! | [`edge`] | the code that touches the world, in a folder for each part; a part uses `core` and no other part |
//! | [`app`] | the composition root: builds the parts, runs them, ends them |
//! | [`tools`] | the other commands |
//!
//! Imports point one way: `main → tools → app → edge → core`. The tools stand above `app` because `demo` runs
//! the whole service, with its own broker, server and users. Beside the rooms, [`config`] composes the
//! configuration from each part's own, [`cli`] is the command line, and [`exit`] holds the exit codes.
//! `tests/it/source_tree.rs` checks the imports, and that `core` is pure.
//!
//! # Code map
//!
//! | in `core` | decides |
//! |---|---|
//! | [`decode`](crate::core::decode) | bytes → identity events: envelopes, and a file for each format with its line in one table |
//! | [`map`](crate::core::map) | identity event → app events with their endpoint; the session index, ids, endpoint fields |
//! | [`route`](crate::core::route) | app event → destinations |
//! | [`pipeline`](crate::core::pipeline) | what to send, dead-letter, commit, pause and release; its files are below |
//! | [`stream_record`](crate::core::stream_record) | app event and endpoint → the record of Pinpoint's event stream, and its schema |
//! | [`identity`](crate::core::identity), [`event`](crate::core::event), [`record`](crate::core::record), [`code`](crate::core::code) | the vocabulary: what happened at a provider, what is sent, what was read, and the only text that may be shown |
//! | [`redrive`](crate::core::redrive) | which dead letters are written back, as which records; whether the header of such a record counts |
//! | [`destination`](crate::core::destination), [`source`](crate::core::source), [`dead_letter`](crate::core::dead_letter), [`session_table`](crate::core::session_table) | the seams: what the edges must do, in the pipeline's terms |
//! | [`time`](crate::core::time), [`backoff`](crate::core::backoff), [`units`](crate::core::units), [`catch_panic`](crate::core::catch_panic) | points in time; waits; durations and sizes as text; panics that a record could cause in a library |
//!
//! | in `core/pipeline` | decides |
//! |---|---|
//! | `ledger`, `offsets`, `tail` | what is outstanding; the position, and the settled runs above it |
//! | `session_barrier`, `delivery`, `settlement` | when a record may be delivered; where its events go; when it is settled |
//! | `room`, `backpressure` | whether a destination may take more; what to pause |
//! | `dispatcher` and its folder | one destination: endpoint queues, batches, answers, quarantine, hold, spill |
//! | `quota_domain`, `quota_share` | when a request may start; this replica's part of the quota |
//! | `narrowing` | what a redriven record lacks of the events that it names |
//! | `refusals`, `dead_letters`, `circuit_breaker`, `writes` | which refusals share a dead letter; dead letters on their way to Kafka; writes that await acknowledgement |
//! | `ownership` | partitions that are assigned, revoked and drained |
//!
//! | in `edge` | does |
//! |---|---|
//! | [`kafka`](crate::edge::kafka) | the clients and what they share: consumer, producer, dead letters, session table, `redrive`'s reader and writer; [`destination`](crate::edge::kafka::destination), a topic that events go to |
//! | [`aws`](crate::edge::aws) | credentials, [`roles`](crate::edge::aws::roles), the task that gets those of tenants' roles, the [`sender`](crate::edge::aws::sender), and what all clients and answers share; [`pinpoint`](crate::edge::aws::pinpoint), [`kinesis`](crate::edge::aws::kinesis), [`firehose`](crate::edge::aws::firehose) and [`eventbridge`](crate::edge::aws::eventbridge), the encoders and single attempts that alone know their services |
//! | [`admin`](crate::edge::admin) | liveness, readiness, status; the [`metrics`](crate::edge::admin::metrics) and their names |
//! | [`geo`](crate::edge::geo), [`clock`](crate::edge::clock), [`log`](crate::edge::log) | the locations of IP addresses; the time; the log |
//! | [`acks`](crate::edge::acks), [`discard`](crate::edge::discard) | reports the outcomes of writes; drops dead letters |
//!
//! | in `app` and `tools` | does |
//! |---|---|
//! | [`app::runner`] | turns events into inputs and carries out actions; it decides nothing |
//! | [`app::kinds`] | builds a destination of each kind |
//! | [`tools::check`], [`tools::map`] | try out what the configuration names; show what records become |
//! | [`tools::redrive`] | writes the records of dead letters back |
//! | [`tools::emulator`] | a server that answers as the AWS services do that take events, with a file or folder for each in `services` |
//! | [`tools::demo`] | the service in a world of its own |
//!
//! To add a format, write its file and its line in the table of formats. To add a kind of destination, write
//! a folder with an encoder and a sender, a line in each of the two tables of kinds (`config/destinations` and
//! `app/kinds.rs`), and a page. `.github/CONTRIBUTING.md` lists the files.
//!
//! # What always holds
//!
//! "Simulation" is `core/pipeline/simulation.rs`: 100,000 schedules of faults, revocations, lost answers and
//! restarts, with the invariants checked by number after each step. "Model" is
//! `core/pipeline/ledger/model.rs`: random lives of one partition, its commits and its log. The scenarios in
//! `tests/it` check the invariants from outside, by comparing what was produced with what arrived.
//!
//! | | invariant | checked by |
//! |---|---|---|
//! | 1 | The committed position of a partition is never past a record that is not settled, and its tail names only settled ones. | simulation; model; `invariant_1_…` in `core/pipeline/offsets.rs` |
//! | 2 | Within one ownership the position never goes back. Nothing is committed for a partition that is not owned, and a completion from an earlier ownership changes nothing. | simulation; `invariant_2_…` in `core/pipeline/tests/invariants.rs` |
//! | 3 | A record is outstanding from before anything else can see it until it is settled. Nothing of it is sent before its session entries and those of all earlier records are acknowledged. | simulation; `invariant_3_…` in `core/pipeline/tests/invariants.rs` |
//! | 4 | Within one process and destination no endpoint is in two requests in flight, and its events are first sent in the order in which they arrived; while one waits to be sent again, later ones wait. An event that is sent again carries the newest snapshot of its endpoint at Pinpoint, and the endpoint data of its own record elsewhere. | simulation; `invariant_4_…` in `core/pipeline/tests/invariants.rs` |
//! | 5 | No request is larger than its destination's limits; no quota domain exceeds its rate or its cap in flight. | simulation; `invariant_5_…` in `core/pipeline/quota_domain.rs`, `core/pipeline/quota_share.rs` and `edge/aws/pinpoint/encoder/tests/requests.rs` |
//! | 6 | Memory stays within the budget plus one fetch, however long a destination is down, and whatever a record becomes. | simulation; `invariant_6_…` in `core/pipeline/tests/invariants.rs` and `core/pipeline/tests/destinations/letters.rs` |
//! | 7 | If a destination answers in the end, every record is settled in the end, unless a hold waits for a person. A destination that is down, held or throttled slows others only within its own quota domain or, until its spill begins, on partitions that hold its records. | simulation; `invariant_7_…` in `core/pipeline/tests/invariants.rs` |
//! | 8 | After a drain every record that can be settled is settled, and the process ends before its deadline; no unsettled record is committed. | simulation; `invariant_8_…` in `core/pipeline/tests/invariants.rs` |
//! | 9 | The poll loop is never blocked for longer than the group allows, and no record keeps the runner from its heartbeat. | `invariant_9_…` in `edge/kafka/consumer/tests.rs` |
//! | 10 | Records consumed = accepted + dead-lettered + ignored + settled before (named by an inherited tail) + released unsettled + outstanding, in every state; the metrics agree. A re-delivery within one ownership is not consumed again. | simulation; model; `invariant_10_…` in `edge/admin/metrics/tests.rs` |
//! | 11 | Event ids depend on the record alone. Type and content are equal on every delivery as long as the session index holds the session; if it does not, they state that the start is unknown. | `invariant_11_…` in `core/map/tests/redelivery.rs` and, for replicas that share a table, in `core/map/tests/shared.rs` |
//! | 12 | A record that was settled and is named in a commit is not sent again by whoever owns the partition next. | simulation; model; `invariant_12_…` in `core/pipeline/ledger/model.rs` and `core/pipeline/ledger/tests.rs` |
//!
//! One more invariant protects privacy: no text of a record, an answer or a parser reaches a log line, a
//! label, the status or an error's `Display`. A [`Code`](crate::core::code::Code) is the only text that may,
//! and it is `&'static`. Types that hold personal data have no derived `Debug`.
//!
//! # What is absent on purpose
//!
//! - State on disk: positions are in Kafka, and so is the session table. Without a table, the sessions are a
//!   cache, and events say so when it has lost their session.
//! - Coordination between replicas: a replica's share of the quota is its share of the partitions.
//! - Giving up: no number of attempts makes an event a dead letter. `retry.give_up` and `spill.after` are off
//!   by default.
//! - The SDK's own retries, and librdkafka's own commits: both would decide behind the pipeline's back.
//! - Locks around state, global state and detached tasks: one task owns everything that changes.
//! - A reload of the configuration: a restart is cheap, and the configuration that runs is the one that was
//!   checked.
//! - Order between destinations, between endpoints, and between spilled or redriven events and later ones.

pub mod app;
pub mod cli;
pub mod config;
pub mod core;
pub mod edge;
pub mod exit;
pub mod tools;
