//! A bucket brigade of one: the row of joints is there, and one thread does every read and
//! every write in it.
//!
//! Nothing ever waits, so this is what the input and output of a hop cost alone: the floor
//! under the other brigades.

use std::io::{self, Read, Write};
use std::process::ExitCode;
use tracer_workloads::brigade::{self, Options};
use tracer_workloads::control::{Control, Measured};
use tracer_workloads::error::run_main;
use tracer_workloads::limits;
use tracer_workloads::load::{self, Load};
use tracer_workloads::row::Driver;
use tracer_workloads::transport::{self, End, Transport};
use tracer_workloads::Result;

const ABOUT: &str = "\
Measures the reads and writes of a brigade alone: one thread moves the byte along the row.

Usage: one-thread-brigade [options]

";

fn main() -> ExitCode {
    run_main("one-thread-brigade", || {
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
    let (front, back, mut members) = transport.row(options.tasks)?;
    let mut driver = Driver { front, back, load };
    let mut pass = || pass_along(&mut members, load);
    driver.warm_up(options.warmups, &mut pass)?;
    let measured = driver.measure(&mut times, control, &mut pass)?;
    Ok((times, measured))
}

/// Moves all bytes from the front of the row to its back, one member after the other.
fn pass_along(members: &mut [(End, End)], load: Load) -> io::Result<()> {
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
