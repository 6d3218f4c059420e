//! CPUs: who runs, when they were idle, and who ran before.

use crate::chain::NONE;

/// From `at` on, a task ran on a CPU: a thread of the target by its row, or another task (tid 0: the
/// idle task).
#[derive(Clone, Copy)]
pub struct Stint {
    pub at: i64,
    pub row: u32,
    pub tid: u32,
}

#[derive(Default)]
pub struct Cpu {
    pub seen: bool,
    pub tid: u32,
    pub slot: u32,
    /// The window that its sums are of.
    pub window: u32,
    pub since: i64,
    pub idle: i64,
    pub other: i64,
    /// Of the window, until its first event.
    pub unseen: i64,
    pub idle_in: Option<i64>,
    pub idle_out: Option<i64>,
    pub early: u64,
    pub sources: [u64; crate::parts::N_SOURCES],
    /// Threads of the target that this CPU was taken from, and wait.
    pub pushed_off: u64,
    pub stints: Vec<Stint>,
}

impl Cpu {
    /// Its sums begin with the window, if they have not.
    pub fn begin(&mut self, window: u32, start: i64) {
        if self.window == window {
            return;
        }
        self.window = window;
        self.since = start;
        self.idle = 0;
        self.other = 0;
        self.unseen = 0;
        self.early = 0;
        self.sources = Default::default();
    }

    /// Time up to `now` goes to what ran.
    pub fn spend(&mut self, now: i64, window: u32, start: i64) {
        self.begin(window, start);
        if !self.seen {
            self.unseen += (now - self.since).max(0);
        } else if self.slot == 0 && now > self.since {
            if self.tid == 0 {
                self.idle += now - self.since;
            } else {
                self.other += now - self.since;
            }
        }
        self.since = now;
    }

    /// How long it was idle and ran others, from the window's start until `now`.
    pub fn until(&self, now: i64, window: u32, start: i64) -> (i64, i64) {
        let known = self.window == window;
        let rest = (now - if known { self.since } else { start }).max(0);
        let (mut idle, mut other) = if known {
            (self.idle, self.other)
        } else {
            (0, 0)
        };
        if self.seen && self.slot == 0 {
            if self.tid == 0 {
                idle += rest;
            } else {
                other += rest;
            }
        }
        (idle, other)
    }

    pub fn comes(&mut self, at: i64, row: u32, tid: u32) {
        self.stints.push(Stint { at, row, tid });
    }

    /// Whether its idle task was there at `at`: it had come in, and had not left again.
    pub fn was_idle(&self, at: i64) -> bool {
        match (self.idle_in, self.idle_out) {
            (Some(came), left) => came <= at && left.map_or(true, |left| left < came || left >= at),
            (None, _) => false,
        }
    }

    /// Who ran here longest between two times, other than the thread that waits, and how long.
    pub fn held_by(&self, start: i64, end: i64, waits: u32) -> Option<(Stint, i64)> {
        let mut totals: Vec<(Stint, i64)> = Vec::new();
        let first = self
            .stints
            .partition_point(|stint| stint.at <= start)
            .saturating_sub(1);
        for (index, stint) in self.stints.iter().enumerate().skip(first) {
            if stint.at >= end {
                break;
            }
            let until = self
                .stints
                .get(index + 1)
                .map_or(end, |next| next.at)
                .min(end);
            let ns = until - stint.at.max(start);
            if ns <= 0 || (stint.row != NONE && stint.row == waits) {
                continue;
            }
            match totals
                .iter_mut()
                .find(|(s, _)| s.row == stint.row && s.tid == stint.tid)
            {
                Some((_, total)) => *total += ns,
                None => totals.push((*stint, ns)),
            }
        }
        totals.into_iter().max_by_key(|(_, ns)| *ns)
    }
}
