//! Known numbers of io_uring operations, so that a profiler's counts can be checked.
//!
//! Between `begin` and `end`, on one ring, each line with its own calls of io_uring_enter:
//!
//! | operations | how they complete | calls |
//! |---|---|---|
//! | NOPS nop, in batches of at most 8 | at once | NOPS / 8, rounded up |
//! | PAIRS recv, each submitted before the send that answers it | by poll | PAIRS |
//! | PAIRS send | at once | PAIRS |
//! | WRITES write to /dev/null, forced to a worker | by a worker | WRITES |
//! | TIMEOUTS timeout of 1 ms, which fail with ETIME | later | TIMEOUTS |
//! | 4 + FULL nop on another ring, with room for 4 completions | at once; FULL overflow | 4 + FULL |

use io_uring::{cqueue, opcode, squeue, types, IoUring};
use std::ffi::OsString;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use tracer_workloads::control::Control;
use tracer_workloads::error::{run_main, Context};
use tracer_workloads::report::Report;
use tracer_workloads::{args, Error, Result};

const BATCH: usize = 8;
/// Submission entries of the small ring; the kernel gives its completion ring twice as many.
const SMALL: u32 = 2;
const ETIME: i32 = -62;

fn main() -> ExitCode {
    run_main("uring-ops", || {
        let mut words = std::env::args_os().skip(1);
        let mut next = |name| number(name, words.next());
        let (nops, pairs) = (next("NOPS")?, next("PAIRS")?);
        let (writes, timeouts, full) = (next("WRITES")?, next("TIMEOUTS")?, next("FULL")?);
        let mut control = Control::from_env()?;
        let mut ring = IoUring::new(16).context("io_uring_setup")?;
        let mut small = IoUring::new(SMALL).context("io_uring_setup")?;
        let (near, far) = UnixStream::pair().context("socketpair")?;
        let null = File::options()
            .write(true)
            .open("/dev/null")
            .context("/dev/null")?;

        let window = control.begin()?;
        for done in (0..nops).step_by(BATCH) {
            let batch: Vec<_> = (done..nops.min(done + BATCH))
                .map(|_| opcode::Nop::new().build())
                .collect();
            finish(&mut ring, &batch, 0)?;
        }
        for _ in 0..pairs {
            pair(&mut ring, &near, &far)?;
        }
        for _ in 0..writes {
            let byte = [0u8];
            let write = opcode::Write::new(types::Fd(null.as_raw_fd()), byte.as_ptr(), 1);
            finish(&mut ring, &[write.build().flags(squeue::Flags::ASYNC)], 1)?;
        }
        for _ in 0..timeouts {
            let length = types::Timespec::new().nsec(1_000_000);
            finish(&mut ring, &[opcode::Timeout::new(&length).build()], ETIME)?;
        }
        overflow(&mut small, full)?;
        let measured = control.end(window)?;
        Report::of_one_run(measured).deliver(&mut control, true)
    })
}

fn number(name: &str, value: Option<OsString>) -> Result<usize> {
    let value = value.ok_or_else(|| Error::usage(format!("{name} is needed")))?;
    args::whole_number(name, value, 0, 1_000_000).map(|n| n as usize)
}

fn push(ring: &mut IoUring, entries: &[squeue::Entry]) -> Result<()> {
    // SAFETY: what the entries point to is valid until their completions are taken.
    unsafe { ring.submission().push_multiple(entries) }
        .map_err(|_| Error::failed("the submission ring is full"))
}

fn take(ring: &mut IoUring, expected: i32) -> Result<()> {
    let entry: Option<cqueue::Entry> = ring.completion().next();
    match entry.map(|e| e.result()) {
        Some(result) if result == expected => Ok(()),
        other => Err(Error::failed(format!(
            "a completion has the result {other:?}, expected {expected}"
        ))),
    }
}

/// One call that submits the entries and waits for all; each has the result `expected`.
fn finish(ring: &mut IoUring, entries: &[squeue::Entry], expected: i32) -> Result<()> {
    push(ring, entries)?;
    ring.submit_and_wait(entries.len())
        .context("io_uring_enter")?;
    for _ in entries {
        take(ring, expected)?;
    }
    Ok(())
}

/// One call for the receive, which has nothing to receive yet, and one for the send.
fn pair(ring: &mut IoUring, near: &UnixStream, far: &UnixStream) -> Result<()> {
    let mut byte = [0u8];
    let receive = opcode::Recv::new(types::Fd(far.as_raw_fd()), byte.as_mut_ptr(), 1);
    push(ring, &[receive.build()])?;
    ring.submit().context("io_uring_enter")?;
    let send = opcode::Send::new(types::Fd(near.as_raw_fd()), b"*".as_ptr(), 1);
    push(ring, &[send.build()])?;
    ring.submit_and_wait(2).context("io_uring_enter")?;
    take(ring, 1)?;
    take(ring, 1)
}

/// As many completions as fit, then `full` more, which overflow: the kernel keeps them until
/// there is room.
fn overflow(ring: &mut IoUring, full: usize) -> Result<()> {
    if full == 0 {
        return Ok(());
    }
    let room = 2 * SMALL as usize;
    for _ in 0..room + full {
        push(ring, &[opcode::Nop::new().build()])?;
        ring.submit().context("io_uring_enter")?;
    }
    Ok(())
}
