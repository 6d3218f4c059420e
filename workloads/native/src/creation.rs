//! What the two creation workloads share: their times and their result.

use crate::brigade::{room_for_times, Options};
use crate::control::{Control, Measured};
use crate::report::Report;
use crate::stats::Stats;
use crate::{Error, Result};
use std::time::Instant;

/// The times of a run.
#[derive(Debug)]
pub struct Times {
    /// For each iteration: creating all of its tasks, ns.
    creating: Vec<u64>,
    /// For each task: from just before its creation to the first instruction of its body, ns.
    starting: Vec<u64>,
    iteration: usize,
    started: usize,
}

impl Times {
    /// Room for all times, written to beforehand.
    pub fn new(options: &Options) -> Result<Times> {
        let all = options.tasks.checked_mul(options.iterations);
        let all =
            all.ok_or_else(|| Error::failed("too many tasks x iterations to keep times of"))?;
        Ok(Times {
            creating: room_for_times(options.iterations)?,
            starting: room_for_times(all)?,
            iteration: 0,
            started: 0,
        })
    }

    /// Records how long the creations of an iteration took.
    pub fn created(&mut self, since: Instant, until: Instant) {
        self.creating[self.iteration] = (until - since).as_nanos() as u64;
        self.iteration += 1;
    }

    /// Records the time from a task's creation to its body.
    pub fn started(&mut self, created: Instant, body: Instant) {
        self.starting[self.started] = body.saturating_duration_since(created).as_nanos() as u64;
        self.started += 1;
    }

    /// Discards the times of the warm-ups.
    pub fn restart(&mut self) {
        (self.iteration, self.started) = (0, 0);
    }

    /// Summarises the run and delivers the result.
    pub fn report(
        mut self,
        unit: &'static str,
        control: &mut Control,
        options: &Options,
        measured: Measured,
    ) -> Result<()> {
        let starts = Stats::of(&mut self.starting);
        let stats = Stats::of(&mut self.creating);
        Report {
            tasks: options.tasks,
            iterations: options.iterations,
            warmups: options.warmups,
            unit,
            units: options.tasks as u128 * options.iterations as u128,
            stats,
            extra: vec![
                ("create_ns", stats.mean / options.tasks as f64),
                ("start_mean_ns", starts.mean),
                ("start_p50_ns", starts.p50 as f64),
                ("start_p99_ns", starts.p99 as f64),
            ],
            measured,
        }
        .deliver(control, options.json)
    }
}
