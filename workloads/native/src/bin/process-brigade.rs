//! A bucket brigade of processes.
//!
//! The same calls and switches as in the brigade of threads, but each member has an address
//! space of its own: what a hop costs more is the change of address space.

use std::os::fd::AsRawFd;
use std::process::ExitCode;
use tracer_workloads::brigade::{self, Options, Outcome, Setup};
use tracer_workloads::children::{close_inherited, Children, Tally};
use tracer_workloads::control::Control;
use tracer_workloads::error::Context;
use tracer_workloads::limits::{explain, Making};
use tracer_workloads::row::{self, Driver};
use tracer_workloads::rusage::Usage;
use tracer_workloads::Result;

const ABOUT: &str = "\
Measures how long a byte takes through a row of processes joined by sockets or pipes.

Usage: process-brigade [options]

";

/// The byte at which every member writes its usage into the tally.
const TALLY: u8 = b'u';

fn main() -> ExitCode {
    brigade::main("process-brigade", ABOUT, run)
}

fn run(setup: &Setup, control: &mut Control) -> Result<Outcome> {
    let tally = Tally::new(setup.options.tasks)?;
    let mut children = Children::new(setup.options.tasks);
    let outcome = line_up(&mut children, tally, setup, control)
        .and_then(|driver| drive(driver, tally, &setup.options, control));
    // The driver's ends are closed by now, so every process reads the end of its input.
    children.join(outcome)
}

/// Starts the processes. Each closes its copies of the driver's ends: a reader sees the end
/// of its input only when all copies of the other end are closed.
fn line_up(
    children: &mut Children,
    tally: Tally,
    setup: &Setup,
    control: &Control,
) -> Result<Driver> {
    let (load, transport) = (setup.load, setup.transport);
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

/// Sends the bytes through, and closes both ends on return. getrusage counts a child only
/// after it has ended, so the children write their usage before and after the measured part.
fn drive(
    mut driver: Driver,
    tally: Tally,
    options: &Options,
    control: &mut Control,
) -> Result<Outcome> {
    // After the forks: pages shared with the children would fault when a trip writes to them.
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
