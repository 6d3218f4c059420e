//! The brigades as programs.

mod common;

use common::{number, output, stderr, stdout, Controlled};
use std::os::unix::process::CommandExt;
use std::process::Command;

const THREAD: &str = env!("CARGO_BIN_EXE_thread-brigade");
const ASYNC: &str = env!("CARGO_BIN_EXE_async-brigade");
const ONE: &str = env!("CARGO_BIN_EXE_one-thread-brigade");
const PROCESS: &str = env!("CARGO_BIN_EXE_process-brigade");
const THREAD_MEM: &str = env!("CARGO_BIN_EXE_thread-mem-brigade");
const ASYNC_MEM: &str = env!("CARGO_BIN_EXE_async-mem-brigade");
const URING: &str = env!("CARGO_BIN_EXE_uring-brigade");
const SMALL: &[&str] = &["--tasks", "10", "--iters", "10", "--warmups", "3"];

/// Every program in each of its forms.
const FORMS: &[(&str, &[&str])] = &[
    (THREAD, &[]),
    (ASYNC, &[]),
    (ASYNC, &["--flavor", "multi-thread", "--workers", "3"]),
    (ASYNC, &["--flavor", "current-thread"]),
    (ASYNC, &["--transport", "pipe"]),
    (THREAD, &["--transport", "pipe"]),
    (ONE, &[]),
    (ONE, &["--transport", "pipe"]),
    (PROCESS, &[]),
    (PROCESS, &["--transport", "pipe"]),
    (URING, &[]),
    (URING, &["--transport", "pipe"]),
    (URING, &["--mode", "chain"]),
    (URING, &["--mode", "chain", "--transport", "pipe"]),
    (URING, &["--mode", "per-thread"]),
    (THREAD_MEM, &[]),
    (ASYNC_MEM, &[]),
    (ASYNC_MEM, &["--flavor", "multi-thread", "--workers", "2"]),
];

fn small(program: &str, more: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(SMALL).args(more);
    command
}

fn check_result(json: &str) {
    assert!(json.starts_with("{\"tasks\":10,\"iterations\":10,\"warmups\":3,"));
    assert!(json.contains("\"unit\":\"hop\",\"units\":100,"), "{json}");
    assert!(json.ends_with("}}") && !json.contains('\n'), "{json}");
    let at = |key| number(json, key);
    assert!(0.0 < at("min_ns") && at("min_ns") <= at("p50_ns"));
    assert!(at("p50_ns") <= at("p99_ns") && at("p99_ns") <= at("max_ns"));
    assert!(at("min_ns") <= at("mean_ns") && at("mean_ns") <= at("max_ns"));
    assert!(at("mean_ns") * 10.0 <= at("elapsed_ns") + 1.0, "{json}");
    assert!((at("ns_per_unit") - at("mean_ns") / 10.0).abs() < 0.01);
    assert!(at("max_rss_bytes") > 100_000.0);
    for key in [
        "stddev_ns",
        "user_ns",
        "system_ns",
        "minor_faults",
        "major_faults",
        "voluntary",
        "involuntary",
    ] {
        assert!(at(key) >= 0.0);
    }
}

#[test]
fn alone() {
    for (program, more) in FORMS {
        let ended = output(&mut small(program, more));
        assert!(ended.status.success(), "{}", stderr(&ended));
        let text = stdout(&ended);
        assert!(text.starts_with("10 tasks, 10 iterations: mean "), "{text}");
        assert_eq!(text.lines().count(), 3);
        assert_eq!(stderr(&ended), "");
    }
}

#[test]
fn alone_as_json() {
    for (program, more) in FORMS {
        let ended = output(small(program, more).arg("--json"));
        assert!(ended.status.success(), "{}", stderr(&ended));
        check_result(stdout(&ended).trim_end());
    }
}

#[test]
fn under_control() {
    for (program, more) in FORMS {
        let json = Controlled::start(&mut small(program, more)).complete(|_| {});
        check_result(&json);
    }
}

