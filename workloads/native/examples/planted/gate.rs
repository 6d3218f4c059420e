//! A place to wait until another thread opens it, made of a pipe.
//!
//! The waiting thread blocks in read and the opening one wakes it with a write: a tracer sees
//! the hand-over, and an opening before the wait is not lost.

use crate::sys;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use tracer_workloads::Result;

#[derive(Clone)]
pub struct Gate {
    ends: Arc<(OwnedFd, OwnedFd)>,
}

impl Gate {
    pub fn new() -> Result<Gate> {
        let ends = Arc::new(sys::pipe()?);
        Ok(Gate { ends })
    }

    pub fn wait(&self) -> Result<()> {
        sys::read_byte(self.ends.0.as_raw_fd())
    }

    pub fn open(&self) -> Result<()> {
        sys::write_byte(self.ends.1.as_raw_fd())
    }
}
