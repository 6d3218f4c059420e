//! A bucket brigade through io_uring: reads and writes are requests in a ring, instead of a
//! system call each.

mod chain;
mod per_hop;
mod per_thread;

use std::process::ExitCode;
use std::time::Instant;
use tracer_workloads::brigade::{self, Options};
use tracer_workloads::clock::sqpoll_cpu_ns;
use tracer_workloads::control::{Control, Measured};
use tracer_workloads::error::run_main;
use tracer_workloads::load::{self, Load};
use tracer_workloads::transport::{self, Transport};
use tracer_workloads::{args, limits, Error, Result};

const ABOUT: &str = "\
Measures how long a byte takes through a row of io_uring requests joined by sockets or pipes.

Usage: uring-brigade [options]

  --mode M       per-hop (one thread and one ring: an io_uring_enter for each hop),
                 chain (the whole row is submitted at once, the kernel runs it) or
                 per-thread (each task is a thread with a ring of its own) [per-hop]
  --sqpoll       a kernel thread takes the submissions; not with per-thread
";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    PerHop,
    Chain,
    PerThread,
}

/// What the modes run with.
#[derive(Debug, Clone, Copy)]
struct Setup<'a> {
    options: &'a Options,
    load: Load,
    transport: Transport,
    polled: bool,
}

fn main() -> ExitCode {
    run_main("uring-brigade", || {
        let (mut mode, mut polled) = (Mode::PerHop, false);
        let (mut load, mut transport) = (Load::default(), Transport::default());
        let help = [ABOUT, transport::HELP, load::HELP];
        let Some(options) = Options::parse(Options::default(), &help, |name, parser| {
            match name {
                "mode" => mode = parse_mode(parser)?,
                "sqpoll" => polled = true,
                _ => return Ok(load.take(name, parser)? || transport.take(name, parser)?),
            }
            Ok(true)
        })?
        else {
            return Ok(());
        };
        let setup = Setup {
            options: &options,
            load,
            transport,
            polled,
        };
        check(mode, &setup)?;
        let mut control = Control::from_env()?;
        limits::raise_open_files();
        transport.fit(load)?;
        let mut times = brigade::room_for_times(options.iterations)?;
        let run = match mode {
            Mode::PerHop => per_hop::run,
            Mode::Chain => chain::run,
            Mode::PerThread => per_thread::run,
        };
        let (measured, figures) = run(&setup, &mut times, &mut control)?;
        brigade::report_with(&mut control, &options, load, figures, times, measured)
    })
}

fn parse_mode(parser: &mut lexopt::Parser) -> Result<Mode> {
    let accepted = [
        ("per-hop", Mode::PerHop),
        ("chain", Mode::Chain),
        ("per-thread", Mode::PerThread),
    ];
    let value = args::value(parser, "--mode", "per-hop, chain or per-thread")?;
    args::one_of("--mode", value, &accepted)
}

fn check(mode: Mode, setup: &Setup) -> Result<()> {
    if mode == Mode::PerThread && setup.polled {
        return Err(Error::usage(
            "--sqpoll is not accepted with --mode per-thread: it would need a kernel thread for \
             each task",
        ));
    }
    if mode == Mode::Chain {
        if setup.load.steps > 0 {
            return Err(Error::usage(
                "--work is not accepted with --mode chain: the kernel runs the hops by itself",
            ));
        }
        chain::check(setup)?;
    }
    Ok(())
}

type Figures = Vec<(&'static str, f64)>;

/// Makes the trips before the measured ones and the measured ones; `trip` makes one.
fn drive(
    setup: &Setup,
    times: &mut [u64],
    control: &mut Control,
    mut trip: impl FnMut() -> Result<()>,
) -> Result<(Measured, Figures)> {
    for _ in 0..setup.options.warmups {
        trip()?;
    }
    let polled_before = sqpoll_cpu_ns();
    let window = control.begin()?;
    for time in times {
        let start = Instant::now();
        trip()?;
        *time = start.elapsed().as_nanos() as u64;
    }
    let measured = control.end(window)?;
    let mut figures = Figures::new();
    if setup.polled {
        let polled_ns = sqpoll_cpu_ns() - polled_before;
        figures.push(("iou-sqp_thread_cpu_ns", polled_ns as f64));
    }
    Ok((measured, figures))
}
