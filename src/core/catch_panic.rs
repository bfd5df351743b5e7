//! Catches panics that a record could cause in other people's code.
//!
//! A hook ends the process at any panic, but no record may end it. The hook asks [`are_caught`] and ignores
//! panics that are.

use std::{
    cell::Cell,
    panic::{self, AssertUnwindSafe},
};

thread_local! {
    static CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// The result of `read`, or `None` if it panics. `read` must leave nothing half done.
pub fn caught<T>(read: impl FnOnce() -> Option<T>) -> Option<T> {
    CAUGHT.set(true);
    let read = panic::catch_unwind(AssertUnwindSafe(read));
    CAUGHT.set(false);
    read.ok().flatten()
}

/// Whether a panic of this thread would now be caught.
#[must_use]
pub fn are_caught() -> bool {
    CAUGHT.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_nothing_that_was_read() {
        assert_eq!(caught(|| Some(are_caught())), Some(true));
        assert_eq!(caught(|| -> Option<()> { panic!("as others do") }), None);
        assert!(!are_caught());
    }
}
