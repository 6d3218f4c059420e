//! The threads of a brigade of threads.

use crate::error::Context;
use crate::limits::{self, explain, Making};
use crate::{Error, Result};
use std::io;
use std::thread::{Builder, JoinHandle};

/// More than a member uses; the published program has the same.
const STACK_BYTES: usize = 1024 * 1024;

/// The started threads; each ends when its input does.
#[derive(Debug)]
pub struct Crew {
    size: usize,
    threads: Vec<JoinHandle<io::Result<()>>>,
}

impl Crew {
    /// Prepares for `size` threads, each of which maps `areas` memory areas besides its stacks.
    /// An error when they do not fit into this process's limits.
    pub fn new(size: usize, areas: u64) -> Result<Crew> {
        limits::check_memory_areas(size, areas)?;
        Ok(Crew {
            size,
            threads: Vec::with_capacity(size),
        })
    }

    /// Starts one more thread.
    pub fn add(&mut self, body: impl FnOnce() -> io::Result<()> + Send + 'static) -> Result<()> {
        let thread = Builder::new()
            .stack_size(STACK_BYTES)
            .spawn(body)
            .map_err(|error| explain(Making::Threads, self.size, &error))?;
        self.threads.push(thread);
        Ok(())
    }

    /// Waits for all; the caller has closed their input. A thread's error comes before that of
    /// the driver's `outcome`, which is its consequence.
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
