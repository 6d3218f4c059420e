//! A bucket brigade with one thread: the row of sockets or pipes is there, and one thread does
//! every read and every write in it.
//!
//! The thread never blocks and nothing switches, so this is what the I/O of a hop costs alone:
//! the lower bound for the other brigades.

use std::io::{self, Read, Write};
use std::process::ExitCode;
use tracer_workloads::brigade::{self, Outcome, Setup};
use tracer_workloads::control::Control;
use tracer_workloads::load::Load;
use tracer_workloads::row::Driver;
use tracer_workloads::transport::Member;
use tracer_workloads::Result;

const ABOUT: &str = "\
Measures the reads and writes of a brigade alone: one thread moves the byte along the row.

Usage: one-thread-brigade [options]

";

fn main() -> ExitCode {
    brigade::main("one-thread-brigade", ABOUT, run)
}

fn run(setup: &Setup, control: &mut Control) -> Result<Outcome> {
    let (options, load) = (&setup.options, setup.load);
    let mut times = brigade::room_for_times(options.iterations)?;
    let (front, back, mut members) = setup.transport.row(options.tasks)?;
    let mut driver = Driver { front, back, load };
    let mut pass = || pass_along(&mut members, load);
    driver.warm_up(options.warmups, &mut pass)?;
    let measured = driver.measure(&mut times, control, &mut pass)?;
    Ok((times, measured))
}

/// Moves all bytes from the front of the row to its back, one member after the other.
fn pass_along(members: &mut [Member], load: Load) -> io::Result<()> {
    let mut byte = [0];
    for (upstream, downstream) in members {
        for _ in 0..load.tokens {
            upstream.read_exact(&mut byte)?;
            load.work();
            downstream.write_all(&byte)?;
        }
    }
    Ok(())
}
