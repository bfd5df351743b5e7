//! Order: the events of an endpoint arrive in the order of their records in a partition.
//!
//! Pure. Says nothing of an event that spilled or whose record was produced twice, nor of the events of one record.

use std::collections::{HashMap, HashSet};

use crate::tools::demo::evidence::{Evidence, Sent};

/// How many events arrived before an event of an earlier record of their partition and endpoint.
pub(super) fn out_of_order(evidence: &Evidence) -> u64 {
    let mut seen = HashSet::new();
    let ids = evidence.sent.values().flat_map(Sent::event_ids);
    let repeated: HashSet<_> = ids.filter(|id| !seen.insert(&***id)).map(|id| &**id).collect();
    let spilled = evidence.dead_letters.iter().filter(|letter| letter.is_spilled());
    let spilled: HashSet<_> = spilled.flat_map(|letter| &letter.event_ids).map(String::as_str).collect();
    let mut latest: HashMap<(i32, &str), u64> = HashMap::new();
    let mut early = 0;
    for sent in evidence.sent.values() {
        let counts = |id: &&String| !repeated.contains(&***id) && !spilled.contains(&***id);
        let arrivals = sent.event_ids().iter().filter(counts);
        let arrivals: Vec<_> = arrivals.filter_map(|id| evidence.arrivals.get(id)).collect();
        for arrival in &arrivals {
            let before = latest.get(&(sent.record.partition, &*arrival.endpoint_id));
            early += u64::from(before.is_some_and(|latest| arrival.first < *latest));
        }
        for arrival in arrivals {
            let latest = latest.entry((sent.record.partition, &*arrival.endpoint_id)).or_default();
            *latest = arrival.first.max(*latest);
        }
    }
    early
}
