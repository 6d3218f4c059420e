//! The planted program: every mode ends, and takes as long as its path at least.

mod common;

use common::{number, output, planted, stderr, stdout, Controlled};
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

fn mode(words: &[&str]) -> Command {
    let mut command = Command::new(planted());
    command.args(words).stdin(Stdio::null());
    command
}

/// The elapsed time may be any amount longer, on a busy machine.
fn check(words: &[&str], json: &str, least_ms: f64) {
    assert!(json.starts_with("{\"tasks\":1,\"iterations\":1,"), "{json}");
    assert!(json.contains("\"unit\":\"run\",\"units\":1,"), "{json}");
    let elapsed = number(json, "elapsed_ns");
    assert_eq!(number(json, "mean_ns"), elapsed);
    assert!(elapsed >= least_ms * 0.97e6, "{words:?}: {elapsed} ns");
}

#[test]
fn modes_that_need_nobody() {
    for (words, least_ms) in [
        (&["sleep-then-compute"][..], 300.0),
        (&["sleep-then-compute", "20", "10"], 30.0),
        (&["two-chains"], 150.0),
        (&["handover", "futex"], 100.0),
        (&["handover", "pipe"], 100.0),
        (&["handover", "eventfd-epoll"], 100.0),
        (&["handover", "signal"], 100.0),
        (&["handover", "tcp"], 100.0),
        (&["handover", "condvar"], 100.0),
        (&["timer-sleep"], 150.0),
        (&["thread-in-window"], 90.0),
        (&["exec-non-leader"], 60.0),
        (&["compute"], 200.0),
        (&["fork-child"], 50.0),
        (&["broadcast-futex"], 21.0),
        (&["spurious"], 80.0),
        (&["busy-poll"], 10.0),
        (&["futex-calls"], 10.0),
        (&["std-mutex"], 0.001),
    ] {
        let json = Controlled::start(&mut mode(words)).complete(|_| {});
        check(words, &json, least_ms);
    }
}

#[test]
fn external_wake() {
    let words = &["external-wake", "30"];
    let json = Controlled::start(mode(words).stdin(Stdio::piped())).complete(|child| {
        std::thread::sleep(Duration::from_millis(50));
        child.stdin.as_mut().unwrap().write_all(b"*").unwrap();
    });
    check(words, &json, 80.0);
}

#[test]
fn stopped() {
    let words = &["stopped"];
    let json = Controlled::start(&mut mode(words)).complete(|child| {
        let pid = child.id() as libc::pid_t;
        let mut status = 0;
        // SAFETY: `status` is valid for writing; the child is ours.
        unsafe {
            assert_eq!(libc::waitpid(pid, &mut status, libc::WUNTRACED), pid);
            assert!(libc::WIFSTOPPED(status));
            std::thread::sleep(Duration::from_millis(50));
            assert_eq!(libc::kill(pid, libc::SIGCONT), 0);
        }
    });
    check(words, &json, 130.0);
}

#[test]
fn a_missing_waker_is_an_error() {
    let ended = output(&mut mode(&["external-wake"]));
    assert_eq!(ended.status.code(), Some(1));
    assert!(stderr(&ended).contains("awaited byte"));
}

#[test]
fn alone() {
    for words in [&["compute", "10"][..], &["exec-non-leader", "10"]] {
        let ended = output(&mut mode(words));
        assert!(ended.status.success(), "{}", stderr(&ended));
        check(words, stdout(&ended).trim_end(), 10.0);
    }
}

#[test]
fn bad_usage() {
    for (words, expected) in [
        (&[][..], "a mode is needed"),
        (&["nonsense"], "\"nonsense\""),
        (&["handover"], "futex, pipe"),
        (&["handover", "mail"], "\"mail\""),
        (&["compute", "0"], "COMPUTE \"0\""),
        (&["compute", "1", "2"], "one parameter too many"),
        (&["exec-tail"], "exec-non-leader only"),
    ] {
        let ended = output(&mut mode(words));
        assert_eq!(ended.status.code(), Some(2), "{words:?}");
        assert!(stderr(&ended).contains(expected), "{}", stderr(&ended));
    }
    let ended = output(&mut mode(&["--help"]));
    assert!(stdout(&ended).contains("broadcast-futex"));
}
