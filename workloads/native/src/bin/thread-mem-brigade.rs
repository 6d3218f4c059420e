//! A bucket brigade of threads without I/O: a number passes from channel to channel, and each
//! hop is a switch from one thread to the next through a futex.

use std::process::ExitCode;
use std::sync::mpsc::{sync_channel, Receiver, SyncSender};
use std::time::Instant;
use tracer_workloads::brigade::{self, Options, Outcome};
use tracer_workloads::control::{Control, Measured};
use tracer_workloads::crew::Crew;
use tracer_workloads::error::run_main;
use tracer_workloads::load::{self, Load};
use tracer_workloads::memory::{self, broken, CAPACITY};
use tracer_workloads::Result;

const ABOUT: &str = "\
Measures how long a number takes through a row of threads joined by channels in memory.

Usage: thread-mem-brigade [options]

";

fn main() -> ExitCode {
    run_main("thread-mem-brigade", || {
        let mut load = Load::default();
        let help = [ABOUT, load::HELP];
        let Some(options) = Options::parse(Options::default(), &help, |name, parser| {
            load.take(name, parser)
        })?
        else {
            return Ok(());
        };
        memory::fit(load, options.tasks)?;
        let mut control = Control::from_env()?;
        let (times, measured) = run(&options, load, &mut control)?;
        brigade::report(&mut control, &options, load, times, measured)
    })
}

fn run(options: &Options, load: Load, control: &mut Control) -> Result<Outcome> {
    let mut times = brigade::room_for_times(options.iterations)?;
    let mut crew = Crew::new(options.tasks, 0)?;
    let (front, mut back) = sync_channel(CAPACITY);
    for _ in 0..options.tasks {
        let (downstream, next_back) = sync_channel(CAPACITY);
        let upstream = std::mem::replace(&mut back, next_back);
        crew.add(move || {
            pass_on(upstream, downstream, load);
            Ok(())
        })?;
    }
    let outcome = drive(front, back, options, load, &mut times, control);
    crew.join(outcome).map(|measured| (times, measured))
}

/// One member of the brigade, until one of its neighbours ends.
fn pass_on(upstream: Receiver<usize>, downstream: SyncSender<usize>, load: Load) {
    while let Ok(value) = upstream.recv() {
        load.work();
        if downstream.send(value + 1).is_err() {
            break;
        }
    }
}

/// Sends the values through, and closes both ends on return.
fn drive(
    front: SyncSender<usize>,
    back: Receiver<usize>,
    options: &Options,
    load: Load,
    times: &mut [u64],
    control: &mut Control,
) -> Result<Measured> {
    let trip = move || -> Result<u64> {
        let start = Instant::now();
        for _ in 0..load.tokens {
            front.send(0).map_err(|_| broken())?;
        }
        for _ in 0..load.tokens {
            memory::check(back.recv().map_err(|_| broken())?, options.tasks)?;
        }
        Ok(start.elapsed().as_nanos() as u64)
    };
    for _ in 0..options.warmups {
        trip()?;
    }
    let window = control.begin()?;
    for time in times {
        *time = trip()?;
    }
    control.end(window)
}
