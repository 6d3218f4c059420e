//! A bucket brigade of asynchronous tasks.
//!
//! The same row as that of the threads, but the tasks run on the threads of tokio's runtime.
//! A task whose byte is not there yet costs a read that fails and its share of an epoll_wait.

use std::io::{self, ErrorKind};
use std::process::ExitCode;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{unix::pipe, UnixStream};
use tokio::task::JoinHandle;
use tracer_workloads::brigade::{self, Options, Outcome, BYTE};
use tracer_workloads::control::{Control, Measured};
use tracer_workloads::error::{run_main, Context};
use tracer_workloads::limits::{self, explain, Making};
use tracer_workloads::load::{self, Load};
use tracer_workloads::runtime::{self, Flavor, Scheduler};
use tracer_workloads::transport::{self, Transport};
use tracer_workloads::Result;

const ABOUT: &str = "\
Measures how long a byte takes through a row of async tasks joined by sockets or pipes.

Usage: async-brigade [options]

";

fn main() -> ExitCode {
    run_main("async-brigade", || {
        let mut scheduler = Scheduler::new(Flavor::MultiThread);
        let (mut load, mut transport) = (Load::default(), Transport::default());
        let schedulers = runtime::help(Flavor::MultiThread);
        let help = [ABOUT, &schedulers, transport::HELP, load::HELP];
        let Some(options) = Options::parse(Options::default(), &help, |name, parser| {
            Ok(scheduler.take(name, parser)?
                || load.take(name, parser)?
                || transport.take(name, parser)?)
        })?
        else {
            return Ok(());
        };
        scheduler.check()?;
        let mut control = Control::from_env()?;
        limits::raise_open_files();
        transport.fit(load)?;
        let runtime = scheduler.start(options.tasks)?;
        let (times, measured) = runtime.block_on(async {
            match transport {
                Transport::Socketpair => run(socket_pair, &options, load, &mut control).await,
                Transport::Pipe => run(pipe_pair, &options, load, &mut control).await,
            }
        })?;
        drop(runtime);
        brigade::report(&mut control, &options, load, times, measured)
    })
}

fn socket_pair() -> io::Result<(UnixStream, UnixStream)> {
    UnixStream::pair()
}

fn pipe_pair() -> io::Result<(pipe::Receiver, pipe::Sender)> {
    let (read, write) = transport::pipe(libc::O_NONBLOCK)?;
    let read = pipe::Receiver::from_file_unchecked(read.into())?;
    Ok((read, pipe::Sender::from_file_unchecked(write.into())?))
}

/// The end of a socket pair or of a pipe.
trait Reader: AsyncRead + Unpin + Send + 'static {}
impl<T: AsyncRead + Unpin + Send + 'static> Reader for T {}
trait Writer: AsyncWrite + Unpin + Send + 'static {}
impl<T: AsyncWrite + Unpin + Send + 'static> Writer for T {}

async fn run<R: Reader, W: Writer>(
    join: impl Fn() -> io::Result<(R, W)>,
    options: &Options,
    load: Load,
    control: &mut Control,
) -> Result<Outcome> {
    let mut times = brigade::room_for_times(options.iterations)?;
    let (front, back, tasks) = line_up(join, options.tasks, load)?;
    let outcome = drive(front, back, options, load, &mut times, control).await;
    // The driver's ends are closed by now, so every task reads the end of its input.
    runtime::finish(tasks, outcome)
        .await
        .map(|measured| (times, measured))
}

type Row<R, W> = (W, R, Vec<JoinHandle<io::Result<()>>>);

/// Starts the tasks; returns the front end to write to and the back end to read from.
fn line_up<R: Reader, W: Writer>(
    join: impl Fn() -> io::Result<(R, W)>,
    count: usize,
    load: Load,
) -> Result<Row<R, W>> {
    let no_joints = |error| explain(Making::Sockets, count, &error);
    let mut tasks = Vec::with_capacity(count);
    let (mut back, front) = join().map_err(no_joints)?;
    for _ in 0..count {
        let (next_back, downstream) = join().map_err(no_joints)?;
        let upstream = std::mem::replace(&mut back, next_back);
        tasks.push(tokio::spawn(pass_on(upstream, downstream, load)));
    }
    Ok((front, back, tasks))
}

/// One member of the brigade. The buffer is one byte: after a short read into a larger one
/// tokio takes the socket for empty and skips the read that fails with EAGAIN, which the
/// published program makes.
async fn pass_on(
    mut upstream: impl Reader,
    mut downstream: impl Writer,
    load: Load,
) -> io::Result<()> {
    let mut byte = [0];
    loop {
        match upstream.read_exact(&mut byte).await {
            Ok(_) => {
                load.work();
                downstream.write_all(&byte).await?;
            }
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// Sends the bytes through, and closes both ends on return.
async fn drive(
    mut front: impl Writer,
    mut back: impl Reader,
    options: &Options,
    load: Load,
    times: &mut [u64],
    control: &mut Control,
) -> Result<Measured> {
    for _ in 0..options.warmups {
        trip(&mut front, &mut back, load.tokens)
            .await
            .context("a warm-up trip")?;
    }
    let window = control.begin()?;
    for time in times {
        *time = trip(&mut front, &mut back, load.tokens)
            .await
            .context("a trip")?;
    }
    control.end(window)
}

async fn trip(front: &mut impl Writer, back: &mut impl Reader, tokens: usize) -> io::Result<u64> {
    let mut byte = [0];
    let start = std::time::Instant::now();
    for _ in 0..tokens {
        front.write_all(BYTE).await?;
    }
    for _ in 0..tokens {
        back.read_exact(&mut byte).await?;
    }
    Ok(start.elapsed().as_nanos() as u64)
}
