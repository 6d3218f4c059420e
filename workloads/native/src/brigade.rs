//! What the workloads share: their options, their times and their result.
//!
//! A bucket brigade is a row of tasks joined by sockets or pipes; each reads a byte from the
//! task before it and writes it to the task after it. The driver writes a byte at the front
//! and waits for it at the back: one trip, or iteration, of as many hops as there are tasks.

use crate::control::{Control, Measured};
use crate::error::{run_main, Context};
use crate::load::{self, Load};
use crate::report::Report;
use crate::stats::Stats;
use crate::transport::{self, Transport};
use crate::{args, limits, Error, Result};
use lexopt::Arg;
use std::io::Write;
use std::process::ExitCode;

/// The byte that is passed on.
pub const BYTE: &[u8; 1] = b"*";

const MOST_TASKS: u64 = 1_000_000;
const MOST_ITERATIONS: u64 = 1_000_000_000;

/// The options of every workload.
#[derive(Debug, PartialEq, Eq)]
pub struct Options {
    pub tasks: usize,
    pub iterations: usize,
    pub warmups: usize,
    pub json: bool,
    pub help: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            tasks: 500,
            iterations: 10_000,
            warmups: 100,
            json: false,
            help: false,
        }
    }
}

impl Options {
    /// Parses the command line, starting from `defaults`. `other` is called with each option
    /// that is not common to all workloads, and returns whether it took it. For `--help`
    /// prints `help` and the common options, and returns None.
    pub fn parse(
        defaults: Options,
        help: &[&str],
        other: impl FnMut(&str, &mut lexopt::Parser) -> Result<bool>,
    ) -> Result<Option<Options>> {
        let common = defaults.help();
        let options = defaults.read(lexopt::Parser::from_env(), other)?;
        if !options.help {
            return Ok(Some(options));
        }
        write!(std::io::stdout(), "{}{common}", help.concat())
            .context("write to standard output")?;
        Ok(None)
    }

    fn help(&self) -> String {
        format!(
            "\
  --tasks N      number of tasks [{}]
  --iters N      measured iterations (trips through the row) [{}]
  --warmups N    iterations before the measured ones, may be 0 [{}]
  --json         print the result as JSON
  --help         print this

With TRACER_CONTROL_FD set to the number of an inherited Unix stream socket, the
program waits for the process at its other end before and after the measured part,
and sends it the result.
",
            self.tasks, self.iterations, self.warmups
        )
    }

    fn read(
        self,
        mut parser: lexopt::Parser,
        mut other: impl FnMut(&str, &mut lexopt::Parser) -> Result<bool>,
    ) -> Result<Options> {
        let mut options = self;
        while let Some(arg) = parser.next().map_err(args::parser_error)? {
            let Arg::Long(name) = arg else {
                if let Arg::Short('h') = arg {
                    options.help = true;
                    continue;
                }
                return Err(args::parser_error(arg.unexpected()));
            };
            let name = name.to_owned();
            match name.as_str() {
                "tasks" => options.tasks = count(&mut parser, "--tasks", 1, MOST_TASKS)?,
                "iters" => options.iterations = count(&mut parser, "--iters", 1, MOST_ITERATIONS)?,
                "warmups" => options.warmups = count(&mut parser, "--warmups", 0, MOST_ITERATIONS)?,
                "json" => options.json = true,
                "help" => options.help = true,
                name => {
                    if !other(name, &mut parser)? {
                        return Err(args::parser_error(Arg::Long(name).unexpected()));
                    }
                }
            }
        }
        Ok(options)
    }
}

/// Parses the number after an option.
pub fn count(parser: &mut lexopt::Parser, name: &str, least: u64, most: u64) -> Result<usize> {
    let value = args::value(
        parser,
        name,
        &format!("a whole number from {least} to {most}"),
    )?;
    args::whole_number(name, value, least, most).map(|number| number as usize)
}

