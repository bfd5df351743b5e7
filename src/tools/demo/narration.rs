//! The tenant's story in words.

use crate::{
    cli::DemoKind,
    tools::demo::{generate::Realm, redriving::Redrive, stage::SPILL_AFTER, story::Turn, words::grouped},
};

/// Says what happens. The others got so many events while the tenant was held.
pub(super) fn turn(turn: Turn, kind: DemoKind, meanwhile: u64) -> String {
    let (acme, shop, right) = (Realm::Acme.name(), Realm::Shop.name(), kind.right());
    match turn {
        Turn::Refused if kind == DemoKind::Kafka => format!("the {right} is refused to {acme} from now on"),
        Turn::Refused => {
            format!("the {right} of {acme} is refused from now on; its credentials last a few seconds more")
        }
        Turn::Held(code) => format!("{acme} is held ({code}); {shop} goes on"),
        Turn::Spills => {
            format!("{acme} has been held for {SPILL_AFTER}: its events spill to the dead letters")
        }
        Turn::Granted => format!("the {right} of {acme} is granted again"),
        Turn::Back { after } => format!(
            "{acme} is back after {:.1} s; {shop} got {} events meanwhile",
            after.as_secs_f64(),
            grouped(meanwhile)
        ),
        Turn::Redrive => format!("redrive --destination {acme} --reason spilled"),
    }
}

/// Says what a redrive did.
pub(super) fn redriven(Redrive { letters, records, .. }: &Redrive) -> String {
    format!(
        "{} dead letters are redriven: {} records were written back to their topic",
        grouped(*letters),
        grouped(*records)
    )
}