#[test]
fn smallest_brigade_without_warm_up() {
    for (program, more) in FORMS {
        let mut command = Command::new(program);
        command.args(["--tasks=1", "--iters=1", "--warmups=0"]);
        let json = Controlled::start(command.args(*more)).complete(|_| {});
        assert_eq!(number(&json, "units"), 1.0);
        assert_eq!(number(&json, "stddev_ns"), 0.0);
    }
}

#[test]
fn more_bytes_in_flight_are_more_units() {
    for (program, more) in FORMS {
        if more.contains(&"chain") {
            continue; // it takes no work
        }
        let mut command = small(program, more);
        command.args(["--tokens", "5", "--work", "100"]);
        let json = Controlled::start(&mut command).complete(|_| {});
        assert_eq!(number(&json, "units"), 500.0, "{json}");
        assert_eq!(number(&json, "tokens"), 5.0);
        assert_eq!(number(&json, "work_steps"), 100.0);
        assert!(number(&json, "work_ns") > 1.0);
        assert!((number(&json, "ns_per_unit") - number(&json, "mean_ns") / 50.0).abs() < 0.01);
    }
}

#[test]
fn wrong_answers_end_the_program() {
    for (program, more) in FORMS {
        for before in ["", "go\n"] {
            let mut controlled = Controlled::start(&mut small(program, more));
            controlled.announced("begin");
            if !before.is_empty() {
                controlled.answer(before);
                controlled.announced("end");
            }
            controlled.answer("stop\n");
            let ended = controlled.ended();
            assert_eq!(ended.status.code(), Some(1));
            assert!(stderr(&ended).contains("expected `go`"));
            assert_eq!(stderr(&ended).lines().count(), 1);
        }
        // Nobody there any more.
        let mut controlled = Controlled::start(&mut small(program, more));
        controlled.announced("begin");
        let ended = controlled.ended();
        assert_eq!(ended.status.code(), Some(1));
        assert!(stderr(&ended).contains("control socket"));
    }
}

#[test]
fn wrong_control_descriptors() {
    for value in ["", "x", "-1", "0", "987654"] {
        let mut command = small(THREAD, &[]);
        command.env("TRACER_CONTROL_FD", value);
        command.stdin(std::process::Stdio::null());
        let ended = command.output().unwrap();
        assert_eq!(ended.status.code(), Some(1), "{value:?}");
        assert!(stderr(&ended).contains("TRACER_CONTROL_FD"));
    }
}

#[test]
fn bad_usage() {
    for (program, words, expected) in [
        (THREAD, &["--tasks", "0"][..], "--tasks \"0\""),
        (THREAD, &["--iters", "-1"], "--iters \"-1\""),
        (THREAD, &["--warmups", "x"], "from 0 to"),
        (THREAD, &["--flavor", "current-thread"], "--flavor"),
        (ASYNC, &["--tasks", "many"], "from 1 to"),
        (ASYNC, &["--flavor", "x"], "multi-thread, current-thread"),
        (ASYNC, &["--workers", "0"], "--workers \"0\""),
        (ONE, &["--tokens", "0"], "--tokens \"0\""),
        (ONE, &["--tokens", "70000"], "stand still"),
        (
            THREAD,
            &["--transport", "pipe", "--tokens", "65537"],
            "at most 65536",
        ),
        (ASYNC, &["--tokens", "x"], "--tokens \"x\""),
        (THREAD, &["--work", "-1"], "--work \"-1\""),
        (ONE, &["--transport", "tcp"], "socketpair, pipe"),
        (ASYNC_MEM, &["--workers", "2"], "no workers"),
        (URING, &["--mode", "x"], "per-hop, chain, per-thread"),
        (URING, &["--mode", "chain", "--work", "1"], "--work"),
        (
            URING,
            &["--mode", "chain", "--tasks", "16384"],
            "at most 32768",
        ),
        (
            URING,
            &["--mode", "chain", "--tokens", "99"],
            "at most 32768",
        ),
        (URING, &["--mode", "per-thread", "--sqpoll"], "--sqpoll"),
        (URING, &["--sqpoll=1"], "--sqpoll"),
        (ASYNC_MEM, &["--transport", "pipe"], "--transport"),
        (THREAD_MEM, &["--tasks", "3", "--tokens", "8"], "at most 7"),
        (
            ASYNC,
            &["--workers", "2", "--flavor", "current-thread"],
            "no workers",
        ),
    ] {
        let ended = output(Command::new(program).args(words));
        assert_eq!(ended.status.code(), Some(2), "{words:?}");
        assert!(stderr(&ended).contains(expected), "{}", stderr(&ended));
        assert_eq!(stderr(&ended).lines().count(), 1);
        assert_eq!(stdout(&ended), "");
    }
}

