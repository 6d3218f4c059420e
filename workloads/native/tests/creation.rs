//! The creation workloads as programs.

mod common;

use common::{number, output, stderr, stdout, Controlled};
use std::process::Command;

const THREAD: &str = env!("CARGO_BIN_EXE_thread-creation");
const ASYNC: &str = env!("CARGO_BIN_EXE_async-creation");
const FORMS: &[(&str, &[&str], &str)] = &[
    (THREAD, &[], "thread created"),
    (ASYNC, &[], "task created"),
    (ASYNC, &["--flavor", "current-thread"], "task created"),
];

fn small(program: &str, more: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(["--tasks=10", "--iters=5", "--warmups=2"])
        .args(more);
    command
}

fn check_result(json: &str, unit: &str) {
    let expected = format!("\"unit\":\"{unit}\",\"units\":50,");
    assert!(json.contains(&expected), "{json}");
    let at = |key| number(json, key);
    assert!(
        at("mean_ns") * 5.0 <= at("elapsed_ns") + 1.0,
        "creating is a part: {json}"
    );
    assert!((at("ns_per_unit") - at("mean_ns") / 10.0).abs() < 0.01);
    assert!((at("create_ns") - at("ns_per_unit")).abs() < 0.01);
    assert!(0.0 < at("start_p50_ns") && at("start_p50_ns") <= at("start_p99_ns"));
    assert!(at("start_mean_ns") > 0.0);
}

#[test]
fn under_control() {
    for (program, more, unit) in FORMS {
        let json = Controlled::start(&mut small(program, more)).complete(|_| {});
        check_result(&json, unit);
    }
}

#[test]
fn alone() {
    for (program, more, unit) in FORMS {
        let ended = output(small(program, more).arg("--json"));
        assert!(ended.status.success(), "{}", stderr(&ended));
        check_result(stdout(&ended).trim_end(), unit);
        let ended = output(&mut small(program, more));
        assert!(
            stdout(&ended).contains("also: create "),
            "{}",
            stdout(&ended)
        );
    }
}

#[test]
fn smallest() {
    for (program, more, _) in FORMS {
        let mut command = Command::new(program);
        command
            .args(["--tasks=1", "--iters=1", "--warmups=0"])
            .args(*more);
        let json = Controlled::start(&mut command).complete(|_| {});
        assert_eq!(number(&json, "units"), 1.0);
    }
}

#[test]
fn bad_usage() {
    for (program, words, expected) in [
        (THREAD, &["--tasks", "0"][..], "--tasks \"0\""),
        (THREAD, &["--tokens", "2"], "--tokens"),
        (THREAD, &["--flavor", "multi-thread"], "--flavor"),
        (ASYNC, &["--iters", "x"], "--iters \"x\""),
        (ASYNC, &["--work", "2"], "--work"),
    ] {
        let ended = output(Command::new(program).args(words));
        assert_eq!(ended.status.code(), Some(2), "{words:?}");
        assert!(stderr(&ended).contains(expected), "{}", stderr(&ended));
        assert_eq!(stderr(&ended).lines().count(), 1);
    }
}

#[test]
fn more_threads_than_memory_areas_are_refused_beforehand() {
    let ended = output(Command::new(THREAD).args(["--tasks", "1000000", "--iters", "1"]));
    assert_eq!(ended.status.code(), Some(1));
    assert!(stderr(&ended).contains("vm.max_map_count"));
}
