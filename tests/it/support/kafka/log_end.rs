//! Damages a partition's log: cuts it short, as a disk does that loses its last writes in a power failure, or
//! flips bits in it.

use std::{
    fs::{self, File},
    path::Path,
};

/// Where the log of a short partition lies.
const SEGMENT: &str = "00000000000000000000.log";

/// A batch begins with its first offset and the length of what follows these two.
const HEAD: usize = 8 + 4;

/// Cuts off the records from `end` on, where a batch must begin; `data` is the folder of a broker that is stopped.
pub(super) fn cut(data: &Path, topic: &str, partition: i32, end: i64) {
    let folder = data.join(format!("{topic}-{partition}"));
    let log = fs::read(folder.join(SEGMENT)).expect("the partition has a log");
    let length = length(&log, end).expect("a batch begins at the end");
    let segment = File::options().write(true).open(folder.join(SEGMENT)).expect("the log can be written");
    segment.set_len(length as u64).expect("the log can be cut");
    // What the broker noted about the log is older than the log, or gone.
    remove(&folder, |name| name != SEGMENT && name != "partition.metadata");
    remove(data, |name| name == ".kafka_cleanshutdown" || name.ends_with("-checkpoint"));
}

/// How many bytes a batch has before its records.
const BATCH_HEAD: usize = 61;

/// Flips the first bytes of the records in the batch that begins at `start`; a second time restores them.
pub(super) fn flip(data: &Path, topic: &str, partition: i32, start: i64) {
    let path = data.join(format!("{topic}-{partition}")).join(SEGMENT);
    let mut log = fs::read(&path).expect("the partition has a log");
    let at = length(&log, start).expect("a batch begins there") + BATCH_HEAD;
    for byte in &mut log[at..at + 8] {
        *byte = !*byte;
    }
    fs::write(&path, log).expect("the log can be written");
}

/// How many bytes the batches before the offset take.
fn length(log: &[u8], end: i64) -> Option<usize> {
    let mut at = 0;
    loop {
        let (first, rest) = log.get(at..)?.split_first_chunk()?;
        if i64::from_be_bytes(*first) == end {
            return Some(at);
        }
        let length = u32::from_be_bytes(*rest.first_chunk()?);
        at += HEAD + usize::try_from(length).expect("a batch fits into memory");
    }
}

fn remove(folder: &Path, unwanted: impl Fn(&str) -> bool) {
    for file in fs::read_dir(folder).expect("a folder of the broker") {
        let file = file.expect("a folder of the broker");
        if unwanted(&file.file_name().to_string_lossy()) {
            fs::remove_file(file.path()).expect("a file of the broker can be removed");
        }
    }
}
