//! Wake-ups: a sleep ends, and the thread takes over a path.

use super::Machine;
use crate::chain::{Piece, NONE};
use crate::parts::*;
use crate::threads::{Given, Path, Pending};
use crate::wire::Event;

impl Machine<'_> {
    pub(super) fn waking(&mut self, e: &Event) {
        let (source, outcome) = (e.bits(32, 8) as u8, e.bits(40, 8));
        let source = source.min(N_SOURCES as u8 - 1);
        let waker = self.runs(e.cpu, e.slot, e.at);
        if e.slot == 0 && matches!(source, SOURCE_KERNEL_THREAD | SOURCE_OTHER_PROCESS) {
            self.found_other(e);
        }
        self.cpus[usize::from(e.cpu)].begin(self.window, self.start);
        let row = self.row(e.other());
        if row == 0 || outcome == 0 {
            return;
        }
        self.meet(row, outcome == 1);
        let t = &mut self.threads[row];
        t.waking_cpu = e.cpu;
        t.source = source;
        t.waker = if source == SOURCE_PROCESS {
            waker as u32
        } else {
            NONE
        };
        if outcome == 1 {
            self.cpus[usize::from(e.cpu)].early += 1;
            if t.state == State::Running {
                t.state = State::RunningEarly;
            }
            return;
        }
        let mut given = None;
        if source == SOURCE_PROCESS && waker != 0 {
            self.renew(waker);
            given = Some(self.threads[waker].given(waker as u32));
        }
        let more = e.bits(48, 16) as u16;
        let pending = Pending {
            at: e.at,
            cpu: e.cpu,
            source,
            given,
            holder: e.extra,
            more,
        };
        match self.threads[row].state {
            State::Blocked | State::WakingEarly => self.end_sleep(row, &pending),
            // the clock of its CPU was read later than the waker's: its switch-out follows
            State::Running | State::RunningEarly => self.threads[row].pending = Some(pending),
            State::Dead => self.counts.impossible += 1,
            State::Waking | State::Preempted | State::Yielded => {
                // it must have run and gone to sleep: those events are missing
                self.counts.impossible += 1;
                self.renew(row);
                let t = &mut self.threads[row];
                t.spend(&mut self.chain, row as u32, UNKNOWN, e.at);
                self.end_sleep(row, &pending);
            }
        }
    }

    /// The sleep of a thread ends: it takes over its waker's path, or its sleep is the path.
    pub(super) fn end_sleep(&mut self, row: usize, by: &Pending) {
        self.renew(row);
        let holder = if by.source == SOURCE_TIMER {
            self.row_if_any(by.holder)
        } else {
            0
        };
        let t = &mut self.threads[row];
        t.state = State::Waking;
        t.waking_cpu = by.cpu;
        t.source = by.source;
        t.waker = by.given.map_or(NONE, |given| given.row);
        let mut at = by.at.max(t.last);
        if let Some(given) = by.given {
            at = at.max(given.last);
            t.slept(&mut self.chain, row as u32, None, at);
            self.take(row, &given, at);
        } else if holder != 0 {
            at = self.take_of_holder(row, holder, at.max(by.at + i64::from(by.more)));
        } else {
            let part = self.slept_part(row);
            let t = &mut self.threads[row];
            let ns = at - t.last;
            t.path.parts[usize::from(part)] += ns;
            if part != KERNEL_WORKERS {
                t.path.awaited[awaited(by, part)] += ns;
            }
            t.slept(&mut self.chain, row as u32, Some(part), at);
        }
        if by.source != SOURCE_PROCESS {
            self.cpus[usize::from(by.cpu)].sources[usize::from(by.source)] += 1;
        }
        let t = &mut self.threads[row];
        t.last = at;
        t.woken = at;
        let cpu = t.cpu;
        self.queue_begins(row, cpu, at);
        self.woke(row, by);
    }

    /// Takes over a path as of `at`: what the giver has done since its last event is its present part.
    fn take(&mut self, row: usize, given: &Given, at: i64) {
        let mut path = given.path;
        if at > given.last {
            if usize::from(given.part) < N_PATH {
                path.parts[usize::from(given.part)] += at - given.last;
            }
            if self.window > 0 {
                path.last = self.chain.push(Piece {
                    start: given.last,
                    end: at,
                    row: given.row,
                    waker: NONE,
                    before: path.last,
                    cpu: given.cpu,
                    nr: given.nr,
                    part: given.part,
                    path_part: given.part,
                    source: 0,
                    wait: WAIT_UNKNOWN,
                    flags: 0,
                });
            }
        }
        self.threads[row].path = path;
    }

    /// A wait for a lock that timed out takes over the path of the thread that has the lock.
    fn take_of_holder(&mut self, row: usize, holder: usize, at: i64) -> i64 {
        let mut given = self.threads[holder].given(holder as u32);
        if self.threads[holder].window != self.threads[row].window {
            given.path = Path::EMPTY; // it has had no event in the window
        }
        given.last = self.start + given.path.total();
        let at = at.max(given.last);
        self.threads[row].slept(&mut self.chain, row as u32, None, at);
        self.take(row, &given, at);
        at
    }

    fn slept_part(&self, row: usize) -> u8 {
        let t = &self.threads[row];
        match t.source {
            SOURCE_KERNEL_WORKER => KERNEL_WORKERS,
            SOURCE_TIMER => {
                let class = t.on_cpu.wrapping_sub(SYSCALL_FIRST);
                if matches!(class, CLASS_FUTEX | CLASS_POLL | CLASS_IO_URING) {
                    TIMED_WAIT
                } else {
                    SLEEP
                }
            }
            _ => EXTERNAL,
        }
    }
}

fn awaited(by: &Pending, part: u8) -> usize {
    let told = usize::from(by.more).wrapping_sub(1);
    if told < N_AWAITED {
        return told;
    }
    usize::from(match part {
        TIMED_WAIT => AWAITED_TIMED_WAIT,
        SLEEP => AWAITED_TIMER,
        _ => AWAITED_OTHER,
    })
}
