//! What the probe sched counts.

use super::Machine;
use crate::counts::RUNNABLE;
use crate::parts::*;
use crate::threads::{Pending, Thread};

impl Machine<'_> {
    /// A wake-up ended a sleep.
    pub(super) fn woke(&mut self, row: usize, by: &Pending) {
        self.threads[row].runnable = 0;
        let Some(given) = by.given else { return };
        if by.source != SOURCE_PROCESS {
            return;
        }
        let others = self.cpus[usize::from(by.cpu)].pushed_off;
        self.threads[row].runnable = (others.min(RUNNABLE as u64 - 1) + 1) as u8;
        if self.is_open {
            let waker = &self.threads[given.row as usize];
            if usize::from(waker.wait) < N_WAITS {
                let ns = by.at - waker.came_in.max(self.start);
                self.counts.handed[usize::from(waker.wait)].add(ns);
            }
        }
    }

    /// A thread comes in after a wait.
    pub(super) fn waited(&mut self, row: usize, cpu: u16, wait: u8, now: i64) {
        let t = &mut self.threads[row];
        if t.waits_for > 0 {
            let k = &mut self.cpus[usize::from(t.waits_for - 1)];
            k.pushed_off = k.pushed_off.saturating_sub(1);
            t.waits_for = 0;
        }
        if !self.is_open {
            return;
        }
        if usize::from(wait) < N_WAITS {
            self.counts.waited[usize::from(wait)].add(now - t.last);
        }
        if t.runnable > 0 {
            let at = usize::from(t.runnable - 1);
            if t.waking_cpu == cpu {
                self.counts.woke[at] += 1;
            } else {
                self.counts.woke_away[at] += 1;
            }
            t.runnable = 0;
        }
        t.before_window = t.window;
        t.before_io = io_of(t);
        t.before_user = t.own[usize::from(USER)];
    }

    /// A thread leaves: what it ran in its stay.
    pub(super) fn split(&mut self, row: usize, cpu: u16, is_runnable: bool) {
        let t = &mut self.threads[row];
        let wait = usize::from(t.wait);
        if wait < N_WAITS {
            let began_here = t.before_window == t.window;
            let (io, user) = if began_here {
                (t.before_io, t.before_user)
            } else {
                (0, 0)
            };
            self.counts.ran_io[wait] += (io_of(t) - io).max(0) as u64;
            self.counts.ran_user[wait] += (t.own[usize::from(USER)] - user).max(0) as u64;
        }
        if is_runnable {
            t.waits_for = cpu + 1;
            self.cpus[usize::from(cpu)].pushed_off += 1;
        }
    }
}

fn io_of(t: &Thread) -> i64 {
    IO_CLASSES
        .iter()
        .map(|class| t.own[usize::from(SYSCALL_FIRST + class)])
        .sum()
}
