//! A panic anywhere ends the process, with its own exit code.
//!
//! No input makes the binary panic, so this test program starts itself again for a single test, with a
//! variable that makes it install the binary's hook and panic.

use std::{env, process::Command, thread};

use pinpoint_sidecar::{core::catch_panic, exit};

const PANIC: &str = "PINPOINT_SIDECAR_TEST_PANICS";

#[test]
fn a_panic_on_any_thread_ends_the_process_with_70_and_says_where_but_not_why() {
    if env::var_os(PANIC).is_some() {
        panic_elsewhere();
    }
    let this = "panics::a_panic_on_any_thread_ends_the_process_with_70_and_says_where_but_not_why";
    let mut command = Command::new(env::current_exe().expect("the path of the tests"));
    command.args(["--exact", this, "--nocapture"]).env(PANIC, "yes");
    let output = command.output().expect("the tests start");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(70), "{out}\n{err}");
    assert!(err.contains("one that is caught ends nothing"), "{out}\n{err}");
    assert!(err.contains("error: a bug ends the process (at tests/it/panics.rs:"), "{err}");
    assert!(err.contains("in the thread elsewhere)"), "{err}");
    assert!(!out.contains("s3cret") && !err.contains("s3cret"), "{out}\n{err}");
}

/// Panics as the binary would, on a thread that nobody waits for.
fn panic_elsewhere() -> ! {
    exit::on_panic();
    assert_eq!(catch_panic::caught(|| -> Option<()> { panic!("s3cret, and caught") }), None);
    eprintln!("one that is caught ends nothing");
    let panic = || panic!("s3cret");
    let _elsewhere = thread::Builder::new().name("elsewhere".to_owned()).spawn(panic).expect("a thread");
    loop {
        thread::park();
    }
}
