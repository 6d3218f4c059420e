//! Histograms, system calls and the probe sched's counts, as tracer's probes have them.

use std::collections::BTreeMap;

use crate::parts::N_WAITS;

pub const BUCKETS: usize = 16 + 40 * 16;
pub const ERRORS: usize = 144;
pub const RUNNABLE: usize = 3;

#[derive(Clone)]
pub struct Hist {
    pub sum: u64,
    pub max: u64,
    pub buckets: Vec<u64>,
}

impl Default for Hist {
    fn default() -> Self {
        Hist {
            sum: 0,
            max: 0,
            buckets: vec![0; BUCKETS],
        }
    }
}

impl Hist {
    pub fn add(&mut self, ns: i64) {
        let ns = ns.max(0) as u64;
        self.sum += ns;
        self.max = self.max.max(ns);
        self.buckets[bucket(ns)] += 1;
    }
}

/// Below 16 ns one each, then 16 to an octave; the last one takes the rest.
fn bucket(ns: u64) -> usize {
    if ns < 16 {
        return ns as usize;
    }
    let octave = 63 - ns.leading_zeros() as usize;
    if octave >= 44 {
        return BUCKETS - 1;
    }
    16 + (octave - 4) * 16 + (ns >> (octave - 4) & 15) as usize
}

#[derive(Clone)]
pub struct Call {
    pub off: u64,
    pub results: u64,
    pub errors: [u64; ERRORS],
    pub times: Hist,
}

#[derive(Default)]
pub struct Counts {
    pub calls: BTreeMap<u32, Call>,
    pub waited: [Hist; N_WAITS],
    pub ran: [Hist; N_WAITS + 1],
    pub ran_io: [u64; N_WAITS],
    pub ran_user: [u64; N_WAITS],
    pub handed: [Hist; N_WAITS],
    pub pulled: u64,
    pub woke: [u64; RUNNABLE],
    pub woke_away: [u64; RUNNABLE],
    /// switched in while blocked, while running; switch, call's entry, call's return not seen
    pub repairs: [u64; 5],
    pub unmatched_exits: u64,
    /// Time that a system call's missing event may have misplaced.
    pub inferred: u64,
    /// Events that cannot follow those before them: some must be missing.
    pub impossible: u64,
    pub recorded_after_end: u64,
}

impl Counts {
    pub fn call(&mut self, nr: u32, ns: i64, off: i64, result: i64) {
        let call = self.calls.entry(nr).or_insert_with(|| Call {
            off: 0,
            results: 0,
            errors: [0; ERRORS],
            times: Hist::default(),
        });
        call.times.add(ns);
        call.off += off.max(0) as u64;
        if result > 0 {
            call.results = call.results.wrapping_add(result as u64);
        }
        if (-4095..0).contains(&result) {
            let error = -result as usize;
            // those that only the kernel sees (ERESTARTSYS and its like) are the last ones
            let at = if error >= 512 {
                error - 512 + ERRORS - 8
            } else {
                error
            };
            call.errors[at.min(ERRORS - 1)] += 1;
        }
    }
}
