//! One ring and one thread for all tasks. Every task has a receive pending; when it is done,
//! the next io_uring_enter submits the task's send and its next receive, and waits.

use crate::{drive, Figures, Setup};
use tracer_workloads::brigade::BYTE;
use tracer_workloads::control::{Control, Measured};
use tracer_workloads::load::Load;
use tracer_workloads::ring::{After, Ring};
use tracer_workloads::transport::End;
use tracer_workloads::{Error, Result};

/// Requests that are queued at a time: a send and a receive for each byte in flight. With
/// more bytes than fit there are more calls of io_uring_enter.
const ENTRIES: usize = 256;

/// The whole row. Fields are dropped in their order, so the ring, whose requests point to the
/// others, comes first.
struct Row {
    ring: Ring,
    front: End,
    back: End,
    members: Vec<(End, End)>,
    /// What each member receives into (the driver's comes last) and what it sends from.
    received: Vec<u8>,
    sent: Vec<u8>,
    load: Load,
}

pub fn run(setup: &Setup, times: &mut [u64], control: &mut Control) -> Result<(Measured, Figures)> {
    let tasks = setup.options.tasks;
    let ring = Ring::new(ENTRIES, setup.polled, tasks)?;
    let (front, back, members) = setup.transport.row(tasks)?;
    let mut row = Row {
        ring,
        front,
        back,
        members,
        received: vec![0; tasks + 1],
        sent: vec![0; tasks],
        load: setup.load,
    };
    for member in 0..=tasks {
        row.receive(member)?;
    }
    row.ring.submit(0)?;
    let mut done = Vec::with_capacity(tasks + 1);
    drive(setup, times, control, || row.trip(&mut done))
}

impl Row {
    fn receive(&mut self, member: usize) -> Result<()> {
        let end = self
            .members
            .get(member)
            .map_or(&self.back, |(upstream, _)| upstream);
        let byte = &mut self.received[member];
        // SAFETY: the vector is never resized and outlives the ring; the byte is read only
        // when the receive is done.
        unsafe { self.ring.receive(end, byte, After::Report(member as u64)) }
    }

    fn trip(&mut self, done: &mut Vec<u64>) -> Result<()> {
        for _ in 0..self.load.tokens {
            // SAFETY: the byte is static.
            unsafe { self.ring.send(&self.front, BYTE.as_ptr(), After::Nothing)? };
        }
        let mut arrived = 0;
        while arrived < self.load.tokens {
            if !self.ring.wait(1, done)? {
                return Err(Error::failed("a joint of the brigade closed"));
            }
            for &number in done.iter() {
                let member = number as usize;
                if member < self.members.len() {
                    self.load.work();
                    self.sent[member] = self.received[member];
                    let (_, downstream) = &self.members[member];
                    // SAFETY: as in `receive`. The bytes are all equal, so a pending send may
                    // read a later one.
                    unsafe {
                        self.ring
                            .send(downstream, &self.sent[member], After::Nothing)?
                    };
                } else {
                    arrived += 1;
                }
                self.receive(member)?;
            }
        }
        Ok(())
    }
}
