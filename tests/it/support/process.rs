//! A program that a test starts: its output, its signals, its end.
//!
//! It never outlives the test process. A guard (a shell that reads from a pipe which only this process holds
//! open) kills it when the test process is gone, and removes its scratch folder. Values in statics are never
//! dropped, so this is also how shared servers end.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use super::wait::{answer, eventually};

/// Waits for the end of its input, then ends the process `$1` and removes the folder `$2`.
const GUARD: &str = r#"trap "" INT TERM HUP; cat; kill -s KILL "$1" 2>/dev/null; rm -rf -- "$2""#;

/// A signal, as `kill` names it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Signal {
    Term,
    Int,
    Kill,
    Stop,
    Cont,
}

pub(crate) struct Process {
    child: Child,
    guard: Child,
    lines: Arc<Mutex<Vec<String>>>,
    readers: [thread::JoinHandle<()>; 2],
}

impl Process {
    /// Starts `command`, which keeps what it writes in the folder `scratch`.
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    #[track_caller]
    pub(crate) fn start(command: &mut Command, scratch: &Path) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let guard = guard(child.id(), scratch);
        let lines = Arc::default();
        let readers = [collect(child.stdout.take(), &lines), collect(child.stderr.take(), &lines)];
        Self { child, guard, lines, readers }
    }

    /// The id of the process.
    #[allow(dead_code, reason = "the benchmarks ask for it")]
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has written so far, line by line.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// Waits until a line contains `text`. Returns whether one does, and stops waiting when the output ends.
    pub(crate) fn says(&self, within: Duration, text: &str) -> bool {
        answer(within, || {
            // In this order, so that everything written before the end counts.
            let ended = self.silent();
            let found = self.lines().iter().any(|line| line.contains(text));
            (found || ended).then_some(found)
        })
        .unwrap_or_default()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let name = format!("{signal:?}").to_uppercase();
        let pid = self.child.id().to_string();
        let sent = Command::new("sh").args(["-c", r#"kill -s "$1" "$2""#, "kill", &name, &pid]).status();
        assert!(sent.expect("a shell").success(), "{name} cannot be sent: the process has ended");
    }

    /// How it ended, if it has.
    pub(crate) fn status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be asked")
    }

    /// Waits until it has ended and all its output was read.
    #[track_caller]
    pub(crate) fn wait(&mut self, within: Duration) -> ExitStatus {
        eventually(within, "the process ends", || self.status().filter(|_| self.silent()))
    }

    /// Kills it, as a power failure would.
    pub(crate) fn kill(&mut self) {
        // The guard first: once the child is reaped, another process may get its id.
        for child in [&mut self.guard, &mut self.child] {
            child.kill().expect("a child can be killed");
            child.wait().expect("a child can be awaited");
        }
    }

    /// Whether no more output can come from it.
    fn silent(&self) -> bool {
        self.readers.iter().all(thread::JoinHandle::is_finished)
    }
}

/// Ends the process. A failing test shows the end of its output.
impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            let lines = self.lines();
            let end = &lines[lines.len().saturating_sub(60)..];
            eprintln!("--- the last lines of process {}\n{}\n---", self.child.id(), end.join("\n"));
        }
    }
}

fn guard(pid: u32, scratch: &Path) -> Child {
    let mut command = Command::new("sh");
    command.args(["-c", GUARD, "guard", &pid.to_string()]).arg(scratch);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("a shell")
}

/// Reads on a thread of its own, which ends with the output.
fn collect(
    output: Option<impl Read + Send + 'static>,
    lines: &Arc<Mutex<Vec<String>>>,
) -> thread::JoinHandle<()> {
    let output = BufReader::new(output.expect("the output is piped"));
    let lines = Arc::clone(lines);
    let read = move || {
        for line in output.split(b'\n').map_while(Result::ok) {
            lines.lock().unwrap().push(String::from_utf8_lossy(&line).into_owned());
        }
    };
    thread::Builder::new().name("output".to_owned()).spawn(read).expect("a thread")
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    #[test]
    fn a_process_dies_with_the_pipe_that_this_process_holds() {
        let scratch = tempfile::tempdir().unwrap();
        let mut process = Process::start(Command::new("sleep").arg("600"), scratch.path());
        process.guard.stdin.take();
        assert_eq!(process.wait(Duration::from_secs(20)).signal(), Some(9));
        eventually(Duration::from_secs(20), "the folder is removed", || {
            (!scratch.path().exists()).then_some(())
        });
    }

    #[test]
    fn the_output_of_a_process_is_read_until_it_ends() {
        let scratch = tempfile::tempdir().unwrap();
        let script = "echo out; echo err >&2; exit 3";
        let mut process = Process::start(Command::new("sh").args(["-c", script]), scratch.path());
        assert!(process.says(Duration::from_secs(20), "err"));
        assert!(process.says(Duration::from_secs(20), "out"));
        assert!(!process.says(Duration::from_secs(20), "never said"));
        assert_eq!(process.wait(Duration::from_secs(20)).code(), Some(3));
    }
}
