//! What the workloads have in common, so that each program shows only its own subject.
//!
//! A workload works by itself (it prints a short result) or under a controlling
//! process, which learns through [`control`] when the measured part starts and ends.

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
