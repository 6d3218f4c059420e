//! The tokio runtimes of the asynchronous workloads.

use crate::error::Context;
use crate::limits::{explain, Making};
use crate::{args, brigade, Error, Result};
use std::{io, panic};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

/// The lines of `--help` about the options below.
pub fn help(default: Flavor) -> String {
    let default = match default {
        Flavor::MultiThread => "multi-thread",
        Flavor::CurrentThread => "current-thread",
    };
    format!(
        "  --flavor F     multi-thread or current-thread [{default}]
  --workers N    threads of the multi-thread runtime [one per CPU]
"
    )
}

const MOST_WORKERS: u64 = 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavor {
    MultiThread,
    CurrentThread,
}

/// The options `--flavor` and `--workers`.
#[derive(Debug, Clone, Copy)]
pub struct Scheduler {
    pub flavor: Flavor,
    pub workers: Option<usize>,
}

impl Scheduler {
    pub fn new(flavor: Flavor) -> Scheduler {
        Scheduler {
            flavor,
            workers: None,
        }
    }

    /// Reads the option if it is one of these; says whether it was.
    pub fn take(&mut self, name: &str, parser: &mut lexopt::Parser) -> Result<bool> {
        match name {
            "flavor" => self.flavor = parse_flavor(parser)?,
            "workers" => {
                self.workers = Some(brigade::count(parser, "--workers", 1, MOST_WORKERS)?);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Call this when all options are parsed.
    pub fn check(&self) -> Result<()> {
        if self.flavor == Flavor::CurrentThread && self.workers.is_some() {
            return Err(Error::usage(
                "--workers is accepted with --flavor multi-thread only: current-thread has no workers",
            ));
        }
        Ok(())
    }

    /// Starts the runtime with all its workers. tokio panics if it cannot start the first
    /// worker, and goes on with fewer if it cannot start a later one; both are an error here,
    /// since the result would be that of a smaller runtime.
    pub fn start(self, tasks: usize) -> Result<Runtime> {
        let Scheduler { flavor, workers } = self;
        let workers = match flavor {
            Flavor::CurrentThread => 0,
            // Always given, so that tokio does not use TOKIO_WORKER_THREADS.
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
        builder.enable_all();
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
}

fn parse_flavor(parser: &mut lexopt::Parser) -> Result<Flavor> {
    let accepted = [
        ("multi-thread", Flavor::MultiThread),
        ("current-thread", Flavor::CurrentThread),
    ];
    let value = args::value(parser, "--flavor", "multi-thread or current-thread")?;
    args::one_of("--flavor", value, &accepted)
}

/// Waits for all tasks; the caller has closed their input. A task's error comes before that of
/// the driver's `outcome`, which is its consequence.
pub async fn finish<T>(tasks: Vec<JoinHandle<io::Result<()>>>, outcome: Result<T>) -> Result<T> {
    let mut failed = Ok(());
    for task in tasks {
        let ended = match task.await {
            Ok(ended) => ended.context("a task of the brigade"),
            Err(_) => Err(Error::failed("a task of the brigade panicked")),
        };
        failed = failed.and(ended);
    }
    failed.and(outcome)
}
