//! Catches panics that a record could cause in third-party code.
//!
//! A panic hook ends the process, but no record may cause that. The hook therefore asks [`are_caught`] and
//! ignores panics that are caught.

use std::{
    cell::Cell,
    panic::{self, AssertUnwindSafe},
};

thread_local! {
    static CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// Returns the result of `read`, or `None` if it panics. `read` must not leave any state half changed.
pub fn caught<T>(read: impl FnOnce() -> Option<T>) -> Option<T> {
    CAUGHT.set(true);
    let read = panic::catch_unwind(AssertUnwindSafe(read));
    CAUGHT.set(false);
    read.ok().flatten()
}

/// Returns whether a panic on this thread would be caught now.
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
