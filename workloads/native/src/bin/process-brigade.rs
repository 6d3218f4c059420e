//! A bucket brigade of processes.
//!
//! The same calls and the same switches as in that of the threads, but each member has an
//! address space of its own: what a hop costs more is the price of changing that.

use std::os::fd::AsRawFd;
use std::process::ExitCode;
use tracer_workloads::brigade::{self, Options};
use tracer_workloads::children::{close_inherited, Children, Tally};
use tracer_workloads::control::{Control, Measured};
use tracer_workloads::error::{run_main, Context};
use tracer_workloads::limits::{self, explain, Making};
use tracer_workloads::load::{self, Load};
use tracer_workloads::row::{self, Driver};
use tracer_workloads::rusage::Usage;
use tracer_workloads::transport::{self, Transport};
use tracer_workloads::Result;

const ABOUT: &str = "\
Measures how long a byte takes through a row of processes joined by sockets or pipes.

Usage: process-brigade [options]

";

/// The byte on which every member writes down what it has used so far.
const TALLY: u8 = b'u';

fn main() -> ExitCode {
    run_main("process-brigade", || {
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
    let tally = Tally::new(options.tasks)?;
    let mut children = Children::new(options.tasks);
    let outcome = line_up(&mut children, tally, load, transport, control)
        .and_then(|driver| drive(driver, tally, options, control));
    // The driver's ends are closed by now, so every process sees the end of its input.
    children.join(outcome)
}

/// Starts the processes. Each closes the ends of the driver that it inherits: a row ends
/// when the last holder of an end is gone.
fn line_up(
    children: &mut Children,
    tally: Tally,
    load: Load,
    transport: Transport,
    control: &Control,
) -> Result<Driver> {
    let size = children.size();
    let no_joints = |error| explain(Making::Sockets, size, &error);
    let (mut back, front) = transport.join().map_err(no_joints)?;
    for number in 0..size {
        let (next_back, downstream) = transport.join().map_err(no_joints)?;
        let upstream = std::mem::replace(&mut back, next_back);
        let mut inherited = vec![front.as_raw_fd(), back.as_raw_fd()];
        inherited.extend(control.descriptor());
        children.add(move || {
            close_inherited(&inherited);
            row::pass_on(upstream, downstream, load, |byte| {
                if byte == TALLY {
                    tally.write(number);
                }
            })
        })?;
    }
    Ok(Driver { front, back, load })
}

/// Sends the bytes through, and closes both ends on return. The kernel tells what a child has
/// used only when it has ended, so the children themselves say it around the measured part.
fn drive(
    mut driver: Driver,
    tally: Tally,
    options: &Options,
    control: &mut Control,
) -> Result<(Vec<u64>, Measured)> {
    let mut times = brigade::room_for_times(options.iterations)?;
    let used = |driver: &mut Driver| -> Result<Usage> {
        driver.send_through(TALLY).context("ask for the usage")?;
        Ok(tally.sum())
    };
    driver.warm_up(options.warmups, || Ok(()))?;
    let before = used(&mut driver)?;
    let mut measured = driver.measure(&mut times, control, || Ok(()))?;
    let own = measured.usage;
    measured.usage = own.plus(used(&mut driver)?.since(before));
    measured.usage.max_rss_bytes = own.max_rss_bytes;
    Ok((times, measured))
}
