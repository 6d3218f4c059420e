//! A bucket brigade of threads.
//!
//! Each hop is one read and one write of one byte, and a switch from one thread to the
//! next: the price of a hop is that of handing over between threads.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::thread::{Builder, JoinHandle};
use tracer_workloads::brigade::{self, Options, BYTE};
use tracer_workloads::control::{Control, Measured};
use tracer_workloads::error::{run_main, Context};
use tracer_workloads::limits::{self, explain, Making};
use tracer_workloads::{Error, Result};

const HELP: &str = "\
Measures how long a byte takes through a row of threads joined by sockets.

Usage: thread-brigade [options]

";

/// Enough for the loop below; as in the published program.
const STACK: usize = 1024 * 1024;

fn main() -> ExitCode {
    run_main("thread-brigade", || {
        let options = Options::parse(lexopt::Parser::from_env(), |_, _| Ok(false))?;
        if options.help {
            return write!(io::stdout(), "{HELP}{}", brigade::HELP)
                .context("write to standard output");
        }
        let mut control = Control::from_env()?;
        let (times, measured) = run(&options, &mut control)?;
        brigade::report(&mut control, &options, times, measured)
    })
}

fn run(options: &Options, control: &mut Control) -> Result<(Vec<u64>, Measured)> {
    limits::raise_open_files();
    limits::check_memory_areas(options.tasks)?;
    let mut times = brigade::room_for_times(options.iterations)?;
    let (front, back, threads) = line_up(options.tasks)?;
    let outcome = drive(front, back, options.warmups, &mut times, control);
    // The driver's ends are closed by now, so every thread sees the end of its input.
    // A thread's own error explains more than the driver's, which follows from it.
    let mut failed = Ok(());
    for thread in threads {
        let ended = match thread.join() {
            Ok(ended) => ended.context("a thread of the brigade"),
            Err(_) => Err(Error::failed("a thread of the brigade panicked")),
        };
        failed = failed.and(ended);
    }
    failed.and(outcome).map(|measured| (times, measured))
}

type Row = (UnixStream, UnixStream, Vec<JoinHandle<io::Result<()>>>);

/// Starts the threads; returns the front end to write to and the back end to read from.
fn line_up(tasks: usize) -> Result<Row> {
    let no_sockets = |error| explain(Making::Sockets, tasks, &error);
    let mut threads = Vec::with_capacity(tasks);
    let (front, mut back) = UnixStream::pair().map_err(no_sockets)?;
    for _ in 0..tasks {
        let (downstream, next_back) = UnixStream::pair().map_err(no_sockets)?;
        let upstream = std::mem::replace(&mut back, next_back);
        let thread = Builder::new()
            .stack_size(STACK)
            .spawn(move || pass_on(upstream, downstream))
            .map_err(|error| explain(Making::Threads, tasks, &error))?;
        threads.push(thread);
    }
    Ok((front, back, threads))
}

/// One member of the brigade. The buffer is one byte, so a full read is one system call.
fn pass_on(mut upstream: UnixStream, mut downstream: UnixStream) -> io::Result<()> {
    let mut byte = [0];
    loop {
        match upstream.read_exact(&mut byte) {
            Ok(()) => downstream.write_all(&byte)?,
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// Sends the bytes through, and closes both ends on return.
fn drive(
    mut front: UnixStream,
    mut back: UnixStream,
    warmups: usize,
    times: &mut [u64],
    control: &mut Control,
) -> Result<Measured> {
    let mut trip = move || -> io::Result<u64> {
        let mut byte = [0];
        let start = std::time::Instant::now();
        front.write_all(BYTE)?;
        back.read_exact(&mut byte)?;
        Ok(start.elapsed().as_nanos() as u64)
    };
    for _ in 0..warmups {
        trip().context("a warm-up trip")?;
    }
    let window = control.begin()?;
    for time in times {
        *time = trip().context("a trip")?;
    }
    control.end(window)
}
