//! The threads besides the driver.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;
use tracer_workloads::clock::thread_id;
use tracer_workloads::error::Context;
use tracer_workloads::{Error, Result};

type Handle = JoinHandle<Result<()>>;

/// Threads that are started before the measured part and must be blocked when it begins.
#[derive(Default)]
pub struct Crew {
    started: Arc<Mutex<Vec<i32>>>,
    threads: Vec<Handle>,
}

impl Crew {
    /// Starts a thread. `body` must begin with a wait for its turn.
    pub fn start(
        &mut self,
        name: &str,
        body: impl FnOnce() -> Result<()> + Send + 'static,
    ) -> Result<()> {
        let started = Arc::clone(&self.started);
        let thread = start(name, move || {
            started
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(thread_id());
            body()
        })?;
        self.threads.push(thread);
        Ok(())
    }

    /// Returns when the kernel reports that every thread sleeps. It is checked twice, because
    /// a thread may also sleep for a moment before it comes to its wait.
    pub fn settle(&self) -> Result<()> {
        for _ in 0..2 {
            while !self.is_settled()? {
                std::thread::sleep(Duration::from_millis(1));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    fn is_settled(&self) -> Result<bool> {
        let started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        if started.len() < self.threads.len() {
            return Ok(false);
        }
        for tid in started.iter() {
            let path = format!("/proc/self/task/{tid}/stat");
            let stat = std::fs::read_to_string(&path).context(&path)?;
            // The state follows the name, which is in parentheses and may contain some.
            let state = stat.rsplit(')').next().unwrap_or_default().trim_start();
            if !state.starts_with('S') {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Waits for the end of all threads.
    pub fn join(self) -> Result<()> {
        self.threads.into_iter().try_for_each(join)
    }
}

pub fn start(name: &str, body: impl FnOnce() -> Result<()> + Send + 'static) -> Result<Handle> {
    Builder::new()
        .name(name.to_owned())
        .spawn(body)
        .context("cannot start a thread")
}

pub fn join(thread: Handle) -> Result<()> {
    thread
        .join()
        .unwrap_or_else(|_| Err(Error::failed("a thread panicked")))
}
