//! A bucket brigade of asynchronous tasks without I/O: a number passes from channel to
//! channel, and each hop is a switch from one task to the next.

use std::process::ExitCode;
use std::time::Instant;
use tokio::sync::mpsc::{channel, Receiver, Sender};
use tracer_workloads::brigade::{self, Options, Outcome};
use tracer_workloads::control::{Control, Measured};
use tracer_workloads::error::run_main;
use tracer_workloads::load::{self, Load};
use tracer_workloads::memory::{self, broken, CAPACITY};
use tracer_workloads::runtime::{self, Flavor, Scheduler};
use tracer_workloads::Result;

const ABOUT: &str = "\
Measures how long a number takes through a row of async tasks joined by channels in memory.

Usage: async-mem-brigade [options]

";

fn main() -> ExitCode {
    run_main("async-mem-brigade", || {
        let mut load = Load::default();
        let mut scheduler = Scheduler::new(Flavor::CurrentThread);
        let schedulers = runtime::help(Flavor::CurrentThread);
        let help = [ABOUT, &schedulers, load::HELP];
        let Some(options) = Options::parse(Options::default(), &help, |name, parser| {
            Ok(scheduler.take(name, parser)? || load.take(name, parser)?)
        })?
        else {
            return Ok(());
        };
        scheduler.check()?;
        memory::fit(load, options.tasks)?;
        let mut control = Control::from_env()?;
        let runtime = scheduler.start(options.tasks)?;
        let (times, measured) = runtime.block_on(run(&options, load, &mut control))?;
        drop(runtime);
        brigade::report(&mut control, &options, load, times, measured)
    })
}

async fn run(options: &Options, load: Load, control: &mut Control) -> Result<Outcome> {
    let mut times = brigade::room_for_times(options.iterations)?;
    let mut tasks = Vec::with_capacity(options.tasks);
    let (front, mut back) = channel(CAPACITY);
    for _ in 0..options.tasks {
        let (downstream, next_back) = channel(CAPACITY);
        let upstream = std::mem::replace(&mut back, next_back);
        tasks.push(tokio::spawn(async move {
            pass_on(upstream, downstream, load).await;
            Ok(())
        }));
    }
    let outcome = drive(front, back, options, load, &mut times, control).await;
    runtime::finish(tasks, outcome)
        .await
        .map(|measured| (times, measured))
}

/// One member of the brigade, until one of its neighbours ends.
async fn pass_on(mut upstream: Receiver<usize>, downstream: Sender<usize>, load: Load) {
    while let Some(value) = upstream.recv().await {
        load.work();
        if downstream.send(value + 1).await.is_err() {
            break;
        }
    }
}

/// Sends the values through, and closes both ends on return.
async fn drive(
    front: Sender<usize>,
    mut back: Receiver<usize>,
    options: &Options,
    load: Load,
    times: &mut [u64],
    control: &mut Control,
) -> Result<Measured> {
    for _ in 0..options.warmups {
        trip(&front, &mut back, options.tasks, load.tokens).await?;
    }
    let window = control.begin()?;
    for time in times {
        *time = trip(&front, &mut back, options.tasks, load.tokens).await?;
    }
    control.end(window)
}

async fn trip(
    front: &Sender<usize>,
    back: &mut Receiver<usize>,
    tasks: usize,
    tokens: usize,
) -> Result<u64> {
    let start = Instant::now();
    for _ in 0..tokens {
        front.send(0).await.map_err(|_| broken())?;
    }
    for _ in 0..tokens {
        memory::check(back.recv().await.ok_or_else(broken)?, tasks)?;
    }
    Ok(start.elapsed().as_nanos() as u64)
}
