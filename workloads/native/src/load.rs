//! What a brigade carries: how many bytes are in flight, and how much work each hop is.

use crate::{brigade, Error, Result};
use std::hint::black_box;
use std::time::Instant;

const MOST_TOKENS: u64 = 1_000_000;
const MOST_STEPS: u64 = 1_000_000_000_000;
/// The time of the work is taken over at least so many steps.
const TIMED_STEPS: u64 = 1_000_000;

/// The lines of `--help` about the options below.
pub const HELP: &str =
    "  --tokens N     bytes (or values) in flight: a trip sends N and waits for N [1]
  --work STEPS   dependent steps of arithmetic at each hop, may be 0 [0]
";

/// The options `--tokens` and `--work`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Bytes or values that are in flight at a time.
    pub tokens: usize,
    /// Steps of arithmetic that each task does at each hop.
    pub steps: u64,
}

impl Default for Load {
    fn default() -> Self {
        Load {
            tokens: 1,
            steps: 0,
        }
    }
}

impl Load {
    /// Reads the option if it is one of these; says whether it was.
    pub fn take(&mut self, name: &str, parser: &mut lexopt::Parser) -> Result<bool> {
        match name {
            "tokens" => self.tokens = brigade::count(parser, "--tokens", 1, MOST_TOKENS)?,
            "work" => self.steps = brigade::count(parser, "--work", 0, MOST_STEPS)? as u64,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Refuses more tokens than fit: the driver sends them all before it receives one, so it
    /// would block for ever. `holder` says what holds `capacity` of them.
    pub fn fit(&self, capacity: usize, holder: &str) -> Result<()> {
        if self.tokens <= capacity {
            return Ok(());
        }
        Err(Error::usage(format!(
            "--tokens {}: {holder} at most {capacity}, and with more the brigade could stand still",
            self.tokens
        )))
    }

    /// The work of one hop: always the same number of steps, however long they take.
    #[inline]
    pub fn work(&self) {
        if self.steps > 0 {
            compute(self.steps);
        }
    }

    /// The load as figures for the result; none for the default load. The time of the work is
    /// measured here, outside of the brigade.
    pub fn figures(&self) -> Vec<(&'static str, f64)> {
        let mut figures = Vec::new();
        if self.tokens > 1 {
            figures.push(("tokens", self.tokens as f64));
        }
        if self.steps > 0 {
            figures.push(("work_steps", self.steps as f64));
            figures.push(("work_ns", self.work_ns()));
        }
        figures
    }

    fn work_ns(&self) -> f64 {
        let repeats = (TIMED_STEPS / self.steps).max(1);
        let rounds = (0..5).map(|_| {
            let start = Instant::now();
            for _ in 0..repeats {
                self.work();
            }
            start.elapsed().as_nanos() as f64 / repeats as f64
        });
        rounds.fold(f64::INFINITY, f64::min)
    }
}

/// Each step depends on the one before it, so the compiler cannot shorten the loop.
fn compute(steps: u64) -> u64 {
    let mut value = black_box(1u64);
    for _ in 0..steps {
        value = (value ^ (value >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    }
    black_box(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_a_fixed_computation() {
        assert_eq!(compute(0), 1);
        assert_eq!(compute(1), 0xbf58_476d_1ce4_e5b9);
        assert_eq!(compute(1000), compute(1000));
        assert_ne!(compute(1000), compute(1001));
    }

    #[test]
    fn the_default_load_has_no_figures() {
        assert!(Load::default().figures().is_empty());
        let load = Load {
            tokens: 3,
            steps: 1000,
        };
        let names: Vec<_> = load.figures().iter().map(|&(name, _)| name).collect();
        assert_eq!(names, ["tokens", "work_steps", "work_ns"]);
        assert!(load.figures().iter().all(|&(_, value)| value > 0.0));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let load = Load {
            tokens: 3,
            steps: 0,
        };
        assert!(load.fit(3, "x holds").is_ok());
        let text = load.fit(2, "x holds").unwrap_err().to_string();
        assert!(text.contains("--tokens 3: x holds at most 2"), "{text}");
    }
}
