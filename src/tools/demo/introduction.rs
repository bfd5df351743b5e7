//! What a run shows, said before it begins.

use std::fmt::Write as _;

use crate::{
    cli::{DemoArguments, DemoFault, DemoFaults, DemoKind},
    tools::demo::{
        generate::Realm,
        stage::{DEAD_LETTERS, PARTITIONS, SPILL_AFTER, Stage, TOPIC},
        words::grouped,
    },
};

pub(super) fn introduction(stage: &Stage, arguments: &DemoArguments) -> String {
    let Stage { places, config, .. } = stage;
    let DemoArguments { kind, faults, listen: asked, .. } = arguments;
    let [shop, acme] = Realm::ALL.map(Realm::name);
    let mut words = String::new();
    let mut line = |name: &str, text: &str| {
        // Writing to a string does not fail.
        let _ = writeln!(words, "{name:<10} {text}");
    };
    line("Kafka", &format!("{}, embedded: {PARTITIONS} partitions of {TOPIC}", config.source.brokers));
    line("", &format!("dead letters go to {DEAD_LETTERS}"));
    let at = match kind {
        DemoKind::Kafka => Realm::ALL.map(|realm| places.address(realm)).join(" and "),
        _ => places.address(Realm::Shop),
    };
    let how = if *kind == DemoKind::Kafka { "embedded" } else { "emulated" };
    line("To", &format!("two {}, {how} at {at}", kind.title()));
    line(&format!("  {shop}"), "the events of all realms but one");
    let own = if *kind == DemoKind::Kafka { "" } else { ", a tenant with a role of its own" };
    let shown = arguments.shown_faults();
    let spills =
        if shown.0.contains(&DemoFault::Role) { &*format!("; spills after {SPILL_AFTER}") } else { "" };
    line(&format!("  {acme}"), &format!("the events of the realm {acme}{own}{spills}"));
    let listen = config.admin.listen;
    let is_taken = asked.port() != 0 && listen != *asked;
    let taken = if is_taken { " (a free port, because the requested one is taken)" } else { "" };
    line("Admin", &format!("http://{listen}/status{taken}"));
    let (records, users) = (grouped(arguments.records), grouped(arguments.users.into()));
    line("Records", &format!("{records} of {users} users, some hostile"));
    let names = shown.to_string();
    line("Faults", if names.is_empty() { "none" } else { &names });
    let hidden: Vec<_> = faults.0.iter().copied().filter(|fault| !shown.0.contains(fault)).collect();
    if !hidden.is_empty() {
        let hidden = DemoFaults(hidden);
        line("", &format!("not shown, because the embedded brokers have no such faults: {hidden}"));
    }
    if shown.0.contains(&DemoFault::Role) {
        let right = kind.right();
        line("", &format!("role: {acme}'s {right} is refused for a while; what it spills is redriven"));
    }
    words.push('\n');
    words
}
