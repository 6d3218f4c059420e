//! Each trip submits the whole row at once: every task is a receive with a send linked to it.
//! The kernel then runs the brigade, and one io_uring_enter waits for the last receive.

use crate::{drive, Figures, Setup};
use tracer_workloads::brigade::BYTE;
use tracer_workloads::control::{Control, Measured};
use tracer_workloads::ring::{After, Ring, MOST_ENTRIES};
use tracer_workloads::{Error, Result};

/// A receive and a send for each task and for the driver, for each byte in flight.
fn entries(setup: &Setup) -> usize {
    (setup.options.tasks + 1) * 2 * setup.load.tokens
}

/// Refuses what does not fit into one submission.
pub fn check(setup: &Setup) -> Result<()> {
    if entries(setup) <= MOST_ENTRIES {
        return Ok(());
    }
    Err(Error::usage(format!(
        "--mode chain submits {} requests at once (two for each of --tasks and --tokens), \
         and a ring takes at most {MOST_ENTRIES}",
        entries(setup)
    )))
}

pub fn run(setup: &Setup, times: &mut [u64], control: &mut Control) -> Result<(Measured, Figures)> {
    let (tasks, tokens) = (setup.options.tasks, setup.load.tokens);
    // One byte for each task, which it receives into and sends from; the driver's comes last.
    let mut bytes = vec![0; tasks + 1];
    let (front, back, members) = setup.transport.row(tasks)?;
    let mut ring = Ring::new(entries(setup), setup.polled, tasks)?;
    let mut done = Vec::with_capacity(tokens);
    drive(setup, times, control, || {
        for _ in 0..tokens {
            for ((upstream, downstream), byte) in members.iter().zip(&mut bytes) {
                // SAFETY: the vector is never resized and outlives the ring. The bytes in
                // flight are all equal, so one may overwrite another.
                unsafe {
                    ring.receive(upstream, byte, After::Next)?;
                    ring.send(downstream, byte, After::Nothing)?;
                }
            }
            // SAFETY: as above.
            unsafe { ring.receive(&back, &mut bytes[tasks], After::Report(0))? };
        }
        for _ in 0..tokens {
            // SAFETY: the byte is static.
            unsafe { ring.send(&front, BYTE.as_ptr(), After::Nothing)? };
        }
        let mut arrived = 0;
        while arrived < tokens {
            if !ring.wait(tokens - arrived, &mut done)? {
                return Err(Error::failed("a joint of the brigade closed"));
            }
            arrived += done.len();
        }
        Ok(())
    })
}
