//! What the operating system reports about the process.

use std::fs;

/// The memory of the process that is in RAM, in bytes; `None` on systems other than Linux, which
/// do not report it.
pub(super) fn resident_memory() -> Option<u64> {
    parse(&fs::read_to_string("/proc/self/status").ok()?)
}

/// Reads the line `VmRSS:     5432 kB`, which unlike `statm` does not depend on the size of a page.
fn parse(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: &str, expected: Option<u64>) {
        assert_eq!(parse(status), expected);
    }

    #[test]
    fn resident_memory_is_found_among_the_rest() {
        check("Name:\tx\nVmHWM:\t 9000 kB\nVmRSS:\t    5432 kB\nRssAnon:\t 1 kB\n", Some(5_562_368));
        check("", None);
        check("VmRSS:\t 5432", None);
        check("VmRSS:\t much kB", None);
        check("VmRSS:\t 18446744073709551615 kB", None);
    }
}
