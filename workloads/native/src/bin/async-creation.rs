//! How long it takes to create an asynchronous task, and from there until its body runs.

use std::process::ExitCode;
use std::time::Instant;
use tokio::task::JoinHandle;
use tracer_workloads::brigade::Options;
use tracer_workloads::control::{Control, Measured};
use tracer_workloads::creation::Times;
use tracer_workloads::error::run_main;
use tracer_workloads::runtime::{self, Flavor, Scheduler};
use tracer_workloads::{Error, Result};

const ABOUT: &str = "\
Measures the creation of async tasks: how long one takes, and how long until it runs.
An iteration creates all of them one after the other, then waits for each.

Usage: async-creation [options]

";

fn main() -> ExitCode {
    run_main("async-creation", || {
        let defaults = Options {
            tasks: 10_000,
            iterations: 100,
            warmups: 10,
            ..Options::default()
        };
        let mut scheduler = Scheduler::new(Flavor::MultiThread);
        let schedulers = runtime::help(Flavor::MultiThread);
        let Some(options) = Options::parse(defaults, &[ABOUT, &schedulers], |name, parser| {
            scheduler.take(name, parser)
        })?
        else {
            return Ok(());
        };
        scheduler.check()?;
        let mut control = Control::from_env()?;
        let runtime = scheduler.start(options.tasks)?;
        let mut times = Times::new(&options)?;
        let measured = runtime.block_on(run(&options, &mut times, &mut control))?;
        drop(runtime);
        times.report("task created", &mut control, &options, measured)
    })
}

async fn run(options: &Options, times: &mut Times, control: &mut Control) -> Result<Measured> {
    let mut started = Vec::with_capacity(options.tasks);
    for _ in 0..options.warmups {
        times.restart();
        iteration(options.tasks, &mut started, times).await?;
    }
    times.restart();
    let window = control.begin()?;
    for _ in 0..options.iterations {
        iteration(options.tasks, &mut started, times).await?;
    }
    control.end(window)
}

/// When the task was created; the task returns when its body began, on the same clock.
type Started = (Instant, JoinHandle<Instant>);

async fn iteration(tasks: usize, started: &mut Vec<Started>, times: &mut Times) -> Result<()> {
    let begun = Instant::now();
    for _ in 0..tasks {
        let created = Instant::now();
        started.push((created, tokio::spawn(async { Instant::now() })));
    }
    times.created(begun, Instant::now());
    for (created, task) in started.drain(..) {
        let body = task.await;
        let body = body.map_err(|_| Error::failed("a created task panicked"))?;
        times.started(created, body);
    }
    Ok(())
}