#[test]
fn help() {
    for program in [THREAD, ASYNC, ONE, PROCESS, THREAD_MEM, ASYNC_MEM, URING] {
        let ended = output(Command::new(program).arg("--help"));
        assert!(ended.status.success());
        for expected in [
            "--tasks",
            "--iters",
            "--tokens",
            "--work",
            "TRACER_CONTROL_FD",
        ] {
            assert!(stdout(&ended).contains(expected));
        }
    }
}

#[test]
fn too_few_descriptors() {
    let needs_none = [PROCESS, THREAD_MEM, ASYNC_MEM];
    for (program, more) in FORMS
        .iter()
        .filter(|(program, _)| !needs_none.contains(program))
    {
        let mut command = Command::new(program);
        command.args(["--tasks", "100"]).args(*more);
        let limit = libc::rlimit {
            rlim_cur: 64,
            rlim_max: 64,
        };
        // SAFETY: setrlimit may be called between fork and exec.
        unsafe {
            command.pre_exec(move || {
                libc::setrlimit(libc::RLIMIT_NOFILE, &limit);
                Ok(())
            });
        }
        let ended = output(&mut command);
        assert_eq!(ended.status.code(), Some(1));
        assert!(
            stderr(&ended).contains("the limit is 64"),
            "{}",
            stderr(&ended)
        );
        assert_eq!(stderr(&ended).lines().count(), 1);
    }
}

#[test]
fn soft_limit_is_raised() {
    let mut command = small(THREAD, &[]);
    // SAFETY: both calls may be made between fork and exec, and the limit is valid.
    unsafe {
        command.pre_exec(|| {
            let mut limit = std::mem::zeroed();
            libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit);
            limit.rlim_cur = 16;
            libc::setrlimit(libc::RLIMIT_NOFILE, &limit);
            Ok(())
        });
    }
    let ended = output(&mut command);
    assert!(ended.status.success(), "{}", stderr(&ended));
}

#[test]
fn as_many_values_as_fit_do_not_stand_still() {
    for program in [THREAD_MEM, ASYNC_MEM] {
        let mut command = small(program, &["--tokens", "21"]);
        let json = Controlled::start(&mut command).complete(|_| {});
        assert_eq!(number(&json, "units"), 2100.0);
    }
}

#[test]
fn chains_carry_more_bytes() {
    let mut command = small(URING, &["--mode", "chain", "--tokens", "5"]);
    let json = Controlled::start(&mut command).complete(|_| {});
    assert_eq!(number(&json, "units"), 500.0);
}

#[test]
fn the_kernels_thread_takes_the_submissions() {
    for mode in ["per-hop", "chain"] {
        let mut command = small(URING, &["--sqpoll", "--mode", mode]);
        let json = Controlled::start(&mut command).complete(|_| {});
        assert!(number(&json, "iou-sqp_thread_cpu_ns") > 0.0, "{json}");
    }
}

