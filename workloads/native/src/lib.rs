//! What the workloads have in common; each program holds only what it measures.
//!
//! A workload runs alone and prints a short result, or under a controlling process,
//! which is told through [`control`] when the measured part starts and ends.

pub mod args;
pub mod brigade;
pub mod children;
pub mod clock;
pub mod control;
pub mod creation;
pub mod crew;
pub mod culprit;
pub mod error;
pub mod limits;
pub mod load;
pub mod memory;
pub mod report;
pub mod ring;
pub mod row;
pub mod runtime;
pub mod rusage;
pub mod stats;
pub mod transport;

pub use error::{Error, Result};
