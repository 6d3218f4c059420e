//! How long it takes to create a thread, and from there until its body runs.

use std::process::ExitCode;
use std::thread::{Builder, JoinHandle};
use std::time::Instant;
use tracer_workloads::brigade::Options;
use tracer_workloads::control::Control;
use tracer_workloads::creation::Times;
use tracer_workloads::error::run_main;
use tracer_workloads::limits::{self, explain, Making};
use tracer_workloads::{Error, Result};

const ABOUT: &str = "\
Measures the creation of threads: how long one takes, and how long until it runs.
An iteration creates all of them one after the other, then joins them.

Usage: thread-creation [options]

";

fn main() -> ExitCode {
    run_main("thread-creation", || {
        let defaults = Options {
            tasks: 1000,
            iterations: 100,
            warmups: 10,
            ..Options::default()
        };
        let Some(options) = Options::parse(defaults, &[ABOUT], |_, _| Ok(false))? else {
            return Ok(());
        };
        let mut control = Control::from_env()?;
        limits::check_memory_areas(options.tasks, 0)?;
        let mut times = Times::new(&options)?;
        let mut started = Vec::with_capacity(options.tasks);
        for _ in 0..options.warmups {
            times.restart();
            iteration(options.tasks, &mut started, &mut times)?;
        }
        times.restart();
        let window = control.begin()?;
        for _ in 0..options.iterations {
            iteration(options.tasks, &mut started, &mut times)?;
        }
        let measured = control.end(window)?;
        times.report("thread created", &mut control, &options, measured)
    })
}

/// When the thread was created; the thread returns when its body began, on the same clock.
type Started = (Instant, JoinHandle<Instant>);

fn iteration(tasks: usize, started: &mut Vec<Started>, times: &mut Times) -> Result<()> {
    let mut failed = Ok(());
    let begun = Instant::now();
    for _ in 0..tasks {
        let created = Instant::now();
        match Builder::new().spawn(Instant::now) {
            Ok(thread) => started.push((created, thread)),
            Err(error) => {
                failed = Err(explain(Making::Threads, tasks, &error));
                break;
            }
        }
    }
    times.created(begun, Instant::now());
    for (created, thread) in started.drain(..) {
        match thread.join() {
            Ok(body) => times.started(created, body),
            Err(_) => failed = failed.and(Err(Error::failed("a created thread panicked"))),
        }
    }
    failed
}
