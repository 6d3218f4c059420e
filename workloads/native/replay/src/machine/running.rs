//! Who runs on a CPU, as its events prove: repairs switches that were not seen.

use super::Machine;
use crate::chain::NONE;
use crate::parts::*;
use crate::wire::Event;

impl Machine<'_> {
    /// An event by a thread (0: none of the target) proves that it runs: where another one was
    /// thought to, a switch was not seen.
    pub(super) fn runs(&mut self, cpu: u16, slot: u32, now: i64) -> usize {
        let row = self.row(slot);
        self.meet(row, true);
        let at = usize::from(cpu);
        let k = &self.cpus[at];
        if k.seen && k.slot == slot {
            return row;
        }
        let (was_seen, old_slot) = (k.seen, k.slot);
        let (window, start) = (self.window, self.start);
        self.cpus[at].spend(now, window, start);
        if was_seen {
            self.counts.repairs[2] += u64::from(self.is_open);
            let old = self.row(old_slot);
            if old != 0 && self.threads[old].cpu == cpu {
                self.renew(old);
                let t = &mut self.threads[old];
                t.spend(&mut self.chain, old as u32, UNKNOWN, now);
                t.state = State::Blocked;
            }
        }
        let k = &mut self.cpus[at];
        k.seen = true;
        k.slot = slot;
        k.tid = if slot == 0 {
            k.tid
        } else {
            self.threads[row].tid
        };
        k.comes(now, if slot == 0 { NONE } else { row as u32 }, k.tid);
        if row != 0 {
            self.found_running(row, cpu, now);
        }
        row
    }

    fn found_running(&mut self, row: usize, cpu: u16, now: i64) {
        self.renew(row);
        let start = self.start;
        let t = &mut self.threads[row];
        let was = t.state;
        t.state = State::Running;
        if was.is_running() {
            t.cpu = cpu;
            return;
        }
        t.call_off += t.off_cpu(now, start);
        let part = match was {
            State::Preempted => PREEMPTED,
            State::Yielded => YIELDED,
            State::Blocked => UNKNOWN,
            _ => WAKEUP_QUEUED,
        };
        t.wait = WAIT_UNKNOWN;
        t.spend(&mut self.chain, row as u32, part, now);
        t.came_in = now;
        t.cpu = cpu;
        self.find_out(row);
    }

    /// A task of another program runs where the CPU was thought idle.
    pub(super) fn found_other(&mut self, e: &Event) {
        let (window, start) = (self.window, self.start);
        let k = &mut self.cpus[usize::from(e.cpu)];
        if k.seen && k.slot == 0 && k.tid == 0 {
            k.spend(e.at, window, start);
            k.tid = u32::MAX;
            self.counts.repairs[2] += u64::from(self.is_open);
        }
    }
}
