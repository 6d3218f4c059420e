//! Computation of a known length.

use std::hint::black_box;
use std::time::Duration;
use tracer_workloads::clock::thread_cpu_ns;

/// Steps of the first round (about 20 µs), which measures how long a step takes.
const FIRST_STEPS: u64 = 10_000;
/// A remainder below this is computed without reading the clock at its end.
const SHORT_NS: u64 = 100_000;

/// Spins until this thread has used so much CPU time, however long that takes.
///
/// Every reading of the thread's CPU clock is a system call, which a tracer would see. So
/// each round computes half of what is left at the speed of the round before, and the last
/// one all of it: a dozen readings for 50 ms, and an end that is exact to a few microseconds.
pub fn compute(length: Duration) {
    let length = length.as_nanos() as u64;
    let start = thread_cpu_ns();
    let mut steps = FIRST_STEPS;
    let mut used = 0;
    loop {
        spin(steps);
        let now = thread_cpu_ns() - start;
        let per_step = (now - used).max(1) as f64 / steps as f64;
        used = now;
        let Some(left) = length.checked_sub(used).filter(|&left| left > 0) else {
            return;
        };
        if left <= SHORT_NS {
            return spin((left as f64 / per_step) as u64);
        }
        steps = ((left / 2) as f64 / per_step).max(1.0) as u64;
    }
}

/// Arithmetic that the compiler can neither remove nor shorten.
fn spin(steps: u64) {
    let mut state = black_box(88_172_645_463_325_252_u64);
    for _ in 0..steps {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state = black_box(state);
    }
}
