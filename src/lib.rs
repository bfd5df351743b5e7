//! `pinpoint-sidecar` reads an identity provider's sign-in and session events from Kafka and delivers them
//! with `PutEvents`, at least once. This page is its architecture; README.md is for those who run it.
//!
//! # Bird's eye
//!
//! One idea: decide in pure code, act at the edges. Everything that can lose an event (what is outstanding,
//! what goes into which request, what is tried again, what may be committed) is a state machine without
//! I/O, clock, randomness, environment and logging. It is told what happened and answers what to do; time
//! and random numbers are arguments. Around it, thin edges talk to Kafka, AWS and the operator.
//!
//! ```text
//!                  pure: no tokio, no rdkafka, no HTTP, no clock, no environment, no logging
//!                ┌──────────────────────────────────────────────────────────────────────────┐
//!                │  decode ─► map ─► pipeline ─► ledger · gate · outlet · quota · letters   │
//!                └────────▲──────────────────────────────────────────┬──────────────────────┘
//!                   Input │ Record · SendFinished · DeadLetterFinished   │ Action
//!                         │ EntriesFinished · Assigned · Revoking    │ Send · Write · WriteEntries
//!                         │ Lost · Tick · Drain                      ▼ Commit · Release · Stopped
//!  ┌────────┐      ┌──────┴──────────────────────────────────────────────┐        ┌───────────────┐
//!  │ source ├─────►│ runner: one task, one select!, owns all the state   ├───────►│ destination   ├──► AWS
//!  │ kafka  │◄─────┤ (sends live in its JoinSet)                         │◄───────┤ pinpoint      │◄──
//!  └────────┘      └──────┬──────────────────────────────────────────────┘        └───────────────┘
//!       ▲                 └──► dead_letter · table (of sessions)
//!       └── Kafka     main ─► cli · config ─► app (composition root) ─► runner · admin
//! ```
//!
//! Data flows one way: read, decode, map, wait at the gate, group by endpoint, batch, send, settle, commit. A
//! record is settled when all its obligations are fulfilled: each event of it was accepted, or the dead letter
//! for it was acknowledged; and what the record says of sessions was acknowledged by their table. One that is
//! ignored on purpose has that last obligation alone. Until the table acknowledges, nothing of the record is
//! sent, and nothing that was read after it: whoever reads of a session finds it in the table.
//! What must be sent again goes back through the pipeline and not into a loop around the send: it joins the
//! next request, at the front, so that three failed events do not take a request of their own. Backpressure
//! is a state ([`core::source::Paused`]) and not a channel: what is outstanding is bounded, and the source pauses
//! and resumes while it goes on polling.
//!
//! Four kinds of threads: the runtime's, which runs everything but Kafka; the source's poll loop, which
//! must never wait for longer than the group allows, with a commit thread beside it; those that serve
//! the dead letters and the sessions' table; and one that looks whether the file of places has changed.
//!
//! # Code map
//!
//! The pure part, each line may use those above it:
//!
//! | module | decides |
//! |---|---|
//! | [`core::time`] | points in time, as arguments |
//! | [`core::catch_panic`] | catches those of others' code that a record could cause |
//! | [`core::units`] | lengths of time and sizes, as they are written in a configuration |
//! | [`core::backoff`] | how long to wait before something is tried again; alone knows `backoff` |
//! | [`core::record`] | a record as it was read, and the ownership under which it was |
//! | [`core::event`] | app events and endpoints, and the codes that may be shown |
//! | [`core::identity`] | what happened at an identity provider, whoever it is |
//! | [`core::decode`] | a record's bytes → what happened; a file for each format |
//! | [`core::map`] | what happened → app events on an endpoint, or why not; the index of sessions |
//! | [`core::source`], [`core::destination`], [`core::dead_letter`], [`core::session_table`] | the edges' traits, in the pipeline's words |
//! | [`core::pipeline`] | what to send, dead-letter, commit and release |
//!
//! The edges and what puts them together:
//!
//! | module | does |
//! |---|---|
//! | [`edge::clock`] | reads the clock |
//! | [`edge::acks`] | the way back of what became of writes |
//! | [`edge::kafka`] | what all clients of librdkafka share |
//! | [`edge::kafka::consumer`] | the poll loop, rebalances, commits |
//! | [`edge::kafka::session_table`] | the sessions' table: reads it whole, follows it, writes to it |
//! | [`edge::kafka::dead_letters`], [`edge::discard`] | writes dead letters, or drops them |
//! | [`edge::aws::pinpoint`] | one attempt at `PutEvents`; alone knows the SDK and its shapes |
//! | [`edge::geo`] | finds the places of ip addresses in a file; alone knows `maxminddb` |
//! | [`edge::admin`], [`edge::admin::metrics`] | liveness, readiness, status; the metrics and their names |
//! | [`app::runner`] | turns what happened into an input, carries out each action, decides nothing |
//! | [`edge::log`], [`exit`] | what is logged; how the process ends |
//! | [`config`] | reads the configuration, once; each part has its own, this one composes them |
//! | [`tools::check`] | tries what the configuration names |
//! | [`tools::map`] | shows what records become, and sends nothing |
//! | [`cli`] | the command line and its words |
//! | [`tools::emulator`] | a server that answers `PutEvents`, with the quota and with faults |
//! | [`app`] | the composition root |
//! | [`tools::demo`] | the service with a broker, a server and many users of its own |
//!
//! Imports point one way, `main → tools → app → edge → core`; `tests/it/source_tree.rs`
//! checks that.
//!
//! # What always holds
//!
//! "Simulation" is `core/pipeline/simulation.rs`: 100,000 schedules of faults, revocations, lost answers and
//! restarts, the invariants checked by number after each step. The scenarios in `tests/it` check the same
//! from outside, by what was produced and what arrived.
//!
//! | | invariant | checked by |
//! |---|---|---|
//! | 1 | The committed position of a partition is never past a record that is not settled. | simulation; `invariant_1_…` in `core/pipeline/offsets.rs` |
//! | 2 | Within one ownership the position never goes back; nothing is committed for a partition not owned, and a completion from an earlier ownership changes nothing. | simulation; `invariant_2_…` in `core/pipeline/tests/invariants.rs` |
//! | 3 | A record is outstanding from before anything else can see it until it is settled; nothing of it is sent before its entries of the sessions' table, and those of all that was read before it, are acknowledged. | simulation; `invariant_3_…` in `core/pipeline/tests/invariants.rs` |
//! | 4 | No endpoint is in two requests in flight, and its events are first sent in the order in which they came; while one waits to be sent again, later ones wait. What is sent again carries the newest snapshot of its endpoint. | simulation; `invariant_4_…` in `core/pipeline/tests/invariants.rs` |
//! | 5 | No request holds more than 100 events or 4 MB; no quota domain exceeds its rate or its cap in flight. | simulation; `invariant_5_…` in `core/pipeline/quota.rs` |
//! | 6 | Records, bytes and events outstanding stay within their budget plus one fetch, however long a destination is down. | simulation; `invariant_6_…` in `core/pipeline/tests/invariants.rs` |
//! | 7 | With a destination that answers in the end every record is settled in the end, save where a hold asks for a person. | simulation; `invariant_7_…` in `core/pipeline/tests/invariants.rs` |
//! | 8 | After a drain everything that can be settled is, and the process ends before its deadline; what was not settled is not committed. | simulation; `invariant_8_…` in `core/pipeline/tests/invariants.rs` |
//! | 9 | The poll loop is never blocked for longer than the group allows. | `invariant_9_…` in `edge/kafka/consumer/tests.rs` |
//! | 10 | Records consumed = accepted + dead-lettered + ignored + released + outstanding, in every state. | simulation; `invariant_10_…` in `edge/admin/metrics/tests.rs` |
//! | 11 | Event ids depend on the record alone. Type and content are the same on every delivery as long as the session index holds the session; where it does not, they say so. | `invariant_11_…` in `core/map/tests/redelivery.rs` and, of replicas that share a table, `core/map/tests/shared.rs` |
//!
//! And one of privacy: nothing that a record, an answer or a parser said reaches a log line, a label, the
//! status or an error's `Display`. A [`core::event::Code`] is the only text that travels there, and it is
//! `&'static`. Types that hold personal data have no derived `Debug`.
//!
//! # What is absent on purpose
//!
//! - State on disk: positions are Kafka's, and so is the table of sessions; without one they are a cache
//!   whose loss is said in what is sent.
//! - Coordination between replicas: the share of the quota is the share of the partitions.
//! - Giving up: there is no number of attempts after which an event is dropped.
//! - The SDK's own retries, and librdkafka's own commits: both would decide behind the pipeline's back.
//! - Locks around state, global state and detached tasks: one task owns everything that changes.
//! - A reload of the configuration: a restart is cheap, and what runs is what was checked.
//! - A second destination: not yet.

pub mod app;
pub mod cli;
pub mod config;
pub mod core;
pub mod edge;
pub mod exit;
pub mod tools;
