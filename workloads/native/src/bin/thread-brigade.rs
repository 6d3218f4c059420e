//! A bucket brigade of threads.
//!
//! Each hop is one read and one write of one byte, and a switch from one thread to the
//! next: the price of a hop is that of handing over between threads.

use std::io;
use std::process::ExitCode;
use std::thread::{Builder, JoinHandle};
use tracer_workloads::brigade::{self, Options};
use tracer_workloads::control::{Control, Measured};
use tracer_workloads::error::{run_main, Context};
use tracer_workloads::limits::{self, explain, Making};
use tracer_workloads::load::{self, Load};
use tracer_workloads::transport::{self, End, Transport};
use tracer_workloads::{row, Error, Result};

const ABOUT: &str = "\
Measures how long a byte takes through a row of threads joined by sockets or pipes.

Usage: thread-brigade [options]

";

/// Enough for the loop below; as in the published program.
const STACK: usize = 1024 * 1024;

fn main() -> ExitCode {
    run_main("thread-brigade", || {
        let (mut load, mut transport) = (Load::default(), Transport::default());
        let help = [ABOUT, transport::HELP, load::HELP];
        let Some(options) = Options::parse(Options::default(), &help, |name, parser| {
            Ok(load.take(name, parser)? || transport.take(name, parser)?)
        })?
        else {
            return Ok(());
        };
        let mut control = Control::from_env()?;
        let (times, measured) = run(&options, load, transport, &mut control)?;
        brigade::report(&mut control, &options, load, times, measured)
    })
}

fn run(
    options: &Options,
    load: Load,
    transport: Transport,
    control: &mut Control,
) -> Result<(Vec<u64>, Measured)> {
    limits::raise_open_files();
    transport.fit(load)?;
    limits::check_memory_areas(options.tasks)?;
    let mut times = brigade::room_for_times(options.iterations)?;
    let (front, back, threads) = line_up(options.tasks, load, transport)?;
    let outcome = row::drive(front, back, options, load, &mut times, control, || Ok(()));
    // The driver's ends are closed by now, so every thread sees the end of its input.
    // A thread's own error explains more than the driver's, which follows from it.
    let mut failed = Ok(());
    for thread in threads {
        let ended = match thread.join() {
            Ok(ended) => ended.context("a thread of the brigade"),
            Err(_) => Err(Error::failed("a thread of the brigade panicked")),
        };
        failed = failed.and(ended);
    }
    failed.and(outcome).map(|measured| (times, measured))
}

type Row = (End, End, Vec<JoinHandle<io::Result<()>>>);

/// Starts the threads; returns the front end to write to and the back end to read from.
fn line_up(tasks: usize, load: Load, transport: Transport) -> Result<Row> {
    let no_joints = |error| explain(Making::Sockets, tasks, &error);
    let mut threads = Vec::with_capacity(tasks);
    let (mut back, front) = transport.join().map_err(no_joints)?;
    for _ in 0..tasks {
        let (next_back, downstream) = transport.join().map_err(no_joints)?;
        let upstream = std::mem::replace(&mut back, next_back);
        let thread = Builder::new()
            .stack_size(STACK)
            .spawn(move || row::pass_on(upstream, downstream, load))
            .map_err(|error| explain(Making::Threads, tasks, &error))?;
        threads.push(thread);
    }
    Ok((front, back, threads))
}