/// What a brigade over sockets or pipes runs with.
#[derive(Debug)]
pub struct Setup {
    pub options: Options,
    pub load: Load,
    pub transport: Transport,
}

/// The time of each measured trip, ns, and the measured part as a whole.
pub type Outcome = (Vec<u64>, Measured);

/// `main` of a brigade that has the options of [`Setup`] and no others. `about` comes first in
/// its `--help`. `run` makes the trips.
pub fn main(
    program: &str,
    about: &str,
    run: impl FnOnce(&Setup, &mut Control) -> Result<Outcome>,
) -> ExitCode {
    run_main(program, || {
        let (mut load, mut transport) = (Load::default(), Transport::default());
        let help = [about, transport::HELP, load::HELP];
        let Some(options) = Options::parse(Options::default(), &help, |name, parser| {
            Ok(load.take(name, parser)? || transport.take(name, parser)?)
        })?
        else {
            return Ok(());
        };
        let mut control = Control::from_env()?;
        limits::raise_open_files();
        transport.fit(load)?;
        let setup = Setup {
            options,
            load,
            transport,
        };
        let (times, measured) = run(&setup, &mut control)?;
        report(&mut control, &setup.options, load, times, measured)
    })
}

/// Room for the time of each trip, written to beforehand: the measured part has no page
/// faults on it.
pub fn room_for_times(iterations: usize) -> Result<Vec<u64>> {
    let mut times = Vec::new();
    times.try_reserve_exact(iterations).map_err(|_| {
        Error::failed(format!(
            "no memory for the times of {iterations} iterations: give fewer --iters"
        ))
    })?;
    // Not zero: the allocator can return zeroed memory without touching its pages.
    times.resize(iterations, u64::MAX);
    Ok(times)
}

/// Summarises the run of a brigade and delivers the result.
pub fn report(
    control: &mut Control,
    options: &Options,
    load: Load,
    times: Vec<u64>,
    measured: Measured,
) -> Result<()> {
    report_with(control, options, load, Vec::new(), times, measured)
}

/// The same, with further `figures` by name.
pub fn report_with(
    control: &mut Control,
    options: &Options,
    load: Load,
    mut figures: Vec<(&'static str, f64)>,
    mut times: Vec<u64>,
    measured: Measured,
) -> Result<()> {
    figures.splice(..0, load.figures());
    Report {
        tasks: options.tasks,
        iterations: options.iterations,
        warmups: options.warmups,
        unit: "hop",
        units: options.tasks as u128 * options.iterations as u128 * load.tokens as u128,
        stats: Stats::of(&mut times),
        extra: figures,
        measured,
    }
    .deliver(control, options.json)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Options> {
        Options::default().read(lexopt::Parser::from_args(words), |_, _| Ok(false))
    }

    #[test]
    fn defaults_and_values() {
        assert_eq!(parse(&[]).unwrap(), Options::default());
        let options = parse(&["--tasks", "3", "--iters=4", "--warmups", "0", "--json"]).unwrap();
        assert_eq!(
            (options.tasks, options.iterations, options.warmups),
            (3, 4, 0)
        );
        assert!(options.json && !options.help);
        assert!(parse(&["-h"]).unwrap().help);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (words, expected) in [
            (&["--tasks", "0"][..], "--tasks \"0\""),
            (&["--iters", "-4"], "--iters \"-4\""),
            (&["--warmups", "no"], "--warmups \"no\""),
            (&["--tasks"], "--tasks needs a value"),
            (&["--flavor", "x"], "--flavor"),
            (&["extra"], "extra"),
            (&["--json=1"], "--json"),
        ] {
            let error = parse(words).unwrap_err();
            assert!(matches!(error, Error::Usage(_)), "{words:?}");
            assert!(error.to_string().contains(expected), "{words:?}: {error}");
        }
    }

    #[test]
    fn times_are_there_and_touched() {
        assert_eq!(room_for_times(3).unwrap(), [u64::MAX; 3]);
        assert!(room_for_times(usize::MAX).is_err());
    }
}
