//! Every task is a thread with a ring of its own: one io_uring_enter for each hop instead of
//! a read and a write, and still one wake-up and one switch.

use crate::{drive, Figures, Setup};
use std::io;
use tracer_workloads::brigade::BYTE;
use tracer_workloads::control::{Control, Measured};
use tracer_workloads::crew::Crew;
use tracer_workloads::load::Load;
use tracer_workloads::ring::{After, Ring};
use tracer_workloads::transport::End;
use tracer_workloads::{Error, Result};

/// A send and a receive; the driver's ring submits more often when it has more bytes.
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
        // The ring points to the byte, so it is the first to go.
        let mut byte = Box::new(0);
        let mut ring = ring;
        let mut done = Vec::with_capacity(ENTRIES);
        drive(setup, times, control, || {
            for _ in 0..load.tokens {
                // SAFETY: the byte is static.
                unsafe { ring.send(&front, BYTE.as_ptr(), After::Nothing)? };
            }
            for _ in 0..load.tokens {
                // SAFETY: the byte lives until the end of the drive, when no receive waits.
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
    // The ring points to the bytes, so it is the first to go.
    let (mut received, mut sent) = (Box::new(0), Box::new(0));
    let mut ring = ring;
    let mut done = Vec::with_capacity(ENTRIES);
    loop {
        // SAFETY: the receive is waited for, and its byte looked at only after it is done. The
        // byte that is sent stays until then too: it was in the socket before it came back, or
        // the same value follows it.
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
