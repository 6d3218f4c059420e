//! The threads of a brigade of threads.

use crate::error::Context;
use crate::limits::{self, explain, Making};
use crate::{Error, Result};
use std::io;
use std::thread::{Builder, JoinHandle};

/// Enough for what a member does; as in the published program.
const STACK: usize = 1024 * 1024;

/// The started threads; each ends when its input does.
#[derive(Debug)]
pub struct Crew {
    size: usize,
    threads: Vec<JoinHandle<io::Result<()>>>,
}

impl Crew {
    /// Room for `size` threads that take `areas` memory areas each beside their stacks;
    /// refused beforehand where they cannot fit.
    pub fn new(size: usize, areas: u64) -> Result<Crew> {
        limits::check_memory_areas(size, areas)?;
        Ok(Crew {
            size,
            threads: Vec::with_capacity(size),
        })
    }

    /// Starts one more.
    pub fn add(&mut self, body: impl FnOnce() -> io::Result<()> + Send + 'static) -> Result<()> {
        let thread = Builder::new()
            .stack_size(STACK)
            .spawn(body)
            .map_err(|error| explain(Making::Threads, self.size, &error))?;
        self.threads.push(thread);
        Ok(())
    }

    /// Waits for all, whose input has ended by now. A thread's own error explains more than
    /// the driver's `outcome`, which follows from it.
    pub fn join<T>(self, outcome: Result<T>) -> Result<T> {
        let mut failed = Ok(());
        for thread in self.threads {
            let ended = match thread.join() {
                Ok(ended) => ended.context("a thread of the brigade"),
                Err(_) => Err(Error::failed("a thread of the brigade panicked")),
            };
            failed = failed.and(ended);
        }
        failed.and(outcome)
    }
}
