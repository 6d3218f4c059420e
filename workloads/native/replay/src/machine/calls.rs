//! System calls: their entries and returns, and those of which one was not seen.

use super::Machine;
use crate::parts::*;
use crate::wire::Event;

impl Machine<'_> {
    pub(super) fn enter(&mut self, e: &Event) {
        let row = self.runs(e.cpu, e.slot, e.at);
        if row == 0 {
            return;
        }
        self.renew(row);
        let nr = e.what as u32;
        let is_restart = self.request.restarts.contains(&nr);
        let t = &self.threads[row];
        // it goes on with the call that a signal or a stop interrupted
        let part = match (is_restart, t.goes_on_with) {
            (true, UNKNOWN) => SYSCALL_FIRST + CLASS_OTHER,
            (true, part) => part,
            _ => self.part_of(nr),
        };
        if t.on_cpu != USER && t.on_cpu != UNKNOWN && self.is_open {
            self.counts.repairs[4] += 1;
            self.counts.inferred += (e.at - t.last).max(0) as u64;
            let on_cpu = t.on_cpu;
            self.threads[row].spend(&mut self.chain, row as u32, on_cpu, e.at);
            self.call_ended(row, 0, e.at);
        }
        let t = &mut self.threads[row];
        t.on_cpu = USER; // also where the thread was found running: no return was seen
        t.spend(&mut self.chain, row as u32, USER, e.at);
        t.on_cpu = part;
        t.call_nr = nr.min(i16::MAX as u32) as i16;
        t.goes_on_with = part;
        t.call_start = e.at;
        t.call_off = 0;
        t.fresh = false;
        t.seeded = false;
        t.pending = None;
    }

    pub(super) fn exit(&mut self, e: &Event) {
        let row = self.runs(e.cpu, e.slot, e.at);
        if row == 0 {
            return;
        }
        self.renew(row);
        let (nr, result) = (e.extra, e.what as i64);
        let t = &self.threads[row];
        if e.slot == self.opener && e.at == self.start && self.opens_in_events {
            // the call by which the window opened
        } else if t.on_cpu == USER {
            if !t.fresh && self.is_open {
                self.unseen_entry(row, nr, result, e.at);
            }
        } else {
            let mut part = t.on_cpu;
            if part == UNKNOWN {
                part = self.part_of(nr);
            }
            let t = &mut self.threads[row];
            t.on_cpu = part;
            t.goes_on_with = part;
            if t.call_nr < 0 {
                t.call_nr = nr.min(i16::MAX as u32) as i16;
            }
            t.spend(&mut self.chain, row as u32, part, e.at);
            if self.is_open {
                self.call_ended(row, result, e.at);
            }
        }
        let t = &mut self.threads[row];
        t.on_cpu = USER;
        t.fresh = false;
        t.seeded = false;
        t.pending = None;
        if t.state == State::RunningEarly {
            t.state = State::Running;
        }
    }

    /// A return whose entry was not seen: the call was refused before it, or its event is missing.
    fn unseen_entry(&mut self, row: usize, nr: u32, result: i64, now: i64) {
        if nr as usize >= N_CALLS {
            self.counts.unmatched_exits += 1;
            return;
        }
        self.counts.repairs[3] += 1;
        let t = &self.threads[row];
        self.counts.inferred += (now - t.last).max(0) as u64;
        let part = self.part_of(nr);
        let t = &mut self.threads[row];
        t.spend(&mut self.chain, row as u32, USER, now);
        t.on_cpu = part;
        t.goes_on_with = part;
        t.call_nr = nr as i16;
        t.call_start = now;
        t.call_off = 0;
        self.call_ended(row, result, now);
    }

    fn call_ended(&mut self, row: usize, result: i64, now: i64) {
        let t = &self.threads[row];
        let ns = (now - t.call_start.max(self.start)).max(0);
        if let Ok(nr) = u32::try_from(t.call_nr) {
            self.counts.call(nr, ns, t.call_off, result);
        }
    }
}
