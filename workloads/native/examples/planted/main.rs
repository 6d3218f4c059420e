//! Programs whose critical path is known, for tests of a profiler.
//!
//! Each mode plants a critical path: the comment above it says which thread is in which
//! state for how many milliseconds between `begin` and `end`. A profiler that observes the
//! run from outside has to find that path. All times are at least as long as given; the
//! hand-overs between them take microseconds on a machine that is not busy.
//!
//! The modes speak the same control protocol as the workloads. All threads of a mode
//! are blocked when `begin` is sent, unless their creation is the subject.

mod chains;
mod compute;
mod crew;
mod crowd;
mod gate;
mod handover;
mod locks;
mod params;
mod polling;
mod process;
mod signals;
mod sys;
mod waits;

use params::Params;
use std::io::Write;
use std::process::ExitCode;
use tracer_workloads::control::{Control, Measured};
use tracer_workloads::error::{run_main, Context};
use tracer_workloads::report::Report;
use tracer_workloads::{Error, Result};

/// A mode is given the control socket and its parameters; it opens and closes the window.
type Mode = fn(&mut Control, &mut Params) -> Result<Measured>;

const MODES: &[(&str, &str, Mode)] = &[
    (
        "sleep-then-compute",
        "[SLEEP 200] [COMPUTE 100]",
        waits::sleep_then_compute,
    ),
    ("two-chains", "[SHORT 50] [EACH 50]", chains::two_chains),
    (
        "handover",
        "futex|pipe|eventfd-epoll|signal|tcp|condvar [OTHER 60] [OWN 40]",
        handover::handover,
    ),
    ("external-wake", "[COMPUTE 50]", waits::external_wake),
    ("timer-sleep", "[SLEEP 20] [COMPUTE 50]", waits::timer_sleep),
    (
        "thread-in-window",
        "[OWN 30] [THREAD 60]",
        chains::thread_in_window,
    ),
    ("exec-non-leader", "[COMPUTE 60]", process::exec_non_leader),
    ("exec-tail", "[COMPUTE 60]", process::exec_tail),
    ("compute", "[COMPUTE 200]", waits::compute_only),
    ("stopped", "[BEFORE 40] [AFTER 40]", process::stopped),
    ("fork-child", "[CHILD 50]", process::fork_child),
    (
        "broadcast-futex",
        "[BEFORE 20] [EACH 1]",
        crowd::broadcast_futex,
    ),
    (
        "spurious",
        "[OTHER 60] [EVERY 10] [OWN 20]",
        crowd::spurious,
    ),
    (
        "busy-poll",
        "[EMPTY 2000] [TIMEOUTS 10] [READY 100]  (counts)",
        polling::busy_poll,
    ),
    (
        "futex-calls",
        "[TIMES 100] [TIMEOUTS 10]  (counts)",
        locks::futex_calls,
    ),
    ("std-mutex", "[TIMES 2000]  (counts)", locks::std_mutex),
];

fn main() -> ExitCode {
    run_main("planted", || {
        let (name, mut params) = Params::from_command_line()?;
        if name == "--help" || name == "-h" {
            return help();
        }
        let Some(&(_, _, mode)) = MODES.iter().find(|(known, _, _)| name == *known) else {
            return Err(Error::usage(format!(
                "mode {name:?} is not known; --help lists the modes"
            )));
        };
        let mut control = Control::from_env()?;
        let measured = mode(&mut control, &mut params)?;
        Report::of_one_run(measured).deliver(&mut control, true)
    })
}

fn help() -> Result<()> {
    let mut text = String::from("Usage: planted MODE [MILLISECONDS ...]\n\n");
    for (name, params, _) in MODES {
        text.push_str(&format!("  {name:18} {params}\n"));
    }
    write!(std::io::stdout(), "{text}").context("write to standard output")
}
