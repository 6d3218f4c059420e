//! A bucket brigade of threads.
//!
//! Each hop is one read and one write of one byte, and a switch from one thread to the
//! next: the price of a hop is that of handing over between threads.

use std::process::ExitCode;
use tracer_workloads::brigade::{self, Options};
use tracer_workloads::control::{Control, Measured};
use tracer_workloads::crew::Crew;
use tracer_workloads::error::run_main;
use tracer_workloads::limits;
use tracer_workloads::load::{self, Load};
use tracer_workloads::row::{self, Driver};
use tracer_workloads::transport::{self, Transport};
use tracer_workloads::Result;

const ABOUT: &str = "\
Measures how long a byte takes through a row of threads joined by sockets or pipes.

Usage: thread-brigade [options]

";

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
    let mut times = brigade::room_for_times(options.iterations)?;
    let mut crew = Crew::new(options.tasks, 0)?;
    let driver = line_up(&mut crew, options.tasks, load, transport)?;
    let outcome = driver.drive(options, &mut times, control);
    // The driver's ends are closed by now, so every thread sees the end of its input.
    crew.join(outcome).map(|measured| (times, measured))
}

/// Starts the threads; returns the driver's ends.
fn line_up(crew: &mut Crew, tasks: usize, load: Load, transport: Transport) -> Result<Driver> {
    let (front, back, members) = transport.row(tasks)?;
    for (upstream, downstream) in members {
        crew.add(move || row::pass_on(upstream, downstream, load, |_| ()))?;
    }
    Ok(Driver { front, back, load })
}
