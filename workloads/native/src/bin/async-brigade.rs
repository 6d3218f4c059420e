//! A bucket brigade of asynchronous tasks.
//!
//! The same row as that of the threads, but the tasks take turns on the threads of a
//! runtime: a hop that finds no byte yet costs a failed read and a share of epoll_wait.

use std::io::{self, ErrorKind, Write};
use std::panic;
use std::process::ExitCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tracer_workloads::brigade::{self, Options, BYTE};
use tracer_workloads::control::{Control, Measured};
use tracer_workloads::error::{run_main, Context};
use tracer_workloads::limits::{self, explain, Making};
use tracer_workloads::{args, Error, Result};

const HELP: &str = "\
Measures how long a byte takes through a row of async tasks joined by sockets.

Usage: async-brigade [options]

  --flavor F     multi-thread or current-thread [multi-thread]
  --workers N    threads of the multi-thread runtime [one per CPU]
";

const MOST_WORKERS: u64 = 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flavor {
    MultiThread,
    CurrentThread,
}

fn main() -> ExitCode {
    run_main("async-brigade", || {
        let mut flavor = Flavor::MultiThread;
        let mut workers = None;
        let options = Options::parse(lexopt::Parser::from_env(), |name, parser| {
            match name {
                "flavor" => flavor = parse_flavor(parser)?,
                "workers" => {
                    workers = Some(brigade::count(parser, "--workers", 1, MOST_WORKERS)?);
                }
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        if options.help {
            return write!(io::stdout(), "{HELP}{}", brigade::HELP)
                .context("write to standard output");
        }
        if flavor == Flavor::CurrentThread && workers.is_some() {
            return Err(Error::usage(
                "--workers is accepted with --flavor multi-thread only: current-thread has no workers",
            ));
        }
        let mut control = Control::from_env()?;
        limits::raise_open_files();
        let runtime = start(flavor, workers, options.tasks)?;
        let (times, measured) = runtime.block_on(run(&options, &mut control))?;
        drop(runtime);
        brigade::report(&mut control, &options, times, measured)
    })
}

fn parse_flavor(parser: &mut lexopt::Parser) -> Result<Flavor> {
    let accepted = [
        ("multi-thread", Flavor::MultiThread),
        ("current-thread", Flavor::CurrentThread),
    ];
    let value = args::value(parser, "--flavor", "multi-thread or current-thread")?;
    args::one_of("--flavor", value, &accepted)
}

/// Starts the runtime with all its workers. The runtime itself panics if it cannot start
/// a first worker, and makes do with fewer if it cannot start a later one; both are turned
/// into an error here, since the result would be that of another runtime.
fn start(flavor: Flavor, workers: Option<usize>, tasks: usize) -> Result<Runtime> {
    let workers = match flavor {
        Flavor::CurrentThread => 0,
        // Given in any case, so that the runtime does not look into the environment.
        Flavor::MultiThread => workers
            .or_else(|| std::thread::available_parallelism().ok().map(usize::from))
            .unwrap_or(1),
    };
    let mut builder = match flavor {
        Flavor::CurrentThread => Builder::new_current_thread(),
        Flavor::MultiThread => Builder::new_multi_thread(),
    };
    if flavor == Flavor::MultiThread {
        builder.worker_threads(workers);
    }
    builder.enable_io();
    let no_workers = || {
        let error = io::Error::from_raw_os_error(libc::EAGAIN);
        explain(Making::Workers, workers, &error)
    };
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let built = panic::catch_unwind(panic::AssertUnwindSafe(|| builder.build()));
    panic::set_hook(hook);
    let runtime = built
        .map_err(|_| no_workers())?
        .map_err(|error| explain(Making::Sockets, tasks, &error))?;
    let threads = std::fs::read_dir("/proc/self/task").map_or(usize::MAX, |dir| dir.count());
    if threads < workers + 1 {
        return Err(no_workers());
    }
    Ok(runtime)
}

async fn run(options: &Options, control: &mut Control) -> Result<(Vec<u64>, Measured)> {
    let mut times = brigade::room_for_times(options.iterations)?;
    let (front, back, tasks) = line_up(options.tasks)?;
    let outcome = drive(front, back, options.warmups, &mut times, control).await;
    // The driver's ends are closed by now, so every task sees the end of its input.
    // A task's own error explains more than the driver's, which follows from it.
    let mut failed = Ok(());
    for task in tasks {
        let ended = match task.await {
            Ok(ended) => ended.context("a task of the brigade"),
            Err(_) => Err(Error::failed("a task of the brigade panicked")),
        };
        failed = failed.and(ended);
    }
    failed.and(outcome).map(|measured| (times, measured))
}

type Row = (UnixStream, UnixStream, Vec<JoinHandle<io::Result<()>>>);

/// Starts the tasks; returns the front end to write to and the back end to read from.
fn line_up(count: usize) -> Result<Row> {
    let no_sockets = |error| explain(Making::Sockets, count, &error);
    let mut tasks = Vec::with_capacity(count);
    let (front, mut back) = UnixStream::pair().map_err(no_sockets)?;
    for _ in 0..count {
        let (downstream, next_back) = UnixStream::pair().map_err(no_sockets)?;
        let upstream = std::mem::replace(&mut back, next_back);
        tasks.push(tokio::spawn(pass_on(upstream, downstream)));
    }
    Ok((front, back, tasks))
}

/// One member of the brigade. The buffer is one byte: with a larger one the runtime would
/// take the short read as a sign that the socket is empty, and spare itself the failed read.
async fn pass_on(mut upstream: UnixStream, mut downstream: UnixStream) -> io::Result<()> {
    let mut byte = [0];
    loop {
        match upstream.read_exact(&mut byte).await {
            Ok(_) => downstream.write_all(&byte).await?,
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// Sends the bytes through, and closes both ends on return.
async fn drive(
    mut front: UnixStream,
    mut back: UnixStream,
    warmups: usize,
    times: &mut [u64],
    control: &mut Control,
) -> Result<Measured> {
    for _ in 0..warmups {
        trip(&mut front, &mut back)
            .await
            .context("a warm-up trip")?;
    }
    let window = control.begin()?;
    for time in times {
        *time = trip(&mut front, &mut back).await.context("a trip")?;
    }
    control.end(window)
}

async fn trip(front: &mut UnixStream, back: &mut UnixStream) -> io::Result<u64> {
    let mut byte = [0];
    let start = std::time::Instant::now();
    front.write_all(BYTE).await?;
    back.read_exact(&mut byte).await?;
    Ok(start.elapsed().as_nanos() as u64)
}
