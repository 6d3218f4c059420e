//! A bucket brigade of threads.
//!
//! Each hop is one read and one write of one byte, and a switch from one thread to the next.

use std::process::ExitCode;
use tracer_workloads::brigade::{self, Outcome, Setup};
use tracer_workloads::control::Control;
use tracer_workloads::crew::Crew;
use tracer_workloads::row::{self, Driver};
use tracer_workloads::Result;

const ABOUT: &str = "\
Measures how long a byte takes through a row of threads joined by sockets or pipes.

Usage: thread-brigade [options]

";

fn main() -> ExitCode {
    brigade::main("thread-brigade", ABOUT, run)
}

fn run(setup: &Setup, control: &mut Control) -> Result<Outcome> {
    let mut times = brigade::room_for_times(setup.options.iterations)?;
    let mut crew = Crew::new(setup.options.tasks, 0)?;
    let driver = line_up(&mut crew, setup)?;
    let outcome = driver.drive(&setup.options, &mut times, control);
    // The driver's ends are closed by now, so every thread reads the end of its input.
    crew.join(outcome).map(|measured| (times, measured))
}

/// Starts the threads; returns the driver's ends.
fn line_up(crew: &mut Crew, setup: &Setup) -> Result<Driver> {
    let load = setup.load;
    let (front, back, members) = setup.transport.row(setup.options.tasks)?;
    for (upstream, downstream) in members {
        crew.add(move || row::pass_on(upstream, downstream, load, |_| ()))?;
    }
    Ok(Driver { front, back, load })
}
