//! Every task is a thread with a ring of its own: a hop is one io_uring_enter instead of a
//! read and a write, and still one wake-up and one switch.

use crate::{drive, Figures, Setup};
use std::io;
use tracer_workloads::brigade::BYTE;
use tracer_workloads::control::{Control, Measured};
use tracer_workloads::crew::Crew;
use tracer_workloads::load::Load;
use tracer_workloads::ring::{After, Ring};
use tracer_workloads::transport::End;
use tracer_workloads::{Error, Result};

/// A send and a receive. The driver calls io_uring_enter more often for more bytes.
const ENTRIES: usize = 2;
/// Memory areas of a ring.
const AREAS: u64 = 2;

pub fn run(setup: &Setup, times: &mut [u64], control: &mut Control) -> Result<(Measured, Figures)> {
    let (tasks, load) = (setup.options.tasks, setup.load);
    let mut crew = Crew::new(tasks, AREAS)?;
    let (front, back, members) = setup.transport.row(tasks)?;
    for (upstream, downstream) in members {
        let ring = Ring::new(ENTRIES, false, tasks)?;
        crew.add(move || {
            pass_on(ring, &upstream, &downstream, load)
                .map_err(|error| io::Error::other(error.to_string()))
        })?;
    }
    let outcome = Ring::new(ENTRIES, false, tasks).and_then(|ring| {
        // Declared after the byte that its requests point to, so dropped before it.
        let mut byte = Box::new(0);
        let mut ring = ring;
        let mut done = Vec::with_capacity(ENTRIES);
        drive(setup, times, control, || {
            for _ in 0..load.tokens {
                // SAFETY: the byte is static.
                unsafe { ring.send(&front, BYTE.as_ptr(), After::Nothing)? };
            }
            for _ in 0..load.tokens {
                // SAFETY: the receive is waited for, so the byte outlives it.
                unsafe { ring.receive(&back, &mut *byte, After::Report(0))? };
                if !ring.wait(1, &mut done)? {
                    return Err(Error::failed("a task of the brigade ended too early"));
                }
            }
            Ok(())
        })
    });
    drop((front, back));
    crew.join(outcome)
}

/// One member of the brigade, until its input ends.
fn pass_on(ring: Ring, upstream: &End, downstream: &End, load: Load) -> Result<()> {
    // Declared after the bytes that its requests point to, so dropped before them.
    let (mut received, mut sent) = (Box::new(0), Box::new(0));
    let mut ring = ring;
    let mut done = Vec::with_capacity(ENTRIES);
    loop {
        // SAFETY: the receive is waited for, and its byte read only when it is done. The send
        // is done before the byte comes round again, or the value that overwrites it is equal.
        unsafe { ring.receive(upstream, &mut *received, After::Report(0))? };
        if !ring.wait(1, &mut done)? {
            return Ok(());
        }
        load.work();
        *sent = *received;
        // SAFETY: as above.
        unsafe { ring.send(downstream, &*sent, After::Nothing)? };
    }
}