/// Lets io_uring_setup fail with `code` in the program, as a container's profile would.
fn without_uring(command: &mut Command, code: i32) {
    const SECCOMP_RET_ERRNO: u32 = 0x0005_0000;
    const SECCOMP_RET_ALLOW: u32 = 0x7fff_0000;
    let statement = |code: u32, jump: (u8, u8), k: u32| libc::sock_filter {
        code: code as u16,
        jt: jump.0,
        jf: jump.1,
        k,
    };
    let mut filter = [
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, (0, 0), 0),
        statement(
            libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K,
            (0, 1),
            libc::SYS_io_uring_setup as u32,
        ),
        statement(
            libc::BPF_RET | libc::BPF_K,
            (0, 0),
            SECCOMP_RET_ERRNO | code as u32,
        ),
        statement(libc::BPF_RET | libc::BPF_K, (0, 0), SECCOMP_RET_ALLOW),
    ];
    // SAFETY: prctl may be called between fork and exec; the program it gets is valid.
    unsafe {
        command.pre_exec(move || {
            let program = libc::sock_fprog {
                len: filter.len() as u16,
                filter: filter.as_mut_ptr(),
            };
            let given = std::ptr::addr_of!(program);
            if libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
                || libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, given) != 0
            {
                return Err(std::io::Error::last_os_error());
            }
            Ok(())
        });
    }
}

#[test]
fn where_uring_is_forbidden_the_message_says_how_to_allow_it() {
    for (code, expected) in [(libc::ENOSYS, "CONFIG_IO_URING"), (libc::EPERM, "allow")] {
        let mut command = small(URING, &[]);
        without_uring(&mut command, code);
        let ended = output(&mut command);
        assert_eq!(ended.status.code(), Some(1));
        assert!(
            stderr(&ended).contains("io_uring cannot be used"),
            "{}",
            stderr(&ended)
        );
        assert!(stderr(&ended).contains(expected), "{}", stderr(&ended));
        assert_eq!(stderr(&ended).lines().count(), 1);
    }
}

#[test]
fn a_quarter_of_a_million_tasks() {
    let mut command = Command::new(ASYNC_MEM);
    command.args(["--tasks", "250000", "--iters", "1", "--warmups", "1"]);
    let json = Controlled::start(&mut command).complete(|_| {});
    assert_eq!(number(&json, "units"), 250_000.0);
}

/// The children of a process, as the kernel lists them.
fn children(pid: u32) -> Vec<libc::pid_t> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let text = std::fs::read_to_string(path).unwrap();
    text.split_whitespace()
        .map(|pid| pid.parse().unwrap())
        .collect()
}

fn is_there(pid: libc::pid_t) -> bool {
    // SAFETY: signal 0 only asks.
    unsafe { libc::kill(pid, 0) == 0 }
}

#[test]
fn a_killed_process_of_the_brigade_is_an_error_and_none_is_left() {
    let mut controlled = Controlled::start(&mut small(PROCESS, &[]));
    controlled.announced("begin");
    let members = children(controlled.child.id());
    assert_eq!(members.len(), 10);
    // SAFETY: a child of the program under test.
    unsafe { libc::kill(members[4], libc::SIGKILL) };
    controlled.answer("go\n");
    let ended = controlled.ended();
    assert_eq!(ended.status.code(), Some(1));
    let text = stderr(&ended);
    assert!(text.contains("process 5 of the brigade"), "{text}");
    assert!(text.contains("killed by signal 9"), "{text}");
    assert!(members.iter().all(|&pid| !is_there(pid)));
}

#[test]
fn the_processes_die_with_their_driver() {
    let mut controlled = Controlled::start(&mut small(PROCESS, &[]));
    controlled.announced("begin");
    let members = children(controlled.child.id());
    controlled.child.kill().unwrap();
    controlled.child.wait().unwrap();
    for _ in 0..500 {
        if members.iter().all(|&pid| !runs(pid)) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("processes outlive their driver: {members:?}");
}

/// False too for a zombie, which is its new parent's to reap.
fn runs(pid: libc::pid_t) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ")
        .next()
        .is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}
